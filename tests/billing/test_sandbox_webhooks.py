import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from billing.adapters.sandbox_models import SandboxCharge, SandboxWebhook
from billing.adapters.sandbox_webhooks import RETRY_AFTER
from billing.ports import Charge, ChargeWanted, Standing, Unanswered
from tests.support.databases import Databases
from tests.support.payments import WEBHOOK_URL, Clock, SandboxWorld, sandbox_world, wanted

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def take(world: SandboxWorld, asked: ChargeWanted, charge: Charge) -> Charge:
    assert charge.reference
    return await world.provider.capture(asked.payment_id, charge.reference, asked.amount_minor)


class Post:
    """Takes webhooks as billing would: every one is verified, at the sandbox's time."""

    def __init__(self, world: SandboxWorld) -> None:
        self.world = world
        self.got: list[tuple[str, UUID | None, str]] = []
        self.status = 204
        self.error: Exception | None = None

    async def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        assert url == WEBHOOK_URL
        notice = self.world.provider.read_webhook(body, headers, self.world.clock())
        self.got.append((notice.event_id, notice.payment_id, notice.kind))
        if self.error is not None:
            raise self.error
        return self.status

    def told(self, asked: ChargeWanted) -> list[str]:
        return [kind for _, payment_id, kind in self.got if payment_id == asked.payment_id]


async def whole_story(world: SandboxWorld, card: str) -> ChargeWanted:
    asked, charge = await authorise(world, card)
    await take(world, asked, charge)
    await world.provider.refund(uuid4(), str(charge.reference), 900)
    return asked


async def test_what_happened_is_told_once_in_order_with_a_signature_that_holds(world: SandboxWorld) -> None:
    asked, post = await whole_story(world, "visa"), Post(world)
    assert await world.provider.deliver_webhooks(post) == 3
    assert post.told(asked) == ["payment.authorised", "payment.captured", "payment.refunded"]
    assert await world.provider.deliver_webhooks(post) == 0


async def test_failed_released_and_expired_payments_are_told_too(world: SandboxWorld) -> None:
    post = Post(world)
    failed, _ = await authorise(world, "declines")
    released, charge = await authorise(world, "visa")
    await world.provider.void(released.payment_id, str(charge.reference))
    expired, _ = await authorise(world, "short_hold")
    world.clock.move(timedelta(minutes=1))
    await world.provider.deliver_webhooks(post)
    assert post.told(failed) == ["payment.failed"]
    assert post.told(released) == ["payment.authorised", "payment.voided"]
    assert post.told(expired) == ["payment.authorised", "payment.expired"]


async def test_what_was_lost_is_told(world: SandboxWorld) -> None:
    post, asked = Post(world), await ask(world, "authorise_answer_lost")
    with pytest.raises(Unanswered):
        await world.provider.authorise(asked)
    await world.provider.deliver_webhooks(post)
    assert post.told(asked) == ["payment.authorised"]


async def test_repeated_webhooks_are_repetitions_by_their_id(world: SandboxWorld) -> None:
    asked, post = await whole_story(world, "webhooks_twice"), Post(world)
    await world.provider.deliver_webhooks(post)
    kinds = ["payment.authorised", "payment.captured", "payment.refunded"]
    assert post.told(asked) == [kind for kind in kinds for _ in range(2)]
    assert len({event_id for event_id, _, _ in post.got}) == 3


async def test_reversed_webhooks_arrive_newest_first(world: SandboxWorld) -> None:
    asked, post = await whole_story(world, "webhooks_reversed"), Post(world)
    for _ in range(3):
        world.clock.move(timedelta(seconds=1))
        await world.provider.deliver_webhooks(post)
    assert post.told(asked) == ["payment.refunded", "payment.captured", "payment.authorised"]


async def test_a_webhook_that_waits_for_a_newer_one_does_not_wait_for_ever(world: SandboxWorld) -> None:
    (asked, _), post = await authorise(world, "webhooks_reversed"), Post(world)
    assert await world.provider.deliver_webhooks(post) == 0
    world.clock.move(timedelta(minutes=1))
    await world.provider.deliver_webhooks(post)
    assert post.told(asked) == ["payment.authorised"]


async def test_late_webhooks_arrive_an_hour_late_with_a_fresh_signature(world: SandboxWorld) -> None:
    asked, post = await whole_story(world, "webhooks_late"), Post(world)
    world.clock.move(timedelta(minutes=59, seconds=59))
    assert await world.provider.deliver_webhooks(post) == 0
    world.clock.move(timedelta(seconds=1))
    await world.provider.deliver_webhooks(post)
    assert len(post.told(asked)) == 3


@pytest.mark.parametrize("failure", [500, 404, 302, httpx.ConnectTimeout("late"), ConnectionRefusedError()])
async def test_a_webhook_that_is_not_taken_is_sent_again_later_and_given_up_at_last(
    world: SandboxWorld, failure: int | Exception
) -> None:
    post = Post(world)
    if isinstance(failure, int):
        post.status = failure
    else:
        post.error = failure
    await authorise(world, "declines")
    for pause in RETRY_AFTER:
        assert await world.provider.deliver_webhooks(post) == 1
        assert await world.provider.deliver_webhooks(post) == 0
        world.clock.move(pause)
    assert await world.provider.deliver_webhooks(post) == 1
    world.clock.move(timedelta(days=30))
    assert await world.provider.deliver_webhooks(post) == 0
    assert len({event_id for event_id, _, _ in post.got}) == 1


async def test_a_webhook_that_was_taken_at_last_is_sent_no_more(world: SandboxWorld) -> None:
    post = Post(world)
    post.status = 503
    await authorise(world, "visa")
    await world.provider.deliver_webhooks(post)
    post.status = 200
    world.clock.move(timedelta(seconds=5))
    assert await world.provider.deliver_webhooks(post) == 1
    world.clock.move(timedelta(days=1))
    assert await world.provider.deliver_webhooks(post) == 0


async def test_two_senders_at_once_send_each_webhook_once(world: SandboxWorld) -> None:
    post = Post(world)
    for _ in range(5):
        await authorise(world, "visa")
    await asyncio.gather(*(world.provider.deliver_webhooks(post) for _ in range(3)))
    assert len(post.got) == len({event_id for event_id, _, _ in post.got}) == 5


async def test_a_webhook_in_the_database_has_no_card_in_it(world: SandboxWorld) -> None:
    await authorise(world, "visa")
    for webhook in await world.rows(SandboxWebhook):
        assert json.loads(webhook.body)["data"].keys() == {"payment_id", "reference"}


@pytest.mark.parametrize(("card", "outcome"), [("late", Standing.AUTHORISED), ("late_declined", Standing.FAILED)])
async def test_a_late_answer_comes_by_itself_and_is_told(world: SandboxWorld, card: str, outcome: Standing) -> None:
    asked, _ = await authorise(world, card)
    post = Post(world)
    assert await world.provider.deliver_webhooks(post) == 0
    world.clock.move(timedelta(seconds=5))
    await world.provider.deliver_webhooks(post)
    assert post.told(asked) == [f"payment.{outcome}"]
    rows = await world.rows(SandboxCharge, SandboxCharge.payment_id == asked.payment_id)
    assert [row.standing for row in rows] == [outcome]
