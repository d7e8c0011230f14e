"""Registering, reporting to, deleting and undeleting backups."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.domain.layout import repository_name
from catalog.domain.lifecycle import IllegalTransition, State, Trigger, next_state
from catalog.domain.snapshots import Kind, Status
from catalog.errors import (
    BackupDeleted,
    BackupNameTaken,
    BackupNotDeletable,
    BackupNotFound,
    BackupNotUndeletable,
    SnapshotTimeInvalid,
)
from catalog.models import Backup, Snapshot
from catalog.operations.terminus import get_terminus
from catalog.schemas import BackupCreate, PathSource, SnapshotReport
from shared.auth import Caller
from shared.events.catalog import BackupRegistered
from shared.outbox import publish

CLOCK_SKEW = timedelta(days=1)
"""How far a device's clock may run ahead before its snapshot times are refused."""


async def register_backup(session: AsyncSession, caller: Caller, wanted: BackupCreate, now: datetime) -> queries.AnyRow:
    """A new backup task; one that names no Terminus is of the owner's only one, if they have exactly one.

    Raises:
        TerminusNotFound: If the Terminus is not the owner's.
        BackupNameTaken: If a live backup of that Terminus has the name; it says which.
    """
    await queries.spaces.ensure_space(session, caller.owner_id, caller.did, now)
    terminus_id = await _terminus_of(session, caller.owner_id, wanted)
    backup_id = uuid4()
    registered = await session.scalar(
        insert(Backup)
        .values(
            id=backup_id,
            owner_id=caller.owner_id,
            terminus_id=terminus_id,
            name=wanted.name,
            kind=wanted.source.kind,
            source=wanted.source.path if isinstance(wanted.source, PathSource) else wanted.source.app,
            repository=repository_name(wanted.name, backup_id),
            discovered=False,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Backup.id)
    )
    if registered is None:
        raise _name_taken(
            wanted.name, await queries.backups.find_live_name(session, caller.owner_id, terminus_id, wanted.name)
        )
    publish(
        session,
        BackupRegistered(
            owner_id=caller.owner_id,
            backup_id=backup_id,
            terminus_id=terminus_id,
            backup_name=wanted.name,
            discovered=False,
            registered_at=now,
        ),
    )
    return await get_backup(session, caller.owner_id, backup_id, now)


async def get_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> queries.AnyRow:
    """The backup as the list shows it."""
    backup = await queries.backups.read_backup(session, owner_id, backup_id, now)
    if backup is None:
        raise _not_found()
    return backup


async def report_snapshot(
    session: AsyncSession, owner_id: UUID, backup_id: UUID, report: SnapshotReport, now: datetime
) -> queries.AnyRow:
    """Note what a device says, and look in the store soon. Repeating a report changes nothing.

    Raises:
        BackupNotFound: If the backup is not the owner's.
        BackupDeleted: If its objects are going or gone.
        SnapshotTimeInvalid: If it was taken later than a wrong clock explains.
    """
    backup = await queries.backups.find_backup(session, owner_id, backup_id, lock=True)
    if backup is None:
        raise _not_found()
    require_writable(backup)
    if report.taken_at > now + CLOCK_SKEW:
        raise SnapshotTimeInvalid(
            "This snapshot is said to be from the future. Set the device's clock, then back up again.",
            server_time=now.isoformat(),
        )
    said = {
        "size_processed_bytes": report.size_processed_bytes,
        "size_added_bytes": report.size_added_bytes,
        "version": report.version,
        "taken_at": report.taken_at,
        "reported": True,
    }
    has_full = await session.scalar(
        select(exists().where(Snapshot.backup_id == backup_id, Snapshot.status == Status.SUCCESSFUL))
    )
    snapshot_id = await session.scalar(
        insert(Snapshot)
        .values(
            id=uuid4(),
            backup_id=backup_id,
            owner_id=owner_id,
            restic_id=report.restic_id,
            status=Status.PENDING,
            kind=Kind.INCREMENTAL if has_full else Kind.FULL,
            discovered=False,
            created_at=now,
            **said,
        )
        # Said once: a later report could otherwise move an old snapshot to the top of the list.
        .on_conflict_do_update(
            index_elements=[Snapshot.backup_id, Snapshot.restic_id], set_=said, where=~Snapshot.reported
        )
        .returning(Snapshot.id)
    )
    if snapshot_id is None:
        snapshot_id = await session.scalar(
            select(Snapshot.id).filter_by(backup_id=backup_id, restic_id=report.restic_id)
        )
    assert snapshot_id is not None
    await queries.measurements.bring_measurement_forward(session, backup_id, now)
    snapshot = await queries.snapshots.read_snapshot(session, owner_id, snapshot_id)
    assert snapshot is not None
    return snapshot


async def delete_backup(
    session: AsyncSession, owner_id: UUID, backup_id: UUID, grace: timedelta, now: datetime
) -> queries.AnyRow:
    """Schedule the deletion; asked again, it stays as it was scheduled first.

    Raises:
        BackupNotDeletable: If its objects are going or gone already.
    """
    backup = await queries.backups.find_backup(session, owner_id, backup_id, lock=True)
    if backup is None:
        raise _not_found()
    if backup.state != State.DELETING:
        try:
            next_state(State(backup.state), Trigger.DELETE)
        except IllegalTransition as error:
            raise BackupNotDeletable("This backup's objects are being removed or are gone already.") from error
        await queries.backups.move(session, backup_id, State(backup.state), Trigger.DELETE, now)
        backup.delete_due_at = now + grace
        await session.flush()
    return await get_backup(session, owner_id, backup_id, now)


async def undelete_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> queries.AnyRow:
    """Undo a deletion whose grace is not over.

    Raises:
        BackupNotUndeletable: If it was not to be deleted, or its objects are going.
    """
    backup = await queries.backups.find_backup(session, owner_id, backup_id, lock=True)
    if backup is None:
        raise _not_found()
    try:
        next_state(State(backup.state), Trigger.UNDELETE)
    except IllegalTransition as error:
        reason = (
            "This backup is not being deleted: there is nothing to undo."
            if backup.state == State.ACTIVE
            else "It is too late: the grace is over and the objects of this backup are going or gone."
        )
        raise BackupNotUndeletable(reason) from error
    await queries.backups.move(session, backup_id, State(backup.state), Trigger.UNDELETE, now)
    backup.delete_due_at = None
    await session.flush()
    await queries.measurements.bring_measurement_forward(session, backup_id, now)
    return await get_backup(session, owner_id, backup_id, now)


def require_writable(backup: Backup) -> None:
    """Raises BackupDeleted unless the backup is one to add to."""
    if backup.state == State.DELETING:
        raise BackupDeleted("This backup is going to be deleted. Undelete it first, then back up again.")
    if backup.state != State.ACTIVE:
        raise BackupDeleted("This backup was deleted. Make a new one.")


async def _terminus_of(session: AsyncSession, owner_id: UUID, wanted: BackupCreate) -> UUID | None:
    if wanted.terminus_id is not None:
        return (await get_terminus(session, owner_id, wanted.terminus_id)).id
    # Made before the owner had a Terminus: whoever asks for it again means that one.
    holder = await queries.backups.find_live_name(session, owner_id, None, wanted.name)
    if holder is not None:
        raise _name_taken(wanted.name, holder)
    return await queries.terminus.find_only_terminus(session, owner_id)


def _name_taken(name: str, holder: UUID | None) -> BackupNameTaken:
    return BackupNameTaken(
        f"You already have a backup called {name!r}. Use that one, or choose another name.", backup_id=str(holder)
    )


def _not_found() -> BackupNotFound:
    return BackupNotFound("You have no backup of that id. GET /api/v1/backups lists yours.")
