"""The ledger: each movement sums to zero, is recorded once, and never changes; the database itself sees to it."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from billing.domain.ledger import Account, Movement, Unbalanced
from billing.models import LedgerEntry, LedgerTransaction
from billing.operations import ledger
from shared.db import Database
from tests.billing.support.books import assert_books_balance, trial_balance
from tests.billing.support.invoicing import NOW, draft, give, issued
from tests.support.running import Running

GRANT = {Account.PROMOTIONS: 500, Account.PROMOTIONAL: -500}


@pytest.fixture
def database(billing: Running) -> Database:
    return billing.runtime.database


def test_a_movement_that_does_not_sum_to_zero_cannot_be_made() -> None:
    with pytest.raises(Unbalanced):
        Movement("order:1", "set_aside", "Set aside", {Account.BALANCE: 100, Account.HELD: -99})


async def test_the_same_source_and_purpose_move_money_once(database: Database) -> None:
    owner_id = uuid4()
    movement = Movement("grant:1", "grant", "A present", GRANT)
    async with database.transaction() as session:
        assert await ledger.post(session, owner_id, "USD", movement, NOW)
        assert not await ledger.post(session, owner_id, "USD", movement, NOW)
    async with database.transaction() as session:
        assert not await ledger.post(session, owner_id, "USD", movement, NOW)
        assert await session.scalar(select(func.count()).select_from(LedgerEntry)) == 2


async def test_of_two_that_record_the_same_at_once_one_is_told_that_it_was_recorded(database: Database) -> None:
    movement = Movement("grant:1", "grant", "A present", GRANT)

    async def second() -> bool:
        async with database.transaction() as session:
            return await ledger.post(session, uuid4(), "USD", movement, NOW)

    async with database.transaction() as session:
        assert await ledger.post(session, uuid4(), "USD", movement, NOW)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender is False


async def test_postings_of_nothing_make_no_transaction(database: Database) -> None:
    async with database.transaction() as session:
        nothing = Movement("order:1", "give_back", "Nothing", {Account.HELD: 0, Account.BALANCE: 0})
        assert not await ledger.post(session, uuid4(), "USD", nothing, NOW)
        assert await session.scalar(select(func.count()).select_from(LedgerTransaction)) == 0


async def test_the_database_refuses_to_change_the_ledger(database: Database) -> None:
    await give(database, uuid4(), promotional=500)
    for statement in [
        "UPDATE ledger_entries SET amount_minor = amount_minor * 2",
        "DELETE FROM ledger_entries WHERE account = 'promotions'",
        "TRUNCATE ledger_entries",
        "UPDATE ledger_transactions SET description = 'another'",
        "DELETE FROM ledger_transactions",
    ]:
        with pytest.raises(IntegrityError, match="never changed"):
            async with database.transaction() as session:
                await session.execute(text(statement))


async def test_the_database_refuses_a_transaction_that_does_not_sum_to_zero(database: Database) -> None:
    for amounts in [(500, -499), (500,), ()]:
        with pytest.raises(IntegrityError, match="not to zero"):
            async with database.transaction() as session:
                row = LedgerTransaction(
                    source="hand:1", purpose="made", owner_id=uuid4(), currency="USD", description="By hand",
                    recorded_at=NOW,
                )  # fmt: skip
                session.add(row)
                await session.flush()
                for account, amount in zip(("promotions", "promotional"), amounts, strict=False):
                    entry = LedgerEntry(
                        transaction_id=row.id, account=account, owner_id=row.owner_id, amount_minor=amount
                    )
                    session.add(entry)


async def test_an_entry_cannot_be_added_to_an_old_transaction(database: Database) -> None:
    owner_id = uuid4()
    await give(database, owner_id, promotional=500)
    with pytest.raises(IntegrityError, match="not to zero"):
        async with database.transaction() as session:
            old = (await session.scalars(select(LedgerTransaction.id))).one()
            session.add(LedgerEntry(transaction_id=old, account="balance", owner_id=owner_id, amount_minor=1))


async def test_the_database_refuses_to_change_an_issued_invoice(database: Database) -> None:
    await issued(database, uuid4(), 1200)
    for statement in [
        "UPDATE invoices SET total_minor = 1, net_minor = 1",
        "UPDATE invoices SET number = 'SP-2026-000009'",
        'UPDATE invoices SET billed_to = \'{"name": "another"}\'',
        "DELETE FROM invoices",
        "UPDATE invoice_lines SET amount_minor = 1",
        "DELETE FROM invoice_lines",
        "INSERT INTO invoice_lines (invoice_id, number, kind, description, quantity, unit, unit_price, amount_minor)"
        " SELECT id, 2, 'traffic', 'Traffic', '1', 'GB', '0.01', 1 FROM invoices",
    ]:
        with pytest.raises(IntegrityError, match="final"):
            async with database.transaction() as session:
                await session.execute(text(statement))


async def test_a_draft_may_still_change_and_go(database: Database) -> None:
    async with database.transaction() as session:
        await draft(session, uuid4(), 1200)
        await session.execute(text("UPDATE invoice_lines SET amount_minor = 1300"))
        await session.execute(text("UPDATE invoices SET net_minor = 1300, total_minor = 1300"))
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM invoice_lines"))
        await session.execute(text("DELETE FROM invoices"))


async def test_the_trial_balance_names_what_each_owner_has(database: Database) -> None:
    owner_id = uuid4()
    await give(database, owner_id, promotional=500, balance=300)
    await issued(database, owner_id, 600)
    async with database.reading() as session:
        assert await trial_balance(session) == {
            (str(owner_id), "card"): 300,
            (str(owner_id), "balance"): -200,
            (str(owner_id), "revenue"): -600,
            (str(owner_id), "promotions"): 500,
        }
        await assert_books_balance(session)
