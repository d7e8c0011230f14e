"""Credit notes: never more than the invoice, and the money goes back the way it came."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billing.domain.credits import Credit, Given, Invoiced, credit
from billing.models import CreditNote, Invoice, Refund
from billing.operations import credit_notes, invoices
from tests.billing.support.invoicing import NOW, account_of, draft, give, invoice_of, issued, notices_of
from tests.billing.support.world import World

amounts = st.integers(0, 5000)


@st.composite
def invoiced(draw: st.DrawFn) -> tuple[Invoiced, int]:
    """An issued invoice, part of it paid by each means or not at all, and what its promotional part was."""
    net = draw(st.integers(1, 10_000))
    tax = round(net * Fraction(draw(st.integers(0, 30)), 100))
    promotional = draw(st.integers(0, net + tax))
    balance = draw(st.integers(0, net + tax - promotional))
    card = draw(st.integers(0, net + tax - promotional - balance))
    return Invoiced(net, tax, net + tax - promotional - balance - card, balance, card), promotional


@given(invoiced(), st.lists(st.tuples(st.integers(-10, 12_000), amounts, amounts), max_size=8))
def test_however_often_it_is_credited_it_is_never_more_than_the_invoice(
    case: tuple[Invoiced, int], wanted: list[tuple[int, int, int]]
) -> None:
    before, promotional = case
    said, given_before = before, Given()
    made_before: list[Credit] = []
    for net, keep, refundable in wanted:
        made = credit(before, given_before, net, keep, refundable)
        if made is None:
            continue
        made_before.append(made)
        given_before = Given(
            given_before.net + made.net,
            given_before.tax + made.tax,
            given_before.balance + made.balance,
            given_before.card + made.card,
        )
        before = Invoiced(before.net, before.tax, before.open - made.owed, before.balance, before.card)
        assert made.card <= refundable
        assert made.owed + made.balance + made.card + made.promotional == made.total
        assert min(made.net, made.tax + 1, made.owed + 1, made.balance + 1, made.card + 1, made.promotional + 1) > 0
    assert sum(each.net for each in made_before) <= said.net
    assert sum(each.tax for each in made_before) <= said.tax
    assert sum(each.owed for each in made_before) <= said.open
    assert sum(each.card for each in made_before) <= said.card
    assert sum(each.card + each.balance for each in made_before) <= said.card + said.balance
    assert sum(each.promotional for each in made_before) <= promotional
    if sum(each.net for each in made_before) == said.net:
        assert sum(each.total for each in made_before) == said.net + said.tax


@pytest.mark.parametrize(
    ("invoice", "net", "keep", "refundable", "parts"),
    [
        # The original's example: a cluster of 49 paid with 20 of trial money and 29 of one's own gives back 29 at most.
        (Invoiced(4900, 0, 0, 0, 2900), 4900, 0, 2900, (0, 0, 2900, 2000)),
        (Invoiced(4900, 0, 0, 0, 2900), 2450, 0, 2900, (0, 0, 2450, 0)),
        (Invoiced(4900, 0, 0, 0, 2900), 3000, 0, 2900, (0, 0, 2900, 100)),
        # Some of it stays as balance for what is owed next.
        (Invoiced(2900, 0, 0, 0, 2900), 1450, 400, 2900, (0, 400, 1050, 0)),
        # Paid in part from the balance: the card gets what it paid, the balance the rest.
        (Invoiced(2900, 0, 0, 900, 2000), 2900, 0, 2000, (0, 900, 2000, 0)),
        # Its card's money went back already for something else.
        (Invoiced(2900, 0, 0, 0, 2900), 1000, 0, 300, (0, 700, 300, 0)),
        # Not paid yet: nothing goes anywhere, less is owed.
        (Invoiced(2900, 0, 2900, 0, 0), 1000, 0, 0, (1000, 0, 0, 0)),
        (Invoiced(2900, 0, 2000, 900, 0), 2500, 0, 0, (2000, 500, 0, 0)),
    ],
)
def test_where_a_credit_goes(
    invoice: Invoiced, net: int, keep: int, refundable: int, parts: tuple[int, int, int, int]
) -> None:
    made = credit(invoice, Given(), net, keep, refundable)
    assert made is not None
    assert (made.owed, made.balance, made.card, made.promotional) == parts


def test_tax_goes_back_in_proportion_and_all_of_it_with_the_last_credit() -> None:
    invoice, before = Invoiced(1000, 190, 0, 1190, 0), Given()
    taxes = []
    for net in (333, 333, 333, 333):
        made = credit(invoice, before, net, 0, 0)
        assert made is not None
        taxes.append((made.net, made.tax))
        before = Given(before.net + made.net, before.tax + made.tax, before.balance + made.total, 0)
    assert taxes == [(333, 63), (333, 64), (333, 63), (1, 0)]
    assert credit(invoice, before, 1, 0, 0) is None


async def given_back(
    world: World, invoice: Invoice, net: int, source: str = "test", keep: int = 0
) -> CreditNote | None:
    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, world.now)
        note = await credit_notes.credit(
            session, account, locked, net, "A mistake", source, world.now, keep_as_balance_minor=keep
        )
    await world.work()
    return note


async def test_what_a_card_paid_goes_back_to_it(world: World) -> None:
    await give(world.database, world.owner_id, promotional=200)
    await world.add_card()
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    await world.work()
    note = await given_back(world, invoice, 900, keep=50)
    assert note is not None
    assert note.number == "CN-2026-000001"
    assert (note.to_card_minor, note.to_balance_minor, note.to_promotional_minor) == (750, 50, 100)
    [refund] = await world.every(Refund)
    assert (refund.state, refund.amount_minor) == ("refunded", 750)
    account = await account_of(world.database, world.owner_id)
    assert (account.balance_minor, account.promotional_minor) == (50, 100)
    assert (await invoice_of(world.database, invoice.id)).state == "paid"
    [told] = [each for each in await notices_of(world.database, world.owner_id) if each.kind == "credit_note"]
    assert "9.00 USD of it is credited (CN-2026-000001): A mistake." in told.text
    await world.check_books()


async def test_what_cannot_go_back_to_its_card_becomes_balance(world: World) -> None:
    await world.add_card("refund_failed")
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    await world.work()
    await given_back(world, invoice, 600)
    await world.travel(timedelta(days=2))
    [refund] = await world.every(Refund)
    assert refund.state == "failed"
    assert (await world.account()).balance_minor == 600
    await world.check_books()
    # What the card did not take back may be tried again, but only up to what the card still holds.
    await given_back(world, invoice, 1000, "another")
    notes = await world.credit_notes()
    assert sum(note.total_minor for note in notes) == 1000
    await world.check_books()


async def test_the_same_cause_credits_once(world: World) -> None:
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    assert await given_back(world, invoice, 300, "instance:1") is not None
    assert await given_back(world, invoice, 300, "instance:1") is None
    assert await given_back(world, invoice, 300, "instance:2") is not None
    assert (await invoice_of(world.database, invoice.id)).open_minor == 400
    await world.check_books()


async def test_what_is_not_paid_yet_is_no_longer_owed_and_the_rest_is_charged(world: World) -> None:
    await world.add_card()
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, world.now)
        await credit_notes.credit(session, account, locked, 400, "A mistake", "test", world.now)
    await world.check_books()
    await world.work()
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.credited_minor, found.card_minor) == ("paid", 400, 600)
    await world.check_books()


async def test_an_invoice_that_is_credited_whole_is_settled_and_its_owner_stands_well_again(world: World) -> None:
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    await world.travel(timedelta(days=4))
    assert (await world.account()).standing == "restricted"
    await given_back(world, invoice, 1000)
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.open_minor, found.charge_due_at) == ("paid", 0, None)
    assert (await world.account()).standing == "current"
    await world.check_books()


async def test_an_invoice_that_was_given_up_is_credited_against_the_loss(world: World) -> None:
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    async with world.database.transaction() as session:
        await invoices.give_up(session, *await invoices.lock_by_id(session, invoice.id, world.now), world.now)
    await given_back(world, invoice, 300)
    assert (await invoice_of(world.database, invoice.id)).open_minor == 700
    await world.check_books()
    await given_back(world, invoice, 700, "another")
    assert (await invoice_of(world.database, invoice.id)).state == "paid"
    await world.check_books()


async def test_a_draft_or_a_void_invoice_says_nothing_to_credit(world: World) -> None:
    async with world.database.transaction() as session:
        made = await draft(session, world.owner_id, 500)
        account, locked = await invoices.lock_by_id(session, made.id, NOW)
        with pytest.raises(ValueError, match="nothing to credit"):
            await credit_notes.credit(session, account, locked, 100, "A mistake", "test", NOW)


async def test_tax_is_credited_with_what_was_taxed(world: World) -> None:
    async with world.database.transaction() as session:
        made = await draft(session, world.owner_id, 1000)
        account, locked = await invoices.lock_by_id(session, made.id, NOW)
        await invoices.finalise(session, account, locked, NOW, tax_rate=Decimal("0.19"))
        note = await credit_notes.credit(session, account, locked, 500, "Half", str(uuid4()), NOW)
        assert note is not None
        assert (note.net_minor, note.tax_minor, note.total_minor, note.to_owed_minor) == (500, 95, 595, 595)
        assert (await session.scalars(select(CreditNote))).one() is note
    await world.check_books()
