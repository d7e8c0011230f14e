import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from billing.adapters import Adapters, open_adapters
from billing.adapters.sandbox import Sandbox
from billing.adapters.sandbox_models import SandboxCharge, SandboxMethod
from billing.adapters.stripe import Stripe
from billing.domain.payments import FailureCode
from billing.ports import Card, Charge, ChargeRefused, ChargeWanted, RefundStanding, Standing, Unanswered
from billing.settings import Settings
from space_local import ports
from tests.support.databases import Databases
from tests.support.payments import SANDBOX_SECRET, WEBHOOK_URL, Clock, SandboxWorld, sandbox_world, wanted

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = Card("4242424242424242", 12, 2040, "123")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_world(databases: Databases) -> AsyncIterator[SandboxWorld]:
    async with sandbox_world(databases) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(one_world: SandboxWorld) -> SandboxWorld:
    """Nothing has happened in it, and its clock is where it began."""
    await one_world.forget_everything()
    one_world.clock.now = Clock().now
    return one_world


async def ask(world: SandboxWorld, card: str, amount_minor: int = 2900) -> ChargeWanted:
    """A payment by a fresh card of a fresh owner, not asked for yet."""
    owner_id = uuid4()
    return wanted(await world.save_card(card, owner_id), owner_id, amount_minor)


async def authorise(world: SandboxWorld, card: str) -> tuple[ChargeWanted, Charge]:
    asked = await ask(world, card)
    return asked, await world.provider.authorise(asked)


async def find(world: SandboxWorld, asked: ChargeWanted) -> Charge:
    charge = await world.provider.find(asked.payment_id, asked.customer, None)
    assert charge is not None
    return charge


async def take(world: SandboxWorld, asked: ChargeWanted, charge: Charge) -> Charge:
    assert charge.reference
    return await world.provider.capture(asked.payment_id, charge.reference, asked.amount_minor)


async def test_a_cards_number_and_security_code_are_written_nowhere(
    world: SandboxWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    owner_id = uuid4()
    card = Card("4242 4242 4242 4242", 12, 2040, "973")
    asked = wanted(await world.provider.save_method(owner_id, None, card, None), owner_id)
    await take(world, asked, await world.provider.authorise(asked))
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    written = caplog.text + repr(card) + repr(asked) + await everything(world)
    assert "4242" in written
    for secret in ("42424242", "4242 4242"):
        assert secret not in written
    # Alone: three digits turn up inside ids and durations.
    assert not re.search(r"(?<![0-9a-f.])973(?![0-9a-f])", written)


async def everything(world: SandboxWorld) -> str:
    """All rows, without the random and temporal parts that may hold any three digits."""
    async with world.database.reading() as session:
        methods = await session.execute(text("SELECT card, brand, last4, exp_month, exp_year FROM sandbox_methods"))
        charges = await session.execute(text("SELECT card, standing, amount_minor, currency FROM sandbox_charges"))
        columns = await session.execute(text("SELECT column_name FROM information_schema.columns"))
        assert not {"number", "cvc", "pan"} & {row[0] for row in columns if row[0]}
        return repr(methods.all()) + repr(charges.all())


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("declines", FailureCode.CARD_DECLINED),
        ("insufficient_funds", FailureCode.INSUFFICIENT_FUNDS),
        ("expired", FailureCode.EXPIRED_CARD),
        ("processing_error", FailureCode.PROCESSING_ERROR),
        ("authentication", FailureCode.AUTHENTICATION_REQUIRED),
    ],
)
async def test_a_card_that_fails_is_saved_and_fails_every_time(
    world: SandboxWorld, card: str, code: FailureCode
) -> None:
    owner_id = uuid4()
    method = await world.save_card(card, owner_id)
    for _ in range(5):
        charge = await world.provider.authorise(wanted(method, owner_id))
        assert (charge.standing, charge.code) == (Standing.FAILED, code)


@pytest.mark.parametrize(("card", "declines"), [("recovers_after_1", 1), ("recovers_after_3", 3)])
async def test_a_card_recovers_after_so_many_payments_however_often_each_is_asked_about(
    world: SandboxWorld, card: str, declines: int
) -> None:
    owner_id = uuid4()
    method = await world.save_card(card, owner_id)
    for _ in range(declines):
        asked = wanted(method, owner_id)
        for _ in range(3):
            assert (await world.provider.authorise(asked)).standing is Standing.FAILED
            assert (await find(world, asked)).standing is Standing.FAILED
    for _ in range(2):
        assert (await world.provider.authorise(wanted(method, owner_id))).standing is Standing.AUTHORISED


async def test_a_card_expires_with_its_last_month(world: SandboxWorld) -> None:
    owner_id = uuid4()
    method = await world.provider.save_method(owner_id, None, Card("4242424242424242", 11, 2026, "123"), None)
    world.clock.now = datetime.fromisoformat("2026-11-30T23:59:59+00:00")
    assert (await world.provider.authorise(wanted(method, owner_id))).standing is Standing.AUTHORISED
    world.clock.move(timedelta(seconds=1))
    charge = await world.provider.authorise(wanted(method, owner_id))
    assert (charge.standing, charge.code) == (Standing.FAILED, FailureCode.EXPIRED_CARD)


@pytest.mark.parametrize(("card", "outcome"), [("late", Standing.AUTHORISED), ("late_declined", Standing.FAILED)])
async def test_a_late_answer_is_there_at_the_next_question(world: SandboxWorld, card: str, outcome: Standing) -> None:
    asked, charge = await authorise(world, card)
    assert charge.standing is Standing.PENDING
    assert (await find(world, asked)).standing is outcome
    assert (await world.provider.authorise(asked)).standing is outcome


async def test_a_slow_card_stays_undecided_however_often_it_is_asked(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "slow")
    for _ in range(3):
        assert (await find(world, asked)).standing is Standing.PENDING
    for refused in (take(world, asked, charge), world.provider.void(asked.payment_id, str(charge.reference))):
        with pytest.raises(ChargeRefused):
            await refused
    world.clock.move(timedelta(minutes=1))
    assert (await find(world, asked)).standing is Standing.AUTHORISED


async def test_a_hold_lasts_seven_days_and_a_short_one_a_minute(world: SandboxWorld) -> None:
    (plain, _), (short, _) = await authorise(world, "visa"), await authorise(world, "short_hold")
    world.clock.move(timedelta(minutes=1) - timedelta(seconds=1))
    assert (await find(world, short)).standing is Standing.AUTHORISED
    world.clock.move(timedelta(seconds=1))
    assert (await find(world, short)).standing is Standing.EXPIRED
    world.clock.move(timedelta(days=7) - timedelta(minutes=1, seconds=1))
    assert (await find(world, plain)).standing is Standing.AUTHORISED
    world.clock.move(timedelta(seconds=1))
    assert (await find(world, plain)).standing is Standing.EXPIRED


async def test_a_hold_that_was_taken_in_time_does_not_expire(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "short_hold")
    await take(world, asked, charge)
    world.clock.move(timedelta(days=400))
    assert (await find(world, asked)).standing is Standing.CAPTURED


async def test_an_unreachable_card_does_nothing_ever(world: SandboxWorld) -> None:
    asked = await ask(world, "unreachable")
    for _ in range(3):
        with pytest.raises(Unanswered):
            await world.provider.authorise(asked)
        assert await world.provider.find(asked.payment_id, asked.customer, None) is None


async def test_a_request_is_lost_once_for_each_payment(world: SandboxWorld) -> None:
    owner_id = uuid4()
    method = await world.save_card("authorise_lost", owner_id)
    for _ in range(2):
        asked = wanted(method, owner_id)
        with pytest.raises(Unanswered):
            await world.provider.authorise(asked)
        assert (await world.provider.authorise(asked)).standing is Standing.AUTHORISED


async def test_a_refund_that_is_undecided_is_given_at_the_next_question(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "refund_pending")
    await take(world, asked, charge)
    refund_id, reference = uuid4(), str(charge.reference)
    assert (await world.provider.refund(refund_id, reference, 900)).standing is RefundStanding.PENDING
    with pytest.raises(ChargeRefused):
        await world.provider.refund(uuid4(), reference, 2001)
    assert (await world.provider.refund(refund_id, reference, 900)).standing is RefundStanding.REFUNDED


async def test_a_refund_that_failed_has_given_nothing_back(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "refund_failed")
    await take(world, asked, charge)
    for _ in range(2):
        refund = await world.provider.refund(uuid4(), str(charge.reference), 2900)
        assert refund.standing is RefundStanding.FAILED


@asynccontextmanager
async def held_back(
    world: SandboxWorld, table: type[SandboxMethod] | type[SandboxCharge]
) -> AsyncIterator[AsyncSession]:
    """Whoever needs a row of the table waits until the block ends: what is started inside happens at once."""
    async with world.database.transaction() as session:
        await session.execute(select(table).with_for_update())
        yield session
        await asyncio.sleep(0.2)


def start(*calls: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(call) for call in calls]


async def test_of_requests_for_one_payment_at_once_one_holds(world: SandboxWorld) -> None:
    asked = await ask(world, "visa")
    async with held_back(world, SandboxMethod):
        requests = start(*(world.provider.authorise(asked) for _ in range(3)))
    answers = await asyncio.gather(*requests)
    assert {answer.standing for answer in answers} == {Standing.AUTHORISED}
    assert len({answer.reference for answer in answers}) == 1


async def test_of_captures_of_different_amounts_at_once_one_is_taken(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "visa")
    async with held_back(world, SandboxCharge):
        captures = start(
            *(world.provider.capture(asked.payment_id, str(charge.reference), minor) for minor in (1000, 2000, 2900))
        )
    answers = await asyncio.gather(*captures, return_exceptions=True)
    taken = [answer for answer in answers if isinstance(answer, Charge)]
    assert len(taken) == 1
    assert sum(isinstance(answer, ChargeRefused) for answer in answers) == 2
    assert await find(world, asked) == taken[0]


async def test_what_expires_while_it_is_being_taken_is_not_taken(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "visa")
    async with held_back(world, SandboxCharge) as session:
        [capture] = start(take(world, asked, charge))
        await asyncio.sleep(0.2)
        await session.execute(update(SandboxCharge).values(standing=Standing.EXPIRED))
    with pytest.raises(ChargeRefused):
        await capture
    assert (await find(world, asked)).standing is Standing.EXPIRED


async def test_of_refunds_at_once_no_more_is_given_than_was_taken(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "visa")
    await take(world, asked, charge)
    async with held_back(world, SandboxCharge):
        refunds = start(*(world.provider.refund(uuid4(), str(charge.reference), 1000) for _ in range(4)))
    answers = await asyncio.gather(*refunds, return_exceptions=True)
    assert sum(isinstance(answer, ChargeRefused) for answer in answers) == 2
    assert await world.refunded_minor(asked.payment_id) == 2000


async def test_one_refund_asked_for_twice_at_once_is_given_once(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "visa")
    await take(world, asked, charge)
    refund_id = uuid4()
    async with held_back(world, SandboxCharge):
        refunds = start(*(world.provider.refund(refund_id, str(charge.reference), 1000) for _ in range(3)))
    assert len(set(await asyncio.gather(*refunds))) == 1
    assert await world.refunded_minor(asked.payment_id) == 1000


async def test_declines_of_one_card_at_once_are_all_counted(world: SandboxWorld) -> None:
    owner_id = uuid4()
    method = await world.save_card("recovers_after_3", owner_id)
    async with held_back(world, SandboxMethod):
        payments = start(*(world.provider.authorise(wanted(method, owner_id)) for _ in range(3)))
    assert {charge.standing for charge in await asyncio.gather(*payments)} == {Standing.FAILED}
    assert (await world.provider.authorise(wanted(method, owner_id))).standing is Standing.AUTHORISED


async def test_it_goes_on_where_it_was_after_a_restart(world: SandboxWorld) -> None:
    asked, charge = await authorise(world, "visa")
    async with aclosing(Sandbox(world.database.url, SANDBOX_SECRET, WEBHOOK_URL, world.clock)) as another:
        assert await another.authorise(asked) == charge
        assert (await another.capture(asked.payment_id, str(charge.reference), 2900)).standing is Standing.CAPTURED


# As the service opens it.


def settings(url: str, **others: Any) -> Settings:
    return Settings(
        database_url=url,
        broker_url="amqp://nobody:nothing@127.0.0.1:1/",
        origin="https://space.test",
        jwks_url="https://space.test/jwks",
        quote_key="5e" * 32,
        **others,
    )


async def test_webhooks_go_over_http_to_where_the_settings_say(world: SandboxWorld) -> None:
    got: list[tuple[str, bytes, dict[str, str]]] = []

    async def take_webhook(request: web.Request) -> web.Response:
        got.append((request.path, await request.read(), dict(request.headers)))
        return web.Response(status=204)

    app, port = web.Application(), ports.pick()
    app.router.add_post("/hooks", take_webhook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    url = world.database.url.replace("+asyncpg", "")
    told = settings(url, webhook_secret=SANDBOX_SECRET, webhook_url=f"http://127.0.0.1:{port}/hooks")
    async with open_adapters(told) as adapters:
        owner_id = uuid4()
        asked = wanted(await adapters.provider.save_method(owner_id, None, GOOD, None), owner_id)
        await adapters.provider.authorise(asked)
        assert await adapters.deliver_webhooks() == 1
        [(path, body, headers)] = got
        sent_at = datetime.fromisoformat(json.loads(body)["timestamp"])
        assert path == "/hooks"
        assert adapters.provider.read_webhook(body, headers, sent_at).payment_id == asked.payment_id
    await runner.cleanup()


async def test_by_default_webhooks_go_to_the_origins_own_path() -> None:
    async with open_adapters(settings("postgresql://nobody@127.0.0.1:1/x", webhook_secret=SANDBOX_SECRET)) as adapters:
        assert isinstance(adapters.provider, Sandbox)
        assert adapters.provider.webhook_url == "https://space.test/api/v1/payments/webhooks/sandbox"


async def test_with_stripe_there_is_no_sandbox_and_nothing_to_deliver() -> None:
    keys = {"provider": "stripe", "stripe_api_key": "sk_test_1", "stripe_webhook_secret": "whsec_1"}
    adapters: Adapters
    async with open_adapters(settings("postgresql://nobody@127.0.0.1:1/x", **keys)) as adapters:
        assert isinstance(adapters.provider, Stripe)
        assert adapters.sandbox is None
        assert await adapters.deliver_webhooks() == 0


async def test_a_forgotten_cards_row_stays_and_what_it_held_can_be_taken(world: SandboxWorld) -> None:
    owner_id = uuid4()
    method = await world.save_card("visa", owner_id)
    asked = wanted(method, owner_id)
    charge = await world.provider.authorise(asked)
    await world.provider.forget_method(method)
    assert (await take(world, asked, charge)).standing is Standing.CAPTURED
    [row] = await world.rows(SandboxMethod, SandboxMethod.token == method.token)
    assert row.forgotten_at is not None
