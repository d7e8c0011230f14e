"""What other services and the operator ask, each with a credential of its own."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from billing.api.orders import quote_read
from billing.domain import ledger as movements
from billing.domain.quota_words import refusal
from billing.errors import AmountTooSmall, CurrencyWrong
from billing.models import Order
from billing.operations import accounts, ledger, price_books, quota, quotes, test_clock
from billing.queries import quota as quota_queries
from billing.schemas.internal import BalanceRead, CreditGrant, Travelled, TravelTo
from billing.schemas.orders import QuoteCreateFor, QuoteRead
from billing.schemas.prices import PriceBookWrite
from billing.schemas.quota import ReservationAnswer, ReservationCreate
from shared.auth import require_internal
from shared.db import Transactions, Tx
from shared.http import RuntimeOf

router = APIRouter(prefix="/internal")

FROM_CATALOG = [Depends(require_internal("catalog"))]
FROM_RESTORE = [Depends(require_internal("restore"))]
FROM_OPERATOR = [Depends(require_internal("operator"))]


@router.post("/reservations", response_model=ReservationAnswer, dependencies=FROM_CATALOG)
async def reserve(wanted: ReservationCreate, tx: Tx) -> dict[str, Any]:
    """Set room aside for a write key, or say why not; asking again with the same id changes nothing."""
    now = datetime.now(UTC)
    answer = await quota.reserve(tx, quota.Wanted(**wanted.model_dump()), now)
    found, account = answer.quota, await accounts.lock(tx, wanted.owner_id, now)
    detail = ""
    if answer.reason is not None:
        has_method = await quota_queries.has_method(tx, wanted.owner_id)
        detail = refusal(found, answer.reason, wanted.declared_bytes, has_method=has_method)
    return {
        "allowed": answer.reason is None,
        "reason": answer.reason,
        "detail": detail,
        "used_bytes": found.used_bytes,
        "limit_bytes": found.limit_bytes,
        "left_bytes": found.left_bytes,
        "number": account.quota_number,
        "restriction": account.quota_reason,
    }


@router.delete("/reservations/{reservation_id}", status_code=204, dependencies=FROM_CATALOG)
async def give_back(reservation_id: UUID, tx: Tx) -> None:
    """The key was not issued, or has ended."""
    await quota.give_back(tx, reservation_id, datetime.now(UTC))


@router.post("/quotes", response_model=QuoteRead, status_code=201, dependencies=FROM_RESTORE)
async def make_quote(wanted: QuoteCreateFor, tx: Tx, runtime: RuntimeOf) -> dict[str, Any]:
    """A quote for a restore; asked again on the same terms, the same one while something may come of it or has."""
    now = datetime.now(UTC)
    asked = quotes.Wanted(**wanted.model_dump(exclude={"owner_id"}))
    quote = await quotes.make_once(tx, wanted.owner_id, asked, runtime.settings.quote_key.get_secret_value(), now)
    return quote_read(quote, await tx.get(Order, quote.id), now)


@router.post("/price-book", status_code=204, dependencies=FROM_OPERATOR)
async def load_price_book(wanted: PriceBookWrite, tx: Tx) -> None:
    """Put a price book into use; what is past in it stays as it was."""
    await price_books.load(tx, wanted.yaml, wanted.file, datetime.now(UTC))


@router.post("/owners/{owner_id}/credits", response_model=BalanceRead, dependencies=FROM_OPERATOR)
async def grant_credit(owner_id: UUID, wanted: CreditGrant, tx: Tx) -> dict[str, Any]:
    """Give promotional balance."""
    now = datetime.now(UTC)
    account = await accounts.lock(tx, owner_id, now)
    if wanted.amount.currency != account.currency:
        raise CurrencyWrong(f"The account is in {account.currency}.")
    if wanted.amount.amount_minor == 0:
        raise AmountTooSmall("Nothing is no credit. Name an amount above 0.")
    movement = movements.grant(f"grant:{wanted.grant_id}", wanted.amount.amount_minor, wanted.reason)
    if await ledger.post(tx, owner_id, account.currency, movement, now):
        account.promotional_minor += wanted.amount.amount_minor
    return {
        "promotional": {"amount_minor": account.promotional_minor, "currency": account.currency},
        "balance": {"amount_minor": account.balance_minor, "currency": account.currency},
    }


@router.post("/owners/{owner_id}/test-clock", response_model=Travelled, dependencies=FROM_OPERATOR)
async def travel(owner_id: UUID, wanted: TravelTo, transactions: Transactions, runtime: RuntimeOf) -> dict[str, Any]:
    """Let an owner's time pass, with the sandbox's money only."""
    return {
        "now": wanted.now,
        "invoices": await test_clock.travel(transactions, runtime.adapters, owner_id, wanted.now),
    }
