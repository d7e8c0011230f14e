"""Measuring: what the store holds, and what follows from it for backups and snapshots."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.adapters import Adapters
from catalog.domain.gate import LARGEST_BYTES
from catalog.domain.habit import overdue_at
from catalog.domain.layout import OLD_REPOSITORIES, REPOSITORIES, Folder, classify, display_name, is_old, object_path
from catalog.domain.lifecycle import State
from catalog.domain.snapshots import Kind, SeenSnapshot, Status, added_bytes, status_of
from catalog.errors import StoreUnavailable
from catalog.models import Backup, Snapshot, StorageMeasurement
from catalog.ports import Location
from catalog.settings import Settings
from shared.db import Database
from shared.events.catalog import BackupRegistered, SnapshotRecorded, StorageMeasured
from shared.outbox import publish

LEASE = timedelta(minutes=5)
"""How long a measurement may take before somebody else begins it again; both may finish."""
TRY_AGAIN = timedelta(seconds=15)
"""After the store did not answer."""
GIVEN_UP = timedelta(seconds=60)
"""An initialisation writes its config within a second of its key; the gate's claim on it has ended by then too."""
CLOCK_TOLERANCE = timedelta(days=1)
"""How far a reported time may lie from the store's before the store's is believed; a long backup takes its time."""


@dataclass(frozen=True)
class Listing:
    """A repository as one pass over its objects showed it."""

    storage_bytes: int
    objects: int
    config_at: datetime | None
    """When its config appeared; None when it has none."""
    key_names: list[str]
    snapshots: dict[str, SeenSnapshot]
    newest_at: datetime | None


async def measure_due_backup(database: Database, adapters: Adapters, settings: Settings, now: datetime) -> int:
    """Measure one backup that is due; 0 when none is.

    Claim, look, record: the store is asked between two transactions, and a claim that is never followed by a record
    runs out.
    """
    lease_until = now + LEASE
    async with database.transaction() as session:
        claimed = await queries.measurements.claim_measurement(session, now, lease_until)
        if claimed is None:
            return 0
        verified = await _verified_objects(session, claimed.backup_id)
    location = adapters.issuer.location(claimed.prefix)
    may_be_new = not claimed.prepared
    try:
        listing = await _list_repository(adapters, location, claimed.repository, verified, may_be_new=may_be_new)
        if not claimed.initialised and is_left_over(listing, now):
            await _remove_keys(adapters, location, claimed.repository, listing)
    except StoreUnavailable:
        async with database.transaction() as session:
            await queries.measurements.give_up_measurement(session, claimed.backup_id, lease_until, now + TRY_AGAIN)
        raise
    async with database.transaction() as session:
        await _record(session, settings, claimed.backup_id, listing, measured_at=now, lease_until=lease_until)
    return 1


async def discover_due_owner(database: Database, adapters: Adapters, settings: Settings, now: datetime) -> int:
    """Look through one owner's folder for repositories nobody registered; 0 when no owner is due."""
    async with database.transaction() as session:
        claimed = await queries.spaces.claim_discovery(session, now, now + LEASE)
        if claimed is None:
            return 0
        known = set(await session.scalars(queries.backups.live_repositories(claimed.owner_id)))
    try:
        is_begun = await _discover(database, adapters, claimed, known, now)
    except StoreUnavailable:
        async with database.transaction() as session:
            await queries.spaces.bring_discovery_forward(session, claimed.owner_id, now + TRY_AGAIN)
        raise
    async with database.transaction() as session:
        unseen = await queries.storage_keys.has_unwatched_key(session, claimed.owner_id, now)
        soon = settings.measure_writing_every if unseen or is_begun else settings.discover_every
        await queries.spaces.end_discovery(session, claimed.owner_id, now + LEASE, now + soon)
    return 1


async def _discover(
    database: Database, adapters: Adapters, owner: queries.AnyRow, known: set[str], now: datetime
) -> bool:
    """Register what nobody did; whether there is a repository that is just being made, or was given up lately."""
    location = adapters.issuer.location(owner.prefix)
    is_begun = False
    for repository in await _list_repositories(adapters, location, may_be_new=not owner.prepared):
        if repository in known:
            continue
        config = await adapters.store.find(location, f"{object_path(repository)}/{Folder.CONFIG}")
        if config is not None:
            async with database.transaction() as session:
                await _register_found(session, owner.owner_id, repository, config.modified_at, now)
        elif not is_old(repository):
            is_begun = await _is_begun(adapters, location, repository, now) or is_begun
    return is_begun


async def _is_begun(adapters: Adapters, location: Location, repository: str, now: datetime) -> bool:
    """Whether a repository without a config has only keys yet; once it was given up they are removed."""
    listing = await _list_repository(adapters, location, repository, {}, may_be_new=False)
    if not _has_only_keys(listing):
        return False
    if not is_left_over(listing, now):
        return True
    await _remove_keys(adapters, location, repository, listing)
    return False


async def _remove_keys(adapters: Adapters, location: Location, repository: str, listing: Listing) -> None:
    keys = f"{object_path(repository)}/{Folder.KEYS}"
    await adapters.store.remove(location, [f"{keys}/{name}" for name in listing.key_names])


async def _list_repositories(adapters: Adapters, location: Location, *, may_be_new: bool) -> list[str]:
    """What may be a repository, where today's clients keep theirs and where older ones did."""
    top = await adapters.store.list_folders(location, "", may_be_new=may_be_new)
    found = [f"/{name}" for name in top if name not in (REPOSITORIES, OLD_REPOSITORIES)]
    for folder, start in ((REPOSITORIES, ""), (OLD_REPOSITORIES, f"/{OLD_REPOSITORIES}/")):
        if folder in top:
            names = await adapters.store.list_folders(location, f"{folder}/", may_be_new=may_be_new)
            found += [start + name for name in names]
    return found


def is_left_over(listing: Listing, now: datetime) -> bool:
    """Whether a repository is only the keys of an initialisation that was given up before it wrote the config.

    restic refuses to initialise where it finds keys, and nobody can open them without the config.
    """
    return _has_only_keys(listing) and listing.newest_at is not None and now - listing.newest_at > GIVEN_UP


def _has_only_keys(listing: Listing) -> bool:
    return listing.config_at is None and 0 < listing.objects == len(listing.key_names)


async def _list_repository(
    adapters: Adapters, location: Location, repository: str, verified: dict[str, SeenSnapshot], *, may_be_new: bool
) -> Listing:
    storage_bytes = objects = 0
    newest_at: datetime | None = None
    config_at: datetime | None = None
    folder = f"{object_path(repository)}/"
    key_names: list[str] = []
    found: dict[str, SeenSnapshot] = {}
    async for page in adapters.store.list_objects(location, folder, may_be_new=may_be_new):
        for item in page:
            storage_bytes += item.size_bytes
            objects += 1
            newest_at = max(newest_at or item.modified_at, item.modified_at)
            part = classify(item.name)
            if part is None or part.folder in (Folder.DATA, Folder.INDEX, Folder.LOCKS):
                continue
            if part.folder is Folder.CONFIG:
                config_at = item.modified_at
            elif part.folder is Folder.KEYS:
                key_names.append(part.name)
            else:
                found[part.name] = SeenSnapshot(part.name, item.size_bytes, item.modified_at, intact=False)
    for restic_id, seen in found.items():
        before = verified.get(restic_id)
        if before and (before.object_bytes, before.modified_at) == (seen.object_bytes, seen.modified_at):
            found[restic_id] = before
        elif seen.object_bytes <= LARGEST_BYTES[Folder.SNAPSHOTS]:
            digest = await adapters.store.sha256(location, f"{folder}{Folder.SNAPSHOTS}/{restic_id}")
            found[restic_id] = replace(seen, intact=digest == restic_id)
    return Listing(storage_bytes, objects, config_at, sorted(key_names), found, newest_at)


async def _verified_objects(session: AsyncSession, backup_id: UUID) -> dict[str, SeenSnapshot]:
    """Snapshots whose object was read, with the size and time it had: the same again need not be read."""
    rows = await session.execute(
        select(Snapshot.restic_id, Snapshot.status, Snapshot.object_bytes, Snapshot.object_modified_at).where(
            Snapshot.backup_id == backup_id, Snapshot.status.in_([Status.SUCCESSFUL, Status.DAMAGED])
        )
    )
    return {
        restic_id: SeenSnapshot(restic_id, size, modified_at, intact=status == Status.SUCCESSFUL)
        for restic_id, status, size, modified_at in rows
        if size is not None and modified_at is not None
    }


async def _record(
    session: AsyncSession, settings: Settings, backup_id: UUID, listing: Listing, *, measured_at: datetime,
    lease_until: datetime,
) -> None:  # fmt: skip
    backup = await session.scalar(select(Backup).where(Backup.id == backup_id).with_for_update())
    assert backup is not None
    if backup.measuring_until == lease_until:
        backup.measuring_until = None
    if backup.state not in (State.ACTIVE, State.DELETING):
        return
    has_changed = False
    if backup.measured_at is None or backup.measured_at < measured_at:
        before = _Level.of(backup)
        await _find_terminus(session, backup, listing)
        uploaded_at = await _reconcile(session, backup, listing, measured_at)
        backup.measured_at = measured_at
        level = _Level(listing.storage_bytes, listing.objects, backup.snapshot_count)
        has_changed = level != before
        await _record_level(session, backup, before, level)
        if uploaded_at is not None:
            await queries.reservations.give_back_of_devices(
                session, backup.owner_id, backup.terminus_id, uploaded_at, measured_at
            )
    if backup.measure_due_at == lease_until:
        # What a key writes in its last moments is seen too.
        lately = measured_at - settings.measure_writing_every
        writing = await queries.storage_keys.was_written_after(session, backup.owner_id, backup_id, lately)
        # A device's key is good for every repository: it is at work where something changed.
        writing = writing or (
            has_changed and await queries.storage_keys.has_device_key(session, backup.owner_id, lately)
        )
        pending = await _is_waiting_for_objects(session, backup_id)
        soon = settings.measure_writing_every if writing or pending else settings.measure_every
        backup.measure_due_at = measured_at + soon


async def _find_terminus(session: AsyncSession, backup: Backup, listing: Listing) -> None:
    """A device tells of a backup before it writes, and not from which Terminus: the key that wrote the config says."""
    if backup.device_backup_id is None or backup.terminus_id is not None or listing.config_at is None:
        return
    backup.terminus_id = await queries.storage_keys.find_writer_terminus(
        session, backup.owner_id, backup.repository, listing.config_at
    )


@dataclass(frozen=True)
class _Level:
    storage_bytes: int
    objects: int
    snapshots: int

    @classmethod
    def of(cls, backup: Backup) -> "_Level | None":
        """What was measured last; None when nothing was."""
        return None if backup.measured_at is None else cls(backup.storage_bytes, backup.objects, backup.snapshot_count)


async def _record_level(session: AsyncSession, backup: Backup, before: _Level | None, level: _Level) -> None:
    """Write down and announce a level that is not the one before; ``backup`` has been measured just now."""
    assert backup.measured_at is not None
    if level == before:
        return
    backup.storage_bytes, backup.objects = level.storage_bytes, level.objects
    if before is None or (level.storage_bytes, level.objects) != (before.storage_bytes, before.objects):
        session.add(
            StorageMeasurement(
                backup_id=backup.id,
                measured_at=backup.measured_at,
                storage_bytes=level.storage_bytes,
                objects=level.objects,
            )
        )
    publish(
        session,
        StorageMeasured(
            owner_id=backup.owner_id,
            backup_id=backup.id,
            terminus_id=backup.terminus_id,
            measured_at=backup.measured_at,
            storage_bytes=level.storage_bytes,
            objects=level.objects,
            snapshots=level.snapshots,
        ),
    )


async def _reconcile(session: AsyncSession, backup: Backup, listing: Listing, now: datetime) -> datetime | None:
    """Bring the snapshots' rows to what the store has.

    Returns:
        When the newest of those that became successful now was uploaded; None when none did.
    """
    uploaded_at: datetime | None = None
    backup.initialised = backup.initialised or listing.config_at is not None
    backup.key_names = sorted({*backup.key_names, *listing.key_names})
    rows = {row.restic_id: row for row in await session.scalars(select(Snapshot).filter_by(backup_id=backup.id))}
    unknown = [seen for restic_id, seen in listing.snapshots.items() if restic_id not in rows]
    added = added_bytes(listing.storage_bytes, backup.storage_bytes, len(unknown))
    for seen in unknown:
        rows[seen.restic_id] = _found_snapshot(backup, seen, added, now)
        session.add(rows[seen.restic_id])
    has_full = any(row.status == Status.SUCCESSFUL for row in rows.values())
    for row in sorted(rows.values(), key=lambda row: (row.taken_at, row.restic_id)):
        seen_now = listing.snapshots.get(row.restic_id)
        before = Status(row.status)
        row.status = status_of(seen_now, before, row.created_at, now)
        if seen_now is not None:
            row.object_bytes, row.object_modified_at = seen_now.object_bytes, seen_now.modified_at
        if seen_now is not None and row.status == Status.SUCCESSFUL and before is not Status.SUCCESSFUL:
            row.kind = Kind.INCREMENTAL if has_full else Kind.FULL
            has_full = True
            uploaded_at = max(uploaded_at or seen_now.modified_at, seen_now.modified_at)
            if abs(row.taken_at - seen_now.modified_at) > CLOCK_TOLERANCE:
                # A device whose clock is wrong would hide its newest snapshot behind older ones.
                row.taken_at = seen_now.modified_at
            publish(session, _recorded(backup, row))
    successful = sorted(
        (row for row in rows.values() if row.status == Status.SUCCESSFUL), key=lambda row: (row.taken_at, row.id)
    )
    backup.snapshot_count = len(successful)
    backup.first_snapshot_at = successful[0].taken_at if successful else None
    backup.latest_snapshot_at = successful[-1].taken_at if successful else None
    backup.latest_snapshot_id = successful[-1].id if successful else None
    backup.overdue_at = overdue_at([row.taken_at for row in successful])
    return uploaded_at


def _found_snapshot(backup: Backup, seen: SeenSnapshot, added: int | None, now: datetime) -> Snapshot:
    return Snapshot(
        id=uuid4(),
        backup_id=backup.id,
        owner_id=backup.owner_id,
        restic_id=seen.restic_id,
        status=Status.PENDING,
        kind=Kind.INCREMENTAL,
        taken_at=seen.modified_at,
        size_added_bytes=added,
        reported=False,
        discovered=True,
        created_at=now,
    )


def _recorded(backup: Backup, row: Snapshot) -> SnapshotRecorded:
    return SnapshotRecorded(
        owner_id=backup.owner_id,
        backup_id=backup.id,
        snapshot_id=row.id,
        restic_id=row.restic_id,
        kind="full" if row.kind == Kind.FULL else "incremental",
        taken_at=row.taken_at,
        size_added_bytes=row.size_added_bytes,
    )


async def _is_waiting_for_objects(session: AsyncSession, backup_id: UUID) -> bool:
    waiting = select(Snapshot.id).where(Snapshot.backup_id == backup_id, Snapshot.status == Status.PENDING)
    return bool(await session.scalar(select(waiting.exists())))


async def _register_found(
    session: AsyncSession, owner_id: UUID, repository: str, created_at: datetime, now: datetime
) -> None:
    backup_id = uuid4()
    name = display_name(repository)
    terminus_id = await queries.storage_keys.find_writer_terminus(session, owner_id, repository, created_at)
    registered: Any = await session.scalar(
        insert(Backup)
        .values(
            id=backup_id,
            owner_id=owner_id,
            terminus_id=terminus_id,
            name=name,
            repository=repository,
            discovered=True,
            created_at=created_at,
            measure_due_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Backup.id)
    )
    if registered is not None:
        publish(
            session,
            BackupRegistered(
                owner_id=owner_id,
                backup_id=backup_id,
                terminus_id=terminus_id,
                backup_name=name,
                discovered=True,
                registered_at=now,
            ),
        )
