"""Storage keys: short-lived credentials with which a device talks to the store itself."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from catalog.api.callers import Reader, Writer
from catalog.domain.gate import Access
from catalog.operations import storage_keys as operations
from catalog.schemas import StorageKeyCreate, StorageKeyRead
from shared.auth import Scope, ScopeMissing
from shared.db import Transactions, Tx
from shared.http import RuntimeOf

router = APIRouter(prefix="/api/v1/storage-keys", tags=["storage keys"])


@router.post("", response_model=StorageKeyRead, status_code=201)
async def issue_storage_key(
    wanted: StorageKeyCreate, caller: Reader, transactions: Transactions, runtime: RuntimeOf, response: Response
) -> dict[str, Any]:
    """Get a key for one backup's repository; a writing one also needs the scope `backups:write`.

    Asking again gives another key, which harms nothing: keys end by themselves.
    """
    if wanted.scope is Access.WRITE and Scope.BACKUPS_WRITE not in caller.scopes:
        raise ScopeMissing("This token may only read. Use one with the scope backups:write.")
    response.headers["Cache-Control"] = "no-store"
    return await operations.issue_key(
        transactions,
        runtime.adapters,
        operations.Wanted(
            owner_id=caller.owner_id,
            backup_id=wanted.backup_id,
            access=wanted.scope,
            lifetime=runtime.settings.key_lifetime,
            declared_bytes=wanted.declared_bytes,
        ),
        runtime.settings.measure_writing_every,
        datetime.now(UTC),
    )


@router.delete("/{access_key_id}", status_code=204)
async def revoke_storage_key(
    access_key_id: Annotated[str, Path(max_length=128, pattern="^[A-Za-z0-9]+$")], caller: Writer, tx: Tx
) -> None:
    """End a key before its time; the gate knows within five seconds."""
    await operations.revoke_key(tx, caller.owner_id, access_key_id, datetime.now(UTC))
