"""What a return would come to is told before it is asked for, and is what follows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from billing.errors import NothingToSettle
from billing.models import UsagePeriod
from billing.operations import methods, settlements
from tests.billing.support.asking import Asking
from tests.billing.support.invoicing import give
from tests.billing.support.price_lists import packaged, use
from tests.billing.support.world import World
from tests.support.running import Running
from tests.support.tokens import TokenIssuer

PARTS = ("charge", "due", "given_back", "to_card", "to_balance", "to_promotional", "no_longer_owed")


async def preview(world: World, instance_id: UUID) -> dict[str, Any]:
    return await settlements.preview(world.database, world.owner_id, instance_id, world.now)


def minor(found: dict[str, Any]) -> dict[str, int]:
    return {name: found[name]["amount_minor"] for name in PARTS}


@pytest.mark.parametrize("given", [{}, {"promotional": 500}, {"balance": 500}])
async def test_what_is_told_is_what_follows(world: World, given: dict[str, int]) -> None:
    await use(world.database, packaged(tax='DE: "0.19"'))
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    if given:
        await give(world.database, world.owner_id, **given, now=world.now)
    await world.measure(uuid4(), 110)
    await world.count(instance_id, 200, 0, at=world.now + timedelta(days=1))
    await world.travel(timedelta(days=10))
    told = await preview(world, instance_id)
    await world.give_back(instance_id)
    settlement = (await world.invoices())[-1]
    notes = await world.credit_notes()
    assert settlement.kind == "settlement"
    assert minor(told) == {
        "charge": settlement.total_minor,
        "due": settlement.card_minor,
        "given_back": sum(note.total_minor for note in notes),
        "to_card": sum(note.to_card_minor for note in notes),
        "to_balance": sum(note.to_balance_minor for note in notes),
        "to_promotional": sum(note.to_promotional_minor for note in notes),
        "no_longer_owed": 0,
    }
    assert told["given_back"]["amount_minor"] > 0
    assert [line["description"] for line in told["lines"]] == [
        line.description for line in await world.lines(settlement)
    ]
    assert {line["kind"] for line in told["lines"]} == {"traffic", "backup_storage"}
    await world.check_books()


async def test_nothing_of_it_is_kept(world: World) -> None:
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    await world.measure(uuid4(), 110)
    await world.travel(timedelta(days=10))
    before = await world.account()
    kept = await world.invoices(), await world.credit_notes(), await world.events(), await world.every(UsagePeriod)
    told = [await preview(world, instance_id) for _ in range(2)]
    assert told[0] == told[1]
    after = await world.invoices(), await world.credit_notes(), await world.events(), await world.every(UsagePeriod)
    assert [len(each) for each in after] == [len(each) for each in kept]
    account = await world.account()
    assert (account.balance_minor, account.close_due_at) == (before.balance_minor, before.close_due_at)
    # Numbers have no gaps: those that were seen are given to the real ones.
    await world.give_back(instance_id)
    assert [note.number for note in await world.credit_notes()] == ["CN-2026-000001"]
    assert [invoice.number for invoice in await world.invoices()] == ["SP-2026-000001", "SP-2026-000002"]
    await world.check_books()


async def test_of_a_month_that_is_not_paid_the_unused_part_is_no_longer_owed(world: World) -> None:
    method_id = await world.add_card()
    instance_id = await world.fulfil(await world.order())
    async with world.database.transaction() as session:
        await methods.remove(session, world.owner_id, method_id, world.now)
    await world.travel(datetime(2026, 2, 15, tzinfo=UTC))
    told = minor(await preview(world, instance_id))
    assert told == dict.fromkeys(PARTS, 0) | {"given_back": 1450, "no_longer_owed": 1450}


async def test_what_is_not_paid_by_the_month_has_nothing_to_settle(world: World) -> None:
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    with pytest.raises(NothingToSettle):
        await settlements.preview(world.database, uuid4(), instance_id, world.now)
    with pytest.raises(NothingToSettle):
        await preview(world, uuid4())
    await world.give_back(instance_id)
    with pytest.raises(NothingToSettle):
        await preview(world, instance_id)


async def test_it_is_asked_over_http_by_who_may(billing: Running, world: World, issuer: TokenIssuer) -> None:
    world.now = datetime.now(UTC) - timedelta(days=2)
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    asking = Asking(billing, issuer, world.owner_id)
    path = f"/usage/instances/{instance_id}/settlement"
    answer = await asking.get(path, "account:read")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert 0 < answer.json()["to_card"]["amount_minor"] < 2900
    assert (await asking.get(path, "account:write")).status_code == 403
    stranger = await Asking(billing, issuer, uuid4()).get(path)
    assert (stranger.status_code, stranger.json()["code"]) == (404, "nothing_to_settle")
