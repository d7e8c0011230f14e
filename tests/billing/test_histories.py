"""Generated lives of owners through the real service: what they are billed is what an independent bill comes to."""

import asyncio
import pprint
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from billing.models import Adjustment, CreditNote, Invoice, InvoiceLine, UsagePeriod
from billing.operations import invoices
from shared.events.catalog import StorageMeasured
from tests.billing.oracle import Prices, Reading
from tests.billing.support import bills
from tests.billing.support.bills import GB, Book, Life, Rental, anniversary, instant, since_zero, tiers
from tests.billing.support.price_lists import use, with_version
from tests.billing.support.world import START, World
from tests.support.running import Running

CHANGE = datetime(2026, 3, 10, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OLD = Book(
    LONG_AGO,
    Prices(int(since_zero(LONG_AGO)), 10 * GB, 3, tiers((0, "0.8"), (30, "0.55"), (60, "0.3333"))),
    tiers((0, "0.9"), (25, "0.77")),
    tiers((0, "0.08"), (120, "0.07")),
    2900,
    100 * GB,
    20 * GB,
)  # fmt: skip
NEW = Book(
    CHANGE,
    Prices(int(since_zero(CHANGE)), 8 * GB, 2, tiers((0, "0.95"), (20, "0.4"))),
    tiers((0, "1.1")),
    tiers((0, "0.09"), (150, "0.05")),
    3175,
    90 * GB,
    18 * GB,
)
BOOKS = (OLD, NEW)
DOCUMENT = """
backup_storage_place: {provider: local, region: local}
default_spend_limit: "10.00"
tax_rates: {}
versions:
  - name: old
    effective_from: 2020-01-01T00:00:00Z
    currency: USD
    free_backup_storage: {gb_per_terminus: 10, max_terminus: 3}
    regions:
      - provider: local
        region: local
        backup_storage:
          - {from_gb: 0, to_gb: 30, price: "0.8"}
          - {from_gb: 30, to_gb: 60, price: "0.55"}
          - {from_gb: 60, price: "0.3333"}
        cloud_storage: [{from_gb: 0, to_gb: 25, price: "0.9"}, {from_gb: 25, price: "0.77"}]
        traffic: [{from_gb: 0, to_gb: 120, price: "0.08"}, {from_gb: 120, price: "0.07"}]
        plans: [{name: small, monthly_price: "29.00", included_traffic_gb: 100, included_storage_gb: 20}]
  - name: new
    effective_from: 2026-03-10T12:00:00Z
    currency: USD
    free_backup_storage: {gb_per_terminus: 8, max_terminus: 2}
    regions:
      - provider: local
        region: local
        backup_storage: [{from_gb: 0, to_gb: 20, price: "0.95"}, {from_gb: 20, price: "0.4"}]
        cloud_storage: [{from_gb: 0, price: "1.1"}]
        traffic: [{from_gb: 0, to_gb: 150, price: "0.09"}, {from_gb: 150, price: "0.05"}]
        plans: [{name: small, monthly_price: "31.75", included_traffic_gb: 90, included_storage_gb: 18}]
"""
LATEST = timedelta(minutes=29)
"""What is heard so soon, or in the half hour after, is heard before anything it belongs to is finalised."""

Happening = tuple[datetime, int, Callable[[World], Awaitable[None]]]


@dataclass
class Story:
    """An owner's life, and when billing hears of what; drawn from a seed."""

    life: Life
    has_card: bool
    ends: datetime
    backups: dict[str, UUID] = field(default_factory=lambda: defaultdict(uuid4))
    machines: dict[str, UUID] = field(default_factory=lambda: defaultdict(uuid4))
    instances: dict[datetime, UUID] = field(default_factory=dict)

    def measured(self, owner_id: UUID, sample: Reading) -> StorageMeasured:
        rest = sample.at % 1
        return StorageMeasured(
            owner_id=owner_id,
            backup_id=self.backups[sample.backup],
            terminus_id=self.machines[sample.machine] if sample.machine else None,
            measured_at=instant(sample.at) + timedelta(microseconds=int(rest * 1_000_000)),
            storage_bytes=sample.held,
            objects=1,
            snapshots=int(sample.snapshots),
        )


def draw(seed: int, *, returns: bool = True) -> Story:
    """A life; one in which an instance is returned is settled at once, without a draft that waits."""
    chance = random.Random(seed)
    begins = datetime(2026, 1, 31, 9, 30, tzinfo=UTC) - timedelta(days=chance.choice([0, 0, 1, 3, 20]))
    days = chance.choice([20, 45, 75])
    has_card = chance.random() < 0.75
    rentals = tuple(
        _rental(chance, begins, days, returns) for _ in range(chance.choice([0, 0, 1, 2]) if has_card else 0)
    )
    samples = {(since_zero(begins), "a"): Reading(since_zero(begins), "a", "one", chance.randrange(30 * GB), True)}
    for _ in range(chance.randint(2, 16)):
        at = since_zero(_moment(chance, begins, days)) + Fraction(chance.choice([0, 0, 1]), 2)
        backup = chance.choice("abcd")
        machine = {"a": "one", "b": "two", "c": "three", "d": None}[backup]
        samples[at, backup] = Reading(at, backup, machine, chance.randrange(60 * GB), chance.random() < 0.8)
    return Story(Life(tuple(samples.values()), rentals), has_card, begins + timedelta(days=days + 62))


def _moment(chance: random.Random, begins: datetime, days: int) -> datetime:
    """Some time or other; often just before a month is closed, or just after."""
    if chance.random() < 0.7:
        return begins + timedelta(seconds=chance.randrange(days * 86_400))
    return anniversary(begins, chance.choice([1, 2])) + timedelta(seconds=chance.randrange(-2400, 600))


def _rental(chance: random.Random, begins: datetime, days: int, returns: bool) -> Rental:
    start = begins + timedelta(seconds=1 + chance.randrange(days * 86_400))
    end = start + timedelta(seconds=chance.randrange(3600, 60 * 86_400)) if returns and chance.random() < 0.6 else None
    counter, readings = 0, []
    instants = {_moment(chance, start, 50) for _ in range(5)}
    for at in sorted(each for each in instants if each > start):
        counter = chance.randrange(60 * GB) + (counter if chance.random() < 0.8 else 0)
        readings.append((at, counter, chance.randrange(40 * GB)))
    kept = tuple(reading for reading in readings if end is None or reading[0] < end)
    return Rental(start, end, chance.choice([0, 0, 130 * GB]), kept)


def happenings(story: Story, owner_id: UUID, chance: random.Random, *, late: bool) -> list[Happening]:
    """What billing hears, and when: in batches, some of it twice, some of it long after it was so."""
    first = min(sample.at for sample in story.life.samples)
    heard: dict[datetime, list[StorageMeasured]] = defaultdict(list)
    for sample in story.life.samples:
        measured = story.measured(owner_id, sample)
        for _ in range(chance.choice([1, 1, 2])):
            delay = timedelta(seconds=chance.randrange(int(LATEST.total_seconds())))
            if late and sample.at != first and chance.random() < 0.4:
                delay = timedelta(seconds=chance.randrange(40 * 86_400))
            # One delivery takes what came within half an hour, in any order.
            slot = (measured.measured_at + delay).replace(minute=0 if delay.seconds % 2 else 30, second=0)
            heard[max(slot, measured.measured_at + delay)].append(measured)
    told: list[Happening] = []
    for at, events in heard.items():
        chance.shuffle(events)
        told.append((at, 3, partial(_hear, events)))
    for rental in story.life.rentals:
        told += _rented(story, rental, chance)
    return sorted(told, key=lambda each: each[:2])


def _rented(story: Story, rental: Rental, chance: random.Random) -> list[Happening]:
    instance_id = story.instances.setdefault(rental.start, uuid4())

    async def begin(world: World) -> None:
        await world.fulfil(await world.order("small", rental.restored), instance_id=instance_id)

    told: list[Happening] = [(rental.start, 0, begin)]
    for at, counter, disk in rental.readings:
        heard = at + timedelta(seconds=chance.randrange(int(LATEST.total_seconds())))
        told.append((heard, 1, partial(_count, instance_id, counter, disk, at)))
    if rental.end is not None:
        told.append((rental.end, 2, lambda world: world.give_back(instance_id)))
    return told


async def _hear(events: list[StorageMeasured], world: World) -> None:
    await world.hear_measured(events)


async def _count(instance_id: UUID, counter: int, disk: int, at: datetime, world: World) -> None:
    await world.count(instance_id, counter / GB, disk / GB, at)


async def live(world: World, story: Story, told: list[Happening]) -> None:
    world.now = min(told[0][0], instant(min(sample.at for sample in story.life.samples)))
    if story.has_card:
        await world.add_card()
    for at, _, happen in told:
        await world.travel(max(at, world.now))
        await happen(world)
    await world.travel(story.ends)


async def rows(world: World, model: Any) -> list[Any]:
    async with world.database.reading() as session:
        return list(await session.scalars(select(model).where(model.owner_id == world.owner_id)))


async def billed(world: World) -> int:
    """What all documents come to, and what the next invoice will correct."""
    invoices = sum(each.total_minor for each in await rows(world, Invoice) if each.state != "void")
    notes = sum(each.total_minor for each in await rows(world, CreditNote))
    waiting = sum(each.amount_minor for each in await rows(world, Adjustment) if each.invoice_id is None)
    return int(invoices - notes + waiting)


async def check(world: World, story: Story, seed: int) -> int:
    """Each period is billed as it should be, and all documents come to the whole."""
    life, until = story.life, story.ends
    expected = {
        (world.owner_id, start, end): bills.storage_bill(life, BOOKS, start, end)
        for start, end in bills.storage_periods(life, until)
    }
    for rental in life.rentals:
        for start, end in bills.rental_periods(rental, until):
            expected[story.instances[rental.start], start, end] = bills.rental_bill(rental, BOOKS, start, end)
    found = {(row.subject_id, row.started_at, row.ended_at): row.billed_minor for row in await rows(world, UsagePeriod)}
    assert found == expected, f"history {seed}"
    whole = sum(expected.values()) + sum(bills.month_prices(rental, BOOKS, until) for rental in life.rentals)
    assert await billed(world) == whole, f"history {seed}"
    return whole


def owners(billing: Running, count: int) -> list[World]:
    """They live side by side, each at a time of their own; the sandbox's clock stands."""
    worlds = [World(billing) for _ in range(count)]
    billing.runtime.adapters.sandbox.clock = lambda: START
    return worlds


async def lived(world: World, seed: int, arrival: int, *, late: bool) -> tuple[int, Any]:
    """What a life was billed, and the documents of it."""
    story = draw(seed, returns=late)
    await live(world, story, happenings(story, world.owner_id, random.Random(arrival), late=late))
    return await check(world, story, seed), await documents(world)


@pytest.mark.parametrize("group", range(3))
async def test_what_is_billed_is_what_the_rules_come_to_however_late_it_is_measured(
    billing: Running, group: int
) -> None:
    await use(billing.runtime.database, DOCUMENT)
    worlds, seeds = owners(billing, 6), range(group * 6, group * 6 + 6)
    found = await asyncio.gather(
        *(lived(world, seed, seed, late=True) for world, seed in zip(worlds, seeds, strict=True))
    )
    assert sum(whole for whole, _ in found) > 0
    await worlds[0].check_books()


async def test_before_it_is_finalised_the_order_of_arrival_changes_nothing_of_an_invoice(billing: Running) -> None:
    await use(billing.runtime.database, DOCUMENT)
    worlds, lives = owners(billing, 8), [(seed, arrival) for seed in range(100, 104) for arrival in range(2)]
    found = await asyncio.gather(
        *(lived(world, seed, arrival, late=False) for world, (seed, arrival) in zip(worlds, lives, strict=True))
    )
    for one, other, (seed, _) in zip(found[::2], found[1::2], lives[::2], strict=True):
        assert one[0] == other[0], f"history {seed}"
        differences = [each for each in zip(one[1], other[1], strict=True) if each[0] != each[1]]
        assert not differences, pprint.pformat(differences, width=200)
    await worlds[0].check_books()


async def documents(world: World) -> list[Any]:
    """All that invoices and credit notes say but for numbers and ids, in order of what they are about."""
    found: list[Any] = []
    for invoice in await rows(world, Invoice):
        async with world.database.reading() as session:
            lines = await session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id))
            said = sorted((line.kind, line.description, line.quantity, line.amount_minor) for line in lines)
        found.append((invoice.kind, invoice.state, invoice.period_start, invoice.period_end, invoice.total_minor, said))
    found += [("credit note", note.reason, note.total_minor) for note in await rows(world, CreditNote)]
    return sorted(found, key=str)


async def test_a_reading_that_comes_within_the_hour_is_in_the_draft(world: World) -> None:
    world.now = datetime(2026, 1, 1, tzinfo=UTC)
    await world.add_card()
    first = await world.fulfil(await world.order("small"))
    second = await world.fulfil(await world.order("small"))
    await world.count(second, 130, 0, at=world.now + timedelta(days=2))
    await world.travel(datetime(2026, 2, 1, 0, 20, tzinfo=UTC))
    await world.count(first, 150, 0, at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    await world.travel(datetime(2026, 2, 2, tzinfo=UTC))
    [renewal] = [each for each in await world.invoices() if each.kind == "usage"]
    said = sorted((line.kind, line.amount_minor, line.instance_id) for line in await world.lines(renewal))
    assert said == sorted(
        [("instance", 2900, first), ("instance", 2900, second), ("traffic", 400, first), ("traffic", 240, second)]
    )
    await world.check_books()


async def test_what_comes_within_the_hour_makes_an_invoice_where_there_was_nothing_to_bill(world: World) -> None:
    backup = uuid4()
    await world.measure(backup, 5)
    await world.travel(datetime(2026, 2, 1, 0, 20, tzinfo=UTC))
    assert await world.invoices() == []
    await world.measure(backup, 110, at=datetime(2026, 1, 10, tzinfo=UTC))
    await world.travel(datetime(2026, 2, 1, 2, tzinfo=UTC))
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.period_end) == ("finalised", datetime(2026, 2, 1, tzinfo=UTC))
    assert invoice.finalised_at == datetime(2026, 2, 1, 1, tzinfo=UTC)
    await world.check_books()


async def test_an_instance_whose_plan_is_offered_no_more_is_renewed_at_its_last_price(world: World) -> None:
    changes = {"name: small": "name: tiny", '"49.00"': '"59.00"'}
    await use(world.database, with_version("without-small", datetime(2026, 1, 15, tzinfo=UTC), changes))
    await world.add_card()
    await world.fulfil(await world.order("small"))
    await world.fulfil(await world.order("medium"))
    await world.travel(datetime(2026, 2, 2, tzinfo=UTC))
    renewal = (await world.invoices())[-1]
    assert sorted(line.amount_minor for line in await world.lines(renewal)) == [2900, 5900]


async def test_what_was_taken_back_is_not_given_back_once_more(world: World) -> None:
    backup = uuid4()
    await world.measure(backup, 110)
    await world.travel(datetime(2026, 2, 2, tzinfo=UTC))
    async with world.database.transaction() as session:
        account, invoice = await invoices.lock_by_id(session, (await world.invoices())[0].id, world.now)
        await invoices.void(session, account, invoice, world.now)
    await world.measure(backup, 60, at=datetime(2026, 1, 20, tzinfo=UTC))
    assert await world.credit_notes() == []
    await world.check_books()


async def test_a_close_that_comes_late_splits_at_its_own_time(world: World) -> None:
    await world.add_card()
    backup = uuid4()
    await world.measure(backup, 110)
    world.now = datetime(2026, 2, 1, 6, tzinfo=UTC)
    await world.measure(backup, 60, at=datetime(2026, 2, 1, 2, tzinfo=UTC))
    await world.measure(backup, 210, at=datetime(2026, 2, 1, 5, tzinfo=UTC))
    await world.travel(datetime(2026, 3, 2, tzinfo=UTC))
    first, second = await world.invoices()
    assert (first.period_end, second.period_start) == (datetime(2026, 2, 1, tzinfo=UTC),) * 2
    assert first.total_minor == round(Fraction(100 * 8 * 31 * 24, 730))
    assert second.total_minor == round(Fraction(8 * (100 * 2 + 50 * 3 + 200 * (28 * 24 - 5)), 730))
    await world.check_books()
