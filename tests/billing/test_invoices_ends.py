"""How invoices end: void, given up, credited, or paid twice as it were."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from billing.errors import InvoiceFinal
from billing.models import Payment
from billing.operations import accounts, collect, credit_notes, invoices
from shared.db import Database
from tests.billing.support.invoicing import (
    NOW,
    add_method,
    check_books,
    draft,
    give,
    invoice_of,
    issued,
)
from tests.billing.support.world import World
from tests.support.running import Running


@pytest.fixture
def database(billing: Running) -> Database:
    return billing.runtime.database


@pytest.fixture
def owner_id() -> UUID:
    return uuid4()


async def test_an_invoice_of_which_nothing_was_paid_can_be_voided(world: World) -> None:
    invoice = await issued(world.database, world.owner_id, 500, now=world.now)
    await world.work()
    assert (await world.account()).standing == "reminded"
    async with world.database.transaction() as session:
        await invoices.void(session, *await invoices.lock_by_id(session, invoice.id, world.now), world.now)
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.open_minor, found.charge_due_at, found.ended_at) == ("void", 0, None, world.now)
    assert (await world.account()).standing == "current"
    await world.check_books()


async def test_no_other_invoice_can_be_voided(database: Database) -> None:
    for spoiled in ["draft", "part_paid", "paid", "credited", "being_charged"]:
        owner_id = uuid4()
        if spoiled in ("part_paid", "paid"):
            await give(database, owner_id, promotional=100 if spoiled == "part_paid" else 500)
        async with database.transaction() as session:
            account, invoice = await accounts.lock(session, owner_id, NOW), await draft(session, owner_id, 500)
            if spoiled != "draft":
                await invoices.finalise(session, account, invoice, NOW)
            if spoiled == "credited":
                await credit_notes.credit(session, account, invoice, 100, "A present", "test", NOW)
            if spoiled == "being_charged":
                await collect.pay_now(session, account, invoice, (await add_method(session, owner_id)).id, NOW)
            with pytest.raises(InvoiceFinal):
                await invoices.void(session, account, invoice, NOW)
    await check_books(database)


async def test_money_that_comes_for_an_invoice_that_was_given_up_is_taken(world: World) -> None:
    invoice = await issued(world.database, world.owner_id, 800, now=world.now)
    await world.travel(timedelta(days=10))
    async with world.database.transaction() as session:
        await invoices.give_up(session, *await invoices.lock_by_id(session, invoice.id, world.now), world.now)
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.open_minor) == ("uncollectible", 800)
    assert (await world.account()).standing == "suspended"
    await world.check_books()
    await give(world.database, world.owner_id, balance=300, now=world.now)
    method_id = await world.add_card()
    async with world.database.transaction() as session:
        account, invoice = await invoices.lock_by_id(session, invoice.id, world.now)
        payment = await collect.pay_now(session, account, invoice, method_id, world.now)
    assert payment is not None
    assert payment.amount_minor == 500
    await world.check_books()
    await world.work()
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.balance_minor, found.card_minor) == ("paid", 300, 500)
    assert (await world.account()).standing == "current"
    await world.check_books()


async def test_what_was_given_up_is_not_charged_by_itself_even_after_a_failed_try_by_hand(world: World) -> None:
    method_id = await world.add_card("declines")
    invoice = await issued(world.database, world.owner_id, 800, now=world.now)
    await world.work()
    async with world.database.transaction() as session:
        account, invoice = await invoices.lock_by_id(session, invoice.id, world.now)
        await invoices.give_up(session, account, invoice, world.now)
        await collect.pay_now(session, account, invoice, method_id, world.now)
    await world.travel(timedelta(days=30))
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.attempts, found.charge_due_at) == ("uncollectible", 1, None)
    assert len(await world.every(Payment)) == 2
    await world.check_books()


async def test_a_payment_for_what_was_credited_meanwhile_becomes_balance(world: World) -> None:
    await world.add_card()
    invoice = await issued(world.database, world.owner_id, 800, now=world.now)
    await collect.charge_due(world.database, world.now)
    async with world.database.transaction() as session:
        account, invoice = await invoices.lock_by_id(session, invoice.id, world.now)
        await credit_notes.credit(session, account, invoice, 800, "A mistake", "test", world.now)
    assert (await invoice_of(world.database, invoice.id)).state == "paid"
    await world.work()
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.credited_minor, found.card_minor) == ("paid", 800, 0)
    assert (await world.account()).balance_minor == 800
    await world.check_books()


async def test_a_payment_that_is_recorded_twice_pays_once(world: World) -> None:
    await world.add_card()
    invoice = await issued(world.database, world.owner_id, 800, now=world.now)
    await world.work()
    async with world.database.transaction() as session:
        account = await accounts.lock(session, world.owner_id, world.now)
        payment = (await session.scalars(select(Payment))).one()
        await invoices.on_paid(session, account, payment, world.now)
    assert (await invoice_of(world.database, invoice.id)).card_minor == 800
    assert (await world.account()).balance_minor == 0
    await world.check_books()
