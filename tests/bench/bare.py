"""The least a server can be: ASGI without a framework, asyncpg without a mapper, no sign-in, no metrics, no ETag."""

from uuid import UUID

import asyncpg
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

PAGE = """
    SELECT b.id AS backup_id, b.name, b.terminus_id, t.name AS terminus_name, b.kind,
           CASE WHEN b.kind = 'path' THEN b.source END AS path, CASE WHEN b.kind = 'app' THEN b.source END AS app,
           b.state, b.created_at, b.first_snapshot_at, b.latest_snapshot_at, b.latest_snapshot_id, b.snapshot_count,
           b.storage_bytes, b.measured_at, coalesce(b.state = 'active' AND b.overdue_at < now(), false) AS overdue,
           b.delete_due_at, b.discovered, b.repository
    FROM backups b LEFT JOIN terminus t ON t.id = b.terminus_id
    WHERE b.owner_id = $1 AND b.state <> 'deleted'
    ORDER BY b.created_at DESC, b.id DESC LIMIT 21
"""


class Page:
    """The first page of one owner's backups: the query, the JSON, nothing else."""

    def __init__(self, pool: asyncpg.Pool, owner_id: UUID) -> None:
        self._pool = pool
        self._owner_id = owner_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rows = await self._pool.fetch(PAGE, self._owner_id)
        await _answer(send, to_json({"items": [dict(row) for row in rows[:20]]}), b"application/json")


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """200 and no body."""
    await _answer(send, b"", b"text/plain")


async def _answer(send: Send, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
