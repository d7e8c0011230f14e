"""What is known of an instance's agent before it is believed, and what it still has to do."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.models import AgentOrder, Instance


async def public_key(session: AsyncSession, instance_id: UUID) -> bytes | None:
    """The key of the instance's agent; None while none has enrolled, and where there is no such instance."""
    return await session.scalar(select(Instance.public_key).where(Instance.id == instance_id))


async def open_orders(session: AsyncSession, instance_id: UUID) -> Sequence[AgentOrder]:
    """What the agent was told, or is to be told, and has not done; oldest first."""
    found = select(AgentOrder).where(AgentOrder.instance_id == instance_id, AgentOrder.done_at.is_(None))
    return (await session.scalars(found.order_by(AgentOrder.created_at, AgentOrder.id))).all()
