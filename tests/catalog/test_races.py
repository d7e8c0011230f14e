"""Guards of catalog, with the race forced: one side holds its transaction open while the other arrives."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from catalog import queries
from catalog.domain.lifecycle import State, Trigger
from catalog.errors import BackupNameTaken, BackupNotUndeletable
from catalog.operations import backups, terminus
from catalog.operations.measure import Listing, _record
from catalog.schemas import BackupCreate, PathSource, SnapshotReport, TerminusCreate
from shared.auth import Caller, Scope
from tests.support.running import Running
from tests.support.tokens import Owner

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WANTED = BackupCreate(name="photos", source=PathSource(kind="path", path="/data"))
EMPTY = Listing(0, 0, has_config=True, key_names=[], snapshots={}, newest_at=None)


def caller() -> Caller:
    owner = Owner()
    return Caller(owner.owner_id, owner.did, owner.olares_name, frozenset(Scope), uuid4())


async def registered(catalog: Running, who: Caller) -> UUID:
    async with catalog.runtime.database.transaction() as session:
        row = await backups.register_backup(session, who, WANTED, NOW)
    backup_id: UUID = row.backup_id
    return backup_id


async def test_of_two_backups_of_one_name_the_second_is_told(catalog: Running) -> None:
    who = caller()
    database = catalog.runtime.database

    async def second() -> None:
        async with database.transaction() as session:
            await backups.register_backup(session, who, WANTED, NOW)

    async with database.transaction() as session:
        first = await backups.register_backup(session, who, WANTED, NOW)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    with pytest.raises(BackupNameTaken) as taken:
        await contender
    assert taken.value.members["backup_id"] == str(first.backup_id)


async def test_two_registrations_of_one_terminus_make_one(catalog: Running) -> None:
    who = caller()
    database = catalog.runtime.database

    async def second() -> tuple[UUID, bool]:
        async with database.transaction() as session:
            found, is_new = await terminus.register_terminus(session, who, TerminusCreate(name="home"), NOW)
            return found.id, is_new

    async with database.transaction() as session:
        first, is_new = await terminus.register_terminus(session, who, TerminusCreate(name="home"), NOW)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert is_new
    assert await contender == (first.id, False)


async def test_of_two_moves_from_one_state_the_second_loses(catalog: Running) -> None:
    backup_id = await registered(catalog, caller())
    database = catalog.runtime.database

    async def second() -> bool:
        async with database.transaction() as session:
            return await queries.backups.move(session, backup_id, State.ACTIVE, Trigger.DELETE, NOW)

    async with database.transaction() as session:
        assert await queries.backups.move(session, backup_id, State.ACTIVE, Trigger.DELETE, NOW)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
    assert await contender is False


async def test_an_undo_that_comes_while_the_grace_ends_is_too_late(catalog: Running) -> None:
    who = caller()
    backup_id = await registered(catalog, who)
    database = catalog.runtime.database
    async with database.transaction() as session:
        await backups.delete_backup(session, who.owner_id, backup_id, timedelta(0), NOW)

    async def undo() -> None:
        async with database.transaction() as session:
            await backups.undelete_backup(session, who.owner_id, backup_id, NOW)

    async with database.transaction() as session:
        assert await queries.backups.claim_deletion(session, NOW, State.DELETING, NOW) is not None
        assert await queries.backups.move(session, backup_id, State.DELETING, Trigger.GRACE_OVER, NOW)
        contender = asyncio.create_task(undo())
        await asyncio.sleep(0.1)
        assert not contender.done()
    with pytest.raises(BackupNotUndeletable):
        await contender


async def test_two_workers_never_measure_the_same_backup(catalog: Running) -> None:
    backup_id = await registered(catalog, caller())
    database = catalog.runtime.database
    later = NOW + timedelta(minutes=30)
    async with database.transaction() as session:
        await queries.measurements.bring_measurement_forward(session, backup_id, NOW)
    async with database.transaction() as first, database.transaction() as second:
        assert await queries.measurements.claim_measurement(first, NOW, later) is not None
        assert await queries.measurements.claim_measurement(second, NOW, later) is None
    async with database.transaction() as session:
        assert await queries.measurements.claim_measurement(session, NOW, later) is None, "the lease holds"
        assert await queries.measurements.claim_measurement(session, later, later) is not None, "and runs out"


async def test_a_report_during_a_measurement_is_measured_again(catalog: Running) -> None:
    who = caller()
    backup_id = await registered(catalog, who)
    runtime = catalog.runtime
    lease = NOW + timedelta(minutes=30)
    async with runtime.database.transaction() as session:
        await queries.measurements.bring_measurement_forward(session, backup_id, NOW)
    async with runtime.database.transaction() as session:
        await queries.measurements.claim_measurement(session, NOW, lease)
    during = NOW + timedelta(seconds=1)
    async with runtime.database.transaction() as session:
        report = SnapshotReport(restic_id="ab" * 32, taken_at=during)
        await backups.report_snapshot(session, who.owner_id, backup_id, report, during)
    async with runtime.database.transaction() as session:
        await _record(session, runtime.settings, backup_id, EMPTY, measured_at=NOW, lease_until=lease)
    async with runtime.database.transaction() as session:
        assert await queries.measurements.claim_measurement(session, during, lease) is not None


async def test_a_measurement_that_comes_late_does_not_undo_a_newer_one(catalog: Running) -> None:
    who = caller()
    backup_id = await registered(catalog, who)
    runtime = catalog.runtime
    newer = Listing(500, 5, has_config=True, key_names=[], snapshots={}, newest_at=None)
    for listing, measured_at in ((newer, NOW + timedelta(minutes=1)), (EMPTY, NOW)):
        async with runtime.database.transaction() as session:
            await _record(
                session, runtime.settings, backup_id, listing, measured_at=measured_at, lease_until=measured_at
            )
    async with runtime.database.reading() as session:
        backup = await queries.backups.read_backup(session, who.owner_id, backup_id, NOW)
        usage = await queries.measurements.list_usage(session, backup_id, after=None, limit=10)
    assert backup is not None
    assert backup.storage_bytes == 500
    assert len(usage) == 1


async def test_only_one_key_holds_the_claim_on_a_repository(catalog: Running) -> None:
    who = caller()
    await registered(catalog, who)
    database = catalog.runtime.database
    until = NOW + timedelta(seconds=30)

    async def claim(key: str) -> bool:
        async with database.transaction() as session:
            return await queries.repositories.claim_repository(session, who.owner_id, "demo", key, NOW, until)

    async with database.transaction() as session:
        assert await queries.repositories.claim_repository(session, who.owner_id, "demo", "first", NOW, until)
        contender = asyncio.create_task(claim("second"))
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender is False
    assert await claim("first") is True
