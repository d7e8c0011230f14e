"""Links to instances' pages: kept until they are used or over, and used by one alone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.models import InstanceLink


async def forget_beyond(session: AsyncSession, instance_id: UUID, kept: int) -> None:
    """Forget all links of a locked instance but the newest ``kept``."""
    newest = select(InstanceLink.digest).where(InstanceLink.instance_id == instance_id)
    newest = newest.order_by(InstanceLink.created_at.desc(), InstanceLink.digest).limit(kept)
    await session.execute(
        delete(InstanceLink).where(InstanceLink.instance_id == instance_id, InstanceLink.digest.not_in(newest))
    )


async def take(session: AsyncSession, instance_id: UUID, digest: bytes, now: datetime) -> bool:
    """Use a link up; False means that there is none, of this instance and at this time: another may have used it."""
    taken = await session.scalar(
        delete(InstanceLink)
        .where(InstanceLink.digest == digest, InstanceLink.instance_id == instance_id, InstanceLink.expires_at > now)
        .returning(InstanceLink.digest)
    )
    return taken is not None


async def forget_expired(session: AsyncSession, now: datetime) -> int:
    """Forget links that nobody can use any more; how many."""
    expired = delete(InstanceLink).where(InstanceLink.expires_at <= now).returning(InstanceLink.digest).cte()
    return await session.scalar(select(func.count()).select_from(expired)) or 0
