"""Levels that were measured, and which backup is measured next."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.lifecycle import State
from catalog.models import Backup, OwnerSpace, StorageKey, StorageMeasurement
from catalog.queries.rows import AnyRow

CLAIMS_LOCK = "measurements"
MOST_OF_ONE_OWNER = 2
"""So many of an owner's backups are measured at once, so that a worker, which measures three, has time for others."""


async def list_usage(session: AsyncSession, backup_id: UUID, *, after: datetime | None, limit: int) -> Sequence[AnyRow]:
    """A backup's storage since it was created: each row a level that holds until the next, oldest first."""
    query = select(StorageMeasurement.measured_at, StorageMeasurement.storage_bytes, StorageMeasurement.objects).where(
        StorageMeasurement.backup_id == backup_id
    )
    if after is not None:
        query = query.where(StorageMeasurement.measured_at > after)
    return (await session.execute(query.order_by(StorageMeasurement.measured_at).limit(limit + 1))).all()


async def sample_usage(session: AsyncSession, backup_id: UUID, points: int) -> Sequence[AnyRow]:
    """The whole of a backup's usage in at most so many levels: the last one of each equal part of its time."""
    levels = (
        select(
            StorageMeasurement.measured_at,
            StorageMeasurement.storage_bytes,
            StorageMeasurement.objects,
            func.extract("epoch", StorageMeasurement.measured_at).label("second"),
        )
        .where(StorageMeasurement.backup_id == backup_id)
        .subquery()
    )
    # A second more at the end: a range must not be empty, and the newest level belongs to the last part.
    part = func.width_bucket(
        levels.c.second, func.min(levels.c.second).over(), func.max(levels.c.second).over() + 1, points
    ).label("part")
    parted = select(levels, part).subquery()
    query = (
        select(parted.c.measured_at, parted.c.storage_bytes, parted.c.objects)
        .ext(distinct_on(parted.c.part))
        .order_by(parted.c.part, parted.c.measured_at.desc())
    )
    return (await session.execute(query)).all()


async def bring_measurement_forward(session: AsyncSession, backup_id: UUID, due_at: datetime) -> None:
    """Measure the backup at this time at the latest."""
    await session.execute(
        update(Backup)
        .where(Backup.id == backup_id, or_(Backup.measure_due_at.is_(None), Backup.measure_due_at > due_at))
        .values(measure_due_at=due_at)
        .execution_options(synchronize_session=False)
    )


async def bring_written_forward(session: AsyncSession, owner_id: UUID, now: datetime) -> None:
    """Measure at once what the owner's live keys may write to."""
    written = select(StorageKey.backup_id).where(
        StorageKey.owner_id == owner_id,
        StorageKey.access == "write",
        StorageKey.expires_at > now,
        StorageKey.revoked_at.is_(None),
    )
    await session.execute(
        update(Backup)
        .where(Backup.id.in_(written), Backup.measure_due_at > now)
        .values(measure_due_at=now)
        .execution_options(synchronize_session=False)
    )


async def claim_measurement(session: AsyncSession, now: datetime, lease_until: datetime) -> AnyRow | None:
    """One backup whose measurement is due, leased so that nobody else measures it meanwhile.

    Of an owner of whom nothing is being measured, if there is one; else of one with fewer than ``MOST_OF_ONE_OWNER``.
    It is due again when the lease runs out, or earlier if somebody asks for it meanwhile.
    """
    # One claim at a time: of two at once neither would see whose backup the other takes.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(CLAIMS_LOCK))))
    for running in range(MOST_OF_ONE_OWNER):
        claimed = await _claim(session, now, lease_until, running)
        if claimed is not None:
            return claimed
    return None


async def _claim(session: AsyncSession, now: datetime, lease_until: datetime, most_running: int) -> AnyRow | None:
    """A due backup of an owner of whom no more than so many are being measured."""
    busy_owners = (
        select(Backup.owner_id)
        .where(Backup.measuring_until > now)
        .group_by(Backup.owner_id)
        .having(func.count() > most_running)
    )
    due = (
        select(Backup.id)
        .where(
            Backup.measure_due_at <= now,
            Backup.state.in_([State.ACTIVE, State.DELETING]),
            or_(Backup.measuring_until.is_(None), Backup.measuring_until <= now),
            Backup.owner_id.not_in(busy_owners),
        )
        .order_by(Backup.measure_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = await session.execute(
        update(Backup)
        .where(Backup.id == due, OwnerSpace.owner_id == Backup.owner_id)
        .values(measure_due_at=lease_until, measuring_until=lease_until)
        .returning(
            Backup.id.label("backup_id"),
            Backup.owner_id,
            Backup.repository,
            Backup.initialised,
            OwnerSpace.prefix,
            OwnerSpace.prepared,
        )
        .execution_options(synchronize_session=False)
    )
    return claimed.one_or_none()


async def give_up_measurement(session: AsyncSession, backup_id: UUID, lease_until: datetime, due_at: datetime) -> None:
    """End a claim without a measurement; another one is due at this time at the latest."""
    await session.execute(
        update(Backup)
        .where(Backup.id == backup_id, Backup.measuring_until == lease_until)
        .values(measuring_until=None, measure_due_at=func.least(Backup.measure_due_at, due_at))
        .execution_options(synchronize_session=False)
    )
