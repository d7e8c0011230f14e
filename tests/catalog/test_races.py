"""Guards of catalog, with the race forced: one side holds its transaction open while the other arrives."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from catalog import queries
from catalog.domain.lifecycle import State, Trigger
from catalog.domain.snapshots import SeenSnapshot
from catalog.errors import BackupNameTaken, BackupNotUndeletable
from catalog.models import Backup, RepositoryClaim, StorageKey
from catalog.operations import backups, terminus
from catalog.operations.measure import Listing, _record
from catalog.operations.store_gate import CLAIM_KEPT, forget_claims
from catalog.schemas import BackupCreate, PathSource, SnapshotReport, TerminusCreate
from shared.auth import Caller, Scope
from shared.events.catalog import StorageMeasured
from shared.messaging import OutboxMessage
from tests.support.running import Running
from tests.support.tokens import Owner

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WANTED = BackupCreate(name="photos", source=PathSource(kind="path", path="/data"))
EMPTY = Listing(0, 0, config_at=NOW, key_names=[], snapshots={}, newest_at=None)


def caller() -> Caller:
    owner = Owner()
    return Caller(owner.owner_id, owner.did, owner.olares_name, frozenset(Scope), uuid4(), NOW)


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

    async def second() -> queries.AnyRow | None:
        async with database.transaction() as session:
            return await queries.measurements.claim_measurement(session, NOW, later)

    async with database.transaction() as first:
        assert await queries.measurements.claim_measurement(first, NOW, later) is not None
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender is None
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
    newer = Listing(500, 5, config_at=NOW, key_names=[], snapshots={}, newest_at=None)
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


async def levels(catalog: Running) -> list[tuple[int, int, int | None]]:
    """Bytes, objects and snapshots of each measurement that was announced."""
    async with catalog.runtime.database.reading() as session:
        told = select(OutboxMessage.envelope).where(OutboxMessage.event_name == StorageMeasured.name)
        envelopes = await session.scalars(told.order_by(OutboxMessage.id))
        events = [StorageMeasured.model_validate(json.loads(envelope)["data"]) for envelope in envelopes]
    return [(event.storage_bytes, event.objects, event.snapshots) for event in events]


async def test_every_change_of_a_level_is_announced_also_when_only_the_snapshots_change(catalog: Running) -> None:
    who = caller()
    backup_id = await registered(catalog, who)
    runtime = catalog.runtime
    names = ["ab" * 32, "cd" * 32]

    def listing(size: int, objects: int, intact: int) -> Listing:
        found = {name: SeenSnapshot(name, 400, NOW, intact=number < intact) for number, name in enumerate(names)}
        return Listing(size, objects, config_at=NOW, key_names=[], snapshots=found, newest_at=NOW)

    steps = [listing(900, 9, 1), listing(900, 9, 1), listing(900, 9, 2), listing(800, 9, 2), listing(800, 8, 2),
             listing(800, 8, 0), EMPTY, EMPTY]  # fmt: skip
    for number, step in enumerate(steps):
        moment = NOW + timedelta(minutes=number)
        async with runtime.database.transaction() as session:
            await _record(session, runtime.settings, backup_id, step, measured_at=moment, lease_until=moment)
    assert await levels(catalog) == [(900, 9, 1), (900, 9, 2), (800, 9, 2), (800, 8, 2), (800, 8, 0), (0, 0, 0)]
    async with runtime.database.reading() as session:
        usage = await queries.measurements.list_usage(session, backup_id, after=None, limit=10)
    assert [(row.storage_bytes, row.objects) for row in usage] == [(900, 9), (800, 9), (800, 8), (0, 0)]


async def test_the_first_measurement_is_announced_though_nothing_is_there(catalog: Running) -> None:
    backup_id = await registered(catalog, caller())
    runtime = catalog.runtime
    async with runtime.database.transaction() as session:
        await _record(session, runtime.settings, backup_id, EMPTY, measured_at=NOW, lease_until=NOW)
    assert await levels(catalog) == [(0, 0, 0)]


@pytest.mark.parametrize(
    ("ends", "revoked", "soon"),
    [
        (timedelta(hours=1), None, True),
        (timedelta(seconds=-30), None, True),
        (timedelta(seconds=-90), None, False),
        (timedelta(hours=1), timedelta(seconds=-30), True),
        (timedelta(hours=1), timedelta(seconds=-90), False),
    ],
    ids=["a live key", "expired just now", "expired before", "revoked just now", "revoked before"],
)
async def test_what_a_key_writes_is_measured_every_minute_until_it_has_ended(
    catalog: Running, ends: timedelta, revoked: timedelta | None, soon: bool
) -> None:
    who = caller()
    backup_id = await registered(catalog, who)
    runtime = catalog.runtime
    async with runtime.database.transaction() as session:
        await queries.measurements.bring_measurement_forward(session, backup_id, NOW)
        session.add(
            StorageKey(
                access_key_id="SPKA", owner_id=who.owner_id, backup_id=backup_id, access="write", issuer="vault",
                issued_at=NOW - timedelta(hours=1), expires_at=NOW + ends,
                revoked_at=None if revoked is None else NOW + revoked,
            )
        )  # fmt: skip
    async with runtime.database.transaction() as session:
        await _record(session, runtime.settings, backup_id, EMPTY, measured_at=NOW, lease_until=NOW)
    async with runtime.database.reading() as session:
        due_at = await session.scalar(select(Backup.measure_due_at).where(Backup.id == backup_id))
    assert due_at == NOW + (timedelta(seconds=60) if soon else timedelta(hours=24))


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


async def test_claims_on_repositories_are_forgotten_long_after_they_ended(catalog: Running) -> None:
    who = caller()
    await registered(catalog, who)
    database = catalog.runtime.database
    for name, until in (("old", NOW), ("new", NOW + timedelta(seconds=1))):
        async with database.transaction() as session:
            await queries.repositories.claim_repository(session, who.owner_id, name, "SPKA", NOW, until)
    assert await forget_claims(database, NOW + CLAIM_KEPT - timedelta(seconds=1)) == 0
    assert await forget_claims(database, NOW + CLAIM_KEPT) == 1
    async with database.reading() as session:
        assert (await session.scalars(select(RepositoryClaim.repository))).all() == ["new"]
