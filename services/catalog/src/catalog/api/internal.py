"""What other services and operators may ask, each with a credential of its own."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from catalog.operations import olares_backups, restores, restrictions
from catalog.schemas import (
    Pinned,
    PinQuestion,
    RestorableHere,
    RestorableQuestion,
    RestoreKey,
    RestoreKeyQuestion,
    RestrictionWrite,
)
from shared.auth import require_internal
from shared.db import ReadTx, Transactions, Tx
from shared.http import RuntimeOf

router = APIRouter(prefix="/internal")


@router.post("/restores/snapshots", response_model=RestorableHere, dependencies=[Depends(require_internal("restore"))])
async def find_restorable(question: RestorableQuestion, tx: ReadTx, runtime: RuntimeOf) -> dict[str, Any]:
    """The snapshot a restore is about: the one named, or the latest successful one of a backup."""
    row = await restores.find_restorable(
        tx, question.owner_id, backup_id=question.backup_id, snapshot_id=question.snapshot_id
    )
    backup_url = await olares_backups.find_backup_url(tx, runtime.adapters, question.owner_id, row.snapshot_id)
    return {**row._mapping, "backup_url": backup_url}


@router.post("/restores/pins", response_model=Pinned, dependencies=[Depends(require_internal("restore"))])
async def pin_restorable(question: PinQuestion, tx: Tx) -> dict[str, Any]:
    """The same, kept in the store until the restore's last event; asked again with its id, it is the same snapshot."""
    row = await restores.pin_restorable(tx, **question.model_dump(), now=datetime.now(UTC))
    return dict(row._mapping)


@router.post("/restores/keys", response_model=RestoreKey, dependencies=[Depends(require_internal("restore"))])
async def issue_restore_key(
    question: RestoreKeyQuestion, transactions: Transactions, runtime: RuntimeOf
) -> dict[str, Any]:
    """A key that reads one repository until the restore ends."""
    return await restores.issue_restore_key(
        transactions,
        runtime.adapters,
        question.owner_id,
        question.restore_id,
        question.snapshot_id,
        runtime.settings.key_lifetime,
        datetime.now(UTC),
    )


@router.put("/owners/{owner_id}/restriction", status_code=204, dependencies=[Depends(require_internal("operator"))])
async def restrict_owner(owner_id: UUID, wanted: RestrictionWrite, tx: Tx) -> None:
    """Stop an owner's uploads, or no longer, beside what billing says; reading and deleting stay open."""
    await restrictions.heed_operator(tx, owner_id, wanted.restriction)
