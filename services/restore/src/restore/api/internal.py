"""What the operator asks, with a credential of their own."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from restore import queries
from restore.models import CloudRestore, Restore
from restore.operations import deadlines
from restore.schemas.operator import ParkedRestore, Redriven
from shared.auth import require_internal
from shared.db import ReadTx, Tx

router = APIRouter(prefix="/internal/restores", dependencies=[Depends(require_internal("operator"))])


@router.get("/stuck", response_model=list[ParkedRestore])
async def list_stuck(tx: ReadTx) -> list[dict[str, Any]]:
    """Restores that asked again and again and got no answer, the longest first."""
    return [_parked(*row) for row in await queries.parked(tx)]


@router.post("/{restore_id}/redrive", response_model=Redriven)
async def redrive_restore(restore_id: UUID, tx: Tx) -> dict[str, Any]:
    """Let a parked restore ask again for what it waits for."""
    restore = await deadlines.redrive(tx, restore_id, datetime.now(UTC))
    return {"restore_id": restore.id, "state": restore.state}


def _parked(restore: Restore, rest: CloudRestore) -> dict[str, Any]:
    return {
        "restore_id": restore.id,
        "owner_id": restore.owner_id,
        "instance_id": rest.instance_id,
        "quote_id": rest.quote_id,
        "ending": rest.ending,
        "payment": rest.payment,
        "compute": rest.compute,
        "code": restore.code,
        "reason": restore.reason,
        "parked_at": restore.updated_at,
    }
