"""What every payment provider must do: the sandbox, and Stripe (localstripe, a process of its own, behind a proxy)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from billing.domain.payments import FailureCode
from billing.ports import (
    Card,
    Charge,
    ChargeRefused,
    ChargeWanted,
    MethodRefused,
    Notice,
    RefundStanding,
    Standing,
    Unanswered,
    WebhookRefused,
)
from tests.support.databases import Databases
from tests.support.payments import Operation, SandboxWorld, World, sandbox_world, stripe_world, wanted

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The stripe library gives httpx its forms under an argument that httpx has renamed.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

NOW = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sandbox", "stripe"])
async def world(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    if request.param == "sandbox":
        async with sandbox_world(databases) as sandbox:
            yield sandbox
    else:
        async with stripe_world(tmp_path_factory.mktemp("localstripe")) as stripe:
            yield stripe


async def authorise(world: World, amount_minor: int = 2900) -> tuple[ChargeWanted, str]:
    """A fresh payment of a fresh owner, held; and the provider's reference."""
    owner_id = uuid4()
    asked = wanted(await world.save("pays", owner_id), owner_id, amount_minor)
    return asked, reference(await world.provider.authorise(asked))


def reference(charge: Charge) -> str:
    assert charge.reference
    return charge.reference


async def capture(world: World, amount_minor: int = 2900) -> tuple[ChargeWanted, str]:
    asked, ref = await authorise(world, amount_minor)
    await world.provider.capture(asked.payment_id, ref, amount_minor)
    return asked, ref


async def find(world: World, asked: ChargeWanted, ref: str | None = None) -> Charge | None:
    return await world.provider.find(asked.payment_id, asked.customer, ref)


async def test_a_saved_card_is_known_by_its_brand_its_last_digits_and_its_expiry(world: World) -> None:
    method = await world.save("pays", uuid4())
    assert (method.brand, method.last4, method.exp_month, method.exp_year) == ("visa", "4242", 12, 2040)
    assert method.token
    assert method.customer


async def test_an_owners_second_card_is_the_same_customers(world: World) -> None:
    owner_id = uuid4()
    first, second = await world.save("pays", owner_id), await world.save("pays", owner_id)
    assert first.customer == second.customer
    assert first.token != second.token


async def test_a_card_that_its_bank_refuses_is_not_saved_and_the_owner_is_told_why(world: World) -> None:
    with pytest.raises(MethodRefused, match="declined") as refused:
        await world.save("refused", uuid4())
    assert refused.value.code == FailureCode.CARD_DECLINED


async def test_a_card_in_the_other_providers_form_is_refused(world: World) -> None:
    card = Card("4242424242424242", 12, 2040, "123")
    given = (None, "pm_1234") if isinstance(world, SandboxWorld) else (card, None)
    for card_given, token in (given, (None, None), (card, "pm_1234")):
        with pytest.raises(MethodRefused) as refused:
            await world.provider.save_method(uuid4(), None, card_given, token)
        assert refused.value.code == FailureCode.WRONG_FORM


async def test_an_amount_is_held_and_nothing_is_taken(world: World) -> None:
    owner_id = uuid4()
    asked = wanted(await world.save("pays", owner_id), owner_id)
    charge = await world.provider.authorise(asked)
    assert charge == Charge(charge.reference, Standing.AUTHORISED, 2900, 0, "USD", None)
    assert charge.reference
    assert await find(world, asked) == charge
    assert await find(world, asked, charge.reference) == charge


async def test_asked_again_it_holds_nothing_twice(world: World) -> None:
    asked, ref = await authorise(world)
    again = await world.provider.authorise(asked)
    assert again == Charge(ref, Standing.AUTHORISED, 2900, 0, "USD", None)
    assert await world.charges(asked.payment_id) == 1


async def test_asked_again_after_all_is_over_it_says_so_and_holds_nothing(world: World) -> None:
    asked, ref = await authorise(world)
    await world.provider.void(asked.payment_id, ref)
    assert (await world.provider.authorise(asked)).standing is Standing.VOIDED
    assert await world.charges(asked.payment_id) == 1


@pytest.mark.parametrize("change", ["amount", "currency", "card"])
async def test_an_id_that_was_used_with_other_terms_is_refused(world: World, change: str) -> None:
    asked, ref = await authorise(world)
    other = ChargeWanted(
        asked.payment_id,
        asked.owner_id,
        asked.customer,
        (await world.save("pays", asked.owner_id)).token if change == "card" else asked.method,
        2901 if change == "amount" else 2900,
        "EUR" if change == "currency" else "USD",
        asked.description,
    )
    with pytest.raises(ChargeRefused):
        await world.provider.authorise(other)
    assert await find(world, asked) == Charge(ref, Standing.AUTHORISED, 2900, 0, "USD", None)
    assert await world.charges(asked.payment_id) == 1


async def test_a_declined_payment_has_failed_with_a_code_and_holds_nothing(world: World) -> None:
    owner_id = uuid4()
    asked = wanted(await world.save("declines", owner_id), owner_id)
    charge = await world.provider.authorise(asked)
    assert (charge.standing, charge.code, charge.captured_minor) == (Standing.FAILED, FailureCode.CARD_DECLINED, 0)
    assert await find(world, asked) == charge
    assert await world.provider.authorise(asked) == charge
    assert await world.charges(asked.payment_id) == 1


async def test_of_two_requests_at_once_one_holds(world: World) -> None:
    owner_id = uuid4()
    asked = wanted(await world.save("pays", owner_id), owner_id)
    if not isinstance(world, SandboxWorld):
        world.proxy.will_delay(0.3, "POST", "/v1/payment_intents")
    answers = await asyncio.gather(*(world.provider.authorise(asked) for _ in range(4)), return_exceptions=True)
    for answer in answers:
        assert isinstance(answer, Unanswered) or (isinstance(answer, Charge) and answer.standing is Standing.AUTHORISED)
    assert any(isinstance(answer, Charge) for answer in answers)
    assert await world.charges(asked.payment_id) == 1


@pytest.mark.parametrize("amount_minor", [2900, 1964, 1])
async def test_what_is_held_is_taken_in_whole_or_in_part_once(world: World, amount_minor: int) -> None:
    asked, ref = await authorise(world)
    taken = Charge(ref, Standing.CAPTURED, 2900, amount_minor, "USD", None)
    assert await world.provider.capture(asked.payment_id, ref, amount_minor) == taken
    assert await world.provider.capture(asked.payment_id, ref, amount_minor) == taken
    assert await find(world, asked, ref) == taken
    with pytest.raises(ChargeRefused):
        await world.provider.capture(asked.payment_id, ref, amount_minor + 1)
    assert await find(world, asked, ref) == taken


@pytest.mark.parametrize("amount_minor", [2901, 0, -1])
async def test_more_than_is_held_or_nothing_cannot_be_taken(world: World, amount_minor: int) -> None:
    asked, ref = await authorise(world)
    with pytest.raises(ChargeRefused):
        await world.provider.capture(asked.payment_id, ref, amount_minor)
    assert await find(world, asked, ref) == Charge(ref, Standing.AUTHORISED, 2900, 0, "USD", None)


async def test_a_hold_is_released_once_and_cannot_be_taken_then(world: World) -> None:
    asked, ref = await authorise(world)
    released = Charge(ref, Standing.VOIDED, 2900, 0, "USD", None)
    assert await world.provider.void(asked.payment_id, ref) == released
    assert await world.provider.void(asked.payment_id, ref) == released
    with pytest.raises(ChargeRefused):
        await world.provider.capture(asked.payment_id, ref, 2900)
    assert await find(world, asked) == released


async def test_what_was_taken_cannot_be_released(world: World) -> None:
    asked, ref = await capture(world)
    with pytest.raises(ChargeRefused):
        await world.provider.void(asked.payment_id, ref)
    assert await find(world, asked) == Charge(ref, Standing.CAPTURED, 2900, 2900, "USD", None)


async def test_a_hold_ends_by_itself_and_cannot_be_taken_then(world: World) -> None:
    asked, ref = await authorise(world)
    await world.expire(ref)
    for operation in (world.provider.capture(asked.payment_id, ref, 2900), world.provider.void(asked.payment_id, ref)):
        with pytest.raises(ChargeRefused):
            await operation
    assert await find(world, asked) == Charge(ref, Standing.EXPIRED, 2900, 0, "USD", None)


async def test_what_was_taken_is_given_back_in_parts_and_never_more_than_it(world: World) -> None:
    asked, ref = await capture(world)
    first, second = uuid4(), uuid4()
    refund = await world.provider.refund(first, ref, 900)
    assert (refund.standing, refund.amount_minor) == (RefundStanding.REFUNDED, 900)
    assert await world.provider.refund(first, ref, 900) == refund
    with pytest.raises(ChargeRefused):
        await world.provider.refund(first, ref, 901)
    with pytest.raises(ChargeRefused):
        await world.provider.refund(uuid4(), ref, 2001)
    assert (await world.provider.refund(second, ref, 2000)).reference != refund.reference
    with pytest.raises(ChargeRefused):
        await world.provider.refund(uuid4(), ref, 1)
    assert await world.refunded_minor(asked.payment_id) == 2900
    assert await find(world, asked) == Charge(ref, Standing.CAPTURED, 2900, 2900, "USD", None)


async def test_of_a_part_that_was_taken_no_more_than_the_part_is_given_back(world: World) -> None:
    asked, ref = await authorise(world)
    await world.provider.capture(asked.payment_id, ref, 1000)
    with pytest.raises(ChargeRefused):
        await world.provider.refund(uuid4(), ref, 1001)
    assert (await world.provider.refund(uuid4(), ref, 1000)).amount_minor == 1000


@pytest.mark.parametrize("amount_minor", [0, -5])
async def test_nothing_cannot_be_given_back(world: World, amount_minor: int) -> None:
    _, ref = await capture(world)
    with pytest.raises(ChargeRefused):
        await world.provider.refund(uuid4(), ref, amount_minor)


async def test_what_is_only_held_cannot_be_given_back(world: World) -> None:
    asked, ref = await authorise(world)
    with pytest.raises(ChargeRefused):
        await world.provider.refund(uuid4(), ref, 100)
    assert await world.refunded_minor(asked.payment_id) == 0


async def test_a_payment_that_was_never_asked_for_is_unknown(world: World) -> None:
    asked, _ = await authorise(world)
    for customer in (asked.customer, None):
        assert await world.provider.find(uuid4(), customer, None) is None
    assert await world.provider.find(uuid4(), asked.customer, "pi_unknown") is None


async def test_another_payments_reference_is_not_this_payments(world: World) -> None:
    asked, ref = await authorise(world)
    other, other_ref = await authorise(world)
    for operation in (
        world.provider.capture(asked.payment_id, other_ref, 2900),
        world.provider.capture(uuid4(), ref, 2900),
        world.provider.void(asked.payment_id, other_ref),
        world.provider.void(asked.payment_id, "pi_unknown"),
        world.provider.refund(uuid4(), "pi_unknown", 1),
    ):
        with pytest.raises(ChargeRefused):
            await operation
    for one in (asked, other):
        charge = await find(world, one)
        assert charge is not None
        assert charge.standing is Standing.AUTHORISED


async def test_a_forgotten_card_is_charged_no_more_and_is_forgotten_twice_as_well(world: World) -> None:
    owner_id = uuid4()
    method = await world.save("pays", owner_id)
    await world.provider.forget_method(method)
    await world.provider.forget_method(method)
    asked = wanted(method, owner_id)
    charge = await world.provider.authorise(asked)
    assert (charge.standing, charge.code) == (Standing.FAILED, FailureCode.METHOD_UNKNOWN)
    assert await find(world, asked) in (None, charge)


async def test_another_owners_card_is_not_charged(world: World) -> None:
    owner_id = uuid4()
    theirs, mine = await world.save("pays", uuid4()), await world.save("pays", owner_id)
    asked = ChargeWanted(uuid4(), owner_id, mine.customer, theirs.token, 2900, "USD", "")
    charge = await world.provider.authorise(asked)
    assert (charge.standing, charge.code) == (Standing.FAILED, FailureCode.METHOD_UNKNOWN)


async def test_a_card_that_does_not_exist_is_not_charged(world: World) -> None:
    owner_id = uuid4()
    mine = await world.save("pays", owner_id)
    asked = ChargeWanted(uuid4(), owner_id, mine.customer, "pm_nothing", 2900, "USD", "")
    charge = await world.provider.authorise(asked)
    assert (charge.standing, charge.code) == (Standing.FAILED, FailureCode.METHOD_UNKNOWN)


# What is done, and its answer lost: the outcome is unknown, asking tells it, and doing it again does nothing twice.


async def lossy(world: World, operation: Operation) -> tuple[ChargeWanted, str]:
    """A payment up to where ``operation`` is next, whose answer will be lost."""
    owner_id = uuid4()
    asked = wanted(await world.lose_answer_of(operation, owner_id), owner_id)
    if operation == "authorise":
        return asked, ""
    ref = reference(await world.provider.authorise(asked))
    if operation == "refund":
        await world.provider.capture(asked.payment_id, ref, 2900)
    return asked, ref


async def test_a_hold_whose_answer_was_lost_is_found_and_not_held_again(world: World) -> None:
    asked, _ = await lossy(world, "authorise")
    with pytest.raises(Unanswered):
        await world.provider.authorise(asked)
    found = await find(world, asked)
    assert found is not None
    assert found.standing is Standing.AUTHORISED
    assert await world.provider.authorise(asked) == found
    assert await world.charges(asked.payment_id) == 1


async def test_a_hold_whose_answer_was_lost_is_not_held_again_by_asking_again_only(world: World) -> None:
    asked, _ = await lossy(world, "authorise")
    with pytest.raises(Unanswered):
        await world.provider.authorise(asked)
    assert (await world.provider.authorise(asked)).standing is Standing.AUTHORISED
    assert await world.charges(asked.payment_id) == 1


async def test_a_request_that_did_not_get_through_held_nothing_and_holds_once_when_repeated(world: World) -> None:
    owner_id = uuid4()
    asked = wanted(await world.lose_request(owner_id), owner_id)
    with pytest.raises(Unanswered):
        await world.provider.authorise(asked)
    assert await find(world, asked) is None
    assert await world.charges(asked.payment_id) == 0
    assert (await world.provider.authorise(asked)).standing is Standing.AUTHORISED
    assert await world.charges(asked.payment_id) == 1


async def test_a_capture_whose_answer_was_lost_has_taken_the_money_once(world: World) -> None:
    asked, ref = await lossy(world, "capture")
    with pytest.raises(Unanswered):
        await world.provider.capture(asked.payment_id, ref, 1964)
    taken = Charge(ref, Standing.CAPTURED, 2900, 1964, "USD", None)
    assert await find(world, asked, ref) == taken
    assert await world.provider.capture(asked.payment_id, ref, 1964) == taken


async def test_a_release_whose_answer_was_lost_has_released(world: World) -> None:
    asked, ref = await lossy(world, "void")
    with pytest.raises(Unanswered):
        await world.provider.void(asked.payment_id, ref)
    released = Charge(ref, Standing.VOIDED, 2900, 0, "USD", None)
    assert await find(world, asked, ref) == released
    assert await world.provider.void(asked.payment_id, ref) == released


async def test_a_refund_whose_answer_was_lost_has_given_the_money_back_once(world: World) -> None:
    asked, ref = await lossy(world, "refund")
    refund_id = uuid4()
    with pytest.raises(Unanswered):
        await world.provider.refund(refund_id, ref, 900)
    assert await world.refunded_minor(asked.payment_id) == 900
    refund = await world.provider.refund(refund_id, ref, 900)
    assert (refund.standing, refund.amount_minor) == (RefundStanding.REFUNDED, 900)
    assert await world.refunded_minor(asked.payment_id) == 900


# Webhooks.


def read(world: World, body: bytes, headers: dict[str, str], now: datetime = NOW) -> Notice:
    return world.provider.read_webhook(body, headers, now)


@pytest.mark.parametrize("age", [timedelta(), timedelta(minutes=4, seconds=59), -timedelta(minutes=4)])
async def test_a_webhook_says_which_payment_it_is_about(world: World, age: timedelta) -> None:
    payment_id, sent_at = uuid4(), (NOW - age).replace(microsecond=0)
    body = world.event(payment_id, "payment_intent.succeeded")
    told = Notice("msg_1", "payment_intent.succeeded", payment_id, sent_at)
    assert read(world, body, world.sign(body, sent_at)) == told


async def test_a_webhook_may_name_its_headers_in_any_case(world: World) -> None:
    body = world.event(None, "x")
    assert read(world, body, {name.upper(): value for name, value in world.sign(body, NOW).items()}).kind == "x"


async def test_a_webhook_of_an_unknown_kind_or_about_no_payment_of_ours_is_read(world: World) -> None:
    body = world.event(None, "something.new")
    assert read(world, body, world.sign(body, NOW)) == Notice("msg_1", "something.new", None, NOW)


async def test_a_webhook_that_is_not_the_providers_is_refused(world: World) -> None:
    payment_id = uuid4()
    body = world.event(payment_id, "payment_intent.succeeded")
    headers = world.sign(body, NOW)
    forged = body.replace(str(payment_id).encode(), str(UUID(int=0)).encode())
    with pytest.raises(WebhookRefused):
        read(world, forged, headers)
    for name in headers:
        for wrong in ("", "nonsense", "v1,", "t=1,v1=", "t=x,v1=y", "v1,AAAA v1,BBBB", "\u00e9"):
            with pytest.raises(WebhookRefused):
                read(world, body, headers | {name: wrong})
        with pytest.raises(WebhookRefused):
            read(world, body, {other: value for other, value in headers.items() if other != name})


@pytest.mark.parametrize("age", [timedelta(minutes=5, seconds=1), timedelta(days=400), -timedelta(minutes=6)])
async def test_an_old_webhook_and_one_from_the_future_are_refused(world: World, age: timedelta) -> None:
    body = world.event(uuid4(), "payment_intent.succeeded")
    with pytest.raises(WebhookRefused):
        read(world, body, world.sign(body, NOW - age))


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"{}", b'{"type": 1, "data": null}', b"\xff\xfe"])
async def test_a_signed_webhook_that_makes_no_sense_is_refused(world: World, body: bytes) -> None:
    headers = world.sign(body if body != b"\xff\xfe" else b"", NOW)
    with pytest.raises(WebhookRefused):
        read(world, body, headers)
