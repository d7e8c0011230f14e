"""Quota and use."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from billing.api.callers import Reader, Writer
from billing.domain.quota_words import explanation
from billing.errors import CurrencyWrong
from billing.models import Account
from billing.operations import accounts, quota, settlements, usage
from billing.schemas.invoices import SettlementRead
from billing.schemas.money import Money
from billing.schemas.quota import DayUsages, QuotaRead, SpendLimitWrite, UsageRead
from shared.db import ReadTx, Transactions, Tx
from shared.errors import RequestInvalid
from shared.paging import cached_json

router = APIRouter(prefix="/api/v1", tags=["quota and usage"])


@router.get("/quotas", response_model=QuotaRead)
async def read_quota(caller: Reader, tx: Tx) -> dict[str, Any]:
    """What is free, used and left, and what happens at the limit."""
    now = datetime.now(UTC)
    account = await accounts.find(tx, caller.owner_id) or await accounts.lock(tx, caller.owner_id, now)
    return _read(account, await quota.look(tx, account, now))


@router.put("/quotas/spend-limit", response_model=QuotaRead)
async def set_spend_limit(wanted: SpendLimitWrite, caller: Writer, tx: Tx) -> dict[str, Any]:
    """How much a month's storage above the free allowance may cost you; 0 stops uploads at the allowance."""
    now = datetime.now(UTC)
    account = await accounts.lock(tx, caller.owner_id, now)
    if wanted.spend_limit.currency != account.currency:
        raise CurrencyWrong(f"Your account is in {account.currency}; name the limit in it.")
    return _read(account, await quota.set_spend_limit(tx, caller.owner_id, wanted.spend_limit.amount_minor, now))


@router.get("/usage", response_model=UsageRead)
async def read_usage(request: Request, caller: Reader, tx: ReadTx) -> Response:
    """This period so far, by backup and by instance, and what the next invoice will be."""
    found = await usage.read(tx, caller.owner_id, datetime.now(UTC))
    return cached_json(request, UsageRead.model_validate(found).model_dump(mode="json"))


@router.get("/usage/days", response_model=DayUsages)
async def read_days(
    request: Request,
    caller: Reader,
    tx: ReadTx,
    first: Annotated[
        date | None, Query(alias="from", description="The first day (UTC); the period's when absent.")
    ] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day; today when absent.")] = None,
) -> Response:
    """Backup storage and its charge by day of UTC, at most 366 days."""
    if first and last and last < first:
        raise RequestInvalid("The last day is before the first. Give `from` and `to` in their order.")
    found = await usage.read_days(tx, caller.owner_id, first, last, datetime.now(UTC))
    return cached_json(request, DayUsages.model_validate({"items": found}).model_dump(mode="json"))


@router.get("/usage/instances/{instance_id}/settlement", response_model=SettlementRead)
async def read_settlement(
    instance_id: UUID, caller: Reader, transactions: Transactions, response: Response
) -> dict[str, Any]:
    """What returning an instance now would come to: the invoice of what was used, and what is given back.

    What it uses until it is gone is added. 404 `nothing_to_settle` for one that is not paid by the month: what is
    returned while a restore is brought to it is charged as the restore's quote says.
    """
    response.headers["Cache-Control"] = "no-store"
    return await settlements.preview(transactions, caller.owner_id, instance_id, datetime.now(UTC))


def _read(account: Account, found: quota.Assessment) -> dict[str, Any]:
    now = found.quota
    limit = found.spend_limit_minor
    return {
        "allowance_bytes": found.free_bytes,
        "counted_terminus": found.counted_terminus,
        "used_bytes": now.used_bytes,
        "reserved_bytes": now.reserved_bytes,
        "limit_bytes": now.limit_bytes,
        "left_bytes": now.left_bytes,
        "can_backup": now.can_backup,
        "reason": now.reason,
        "standing": account.standing,
        "spend_limit": None if limit is None else Money(amount_minor=limit, currency=found.currency),
        "spent": Money(amount_minor=found.spent_minor, currency=found.currency),
        "has_payment_method": found.has_method,
        "explanation": explanation(
            now, free_bytes=found.free_bytes, has_method=found.has_method, spend_limit_minor=limit,
            spent_minor=found.spent_minor, currency=found.currency,
        ),
    }  # fmt: skip
