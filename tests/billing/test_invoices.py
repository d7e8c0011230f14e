"""Invoices: drafted, issued, taxed and paid in the right order."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from billing.domain.invoices import (
    TERMINAL,
    Allocation,
    InvoiceKind,
    InvoiceState,
    InvoiceTrigger,
    LineKind,
)
from billing.domain.transitions import IllegalTransition
from billing.models import Invoice, InvoiceMove, Payment, PriceBookDocument
from billing.operations import accounts, invoices
from billing.queries import invoices as queries
from shared.db import Database
from shared.events.billing import InvoiceFinalised
from tests.billing.support.invoicing import (
    NOW,
    account_of,
    check_books,
    draft,
    give,
    invoice_of,
    issued,
    line,
    notices_of,
)
from tests.billing.support.world import START, World
from tests.support.running import Running


@pytest.fixture
def database(billing: Running) -> Database:
    return billing.runtime.database


@pytest.fixture
def owner_id() -> UUID:
    return uuid4()


async def tax_for(database: Database, rates: str) -> None:
    """Let the price book in use have these tax rates."""
    async with database.transaction() as session:
        last = (await session.scalars(select(PriceBookDocument).order_by(PriceBookDocument.number.desc()))).first()
        assert last is not None
        assert "\ntax_rates: {}\n" in last.document
        document = last.document.replace("\ntax_rates: {}\n", f"\ntax_rates: {rates}\n")
        session.add(PriceBookDocument(document=document, loaded_at=NOW))


async def settle_in(database: Database, owner_id: UUID, country: str) -> None:
    async with database.transaction() as session:
        account = await accounts.lock(session, owner_id, NOW)
        account.billing_name, account.country = "Zoë", country


async def test_a_draft_has_its_lines_and_no_number(database: Database, owner_id: UUID) -> None:
    async with database.transaction() as session:
        made = await draft(session, owner_id, 1200, 34)
    found = await invoice_of(database, made.id)
    assert (found.state, found.number, found.total_minor, found.open_minor) == ("draft", None, 1234, 0)
    async with database.reading() as session:
        lines = await queries.lines_of(session, made.id)
    assert [(each.number, each.amount_minor) for each in lines] == [(1, 1200), (2, 34)]


async def test_lines_that_come_to_nothing_make_no_draft(database: Database, owner_id: UUID) -> None:
    async with database.transaction() as session:
        account = await accounts.lock(session, owner_id, NOW)
        for amounts in [(), (0,), (500, -500), (500, -501)]:
            lines = [line(amount) for amount in amounts]
            assert await invoices.draft(session, account, InvoiceKind.USAGE, lines, START, NOW, NOW, NOW) is None
        assert (await session.scalars(select(Invoice))).all() == []


async def test_a_drafts_lines_of_a_kind_are_exchanged_and_the_others_stay(database: Database, owner_id: UUID) -> None:
    async with database.transaction() as session:
        account = await accounts.lock(session, owner_id, NOW)
        before = [line(2900, LineKind.INSTANCE), line(10), line(20), line(7, LineKind.ADJUSTMENT)]
        made = await invoices.draft(session, account, InvoiceKind.USAGE, before, START, NOW, NOW, NOW)
        assert made is not None
        await invoices.replace_lines(session, account, made, {LineKind.BACKUP_STORAGE}, [line(99)], NOW)
    async with database.reading() as session:
        lines = await queries.lines_of(session, made.id)
    assert [(each.number, each.kind, each.amount_minor) for each in lines] == [
        (1, "instance", 2900),
        (2, "backup_storage", 99),
        (3, "adjustment", 7),
    ]
    assert (await invoice_of(database, made.id)).total_minor == 3006
    await check_books(database)


async def test_a_draft_whose_lines_come_to_nothing_is_discarded_without_a_number(
    database: Database, owner_id: UUID
) -> None:
    async with database.transaction() as session:
        made = await draft(session, owner_id, 40)
        account = await accounts.lock(session, owner_id, NOW)
        await invoices.replace_lines(session, account, made, {LineKind.BACKUP_STORAGE}, [], NOW)
    found = await invoice_of(database, made.id)
    assert (found.state, found.number, found.finalise_due_at) == ("void", None, None)
    assert await invoices.finalise_due(database, NOW) == 0
    await check_books(database)


async def test_lines_of_other_kinds_or_of_an_issued_invoice_are_not_exchanged(
    database: Database, owner_id: UUID
) -> None:
    invoice = await issued(database, owner_id, 500)
    async with database.transaction() as session:
        account = await accounts.lock(session, owner_id, NOW)
        with pytest.raises(ValueError, match="only a draft"):
            await invoices.replace_lines(session, account, invoice, {LineKind.BACKUP_STORAGE}, [line(1)], NOW)
        made = await draft(session, owner_id, 500)
        with pytest.raises(ValueError, match="other kinds"):
            await invoices.replace_lines(session, account, made, {LineKind.TRAFFIC}, [line(1)], NOW)


async def test_an_issued_invoice_has_a_number_its_owners_details_and_is_announced(
    world: World, database: Database
) -> None:
    await settle_in(database, world.owner_id, "DE")
    invoice = await issued(database, world.owner_id, 1200)
    await settle_in(database, world.owner_id, "FR")
    found = await invoice_of(database, invoice.id)
    assert found.number == "SP-2026-000001"
    assert found.finalised_at == NOW
    assert found.billed_to["name"] == "Zoë"
    assert found.billed_to["country"] == "DE"
    assert await world.events(InvoiceFinalised.name) == [InvoiceFinalised.name]
    assert found.charge_due_at == NOW
    async with database.reading() as session:
        moves = list(await session.scalars(select(InvoiceMove)))
    assert [(move.source, move.trigger, move.target) for move in moves] == [("draft", "finalise", "finalised")]
    await check_books(database)


TAXED = [
    ("DE", 1000, 190, "0.19"),
    ("CH", 1000, 81, "0.081"),
    # Half to even: 12.5 and 17.5 cents.
    ("FR", 250, 12, "0.05"),
    ("FR", 350, 18, "0.05"),
    ("US", 1000, 0, None),
]


async def test_tax_is_that_of_the_owners_country_rounded_once(database: Database) -> None:
    await tax_for(database, '{DE: "0.19", CH: "0.081", FR: "0.05"}')
    for country, net, tax, rate in TAXED:
        owner_id = uuid4()
        await settle_in(database, owner_id, country)
        found = await invoice_of(database, (await issued(database, owner_id, net)).id)
        assert (found.net_minor, found.tax_minor, found.total_minor, found.tax_rate) == (net, tax, net + tax, rate)
        assert found.tax_country == (country if rate else None)
    await check_books(database)


async def test_an_order_is_taxed_as_its_quote_promised(database: Database, owner_id: UUID) -> None:
    await tax_for(database, '{DE: "0.19"}')
    await settle_in(database, owner_id, "DE")
    async with database.transaction() as session:
        promised = await draft(session, owner_id, 1000)
        account = await accounts.lock(session, owner_id, NOW)
        await invoices.finalise(session, account, promised, NOW, tax_rate=Decimal("0.07"))
        untaxed = await draft(session, owner_id, 1000)
        await invoices.finalise(session, account, untaxed, NOW, tax_rate=None)
    assert (await invoice_of(database, promised.id)).tax_minor == 70
    assert (await invoice_of(database, untaxed.id)).tax_minor == 0


WITHOUT_CARD = [
    # total, what there is; what paid (promotional, balance), what is left (promotional, balance).
    (500, 700, 300, (500, 0), (200, 300)),
    (500, 200, 700, (200, 300), (0, 400)),
    (500, 200, 300, (200, 300), (0, 0)),
    (500, 0, 500, (0, 500), (0, 0)),
    # 0.99 left is not charged: the balance is below zero then.
    (500, 200, 201, (200, 300), (0, -99)),
    (99, 0, 0, (0, 99), (0, -99)),
    (1, 0, 0, (0, 1), (0, -1)),
]


async def test_promotional_balance_pays_first_then_the_balance_and_a_small_rest_is_carried(database: Database) -> None:
    for total, promotional, balance, paid, left in WITHOUT_CARD:
        owner_id = uuid4()
        await give(database, owner_id, promotional=promotional, balance=balance)
        found = await invoice_of(database, (await issued(database, owner_id, total)).id)
        assert (found.promotional_minor, found.balance_minor) == paid
        assert (found.state, found.card_minor, found.charge_due_at) == ("paid", 0, None)
        account = await account_of(database, owner_id)
        assert (account.promotional_minor, account.balance_minor) == left
    await check_books(database)


async def test_the_card_pays_what_the_balances_do_not(world: World) -> None:
    for promotional, balance, by_card in [(0, 0, 500), (100, 0, 400), (100, 300, 100), (100, 100, 300)]:
        world.owner_id = uuid4()
        await give(world.database, world.owner_id, promotional=promotional, balance=balance)
        await world.add_card()
        invoice = await issued(world.database, world.owner_id, 500, now=world.now)
        assert invoice.open_minor == by_card
        await world.work()
        [found] = await world.invoices()
        assert (found.state, found.promotional_minor, found.balance_minor) == ("paid", promotional, balance)
        assert (found.card_minor, found.paid_at) == (by_card, world.now)
        account = await world.account()
        assert (account.promotional_minor, account.balance_minor) == (0, 0)
    await world.check_books()


async def test_small_sums_are_carried_until_they_are_worth_charging_and_then_charged_once(world: World) -> None:
    await world.add_card()
    balances, taken = [], []
    for _ in range(5):
        await issued(world.database, world.owner_id, 45, now=world.now)
        await world.travel(timedelta(days=30))
        balances.append((await world.account()).balance_minor)
        taken.append(sum(invoice.card_minor for invoice in await world.invoices()))
    assert balances == [-45, -90, 0, -45, -90]
    # The third charge is 1.35: its own 0.45, and 0.90 that went to the balance.
    assert taken == [0, 0, 45, 45, 45]
    assert {invoice.state for invoice in await world.invoices()} == {"paid"}
    told = [notice.kind for notice in await notices_of(world.database, world.owner_id)]
    assert told.count("sum_carried") == 4
    await world.check_books()


async def test_a_carried_sum_is_collected_by_one_of_two_charges_not_by_both(world: World) -> None:
    await world.add_card()
    await issued(world.database, world.owner_id, 60, now=world.now)
    await issued(world.database, world.owner_id, 500, now=world.now)
    await issued(world.database, world.owner_id, 700, now=world.now)
    await world.work()
    assert (await world.account()).balance_minor == 0
    assert sum(payment.captured_minor for payment in await world.every(Payment)) == 1260
    await world.check_books()


async def test_what_an_order_set_aside_pays_its_invoice_and_its_card_pays_the_rest_when_it_has(
    world: World,
) -> None:
    await give(world.database, world.owner_id, promotional=500, balance=300)
    await world.add_card()
    quote_id = await world.order("small")
    account = await world.account()
    assert (account.promotional_minor, account.balance_minor) == (0, 0)
    await world.check_books()
    await world.fulfil(quote_id)
    [found] = await world.invoices()
    assert (found.promotional_minor, found.balance_minor, found.card_minor) == (500, 300, 2100)
    assert found.state == "paid"
    await world.check_books()


async def test_more_or_other_than_the_invoice_is_not_taken_of_an_order(database: Database, owner_id: UUID) -> None:
    for held in [Allocation(600, 0, 0, 0), Allocation(100, 0, 300, 0), Allocation(0, 0, 600, 50)]:
        with pytest.raises(ValueError, match="set aside"):
            async with database.transaction() as session:
                made = await draft(session, owner_id, 500)
                account = await accounts.lock(session, owner_id, NOW)
                await invoices.finalise(session, account, made, NOW, held=held)


async def test_of_two_moves_from_one_state_the_second_loses(database: Database, owner_id: UUID) -> None:
    invoice = await issued(database, owner_id, 500)
    async with database.sessions() as first, database.sessions() as second:
        his, hers = await first.get_one(Invoice, invoice.id), await second.get_one(Invoice, invoice.id)
        assert await queries.move(first, his, InvoiceTrigger.GIVE_UP, NOW)
        contender = asyncio.create_task(queries.move(second, hers, InvoiceTrigger.VOID, NOW))
        await asyncio.sleep(0.1)
        await first.commit()
        assert await contender is False
    assert (await invoice_of(database, invoice.id)).state == "uncollectible"


def test_what_is_void_or_paid_stays_so() -> None:
    assert frozenset({InvoiceState.VOID, InvoiceState.PAID}) == TERMINAL


async def test_a_move_that_the_table_has_not_is_refused(database: Database, owner_id: UUID) -> None:
    async with database.transaction() as session:
        made = await draft(session, owner_id, 500)
        with pytest.raises(IllegalTransition):
            await queries.move(session, made, InvoiceTrigger.PAY, NOW)


async def test_the_database_refuses_an_invoice_that_is_overpaid_or_paid_in_part_only(
    database: Database, owner_id: UUID
) -> None:
    invoice = await issued(database, owner_id, 500)
    for values in ({"card_minor": 501}, {"state": "paid", "card_minor": 499}):
        with pytest.raises(IntegrityError):
            async with database.transaction() as session:
                await session.execute(update(Invoice).where(Invoice.id == invoice.id).values(values))


async def test_the_sum_that_is_open_is_the_same_in_sql_and_in_python(database: Database, owner_id: UUID) -> None:
    await give(database, owner_id, promotional=120)
    await issued(database, owner_id, 500)
    await issued(database, owner_id, 50)
    async with database.transaction() as session:
        await draft(session, owner_id, 70)
        rows = (await session.execute(select(Invoice, queries.open_amount()))).all()
    assert sorted(amount for _, amount in rows) == [0, 0, 380]
    assert all(invoice.open_minor == amount for invoice, amount in rows)
