"""Orders: a quote confirmed, its money set aside, and then taken or let go."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain import ledger as movements
from billing.domain.invoices import LEAST_CHARGE_MINOR, Allocation, InvoiceKind, allocate, tax_on
from billing.domain.orders import HOLD_LIFE, OrderState, OrderTrigger, next_state
from billing.domain.payments import TERMINAL as OVER
from billing.domain.payments import PaymentState
from billing.domain.transitions import IllegalTransition
from billing.errors import (
    OrderFinal,
    OrderNotFound,
    QuoteConfirmed,
    QuoteExpired,
)
from billing.models import (
    Account,
    Invoice,
    Order,
    OrderMove,
    Payment,
    Quote,
)
from billing.operations import (
    accounts,
    instances,
    invoices,
    ledger,
    lines,
    methods,
    payments,
    quotes,
    settling,
    top_ups,
)
from billing.queries import orders as queries
from shared.db import Database
from shared.errors import ServiceUnavailable
from shared.events.billing import OrderFulfilled, PaymentAuthorised, PaymentCaptured, PaymentFailed, PaymentVoided
from shared.events.restore import CaptureWanted, PaymentWanted
from shared.outbox import publish

BATCH = 20


async def place(session: AsyncSession, owner_id: UUID, quote_id: UUID, method_id: UUID | None, now: datetime) -> Order:
    """Confirm a quote: balance is set aside and the card is to be asked for the rest. Confirming again changes nothing.

    Args:
        method_id: Which card; None for the default one, or for none when the balance is enough.

    Raises:
        QuoteNotFound: If the owner has no such quote.
        QuoteExpired: If its time is over; prices may have changed since.
        QuoteConfirmed: If it was confirmed with another card, which is being asked or has paid.
        PaymentMethodNotFound: If the owner has no such card.
        PaymentMethodNeeded: If the balance is not enough and there is no card.
        OrderFinal: If it was called off before it came.
    """
    account = await accounts.lock(session, owner_id, now)
    quote = await quotes.find(session, owner_id, quote_id)
    if quote.called_off_at is not None:
        raise OrderFinal("This order was called off before it was placed; nothing was charged. Ask for a new quote.")
    order = await queries.find_for_update(session, quote_id)
    if order is not None and order.state != OrderState.FAILED:
        await _require_same_method(session, order, method_id)
        return order
    if not await quotes.holds(session, quote, now):
        raise QuoteExpired("This quote has expired: prices may be others now. Ask for a new one; nothing was charged.")
    wanted = allocate(quote.total_minor, account.promotional_minor, await settling.usable_balance(session, account))
    method = await methods.choose(session, owner_id, method_id) if wanted.card_minor else None
    order = _written(session, order, quote, wanted, now)
    await session.flush()
    await _set_aside(session, account, order, now)
    if method is None:
        _move(session, order, OrderTrigger.HOLD, now)
        publish(session, PaymentAuthorised(**_about(order, quote.total_minor, quote.currency, now)))
        return order
    payment = await payments.ask(
        session, account, purpose="order", method=method, amount_minor=wanted.card_minor,
        description=f"Order of {quote.terms['instance_name']}", order_id=order.id, now=now,
    )  # fmt: skip
    order.payment_id = payment.id
    return order


async def refuse(session: AsyncSession, event: PaymentWanted, code: str, reason: str, now: datetime) -> None:
    """An order that was asked for by event could not be placed: whoever asked is told."""
    account = await accounts.lock(session, event.owner_id, now)
    publish(
        session,
        PaymentFailed(
            owner_id=event.owner_id, payment_id=None, quote_id=event.quote_id, restore_id=event.restore_id,
            amount_minor=0, currency=account.currency, occurred_at=now, code=code, reason=reason,
        ),
    )  # fmt: skip


async def cancel(session: AsyncSession, owner_id: UUID, order_id: UUID, now: datetime) -> Order:
    """Let go of what an order holds; one that is released stays so.

    Raises:
        OrderNotFound: If the owner has no such order.
        OrderFinal: If it was fulfilled.
        OrderOfRestore: If a restore has ordered it, which would go on without its money.
    """
    account = await accounts.lock(session, owner_id, now)
    order = await queries.find_for_update(session, order_id)
    if order is None or order.owner_id != owner_id:
        raise OrderNotFound("You have no order of that id.")
    if order.state == OrderState.FULFILLED:
        raise OrderFinal("This order was fulfilled and cannot be cancelled. Return the instance instead.")
    if order.state != OrderState.RELEASED:
        quotes.require_own(order, "Cancel the restore instead: it lets go of the money.")
        await _release(session, account, order, "cancelled", "The order was cancelled.", now)
    return order


async def release_due(database: Database, now: datetime, owner_id: UUID | None = None) -> int:
    """Let go of what nobody took in a day, each in a transaction of its own; of one owner when named."""
    async with database.reading() as session:
        due = await queries.due(session, now, BATCH, owner_id)
    for owner, order_id in due:
        async with database.transaction() as session:
            account = await accounts.lock(session, owner, now)
            order = await queries.find_for_update(session, order_id)
            if order is not None and order.due_at is not None and order.due_at <= now:
                await _release(
                    session, account, order, "order_expired", "The order was not fulfilled within a day.", now
                )
    return len(due)


async def fulfil(session: AsyncSession, event: CaptureWanted, now: datetime) -> None:
    """What was ordered is there (or was, until its owner gave up): it is invoiced, and what is held pays for it.

    Raises:
        OrderNotFound: If there is no such order (yet).
        ServiceUnavailable: If it is not known yet whether the card holds the money.
    """
    account = await accounts.lock(session, event.owner_id, now)
    order = await queries.find_for_update(session, event.quote_id)
    if order is None or order.owner_id != event.owner_id:
        raise OrderNotFound("There is no order for this quote.")
    if order.state == OrderState.FULFILLED:
        return
    if order.state == OrderState.PLACED:
        raise ServiceUnavailable("It is not known yet whether the card holds the money for this order.")
    held = order.state == OrderState.HELD
    quote = await session.get_one(Quote, order.id)
    order.instance_id, order.started_at = event.instance_id, event.started_at.replace(microsecond=0)
    order.ended_at = event.ended_at
    due, end = lines.for_order(quote.terms, event.instance_id, order.started_at, event.ended_at)
    _move(session, order, OrderTrigger.FULFIL, now)
    invoice = await invoices.draft(session, account, InvoiceKind.ORDER, due, order.started_at, end, now, now)
    await session.flush()
    order.invoice_id = None if invoice is None else invoice.id
    publish(
        session,
        OrderFulfilled(
            owner_id=order.owner_id, quote_id=order.id, restore_id=event.restore_id, invoice_id=order.invoice_id,
            is_held=held, fulfilled_at=now,
        ),
    )  # fmt: skip
    if event.ended_at is None:
        await instances.begin(session, account, order, quote.terms, invoice)
    rate = None if quote.terms["tax_rate"] is None else Decimal(quote.terms["tax_rate"])
    country = quote.terms["tax_country"]
    if held:
        await _take(session, account, order, invoice, rate, country, now)
    elif invoice is not None:
        await invoices.finalise(session, account, invoice, now, tax_rate=rate, tax_country=country)
    await _settle(session, account, order, now)


async def void(session: AsyncSession, owner_id: UUID, quote_id: UUID, now: datetime) -> None:
    """Nothing usable came of an order: let go of what it holds.

    One that was refused, or whose word is still on its way, is called off: it will not be placed any more.

    Raises:
        QuoteNotFound: If the owner has no such quote.
    """
    account = await accounts.lock(session, owner_id, now)
    quote = await quotes.find(session, owner_id, quote_id)
    order = await queries.find_for_update(session, quote_id)
    if order is None:
        if quote.called_off_at is None:
            quote.called_off_at = now
            publish(session, PaymentVoided(**_about(quote, 0, quote.currency, now)))
    elif order.state not in (OrderState.RELEASED, OrderState.FULFILLED):
        await _release(session, account, order, "void", "Nothing usable came of it; what was held is released.", now)


async def on_held(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """The card holds the money."""
    order = await _order_of(session, payment)
    if order.state == OrderState.PLACED:
        _move(session, order, OrderTrigger.HOLD, now)
    elif order.state == OrderState.RELEASED:
        await payments.release(session, payment, now)


async def on_failed(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """The card does not hold the money, or no longer does; what was delivered is invoiced instead."""
    order = await _order_of(session, payment)
    if order.payment_id != payment.id:
        return
    if order.state in (OrderState.PLACED, OrderState.HELD):
        reason = "The card was not charged. Use another card, or add to your balance."
        await _fail(session, account, order, payment.code, reason, now)
    elif order.state == OrderState.FULFILLED and order.invoice_id is not None:
        invoice = await session.get_one(Invoice, order.invoice_id)
        if invoice.open_minor:
            invoice.charge_due_at = now
        await _settle(session, account, order, now)


async def on_taken(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """The card paid; what was taken by hand at the provider, for no invoice, is the owner's balance."""
    if payment.invoice_id is not None:
        await invoices.on_paid(session, account, payment, now)
        await _settle(session, account, await _order_of(session, payment), now)
        return
    await top_ups.on_paid(session, account, payment, now)
    order = await _order_of(session, payment)
    if order.payment_id == payment.id and order.state in (OrderState.PLACED, OrderState.HELD):
        reason = "The card was charged before its time: that is in your balance now. Confirm again to pay from it."
        await _fail(session, account, order, "taken_early", reason, now)


async def on_let_go(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """The card is free again; the order said so before it was asked."""


async def _settle(session: AsyncSession, account: Account, order: Order, now: datetime) -> None:
    """It is certain how an order was paid: if its instance is gone by now, that is settled."""
    if order.instance_id is not None:
        await session.flush()
        await instances.settle_returned(session, account, order.instance_id, now)


async def _fail(
    session: AsyncSession, account: Account, order: Order, code: str | None, reason: str, now: datetime
) -> None:
    await _give_back(session, account, order, now)
    order.code, order.reason = code, reason
    _move(session, order, OrderTrigger.FAIL, now)


async def _require_same_method(session: AsyncSession, order: Order, method_id: UUID | None) -> None:
    payment = await session.get(Payment, order.payment_id) if order.payment_id else None
    if method_id is not None and payment is not None and payment.method_id != method_id:
        raise QuoteConfirmed(
            "This quote was confirmed with another card. See GET /api/v1/orders.", order_id=str(order.id)
        )


def _written(session: AsyncSession, order: Order | None, quote: Quote, wanted: Allocation, now: datetime) -> Order:
    """A new order, or one that failed and is tried again."""
    if order is None:
        order = Order(id=quote.id, owner_id=quote.owner_id, restore_id=quote.restore_id, created_at=now)
        order.state = OrderState.PLACED
        session.add(order)
    else:
        _move(session, order, OrderTrigger.RETRY, now)
    order.promotional_minor, order.balance_minor = wanted.promotional_minor, wanted.balance_minor
    order.debt_minor, order.card_minor = wanted.debt_minor, wanted.card_minor
    order.payment_id = order.code = order.reason = None
    order.tries = (order.tries or 0) + 1
    order.due_at = now + HOLD_LIFE
    return order


async def _set_aside(session: AsyncSession, account: Account, order: Order, now: datetime) -> None:
    movement = movements.set_aside(_source(order), order.promotional_minor, order.balance_minor)
    if await ledger.post(session, account.owner_id, account.currency, movement, now):
        account.promotional_minor -= order.promotional_minor
        account.balance_minor -= order.balance_minor


async def _give_back(
    session: AsyncSession, account: Account, order: Order, now: datetime, *, promotional: int = 0, balance: int = 0
) -> None:
    """Free what was set aside, but for so much of it."""
    back = order.promotional_minor - promotional, order.balance_minor - balance
    movement = movements.give_back(_source(order), *back)
    if await ledger.post(session, account.owner_id, account.currency, movement, now):
        account.promotional_minor += back[0]
        account.balance_minor += back[1]
    order.promotional_minor, order.balance_minor = promotional, balance


def _source(order: Order) -> str:
    # An order that is tried again sets aside anew.
    return f"order:{order.id}:{order.tries}"


async def _release(
    session: AsyncSession, account: Account, order: Order, code: str, reason: str, now: datetime
) -> None:
    await _give_back(session, account, order, now)
    order.code, order.reason = code, reason
    _move(session, order, OrderTrigger.RELEASE, now)
    payment = await session.get(Payment, order.payment_id, with_for_update=True) if order.payment_id else None
    if payment is not None and PaymentState(payment.state) not in OVER:
        await payments.release(session, payment, now)
    else:
        publish(session, PaymentVoided(**_about(order, 0, account.currency, now)))


async def _take(
    session: AsyncSession,
    account: Account,
    order: Order,
    invoice: Invoice | None,
    rate: Decimal | None,
    country: str | None,
    now: datetime,
) -> None:
    """Pay the order's invoice with what is held, and free what is not needed."""
    total = 0 if invoice is None else invoice.net_minor + tax_on(invoice.net_minor, rate)
    promotional = min(total, order.promotional_minor)
    balance = min(total - promotional, order.balance_minor)
    card = total - promotional - balance
    # What was owed from before may have been paid meanwhile.
    order.debt_minor = min(order.debt_minor, max(-account.balance_minor, 0))
    charged = card + order.debt_minor if card else 0
    payment = await session.get(Payment, order.payment_id, with_for_update=True) if order.payment_id else None
    if payment is None:
        charged = 0
        publish(session, PaymentCaptured(**_about(order, total - card, account.currency, now)))
    elif charged >= LEAST_CHARGE_MINOR:
        payment.invoice_id = order.invoice_id
        await session.flush()
        await payments.take(session, payment, charged, now)
    else:
        charged = 0
        await payments.release(session, payment, now)
    await _give_back(session, account, order, now, promotional=promotional, balance=balance)
    if invoice is not None:
        held = Allocation(promotional, balance, charged, order.debt_minor if charged else 0)
        await invoices.finalise(session, account, invoice, now, tax_rate=rate, tax_country=country, held=held)


async def _order_of(session: AsyncSession, payment: Payment) -> Order:
    assert payment.order_id is not None
    order = await queries.find_for_update(session, payment.order_id)
    assert order is not None
    return order


def _move(session: AsyncSession, order: Order, trigger: OrderTrigger, now: datetime) -> None:
    """Change the state of an order whose row is locked, by the table."""
    source = OrderState(order.state)
    try:
        target = next_state(source, trigger)
    except IllegalTransition as error:
        raise OrderFinal(f"This order is {source}; that cannot be done with it any more.") from error
    order.state = target
    if target in (OrderState.FULFILLED, OrderState.RELEASED, OrderState.FAILED):
        order.due_at = None
    session.add(OrderMove(order_id=order.id, source=source, trigger=trigger, target=target, moved_at=now))


def _about(order: Order | Quote, amount_minor: int, currency: str, now: datetime) -> dict[str, Any]:
    """An event of an order, or of a quote that never became one, in which no card has a part."""
    return {
        "owner_id": order.owner_id, "payment_id": None, "quote_id": order.id, "restore_id": order.restore_id,
        "amount_minor": amount_minor, "currency": currency, "occurred_at": now,
    }  # fmt: skip
