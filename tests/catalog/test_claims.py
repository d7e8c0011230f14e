"""Whose backup is measured next, and by how many at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.models import Backup
from catalog.operations.measure import LEASE, Listing, _record
from tests.support.running import Running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EMPTY = Listing(0, 0, config_at=NOW, key_names=[], snapshots={}, newest_at=None)


async def owner_with(catalog: Running, *due_after_seconds: int) -> UUID:
    """An owner with a backup for each of these, due so long after the beginning."""
    owner_id = uuid4()
    async with catalog.runtime.database.transaction() as session:
        await queries.spaces.ensure_space(session, owner_id, f"did:key:z6Mk{owner_id.hex}", NOW)
        session.add_all(
            Backup(
                id=uuid4(), owner_id=owner_id, name="photos", repository=f"photos-{number}", discovered=True,
                created_at=NOW, measure_due_at=NOW + timedelta(seconds=seconds),
            )
            for number, seconds in enumerate(due_after_seconds)
        )  # fmt: skip
    return owner_id


async def claim(session: AsyncSession, now: datetime) -> queries.AnyRow | None:
    return await queries.measurements.claim_measurement(session, now, now + LEASE)


async def claim_one(catalog: Running, now: datetime) -> queries.AnyRow | None:
    async with catalog.runtime.database.transaction() as session:
        return await claim(session, now)


async def record(catalog: Running, backup_id: UUID, claimed_at: datetime) -> None:
    runtime = catalog.runtime
    async with runtime.database.transaction() as session:
        await _record(
            session, runtime.settings, backup_id, EMPTY, measured_at=claimed_at, lease_until=claimed_at + LEASE
        )


async def row_of(catalog: Running, backup_id: UUID) -> Backup:
    async with catalog.runtime.database.reading() as session:
        return await session.get_one(Backup, backup_id)


async def test_a_note_during_a_measurement_is_heeded_after_it(catalog: Running) -> None:
    await owner_with(catalog, 0)
    claimed = await claim_one(catalog, NOW)
    assert claimed is not None
    noted, later = NOW + timedelta(seconds=60), NOW + timedelta(seconds=200)
    async with catalog.runtime.database.transaction() as session:
        await queries.measurements.bring_measurement_forward(session, claimed.backup_id, noted)
    assert await claim_one(catalog, later) is None, "it is due, and somebody is at it"
    await record(catalog, claimed.backup_id, NOW)
    assert (await row_of(catalog, claimed.backup_id)).measure_due_at == noted
    assert await claim_one(catalog, later) is not None


async def test_what_was_not_finished_is_due_when_its_time_is_over(catalog: Running) -> None:
    await owner_with(catalog, 0)
    assert await claim_one(catalog, NOW) is not None
    assert await claim_one(catalog, NOW + LEASE - timedelta(seconds=1)) is None
    claimed = await claim_one(catalog, NOW + LEASE)
    assert claimed is not None
    await record(catalog, claimed.backup_id, NOW)
    row = await row_of(catalog, claimed.backup_id)
    assert row.measuring_until == NOW + 2 * LEASE, "who comes late does not end what was begun again"
    await record(catalog, claimed.backup_id, NOW + LEASE)
    row = await row_of(catalog, claimed.backup_id)
    assert (row.measuring_until, row.measure_due_at) == (None, NOW + LEASE + timedelta(hours=24))


async def test_one_that_was_given_up_is_nobodys(catalog: Running) -> None:
    await owner_with(catalog, 0)
    claimed = await claim_one(catalog, NOW)
    assert claimed is not None
    again = NOW + timedelta(seconds=15)
    async with catalog.runtime.database.transaction() as session:
        await queries.measurements.give_up_measurement(session, claimed.backup_id, NOW + LEASE, again)
    assert await claim_one(catalog, NOW + timedelta(seconds=14)) is None
    assert await claim_one(catalog, again) is not None


async def test_a_backup_that_is_removed_meanwhile_is_measured_by_nobody(catalog: Running) -> None:
    await owner_with(catalog, 0)
    claimed = await claim_one(catalog, NOW)
    assert claimed is not None
    async with catalog.runtime.database.transaction() as session:
        await session.execute(update(Backup).where(Backup.id == claimed.backup_id).values(state="removing"))
    await record(catalog, claimed.backup_id, NOW)
    row = await row_of(catalog, claimed.backup_id)
    assert (row.measuring_until, row.measured_at) == (None, None)


async def test_an_owner_with_many_repositories_leaves_room_for_others(catalog: Running) -> None:
    many = await owner_with(catalog, *range(10))
    few = [await owner_with(catalog, 20), await owner_with(catalog, 30)]
    now = NOW + timedelta(seconds=60)
    claims = [await claim_one(catalog, now) for _ in range(5)]
    assert [row and row.owner_id for row in claims] == [many, *few, many, None]
    assert claims[3] is not None
    await record(catalog, claims[3].backup_id, now)
    another = await claim_one(catalog, now)
    assert another is not None
    assert another.owner_id == many


async def test_of_two_that_look_at_once_only_one_takes_an_owners(catalog: Running) -> None:
    many = await owner_with(catalog, 0, 1, 2)
    other = await owner_with(catalog, 30)
    now = NOW + timedelta(seconds=60)
    async with catalog.runtime.database.transaction() as session:
        first = await claim(session, now)
        contender = asyncio.create_task(claim_one(catalog, now))
        await asyncio.sleep(0.1)
        assert not contender.done()
    second = await contender
    assert first is not None
    assert second is not None
    assert (first.owner_id, second.owner_id) == (many, other)
