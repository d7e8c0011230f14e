"""Orders: what a quote costs is set aside once, taken when there is something for it, and else let go."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from billing import consumers
from billing.domain import ledger as movements
from billing.domain.prices import GB
from billing.errors import OrderFinal, PaymentMethodNeeded, PaymentMethodNotFound, QuoteConfirmed
from billing.models import Account, Instance, Order, Payment, Quote
from billing.operations import accounts, ledger, orders
from shared.events.restore import PaymentWanted
from tests.billing.support.ordering import charges, give, order_of
from tests.billing.support.price_lists import packaged, use
from tests.billing.support.world import World


async def owe(world: World, amount: int) -> None:
    """A small sum that was carried."""
    async with world.database.transaction() as session:
        account = await accounts.lock(session, world.owner_id, world.now)
        account.balance_minor -= amount
        carried = movements.Movement(
            f"test:{uuid4()}", "carried", "Carried",
            {movements.Account.BALANCE: amount, movements.Account.REVENUE: -amount},
        )  # fmt: skip
        await ledger.post(session, world.owner_id, "USD", carried, world.now)


async def test_two_confirms_at_once_make_one_order_and_one_hold(world: World) -> None:
    method = await world.add_card()
    quote_id = await world.quote()

    async def second() -> UUID | None:
        async with world.database.transaction() as session:
            return (await orders.place(session, world.owner_id, quote_id, method, world.now)).payment_id

    async with world.database.transaction() as session:
        first = await orders.place(session, world.owner_id, quote_id, None, world.now)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender == first.payment_id
    await world.work()
    assert await charges(world) == [("authorised", 2900, 0)]
    assert (await order_of(world, quote_id)).state == "held"
    other = await world.add_card("mastercard")
    with pytest.raises(QuoteConfirmed):
        await world.confirm(quote_id, other)
    again = PaymentWanted(owner_id=world.owner_id, restore_id=uuid4(), quote_id=quote_id, payment_method_id=other)
    async with world.database.transaction() as session:
        await consumers.place_order(session, again)
    assert await world.events("payment.failed") == []
    await world.check_books()


async def test_an_order_needs_a_card_of_its_owner_when_the_balance_is_not_enough(world: World) -> None:
    quote_id = await world.quote()
    with pytest.raises(PaymentMethodNeeded):
        await world.confirm(quote_id)
    stranger = World(world.billing, now=world.now)
    with pytest.raises(PaymentMethodNotFound):
        await world.confirm(quote_id, await stranger.add_card())
    assert await world.every(Order) == []


async def test_after_a_decline_another_card_may_pay_the_same_quote(world: World) -> None:
    await world.add_card("declines")
    visa = await world.add_card("visa")
    await give(world, promotional=1000)
    quote_id = await world.order()
    declined = await order_of(world, quote_id)
    assert (declined.state, declined.code, declined.due_at) == ("failed", "card_declined", None)
    assert (await world.account()).promotional_minor == 1000
    await world.check_books()
    await world.confirm(quote_id, visa)
    assert (await order_of(world, quote_id)).state == "held"
    assert (await world.account()).promotional_minor == 0
    assert await charges(world) == [("failed", 1900, 0), ("authorised", 1900, 0)]
    await world.fulfil(quote_id)
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.promotional_minor, invoice.card_minor) == ("paid", 1000, 1900)
    await world.check_books()


async def test_promotional_and_own_balance_are_set_aside_first_and_given_back_on_cancel(world: World) -> None:
    await world.add_card()
    await give(world, promotional=1000, balance=500)
    quote_id = await world.order()
    account = await world.account()
    assert (account.promotional_minor, account.balance_minor) == (0, 0)
    assert (await charges(world))[-1] == ("authorised", 1400, 0)
    await world.check_books()
    for _ in range(2):
        async with world.database.transaction() as session:
            assert (await orders.cancel(session, world.owner_id, quote_id, world.now)).state == "released"
        await world.work()
    account = await world.account()
    assert (account.promotional_minor, account.balance_minor) == (1000, 500)
    assert ("voided", 1400, 0) in await charges(world)
    assert await world.events("payment.voided") == ["billing.payment.voided.v1"]
    await world.check_books()


async def test_where_balance_is_enough_no_card_is_asked_and_all_is_told_the_same(world: World) -> None:
    await give(world, promotional=3000)
    quote_id = await world.order()
    assert (await order_of(world, quote_id)).state == "held"
    await world.fulfil(quote_id)
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.promotional_minor, (await world.account()).promotional_minor) == ("paid", 2900, 100)
    assert await world.every(Payment) == []
    told = await world.events("payment")
    assert told == ["billing.payment.authorised.v1", "billing.payment.captured.v1"]
    await world.check_books()


async def test_a_carried_sum_is_collected_by_one_of_two_orders(world: World) -> None:
    await world.add_card()
    await owe(world, 60)
    first, second = await world.order(), await world.order()
    assert [amount for _, amount, _ in await charges(world)] == [2900, 2960]
    await world.fulfil(first)
    await world.fulfil(second)
    assert (await world.account()).balance_minor == 0
    assert [taken for _, _, taken in await charges(world)] == [2900, 2960]
    assert {invoice.state for invoice in await world.invoices()} == {"paid"}
    await world.check_books()


async def test_what_nobody_takes_in_a_day_is_let_go(world: World) -> None:
    await world.add_card()
    await give(world, promotional=100)
    quote_id = await world.order()
    await world.travel(timedelta(hours=24) - timedelta(seconds=1))
    assert (await order_of(world, quote_id)).state == "held"
    await world.travel(timedelta(seconds=1))
    order = await order_of(world, quote_id)
    assert (order.state, order.code) == ("released", "order_expired")
    assert await charges(world) == [("voided", 2800, 0)]
    assert (await world.account()).promotional_minor == 100
    await world.check_books()


async def test_the_invoice_of_an_order_says_what_its_quote_said(world: World) -> None:
    await world.add_card()
    quote_id = await world.order("medium", restore_bytes=1200 * GB)
    await world.fulfil(quote_id)
    [invoice] = await world.invoices()
    [quote] = await world.every(Quote)
    shown = ("kind", "description", "quantity", "unit", "unit_price", "amount_minor")
    said = [{name: getattr(line, name) for name in shown} for line in await world.lines(invoice)]
    assert said == [{name: line[name] for name in shown} for line in quote.terms["lines"]]
    assert invoice.total_minor == quote.total_minor == 4900 + 7392 + 1232
    assert await charges(world) == [("captured", 13524, 13524)]
    await world.travel(timedelta(days=2))
    assert (await order_of(world, quote_id)).state == "fulfilled"
    await world.check_books()


async def test_tax_is_what_was_promised_wherever_the_owner_lives_by_then(world: World) -> None:
    await use(world.database, packaged(tax='DE: "0.19", FR: "0.2"'))
    await world.add_card()
    await move_to(world, "DE")
    quote_id = await world.order()
    await move_to(world, "FR")
    await world.fulfil(quote_id)
    [invoice] = await world.invoices()
    assert (invoice.net_minor, invoice.tax_minor, invoice.tax_rate, invoice.tax_country) == (2900, 551, "0.19", "DE")
    assert (invoice.state, invoice.card_minor) == ("paid", 3451)
    await world.check_books()


async def move_to(world: World, country: str) -> None:
    async with world.database.transaction() as session:
        await session.execute(update(Account).where(Account.owner_id == world.owner_id).values(country=country))


@pytest.mark.parametrize(
    ("days", "promotional", "taken", "given_back"),
    [(26, 0, 2432, 0), (26, 3000, 0, 568), (10, 1000, 0, 65), (10, 900, 100 - 65, 0), (0, 500, 0, 500)],
)
async def test_who_gives_up_pays_for_the_time_it_ran_and_the_rest_is_released(
    world: World, days: int, promotional: int, taken: int, given_back: int
) -> None:
    """Of 29.00 for the 31 days from 20 March: 24.32 for 26 of them, 9.35 for 10."""
    world.now = datetime(2027, 3, 20, tzinfo=UTC)
    await world.add_card()
    await give(world, promotional=promotional)
    quote_id = await world.order()
    await world.fulfil(quote_id, ended_at=world.now + timedelta(days=days))
    account = await world.account()
    assert account.promotional_minor == given_back
    # Under a dollar is carried rather than charged.
    assert account.balance_minor == (-taken if taken < 100 else 0)
    assert sum(captured for _, _, captured in await charges(world)) == (taken if taken >= 100 else 0)
    assert not any(standing == "authorised" for standing, _, _ in await charges(world))
    invoices = await world.invoices()
    assert [invoice.state for invoice in invoices] == (["paid"] if days else [])
    assert [line.kind for invoice in invoices for line in await world.lines(invoice)] == ["instance"] * len(invoices)
    assert await world.every(Instance) == []
    assert (await order_of(world, quote_id)).state == "fulfilled"
    await world.check_books()


async def test_a_present_that_comes_later_is_not_turned_into_money(world: World) -> None:
    await world.add_card("capture_answer_lost")
    quote_id = await world.order()
    await give(world, promotional=1000)
    await world.fulfil(quote_id)
    await world.travel(timedelta(hours=1))
    [invoice] = await world.invoices()
    account = await world.account()
    assert (invoice.state, invoice.promotional_minor, invoice.card_minor) == ("paid", 0, 2900)
    assert (account.promotional_minor, account.balance_minor) == (1000, 0)
    await world.check_books()


async def test_what_was_delivered_after_its_hold_was_let_go_is_invoiced_instead(world: World) -> None:
    await world.add_card()
    quote_id = await world.order()
    await world.travel(timedelta(hours=25))
    await world.fulfil(quote_id)
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.card_minor) == ("paid", 2900)
    assert await charges(world) == [("voided", 2900, 0), ("captured", 2900, 2900)]
    await world.check_books()


async def test_what_was_delivered_after_the_bank_let_go_is_invoiced_instead(world: World) -> None:
    short = await world.add_card("short_hold")
    quote_id = await world.order(method_id=short)
    await world.travel(timedelta(hours=2))
    order = await order_of(world, quote_id)
    assert (order.state, order.code) == ("failed", "hold_expired")
    await world.fulfil(quote_id)
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.card_minor) == ("paid", 2900)
    assert (await world.every(Instance))[0].order_id == quote_id
    await world.check_books()


async def test_a_hold_that_ends_while_it_is_taken_is_charged_anew(world: World) -> None:
    await world.add_card("short_hold")
    quote_id = await world.order()
    world.now += timedelta(minutes=2)
    await world.fulfil(quote_id)
    await world.travel(timedelta(hours=2))
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.card_minor) == ("paid", 2900)
    assert sorted(await charges(world)) == [("captured", 2900, 2900), ("expired", 2900, 0)]
    await world.check_books()


async def test_nothing_is_taken_of_what_came_to_nothing(world: World) -> None:
    await world.add_card()
    await give(world, promotional=100)
    quote_id = await world.order()
    for _ in range(2):
        async with world.database.transaction() as session:
            await orders.void(session, world.owner_id, quote_id, world.now)
        await world.work()
    assert (await order_of(world, quote_id)).code == "void"
    assert await charges(world) == [("voided", 2800, 0)]
    assert (await world.account()).promotional_minor == 100
    await world.fulfil(quote_id)
    with pytest.raises(OrderFinal):
        async with world.database.transaction() as session:
            await orders.cancel(session, world.owner_id, quote_id, world.now)
    await world.check_books()
