"""Snapshots by their own id."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from catalog import queries
from catalog.api.callers import Reader
from catalog.errors import SnapshotNotFound
from catalog.schemas import SnapshotRead
from shared.db import ReadTx

router = APIRouter(prefix="/api/v1/snapshots", tags=["snapshots"])


@router.get("/{snapshot_id}", response_model=SnapshotRead)
async def get_snapshot(snapshot_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One snapshot, whatever its status."""
    row = await queries.snapshots.read_snapshot(tx, caller.owner_id, snapshot_id)
    if row is None:
        raise SnapshotNotFound("You have no snapshot of that id.")
    return dict(row._mapping)
