"""How many instances and machines are in a state that an operator watches."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import TERMINAL, Status
from provisioning.models import Instance, Orphan


async def by_status(session: AsyncSession) -> dict[str, int]:
    """Of instances that are not over; a status without any is left out."""
    found = select(Instance.status, func.count()).where(Instance.status.not_in(TERMINAL)).group_by(Instance.status)
    return {name: count for name, count in await session.execute(found)}  # noqa: C416  (a result is no mapping)


async def uncertain(session: AsyncSession, now: datetime) -> tuple[int, int]:
    """Those that wait for an operator, and those of which a call for a machine is over without a certain outcome."""
    stuck = select(func.count()).where(Instance.stuck_at.is_not(None))
    unknown = select(func.count()).where(Instance.status == Status.FETCHING, Instance.call_until < now)
    return (await session.scalars(stuck)).one(), (await session.scalars(unknown)).one()


async def orphans(session: AsyncSession) -> dict[str, int]:
    """Machines that wait for an operator or their end, by provider."""
    found = select(Orphan.provider, func.count()).where(Orphan.state == "found").group_by(Orphan.provider)
    return {name: count for name, count in await session.execute(found)}  # noqa: C416  (a result is no mapping)
