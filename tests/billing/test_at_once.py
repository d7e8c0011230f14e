"""Consumers, jobs of two replicas and owners at once: nobody waits in a circle, and the books balance."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from billing.models import Meter
from billing.operations import (
    collect,
    instances,
    invoices,
    metering,
    meters,
    orders,
    payments,
    periods,
    price_books,
    quota,
    quotes,
    refunds,
)
from shared.events.provisioning import InstanceUsageMeasured
from tests.billing.support.world import START, World

HOURS = 30


async def test_everything_at_once(world: World) -> None:
    chance = random.Random(7)
    owners = [World(world.billing, owner_id=uuid4()) for _ in range(5)]
    backups = {each.owner_id: [uuid4() for _ in range(3)] for each in owners}
    gone: dict[UUID, UUID] = {}
    for each in owners:
        await each.add_card(chance.choice(("visa", "declines", "capture_answer_lost")))
        order_id = await each.order()
        gone[each.owner_id] = await each.fulfil(order_id)
    now = START + timedelta(days=30)

    def at() -> datetime:
        return now - timedelta(minutes=chance.randrange(600))

    async def measure() -> None:
        events = []
        for each in chance.sample(owners, 3):
            size = chance.choice((5, 20, 400))
            events += [each.measured(backup, size, at(), None, 1) for backup in backups[each.owner_id]]
        async with world.database.transaction() as session:
            await metering.take_in(session, events, now)

    async def count() -> None:
        events = [
            InstanceUsageMeasured(
                owner_id=owner_id, instance_id=instance_id, measured_at=at(),
                traffic_bytes=chance.randrange(10**12), disk_bytes=chance.randrange(10**12),
            )
            for owner_id, instance_id in chance.sample(list(gone.items()), 3)
        ]  # fmt: skip
        async with world.database.transaction() as session:
            await instances.take_in(session, events, now)

    async def ask_for_room() -> None:
        each = chance.choice(owners)
        wanted = quota.Wanted(uuid4(), each.owner_id, chance.choice(backups[each.owner_id]), None, None, now)
        async with world.database.transaction() as session:
            await quota.reserve(session, wanted, now)

    async def order() -> None:
        each = chance.choice(owners)
        wanted = quotes.Wanted("local", "local", "small", 0, "home", uuid4())
        async with world.database.transaction() as session:
            quote = await quotes.make(session, each.owner_id, wanted, "7a" * 32, now)
        async with world.database.transaction() as session:
            await orders.place(session, each.owner_id, quote.id, None, now)

    async def return_one() -> None:
        owner_id, instance_id = chance.choice(list(gone.items()))
        async with world.database.transaction() as session:
            await instances.settle(session, owner_id, instance_id, at(), now)

    adapters = world.billing.runtime.adapters
    jobs: list[Callable[[], Awaitable[object]]] = [
        lambda: periods.close_due(world.database, now),
        lambda: invoices.finalise_due(world.database, now),
        lambda: collect.charge_due(world.database, now),
        lambda: payments.work(world.database, adapters, now),
        lambda: refunds.work(world.database, adapters, now),
        lambda: orders.release_due(world.database, now),
        lambda: quota.reassess_due(world.database, now),
    ]
    for hour in range(HOURS):
        now += timedelta(hours=1 if hour else 36)
        world.now = now
        rare = [return_one] if hour % 10 == 9 else []
        await asyncio.gather(*(act() for act in [*jobs, *jobs, measure, measure, count, ask_for_room, order, *rare]))
    await world.check_books()
    kept = await world.every(Meter)
    async with world.database.reading() as session:
        book = await price_books.current(session)
        for meter in kept:
            by_samples = await meters.reckon(session, meter, meter.period_start, meter.metered_until, book)
            assert meters.load(meter) == by_samples
    assert len(kept) == len(owners)
