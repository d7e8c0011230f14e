"""Orders and the instances that come of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.payments import PaymentState
from billing.models import Order, Payment, Quote


async def find_for_update(session: AsyncSession, order_id: UUID) -> Order | None:
    """An order, locked; its account is locked before it."""
    return await session.get(Order, order_id, with_for_update=True, populate_existing=True)


async def latest_quote(session: AsyncSession, owner_id: UUID, restore_id: UUID) -> Quote | None:
    """What one of the owner's restores was quoted last."""
    found = select(Quote).where(Quote.restore_id == restore_id, Quote.owner_id == owner_id)
    return await session.scalar(found.order_by(Quote.created_at.desc(), Quote.id).limit(1))


async def due(session: AsyncSession, now: datetime, limit: int, owner_id: UUID | None) -> Sequence[tuple[UUID, UUID]]:
    """Owners and orders whose time is over, not locked; of one owner when named."""
    found = select(Order.owner_id, Order.id).where(Order.due_at <= now).order_by(Order.due_at).limit(limit)
    if owner_id is not None:
        found = found.where(Order.owner_id == owner_id)
    return [(row.owner_id, row.id) for row in await session.execute(found)]


async def is_being_taken(session: AsyncSession, order_id: UUID) -> bool:
    """Whether an order's card is to pay, and it is not certain yet that it has."""
    wanted = Payment.capture_minor.is_not(None) & Payment.state.in_(
        (PaymentState.AUTHORISING, PaymentState.AUTHORISED, PaymentState.CAPTURING)
    )
    return bool(await session.scalar(select(exists().where(Payment.order_id == order_id, wanted))))


async def list_orders(
    session: AsyncSession, owner_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Any]:
    """A page of the owner's orders, newest first, with their totals; one row more than asked for."""
    found = (
        select(*_READ)
        .join(Quote, Quote.id == Order.id)
        .where(Order.owner_id == owner_id)
        .order_by(Order.created_at.desc(), Order.id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        found = found.where(tuple_(Order.created_at, Order.id) < tuple_(*after))
    return (await session.execute(found)).all()


async def read_order(session: AsyncSession, owner_id: UUID, order_id: UUID) -> Any | None:
    """The owner's order as it is shown; another owner's is None too."""
    found = select(*_READ).join(Quote, Quote.id == Order.id).where(Order.owner_id == owner_id, Order.id == order_id)
    return (await session.execute(found)).first()


_READ = (
    Order.id.label("order_id"),
    Order.id.label("quote_id"),
    Order.restore_id,
    Order.state,
    Quote.total_minor,
    Quote.currency,
    Order.payment_id,
    Order.invoice_id,
    Order.instance_id,
    Order.code,
    Order.reason,
    Order.created_at,
    Order.due_at,
)
