"""Issuing and revoking storage keys, and giving out restic key files."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.adapters import Adapters
from catalog.domain.gate import Access, Restriction
from catalog.domain.layout import Folder
from catalog.domain.lifecycle import State
from catalog.errors import (
    BackupDeleted,
    BackupNotFound,
    PinTooLate,
    RepositoryMissing,
    StorageKeyNotFound,
    TooManyRequests,
)
from catalog.models import Backup, KeyFileRead, OwnerSpace, StorageKey
from catalog.operations import reservations, restrictions
from catalog.operations.backups import require_writable
from catalog.ports import IssuedKey, Place, RoomWanted
from shared.db import Database
from shared.errors import ServiceError

KEY_FILES = 20
KEY_FILE_BYTES = 16_384
KEY_FILE_READS_A_MINUTE = 30


@dataclass(frozen=True)
class Wanted:
    """A key somebody asks for; with a restore, it ends with that restore."""

    owner_id: UUID
    backup_id: UUID
    access: Access
    lifetime: timedelta
    restore_id: UUID | None = None
    declared_bytes: int | None = None


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
        PinTooLate: If it is for a restore to the cloud that has ended.
        OverLimit, Arrears: If the owner has no room for what is to be written.
        StoreUnavailable: If the issuer does not answer.
    """
    async with database.transaction() as session:
        place = await _place(session, wanted)
        space = await session.get_one(OwnerSpace, wanted.owner_id)
        intent = await _intend(session, wanted, space, now) if wanted.access is Access.WRITE else None
        if intent is not None:
            await queries.measurements.bring_measurement_forward(session, wanted.backup_id, now + writing_every)
    try:
        if intent is not None:
            answer = await reservations.reserve(adapters.quota, intent)
            if answer is not None and answer.number > space.quota_number:
                # The event that this room lifts a restriction may be on its way; the gate must know it before.
                async with database.transaction() as session:
                    await restrictions.heed_billing(session, wanted.owner_id, answer.number, answer.restriction, now)
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


async def revoke_key(session: AsyncSession, owner_id: UUID, access_key_id: str, now: datetime) -> None:
    """End a key now; one that has ended stays ended.

    Raises:
        StorageKeyNotFound: If the key is not the owner's.
    """
    found = await session.scalar(
        update(StorageKey)
        .where(StorageKey.access_key_id == access_key_id, StorageKey.owner_id == owner_id)
        .values(revoked_at=func.coalesce(StorageKey.revoked_at, now))
        .returning(StorageKey.access_key_id)
    )
    if found is None:
        raise StorageKeyNotFound("You have no storage key of that id.")
    await queries.reservations.give_back_of_keys(session, [found], now)


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
    folder = f"{repository}/{Folder.KEYS}/"
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
