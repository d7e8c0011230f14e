"""What a restore to the cloud needs stays in the store until it has ended, and no longer."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, update

from catalog import consumers, queries
from catalog.domain.gate import Access
from catalog.domain.layout import repository_name
from catalog.domain.lifecycle import State
from catalog.errors import BackupDeleted, PinTooLate
from catalog.models import Backup, OwnerSpace, RestorePin, Snapshot, StorageKey
from catalog.operations import restores
from catalog.operations.remove import begin_due_removal
from catalog.operations.storage_keys import Wanted, issue_key
from shared.db import Database
from shared.events.restore import RestoreCancelled, RestoreCompleted, RestoreFailed
from tests.support.running import Running
from tests.support.tokens import Owner

NOW = datetime.now(UTC)


@dataclass
class World:
    """An owner's backup with two snapshots, and the restores of it."""

    catalog: Running
    owner: Owner = field(default_factory=Owner)
    backup_id: UUID = field(default_factory=uuid4)
    now: datetime = NOW

    @property
    def database(self) -> Database:
        return self.catalog.runtime.database

    async def prepare(self) -> None:
        async with self.database.transaction() as session:
            await queries.spaces.ensure_space(session, self.owner.owner_id, self.owner.did, NOW)
            session.add(
                Backup(
                    id=self.backup_id,
                    owner_id=self.owner.owner_id,
                    name="photos",
                    kind="path",
                    source="/data",
                    repository=repository_name("photos", self.backup_id),
                    discovered=False,
                    created_at=NOW,
                    measured_at=NOW,
                    storage_bytes=4711,
                )
            )
        await self.add_snapshot(hours_ago=2)
        await self.add_snapshot(hours_ago=1)

    async def add_snapshot(self, hours_ago: int) -> UUID:
        snapshot_id = uuid4()
        async with self.database.transaction() as session:
            session.add(
                Snapshot(
                    id=snapshot_id,
                    backup_id=self.backup_id,
                    owner_id=self.owner.owner_id,
                    restic_id=snapshot_id.hex * 2,
                    status="successful",
                    kind="full",
                    taken_at=NOW - timedelta(hours=hours_ago),
                    size_processed_bytes=1000,
                    reported=True,
                    discovered=False,
                    created_at=NOW,
                )
            )
        return snapshot_id

    async def snapshots(self) -> list[UUID]:
        """Their ids, the latest first."""
        async with self.database.reading() as session:
            return list(await session.scalars(select(Snapshot.id).order_by(Snapshot.taken_at.desc())))

    async def spoil(self, snapshot_id: UUID, status: str) -> None:
        async with self.database.transaction() as session:
            await session.execute(update(Snapshot).where(Snapshot.id == snapshot_id).values(status=status))

    async def ask(self, path: str = "pins", credential: str = "restore-secret", **body: Any) -> httpx.Response:
        asked = {"owner_id": str(self.owner.owner_id), **{name: str(value) for name, value in body.items()}}
        headers = {"Authorization": f"Bearer {credential}"}
        return await self.catalog.internal.post(f"/internal/restores/{path}", json=asked, headers=headers)

    async def pin(self, restore_id: UUID) -> None:
        answer = await self.ask(restore_id=restore_id, backup_id=self.backup_id)
        assert answer.status_code == 200, answer.text

    async def issue_key(self, restore_id: UUID) -> None:
        async with self.database.transaction() as session:
            await session.execute(update(OwnerSpace).values(prepared=True))
        wanted = Wanted(self.owner.owner_id, self.backup_id, Access.READ, timedelta(hours=1), restore_id=restore_id)
        await issue_key(self.database, self.catalog.runtime.adapters, wanted, timedelta(0), datetime.now(UTC))

    async def live_keys(self, restore_id: UUID) -> int:
        live = StorageKey.restore_id == restore_id, StorageKey.revoked_at.is_(None)
        async with self.database.reading() as session:
            return len((await session.scalars(select(StorageKey).where(*live))).all())

    async def end(self, restore_id: UUID, how: str = "completed", target: str = "cloud") -> None:
        about: dict[str, Any] = {
            "owner_id": self.owner.owner_id,
            "restore_id": restore_id,
            "backup_id": self.backup_id,
            "snapshot_id": uuid4(),
            "target": target,
        }
        async with self.database.transaction() as session:
            if how == "completed":
                completed = RestoreCompleted(**about, bytes_restored=1, warnings=0, completed_at=NOW)
                await consumers.end_restore_keys(session, completed)
            elif how == "cancelled":
                await consumers.end_restore_keys(session, RestoreCancelled(**about, cancelled_at=NOW))
            else:
                await consumers.end_failed_restore_keys(session, RestoreFailed(**about, reason="no", failed_at=NOW))

    async def delete(self) -> None:
        """The backup is to be deleted, and its grace is over."""
        async with self.database.transaction() as session:
            due = update(Backup).where(Backup.id == self.backup_id)
            await session.execute(due.values(state="deleting", delete_due_at=self.now))

    async def remove(self) -> str:
        """Take what is due; how the backup stands then."""
        await begin_due_removal(self.database, self.catalog.runtime.settings, self.now)
        async with self.database.reading() as session:
            return (await session.get_one(Backup, self.backup_id)).state


@pytest.fixture
async def world(catalog: Running) -> World:
    world = World(catalog)
    await world.prepare()
    return world


async def test_a_pin_says_the_same_as_the_question_and_how_much_the_backup_holds(world: World) -> None:
    found = await world.ask("snapshots", backup_id=world.backup_id)
    pinned = await world.ask(restore_id=uuid4(), backup_id=world.backup_id)
    assert (found.status_code, pinned.status_code) == (200, 200)
    said = found.json()
    assert said.pop("backup_url") is not None
    assert pinned.json() == said | {"storage_bytes": 4711}
    assert set(pinned.json()) == {
        "snapshot_id", "backup_id", "backup_name", "terminus_name", "restic_id", "taken_at", "size_processed_bytes",
        "path", "repository", "storage_bytes",
    }  # fmt: skip


async def test_a_backup_that_was_not_measured_yet_has_no_size(world: World) -> None:
    async with world.database.transaction() as session:
        await session.execute(update(Backup).values(measured_at=None, storage_bytes=0))
    pinned = await world.ask(restore_id=uuid4(), backup_id=world.backup_id)
    assert pinned.json()["storage_bytes"] is None


async def test_a_restore_that_asks_again_keeps_its_snapshot_as_long_as_it_can_be_restored(world: World) -> None:
    restore_id = uuid4()
    latest, older = await world.snapshots()
    first = await world.ask(restore_id=restore_id, backup_id=world.backup_id)
    newer = await world.add_snapshot(hours_ago=0)
    again = await world.ask(restore_id=restore_id, backup_id=world.backup_id)
    named = await world.ask(restore_id=restore_id, snapshot_id=older)
    assert first.json() == again.json() == named.json()
    assert first.json()["snapshot_id"] == str(latest)
    other = await world.ask(restore_id=uuid4(), backup_id=world.backup_id)
    assert other.json()["snapshot_id"] == str(newer)
    await world.spoil(latest, "damaged")
    spoilt = await world.ask(restore_id=restore_id, backup_id=world.backup_id)
    assert (spoilt.status_code, spoilt.json()["code"]) == (409, "snapshot_not_restorable")


async def test_what_cannot_be_restored_is_not_pinned(world: World) -> None:
    latest, _ = await world.snapshots()
    stranger = World(world.catalog)
    await world.spoil(latest, "missing")
    for answer, status, code in (
        (await world.ask(restore_id=uuid4(), snapshot_id=latest), 409, "snapshot_not_restorable"),
        (await world.ask(restore_id=uuid4(), snapshot_id=uuid4()), 404, "snapshot_not_found"),
        (await world.ask(restore_id=uuid4()), 404, "snapshot_not_found"),
        (await stranger.ask(restore_id=uuid4(), backup_id=world.backup_id), 404, "snapshot_not_found"),
        (await world.ask(credential="gate-secret", restore_id=uuid4(), backup_id=world.backup_id), 401, None),
    ):
        assert (answer.status_code, code in (None, answer.json().get("code"))) == (status, True), answer.text
    async with world.database.reading() as session:
        assert (await session.scalars(select(RestorePin))).all() == []


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_the_objects_stay_until_the_last_restore_has_ended_and_go_soon_after(world: World, end: str) -> None:
    first, second = uuid4(), uuid4()
    await world.pin(first)
    await world.pin(second)
    await world.delete()
    assert await world.remove() == State.DELETING
    world.now += timedelta(days=3)
    assert await world.remove() == State.DELETING
    await world.end(first, end)
    world.now += timedelta(days=3)
    assert await world.remove() == State.DELETING
    for _ in range(2):
        await world.end(second, end)
    world.now += timedelta(minutes=1)
    assert await world.remove() == State.REMOVING


async def test_a_restore_that_ends_within_the_grace_does_not_shorten_it(world: World) -> None:
    restore_id = uuid4()
    await world.pin(restore_id)
    world.now += timedelta(hours=72)
    await world.delete()
    world.now -= timedelta(hours=1)
    assert await world.remove() == State.DELETING
    await world.end(restore_id)
    assert await world.remove() == State.DELETING
    world.now += timedelta(hours=1)
    assert await world.remove() == State.REMOVING


async def test_a_failed_attempt_of_a_restore_to_local_ends_no_pin_and_leaves_no_row(world: World) -> None:
    restore_id = uuid4()
    for how in ("failed", "cancelled", "completed"):
        await world.end(restore_id, how, target="local")
    await world.pin(restore_id)
    await world.delete()
    assert await world.remove() == State.DELETING


async def test_an_end_that_is_heard_before_its_pin_leaves_nothing_pinned(world: World) -> None:
    restore_id = uuid4()
    await world.end(restore_id, "cancelled")
    late = await world.ask(restore_id=restore_id, backup_id=world.backup_id)
    assert (late.status_code, late.json()["code"]) == (410, "pin_too_late")
    await world.delete()
    assert await world.remove() == State.REMOVING


async def test_an_end_of_a_restore_of_an_unknown_backup_is_heard(world: World) -> None:
    stranger = World(world.catalog)
    await stranger.end(uuid4())
    async with world.database.reading() as session:
        assert (await session.scalars(select(RestorePin))).all() == []


async def test_a_removal_that_begins_while_a_pin_is_written_waits(world: World) -> None:
    await world.delete()
    async with world.database.transaction() as session:
        await restores.pin_restorable(
            session, world.owner.owner_id, uuid4(), backup_id=world.backup_id, snapshot_id=None, now=NOW
        )
        assert await world.remove() == State.DELETING
    assert await world.remove() == State.DELETING


async def test_a_pin_that_comes_while_the_removal_begins_is_refused(world: World) -> None:
    await world.delete()
    restore_id = uuid4()

    async def pin() -> None:
        async with world.database.transaction() as session:
            await restores.pin_restorable(
                session, world.owner.owner_id, restore_id, backup_id=world.backup_id, snapshot_id=None, now=NOW
            )

    async with world.database.transaction() as session:
        moved = update(Backup).where(Backup.id == world.backup_id).values(state="removing")
        await session.execute(moved)
        contender = asyncio.create_task(pin())
        await asyncio.sleep(0.1)
        assert not contender.done()
    with pytest.raises(BackupDeleted):
        await contender
    async with world.database.reading() as session:
        assert await queries.pins.find_pin(session, restore_id) is None


async def test_a_pin_that_is_written_while_its_restore_ends_is_refused(world: World) -> None:
    restore_id = uuid4()

    async def pin() -> None:
        async with world.database.transaction() as session:
            await restores.pin_restorable(
                session, world.owner.owner_id, restore_id, backup_id=world.backup_id, snapshot_id=None, now=NOW
            )

    async with world.database.transaction() as session:
        await queries.pins.end(session, restore_id, world.owner.owner_id, world.backup_id, uuid4(), NOW)
        contender = asyncio.create_task(pin())
        await asyncio.sleep(0.1)
        assert not contender.done()
    with pytest.raises(PinTooLate):
        await contender


async def test_of_two_pins_of_one_restore_at_once_both_are_given_the_same_snapshot(world: World) -> None:
    restore_id = uuid4()
    latest, older = await world.snapshots()

    async def pin(session: Any, snapshot_id: UUID) -> UUID:
        row = await restores.pin_restorable(
            session, world.owner.owner_id, restore_id, backup_id=None, snapshot_id=snapshot_id, now=NOW
        )
        found: UUID = row.snapshot_id
        return found

    async def second() -> UUID:
        async with world.database.transaction() as session:
            return await pin(session, latest)

    async with world.database.transaction() as session:
        assert await pin(session, older) == older
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender == older


async def test_a_restore_that_has_ended_is_given_no_key(world: World) -> None:
    restore_id = uuid4()
    await world.pin(restore_id)
    await world.end(restore_id, "cancelled")
    with pytest.raises(PinTooLate):
        await world.issue_key(restore_id)
    assert await world.live_keys(restore_id) == 0


async def test_a_key_that_is_issued_while_its_restore_ends_is_refused(world: World) -> None:
    restore_id = uuid4()
    await world.pin(restore_id)
    async with world.database.transaction() as session:
        await queries.pins.end(session, restore_id, world.owner.owner_id, world.backup_id, uuid4(), NOW)
        contender = asyncio.create_task(world.issue_key(restore_id))
        await asyncio.sleep(0.2)
        assert not contender.done()
    with pytest.raises(PinTooLate):
        await contender
    assert await world.live_keys(restore_id) == 0


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_an_end_that_comes_while_a_key_is_written_ends_it(world: World, end: str) -> None:
    restore_id = uuid4()
    await world.pin(restore_id)
    await world.issue_key(restore_id)
    assert await world.live_keys(restore_id) == 1
    async with world.database.transaction() as session:
        assert await queries.pins.find_pin(session, restore_id, lock=True) is not None
        contender = asyncio.create_task(world.end(restore_id, end))
        await asyncio.sleep(0.2)
        assert not contender.done()
        # Whoever holds the pin may still write another.
        await session.execute(update(StorageKey).values(issued_at=datetime.now(UTC) + timedelta(seconds=5)))
    await contender
    assert await world.live_keys(restore_id) == 0
