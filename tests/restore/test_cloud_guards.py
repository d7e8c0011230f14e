"""Guards of a restore to the cloud under forced interleavings: two transactions, one of them held open."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from restore import jobs, queries
from restore.domain.order import State
from restore.domain.reports import AgentState
from restore.errors import RestoreEnded
from restore.operations import agents, cancelling, deadlines, ordering, passwords
from restore.operations.agents import AgentReport
from restore.operations.progress import Progress
from shared.db import Database
from shared.errors import ServiceError
from shared.events.billing import PaymentAuthorised
from tests.restore.cloud import Cloud
from tests.restore.waiting import is_held_up, until

SEALED = b"\x07" * 70


@pytest.fixture
def database(cloud: Cloud) -> Database:
    found: Database = cloud.restore.runtime.database
    return found


async def age(cloud: Cloud, restore_id: str, duration: timedelta) -> None:
    """Make it due without a turn of the jobs."""
    async with cloud.restore.runtime.database.transaction() as session:
        moves = "due_at = due_at - CAST(:duration AS interval)"
        passed = {"duration": duration, "id": UUID(restore_id)}
        await session.execute(text(f"UPDATE restores SET {moves} WHERE id = :id"), passed)


async def test_what_one_worker_ends_another_leaves_to_it(cloud: Cloud, database: Database) -> None:
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    other, _ = await cloud.to(State.QUOTED, "bob@olares.com")
    for each in (restore_id, other):
        await age(cloud, each, timedelta(hours=24))
    now = datetime.now(UTC)
    async with database.transaction() as session:
        await queries.lock(session, UUID(restore_id))
        assert await deadlines.end_waits(database, now) == 1
    await asyncio.gather(*(deadlines.end_waits(database, now) for _ in range(2)))
    assert await jobs.end_waits(cloud.restore.runtime, now) == 0
    assert (await cloud.names(restore_id)).count("restore.capture_wanted") == 1
    assert (await cloud.names(restore_id)).count("restore.instance_unwanted") == 1
    assert await cloud.names(other) == ["restore.cancelled"]


async def test_a_restore_with_which_something_is_wrong_holds_up_no_other(cloud: Cloud, database: Database) -> None:
    wrong, _ = await cloud.to(State.AWAITING_PASSWORD)
    other, _ = await cloud.to(State.QUOTED, "bob@olares.com")
    async with database.transaction() as session:
        # What must not be: its use cannot be reckoned.
        unknown = text("UPDATE cloud_restores SET running_at = NULL WHERE restore_id = :id")
        await session.execute(unknown, {"id": UUID(wrong)})
    await age(cloud, wrong, timedelta(hours=26))
    await age(cloud, other, timedelta(hours=25))
    with pytest.raises(AssertionError):
        await jobs.end_waits(cloud.restore.runtime, datetime.now(UTC))
    assert [await cloud.state(each) for each in (wrong, other)] == ["awaiting_password", "expired"]


async def test_two_workers_that_have_one_quote_write_it_down_once(cloud: Cloud) -> None:
    """Each was given its answer before the other had kept it."""
    orders = cloud.orders
    orders.down.add("/internal/quotes")
    restore_id = (await cloud.ask()).json()["restore_id"]
    orders.down.clear()
    runtime = cloud.restore.runtime
    before = orders.count("/internal/quotes")
    later = datetime.now(UTC)
    async with runtime.database.transaction() as session:
        await queries.lock(session, UUID(restore_id))
        both = [
            asyncio.create_task(ordering.get_quote(runtime.database, runtime.adapters, UUID(restore_id), later))
            for _ in range(2)
        ]
        await until(lambda: orders.count("/internal/quotes") == before + 2)
        assert all(await asyncio.gather(*(is_held_up(task) for task in both)))
    await asyncio.gather(*both)
    assert await cloud.states(restore_id) == ["quoting", "quoted"]


Act = Callable[[AsyncSession], Awaitable[None]]


async def race(database: Database, first: Act, second: Act) -> None:
    """The second begins while the first has not committed, and has to wait for it."""

    async def contend() -> None:
        async with database.transaction() as session:
            await second(session)

    async with database.transaction() as session:
        await first(session)
        contender = asyncio.create_task(contend())
        assert await is_held_up(contender)
    await contender


async def test_a_password_and_a_cancellation(cloud: Cloud, database: Database) -> None:
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    owner_id, uuid, now = cloud.snapshot.owner_id, UUID(restore_id), datetime.now(UTC)

    async def cancel(session: AsyncSession) -> None:
        await cancelling.cancel(session, owner_id, uuid, now)

    async def send(session: AsyncSession) -> None:
        await passwords.send_password(session, owner_id, uuid, 1, SEALED, now)

    with pytest.raises(ServiceError) as refused:
        await race(database, cancel, send)
    assert refused.value.code == "password_not_expected"
    other, _ = await cloud.to(State.AWAITING_PASSWORD, "bob@olares.com")
    uuid = UUID(other)
    await race(database, send, cancel)
    assert await cloud.states(other) == [*(await cloud.states(restore_id))[:-1], "verifying_password", "undoing"]


async def test_two_passwords_at_once_are_one(cloud: Cloud, database: Database) -> None:
    restore_id, agent = await cloud.to(State.AWAITING_PASSWORD)
    assert agent is not None

    async def send(session: AsyncSession, sealed: bytes = SEALED) -> None:
        await passwords.send_password(
            session,
            cloud.snapshot.owner_id,
            UUID(restore_id),
            1,
            sealed,
            datetime.now(UTC),
        )

    with pytest.raises(ServiceError) as refused:
        await race(database, send, lambda session: send(session, b"\x08" * 70))
    assert refused.value.code == "password_not_expected"
    assert (await agent.call("GET", "rounds/1")).json()["sealed"].startswith("BwcH")


USABLE = AgentReport(1, AgentState.USABLE, Progress(), None, None)


async def test_of_a_report_and_the_end_of_the_wait_the_report_was_first(cloud: Cloud, database: Database) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    await age(cloud, restore_id, timedelta(hours=25))
    now = datetime.now(UTC)
    async with database.transaction() as session:
        await agents.record_report(session, UUID(restore_id), agent.instance_id, USABLE, now)
        # A worker takes what is free: this one is not.
        assert await jobs.end_waits(cloud.restore.runtime, now) == 0
    assert await cloud.state(restore_id) == "capturing"


async def test_of_a_report_and_the_end_of_the_wait_the_end_was_first(cloud: Cloud, database: Database) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    instance_id, uuid, now = agent.instance_id, UUID(restore_id), datetime.now(UTC)
    await age(cloud, restore_id, timedelta(hours=25))

    async def end(session: AsyncSession) -> None:
        await deadlines.end_wait(session, uuid, now)

    async def report(session: AsyncSession) -> None:
        await agents.record_report(session, uuid, instance_id, USABLE, now)

    with pytest.raises(RestoreEnded):
        await race(database, end, report)
    assert await cloud.state(restore_id) == "undoing"
    assert "restore.capture_wanted" not in await cloud.names(restore_id)


async def test_the_same_word_twice_at_once_is_heard_once(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    held = await cloud.money(restore_id, PaymentAuthorised)
    async with cloud.restore.runtime.database.transaction() as session:
        await queries.lock(session, UUID(restore_id))
        both = [asyncio.create_task(cloud.hear(held)) for _ in range(2)]
        assert all(await asyncio.gather(*(is_held_up(task) for task in both)))
    await asyncio.gather(*both)
    assert (await cloud.names(restore_id)).count("restore.instance_wanted") == 1
    numbers = [entry["number"] for entry in await cloud.timeline(restore_id)]
    assert numbers == sorted(set(numbers))
