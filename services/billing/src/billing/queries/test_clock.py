"""What of one owner falls due next."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.invoices import InvoiceState
from billing.models import Account, Invoice, Order, Payment, Refund
from billing.queries.invoices import is_being_charged


async def next_due(session: AsyncSession, owner_id: UUID) -> datetime | None:
    """The instant of the owner's next close, finalisation, charge, call to the provider or release."""
    every = union_all(
        select(Account.close_due_at.label("due")).where(Account.owner_id == owner_id),
        select(Invoice.finalise_due_at).where(Invoice.owner_id == owner_id, Invoice.state == InvoiceState.DRAFT),
        select(Invoice.charge_due_at).where(Invoice.owner_id == owner_id, ~is_being_charged()),
        select(Payment.ask_due_at).where(Payment.owner_id == owner_id),
        select(Order.due_at).where(Order.owner_id == owner_id),
        select(Refund.ask_due_at).where(Refund.owner_id == owner_id),
    ).subquery()
    due: datetime | None = await session.scalar(select(func.min(every.c.due)))
    return due


async def due_payments(session: AsyncSession, owner_id: UUID, now: datetime) -> Sequence[UUID]:
    """The owner's payments about which the provider is to be called."""
    found = select(Payment.id).where(Payment.owner_id == owner_id, Payment.ask_due_at <= now)
    return (await session.scalars(found.order_by(Payment.created_at))).all()


async def invoice_numbers(session: AsyncSession, owner_id: UUID) -> Sequence[str]:
    """The numbers of the owner's invoices, in their order."""
    found = select(Invoice.number).where(Invoice.owner_id == owner_id, Invoice.number.is_not(None))
    return [str(number) for number in await session.scalars(found.order_by(Invoice.finalised_at, Invoice.number))]
