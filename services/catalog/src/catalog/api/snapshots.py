"""Snapshots by their own id."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from catalog import queries
from catalog.api.callers import Reader
from catalog.errors import SnapshotNotFound
from catalog.operations.olares_backups import read_backup_url
from catalog.schemas import BackupUrlRead, SnapshotRead
from shared.db import ReadTx
from shared.http import RuntimeOf

router = APIRouter(prefix="/api/v1/snapshots", tags=["snapshots"])


@router.get("/{snapshot_id}", response_model=SnapshotRead)
async def get_snapshot(snapshot_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One snapshot, whatever its status."""
    row = await queries.snapshots.read_snapshot(tx, caller.owner_id, snapshot_id)
    if row is None:
        raise SnapshotNotFound("You have no snapshot of that id.")
    return dict(row._mapping)


@router.get("/{snapshot_id}/backup-url", response_model=BackupUrlRead)
async def get_backup_url(snapshot_id: UUID, caller: Reader, tx: ReadTx, runtime: RuntimeOf) -> dict[str, str]:
    """What to paste as Backup Url on an Olares device, under Settings > Restore, to restore this snapshot there.

    409 `backup_url_impossible` says why for a snapshot that no device could restore by one.
    """
    return {"backup_url": await read_backup_url(tx, runtime.adapters, caller.owner_id, snapshot_id)}
