"""Levels that were measured, and which backup is measured next."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.lifecycle import State
from catalog.models import Backup, OwnerSpace, StorageKey, StorageMeasurement
from catalog.queries.rows import AnyRow


async def list_usage(session: AsyncSession, backup_id: UUID, *, after: datetime | None, limit: int) -> Sequence[AnyRow]:
    """A backup's storage since it was created: each row a level that holds until the next, oldest first."""
    query = select(StorageMeasurement.measured_at, StorageMeasurement.storage_bytes, StorageMeasurement.objects).where(
        StorageMeasurement.backup_id == backup_id
    )
    if after is not None:
        query = query.where(StorageMeasurement.measured_at > after)
    return (await session.execute(query.order_by(StorageMeasurement.measured_at).limit(limit + 1))).all()


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
    """One backup whose measurement is due, leased so that nobody else measures it meanwhile."""
    due = (
        select(Backup.id)
        .where(Backup.measure_due_at <= now, Backup.state.in_([State.ACTIVE, State.DELETING]))
        .order_by(Backup.measure_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = await session.execute(
        update(Backup)
        .where(Backup.id == due, OwnerSpace.owner_id == Backup.owner_id)
        .values(measure_due_at=lease_until)
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
