"""Instances, their counters, closed periods and what is to be closed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.counters import Count
from billing.models import Account, Adjustment, Instance, InstanceMonth, InstanceSample, UsagePeriod


async def claim_due(session: AsyncSession, now: datetime, limit: int) -> Sequence[Account]:
    """Locked accounts whose use is to be invoiced, the longest due first; those another worker has are left out."""
    due = (
        select(Account)
        .where(Account.close_due_at <= now)
        .order_by(Account.close_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(due.execution_options(populate_existing=True))).all()


async def owners_with_more(session: AsyncSession, owner_ids: Iterable[UUID]) -> set[UUID]:
    """Those of them who have an instance, or a correction that waits: more than storage is on their next invoice."""
    wanted = list(owner_ids)
    live = select(Instance.owner_id).where(Instance.owner_id.in_(wanted), Instance.returned_at.is_(None))
    waiting = select(Adjustment.owner_id).where(Adjustment.owner_id.in_(wanted), Adjustment.invoice_id.is_(None))
    return set(await session.scalars(union(live, waiting)))


async def has_periods(session: AsyncSession, owner_id: UUID) -> bool:
    """Whether anything of the owner was closed yet."""
    return bool(await session.scalar(select(exists().where(UsagePeriod.owner_id == owner_id))))


async def live_instances(session: AsyncSession, owner_id: UUID) -> Sequence[Instance]:
    """The owner's instances that are paid by the month."""
    found = select(Instance).where(Instance.owner_id == owner_id, Instance.returned_at.is_(None))
    return (await session.scalars(found.order_by(Instance.anchor_at, Instance.id))).all()


async def ended_periods(session: AsyncSession, subject_id: UUID, after: datetime) -> Sequence[UsagePeriod]:
    """Closed periods that end after an instant, in order."""
    found = select(UsagePeriod).where(UsagePeriod.subject_id == subject_id, UsagePeriod.ended_at > after)
    return (await session.scalars(found.order_by(UsagePeriod.started_at))).all()


async def instance_periods_of(session: AsyncSession, period: UsagePeriod) -> Sequence[UsagePeriod]:
    """The months of other instances that are on the same invoice."""
    found = select(UsagePeriod).where(
        UsagePeriod.invoice_id == period.invoice_id,
        UsagePeriod.kind == "instance",
        UsagePeriod.subject_id != period.subject_id,
    )
    return (await session.scalars(found.order_by(UsagePeriod.started_at))).all() if period.invoice_id else ()


async def open_adjustments(session: AsyncSession, owner_id: UUID) -> Sequence[Adjustment]:
    """Corrections that no invoice has yet."""
    found = select(Adjustment).where(Adjustment.owner_id == owner_id, Adjustment.invoice_id.is_(None))
    return (await session.scalars(found.order_by(Adjustment.created_at, Adjustment.id))).all()


async def adjustments_of(session: AsyncSession, subject_id: UUID, started_at: datetime) -> Sequence[Adjustment]:
    """All corrections of a period."""
    found = select(Adjustment).where(Adjustment.subject_id == subject_id, Adjustment.period_started_at == started_at)
    return (await session.scalars(found.order_by(Adjustment.created_at, Adjustment.id))).all()


async def count_before(session: AsyncSession, instance_id: UUID, at: datetime) -> Count | None:
    """An instance's last reading before an instant."""
    found = (
        select(InstanceSample.measured_at, InstanceSample.traffic_bytes, InstanceSample.disk_bytes)
        .where(InstanceSample.instance_id == instance_id, InstanceSample.measured_at < at)
        .order_by(InstanceSample.measured_at.desc())
        .limit(1)
    )
    row = (await session.execute(found)).first()
    return None if row is None else Count(*row)


async def counts_between(session: AsyncSession, instance_id: UUID, start: datetime, end: datetime) -> list[Count]:
    """An instance's readings from ``start`` on and before ``end``."""
    found = select(InstanceSample.measured_at, InstanceSample.traffic_bytes, InstanceSample.disk_bytes).where(
        InstanceSample.instance_id == instance_id, InstanceSample.measured_at >= start, InstanceSample.measured_at < end
    )
    return [Count(*row) for row in await session.execute(found.order_by(InstanceSample.measured_at))]


async def month_counts(
    session: AsyncSession, owner_id: UUID, now: datetime
) -> dict[UUID, tuple[Count | None, list[Count]]]:
    """By live instance of the owner: the last reading before the month that is paid, and those in it until now."""
    earlier = (
        select(func.max(InstanceSample.measured_at).label("at"))
        .where(InstanceSample.instance_id == Instance.id, InstanceSample.measured_at < Instance.period_start)
        .correlate(Instance)
        .lateral()
    )
    found = (
        select(
            Instance.id,
            InstanceSample.measured_at < Instance.period_start,
            InstanceSample.measured_at,
            InstanceSample.traffic_bytes,
            InstanceSample.disk_bytes,
        )
        .select_from(Instance)
        .join(earlier, true())
        .join(InstanceSample, InstanceSample.instance_id == Instance.id)
        .where(
            Instance.owner_id == owner_id,
            Instance.returned_at.is_(None),
            InstanceSample.measured_at >= func.coalesce(earlier.c.at, Instance.period_start),
            InstanceSample.measured_at < func.least(Instance.period_end, now),
        )
    )
    before: dict[UUID, Count] = {}
    within: dict[UUID, list[Count]] = defaultdict(list)
    for instance_id, is_before, at, traffic, disk in await session.execute(found):
        if is_before:
            before[instance_id] = Count(at, traffic, disk)
        else:
            within[instance_id].append(Count(at, traffic, disk))
    return {instance_id: (before.get(instance_id), within[instance_id]) for instance_id in {*before, *within}}


async def next_renewal(session: AsyncSession, owner_id: UUID) -> datetime | None:
    """When the first of the owner's live instances renews."""
    found = select(func.min(Instance.period_end)).where(Instance.owner_id == owner_id, Instance.returned_at.is_(None))
    return await session.scalar(found)


async def months_after(session: AsyncSession, instance_id: UUID, at: datetime) -> Sequence[InstanceMonth]:
    """An instance's months that end after an instant, in order."""
    found = select(InstanceMonth).where(InstanceMonth.instance_id == instance_id, InstanceMonth.ended_at > at)
    return (await session.scalars(found.order_by(InstanceMonth.started_at))).all()


async def month_at(session: AsyncSession, instance_id: UUID, start: datetime) -> InstanceMonth:
    """The month of an instance that began at an instant."""
    return await session.get_one(InstanceMonth, (instance_id, start))
