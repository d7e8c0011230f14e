import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web

from billing.adapters import stripe as adapter
from billing.adapters.stripe import Stripe
from billing.domain.payments import FailureCode
from billing.ports import Charge, ChargeWanted, MethodRefused, Standing, Unanswered
from space_local import ports
from tests.support.localstripe import KEY
from tests.support.payments import PATHS, STRIPE_SECRET, StripeWorld, stripe_world, wanted

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.servers,
    # The stripe library gives httpx its forms under an argument that httpx has renamed.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
WANTS_AUTHENTICATION = "4000002500003155"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StripeWorld]:
    async with stripe_world(tmp_path_factory.mktemp("localstripe")) as world:
        yield world


async def ask(world: StripeWorld, number: str = "4242424242424242") -> ChargeWanted:
    owner_id = uuid4()
    return wanted(await world.save_number(number, owner_id), owner_id)


async def authorise(world: StripeWorld) -> tuple[ChargeWanted, str]:
    asked = await ask(world)
    return asked, str((await world.provider.authorise(asked)).reference)


async def find(world: StripeWorld, asked: ChargeWanted) -> Charge:
    charge = await world.provider.find(asked.payment_id, asked.customer, None)
    assert charge is not None
    return charge


async def test_the_intent_is_captured_by_hand_by_card_only_and_says_whose_it_is(world: StripeWorld) -> None:
    asked, reference = await authorise(world)
    [intent] = await world.intents(asked.payment_id)
    assert intent["id"] == reference
    assert intent["capture_method"] == "manual"
    assert intent["description"] == asked.description
    assert intent["customer"] == asked.customer
    assert intent["metadata"] == {"payment_id": str(asked.payment_id)}


async def test_keys_are_made_of_our_ids_one_for_each_operation(world: StripeWorld) -> None:
    asked, reference = await authorise(world)
    refund_id = uuid4()
    await world.provider.capture(asked.payment_id, reference, 2900)
    await world.provider.refund(refund_id, reference, 100)
    keys = [key for method, _, key in world.proxy.seen if method == "POST" and key]
    assert keys[-3:] == [f"{asked.payment_id}:authorise", f"{asked.payment_id}:capture", f"{refund_id}:refund"]
    assert f"{asked.owner_id}:customer" in keys


async def test_a_day_later_when_keys_are_forgotten_nothing_is_done_twice_either(world: StripeWorld) -> None:
    asked, reference = await authorise(world)
    world.proxy.forget_keys()
    assert (await world.provider.authorise(asked)).reference == reference
    taken = await world.provider.capture(asked.payment_id, reference, 2900)
    world.proxy.forget_keys()
    assert await world.provider.capture(asked.payment_id, reference, 2900) == taken
    refund_id = uuid4()
    refund = await world.provider.refund(refund_id, reference, 900)
    world.proxy.forget_keys()
    assert await world.provider.refund(refund_id, reference, 900) == refund
    assert await world.charges(asked.payment_id) == 1
    assert await world.refunded_minor(asked.payment_id) == 900


async def test_of_refunds_at_once_one_is_given(world: StripeWorld) -> None:
    asked, reference = await authorise(world)
    await world.provider.capture(asked.payment_id, reference, 2900)
    refund_id = uuid4()
    world.proxy.will_delay(2, "POST", PATHS["refund"])
    await asyncio.gather(*(world.provider.refund(refund_id, reference, 900) for _ in range(3)), return_exceptions=True)
    assert await world.refunded_minor(asked.payment_id) == 900


async def test_a_card_that_wants_its_owner_there_fails_and_cannot_come_true_later(world: StripeWorld) -> None:
    asked = await ask(world, WANTS_AUTHENTICATION)
    charge = await world.provider.authorise(asked)
    assert (charge.standing, charge.code) == (Standing.FAILED, FailureCode.AUTHENTICATION_REQUIRED)
    [intent] = await world.intents(asked.payment_id)
    assert intent["status"] == "canceled"
    assert await find(world, asked) == charge


async def test_a_card_that_wants_its_owner_there_fails_too_when_only_asked_about(world: StripeWorld) -> None:
    asked = await ask(world, WANTS_AUTHENTICATION)
    world.proxy.will("drop", "POST", PATHS["authorise"])
    with pytest.raises(Unanswered):
        await world.provider.authorise(asked)
    assert (await find(world, asked)).code == FailureCode.AUTHENTICATION_REQUIRED
    assert [intent["status"] for intent in await world.intents(asked.payment_id)] == ["canceled"]


async def test_an_intent_that_is_being_made_is_left_alone_and_an_abandoned_one_cancelled(
    world: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await ask(world)
    await world.server.post(
        "/v1/payment_intents",
        amount=2900,
        currency="usd",
        customer=asked.customer,
        payment_method=asked.method,
        capture_method="manual",
        metadata={"payment_id": str(asked.payment_id)},
    )
    assert (await find(world, asked)).standing is Standing.PENDING
    assert [intent["status"] for intent in await world.intents(asked.payment_id)] == ["requires_confirmation"]
    monkeypatch.setattr(adapter, "GIVEN_UP_AFTER", timedelta(0))
    assert (await find(world, asked)).standing is Standing.FAILED
    assert [intent["status"] for intent in await world.intents(asked.payment_id)] == ["canceled"]


@pytest.mark.parametrize("operation", ["authorise", "capture", "void", "refund"])
@pytest.mark.parametrize("fault", ["drop", "refuse", "error", "busy", "nonsense"])
async def test_whatever_goes_wrong_on_the_way_repeating_it_does_it_once(
    world: StripeWorld, operation: str, fault: str
) -> None:
    asked = await ask(world)
    refund_id = uuid4()

    async def run() -> None:
        reference = str((await world.provider.authorise(asked)).reference)
        if operation == "void":
            await world.provider.void(asked.payment_id, reference)
        elif operation != "authorise":
            await world.provider.capture(asked.payment_id, reference, 2000)
        if operation == "refund":
            await world.provider.refund(refund_id, reference, 700)

    world.proxy.will(fault, "POST", PATHS[operation])  # type: ignore[arg-type]  # the parameters are faults
    with pytest.raises(Unanswered):
        await run()
    await run()
    [intent] = await world.intents(asked.payment_id)
    expected = {"authorise": ("requires_capture", 0), "void": ("canceled", 0)}.get(operation, ("succeeded", 2000))
    assert (intent["status"], intent["amount_received"]) == expected
    assert await world.refunded_minor(asked.payment_id) == (700 if operation == "refund" else 0)


async def test_when_it_cannot_be_looked_up_nothing_is_asked_for(world: StripeWorld) -> None:
    asked = await ask(world)
    world.proxy.will("error", "GET", "/v1/payment_intents")
    with pytest.raises(Unanswered):
        await world.provider.authorise(asked)
    assert await world.charges(asked.payment_id) == 0


async def test_a_call_takes_no_longer_than_its_deadline_however_many_requests_it_takes(world: StripeWorld) -> None:
    asked = await ask(world)
    async with aclosing(Stripe(KEY, STRIPE_SECRET, api_base=world.proxy.url, deadline_seconds=2.5)) as hasty:
        world.proxy.will_delay(2, "GET", "/v1/payment_intents")
        world.proxy.will_delay(2, "POST", "/v1/payment_intents")
        began = time.monotonic()
        with pytest.raises(Unanswered):
            await hasty.authorise(asked)
        assert time.monotonic() - began < 3.9
    await asyncio.sleep(2)
    assert (await world.provider.authorise(asked)).standing is Standing.AUTHORISED
    assert await world.charges(asked.payment_id) == 1


@pytest.mark.parametrize(("key", "base"), [(KEY, "http://127.0.0.1:1"), ("nonsense", None)])
async def test_without_stripe_or_with_a_wrong_key_nothing_is_known(
    world: StripeWorld, key: str, base: str | None
) -> None:
    asked = await ask(world)
    async with aclosing(Stripe(key, STRIPE_SECRET, api_base=base or world.proxy.url, deadline_seconds=5)) as stranger:
        for call in (
            stranger.authorise(asked),
            stranger.find(asked.payment_id, asked.customer, None),
            stranger.find(asked.payment_id, asked.customer, "pi_1"),
            stranger.capture(asked.payment_id, "pi_1", 1),
            stranger.void(asked.payment_id, "pi_1"),
            stranger.refund(uuid4(), "pi_1", 1),
            stranger.save_method(uuid4(), None, None, "pm_1"),
        ):
            with pytest.raises(Unanswered):
                await call


async def test_a_payment_is_found_however_many_came_after_it(
    world: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE", 2)
    owner_id = uuid4()
    method = await world.save("pays", owner_id)
    many = [wanted(method, owner_id) for _ in range(5)]
    for asked in many:
        await world.provider.authorise(asked)
    for asked in many:
        assert (await find(world, asked)).standing is Standing.AUTHORISED
    assert await world.provider.find(uuid4(), method.customer, None) is None


@pytest.mark.parametrize("token", ["", "tok_visa", "pm_", "pm_1/../2", "pm_\u00e9", "pm_" + "x" * 300])
async def test_what_is_no_token_does_not_get_to_stripe(world: StripeWorld, token: str) -> None:
    before = len(world.proxy.seen)
    with pytest.raises(MethodRefused) as refused:
        await world.provider.save_method(uuid4(), None, None, token)
    assert refused.value.code == FailureCode.WRONG_FORM
    assert len(world.proxy.seen) == before


async def test_another_customers_card_and_one_that_is_not_there_cannot_be_saved(world: StripeWorld) -> None:
    theirs = await world.save("pays", uuid4())
    for token in (theirs.token, "pm_nothing"):
        with pytest.raises(MethodRefused) as refused:
            await world.provider.save_method(uuid4(), None, None, token)
        assert refused.value.code == FailureCode.METHOD_UNKNOWN


async def test_what_is_no_card_is_not_kept(world: StripeWorld) -> None:
    account = {"iban": "DE89370400440532013000"}
    token = (await world.server.post("/v1/payment_methods", type="sepa_debit", sepa_debit=account))["id"]
    with pytest.raises(MethodRefused) as refused:
        await world.provider.save_method(uuid4(), None, None, token)
    assert refused.value.code == FailureCode.CARD_NOT_SUPPORTED
    assert (await world.server.get(f"/v1/payment_methods/{token}"))["customer"] is None


async def test_webhooks_as_they_really_come_are_read(world: StripeWorld) -> None:
    got: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        got.put_nowait((await request.read(), dict(request.headers)))
        return web.Response()

    app, port = web.Application(), ports.pick()
    app.router.add_post("/hooks", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await world.server.send_webhooks_to(f"http://127.0.0.1:{port}/hooks", STRIPE_SECRET)
    asked, reference = await authorise(world)
    await world.provider.capture(asked.payment_id, reference, 2900)
    notice = None
    while notice is None or notice.kind != "payment_intent.succeeded":
        body, headers = await asyncio.wait_for(got.get(), 5)
        notice = world.provider.read_webhook(body, headers, datetime.now(UTC))
    assert notice.payment_id == asked.payment_id
    assert notice.event_id.startswith("evt_")
    await runner.cleanup()


async def test_a_webhook_about_somebody_elses_payment_in_the_same_account_is_about_none_of_ours(
    world: StripeWorld,
) -> None:
    body = world.event(uuid4(), "charge.refunded").replace(b'"payment_id": "', b'"payment_id": "order-')
    now = datetime.now(UTC)
    assert world.provider.read_webhook(body, world.sign(body, now), now).payment_id is None
