"""Orders and the instances that come of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.models import Order, PaymentMethod


async def find_for_update(session: AsyncSession, order_id: UUID) -> Order | None:
    """An order, locked; its account is locked before it."""
    return await session.get(Order, order_id, with_for_update=True, populate_existing=True)


async def due(session: AsyncSession, now: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Owners and orders whose time is over, not locked."""
    found = select(Order.owner_id, Order.id).where(Order.due_at <= now).order_by(Order.due_at).limit(limit)
    return [(row.owner_id, row.id) for row in await session.execute(found)]


async def find_method(session: AsyncSession, owner_id: UUID, method_id: UUID | None) -> PaymentMethod | None:
    """The owner's card of that id, or their default one; None when there is none."""
    found = select(PaymentMethod).where(PaymentMethod.owner_id == owner_id, PaymentMethod.removed_at.is_(None))
    chosen = found.where(PaymentMethod.id == method_id) if method_id else found.where(PaymentMethod.is_default)
    return await session.scalar(chosen)
