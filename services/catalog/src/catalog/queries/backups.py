"""Backup tasks: the list, one by its id or name, and what moves them."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.lifecycle import State, Trigger, next_state
from catalog.models import Backup, BackupMove, OwnerSpace, Terminus
from catalog.queries.rows import AnyRow, AnySelect


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
            _overdue(now).label("overdue"),
            Backup.delete_due_at,
            Backup.discovered,
            Backup.repository,
        )
        .select_from(Backup)
        .outerjoin(Terminus, Terminus.id == Backup.terminus_id)
    )


def _overdue(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    late = and_(Backup.state == State.ACTIVE, Backup.overdue_at < now)
    return func.coalesce(late, literal(False))


async def list_backups(
    session: AsyncSession,
    owner_id: UUID,
    now: datetime,
    *,
    name: str | None,
    terminus_id: UUID | None,
    state: State | None,
    overdue: bool | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[AnyRow]:
    """An owner's backups, newest first; deleted ones only when asked for."""
    filters = {"name": name, "terminus_id": terminus_id, "state": state, "overdue": overdue}
    given: dict[str, Any] = {key: value for key, value in filters.items() if value is not None}
    if after is not None:
        given |= {"after_at": after[0], "after_id": after[1]}
    # Rows of Core: the session's way would wrap each one for the ORM.
    connection = await session.connection()
    values = {"owner_id": owner_id, "now": now, "rows": limit + 1, **given}
    return (await connection.execute(_listing(frozenset(given)), values)).all()


@cache
def _listing(given: frozenset[str]) -> AnySelect:
    """The list with these filters, made once: making it takes longer than all else the list does with SQLAlchemy."""
    now = bindparam("now", type_=Backup.created_at.type)
    query = backup_columns(now).where(Backup.owner_id == bindparam("owner_id"))
    query = query.where(Backup.state == bindparam("state") if "state" in given else Backup.state != State.DELETED)
    if "name" in given:
        query = query.where(Backup.name == bindparam("name"))
    if "terminus_id" in given:
        query = query.where(Backup.terminus_id == bindparam("terminus_id"))
    if "overdue" in given:
        query = query.where(_overdue(now) == bindparam("overdue"))
    if "after_id" in given:
        after = bindparam("after_at", type_=Backup.created_at.type), bindparam("after_id", type_=Backup.id.type)
        query = query.where(tuple_(Backup.created_at, Backup.id) < tuple_(*after))
    return query.order_by(Backup.created_at.desc(), Backup.id.desc()).limit(bindparam("rows"))


async def read_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> AnyRow | None:
    """A backup as the list shows it; another owner's is None."""
    query = backup_columns(literal(now)).where(Backup.owner_id == owner_id, Backup.id == backup_id)
    return (await session.execute(query)).one_or_none()


async def find_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, *, lock: bool = False) -> Backup | None:
    """The owner's backup, or None; another owner's is None too."""
    query = select(Backup).where(Backup.id == backup_id, Backup.owner_id == owner_id)
    return await session.scalar(query.with_for_update() if lock else query)


async def find_live_name(session: AsyncSession, owner_id: UUID, terminus_id: UUID | None, name: str) -> UUID | None:
    """The backup that holds this name, if one does."""
    return await session.scalar(
        select(Backup.id).where(
            Backup.owner_id == owner_id,
            Backup.terminus_id.is_not_distinct_from(terminus_id),
            Backup.name == name,
            Backup.state != State.DELETED,
            ~Backup.discovered,
        )
    )


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
