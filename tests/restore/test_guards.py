"""Guards under forced interleavings: two transactions, one of them held open."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from restore import queries
from restore.domain.lifecycle import State
from restore.domain.ticket import digest
from restore.errors import RestoreEnded, RestoreNotFound, RestoreOver, TicketSpent
from restore.models import Ticket
from restore.operations import tickets as operations
from restore.operations.progress import Progress
from shared.db import Database
from tests.restore.conftest import OTHER_SECRET, SECRET, Client
from tests.support.catalog_double import CatalogDouble

LetPass = Callable[[str, timedelta], Awaitable[None]]
Outbox = Callable[[], Awaitable[list[str]]]
NOW = datetime.now(UTC)


async def is_held_up(task: "asyncio.Task[object]") -> bool:
    """Whether the task still waits, after it had time enough to get to its lock."""
    done, _ = await asyncio.wait([task], timeout=0.2)
    return not done


@pytest.fixture
def database(client: Client) -> Database:
    found: Database = client.restore.runtime.database
    return found


async def test_of_two_that_bind_a_ticket_the_second_loses(client: Client, database: Database) -> None:
    restore_id = UUID((await client.issue())["restore_id"])

    async def contend() -> bool:
        async with database.transaction() as second:
            return await queries.bind(second, restore_id, digest(OTHER_SECRET))

    async with database.transaction() as first:
        assert await queries.bind(first, restore_id, digest(SECRET))
        contender = asyncio.create_task(contend())
        assert await is_held_up(contender)
    assert await contender is False
    async with database.reading() as session:
        ticket = await session.get_one(Ticket, restore_id)
        assert ticket.redeemer_hash == digest(SECRET)


async def test_of_two_that_redeem_at_once_one_gets_keys_and_the_other_is_told_it_is_spent(
    client: Client, database: Database, catalog: CatalogDouble
) -> None:
    issued = await client.issue()
    ticket_hash = digest(issued["ticket"])
    async with database.transaction() as first:
        claimed = await operations._claim(first, ticket_hash, digest(SECRET), datetime.now(UTC))
        assert claimed.state == State.REDEEMED
        contender = asyncio.create_task(client.redeem(issued["ticket"], OTHER_SECRET))
        assert await is_held_up(contender)
    answer = await contender
    assert (answer.status_code, answer.json()["code"]) == (410, "ticket_spent")
    assert catalog.keys == []
    assert (await client.redeem(issued["ticket"])).status_code == 200


async def test_the_same_secret_twice_at_once_is_one_redeemer(
    client: Client, database: Database, catalog: CatalogDouble
) -> None:
    issued = await client.issue()
    async with database.transaction() as first:
        await operations._claim(first, digest(issued["ticket"]), digest(SECRET), datetime.now(UTC))
        contender = asyncio.create_task(client.redeem(issued["ticket"]))
        assert await is_held_up(contender)
    assert (await contender).status_code == 200
    assert len(catalog.keys) == 1


async def test_of_two_moves_from_one_state_the_second_loses(client: Client, database: Database) -> None:
    restore_id = UUID(await client.begin())

    async def contend() -> object:
        async with database.transaction() as second:
            return await queries.move(second, restore_id, State.REDEEMED, State.CANCELLED, NOW)

    async with database.transaction() as first:
        assert await queries.move(first, restore_id, State.REDEEMED, State.RESTORING, NOW) is not None
        contender = asyncio.create_task(contend())
        assert await is_held_up(contender)
    assert await contender is None
    assert (await client.read(str(restore_id)))["state"] == "restoring"


async def completed(client: Client, database: Database, restore_id: UUID) -> None:
    async with database.transaction() as session:
        await operations.record_report(
            session,
            restore_id,
            redeemer_hash=digest(SECRET),
            state=State.COMPLETED,
            progress=Progress(),
            reason=None,
            now=datetime.now(UTC),
        )


async def test_a_completion_that_comes_while_the_owner_cancels_is_refused(
    client: Client, database: Database, outbox: Outbox
) -> None:
    restore_id = UUID(await client.begin())
    async with database.transaction() as first:
        await operations.cancel_restore(first, UUID(str(client.snapshot.owner_id)), restore_id, datetime.now(UTC))
        contender = asyncio.create_task(completed(client, database, restore_id))
        assert await is_held_up(contender)
    with pytest.raises(RestoreEnded):
        await contender
    assert (await client.read(str(restore_id)))["state"] == "cancelled"
    assert await outbox() == ["restore.cancelled.v1"]


async def test_a_cancellation_that_comes_while_the_client_completes_is_refused(
    client: Client, database: Database, outbox: Outbox
) -> None:
    restore_id = UUID(await client.begin())

    async def cancel() -> None:
        async with database.transaction() as second:
            await operations.cancel_restore(second, client.snapshot.owner_id, restore_id, datetime.now(UTC))

    async with database.transaction() as first:
        await operations.record_report(
            first,
            restore_id,
            redeemer_hash=digest(SECRET),
            state=State.COMPLETED,
            progress=Progress(),
            reason=None,
            now=datetime.now(UTC),
        )
        contender = asyncio.create_task(cancel())
        assert await is_held_up(contender)
    with pytest.raises(RestoreOver):
        await contender
    assert (await client.read(str(restore_id)))["state"] == "completed"
    assert await outbox() == ["restore.completed.v1"]


async def test_what_is_done_in_another_owners_name_is_not_done(client: Client, database: Database) -> None:
    restore_id = await client.begin()
    async with database.transaction() as session:
        with pytest.raises(RestoreNotFound):
            await operations.cancel_restore(session, uuid4(), UUID(restore_id), NOW)
        await operations.end_restores_of_backup(session, uuid4(), client.snapshot.backup_id, NOW)
    assert (await client.read(restore_id))["state"] == "redeemed"


async def test_two_reports_at_once_have_numbers_of_their_own(client: Client, database: Database) -> None:
    restore_id = UUID(await client.begin())

    async def report(state: State) -> None:
        async with database.transaction() as session:
            await operations.record_report(
                session,
                restore_id,
                redeemer_hash=digest(SECRET),
                state=state,
                progress=Progress(),
                reason=None,
                now=datetime.now(UTC),
            )

    await asyncio.gather(*(report(state) for state in (State.RESTORING, State.VERIFYING, State.RESTORING)))
    numbers = [entry["number"] for entry in await client.timeline(str(restore_id))]
    assert numbers == sorted(set(numbers))


async def test_a_deadline_that_another_worker_deals_with_is_left_to_it(
    client: Client, database: Database, let_pass: LetPass
) -> None:
    restore_id = (await client.issue())["restore_id"]
    await let_pass(restore_id, timedelta(hours=2))
    now = datetime.now(UTC)
    async with database.transaction() as first:
        assert await operations.expire_due(first, now) == 1
        async with database.transaction() as second:
            assert await operations.expire_due(second, now) == 0
    assert [entry["state"] for entry in await client.timeline(restore_id)] == ["ready", "expired"]


async def test_a_ticket_redeemed_while_it_is_being_expired_is_refused(
    client: Client, database: Database, let_pass: LetPass
) -> None:
    issued = await client.issue()
    async with database.transaction() as first:
        assert await operations.expire_due(first, datetime.now(UTC) + timedelta(hours=1)) == 1
        contender = asyncio.create_task(client.redeem(issued["ticket"]))
        assert await is_held_up(contender)
    assert (await contender).status_code == 410


async def test_a_commit_that_fails_is_a_fault_and_no_success(
    client: Client, database: Database, catalog: CatalogDouble
) -> None:
    """Only the commit fails: a deferred constraint is checked then."""
    async with database.transaction() as session:
        await session.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$"
            )
        )
        await session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON timeline DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW WHEN (new.state IN ('cancelled', 'restoring')) EXECUTE FUNCTION refuse()"
            )
        )
    restore_id = await client.begin()
    for answer in (await client.cancel(restore_id), await client.report(restore_id, "restoring")):
        assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
    assert (await client.read(restore_id))["state"] == "redeemed"
    async with database.transaction() as session:
        await session.execute(text("DROP TRIGGER refuse_late ON timeline"))
        await session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON timeline DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )
    body = {"snapshot_id": str(client.snapshot.snapshot_id)}
    issued = await client.restore.api.post("/api/v1/tickets", json=body, headers=client.headers)
    assert issued.status_code == 500
    assert "srt_" not in issued.text


async def test_whoever_was_first_stays_first_when_no_keys_can_be_had(client: Client, catalog: CatalogDouble) -> None:
    issued = await client.issue()
    catalog.refuse(503, "store_unavailable")
    first = await client.redeem(issued["ticket"])
    assert (first.status_code, first.json()["code"]) == (503, "service_unavailable")
    assert "retry-after" in first.headers
    catalog.refusal = None
    assert (await client.redeem(issued["ticket"], OTHER_SECRET)).json()["code"] == TicketSpent.code
    assert (await client.redeem(issued["ticket"])).status_code == 200
