"""Measurements and readings as they come in: late, out of order, while a month is being closed, and very many."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from billing.domain.meter import Accrual
from billing.domain.prices import GB
from billing.models import Meter
from billing.operations import instances, meters, periods, price_books
from billing.queries import metering as queries
from shared.events.provisioning import InstanceUsageMeasured
from tests.billing.support.world import START, World


async def accrued(world: World, *, by_samples: bool) -> Accrual:
    """What the owner's open period has accrued: as kept, or as all its samples say."""
    async with world.database.reading() as session:
        meter = await session.get_one(Meter, world.owner_id)
        if not by_samples:
            return meters.load(meter)
        book = await price_books.current(session)
        return await meters.reckon(session, meter, meter.period_start, meter.metered_until, book)


@pytest.mark.parametrize("seed", range(6))
async def test_measurements_in_any_order_accrue_the_same(world: World, seed: int) -> None:
    chance = random.Random(seed)
    backups = [uuid4() for _ in range(3)]
    terminus: list[UUID | None] = [uuid4(), uuid4(), None]
    world.now = START + timedelta(hours=3)
    events = []
    for _ in range(60):
        number = chance.randrange(3)
        # Some fall into one second, or lie on its edge.
        at = START + timedelta(seconds=chance.randrange(4000), microseconds=chance.choice((0, 1, 500_000, 999_999)))
        size = chance.choice((0, 1, 9, 12, 30, 200))
        events.append(world.measured(backups[number], size, at, terminus[number], chance.randrange(2)))
    while events:
        batch, events = events[: chance.choice((1, 1, 2, 5))], events[chance.choice((1, 1, 2, 5)) :]
        await world.hear_measured(batch)
        kept = await accrued(world, by_samples=False)
        assert kept == await accrued(world, by_samples=True)


async def test_a_measurement_that_was_overtaken_costs_no_look_at_the_whole_month(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = [uuid4(), uuid4()]
    world.now = START + timedelta(days=20)
    events = [world.measured(backups[hour % 2], 20, START + timedelta(hours=hour), None, 1) for hour in range(400)]
    await world.hear_measured(events)
    since: list[datetime] = []
    real = queries.samples_between

    async def noted(session, owner_id, start, end):  # type: ignore[no-untyped-def]  # stands in for the real one
        since.append(start)
        return await real(session, owner_id, start, end)

    monkeypatch.setattr(queries, "samples_between", noted)
    late = START + timedelta(hours=398, minutes=59)
    await world.measure(backups[0], 25, at=late)
    assert since
    assert min(since) == late
    assert await accrued(world, by_samples=False) == await accrued(world, by_samples=True)


async def test_a_reading_that_comes_while_its_month_is_closed_is_in_the_bill(world: World) -> None:
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    await world.count(instance_id, 100, 0, at=world.now + timedelta(days=1))
    world.now = datetime(2026, 2, 1, tzinfo=UTC)
    reading = InstanceUsageMeasured(
        owner_id=world.owner_id, instance_id=instance_id, measured_at=world.now - timedelta(seconds=5),
        traffic_bytes=300 * GB, disk_bytes=0,
    )  # fmt: skip
    stored = asyncio.Event()

    async def read() -> None:
        async with world.database.transaction() as session:
            await instances.take_in(session, [reading], world.now)
            stored.set()
            await asyncio.sleep(0.3)

    async def close() -> None:
        await stored.wait()
        while not await periods.close_due(world.database, world.now):
            await asyncio.sleep(0.05)

    await asyncio.gather(read(), close())
    await world.travel(timedelta(days=2))
    [renewal] = [each for each in await world.invoices() if each.kind == "usage"]
    assert {line.kind: line.amount_minor for line in await world.lines(renewal)} == {"traffic": 1600, "instance": 2900}
