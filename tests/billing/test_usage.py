"""What an owner sees of the open period adds up to the invoice that follows; and an owner's time that is let pass."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from billing.adapters import Adapters
from billing.domain.prices import GB
from billing.errors import TestClockRefused
from billing.models import Order
from billing.operations import test_clock, usage
from tests.billing.support.asking import Asking
from tests.billing.support.world import START, World
from tests.support.running import Running
from tests.support.tokens import TokenIssuer


async def read(world: World) -> dict[str, Any]:
    async with world.database.reading() as session:
        return await usage.read(session, world.owner_id, world.now)


async def days(world: World, *ends: Any) -> list[dict[str, Any]]:
    async with world.database.reading() as session:
        first, last = ends or (None, None)
        return await usage.read_days(session, world.owner_id, first, last, world.now)


def minor(found: list[Any]) -> int:
    return sum(each["charge"].amount_minor for each in found)


async def test_days_and_backups_add_up_to_the_charge_of_the_period_and_that_to_the_invoice(world: World) -> None:
    await world.add_card()
    chance, backups = random.Random(5), [uuid4() for _ in range(3)]
    world.now = START + timedelta(hours=7)
    await world.measure(backups[0], 30, terminus_id=uuid4())
    for _ in range(12):
        await world.travel(timedelta(hours=chance.randrange(10, 56), seconds=chance.randrange(3600)))
        await world.measure(chance.choice(backups), chance.randrange(200), terminus_id=None)
    found, by_day = await read(world), await days(world)
    charge = found["storage"]["charge"].amount_minor
    assert charge > 0
    assert abs(minor(by_day) - charge) <= len(by_day)
    assert abs(minor(found["by_backup"]) - charge) <= len(backups)
    assert sum(Decimal(each["share"]) for each in found["by_backup"]) == pytest.approx(Decimal(1), abs=Decimal("0.001"))
    hours = sum(Decimal(each["byte_hours"]) for each in found["by_backup"])
    assert abs(hours - Decimal(found["storage"]["byte_hours"])) < 1
    charged = sum(Decimal(each["charged_gb_hours"]) for each in by_day)
    assert abs(charged - Decimal(found["storage"]["charged_gb_hours"])) < Decimal("0.001")
    assert found["so_far"].amount_minor == charge
    end = found["period_end"]
    world.now = end - timedelta(seconds=1)
    last = (await read(world))["so_far"].amount_minor
    await world.travel(end + timedelta(hours=2))
    [invoice] = await world.invoices()
    assert abs(last - invoice.total_minor) <= 1
    assert found["forecast"].amount_minor == invoice.total_minor


async def test_the_forecast_is_the_invoice_if_nothing_changes(world: World) -> None:
    await world.add_card()
    await world.measure(uuid4(), 130)
    await world.travel(timedelta(days=3))
    first = await world.fulfil(await world.order("small"))
    await world.travel(timedelta(days=2))
    await world.fulfil(await world.order("medium"))
    await world.count(first, 150, 260)
    await world.travel(timedelta(days=4))
    for _ in range(4):
        found = await read(world)
        await world.travel(found["period_end"] + timedelta(hours=2))
        invoice = (await world.invoices())[-1]
        assert invoice.period_end == found["period_end"]
        assert invoice.total_minor == found["forecast"].amount_minor
        assert f"{invoice.total_minor / 100:.2f} USD" in found["forecast_in_words"]
    await world.check_books()


async def test_what_was_corrected_is_in_the_forecast(world: World) -> None:
    await world.add_card()
    await world.measure(uuid4(), 20)
    await world.travel(datetime(2026, 2, 10, tzinfo=UTC))
    await world.measure(uuid4(), 100, at=START + timedelta(days=20))
    found = await read(world)
    assert found["adjustments"].amount_minor > 0
    await world.travel(datetime(2026, 3, 2, tzinfo=UTC))
    assert (await world.invoices())[-1].total_minor == found["forecast"].amount_minor


async def test_who_has_used_nothing_sees_nothing(world: World) -> None:
    found = await read(world)
    assert (found["period_start"], found["by_backup"], found["instances"]) == (None, [], [])
    assert (found["so_far"].amount_minor, found["forecast"].amount_minor) == (0, 0)
    assert "Nothing was used yet" in found["forecast_in_words"]
    assert await days(world) == []


@pytest.fixture
def asking(billing: Running, world: World, issuer: TokenIssuer) -> Asking:
    return Asking(billing, issuer, world.owner_id)


async def test_usage_is_read_over_http_by_who_may(world: World, asking: Asking) -> None:
    world.now = datetime.now(UTC) - timedelta(days=2)
    backup = uuid4()
    await world.measure(backup, 30)
    found = (await asking.get("/usage", "account:read")).json()
    assert found["storage"]["used_bytes"] == 30 * GB
    assert [each["backup_id"] for each in found["by_backup"]] == [str(backup)]
    items = (await asking.get("/usage/days")).json()["items"]
    assert len(items) == 3
    assert items[-1]["peak_bytes"] == 30 * GB
    assert (await asking.get("/usage", "account:write")).status_code == 403
    stranger = Asking(asking.billing, asking.issuer, uuid4())
    assert (await stranger.get("/usage")).json()["by_backup"] == []
    for query, status in (
        ("from=2026-02-30", 422), ("from=yesterday", 422), ("from=2026-03-01&to=2026-02-01", 422),
        ("from=0001-01-01", 200), ("to=9999-12-31", 200), ("from=0001-01-01&to=0001-01-01", 200),
        ("from=9999-12-31&to=9999-12-31", 200),
    ):  # fmt: skip
        assert (await asking.get(f"/usage/days?{query}")).status_code == status, query
    assert len((await asking.get("/usage/days?from=0001-01-01")).json()["items"]) <= 367


async def test_an_owners_time_is_let_pass_and_nobody_elses(world: World, asking: Asking) -> None:
    world.now = datetime.now(UTC)
    await world.add_card()
    await world.measure(uuid4(), 110)
    other = World(world.billing, now=world.now)
    await other.add_card()
    held = await other.order()
    to = world.now + timedelta(days=70)
    path = f"/owners/{world.owner_id}/test-clock"
    answer = await asking.internal("POST", path, {"now": to.isoformat()})
    assert answer.status_code == 200
    assert len(answer.json()["invoices"]) == 2
    assert [invoice.state for invoice in await world.invoices()] == ["paid", "paid"]
    assert (await asking.internal("POST", path, {"now": to.isoformat()})).json()["invoices"] == []
    [order] = await world.every(Order)
    assert (order.id, order.state) == (held, "held")
    for credential in ("catalog-secret", "restore-secret"):
        assert (await asking.internal("POST", path, {"now": to.isoformat()}, credential)).status_code == 401
    for wrong in ("tomorrow", "2026-11-23T00:00:00", None, 10**18):
        assert (await asking.internal("POST", path, {"now": wrong})).status_code == 422
    await world.check_books()


async def test_too_much_time_at_once_is_refused_before_any_passes(world: World, asking: Asking) -> None:
    await world.measure(uuid4(), 110)
    for to in ("2036-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        answer = await asking.internal("POST", f"/owners/{world.owner_id}/test-clock", {"now": to})
        assert (answer.status_code, answer.json()["code"]) == (409, "test_clock_refused")
    assert await world.invoices() == []


async def test_real_money_has_no_test_clock(world: World) -> None:
    ours = world.billing.runtime.adapters
    with pytest.raises(TestClockRefused):
        await test_clock.travel(world.database, Adapters(ours.provider, None, ours.http), world.owner_id, world.now)
