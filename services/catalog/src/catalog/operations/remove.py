"""Removing a backup's objects once its grace is over."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.adapters import Adapters
from catalog.domain.layout import Folder, object_path
from catalog.domain.lifecycle import State, Trigger
from catalog.errors import StoreUnavailable
from catalog.models import Backup, StorageMeasurement
from catalog.operations.measure import GIVEN_UP
from catalog.settings import Settings
from shared.db import Database
from shared.events.catalog import BackupDeleted, StorageMeasured
from shared.outbox import publish

LEASE = timedelta(minutes=30)
TRY_AGAIN = timedelta(seconds=15)
"""After the store did not answer."""
LOOK_AGAIN = timedelta(minutes=1)
"""While a restore to the cloud keeps the objects."""


async def begin_due_removal(database: Database, settings: Settings, now: datetime) -> int:
    """Take one backup past its grace: revoke its keys and let the gate forget them; 0 when none is due.

    A backup waits as long as a restore to the cloud pins it; one that is being restored until that restore's keys have
    ended, and one with keys of its own that cannot be revoked until those have.
    """
    async with database.transaction() as session:
        claimed = await queries.backups.claim_deletion(session, now, State.DELETING, now + settings.removal_pause)
        if claimed is None:
            return 0
        wait_until = await _in_use_until(session, claimed.backup_id, now)
        if wait_until is not None:
            backup = await session.get_one(Backup, claimed.backup_id)
            backup.delete_due_at = wait_until
            return 1
        await queries.backups.move(session, claimed.backup_id, State.DELETING, Trigger.GRACE_OVER, now)
        await queries.storage_keys.revoke_keys(session, now, backup_id=claimed.backup_id)
    return 1


async def finish_due_removal(database: Database, adapters: Adapters, now: datetime) -> int:
    """Remove one backup's objects and record that they are gone; 0 when none is due.

    Snapshots and the configuration go last: whoever looks meanwhile sees a backup, not a heap of packs. A process
    that dies here leaves the rest to the next turn.
    """
    async with database.transaction() as session:
        claimed = await queries.backups.claim_deletion(session, now, State.REMOVING, now + LEASE)
    if claimed is None:
        return 0
    try:
        is_empty = await _empty(adapters, claimed.prefix, claimed.repository, may_be_new=not claimed.prepared)
    except StoreUnavailable:
        async with database.transaction() as session:
            (await session.get_one(Backup, claimed.backup_id)).delete_due_at = now + TRY_AGAIN
        raise
    async with database.transaction() as session:
        if not is_empty:
            (await session.get_one(Backup, claimed.backup_id)).delete_due_at = now + TRY_AGAIN
            return 1
        if await queries.backups.move(session, claimed.backup_id, State.REMOVING, Trigger.EMPTIED, now):
            await _record_gone(session, await session.get_one(Backup, claimed.backup_id), now)
    return 1


async def sweep_due_leftovers(database: Database, adapters: Adapters, now: datetime) -> int:
    """Remove what was still written where a removed backup was, by keys that nobody could stop; 0 when none is due."""
    async with database.transaction() as session:
        claimed = await queries.backups.claim_deletion(session, now, State.DELETED, now + LEASE)
    if claimed is None:
        return 0
    try:
        is_done = await _sweep(adapters, claimed.prefix, claimed.repository, now)
    except StoreUnavailable:
        async with database.transaction() as session:
            (await session.get_one(Backup, claimed.backup_id)).delete_due_at = now + TRY_AGAIN
        raise
    async with database.transaction() as session:
        (await session.get_one(Backup, claimed.backup_id)).delete_due_at = None if is_done else now + GIVEN_UP
    return 1


async def _in_use_until(session: AsyncSession, backup_id: UUID, now: datetime) -> datetime | None:
    """Until when a removal has to wait at least; None when nobody needs the objects."""
    if await queries.pins.is_pinned(session, backup_id):
        return now + LOOK_AGAIN
    in_use_until = await queries.storage_keys.in_use_until(session, backup_id, now)
    return None if in_use_until is None else min(in_use_until, now + LEASE)


async def _empty(adapters: Adapters, prefix: str, repository: str, *, may_be_new: bool) -> bool:
    """Remove all objects of a repository; False when there were new ones at the end."""
    location = adapters.issuer.location(prefix)
    folder = f"{object_path(repository)}/"
    late: list[str] = []
    async for page in adapters.store.list_objects(location, folder, may_be_new=may_be_new):
        names = [folder + item.name for item in page]
        kept = [name for name in names if _goes_last(name.removeprefix(folder))]
        late += kept
        await adapters.store.remove(location, [name for name in names if name not in set(kept)])
    await adapters.store.remove(location, late)
    return not [
        item async for page in adapters.store.list_objects(location, folder, may_be_new=may_be_new) for item in page
    ]


async def _sweep(adapters: Adapters, prefix: str, repository: str, now: datetime) -> bool:
    """Remove objects that no config goes with; False while there are new ones, whose config may come.

    A device that goes on after its backup was removed makes a repository there anew, which is another backup.
    """
    location = adapters.issuer.location(prefix)
    folder = f"{object_path(repository)}/"
    found = [item async for page in adapters.store.list_objects(location, folder) for item in page]
    if any(item.name == Folder.CONFIG for item in found):
        return True
    if any(now - item.modified_at < GIVEN_UP for item in found):
        return False
    await adapters.store.remove(location, [folder + item.name for item in found])
    return True


def _goes_last(name: str) -> bool:
    return name == Folder.CONFIG or name.startswith(f"{Folder.SNAPSHOTS}/")


async def _record_gone(session: AsyncSession, backup: Backup, now: datetime) -> None:
    backup.deleted_at = now
    backup.measure_due_at = backup.overdue_at = None
    # What such a key writes from now on is swept after its end.
    backup.delete_due_at = await queries.storage_keys.unstoppable_until(session, backup.owner_id, backup.id, now)
    backup.storage_bytes = backup.objects = 0
    backup.measured_at = now
    session.add(StorageMeasurement(backup_id=backup.id, measured_at=now, storage_bytes=0, objects=0))
    publish(
        session,
        StorageMeasured(
            owner_id=backup.owner_id,
            backup_id=backup.id,
            terminus_id=backup.terminus_id,
            measured_at=now,
            storage_bytes=0,
            objects=0,
            snapshots=0,
        ),
    )
    publish(session, BackupDeleted(owner_id=backup.owner_id, backup_id=backup.id, deleted_at=now))
