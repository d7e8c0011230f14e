"""Payment methods: the cards an owner may be charged by."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from billing.api.callers import Reader, Writer
from billing.models import PaymentMethod
from billing.operations import methods
from billing.ports import Card
from billing.queries import payment_methods as queries
from billing.schemas.payments import CardWrite, PaymentFormRead, PaymentMethodCreate, PaymentMethodRead
from billing.settings import Settings
from shared.db import ReadTx, Transactions, Tx
from shared.http import RuntimeOf
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/payment-methods", tags=["payment methods"])


@router.get("", response_model=Page[PaymentMethodRead])
async def list_payment_methods(request: Request, caller: Reader, tx: ReadTx, paging: Paging) -> Response:
    """Your payment methods, newest first."""
    rows = await queries.list_methods(tx, caller.owner_id, after=paging.after(datetime, UUID), limit=paging.limit)
    found = [row._asdict() for row in rows]
    return cached_json(request, page_of(found, paging.limit, ("created_at", "payment_method_id")))


@router.get("/form", response_model=PaymentFormRead)
async def read_payment_form(_: Reader, runtime: RuntimeOf) -> dict[str, Any]:
    """How a card is given: typed here, or in a form of the payment provider's own."""
    settings: Settings = runtime.settings
    key = settings.stripe_publishable_key if settings.provider == "stripe" else None
    return {"provider": settings.provider, "publishable_key": key}


@router.post("", response_model=PaymentMethodRead, status_code=201)
async def add_payment_method(
    wanted: PaymentMethodCreate, caller: Writer, transactions: Transactions, runtime: RuntimeOf, once: OnceOnly
) -> Response:
    """Add a card. Your first one becomes the default, by which you agree that invoices are charged to it.

    The card's number goes to the payment provider and is not kept here.
    """
    now = datetime.now(UTC)
    provider = runtime.adapters.provider
    async with transactions.transaction() as tx:
        before = await once.answered(tx)
        if before is not None:
            return before
        customer = await methods.prepare(tx, caller.owner_id, now)
    saved = await methods.save(provider, caller.owner_id, customer, _card(wanted.card), wanted.token)
    async with transactions.transaction() as tx:

        async def answer() -> tuple[int, dict[str, Any]]:
            return 201, _read(await methods.keep(tx, caller.owner_id, provider.name, saved, now))

        return await once(tx, answer, PaymentMethodRead)


@router.put("/{payment_method_id}/default", response_model=PaymentMethodRead)
async def make_default(payment_method_id: UUID, caller: Writer, tx: Tx) -> dict[str, Any]:
    """Charge this one from now on when no other is named."""
    return _read(await methods.make_default(tx, caller.owner_id, payment_method_id, datetime.now(UTC)))


@router.delete("/{payment_method_id}", status_code=204)
async def remove_payment_method(payment_method_id: UUID, caller: Writer, tx: Tx) -> None:
    """Charge it never again, and have the provider forget it. If it was the default, your newest other one is."""
    await methods.remove(tx, caller.owner_id, payment_method_id, datetime.now(UTC))


def _card(card: CardWrite | None) -> Card | None:
    if card is None:
        return None
    return Card(card.number.get_secret_value(), card.exp_month, card.exp_year, card.cvc.get_secret_value())


def _read(method: PaymentMethod) -> dict[str, Any]:
    return {
        "payment_method_id": method.id,
        "provider": method.provider,
        "brand": method.brand,
        "last4": method.last4,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "is_default": method.is_default,
        "created_at": method.created_at,
    }
