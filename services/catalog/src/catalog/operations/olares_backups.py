"""Backups as Olares devices tell of them: saved, given up, hinted at, and restored by their Backup Url."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.adapters import Adapters
from catalog.domain.backup_url import NotOfABackup, backup_url
from catalog.domain.layout import STORES_OWN
from catalog.domain.lifecycle import State
from catalog.domain.snapshots import Status
from catalog.errors import BackupNameUnusable, BackupUrlImpossible, SnapshotNotFound
from catalog.models import Backup
from catalog.schemas import DeviceBackup
from shared.auth import Caller
from shared.db import Database
from shared.events.catalog import BackupRegistered
from shared.outbox import publish

LONGEST_NAME = 255
LONGEST_REPOSITORY_BYTES = 900
"""The longest name of an object in S3 is 1024 bytes, and the owner's prefix and restic's own names are part of it."""
HINTS_EVERY = timedelta(seconds=60)
"""Whoever knows a DID and a backup's id can hint; so often the store is looked at for it, and no more."""


async def save_backup(session: AsyncSession, caller: Caller, told: DeviceBackup, now: datetime) -> None:
    """Register a device's backup, or bring it up to date; devices say the same again after every snapshot.

    One that was found in the store before becomes the device's. One that is being deleted stays so, and a native one is
    none of the device's.

    Raises:
        BackupNameUnusable: If no repository can be written under its name.
    """
    repository = _repository(told.name, told.backup_id)
    await queries.spaces.ensure_space(session, caller.owner_id, caller.did, now)
    terminus_id = await _terminus_of(session, caller)
    backup = await queries.backups.find_device_backup(session, caller.owner_id, told.backup_id)
    if backup is None:
        if await _register(session, caller, told, repository, terminus_id, now):
            return
        # Somebody was faster: the same request once more, or whoever looks through the store.
        backup = await queries.backups.find_device_backup(session, caller.owner_id, told.backup_id)
        backup = backup or await queries.backups.find_live_repository(session, caller.owner_id, repository)
    if backup is None or backup.state != State.ACTIVE or not _is_devices(backup):
        return
    backup.device_backup_id = told.backup_id
    backup.name, backup.kind, backup.source = _shown_name(told.name), told.kind, told.source
    backup.stopped_at = None
    backup.terminus_id = backup.terminus_id or terminus_id
    await session.flush()
    await queries.backups.hint(session, caller.did, told.backup_id, now, HINTS_EVERY)


async def stop_backup(session: AsyncSession, owner_id: UUID, device_backup_id: UUID, now: datetime) -> None:
    """Note that the device gave the task up; what was backed up stays. One that is not known is fine."""
    await queries.backups.note_stop(session, owner_id, device_backup_id, now)


async def hint(database: Database, did: str, device_backup_id: UUID, now: datetime) -> None:
    """Look into the store soon for what a device may have written; nothing at all if there is no such backup.

    Anybody may ask for it, and as often as they like: nothing is written, nor any lock waited for, unless the backup
    would be measured sooner.
    """
    async with database.reading() as session:
        if not await queries.backups.would_hint(session, did, device_backup_id, now, HINTS_EVERY):
            return
    async with database.transaction() as session:
        await queries.backups.hint(session, did, device_backup_id, now, HINTS_EVERY)


async def read_backup_url(session: AsyncSession, adapters: Adapters, owner_id: UUID, snapshot_id: UUID) -> str:
    """What to paste on an Olares device to restore this snapshot.

    Raises:
        SnapshotNotFound: If it is not the owner's.
        BackupUrlImpossible: If no device could restore it by one.
    """
    found = await queries.snapshots.find_restorable(session, owner_id, backup_id=None, snapshot_id=snapshot_id)
    space = await queries.spaces.find_space(session, owner_id)
    if found is None or space is None:
        raise SnapshotNotFound("You have no snapshot of that id.")
    if found.backup_state not in (State.ACTIVE, State.DELETING):
        raise BackupUrlImpossible("This backup was deleted: there is nothing left to restore.")
    if found.status != Status.SUCCESSFUL:
        raise BackupUrlImpossible(f"This snapshot is {found.status} in the store. Choose another one of the backup.")
    address = adapters.issuer.olares_address()
    if address is None:
        raise BackupUrlImpossible("Olares devices cannot reach the store behind this Space. Restore it another way.")
    try:
        return backup_url(
            region_id=address.region_id,
            bucket=address.bucket,
            prefix=space.prefix,
            repository=found.repository,
            restic_id=found.restic_id,
            taken_at=found.taken_at,
        )
    except NotOfABackup as error:
        raise BackupUrlImpossible(
            "This backup was made by olares-cli, which restores it by its name; a Backup Url is only for those that an"
            " Olares device makes by itself."
        ) from error


async def find_backup_url(session: AsyncSession, adapters: Adapters, owner_id: UUID, snapshot_id: UUID) -> str | None:
    """The same for a guide that shows it where there is one. Raises SnapshotNotFound."""
    try:
        return await read_backup_url(session, adapters, owner_id, snapshot_id)
    except BackupUrlImpossible:
        return None


async def _register(
    session: AsyncSession, caller: Caller, told: DeviceBackup, repository: str, terminus_id: UUID | None, now: datetime
) -> bool:
    backup_id = uuid4()
    registered = await session.scalar(
        insert(Backup)
        .values(
            id=backup_id,
            owner_id=caller.owner_id,
            terminus_id=terminus_id,
            name=_shown_name(told.name),
            kind=told.kind,
            source=told.source,
            repository=repository,
            device_backup_id=told.backup_id,
            discovered=False,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Backup.id)
    )
    if registered is None:
        return False
    publish(
        session,
        BackupRegistered(
            owner_id=caller.owner_id,
            backup_id=backup_id,
            terminus_id=terminus_id,
            backup_name=_shown_name(told.name),
            discovered=False,
            registered_at=now,
        ),
    )
    return True


def _is_devices(backup: Backup) -> bool:
    """Whether a device may tell of it: a backup that was registered natively can be named by a device as well."""
    return backup.device_backup_id is not None or backup.discovered


async def _terminus_of(session: AsyncSession, caller: Caller) -> UUID | None:
    """A device does not say whose a backup is: it is of the Terminus it asked for keys for, else of the only one."""
    asked_for = await queries.terminus.find_session_terminus(session, caller.owner_id, caller.session_id)
    return asked_for or await queries.terminus.find_only_terminus(session, caller.owner_id)


def _repository(name: str, device_backup_id: UUID) -> str:
    """The folder that a device writes to; it uses its own name for the backup as it is."""
    repository = f"{name}-{device_backup_id}"
    # The store gate refuses what two readers could read differently, so nothing would ever get there.
    unusable = any(letter in "/\\" + STORES_OWN or letter < " " or letter == "\x7f" for letter in name)
    if unusable or len(repository.encode()) > LONGEST_REPOSITORY_BYTES:
        raise BackupNameUnusable(
            "No backup can be stored under this name: it is too long, or has slashes, control characters or a"
            f" {STORES_OWN} in it. Make one with another name."
        )
    return repository


def _shown_name(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name)[:LONGEST_NAME]
