"""An instance is returned: what it used is invoiced, what was paid ahead comes back, whatever became of the renewal."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from billing.operations import accounts, instances, invoices, methods, periods
from tests.billing.support.invoicing import give
from tests.billing.support.price_lists import packaged, use
from tests.billing.support.world import World


async def test_a_settlement_is_paid_with_its_tax_from_what_comes_back(world: World) -> None:
    await use(world.database, packaged(tax='DE: "0.19"'))
    async with world.database.transaction() as session:
        (await accounts.lock(session, world.owner_id, world.now)).country = "DE"
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    await world.count(instance_id, 200, 0, at=world.now + timedelta(days=1))
    await world.travel(timedelta(days=10))
    await world.give_back(instance_id)
    settlement = (await world.invoices())[-1]
    assert (settlement.kind, settlement.net_minor, settlement.tax_minor) == ("settlement", 800, 152)
    assert (settlement.state, settlement.balance_minor) == ("paid", 952)
    assert (await world.account()).balance_minor == 0
    await world.check_books()


@pytest.mark.parametrize("given", [{"promotional": 500}, {"balance": 500}])
async def test_of_what_comes_back_only_what_the_settlement_still_needs_is_kept(
    world: World, given: dict[str, int]
) -> None:
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    await give(world.database, world.owner_id, **given, now=world.now)
    await world.count(instance_id, 200, 0, at=world.now + timedelta(days=1))
    await world.travel(timedelta(days=10))
    await world.give_back(instance_id)
    [note] = await world.credit_notes()
    # 21 of 31 days come back, and the settlement is 8.00.
    assert (note.total_minor, note.to_balance_minor, note.to_card_minor) == (1965, 300, 1665)
    account = await world.account()
    assert (account.promotional_minor, account.balance_minor) == (0, 0)
    await world.check_books()


async def test_of_a_renewal_that_was_voided_nothing_comes_back(world: World) -> None:
    method_id = await world.add_card()
    instance_id = await world.fulfil(await world.order())
    async with world.database.transaction() as session:
        await methods.remove(session, world.owner_id, method_id, world.now)
    await world.travel(datetime(2026, 2, 2, tzinfo=UTC))
    async with world.database.transaction() as session:
        account, invoice = await invoices.lock_by_id(session, (await world.invoices())[-1].id, world.now)
        await invoices.void(session, account, invoice, world.now)
    await world.give_back(instance_id)
    assert await world.credit_notes() == []
    await world.check_books()


async def test_of_a_renewal_that_is_not_paid_only_the_time_used_stays_owed(world: World) -> None:
    method_id = await world.add_card()
    instance_id = await world.fulfil(await world.order())
    async with world.database.transaction() as session:
        await methods.remove(session, world.owner_id, method_id, world.now)
    await world.travel(datetime(2026, 2, 15, tzinfo=UTC))
    await world.give_back(instance_id)
    renewal = (await world.invoices())[-1]
    # 14 of the 28 days of February.
    assert (renewal.state, renewal.open_minor) == ("finalised", 1450)
    assert (await world.account()).balance_minor == 0
    await world.check_books()


async def test_returned_at_the_instant_of_its_renewal_it_costs_no_other_month(world: World) -> None:
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    world.now = datetime(2026, 2, 1, tzinfo=UTC)
    await world.give_back(instance_id)
    assert sum(each.card_minor for each in await world.invoices()) == 2900
    await world.travel(timedelta(days=90))
    assert sum(each.open_minor for each in await world.invoices()) == 0
    await world.check_books()


async def test_a_return_that_is_heard_months_later_gives_back_every_month_since(world: World) -> None:
    await world.add_card()
    instance_id = await world.fulfil(await world.order())
    await world.travel(datetime(2026, 4, 20, tzinfo=UTC))
    returned_at = datetime(2026, 1, 20, tzinfo=UTC)
    async with world.database.transaction() as session:
        await instances.settle(session, world.owner_id, instance_id, returned_at, world.now)
    await world.work()
    assert [note.to_card_minor for note in await world.credit_notes()] == [1123, 2900, 2900, 2900]
    await world.travel(timedelta(days=200))
    assert len(await world.invoices()) == 4
    await world.check_books()


async def test_a_worker_that_was_down_for_months_bills_each_month_by_itself(world: World) -> None:
    await world.add_card()
    await world.fulfil(await world.order())
    await world.measure(uuid4(), 110)
    world.now = datetime(2026, 4, 5, tzinfo=UTC)
    while await periods.close_due(world.database, world.now):
        pass
    made = await world.invoices()
    assert sorted(each.period_start.month for each in made) == [1, 1, 2, 3]
    await world.travel(timedelta(days=2))
    assert {each.state for each in await world.invoices()} == {"paid"}
    await world.check_books()
