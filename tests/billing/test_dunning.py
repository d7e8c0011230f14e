"""What follows when a bill is not paid, day by day, and how an account comes back from every rung."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from billing.domain import ledger as movements
from billing.domain.dunning import LADDER, RETRY_AFTER, Standing, next_attempt, standing, standing_after
from billing.errors import InvoiceNotPayable, PaymentMethodNeeded, PaymentMethodNotFound
from billing.models import AccountMove, Invoice, Payment
from billing.operations import collect, invoices, ledger, methods, quota
from tests.billing.support.invoicing import give, invoice_of, issued, notices_of
from tests.billing.support.world import START, World

DAY = timedelta(days=1)


async def owing(world: World, amount: int = 1200, card: str | None = "declines") -> Invoice:
    """An invoice that was issued and is due now, and the card that is to pay it."""
    if card is not None:
        await world.add_card(card)
    return await issued(world.database, world.owner_id, amount, now=world.now)


async def pay(world: World, invoice: Invoice, method_id: UUID | None = None) -> Payment | None:
    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, world.now)
        payment = await collect.pay_now(session, account, locked, method_id, world.now)
    await world.work()
    return payment


async def limit_above_allowance(world: World) -> int:
    async with world.database.transaction() as session:
        found = await quota.look(session, await world.account(), world.now)
    return found.quota.limit_bytes - found.quota.allowance_bytes


async def standings(world: World) -> list[tuple[str, datetime]]:
    return [(move.target, move.moved_at) for move in await world.every(AccountMove)]


def test_the_ladder_has_no_way_up_but_by_paying() -> None:
    rungs = [LADDER.index(standing_after(failures)) for failures in range(8)]
    assert rungs == sorted(rungs)
    assert standing_after(0) is Standing.CURRENT
    assert standing_after(100) is Standing.SUSPENDED
    assert standing([]) is Standing.CURRENT
    assert standing([1, 4, 0]) is standing_after(4)


def test_a_charge_is_tried_again_after_1_3_5_and_7_days_and_then_no_more() -> None:
    failed = [START, *(START + after for after in RETRY_AFTER), START + 8 * DAY]
    tries = [next_attempt(START, failures, now) for failures, now in enumerate(failed, start=1)]
    assert tries == [START + 1 * DAY, START + 3 * DAY, START + 5 * DAY, START + 7 * DAY, None, None]


def test_after_an_outage_the_attempts_do_not_follow_one_another_at_once() -> None:
    late = START + 30 * DAY
    assert [next_attempt(START, failures, late) for failures in (1, 2, 4, 5)] == [*[late + 1 * DAY] * 3, None]


async def test_an_unpaid_bill_goes_down_the_ladder_day_by_day(world: World) -> None:
    invoice = await owing(world)
    await world.travel(30 * DAY)
    assert [payment.created_at - START for payment in await world.every(Payment)] == [timedelta(0), *RETRY_AFTER]
    assert await standings(world) == [
        ("reminded", START),
        ("restricted", START + 3 * DAY),
        ("suspended", START + 7 * DAY),
    ]
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.attempts, found.charge_due_at, found.open_minor) == ("finalised", 5, None, 1200)
    told = [each for each in await notices_of(world.database, world.owner_id) if each.kind == "charge_failed"]
    assert [each.created_at - START for each in told] == [timedelta(0), *RETRY_AFTER]
    assert all("12.00 USD" in each.text and "declined" in each.text for each in told)
    assert "We try again on 2 January 2026" in told[0].text
    assert "We do not try again by ourselves" in told[-1].text
    assert await world.events("account.") == ["billing.account.restricted.v1", "billing.account.restricted.v1"]
    await world.check_books()


async def test_above_the_allowance_nothing_is_uploaded_from_the_third_failure_on(world: World) -> None:
    await owing(world)
    await world.work()
    seen = []
    for _ in range(8):
        seen.append(await limit_above_allowance(world) > 0)
        await world.travel(DAY)
    assert seen == [True, True, True, False, False, False, False, False]


async def test_the_others_are_told_when_uploads_stop_and_when_they_go_on(world: World) -> None:
    invoice = await owing(world)
    await world.measure(uuid4(), 50)
    await world.work()
    assert await world.events("quota.") == []
    await world.travel(4 * DAY)
    assert await world.events("quota.") == ["billing.quota.exceeded.v1"]
    assert (await world.account()).quota_reason == "arrears"
    await pay(world, invoice, await world.add_card())
    assert await world.events("quota.") == ["billing.quota.exceeded.v1", "billing.quota.cleared.v1"]


async def test_a_retry_that_succeeds_ends_it(world: World) -> None:
    invoice = await owing(world)
    await world.travel(2 * DAY)
    assert (await world.account()).standing == "reminded"
    await replace_card(world)
    await world.travel(DAY + timedelta(hours=1))
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.attempts, found.paid_at) == ("paid", 2, START + 3 * DAY)
    assert await standings(world) == [("reminded", START), ("current", START + 3 * DAY)]
    assert await world.events("account.") == []
    assert (await notices_of(world.database, world.owner_id))[-1].kind == "invoice_paid"
    await world.check_books()


async def test_an_owner_who_pays_stands_well_again_from_every_rung(world: World) -> None:
    for days, rung in [(1, "reminded"), (4, "restricted"), (8, "suspended")]:
        world.owner_id, world.now = uuid4(), START
        invoice = await owing(world)
        await world.travel(days * DAY)
        assert (await world.account()).standing == rung
        told_before = len(await world.events("account."))
        paid = await pay(world, invoice, await world.add_card())
        assert paid is not None
        assert (await invoice_of(world.database, invoice.id)).state == "paid"
        assert (await world.account()).standing == "current"
        assert await limit_above_allowance(world) > 0
        cleared = [] if rung == "reminded" else ["billing.account.cleared.v1"]
        assert (await world.events("account."))[told_before:] == cleared
        assert await pay_is_refused(world, invoice)
        await world.travel(30 * DAY)
        payments = [payment for payment in await world.every(Payment) if payment.owner_id == world.owner_id]
        assert sum(payment.captured_minor for payment in payments) == 1200
    await world.check_books()


async def test_trying_cards_by_hand_brings_an_owner_no_closer_to_being_restricted(world: World) -> None:
    invoice = await owing(world)
    await world.travel(timedelta(hours=1))
    for _ in range(6):
        await pay(world, invoice)
    found = await invoice_of(world.database, invoice.id)
    assert (found.attempts, found.charge_due_at) == (1, START + DAY)
    assert (await world.account()).standing == "reminded"
    await world.travel(30 * DAY)
    assert await standings(world) == [
        ("reminded", START),
        ("restricted", START + 3 * DAY),
        ("suspended", START + 7 * DAY),
    ]


async def test_without_a_card_every_attempt_fails_with_advice(world: World) -> None:
    invoice = await owing(world, card=None)
    await world.travel(4 * DAY)
    assert (await world.account()).standing == "restricted"
    assert await world.every(Payment) == []
    told = (await notices_of(world.database, world.owner_id))[-1]
    assert "There is no payment method. Add one." in told.text
    with pytest.raises(PaymentMethodNeeded):
        await pay(world, invoice)
    with pytest.raises(PaymentMethodNotFound):
        await pay(world, invoice, uuid4())
    await world.add_card()
    await world.travel(2 * DAY)
    assert (await invoice_of(world.database, invoice.id)).state == "paid"
    await world.check_books()


async def test_an_account_stands_as_the_worst_of_its_bills(world: World) -> None:
    first = await owing(world, 1200)
    await world.travel(2 * DAY)
    second = await issued(world.database, world.owner_id, 700, now=world.now)
    await world.travel(2 * DAY)
    attempts = {each.id: each.attempts for each in await world.invoices()}
    assert attempts == {first.id: 3, second.id: 2}
    assert (await world.account()).standing == "restricted"
    good = await world.add_card()
    await pay(world, first, good)
    assert (await world.account()).standing == "reminded"
    await pay(world, second, good)
    assert (await world.account()).standing == "current"
    await world.check_books()


async def test_what_comes_into_the_balance_pays_before_the_card_is_tried_again(world: World) -> None:
    invoice = await owing(world)
    await world.travel(timedelta(hours=1))
    await give(world.database, world.owner_id, promotional=200, balance=1000, now=world.now)
    await world.travel(DAY)
    found = await invoice_of(world.database, invoice.id)
    assert (found.state, found.promotional_minor, found.balance_minor) == ("paid", 200, 1000)
    assert (await world.account()).standing == "current"
    await world.check_books()


@pytest.mark.parametrize("card", ["authorise_answer_lost", "capture_answer_lost"])
async def test_while_it_is_unknown_whether_a_card_paid_it_is_not_charged_again(world: World, card: str) -> None:
    invoice = await owing(world, card=card)
    await collect.charge_due(world.database, world.now)
    assert await collect.charge_due(world.database, world.now + DAY) == 0
    assert await pay_is_refused(world, invoice)
    await world.travel(DAY)
    assert (await invoice_of(world.database, invoice.id)).state == "paid"
    assert sum(payment.captured_minor for payment in await world.every(Payment)) == 1200
    await world.check_books()


async def test_time_goes_on_while_a_payment_by_hand_is_unknown(world: World) -> None:
    """The invoice is due, and waits for what becomes of the payment: nothing is due about it meanwhile."""
    invoice = await owing(world, card="unreachable")
    await pay(world, invoice)
    await world.travel(timedelta(minutes=10))
    [payment] = await world.every(Payment)
    assert (payment.state, payment.asked > 1) == ("authorising", True)
    assert (await invoice_of(world.database, invoice.id)).charge_due_at == START
    await world.check_books()


async def test_of_two_workers_one_charges(world: World) -> None:
    await owing(world, card="visa")
    done = await asyncio.gather(*(collect.charge_due(world.database, world.now) for _ in range(4)))
    assert sum(done) == 1
    assert len(await world.every(Payment)) == 1


async def test_of_two_who_pay_at_once_one_is_told_that_the_other_does(world: World) -> None:
    """The first holds its transaction open while the second arrives."""
    invoice = await owing(world, card="visa")

    async def second() -> bool:
        return await pay_is_refused(world, invoice)

    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, world.now)
        assert await collect.pay_now(session, account, locked, None, world.now) is not None
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender is True
    await world.work()
    assert len(await world.every(Payment)) == 1
    await world.check_books()


async def test_a_bill_that_is_paid_while_a_worker_waits_for_it_is_not_charged(world: World) -> None:
    invoice = await owing(world, card="visa")
    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, world.now)
        account.promotional_minor += 1200
        await ledger.post(session, account.owner_id, "USD", movements.grant("grant:1", 1200, "A present"), world.now)
        assert await collect.pay_now(session, account, locked, None, world.now) is None
        assert await collect.charge_due(world.database, world.now) == 0
    await world.work()
    assert await world.every(Payment) == []
    await world.check_books()


async def test_each_notice_says_what_happened_and_what_is_next(world: World) -> None:
    await owing(world)
    await world.travel(8 * DAY)
    told = await notices_of(world.database, world.owner_id)
    assert all(each.text.startswith("Invoice SP-2026-000001 of 12.00 USD: ") for each in told)
    failed = [each for each in told if each.kind == "charge_failed"]
    assert all(before.created_at < after.created_at for before, after in pairwise(failed))
    assert len({each.text for each in failed}) == 5


async def replace_card(world: World) -> None:
    """A good card, which is the default from now on."""
    method_id = await world.add_card()
    async with world.database.transaction() as session:
        await methods.make_default(session, world.owner_id, method_id, world.now)


async def pay_is_refused(world: World, invoice: Invoice) -> bool:
    try:
        await pay(world, invoice)
    except InvoiceNotPayable:
        return True
    return False
