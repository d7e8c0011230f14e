"""What plans cost: the newest prices that billing told, as a whole, in whatever order they come."""

import asyncio
from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from opentelemetry.trace import NoOpTracer
from sqlalchemy import select

from provisioning.consumers import SUBSCRIPTIONS
from provisioning.models import PlanPrice, PriceVersion
from provisioning.operations.prices import take_prices
from provisioning.queries.offers import prices
from shared.db import Database
from shared.events.base import Envelope
from shared.events.billing import PricesChanged
from shared.inbox import Inbox
from tests.provisioning.shelves import GB, SINCE, priced, shelf, take
from tests.provisioning.support import World

DAY = timedelta(days=1)
WIDE = shelf(local={"here": ["small", "large"]}, aws={"east": ["small"]})
NARROW = shelf(local={"here": ["small"]})
FIRST = priced(WIDE, "first", SINCE, 2900)
SECOND = priced(NARROW, "second", SINCE + DAY, 3900)
NOTHING = priced(shelf(), "nothing", SINCE + 2 * DAY)


async def kept(database: Database) -> tuple[str, dict[str, int]]:
    """The version in force, and what a month costs by place and plan."""
    async with database.reading() as session:
        found = await prices(session)
        version = (await session.execute(select(PriceVersion.price_version))).scalar_one()
    assert {price.version for price in found.values()} <= {version}
    return version, {"/".join(key): price.monthly_minor for key, price in found.items()}


async def test_prices_are_taken_as_they_are_told(world: World) -> None:
    assert await take(world.database, FIRST)
    async with world.database.reading() as session:
        rows = list(await session.scalars(select(PlanPrice).order_by(PlanPrice.provider, PlanPrice.plan)))
    assert [(row.provider, row.region, row.plan, row.monthly_minor, row.currency) for row in rows] == [
        ("aws", "east", "small", 2900, "USD"),
        ("local", "here", "large", 2900, "USD"),
        ("local", "here", "small", 2900, "USD"),
    ]
    assert {
        (row.price_version, row.effective_from, row.included_traffic_bytes, row.included_storage_bytes) for row in rows
    } == {("first", SINCE, 100 * GB, 200 * GB)}


async def test_newer_prices_take_the_place_of_all_before(world: World) -> None:
    await take(world.database, FIRST)
    assert await take(world.database, SECOND)
    assert await kept(world.database) == ("second", {"local/here/small": 3900})


async def test_older_prices_that_come_late_change_nothing(world: World) -> None:
    await take(world.database, SECOND)
    assert not await take(world.database, FIRST)
    assert await kept(world.database) == ("second", {"local/here/small": 3900})


async def test_that_nothing_is_sold_any_more_is_not_forgotten(world: World) -> None:
    await take(world.database, FIRST)
    assert await take(world.database, NOTHING)
    assert not await take(world.database, SECOND)
    assert await kept(world.database) == ("nothing", {})


async def test_prices_that_are_told_twice_are_the_same(world: World) -> None:
    await take(world.database, FIRST)
    assert await take(world.database, FIRST)
    assert (await kept(world.database))[0] == "first"


@pytest.mark.parametrize("order", list(permutations([FIRST, SECOND, NOTHING])))
async def test_in_every_order_the_newest_prices_hold(world: World, order: tuple[PricesChanged, ...]) -> None:
    for event in order:
        await take(world.database, event)
        await take(world.database, event)
    assert await kept(world.database) == ("nothing", {})


@pytest.mark.parametrize("newer_first", [True, False])
@pytest.mark.parametrize("known", [True, False])
async def test_of_two_that_are_taken_at_once_the_newer_holds(world: World, newer_first: bool, known: bool) -> None:
    if known:
        await take(world.database, priced(WIDE, "zeroth", SINCE - DAY, 100))
    one, other = (SECOND, FIRST) if newer_first else (FIRST, SECOND)
    async with world.database.sessions() as first:
        await first.begin()
        assert await take_prices(first, one, SINCE)
        contender = asyncio.create_task(take(world.database, other))
        await asyncio.sleep(0.2)
        assert not contender.done()
        await first.commit()
        assert await contender is not newer_first
    assert await kept(world.database) == ("second", {"local/here/small": 3900})


async def test_who_reads_meanwhile_sees_the_old_prices_or_the_new(world: World) -> None:
    await take(world.database, FIRST)
    async with world.database.sessions() as taking:
        await taking.begin()
        await take_prices(taking, SECOND, SINCE)
        assert (await kept(world.database))[1] == {
            "local/here/small": 2900,
            "local/here/large": 2900,
            "aws/east/small": 2900,
        }
        await taking.commit()
    assert (await kept(world.database))[0] == "second"


async def test_prices_come_by_the_message_that_billing_sends(world: World) -> None:
    inbox = Inbox(world.database, "provisioning", "provisioning.events", SUBSCRIPTIONS, NoOpTracer())
    bodies = [
        Envelope(id=uuid4(), source="/billing", type=event.name, time=SINCE, data=event.model_dump(mode="json"))
        .model_dump_json()
        .encode()
        for event in (FIRST, SECOND)
    ]
    verdicts = await inbox.accept([*bodies, bodies[0]])
    assert [verdict.outcome for verdict in verdicts] == ["done", "done", "duplicate"]
    assert await kept(world.database) == ("second", {"local/here/small": 3900})
