"""An owner's bill over months and years, by a clock that is let run."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import uuid4

import pytest

from billing.domain.prices import GB
from billing.models import Instance, Quote, UsagePeriod
from tests.billing.support.world import START, World


def cents(gb_months: Fraction | int, price: str = "0.08") -> int:
    return round(Fraction(gb_months) * Fraction(price) * 100)


def months(start: datetime, end: datetime) -> Fraction:
    """Months of 730 hours."""
    return Fraction(int((end - start).total_seconds()), 730 * 3600)


async def test_nobody_pays_who_stays_within_the_allowance(world: World) -> None:
    backup, terminus = uuid4(), uuid4()
    await world.measure(backup, 3, terminus_id=terminus)
    await world.travel(timedelta(days=100))
    await world.measure(backup, 10, terminus_id=terminus)
    await world.travel(timedelta(days=400))
    assert await world.invoices() == []
    assert len(await world.every(UsagePeriod)) == 16
    await world.check_books()


async def test_every_month_of_two_years_is_billed_to_its_own_length(world: World) -> None:
    world.now = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
    await world.add_card()
    backup = uuid4()
    await world.measure(backup, 110)
    await world.travel(datetime(2029, 2, 1, tzinfo=UTC))
    invoices = await world.invoices()
    assert len(invoices) == 24
    ends = [invoice.period_end for invoice in invoices]
    assert [end.day for end in ends[:6]] == [28, 31, 30, 31, 30, 31]
    assert ends[12] == datetime(2028, 2, 29, 9, 30, tzinfo=UTC)
    for before, invoice in zip([datetime(2027, 1, 31, 9, 30, tzinfo=UTC), *ends], invoices, strict=False):
        assert invoice.period_start == before
        assert invoice.total_minor == cents(100 * months(invoice.period_start, invoice.period_end))
        assert invoice.state == "paid"
        assert invoice.card_minor == invoice.total_minor
        assert invoice.finalised_at == invoice.period_end + timedelta(hours=1)
    assert [invoice.number for invoice in invoices[:2]] == ["SP-2027-000001", "SP-2027-000002"]
    await world.check_books()


async def test_an_instance_is_paid_ahead_renewed_on_the_31st_and_settled_when_it_is_returned(world: World) -> None:
    world.now = datetime(2027, 1, 31, 12, tzinfo=UTC)
    await world.add_card()
    quote_id = await world.order("small")
    instance_id = await world.fulfil(quote_id)
    first = (await world.invoices())[0]
    quote = next(each for each in await world.every(Quote) if each.id == quote_id)
    assert (first.kind, first.state, first.total_minor) == ("order", "paid", 2900)
    assert first.total_minor == quote.total_minor

    await world.count(instance_id, 150, 210, at=world.now + timedelta(days=1))
    await world.travel(datetime(2027, 4, 1, tzinfo=UTC))
    renewals = (await world.invoices())[1:]
    assert [each.period_end for each in renewals] == [
        datetime(2027, 2, 28, 12, tzinfo=UTC),
        datetime(2027, 3, 31, 12, tzinfo=UTC),
    ]
    by_kind = {line.kind: line.amount_minor for line in await world.lines(renewals[0])}
    # 27 days at 10 GB above what is included, and 50 GB of traffic above what is included.
    assert by_kind == {"traffic": 400, "cloud_storage": cents(10 * Fraction(27 * 24, 730)), "instance": 2900}
    assert {line.kind for line in await world.lines(renewals[1])} == {"cloud_storage", "instance"}

    world.now = datetime(2027, 4, 15, 12, tzinfo=UTC)
    await world.give_back(instance_id)
    settlement = (await world.invoices())[-1]
    [note] = await world.credit_notes()
    assert settlement.kind == "settlement"
    assert settlement.state == "paid"
    # 15 of the 30 days from 31 March to 30 April.
    assert note.total_minor == 1450
    assert note.to_balance_minor == settlement.total_minor
    assert note.to_card_minor == 1450 - settlement.total_minor
    account = await world.account()
    assert (account.balance_minor, account.close_due_at) == (0, datetime(2027, 4, 30, 12, tzinfo=UTC))
    await world.check_books()
    await world.travel(timedelta(days=400))
    assert (await world.invoices())[-1].id == settlement.id


async def test_an_instance_bought_for_part_of_a_month_costs_that_part(world: World) -> None:
    """The worked example: 29.00 for 26 of 31 days is 24.32, and 21 of those 26 days given back are 19.64."""
    world.now = datetime(2027, 3, 20, tzinfo=UTC)
    await world.add_card()
    instance_id = await world.fulfil(await world.order("small"), ended_at=world.now + timedelta(days=26))
    [invoice] = await world.invoices()
    assert invoice.total_minor == 2432
    assert [instance.id for instance in await world.every(Instance)] == []
    assert instance_id
    await world.check_books()


async def test_a_price_change_in_the_middle_of_a_month_is_split_there(world: World) -> None:
    from billing.operations import price_books
    from billing.settings import PACKAGED_PRICE_BOOK

    world.now = START
    packaged = PACKAGED_PRICE_BOOK.read_text()
    body = packaged.partition("  - name:")[2]
    changed = (
        packaged
        + "  - name:"
        + body.replace('"2020-01"', '"2026-02"')
        .replace("2020-01-01T00:00:00Z", "2026-01-16T00:00:00Z")
        .replace('"0.08"', '"0.10"')
    )
    async with world.database.transaction() as session:
        assert await price_books.load(session, changed, "changed.yaml", START)
    await world.add_card()
    await world.measure(uuid4(), 110)
    await world.travel(datetime(2026, 2, 2, tzinfo=UTC))
    [invoice] = await world.invoices()
    lines = await world.lines(invoice)
    assert [(line.unit_price, line.amount_minor) for line in lines] == [
        ("0.08", cents(100 * Fraction(15 * 24, 730))),
        ("0.10", cents(100 * Fraction(16 * 24, 730), "0.10")),
    ]
    await world.check_books()


async def test_each_terminus_with_a_snapshot_adds_to_what_is_free_while_it_has_one(world: World) -> None:
    await world.add_card()
    first, second = uuid4(), uuid4()
    one, two = uuid4(), uuid4()
    await world.measure(first, 20, terminus_id=one)
    await world.travel(START + timedelta(days=10))
    await world.measure(second, 0, terminus_id=two, snapshots=0)
    await world.travel(START + timedelta(days=15))
    await world.measure(second, 0.5, terminus_id=two)
    await world.travel(START + timedelta(days=25))
    await world.measure(second, 0, terminus_id=two, snapshots=0)
    await world.travel(datetime(2026, 2, 2, tzinfo=UTC))
    [invoice] = await world.invoices()
    # 10 GB above for 15 days, 0.5 GB for 10 days, 10 GB for 6 days.
    assert invoice.total_minor == cents(Fraction((10 * 15 * 24 + 5 * 24 + 10 * 6 * 24), 730))
    await world.check_books()


@pytest.mark.parametrize("seconds_late", [30, 3600 * 24 * 20, 3600 * 24 * 40], ids=["draft", "finalised", "next"])
async def test_a_measurement_that_comes_late_ends_in_the_same_money(world: World, seconds_late: int) -> None:
    await world.add_card()
    backup = uuid4()
    await world.measure(backup, 110)
    late = world.measured(backup, 60, START + timedelta(days=11), None, 1)
    await world.travel(datetime(2026, 2, 1, 0, 0, tzinfo=UTC) + timedelta(seconds=seconds_late))
    await world.hear_measured([late])
    await world.travel(datetime(2026, 5, 2, tzinfo=UTC))
    billed = sum(invoice.total_minor for invoice in await world.invoices())
    credited = sum(note.total_minor for note in await world.credit_notes())
    expected = [
        cents(100 * Fraction(11 * 24, 730) + 50 * Fraction(20 * 24, 730)),
        *(cents(50 * Fraction(days * 24, 730)) for days in (28, 31, 30)),
    ]
    assert billed - credited == sum(expected)
    await world.check_books()


async def test_more_than_was_billed_comes_as_an_adjustment_on_the_next_invoice(world: World) -> None:
    await world.add_card()
    backup = uuid4()
    await world.measure(backup, 20)
    await world.travel(datetime(2026, 2, 10, tzinfo=UTC))
    await world.hear_measured([world.measured(uuid4(), 100, START + timedelta(days=20), None, 1)])
    await world.travel(datetime(2026, 3, 2, tzinfo=UTC))
    first, second = await world.invoices()
    adjustment = next(line for line in await world.lines(second) if line.kind == "adjustment")
    assert first.total_minor == cents(10 * Fraction(31 * 24, 730))
    right = cents(10 * Fraction(31 * 24, 730) + 100 * Fraction(11 * 24, 730))
    assert first.total_minor + adjustment.amount_minor == right
    assert second.total_minor == adjustment.amount_minor + cents(110 * Fraction(28 * 24, 730))
    await world.check_books()


async def test_an_invoice_of_an_instance_takes_in_the_storage_used_until_then(world: World) -> None:
    await world.add_card()
    await world.measure(uuid4(), 110)
    await world.travel(START + timedelta(days=10))
    await world.fulfil(await world.order("small"))
    assert (await world.account()).close_due_at == datetime(2026, 2, 11, tzinfo=UTC)
    await world.travel(datetime(2026, 2, 12, tzinfo=UTC))
    _, renewal = await world.invoices()
    by_kind = {line.kind: line.amount_minor for line in await world.lines(renewal)}
    assert by_kind == {"backup_storage": cents(100 * Fraction(41 * 24, 730)), "instance": 2900}
    await world.check_books()


def test_sizes_are_in_gb_of_two_to_the_thirty() -> None:
    assert GB == 2**30
