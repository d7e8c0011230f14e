"""An order's money, whatever happens to its owner's between confirming and the end."""

from datetime import timedelta
from uuid import UUID, uuid4

from billing.domain.orders import OrderState
from billing.models import Order, Payment
from billing.operations import collect, instances, orders, payments
from billing.ports import Charge, Standing
from shared.events.restore import CaptureWanted
from tests.billing.support.invoicing import give, issued
from tests.billing.support.world import World


async def payment_of(world: World, order_id: UUID) -> Payment:
    found: Payment = next(each for each in await world.every(Payment) if each.order_id == order_id)
    return found


async def tell(world: World, payment: Payment, standing: Standing, captured_minor: int = 0) -> None:
    """The provider's word, as if it had been asked."""
    told = Charge(
        reference=str(payment.reference),
        standing=standing,
        amount_minor=payment.amount_minor,
        captured_minor=captured_minor,
        currency=payment.currency,
        code=None,
    )
    async with world.database.transaction() as session:
        await payments.apply(session, await session.get_one(Payment, payment.id), told, world.now)


async def test_what_is_given_after_the_card_was_asked_stays_for_later(world: World) -> None:
    await world.add_card()
    order_id = await world.order()
    await give(world.database, world.owner_id, promotional=500, now=world.now)
    await world.fulfil(order_id)
    [invoice] = await world.invoices()
    account = await world.account()
    assert (invoice.state, invoice.card_minor, invoice.promotional_minor) == ("paid", 2900, 0)
    assert (account.promotional_minor, account.balance_minor) == (500, 0)
    await world.check_books()


async def test_a_rest_too_small_for_a_card_is_charged_with_the_debt_it_was_held_with(world: World) -> None:
    await world.add_card()
    await issued(world.database, world.owner_id, 60, now=world.now)
    await give(world.database, world.owner_id, promotional=2850, now=world.now)
    assert (await world.account()).balance_minor == -60
    await world.fulfil(await world.order())
    invoice = (await world.invoices())[-1]
    assert (invoice.state, invoice.promotional_minor, invoice.card_minor) == ("paid", 2850, 50)
    assert (await world.account()).balance_minor == 0
    await world.check_books()


async def test_a_debt_that_was_paid_meanwhile_is_not_taken_of_the_card(world: World) -> None:
    await world.add_card()
    await issued(world.database, world.owner_id, 60, now=world.now)
    order_id = await world.order()
    assert (await payment_of(world, order_id)).amount_minor == 2960
    await give(world.database, world.owner_id, balance=60, now=world.now)
    await world.fulfil(order_id)
    assert (await payment_of(world, order_id)).captured_minor == 2900
    assert (await world.account()).balance_minor == 0
    await world.check_books()


async def test_money_taken_by_hand_at_the_provider_is_balance_and_can_pay_the_order(world: World) -> None:
    await world.add_card()
    order_id = await world.order()
    await tell(world, await payment_of(world, order_id), Standing.CAPTURED, 2900)
    await world.check_books()
    [order] = await world.every(Order)
    assert (order.state, order.code) == (OrderState.FAILED, "taken_early")
    assert (await world.account()).balance_minor == 2900

    assert (await world.confirm(order_id)).state == OrderState.HELD
    await world.fulfil(order_id)
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.balance_minor) == ("paid", 2900)
    await world.check_books()


async def test_money_taken_by_hand_of_an_order_that_was_let_go_is_balance(world: World) -> None:
    await world.add_card("void_answer_lost")
    order_id = await world.order()
    async with world.database.transaction() as session:
        await orders.cancel(session, world.owner_id, order_id, world.now)
    await tell(world, await payment_of(world, order_id), Standing.CAPTURED, 2900)
    await world.travel(timedelta(days=2))
    [order] = await world.every(Order)
    assert order.state == OrderState.RELEASED
    assert (await world.account()).balance_minor == 2900
    await world.check_books()


async def test_a_hold_that_is_lost_after_nothing_is_owed_any_more_charges_nobody(world: World) -> None:
    """The instance was gone at once, and that was heard before its order was fulfilled."""
    await world.add_card()
    order_id, instance_id = await world.order(), uuid4()
    async with world.database.transaction() as session:
        await instances.settle(session, world.owner_id, instance_id, world.now, world.now)
    event = CaptureWanted(
        owner_id=world.owner_id, restore_id=uuid4(), quote_id=order_id, instance_id=instance_id,
        started_at=world.now, ended_at=None,
    )  # fmt: skip
    async with world.database.transaction() as session:
        await orders.fulfil(session, event, world.now)
    await tell(world, await payment_of(world, order_id), Standing.EXPIRED)
    [invoice] = await world.invoices()
    assert (invoice.state, invoice.credited_minor) == ("paid", 2900)
    assert await collect.charge_due(world.database, world.now) == 0
    await world.check_books()
