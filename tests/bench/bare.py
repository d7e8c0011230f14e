"""The least a server can be: ASGI without a framework, asyncpg without a mapper, no sign-in, no metrics, no ETag."""

from typing import Any
from uuid import UUID

import asyncpg
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

PAGE = """
    SELECT b.id AS backup_id, b.name, b.terminus_id, t.name AS terminus_name, b.kind,
           CASE WHEN b.kind = 'path' THEN b.source END AS path, CASE WHEN b.kind = 'app' THEN b.source END AS app,
           b.state, b.created_at, b.first_snapshot_at, b.latest_snapshot_at, b.latest_snapshot_id, b.snapshot_count,
           b.storage_bytes, b.measured_at,
           ((extract(epoch FROM b.overdue_at - b.latest_snapshot_at) - 7200) / 2)::bigint AS usual_interval_seconds,
           coalesce(b.state = 'active' AND b.stopped_at IS NULL AND b.overdue_at < now(), false) AS overdue,
           EXISTS (SELECT FROM snapshots s WHERE s.backup_id = b.id AND s.status = 'damaged'
                   AND (b.latest_snapshot_at IS NULL OR s.taken_at > b.latest_snapshot_at)) AS newest_is_damaged,
           CASE WHEN b.state <> 'deleted' THEN b.delete_due_at END AS delete_due_at, b.stopped_at, b.device_backup_id,
           b.discovered, b.repository
    FROM backups b LEFT JOIN terminus t ON t.id = b.terminus_id
    WHERE b.owner_id = $1 AND b.state <> 'deleted'
    ORDER BY b.created_at DESC, b.id DESC LIMIT 21
"""

RESTORES = """
    SELECT r.id AS restore_id, r.target, r.state, r.code, r.reason, r.backup_id, r.backup_name, r.terminus_name, r.path,
           r.snapshot_id, r.restic_id, r.snapshot_taken_at, r.size_processed_bytes, r.bytes_restored, r.files_restored,
           r.total_bytes, r.warnings, r.created_at, r.updated_at, r.redeemed_at, r.ended_at, r.due_at AS expires_at,
           c.provider, c.region, c.plan, c.instance_name, c.instance_id, c.address, c.payment, c.compute, c.data,
           c.estimate_seconds
    FROM restores r LEFT JOIN cloud_restores c ON c.restore_id = r.id
    WHERE r.owner_id = $1
    ORDER BY r.created_at DESC, r.id DESC LIMIT 21
"""
CLOUD_COLUMNS = 10
"""The last ones, which an item has in an object of their own."""
ROUND = """
    SELECT c.round_key IS NOT NULL AND c.round = 1 AS is_current,
           CASE WHEN r.state = 'verifying_password' THEN c.sealed_password END AS sealed
    FROM restores r JOIN cloud_restores c ON c.restore_id = r.id WHERE r.id = $1
"""


class Page:
    """The first page of one owner's backups: the query, the JSON, nothing else."""

    def __init__(self, pool: asyncpg.Pool, owner_id: UUID) -> None:
        self._pool = pool
        self._owner_id = owner_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rows = await self._pool.fetch(PAGE, self._owner_id)
        await _answer(send, to_json({"items": [dict(row) for row in rows[:20]]}), b"application/json")


class Restores:
    """The first page of one owner's restores, all to the cloud and all over."""

    def __init__(self, pool: asyncpg.Pool, owner_id: UUID) -> None:
        self._pool = pool
        self._owner_id = owner_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rows = await self._pool.fetch(RESTORES, self._owner_id)
        await _answer(send, to_json({"items": [_restore(row) for row in rows[:20]]}), b"application/json")


class Round:
    """What became of a key that the agent of one restore has offered."""

    def __init__(self, pool: asyncpg.Pool, restore_id: UUID) -> None:
        self._pool = pool
        self._restore_id = restore_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        (row,) = await self._pool.fetch(ROUND, self._restore_id)
        await _answer(send, to_json(dict(row)), b"application/json")


def _restore(row: asyncpg.Record) -> dict[str, Any]:
    columns = list(row.items())
    cloud = dict(columns[-CLOUD_COLUMNS:])
    return {**dict(columns[:-CLOUD_COLUMNS]), "actions": [], "cloud": {**cloud, "stalled": False}}


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """200 and no body."""
    await _answer(send, b"", b"text/plain")


async def _answer(send: Send, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
