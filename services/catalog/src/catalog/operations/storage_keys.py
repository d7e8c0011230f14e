"""Issuing and revoking storage keys, and giving out restic key files."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.adapters import Adapters
from catalog.domain.gate import Access, Restriction
from catalog.domain.layout import Folder, is_old, object_path
from catalog.domain.lifecycle import State
from catalog.errors import (
    BackupDeleted,
    BackupNotFound,
    LayoutReadOnly,
    PinTooLate,
    RepositoryMissing,
    StorageKeyNotFound,
    TooManyRequests,
)
from catalog.models import Backup, KeyFileRead, OwnerSpace, StorageKey
from catalog.operations import reservations
from catalog.operations.backups import require_writable
from catalog.ports import IssuedKey, Place, RoomWanted
from shared.db import Database
from shared.errors import ServiceError

KEY_FILES = 20
KEY_FILE_BYTES = 16_384
KEY_FILE_READS_A_MINUTE = 30
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Wanted:
    """A key somebody asks for; with a restore, it ends with that restore.

    Args:
        most_an_hour: Not more than so many for the owner; None for a restore, which somebody waits for.
    """

    owner_id: UUID
    backup_id: UUID
    access: Access
    lifetime: timedelta
    restore_id: UUID | None = None
    declared_bytes: int | None = None
    most_an_hour: int | None = None


async def issue_key(
    database: Database, adapters: Adapters, wanted: Wanted, writing_every: timedelta, now: datetime
) -> dict[str, Any]:
    """A key for one backup's repository.

    For a writing one billing is asked for room first. What is about to happen is written down before: the measurement
    that watches the writer, and the room. Billing and the issuer are asked outside any transaction: a key whose row was
    lost with the process still gets measured and ends by itself, and its room is given back.

    Raises:
        BackupNotFound: If the backup is not the owner's.
        BackupDeleted: If it is to be deleted (for writing) or gone (for reading).
        LayoutReadOnly: If it is to be written and lies where older clients wrote.
        PinTooLate: If it is for a restore to the cloud that has ended.
        TooManyRequests: After too many keys within an hour.
        OverLimit, Arrears: If the owner has no room for what is to be written.
        StoreUnavailable: If the issuer does not answer.
    """
    async with database.transaction() as session:
        place = await _place(session, wanted)
        if wanted.most_an_hour is not None:
            await require_pace(session, wanted.owner_id, wanted.most_an_hour, now, of_devices=False)
        space = await session.get_one(OwnerSpace, wanted.owner_id)
        intent = await _intend(session, wanted, space, now) if wanted.access is Access.WRITE else None
        if intent is not None:
            await queries.measurements.bring_measurement_forward(session, wanted.backup_id, now + writing_every)
    try:
        if intent is not None:
            await reservations.reserve_and_heed(database, adapters.quota, intent, space.quota_number, now)
        if not space.prepared:
            await adapters.prepare(place.prefix)
        issued = await adapters.issuer.issue(place, wanted.access, now + wanted.lifetime)
        async with database.transaction() as session:
            await _record(session, adapters, wanted, issued, intent, now)
    except ServiceError:
        if intent is not None:
            await reservations.give_back(database, intent, now)
        raise
    return _read(issued, wanted.access, place, adapters)


async def _intend(session: AsyncSession, wanted: Wanted, space: OwnerSpace, now: datetime) -> reservations.Intent:
    backup = await session.get_one(Backup, wanted.backup_id)
    room = RoomWanted(
        reservation_id=uuid4(),
        owner_id=wanted.owner_id,
        backup_id=wanted.backup_id,
        terminus_id=backup.terminus_id,
        declared_bytes=wanted.declared_bytes,
        expires_at=now + wanted.lifetime,
    )
    heard = Restriction(space.restriction) if space.restriction else None
    return reservations.intend(session, room, heard, now)


async def _record(
    session: AsyncSession, adapters: Adapters, wanted: Wanted, issued: IssuedKey, intent: reservations.Intent | None,
    now: datetime,
) -> None:  # fmt: skip
    # Asked again under the row's lock: the backup may have been deleted meanwhile, or the restore have ended.
    await _place(session, wanted)
    await _require_open(session, wanted)
    backup = await session.get_one(Backup, wanted.backup_id)
    (await session.get_one(OwnerSpace, wanted.owner_id)).prepared = True
    session.add(
        StorageKey(
            access_key_id=issued.access_key_id,
            owner_id=wanted.owner_id,
            backup_id=wanted.backup_id,
            terminus_id=backup.terminus_id,
            restore_id=wanted.restore_id,
            access=wanted.access,
            issuer=adapters.issuer.name,
            declared_bytes=wanted.declared_bytes,
            issued_at=now,
            expires_at=issued.expires_at,
        )
    )
    if intent is not None:
        await session.flush()
        await reservations.bind(session, intent, issued.access_key_id)


async def require_pace(
    session: AsyncSession, owner_id: UUID, most_an_hour: int, now: datetime, *, of_devices: bool
) -> None:
    """Not more than so many keys within an hour, save what is being issued just now.

    The keys themselves are counted, those of devices apart: whoever stole a device's token takes none from the owner.

    Raises:
        TooManyRequests: If there were as many.
    """
    first = await queries.storage_keys.find_last_issued(session, owner_id, most_an_hour, of_devices=of_devices)
    if first is not None and first > now - HOUR:
        wait = ceil((first + HOUR - now).total_seconds())
        raise TooManyRequests(
            f"{most_an_hour} storage keys were issued within an hour, which is the most. Try again in {wait} seconds.",
            retry_after_seconds=wait,
        )


async def revoke_key(session: AsyncSession, owner_id: UUID, access_key_id: str, now: datetime) -> None:
    """End a key now, and with a device's all that were renewed one from another with it; what has ended stays ended.

    Raises:
        StorageKeyNotFound: If the key is not the owner's.
    """
    # Locked: a renewal either is waited for, or finds its key revoked.
    await queries.spaces.lock_space(session, owner_id)
    key = await session.get(StorageKey, access_key_id)
    if key is None or key.owner_id != owner_id:
        raise StorageKeyNotFound("You have no storage key of that id.")
    await queries.storage_keys.revoke_keys(session, now, owner_id=owner_id, access_key_id=access_key_id)


async def revoke_all_keys(session: AsyncSession, owner_id: UUID, now: datetime) -> None:
    """End all of an owner's keys now, also those of devices that could still be renewed."""
    # Locked, as above.
    await queries.spaces.lock_space(session, owner_id)
    await queries.storage_keys.revoke_keys(session, now, owner_id=owner_id)


async def read_key_files(
    database: Database, adapters: Adapters, owner_id: UUID, backup_id: UUID, reader: str, now: datetime
) -> list[dict[str, str]]:
    """A repository's key files, which hold the master key sealed by the backup password; each reading is noted.

    Args:
        reader: Who gets them, for the record.

    Raises:
        BackupNotFound: If the backup is not the owner's.
        RepositoryMissing: If there are none: nothing was backed up yet, or the store lost them.
        TooManyRequests: After too many readings in a minute.
        StoreUnavailable: If the store does not answer.
    """
    async with database.transaction() as session:
        backup = await queries.backups.find_backup(session, owner_id, backup_id)
        if backup is None:
            raise BackupNotFound("You have no backup of that id.")
        if (
            await queries.storage_keys.count_key_file_reads(session, owner_id, now - timedelta(minutes=1))
            >= KEY_FILE_READS_A_MINUTE
        ):
            raise TooManyRequests("Key files were asked for too often. Wait a minute.", retry_after_seconds=60)
        session.add(KeyFileRead(owner_id=owner_id, backup_id=backup_id, reader=reader, read_at=now))
        space = await session.get_one(OwnerSpace, owner_id)
        repository = backup.repository
    location = adapters.issuer.location(space.prefix)
    folder = f"{object_path(repository)}/{Folder.KEYS}/"
    names = [found.name async for page in adapters.store.list_objects(location, folder) for found in page][:KEY_FILES]
    if not names:
        raise RepositoryMissing("There is no repository in the store for this backup: back up first.")
    contents = [await adapters.store.read_small(location, folder + name, KEY_FILE_BYTES) for name in names]
    return [
        {"name": name, "content": base64.b64encode(content).decode()}
        for name, content in zip(names, contents, strict=True)
    ]


async def _require_open(session: AsyncSession, wanted: Wanted) -> None:
    """No key for a restore to the cloud whose end was heard: nobody would end it any more.

    An end that comes meanwhile waits for this key, and ends it.
    """
    pin = None if wanted.restore_id is None else await queries.pins.find_pin(session, wanted.restore_id, lock=True)
    if pin is not None and pin.ended_at is not None:
        raise PinTooLate("This restore has ended: no keys are given out for it any more.")


async def _place(session: AsyncSession, wanted: Wanted) -> Place:
    backup = await queries.backups.find_backup(session, wanted.owner_id, wanted.backup_id, lock=True)
    if backup is None:
        raise BackupNotFound("You have no backup of that id. GET /api/v1/backups lists yours.")
    if wanted.access is Access.WRITE:
        require_writable(backup)
        if is_old(backup.repository):
            raise LayoutReadOnly("This backup is of an older client: restore or delete it, and make a new one.")
    elif backup.state not in (State.ACTIVE, State.DELETING):
        raise BackupDeleted("This backup was deleted: there is nothing left to read.")
    space = await session.get_one(OwnerSpace, wanted.owner_id)
    return Place(space.prefix, backup.repository)


def _read(issued: IssuedKey, access: Access, place: Place, adapters: Adapters) -> dict[str, Any]:
    return {
        "access_key_id": issued.access_key_id,
        "secret_access_key": issued.secret_access_key,
        "session_token": issued.session_token,
        "expires_at": issued.expires_at,
        "scope": access,
        "issuer": adapters.issuer.name,
        "repository_url": adapters.issuer.repository_url(place),
        "ca_certificate": adapters.issuer.ca_certificate(),
    }
