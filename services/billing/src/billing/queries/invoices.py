"""Invoices and credit notes, what is owed of them, and what waits to be done about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from billing.domain.credits import Given
from billing.domain.invoices import OWED, InvoiceState, InvoiceTrigger, next_state
from billing.domain.payments import PaymentState, RefundState
from billing.models import (
    Account,
    CreditNote,
    Invoice,
    InvoiceLine,
    InvoiceMove,
    NumberSeries,
    Order,
    Payment,
    Refund,
)

NUMBERS_LOCK = "billing numbers"
OVER = (PaymentState.FAILED, PaymentState.VOIDED, PaymentState.EXPIRED)
"""Of these payments nothing will come."""


def open_amount() -> ColumnElement[int]:
    """What is still to be paid of an invoice, in minor units; 0 of a draft and of what is void."""
    settled = Invoice.promotional_minor + Invoice.balance_minor + Invoice.card_minor + Invoice.credited_minor
    return case((Invoice.state.in_(OWED), Invoice.total_minor - settled), else_=0)


def under_way() -> ColumnElement[bool]:
    """A payment of which it is not certain yet what becomes."""
    return Payment.state.not_in((*OVER, PaymentState.CAPTURED))


def is_being_charged() -> ColumnElement[bool]:
    """Of an invoice: a card was asked to pay it, and whether it does is not decided."""
    return exists().where(Payment.invoice_id == Invoice.id, under_way())


async def lock(session: AsyncSession, invoice_id: UUID) -> Invoice:
    """The invoice, locked and as it stands; its owner's account is locked before.

    Raises:
        NoResultFound: If there is none of that id.
    """
    query = select(Invoice).where(Invoice.id == invoice_id).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(query)).one()


async def move(session: AsyncSession, invoice: Invoice, trigger: InvoiceTrigger, now: datetime) -> bool:
    """Compare-and-set the state by the table; False means that somebody moved it first.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    source = InvoiceState(invoice.state)
    target = next_state(source, trigger)
    guarded = (
        update(Invoice)
        .where(Invoice.id == invoice.id, Invoice.state == source)
        .values(state=target)
        .returning(Invoice.id)
        .execution_options(synchronize_session=False)
    )
    if await session.scalar(guarded) is None:
        return False
    set_committed_value(invoice, "state", target.value)
    session.add(InvoiceMove(invoice_id=invoice.id, source=source, trigger=trigger, target=target, moved_at=now))
    return True


async def next_number(session: AsyncSession, prefix: str, now: datetime) -> str:
    """The next number of a series and year, such as SP-2026-000001; others wait for it until this transaction ends.

    One lock for all series: a transaction may take numbers of two of them in either order.
    """
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(NUMBERS_LOCK))))
    series = f"{prefix}-{now.year}"
    taken = insert(NumberSeries).values(name=series, last=1)
    last = await session.scalar(
        taken.on_conflict_do_update(index_elements=["name"], set_={"last": NumberSeries.last + 1}).returning(
            NumberSeries.last
        )
    )
    return f"{series}-{last:06}"


async def lines_of(session: AsyncSession, invoice_id: UUID) -> Sequence[InvoiceLine]:
    """An invoice's lines, in order."""
    query = select(InvoiceLine).where(InvoiceLine.invoice_id == invoice_id).order_by(InvoiceLine.number)
    return (await session.scalars(query)).all()


async def has_payment_under_way(session: AsyncSession, invoice_id: UUID) -> bool:
    """Whether a card is being charged for the invoice right now."""
    found = await session.scalar(select(exists().where(Payment.invoice_id == invoice_id, under_way())))
    return bool(found)


async def debt_under_way(session: AsyncSession, owner_id: UUID) -> int:
    """Carried sums that charges not decided yet collect already, in minor units."""
    surplus = func.greatest(Payment.amount_minor - open_amount(), 0)
    by_invoices = (
        select(func.coalesce(func.sum(surplus), 0))
        .join(Invoice, Invoice.id == Payment.invoice_id)
        .where(Payment.owner_id == owner_id, Payment.purpose == "invoice", under_way())
    )
    by_orders = (
        select(func.coalesce(func.sum(Order.debt_minor), 0))
        .join(Payment, Payment.id == Order.payment_id)
        .where(Order.owner_id == owner_id, under_way(), Payment.state != PaymentState.VOIDING, ~Payment.void_wanted)
    )
    row = (await session.execute(select(by_invoices.scalar_subquery(), by_orders.scalar_subquery()))).one()
    return int(row[0]) + int(row[1])


async def failures_of_owed(session: AsyncSession, owner_id: UUID) -> Sequence[int]:
    """How often the charge of each invoice that an owner owes has failed."""
    query = select(Invoice.attempts).where(Invoice.owner_id == owner_id, Invoice.state.in_(OWED))
    return (await session.scalars(query)).all()


async def claim_draft(session: AsyncSession, now: datetime, owner_id: UUID | None) -> tuple[Account, UUID] | None:
    """The draft longest due, by its id, and its owner's account, locked; accounts that others hold are passed over."""
    due = and_(Invoice.state == InvoiceState.DRAFT, Invoice.finalise_due_at <= now)
    return await _claim(session, due, Invoice.finalise_due_at, owner_id)


async def claim_charge(session: AsyncSession, now: datetime, owner_id: UUID | None) -> tuple[Account, UUID] | None:
    """The invoice whose charge is longest due, as `claim_draft`; those whose card is being charged wait for that."""
    return await _claim(
        session, and_(Invoice.charge_due_at <= now, ~is_being_charged()), Invoice.charge_due_at, owner_id
    )


async def refundable(session: AsyncSession, invoice_id: UUID) -> Sequence[tuple[Payment, int]]:
    """The captured payments of an invoice or its order, and how much of each is not given back yet."""
    given = (
        select(func.coalesce(func.sum(Refund.amount_minor), 0))
        .where(Refund.payment_id == Payment.id, Refund.state != RefundState.FAILED)
        .correlate(Payment)
        .scalar_subquery()
    )
    order = select(Order.id).where(Order.invoice_id == invoice_id)
    query = (
        select(Payment, (Payment.captured_minor - given).label("left"))
        .where(or_(Payment.invoice_id == invoice_id, Payment.order_id.in_(order)), Payment.captured_minor > 0)
        .order_by(Payment.created_at, Payment.id)
    )
    return [(payment, int(left)) for payment, left in (await session.execute(query)).all()]


async def credited(session: AsyncSession, invoice_id: UUID) -> Given:
    """What an invoice's credit notes took back together."""
    columns = (CreditNote.net_minor, CreditNote.tax_minor, CreditNote.to_balance_minor, CreditNote.to_card_minor)
    sums = [func.coalesce(func.sum(column), 0) for column in columns]
    row = (await session.execute(select(*sums).where(CreditNote.invoice_id == invoice_id))).one()
    return Given(*(int(value) for value in row))


async def _claim(
    session: AsyncSession, due: ColumnElement[bool], due_at: Any, owner_id: UUID | None
) -> tuple[Account, UUID] | None:
    query = (
        select(Account, Invoice.id)
        .join(Invoice, Invoice.owner_id == Account.owner_id)
        .where(due)
        .order_by(due_at)
        .limit(1)
        .with_for_update(of=Account, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if owner_id is not None:
        query = query.where(Invoice.owner_id == owner_id)
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])
