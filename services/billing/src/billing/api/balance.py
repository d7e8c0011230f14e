"""The balance: what an owner has with us, and paying into it."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from billing.api.callers import Reader, Writer
from billing.domain.dunning import Standing
from billing.operations import accounts, payments, price_books, top_ups
from billing.queries import balance as queries
from billing.queries import payments as payment_queries
from billing.schemas.payments import BalanceChange, BalanceRead, PaymentAsked, PaymentRead, TopUpCreate
from shared.db import ReadTx, Transactions
from shared.http import RuntimeOf
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/balance", tags=["balance"])


@router.get("", response_model=BalanceRead)
async def get_balance(caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """What you have with us, how you stand with your bills, and when you are charged next."""
    account = await accounts.find(tx, caller.owner_id)
    if account is None:
        nothing = {"amount_minor": 0, "currency": await price_books.currency(tx)}
        return {"balance": nothing, "promotional": nothing, "standing": Standing.CURRENT, "next_charge_at": None}
    return {
        "balance": {"amount_minor": account.balance_minor, "currency": account.currency},
        "promotional": {"amount_minor": account.promotional_minor, "currency": account.currency},
        "standing": account.standing,
        "next_charge_at": await queries.next_charge_at(tx, account),
    }


@router.get("/history", response_model=Page[BalanceChange])
async def list_balance_changes(request: Request, caller: Reader, tx: ReadTx, paging: Paging) -> Response:
    """Everything that changed your balance, newest first."""
    after = paging.after(int)
    rows = await queries.list_changes(tx, caller.owner_id, before=after[0] if after else None, limit=paging.limit)
    return cached_json(request, page_of(rows, paging.limit, ("change_id",)))


@router.post("/top-ups", response_model=PaymentRead, status_code=202)
async def top_up(
    wanted: TopUpCreate, caller: Writer, transactions: Transactions, runtime: RuntimeOf, once: OnceOnly
) -> dict[str, Any]:
    """Pay into your balance by card. The answer says how the payment stands by now; ask again while it is not decided.

    Repeated with its Idempotency-Key it charges nothing again, and tells how that same payment stands.
    """
    now = datetime.now(UTC)
    async with transactions.transaction() as tx:

        async def answer() -> tuple[int, dict[str, Any]]:
            given = wanted.amount
            payment = await top_ups.ask(
                tx, caller.owner_id, given.amount_minor, given.currency, wanted.payment_method_id, now
            )
            return 202, {"payment_id": payment.id}

        asked = PaymentAsked.model_validate_json(bytes((await once(tx, answer, PaymentAsked)).body))
    await payments.work(transactions, runtime.adapters, now, asked.payment_id)
    async with transactions.reading() as tx:
        shown = await payment_queries.read_payment(tx, caller.owner_id, asked.payment_id)
    assert shown is not None
    return shown
