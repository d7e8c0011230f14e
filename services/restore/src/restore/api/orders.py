"""Restores to the cloud: ordered, confirmed, and their passwords sent."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from restore.api import shown
from restore.api.callers import Payer, RestoreRuntimeOf, Writer
from restore.domain.order import State
from restore.operations import ordering, passwords
from restore.operations.ordering import Wanted
from restore.provisioning_client import Place
from restore.schemas.orders import ConfirmRequest, PasswordRequest, RestoreRequest
from restore.schemas.restores import RestoreDetail
from shared.db import Transactions, Tx
from shared.idempotency import OnceOnly

router = APIRouter(prefix="/api/v1/restores", tags=["restores"])


@router.post(
    "",
    status_code=201,
    response_model=RestoreDetail,
    responses={202: {"model": RestoreDetail, "description": "Its quote is still being made: read it again."}},
)
async def order_restore(
    body: RestoreRequest, caller: Writer, once: OnceOnly, database: Transactions, runtime: RestoreRuntimeOf
) -> Response:
    """Ask what it costs to restore a snapshot to a new instance in the cloud.

    For the owner of the backup, with the scope `restores:write`. Nothing is paid before the quote is confirmed, and the
    backup is kept from being removed until the restore is over. 409 `name_in_use` names the instance to return first.
    """
    async with database.reading() as session:
        before = await once.answered(session)
    if before is not None:
        return before
    place = Place(body.instance_name, body.provider, body.region, body.plan)
    restore_id = once.same_id()
    wanted = Wanted(caller.owner_id, restore_id, body.backup_id, body.snapshot_id, place)
    await ordering.order_restore(database, runtime.adapters, runtime.settings, wanted, datetime.now(UTC))

    async def answer() -> tuple[int, dict[str, Any]]:
        detail = await shown.detail_of(session, caller.owner_id, restore_id)
        return 202 if detail["state"] == State.QUOTING else 201, detail

    async with database.transaction() as session:
        return await once(session, answer, RestoreDetail)


@router.post("/{restore_id}/confirm", response_model=RestoreDetail)
async def confirm_restore(
    restore_id: UUID, body: ConfirmRequest, caller: Payer, database: Transactions, runtime: RestoreRuntimeOf
) -> dict[str, Any]:
    """Order what was quoted, and pay for it; confirming again changes nothing.

    For its owner, with the scopes `restores:write` and `account:write`, so for nobody with an API token. The name is
    kept and the money held; it is taken when the instance is usable. A card that is declined leads back to `quoted`,
    with the reason. 410 `quote_expired`: order again.
    """
    now = datetime.now(UTC)
    await ordering.confirm(database, runtime.adapters, caller.owner_id, restore_id, body.payment_method_id, now)
    async with database.reading() as session:
        return await shown.detail_of(session, caller.owner_id, restore_id)


@router.post("/{restore_id}/password", response_model=RestoreDetail)
async def send_password(restore_id: UUID, body: PasswordRequest, caller: Writer, tx: Tx) -> dict[str, Any]:
    """Send the backup password, sealed for the machine's key of this round; it is kept until the machine's verdict.

    For its owner, with the scope `restores:write`. 409 `password_not_expected`, `agent_not_ready` and `round_over`:
    read the restore, and seal it for the key that it shows. 429 `too_soon` says how long to wait after a wrong one.
    """
    now = datetime.now(UTC)
    await passwords.send_password(tx, caller.owner_id, restore_id, body.round, body.sealed_bytes, now)
    await tx.flush()
    return await shown.detail_of(tx, caller.owner_id, restore_id)
