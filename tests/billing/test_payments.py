"""Payments: asked, held, taken, let go; what is not known is asked about and never charged twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise, product
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from billing.adapters import Adapters
from billing.adapters.sandbox_models import SandboxCharge
from billing.domain.payments import TERMINAL, TRANSITIONS, PaymentState
from billing.domain.transitions import IllegalTransition
from billing.models import Account, Invoice, Order, Payment, PaymentMethod
from billing.operations import accounts, collect, credit_notes, invoices, orders, outcomes, payments, quotes, refunds
from billing.operations.charging import PATIENCE
from billing.operations.payments import ASK_AGAIN, LEASE, LOOK_AFTER
from billing.ports import Charge, ChargeRefused, ChargeWanted, Standing
from billing.queries import payments as queries
from tests.billing.support.books import assert_books_balance
from tests.billing.support.invoicing import draft
from tests.billing.support.paying import Payments, assert_provider_agrees, charges, moves, paying, told
from tests.support.databases import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_world(databases: Databases) -> AsyncIterator[Payments]:
    async with paying(databases) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(one_world: Payments) -> Payments:
    await one_world.begin_again()
    return one_world


async def asked(world: Payments, card: str = "visa", amount_minor: int = 1500) -> UUID:
    """A top-up that is written down."""
    owner = uuid4()
    await world.card(owner, card)
    return await world.top_up(owner, amount_minor)


async def ordered(world: Payments, card: str = "visa") -> UUID:
    """An order whose card was asked; its payment."""
    owner = uuid4()
    await world.card(owner, card)
    async with world.database.transaction() as session:
        wanted = quotes.Wanted("local", "local", "small", 0, "home", uuid4())
        quote = await quotes.make(session, owner, wanted, "7a" * 32, world.now)
    async with world.database.transaction() as session:
        payment_id = (await orders.place(session, owner, quote.id, None, world.now)).payment_id
    assert payment_id is not None
    await world.work(payment_id)
    return payment_id


async def order_of(world: Payments, payment_id: UUID) -> Order:
    async with world.database.reading() as session:
        return await session.get_one(Order, (await session.get_one(Payment, payment_id)).order_id)


async def let_go(world: Payments, payment_id: UUID) -> None:
    async with world.database.transaction() as session:
        await payments.release(session, await session.get_one(Payment, payment_id), world.now)


async def balance_of(world: Payments, payment_id: UUID) -> int:
    async with world.database.reading() as session:
        payment = await session.get_one(Payment, payment_id)
        return (await session.get_one(Account, payment.owner_id)).balance_minor


async def test_a_top_up_is_charged_in_one_turn_and_becomes_balance(world: Payments) -> None:
    payment_id = await asked(world)
    assert await world.work(payment_id) == 1
    payment = await world.payment(payment_id)
    assert (payment.state, payment.captured_minor, payment.ask_due_at) == (PaymentState.CAPTURED, 1500, None)
    assert await moves(world, payment_id) == ["authorised", "capturing", "captured"]
    assert await told(world, payment_id) == ["billing.payment.authorised.v1", "billing.payment.captured.v1"]
    assert await balance_of(world, payment_id) == 1500
    await assert_provider_agrees(world)
    async with world.database.reading() as session:
        await assert_books_balance(session)


async def test_a_declined_card_pays_nothing_and_says_why(world: Payments) -> None:
    payment_id = await asked(world, "insufficient_funds")
    await world.work(payment_id)
    payment = await world.payment(payment_id)
    assert (payment.state, payment.code) == (PaymentState.FAILED, "insufficient_funds")
    assert await told(world, payment_id) == ["billing.payment.failed.v1"]
    assert await balance_of(world, payment_id) == 0


async def test_an_order_is_held_until_it_is_let_go(world: Payments) -> None:
    payment_id = await ordered(world)
    assert (await world.payment(payment_id)).state == PaymentState.AUTHORISED
    assert (await order_of(world, payment_id)).state == "held"
    await let_go(world, payment_id)
    await world.work(payment_id)
    assert await moves(world, payment_id) == ["authorised", "voiding", "voided"]
    assert [charge.standing for charge in await charges(world, payment_id)] == [Standing.VOIDED]
    assert (await told(world, payment_id))[-1] == "billing.payment.voided.v1"


async def test_what_was_never_asked_of_the_provider_is_let_go_without_asking(world: Payments) -> None:
    payment_id = await asked(world)
    await let_go(world, payment_id)
    await world.work(payment_id)
    assert (await world.payment(payment_id)).state == PaymentState.VOIDED
    assert await charges(world, payment_id) == []


async def test_what_is_not_known_is_asked_about_ever_less_often_and_given_up_when_nobody_heard_of_it(
    world: Payments,
) -> None:
    payment_id, began = await asked(world, "unreachable"), world.now
    waits = []
    while (await world.payment(payment_id)).state == PaymentState.AUTHORISING:
        assert await world.work() == 1
        assert await world.work() == 0, "asked again before its time"
        due_at = (await world.payment(payment_id)).ask_due_at
        if due_at is not None:
            waits.append(due_at - world.now)
            world.now = due_at
    assert tuple(waits[: len(ASK_AGAIN)]) == ASK_AGAIN
    assert max(waits) == ASK_AGAIN[-1]
    payment = await world.payment(payment_id)
    assert (payment.state, payment.code) == (PaymentState.FAILED, "unanswered")
    assert world.now - began >= PATIENCE
    assert await told(world, payment_id) == ["billing.payment.failed.v1"]


async def test_unknown_payments_are_counted(world: Payments) -> None:
    payment_id = await asked(world, "authorise_answer_lost")
    await world.work(payment_id)
    await payments.measure_unknown(world.database)
    assert REGISTRY.get_sample_value("space_billing_payments_unknown") == 1
    await world.clean_up()
    await payments.measure_unknown(world.database)
    assert REGISTRY.get_sample_value("space_billing_payments_unknown") == 0
    assert (await world.payment(payment_id)).state == PaymentState.CAPTURED


@pytest.mark.parametrize("card", ["authorise_answer_lost", "capture_answer_lost", "authorise_lost", "late", "slow"])
async def test_a_card_whose_answer_is_lost_or_late_is_charged_once(world: Payments, card: str) -> None:
    payment_id = await asked(world, card)
    await world.work(payment_id)
    assert (await world.payment(payment_id)).state != PaymentState.CAPTURED
    assert await balance_of(world, payment_id) == 0
    await world.clean_up()
    assert (await world.payment(payment_id)).state == PaymentState.CAPTURED
    assert [charge.captured_minor for charge in await charges(world)] == [1500]
    assert await balance_of(world, payment_id) == 1500


async def test_a_payment_that_waits_to_be_held_is_taken_or_let_go_as_was_last_wanted(world: Payments) -> None:
    taken, released = await asked(world, "authorise_answer_lost"), await asked(world, "authorise_answer_lost")
    await world.work()
    async with world.database.transaction() as session:
        await payments.take(session, await session.get_one(Payment, taken), 700, world.now)
        await payments.take(session, await session.get_one(Payment, released), 700, world.now)
        await payments.release(session, await session.get_one(Payment, released), world.now)
    await world.clean_up()
    assert (await world.payment(released)).state == PaymentState.VOIDED
    assert (await world.payment(taken)).captured_minor == 700
    await assert_provider_agrees(world)


async def test_a_hold_that_ended_is_noticed_without_a_webhook_and_fails_its_order(world: Payments) -> None:
    payment_id = await ordered(world, "short_hold")
    world.now += LOOK_AFTER
    assert await world.work() == 1
    payment = await world.payment(payment_id)
    assert (payment.state, payment.code) == (PaymentState.EXPIRED, "hold_expired")
    assert (await order_of(world, payment_id)).state == "failed"
    assert (await told(world, payment_id))[-1] == "billing.payment.failed.v1"


async def test_a_hold_that_lasts_is_looked_after_and_stays(world: Payments) -> None:
    payment_id = await ordered(world)
    for _ in range(3):
        world.now += LOOK_AFTER
        assert await world.work() == 1
    assert await moves(world, payment_id) == ["authorised"]


async def test_money_that_was_released_by_hand_at_the_provider_fails_its_order(world: Payments) -> None:
    payment_id = await ordered(world)
    charge = (await charges(world, payment_id))[0]
    await world.sandbox.void(payment_id, charge.reference)
    world.now += LOOK_AFTER
    await world.work()
    assert (await world.payment(payment_id)).state == PaymentState.VOIDED
    assert (await order_of(world, payment_id)).state == "failed"


async def test_an_answer_about_another_amount_is_nothing_to_act_upon(world: Payments) -> None:
    payment_id = await asked(world, "authorise_answer_lost")
    await world.work()
    async with world.database.transaction() as session:
        await session.execute(update(SandboxCharge).values(amount_minor=9900))
    world.now += timedelta(days=1)
    await world.work()
    assert (await world.payment(payment_id)).state == PaymentState.AUTHORISING


class Slow:
    """The sandbox, where an authorisation waits until it is let on, before or after it is done."""

    name = "sandbox"

    def __init__(self, world: Payments, *, answered_late: bool) -> None:
        self._sandbox = world.sandbox
        self._answered_late = answered_late
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    async def authorise(self, wanted: ChargeWanted) -> Charge:
        charge = await self._sandbox.authorise(wanted) if self._answered_late else None
        self.begun.set()
        await self.go_on.wait()
        return charge or await self._sandbox.authorise(wanted)


@pytest.mark.parametrize("answered_late", [True, False])
@pytest.mark.parametrize("lease_is_over", [True, False])
async def test_two_workers_charge_one_payment_once(world: Payments, answered_late: bool, lease_is_over: bool) -> None:
    """Forced: the second comes while the first one waits for the provider, within its lease and after it."""
    payment_id = await asked(world)
    slow: Any = Slow(world, answered_late=answered_late)
    first = asyncio.create_task(payments.work(world.database, Adapters(slow, None, world.http), world.now))
    await slow.begun.wait()
    world.now += LEASE if lease_is_over else timedelta(seconds=1)
    assert await world.work() == (1 if lease_is_over else 0)
    slow.go_on.set()
    assert await first == 1
    await world.clean_up()
    assert await moves(world, payment_id) == ["authorised", "capturing", "captured"]
    assert [charge.captured_minor for charge in await charges(world)] == [1500]
    assert await balance_of(world, payment_id) == 1500


async def test_what_is_let_go_while_it_is_being_asked_for_does_not_stay_held(world: Payments) -> None:
    """Forced: the request is on its way when the payment is released."""
    payment_id = await asked(world)
    slow: Any = Slow(world, answered_late=False)
    first = asyncio.create_task(payments.work(world.database, Adapters(slow, None, world.http), world.now))
    await slow.begun.wait()
    await let_go(world, payment_id)
    await world.work()
    assert (await world.payment(payment_id)).state == PaymentState.AUTHORISING, "it may still come true"
    slow.go_on.set()
    await first
    await world.clean_up()
    assert (await world.payment(payment_id)).state == PaymentState.VOIDED
    await assert_provider_agrees(world)


async def test_a_hold_that_cannot_be_let_go_is_tried_ever_less_often(
    world: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment that was given up, and came true after all, at a provider that refuses."""
    payment_id = await ordered(world)
    async with world.database.transaction() as session:
        gone = {"state": PaymentState.FAILED, "code": "unanswered", "ask_due_at": world.now, "reference": None}
        await session.execute(update(Payment).where(Payment.id == payment_id).values(gone))

    async def refuse(*_: object) -> Charge:
        raise ChargeRefused("as the test wants it")

    with monkeypatch.context() as context:
        context.setattr(world.sandbox, "void", refuse)
        async with asyncio.timeout(30):
            await world.work()
    assert ((await world.payment(payment_id)).ask_due_at or world.now) > world.now
    world.now += timedelta(hours=1)
    await world.work()
    assert [charge.standing for charge in await charges(world, payment_id)] == [Standing.VOIDED]
    assert (await world.payment(payment_id)).ask_due_at is None


async def test_a_fault_in_one_payment_does_not_keep_others_from_being_charged(
    world: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty, sound = await asked(world), await asked(world)
    follow = outcomes.follow

    async def fail(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
        if payment.id == faulty:
            raise ZeroDivisionError
        await follow(session, account, payment, now)

    monkeypatch.setattr(outcomes, "follow", fail)
    with pytest.raises(ZeroDivisionError):
        await world.work()
    assert (await world.payment(sound)).state == PaymentState.CAPTURED
    monkeypatch.undo()
    await world.clean_up()
    assert (await world.payment(faulty)).state == PaymentState.CAPTURED


async def test_whatever_the_provider_says_moves_by_the_table_or_not_at_all(world: Payments) -> None:
    allowed = {(source, target) for (source, _), target in TRANSITIONS.items()}
    owner = uuid4()
    await world.card(owner)
    for state, standing in product(PaymentState, Standing):
        payment_id = await world.top_up(owner)
        steps = [state, *await tell(world, payment_id, state, standing)]
        assert set(pairwise(steps)) <= allowed, f"{state}, and it is {standing}"
        payment = await world.payment(payment_id)
        assert payment.state == steps[-1]
        assert (payment.state == PaymentState.CAPTURED) == (payment.captured_minor == 1000)
        if standing in (Standing.PENDING, Standing.AUTHORISED) and state is not PaymentState.AUTHORISING:
            assert len(steps) == 1, f"{state}, moved by an old word, or one that decides nothing"
        if standing not in (Standing.PENDING, Standing.AUTHORISED):
            assert payment.state in TERMINAL, f"{state}, and {standing} is not the end of it"


async def tell(world: Payments, payment_id: UUID, state: PaymentState, standing: Standing) -> list[PaymentState]:
    """Where the provider's word moves a payment that is in a state."""
    async with world.database.transaction() as session:
        payment = await session.get_one(Payment, payment_id)
        payment.state, payment.capture_minor, payment.asked = state, 1000, 1
        payment.captured_minor = 1000 if state is PaymentState.CAPTURED else 0
    captured = 1000 if standing is Standing.CAPTURED else 0
    code = "card_declined" if standing is Standing.FAILED else None
    charge = Charge("charge_1", standing, 1000, captured, "USD", code)
    async with world.database.transaction() as session:
        await payments.apply(session, await session.get_one(Payment, payment_id), charge, world.now)
    return [PaymentState(move) for move in await moves(world, payment_id)]


async def test_only_what_makes_sense_is_asked_taken_or_given_back(world: Payments) -> None:
    payment_id = await ordered(world)
    async with world.database.transaction() as session:
        payment = await session.get_one(Payment, payment_id)
        for amount in (0, -1, payment.amount_minor + 1):
            with pytest.raises(ValueError, match="cannot be taken"):
                await payments.take(session, payment, amount, world.now)
        account = await accounts.lock(session, payment.owner_id, world.now)
        note: Any = None
        with pytest.raises(ValueError, match="cannot be given back"):
            await refunds.ask(session, account, note, payment, 1, world.now)
        method = await session.get_one(PaymentMethod, payment.method_id)
        stranger = await accounts.lock(session, uuid4(), world.now)
        for other, amount in ((stranger, 100), (account, 0)):
            with pytest.raises(ValueError, match="not"):
                await payments.ask(
                    session, other, purpose="top_up", method=method, amount_minor=amount, description="", now=world.now
                )
        await payments.release(session, payment, world.now)
        with pytest.raises(IllegalTransition):
            await payments.take(session, payment, 100, world.now)


async def test_an_order_has_at_most_one_payment_that_may_come_true(world: Payments) -> None:
    payment = await world.payment(await ordered(world))
    with pytest.raises(IntegrityError):
        async with world.database.transaction() as session:
            await payments.ask(
                session, await accounts.lock(session, payment.owner_id, world.now), purpose="order", amount_minor=100,
                method=await session.get_one(PaymentMethod, payment.method_id), description="", now=world.now,
                order_id=payment.order_id,
            )  # fmt: skip


async def test_what_is_taken_cannot_be_let_go_any_more(world: Payments) -> None:
    payment_id = await asked(world)
    await world.work()
    with pytest.raises(IllegalTransition):
        await let_go(world, payment_id)


@pytest.mark.parametrize(("card", "refunded", "balance"), [("visa", 600, 0), ("refund_failed", 0, 600)])
async def test_what_cannot_go_back_to_its_card_becomes_balance(
    world: Payments, card: str, refunded: int, balance: int
) -> None:
    owner = uuid4()
    await world.card(owner, card)
    async with world.database.transaction() as session:
        invoice = await draft(session, owner, 1500, now=world.now)
        account = await accounts.lock(session, owner, world.now)
        await invoices.finalise(session, account, invoice, world.now, tax_rate=None)
    await collect.charge_due(world.database, world.now, owner)
    await world.work()
    async with world.database.transaction() as session:
        account = await accounts.lock(session, owner, world.now)
        invoice = await session.get_one(Invoice, invoice.id)
        await credit_notes.credit(session, account, invoice, 600, "A test", "test", world.now)
    async with world.database.reading() as session:
        (before,) = await queries.list_of_invoice(session, invoice.id)
    assert before["refunded"]["amount_minor"] == 0, "it is only wanted yet"
    both = [refunds.work(world.database, world.adapters, world.now) for _ in range(2)]
    assert sorted(await asyncio.gather(*both)) == [0, 1]
    async with world.database.reading() as session:
        (shown,) = await queries.list_of_invoice(session, invoice.id)
        assert (await session.get_one(Account, owner)).balance_minor == balance
        await assert_books_balance(session)
    assert shown["refunded"]["amount_minor"] == refunded
    assert ("billing.payment.refunded.v1" in await told(world, shown["payment_id"])) == bool(refunded)
    await assert_provider_agrees(world)
