"""Numbers without gaps, and drafts that become invoices when their time has come, whoever works at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from billing.models import NumberSeries
from billing.operations import accounts, credit_notes, invoices
from billing.queries import invoices as queries
from shared.db import Database
from tests.billing.support.invoicing import (
    NOW,
    check_books,
    draft,
    invoice_of,
    issued,
)
from tests.support.running import Running


@pytest.fixture
def database(billing: Running) -> Database:
    return billing.runtime.database


@pytest.fixture
def owner_id() -> UUID:
    return uuid4()


async def test_a_number_that_was_not_used_after_all_goes_to_the_next(database: Database) -> None:
    async def second() -> str:
        return str((await issued(database, uuid4(), 500)).number)

    class GiveUp(Exception):
        pass

    with pytest.raises(GiveUp):
        async with database.transaction() as session:
            owner_id = uuid4()
            made = await draft(session, owner_id, 500)
            await invoices.finalise(session, await accounts.lock(session, owner_id, NOW), made, NOW)
            assert made.number == "SP-2026-000001"
            contender = asyncio.create_task(second())
            await asyncio.sleep(0.2)
            assert not contender.done()
            raise GiveUp
    assert await contender == "SP-2026-000001"
    await check_books(database)


async def test_many_at_once_take_numbers_without_gaps(database: Database) -> None:
    numbers = await asyncio.gather(*(issued(database, uuid4(), 500) for _ in range(8)))
    assert sorted(str(each.number) for each in numbers) == [f"SP-2026-{number:06}" for number in range(1, 9)]
    await check_books(database)


async def test_an_invoice_and_a_credit_note_in_one_transaction_wait_for_no_one_in_a_circle(database: Database) -> None:
    """One takes an invoice's number and then a credit note's, the other the other way round."""
    before = {owner: await issued(database, owner, 500) for owner in (uuid4(), uuid4())}
    (one, his), (two, hers) = before.items()
    taken, go = asyncio.Event(), asyncio.Event()

    async def invoice_then_credit() -> None:
        async with database.transaction() as session:
            account = await accounts.lock(session, one, NOW)
            await invoices.finalise(session, account, await draft(session, one, 300), NOW)
            taken.set()
            await go.wait()
            await credit_notes.credit(session, account, await queries.lock(session, his.id), 100, "x", "a", NOW)

    async def credit_then_invoice() -> None:
        async with database.transaction() as session:
            account = await accounts.lock(session, two, NOW)
            await taken.wait()
            await credit_notes.credit(session, account, await queries.lock(session, hers.id), 100, "x", "b", NOW)
            await invoices.finalise(session, account, await draft(session, two, 300), NOW)

    both = asyncio.gather(invoice_then_credit(), credit_then_invoice())
    await asyncio.sleep(0.2)
    go.set()
    await asyncio.wait_for(both, 30)
    await check_books(database)


async def test_each_year_has_its_own_numbers(database: Database, owner_id: UUID) -> None:
    first = await issued(database, owner_id, 500, now=datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    second = await issued(database, owner_id, 500, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert (first.number, second.number) == ("SP-2026-000001", "SP-2027-000001")
    async with database.reading() as session:
        assert {row.name: row.last for row in await session.scalars(select(NumberSeries))} == {
            "SP-2026": 1,
            "SP-2027": 1,
        }


async def test_drafts_are_finalised_when_their_time_has_come_and_not_before(database: Database) -> None:
    async with database.transaction() as session:
        early = await draft(session, uuid4(), 500)
        late = await draft(session, uuid4(), 500, now=NOW + timedelta(hours=1))
    assert await invoices.finalise_due(database, NOW) == 1
    assert (await invoice_of(database, early.id)).state == "finalised"
    assert (await invoice_of(database, late.id)).state == "draft"
    assert await invoices.finalise_due(database, NOW + timedelta(hours=1)) == 1
    await check_books(database)


async def test_an_account_that_somebody_holds_keeps_no_other_waiting(database: Database) -> None:
    async with database.transaction() as session:
        held = await draft(session, uuid4(), 500)
        free = await draft(session, uuid4(), 500, now=NOW + timedelta(minutes=1))
    async with database.transaction() as session:
        await accounts.lock(session, held.owner_id, NOW)
        assert await asyncio.wait_for(invoices.finalise_due(database, NOW + timedelta(hours=1)), 30) == 1
    assert (await invoice_of(database, free.id)).state == "finalised"
    assert (await invoice_of(database, held.id)).state == "draft"


async def test_two_workers_finalise_a_draft_once(database: Database, owner_id: UUID) -> None:
    async with database.transaction() as session:
        for _ in range(6):
            await draft(session, owner_id, 500)
            await draft(session, uuid4(), 500)
    done = 0
    while done < 12:
        done += sum(await asyncio.gather(invoices.finalise_due(database, NOW), invoices.finalise_due(database, NOW)))
    assert done == 12
    await check_books(database)


async def test_a_worker_that_comes_late_does_not_finalise_again(database: Database, owner_id: UUID) -> None:
    """It found the draft, and the account's lock came free only when another had finalised it."""
    async with database.transaction() as session:
        made = await draft(session, owner_id, 500)

    async def late() -> int:
        return await invoices.finalise_due(database, NOW)

    async with database.transaction() as session:
        account = await accounts.lock(session, owner_id, NOW)
        await invoices.finalise(session, account, await queries.lock(session, made.id), NOW)
        assert await asyncio.wait_for(late(), 30) == 0
    assert await late() == 0
    assert (await invoice_of(database, made.id)).number == "SP-2026-000001"
