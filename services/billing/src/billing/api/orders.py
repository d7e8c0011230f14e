"""Quotes and orders."""

import hmac
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from billing import signing
from billing.api.callers import Reader, Writer
from billing.errors import OrderNotFound, QuoteTokenWrong
from billing.models import Order, Quote
from billing.operations import orders, payments, quotes
from billing.queries import orders as queries
from billing.schemas.orders import OrderRead, QuoteConfirm, QuoteCreate, QuoteRead
from shared.db import ReadTx, Transactions, Tx
from shared.http import RuntimeOf
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1", tags=["quotes and orders"])


@router.post("/quotes", response_model=QuoteRead, status_code=201)
async def make_quote(wanted: QuoteCreate, caller: Writer, tx: Tx, runtime: RuntimeOf, once: OnceOnly) -> Response:
    """Every charge of an instance and of a restore onto it, signed and good for a day. Nothing is charged."""

    async def answer() -> tuple[int, dict[str, Any]]:
        now = datetime.now(UTC)
        asked = quotes.Wanted(**wanted.model_dump())
        quote = await quotes.make(tx, caller.owner_id, asked, runtime.settings.quote_key.get_secret_value(), now)
        return 201, quote_read(quote, None, now)

    return await once(tx, answer, QuoteRead)


@router.get("/quotes/keys.json")
async def read_quote_keys(runtime: RuntimeOf) -> dict[str, Any]:
    """The public keys (JWK set) to verify quotes with; for everybody."""
    return signing.public_keys(runtime.settings.quote_key.get_secret_value())


@router.get("/quotes/{quote_id}", response_model=QuoteRead)
async def read_quote(quote_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    quote = await quotes.find(tx, caller.owner_id, quote_id)
    return quote_read(quote, await tx.get(Order, quote_id), datetime.now(UTC))


@router.post("/quotes/{quote_id}/confirm", response_model=OrderRead, status_code=202)
async def confirm_quote(
    quote_id: UUID, wanted: QuoteConfirm, caller: Writer, transactions: Transactions, runtime: RuntimeOf, once: OnceOnly
) -> Response:
    """Order what was quoted: balance is set aside and the card is asked to hold the rest; nothing is taken yet.

    Confirming again changes nothing. After a card was refused the same quote may be confirmed with another. What a
    restore was quoted is confirmed there.
    """
    now = datetime.now(UTC)
    async with transactions.transaction() as session:
        if (before := await once.answered(session)) is not None:
            return before
        quote = await quotes.find(session, caller.owner_id, quote_id)
        if not hmac.compare_digest(quote.token.encode(), wanted.token.encode()):
            raise QuoteTokenWrong("This is not what was quoted. Read the quote again and confirm its token.")
        quotes.require_own(quote, "Confirm the restore instead.")
        order = await orders.place(session, caller.owner_id, quote_id, wanted.payment_method_id, now)
    if order.payment_id is not None:
        await payments.work(transactions, runtime.adapters, now, order.payment_id)
    async with transactions.transaction() as session:
        found = await queries.read_order(session, caller.owner_id, quote_id)

        async def answer() -> tuple[int, dict[str, Any]]:
            return 202, order_read(found)

        return await once(session, answer, OrderRead)


@router.get("/orders", response_model=Page[OrderRead])
async def list_orders(request: Request, caller: Reader, tx: ReadTx, paging: Paging) -> Response:
    """Your orders, newest first."""
    rows = await queries.list_orders(tx, caller.owner_id, after=paging.after(datetime, UUID), limit=paging.limit)
    return cached_json(request, page_of([order_read(row) for row in rows], paging.limit, ("created_at", "order_id")))


@router.get("/orders/{order_id}", response_model=OrderRead)
async def read_order(order_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    return await _find(tx, caller.owner_id, order_id)


@router.post("/orders/{order_id}/cancel", response_model=OrderRead)
async def cancel_order(
    order_id: UUID, caller: Writer, transactions: Transactions, runtime: RuntimeOf
) -> dict[str, Any]:
    """Let go of what an order holds; 409 once it was fulfilled, or when a restore has ordered it."""
    now = datetime.now(UTC)
    async with transactions.transaction() as session:
        order = await orders.cancel(session, caller.owner_id, order_id, now)
    if order.payment_id is not None:
        await payments.work(transactions, runtime.adapters, now, order.payment_id)
    async with transactions.reading() as session:
        return await _find(session, caller.owner_id, order_id)


async def _find(session: Any, owner_id: UUID, order_id: UUID) -> dict[str, Any]:
    row = await queries.read_order(session, owner_id, order_id)
    if row is None:
        raise OrderNotFound("You have no order of that id.")
    return order_read(row)


def order_read(row: Any) -> dict[str, Any]:
    """An order as it is shown."""
    values = row._asdict()
    total = {"amount_minor": values.pop("total_minor"), "currency": values.pop("currency")}
    return {**values, "total": total}


def quote_read(quote: Quote, order: Order | None, now: datetime) -> dict[str, Any]:
    """A quote as it is shown."""
    terms, currency = quote.terms, quote.currency
    state = "confirmed" if order is not None else "expired" if now >= quote.expires_at else "open"

    def money(amount_minor: int) -> dict[str, Any]:
        return {"amount_minor": amount_minor, "currency": currency}

    def line(each: dict[str, Any]) -> dict[str, Any]:
        return {**each, "amount": money(each["amount_minor"])}

    tax = {
        "kind": "tax", "description": f"Tax ({terms['tax_country']})", "quantity": str(terms["tax_rate"]),
        "unit": "of the sum", "unit_price": "", "amount": money(terms["tax_minor"]),
    }  # fmt: skip
    return {
        "quote_id": quote.id,
        "state": state,
        "lines": [*map(line, terms["lines"]), *([tax] if terms["tax_rate"] else [])],
        "total": money(quote.total_minor),
        "applied": {
            "promotional": money(terms["applied"]["promotional_minor"]),
            "balance": money(terms["applied"]["balance_minor"]),
            "card": money(terms["applied"]["card_minor"]),
        },
        "next_month": {
            "lines": [line(each) for each in terms["next_month"]["lines"]],
            "total": money(terms["next_month"]["total_minor"]),
        },
        "if_given_up": terms["if_given_up"],
        "expires_at": quote.expires_at,
        "token": quote.token,
    }
