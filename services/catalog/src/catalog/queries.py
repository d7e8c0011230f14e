"""Named reads and guarded writes of catalog."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.layout import catalog_key_id, owner_prefix
from catalog.domain.lifecycle import State, Trigger, next_state
from catalog.domain.snapshots import Status
from catalog.models import (
    Backup,
    BackupMove,
    KeyFileRead,
    OwnerSpace,
    RepositoryClaim,
    Snapshot,
    StorageKey,
    StorageMeasurement,
    Terminus,
)

AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]


async def ensure_space(session: AsyncSession, owner_id: UUID, did: str, now: datetime) -> None:
    """The owner's folder, made on first sight; its contents, if there are any, are looked for at once."""
    await session.execute(
        insert(OwnerSpace)
        .values(
            owner_id=owner_id,
            did=did,
            prefix=owner_prefix(did),
            catalog_key_id=catalog_key_id(owner_prefix(did)),
            prepared=False,
            discover_due_at=now,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )


async def find_space(session: AsyncSession, owner_id: UUID) -> OwnerSpace | None:
    return await session.get(OwnerSpace, owner_id)


async def find_space_by_key(session: AsyncSession, key_id: str) -> OwnerSpace | None:
    """The owner whose objects this key of catalog's own reaches."""
    return await session.scalar(select(OwnerSpace).where(OwnerSpace.catalog_key_id == key_id))


def terminus_columns() -> AnySelect:
    return select(
        Terminus.id.label("terminus_id"),
        Terminus.name,
        Terminus.cluster_id,
        Terminus.version,
        Terminus.created_at,
        Terminus.last_seen_at,
    )


async def list_terminus(
    session: AsyncSession, owner_id: UUID, *, name: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[AnyRow]:
    """An owner's Terminus, oldest first; one row more than the limit when there are more."""
    query = terminus_columns().where(Terminus.owner_id == owner_id)
    if name is not None:
        query = query.where(Terminus.name == name)
    if after is not None:
        query = query.where(tuple_(Terminus.created_at, Terminus.id) > after)
    return (await session.execute(query.order_by(Terminus.created_at, Terminus.id).limit(limit + 1))).all()


async def find_terminus(session: AsyncSession, owner_id: UUID, terminus_id: UUID) -> Terminus | None:
    """The owner's Terminus, or None; another owner's is None too."""
    return await session.scalar(select(Terminus).where(Terminus.id == terminus_id, Terminus.owner_id == owner_id))


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


def snapshot_columns() -> AnySelect:
    return select(
        Snapshot.id.label("snapshot_id"),
        Snapshot.backup_id,
        Snapshot.restic_id,
        Snapshot.status,
        Snapshot.kind,
        Snapshot.taken_at,
        Snapshot.size_processed_bytes,
        Snapshot.size_added_bytes,
        Snapshot.version,
        Snapshot.reported,
        Snapshot.discovered,
    )


async def list_snapshots(
    session: AsyncSession, backup_id: UUID, *, status: Status, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[AnyRow]:
    """A backup's snapshots, newest first."""
    query = snapshot_columns().where(Snapshot.backup_id == backup_id, Snapshot.status == status)
    if after is not None:
        query = query.where(tuple_(Snapshot.taken_at, Snapshot.id) < after)
    query = query.order_by(Snapshot.taken_at.desc(), Snapshot.id.desc()).limit(limit + 1)
    return (await session.execute(query)).all()


async def read_snapshot(session: AsyncSession, owner_id: UUID, snapshot_id: UUID) -> AnyRow | None:
    """A snapshot as the list shows it; another owner's is None."""
    query = snapshot_columns().where(Snapshot.id == snapshot_id, Snapshot.owner_id == owner_id)
    return (await session.execute(query)).one_or_none()


async def find_restorable(
    session: AsyncSession, owner_id: UUID, *, backup_id: UUID | None, snapshot_id: UUID | None
) -> AnyRow | None:
    """The snapshot with what its restore must know; the latest successful one when only a backup is named."""
    query = (
        select(
            Snapshot.id.label("snapshot_id"),
            Backup.id.label("backup_id"),
            Backup.name.label("backup_name"),
            Backup.state.label("backup_state"),
            Terminus.name.label("terminus_name"),
            Snapshot.status,
            Snapshot.restic_id,
            Snapshot.taken_at,
            Snapshot.size_processed_bytes,
            case((Backup.kind == "path", Backup.source)).label("path"),
            Backup.repository,
        )
        .join(Backup, Backup.id == Snapshot.backup_id)
        .outerjoin(Terminus, Terminus.id == Backup.terminus_id)
        .where(Snapshot.owner_id == owner_id)
    )
    if snapshot_id is not None:
        query = query.where(Snapshot.id == snapshot_id)
    if backup_id is not None:
        query = query.where(Snapshot.backup_id == backup_id)
    if snapshot_id is None:
        query = query.where(Snapshot.status == Status.SUCCESSFUL)
    query = query.order_by(Snapshot.taken_at.desc(), Snapshot.id.desc()).limit(1)
    return (await session.execute(query)).one_or_none()


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


async def end_discovery(session: AsyncSession, owner_id: UUID, lease_until: datetime, due_at: datetime) -> None:
    """Look again at this time, unless somebody asked for it while we looked."""
    await session.execute(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == owner_id, OwnerSpace.discover_due_at == lease_until)
        .values(discover_due_at=due_at)
        .execution_options(synchronize_session=False)
    )


def live_repositories(owner_id: UUID) -> Select[str]:
    """The owner's repositories that are not deleted; one made again under its old name is another backup."""
    return select(Backup.repository).where(Backup.owner_id == owner_id, Backup.state != State.DELETED)


async def bring_discovery_forward(session: AsyncSession, owner_id: UUID, due_at: datetime) -> None:
    """Look through the owner's folder at this time at the latest."""
    await session.execute(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == owner_id, OwnerSpace.discover_due_at > due_at)
        .values(discover_due_at=due_at)
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


async def claim_discovery(session: AsyncSession, now: datetime, lease_until: datetime) -> AnyRow | None:
    """One owner whose folder is due to be looked through."""
    due = (
        select(OwnerSpace.owner_id)
        .where(OwnerSpace.discover_due_at <= now)
        .order_by(OwnerSpace.discover_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = await session.execute(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == due)
        .values(discover_due_at=lease_until)
        .returning(OwnerSpace.owner_id, OwnerSpace.prefix, OwnerSpace.prepared)
        .execution_options(synchronize_session=False)
    )
    return claimed.one_or_none()


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


async def is_being_written(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> bool:
    """Whether a live key may write to the backup."""
    live = select(StorageKey.access_key_id).where(
        StorageKey.owner_id == owner_id,
        or_(StorageKey.backup_id == backup_id, StorageKey.backup_id.is_(None)),
        StorageKey.access == "write",
        StorageKey.expires_at > now,
        StorageKey.revoked_at.is_(None),
    )
    return bool(await session.scalar(select(live.exists())))


async def in_use_until(session: AsyncSession, backup_id: UUID, now: datetime) -> datetime | None:
    """When the last key ends that removal must wait for: of a restore, or one that cannot be revoked; None if none."""
    return await session.scalar(
        select(func.max(StorageKey.expires_at)).where(
            StorageKey.backup_id == backup_id,
            or_(StorageKey.restore_id.is_not(None), StorageKey.issuer != "vault"),
            StorageKey.expires_at > now,
            StorageKey.revoked_at.is_(None),
        )
    )


async def revoke_keys(
    session: AsyncSession,
    now: datetime,
    *,
    owner_id: UUID | None = None,
    backup_id: UUID | None = None,
    restore_id: UUID | None = None,
    issued_until: datetime | None = None,
) -> None:
    """Revoke the live keys of an owner, a backup or a restore; only those issued until an instant when one is given."""
    query = update(StorageKey).where(StorageKey.revoked_at.is_(None), StorageKey.expires_at > now)
    if owner_id is not None:
        query = query.where(StorageKey.owner_id == owner_id)
    if backup_id is not None:
        query = query.where(StorageKey.backup_id == backup_id)
    if restore_id is not None:
        query = query.where(StorageKey.restore_id == restore_id)
    if issued_until is not None:
        query = query.where(StorageKey.issued_at <= issued_until)
    await session.execute(query.values(revoked_at=now).execution_options(synchronize_session=False))


async def list_live_keys(
    session: AsyncSession, owner_id: UUID, now: datetime, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[AnyRow]:
    """An owner's keys that have not ended, newest first."""
    query = select(
        StorageKey.access_key_id,
        StorageKey.backup_id,
        StorageKey.restore_id,
        StorageKey.access.label("scope"),
        StorageKey.issuer,
        StorageKey.issued_at,
        StorageKey.expires_at,
    ).where(StorageKey.owner_id == owner_id, StorageKey.expires_at > now, StorageKey.revoked_at.is_(None))
    if after is not None:
        query = query.where(tuple_(StorageKey.issued_at, StorageKey.access_key_id) < after)
    query = query.order_by(StorageKey.issued_at.desc(), StorageKey.access_key_id.desc()).limit(limit + 1)
    return (await session.execute(query)).all()


async def find_grant(session: AsyncSession, access_key_id: str) -> AnyRow | None:
    """What the gate must know of a key, in one row."""
    query = (
        select(
            StorageKey.owner_id,
            StorageKey.access,
            StorageKey.expires_at,
            StorageKey.revoked_at,
            OwnerSpace.prefix,
            OwnerSpace.restriction,
            Backup.repository,
        )
        .join(OwnerSpace, OwnerSpace.owner_id == StorageKey.owner_id)
        .outerjoin(Backup, Backup.id == StorageKey.backup_id)
        .where(StorageKey.access_key_id == access_key_id, StorageKey.issuer == "vault")
    )
    return (await session.execute(query)).one_or_none()


async def is_known_object(session: AsyncSession, owner_id: UUID, repository: str, folder: str, name: str) -> bool:
    """Whether catalog has seen this object of a repository, so that nobody may write it again."""
    backup = select(Backup.id).where(
        Backup.owner_id == owner_id, Backup.repository == repository, Backup.state != State.DELETED
    )
    match folder:
        case "config":
            known = backup.where(Backup.initialised)
        case "keys":
            known = backup.where(literal(name) == any_(Backup.key_names))
        case _:
            known = select(Snapshot.id).where(
                Snapshot.backup_id.in_(backup), Snapshot.restic_id == name, Snapshot.object_modified_at.is_not(None)
            )
    return bool(await session.scalar(select(known.exists())))


async def is_initialised(session: AsyncSession, owner_id: UUID, repository: str) -> bool:
    """Whether the repository's config has been seen in the store."""
    seen = select(Backup.id).where(
        Backup.owner_id == owner_id,
        Backup.repository == repository,
        Backup.initialised,
        Backup.state != State.DELETED,
    )
    return bool(await session.scalar(select(seen.exists())))


async def claim_repository(
    session: AsyncSession, owner_id: UUID, repository: str, access_key_id: str, now: datetime, until: datetime
) -> bool:
    """Let this key, and for a while no other, initialise the repository; False while another holds the claim."""
    insertion = insert(RepositoryClaim).values(
        owner_id=owner_id, repository=repository, access_key_id=access_key_id, claimed_until=until
    )
    claimed = await session.scalar(
        insertion.on_conflict_do_update(
            index_elements=[RepositoryClaim.owner_id, RepositoryClaim.repository],
            set_={"access_key_id": access_key_id, "claimed_until": until},
            where=or_(RepositoryClaim.access_key_id == access_key_id, RepositoryClaim.claimed_until < now),
        ).returning(RepositoryClaim.repository)
    )
    return claimed is not None


async def count_key_file_reads(session: AsyncSession, owner_id: UUID, since: datetime) -> int:
    counted = await session.scalar(
        select(func.count()).where(KeyFileRead.owner_id == owner_id, KeyFileRead.read_at > since)
    )
    return counted or 0


async def find_writer_terminus(session: AsyncSession, owner_id: UUID, at: datetime) -> UUID | None:
    """The Terminus whose write key was the last issued before this instant."""
    return await session.scalar(
        select(StorageKey.terminus_id)
        .where(StorageKey.owner_id == owner_id, StorageKey.access == "write", StorageKey.issued_at <= at)
        .order_by(StorageKey.issued_at.desc())
        .limit(1)
    )
