"""What the restore service asks: which snapshot, and keys that read it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.adapters import Adapters
from catalog.domain.gate import Access
from catalog.domain.lifecycle import State
from catalog.domain.snapshots import Status
from catalog.errors import BackupDeleted, PinTooLate, SnapshotNotFound, SnapshotNotRestorable
from catalog.operations.storage_keys import Wanted, issue_key, read_key_files
from shared.db import Database


async def find_restorable(
    session: AsyncSession, owner_id: UUID, *, backup_id: UUID | None, snapshot_id: UUID | None
) -> queries.AnyRow:
    """A snapshot that can be restored now.

    Raises:
        SnapshotNotFound: If it is not the owner's, or the backup has no successful snapshot.
        BackupDeleted: If its objects are going or gone.
        SnapshotNotRestorable: If the store does not have it as it should be.
    """
    found = await queries.snapshots.find_restorable(session, owner_id, backup_id=backup_id, snapshot_id=snapshot_id)
    if found is None or (backup_id is None and snapshot_id is None):
        raise SnapshotNotFound("You have no such snapshot, or this backup has no successful snapshot yet.")
    if found.backup_state not in (State.ACTIVE, State.DELETING):
        raise BackupDeleted("This backup was deleted: there is nothing left to restore.")
    if found.status != Status.SUCCESSFUL:
        raise SnapshotNotRestorable(
            f"This snapshot is {found.status} in the store. Choose another one of the backup.",
            status_in_store=found.status,
        )
    return found


async def pin_restorable(
    session: AsyncSession,
    owner_id: UUID,
    restore_id: UUID,
    *,
    backup_id: UUID | None,
    snapshot_id: UUID | None,
    now: datetime,
) -> queries.AnyRow:
    """The snapshot of a restore to the cloud, whose backup is not removed before that restore has ended.

    Asked again it is the same one, even if the backup has a later one by now.

    Raises:
        SnapshotNotFound, BackupDeleted, SnapshotNotRestorable: If it cannot be restored now.
        PinTooLate: If the restore's end was heard already.
    """
    pin = await queries.pins.find_pin(session, restore_id)
    if pin is None:
        found = await find_restorable(session, owner_id, backup_id=backup_id, snapshot_id=snapshot_id)
        # Whoever begins the removal locks this row too: either they see the pin, or what follows sees the removal.
        await queries.backups.find_backup(session, owner_id, found.backup_id, lock=True)
        await queries.pins.pin(session, restore_id, owner_id, found.backup_id, found.snapshot_id, now)
        pin = await queries.pins.find_pin(session, restore_id)
        assert pin is not None
    if pin.ended_at is not None:
        raise PinTooLate("This restore has ended: nothing is kept for it any more. Begin another one.")
    return await find_restorable(session, owner_id, backup_id=None, snapshot_id=pin.snapshot_id)


async def issue_restore_key(
    database: Database, adapters: Adapters, owner_id: UUID, restore_id: UUID, snapshot_id: UUID, lifetime: timedelta,
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    """A key that reads the snapshot's repository until the restore ends, and the repository's key files."""
    async with database.reading() as session:
        found = await find_restorable(session, owner_id, backup_id=None, snapshot_id=snapshot_id)
    wanted = Wanted(owner_id, found.backup_id, Access.READ, lifetime, restore_id=restore_id)
    key = await issue_key(database, adapters, wanted, timedelta(0), now)
    files = await read_key_files(database, adapters, owner_id, found.backup_id, f"restore:{restore_id}", now)
    return {**key, "key_files": files}
