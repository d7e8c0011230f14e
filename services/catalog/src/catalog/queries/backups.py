"""Backup tasks: what is shown of one, one by its id or name, and what moves them."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.habit import SLACK
from catalog.domain.lifecycle import State, Trigger, next_state
from catalog.domain.snapshots import Status
from catalog.models import Backup, BackupMove, OwnerSpace, Snapshot, Terminus
from catalog.queries.rows import AnyRow, AnySelect

_USUAL_INTERVAL_SECONDS = cast(
    (extract("epoch", Backup.overdue_at - Backup.latest_snapshot_at) - SLACK.total_seconds()) / 2, BigInteger
)
"""What `overdue_at` was made of; null without a habit."""

_NEWEST_IS_DAMAGED = exists().where(
    Snapshot.backup_id == Backup.id,
    Snapshot.status == Status.DAMAGED,
    or_(Backup.latest_snapshot_at.is_(None), Snapshot.taken_at > Backup.latest_snapshot_at),
)


def backup_columns(now: ColumnElement[datetime]) -> AnySelect:
    return (
        select(
            Backup.id.label("backup_id"),
            Backup.name,
            Backup.terminus_id,
            Terminus.name.label("terminus_name"),
            Backup.kind,
            case((Backup.kind == "path", Backup.source)).label("path"),
            case((Backup.kind == "app", Backup.source)).label("app"),
            Backup.state,
            Backup.created_at,
            Backup.first_snapshot_at,
            Backup.latest_snapshot_at,
            Backup.latest_snapshot_id,
            Backup.snapshot_count,
            Backup.storage_bytes,
            Backup.measured_at,
            _USUAL_INTERVAL_SECONDS.label("usual_interval_seconds"),
            is_overdue(now).label("overdue"),
            _NEWEST_IS_DAMAGED.label("newest_is_damaged"),
            # Of a deleted one it is when leftovers are swept, which is nobody's concern.
            case((Backup.state != State.DELETED, Backup.delete_due_at)).label("delete_due_at"),
            Backup.stopped_at,
            Backup.device_backup_id,
            Backup.discovered,
            Backup.repository,
        )
        .select_from(Backup)
        .outerjoin(Terminus, Terminus.id == Backup.terminus_id)
    )


def is_overdue(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    late = and_(Backup.state == State.ACTIVE, Backup.stopped_at.is_(None), Backup.overdue_at < now)
    return func.coalesce(late, literal(False))


async def read_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> AnyRow | None:
    """A backup as the list shows it; another owner's is None."""
    query = backup_columns(literal(now)).where(Backup.owner_id == owner_id, Backup.id == backup_id)
    return (await session.execute(query)).one_or_none()


async def find_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, *, lock: bool = False) -> Backup | None:
    """The owner's backup, or None; another owner's is None too."""
    query = select(Backup).where(Backup.id == backup_id, Backup.owner_id == owner_id)
    return await session.scalar(query.with_for_update() if lock else query)


async def find_live_name(session: AsyncSession, owner_id: UUID, terminus_id: UUID | None, name: str) -> UUID | None:
    """The backup that holds this name, if one does; one that a device named, or that was found, holds none."""
    return await session.scalar(
        select(Backup.id).where(
            Backup.owner_id == owner_id,
            Backup.terminus_id.is_not_distinct_from(terminus_id),
            Backup.name == name,
            Backup.state != State.DELETED,
            ~Backup.discovered,
            Backup.device_backup_id.is_(None),
        )
    )


async def find_device_backup(session: AsyncSession, owner_id: UUID, device_backup_id: UUID) -> Backup | None:
    """The owner's backup that a device calls so and that is not deleted, locked."""
    query = select(Backup).where(
        Backup.owner_id == owner_id, Backup.device_backup_id == device_backup_id, Backup.state != State.DELETED
    )
    return await session.scalar(query.with_for_update())


async def find_live_repository(session: AsyncSession, owner_id: UUID, repository: str) -> Backup | None:
    """The owner's backup in this repository that is not deleted, locked."""
    query = select(Backup).where(
        Backup.owner_id == owner_id, Backup.repository == repository, Backup.state != State.DELETED
    )
    return await session.scalar(query.with_for_update())


async def note_stop(session: AsyncSession, owner_id: UUID, device_backup_id: UUID, now: datetime) -> None:
    """The device gave this backup up; said again, it stays as it was said first."""
    await session.execute(
        update(Backup)
        .where(Backup.owner_id == owner_id, Backup.device_backup_id == device_backup_id, Backup.state != State.DELETED)
        .values(stopped_at=func.coalesce(Backup.stopped_at, now))
        .execution_options(synchronize_session=False)
    )


async def would_hint(
    session: AsyncSession, did: str, device_backup_id: UUID, now: datetime, spacing: timedelta
) -> bool:
    """Whether a hint at a device's backup would bring its measurement forward."""
    _, heeded = _hint(did, device_backup_id, now, spacing)
    return bool(await session.scalar(select(select(Backup.id).where(*heeded).exists())))


async def hint(session: AsyncSession, did: str, device_backup_id: UUID, now: datetime, spacing: timedelta) -> None:
    """Measure a device's backup soon: so long after its last measurement at the least, and never later than before.

    While it is being measured that is so long from now: how long that one takes is not known.
    """
    soon, heeded = _hint(did, device_backup_id, now, spacing)
    await session.execute(
        update(Backup).where(*heeded).values(measure_due_at=soon).execution_options(synchronize_session=False)
    )


def _hint(
    did: str, device_backup_id: UUID, now: datetime, spacing: timedelta
) -> tuple[ColumnElement[datetime], tuple[ColumnElement[bool], ...]]:
    """When a hint would have a backup measured, and which backup it is, if that is sooner than it is due anyway."""
    instant = Backup.created_at.type
    moment, later = literal(now, instant), literal(now + spacing, instant)
    soon = case((Backup.measuring_until > moment, later), else_=func.greatest(moment, Backup.measured_at + spacing))
    heeded = (
        Backup.owner_id == select(OwnerSpace.owner_id).where(OwnerSpace.did == did).scalar_subquery(),
        Backup.device_backup_id == device_backup_id,
        Backup.state == State.ACTIVE,
        or_(Backup.measure_due_at.is_(None), Backup.measure_due_at > soon),
    )
    return soon, heeded


def live_repositories(owner_id: UUID) -> Select[str]:
    """The owner's repositories that are not deleted; one made again under its old name is another backup."""
    return select(Backup.repository).where(Backup.owner_id == owner_id, Backup.state != State.DELETED)


async def move(session: AsyncSession, backup_id: UUID, source: State, trigger: Trigger, now: datetime) -> bool:
    """Compare-and-set the state and note it; False means somebody else moved the backup first."""
    target = next_state(source, trigger)
    moved = await session.scalar(
        update(Backup)
        .where(Backup.id == backup_id, Backup.state == source)
        .values(state=target)
        .returning(Backup.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        return False
    session.add(BackupMove(backup_id=backup_id, source=source, trigger=trigger, target=target, moved_at=now))
    return True


async def claim_deletion(session: AsyncSession, now: datetime, state: State, lease_until: datetime) -> AnyRow | None:
    """One backup in this state whose deletion is due."""
    due = (
        select(Backup.id)
        .where(Backup.delete_due_at <= now, Backup.state == state)
        .order_by(Backup.delete_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = await session.execute(
        update(Backup)
        .where(Backup.id == due, OwnerSpace.owner_id == Backup.owner_id)
        .values(delete_due_at=lease_until)
        .returning(
            Backup.id.label("backup_id"), Backup.owner_id, Backup.repository, OwnerSpace.prefix, OwnerSpace.prepared
        )
        .execution_options(synchronize_session=False)
    )
    return claimed.one_or_none()
