"""Storage keys: short-lived credentials with which a device talks to the store itself."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from catalog import queries
from catalog.api.callers import Reader, Writer
from catalog.domain.gate import Access
from catalog.operations import storage_keys as operations
from catalog.schemas import StorageKeyCreate, StorageKeyListed, StorageKeyRead
from shared.auth import Scope, ScopeMissing
from shared.db import ReadTx, Transactions, Tx
from shared.http import RuntimeOf
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/storage-keys", tags=["storage keys"])


@router.post("", response_model=StorageKeyRead, status_code=201)
async def issue_storage_key(
    wanted: StorageKeyCreate, caller: Reader, transactions: Transactions, runtime: RuntimeOf, response: Response
) -> dict[str, Any]:
    """Get a key for one backup's repository: a writing one needs the scope `backups:write`, a reading one
    `backups:unlock`, because restic's key files are among what it reads.

    For a writing key room is reserved until it was measured or the key ends; without room there is no key
    (`over_limit`, `arrears`). Asking again gives another key with room of its own: revoke what is not used any more.
    """
    needed = Scope.BACKUPS_WRITE if wanted.scope is Access.WRITE else Scope.BACKUPS_UNLOCK
    if needed not in caller.scopes:
        raise ScopeMissing(f"This token may not have such a key: it lacks {needed}.", missing_scopes=[needed])
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
            most_an_hour=runtime.settings.keys_an_hour,
        ),
        runtime.settings.measure_writing_every,
        datetime.now(UTC),
    )


@router.get("", response_model=Page[StorageKeyListed])
async def list_storage_keys(request: Request, caller: Reader, tx: ReadTx, paging: Paging) -> Response:
    """Your keys that have not ended, newest first; without their secrets."""
    rows = await queries.storage_keys.list_live_keys(
        tx, caller.owner_id, datetime.now(UTC), after=paging.after(datetime, str), limit=paging.limit
    )
    return cached_json(request, page_of([row._asdict() for row in rows], paging.limit, ("issued_at", "access_key_id")))


@router.delete("", status_code=204)
async def revoke_storage_keys(caller: Writer, tx: Tx) -> None:
    """End all your keys now, such as after a device was stolen; what runs with them stops and asks for new ones."""
    await operations.revoke_all_keys(tx, caller.owner_id, datetime.now(UTC))


@router.delete("/{access_key_id}", status_code=204)
async def revoke_storage_key(
    access_key_id: Annotated[str, Path(max_length=128, pattern="^[A-Za-z0-9]+$")], caller: Writer, tx: Tx
) -> None:
    """End a key before its time; the gate knows within five seconds. With a key of an Olares device, which renews it by
    itself, all those end that were renewed from it and that it was renewed from."""
    await operations.revoke_key(tx, caller.owner_id, access_key_id, datetime.now(UTC))
