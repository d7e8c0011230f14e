"""Orders by events: repeated, in any order, and with a process that dies on the way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.trace import NoOpTracer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from billing import consumers
from billing.models import Order, OrderMove, Payment, Refund
from billing.operations import orders, payments
from billing.ports import Charge, Standing
from shared.db import Database
from shared.errors import Fate
from shared.events.base import Envelope, Event
from shared.events.provisioning import InstanceReturned
from shared.events.restore import CaptureWanted, PaymentWanted, VoidWanted
from shared.inbox import Inbox, Verdict
from shared.messaging import OutboxMessage
from tests.billing.support.ordering import charges, give, order_of
from tests.billing.support.world import World


@dataclass
class Post:
    """Events as they arrive from the broker: a message that is not acknowledged comes again."""

    world: World

    async def bring(self, *envelopes: Envelope) -> list[Verdict]:
        box = Inbox(self.world.database, "billing", "billing.events", consumers.SUBSCRIPTIONS, NoOpTracer())
        verdicts = await box.accept([each.model_dump_json().encode() for each in envelopes])
        self.world.now = datetime.now(UTC)
        await self.world.work()
        return verdicts

    async def bring_until_taken(self, *envelopes: Envelope) -> None:
        for _ in range(4):
            verdicts = [(await self.bring(envelope))[0] for envelope in envelopes]
            envelopes = tuple(
                each for each, verdict in zip(envelopes, verdicts, strict=True) if verdict.fate is not Fate.ACKNOWLEDGE
            )
        assert not envelopes

    async def told_of_payments(self, restore: "Restore") -> list[str]:
        """What is known of the money of a restore's order, each in a word and what matters with it."""
        async with self.world.database.reading() as session:
            rows = list(await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))
        told = [(row.event_name, Envelope.model_validate_json(row.envelope).data) for row in rows]
        return [
            f"{name.split('.')[2]} {event['code'] if 'code' in event else event['amount_minor']}"
            for name, event in told
            if name.startswith("billing.payment.") and event["quote_id"] == str(restore.quote_id)
        ]

    async def told(self, name: str) -> list[dict[str, Any]]:
        async with self.world.database.reading() as session:
            rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
            return [Envelope.model_validate_json(row.envelope).data for row in rows if row.event_name == name]


@pytest.fixture
def post(world: World) -> Post:
    world.now = datetime.now(UTC)
    return Post(world)


def envelope(event: Event) -> Envelope:
    return Envelope(
        id=uuid4(), source="/test", type=event.name, time=datetime.now(UTC), data=event.model_dump(mode="json")
    )


@dataclass
class Restore:
    """What restore and provisioning say of one restore."""

    world: World
    quote_id: UUID
    restore_id: UUID = field(default_factory=uuid4)
    instance_id: UUID = field(default_factory=uuid4)

    @property
    def about(self) -> dict[str, Any]:
        return {"owner_id": self.world.owner_id, "restore_id": self.restore_id, "quote_id": self.quote_id}

    def pay(self, method_id: UUID | None = None) -> PaymentWanted:
        return PaymentWanted(**self.about, payment_method_id=method_id)

    def take(self) -> CaptureWanted:
        return CaptureWanted(**self.about, instance_id=self.instance_id, started_at=self.world.now, ended_at=None)

    def void(self) -> VoidWanted:
        return VoidWanted(**self.about)

    def returned(self, after: timedelta = timedelta(0)) -> InstanceReturned:
        return InstanceReturned(
            owner_id=self.world.owner_id, instance_id=self.instance_id, returned_at=self.world.now + after
        )


async def test_events_of_an_order_end_alike_in_any_order_and_however_often_they_come(world: World, post: Post) -> None:
    method = await world.add_card()
    ends = []
    for order in permutations(range(3)):
        restore = Restore(world, await world.quote())
        events = [envelope(each) for each in (restore.pay(method), restore.take(), restore.returned())]
        await post.bring_until_taken(*(events[number] for number in order))
        await post.bring(*events)
        again = [envelope(each) for each in (restore.pay(method), restore.take(), restore.returned())]
        await post.bring(*again)
        account = await world.account()
        [invoice] = [
            each for each in await world.invoices() if each.id == (await order_of(world, restore.quote_id)).invoice_id
        ]
        [note] = [each for each in await world.credit_notes() if each.invoice_id == invoice.id]
        ends.append((invoice.total_minor, invoice.state, note.total_minor, account.balance_minor))
        await world.check_books()
    assert {end[:3] for end in ends} == {(2900, "paid", 2900)}
    taken = [captured for _, _, captured in await charges(world)]
    given_back = sum(refund.amount_minor for refund in await world.every(Refund))
    assert taken == [2900] * 6
    assert sum(taken) - given_back == (await world.account()).balance_minor


async def test_an_order_that_cannot_be_placed_is_answered(world: World, post: Post) -> None:
    quote_id = await world.quote()
    stranger = World(world.billing, now=world.now)
    for told, code in (
        (Restore(world, quote_id).pay(), "payment_method_needed"),
        (Restore(world, uuid4()).pay(), "quote_not_found"),
        (Restore(stranger, quote_id).pay(), "quote_not_found"),
        (Restore(world, quote_id).pay(uuid4()), "payment_method_not_found"),
    ):
        [verdict] = await post.bring(envelope(told))
        assert verdict.outcome == "done"
        failed = (await post.told("billing.payment.failed.v1"))[-1]
        assert (failed["code"], failed["restore_id"]) == (code, str(told.restore_id))
    assert await world.every(Order) == []
    await world.check_books()


async def test_what_is_not_held_yet_is_not_taken_and_an_unknown_order_waits(world: World, post: Post) -> None:
    await world.add_card("unreachable")
    restore = Restore(world, await world.quote())
    assert (await post.bring(envelope(restore.take())))[0].fate is Fate.RETRY
    await post.bring(envelope(restore.pay()))
    assert (await order_of(world, restore.quote_id)).state == "placed"
    assert (await post.bring(envelope(restore.take())))[0].fate is Fate.RETRY
    await post.bring(envelope(restore.void()))
    assert (await order_of(world, restore.quote_id)).state == "released"


async def test_a_void_that_comes_before_its_order_calls_it_off(world: World, post: Post) -> None:
    await world.add_card()
    restore = Restore(world, await world.quote())
    for event in (restore.void(), restore.void(), restore.pay()):
        assert (await post.bring(envelope(event)))[0].outcome == "done"
    [voided] = await post.told("billing.payment.voided.v1")
    [failed] = await post.told("billing.payment.failed.v1")
    assert (voided["quote_id"], voided["amount_minor"]) == (str(restore.quote_id), 0)
    assert failed["code"] == "order_final"
    assert (await world.every(Order), await charges(world)) == ([], [])


async def test_an_order_that_was_let_go_is_not_placed_again_and_whoever_asks_is_told(world: World, post: Post) -> None:
    await world.add_card()
    restore = Restore(world, await world.quote())
    for event in (restore.pay(), restore.void(), restore.pay()):
        assert (await post.bring(envelope(event)))[0].outcome == "done"
    assert await post.told_of_payments(restore) == ["authorised 2900", "voided 2900", "failed order_final"]
    assert (await order_of(world, restore.quote_id)).state == "released"


async def test_a_void_of_an_order_that_was_refused_is_answered(world: World, post: Post) -> None:
    restore = Restore(world, await world.quote())
    for event in (restore.pay(), restore.void()):
        assert (await post.bring(envelope(event)))[0].outcome == "done"
    assert [each["code"] for each in await post.told("billing.payment.failed.v1")] == ["payment_method_needed"]
    assert len(await post.told("billing.payment.voided.v1")) == 1
    # Confirmed once more with a card, but called off before that word came: nothing is held.
    await world.add_card()
    await post.bring(envelope(restore.pay()))
    assert (await world.every(Order), await charges(world)) == ([], [])


@pytest.mark.parametrize("card", ["declines", "taken early", "visa", "unreachable"])
async def test_every_void_is_answered_once(world: World, post: Post, card: str) -> None:
    await world.add_card("visa" if card == "taken early" else card)
    restore = Restore(world, await world.quote())
    await post.bring(envelope(restore.pay()))
    if card == "taken early":
        async with world.database.transaction() as session:
            [payment] = await session.scalars(select(Payment))
            taken = Charge(payment.reference, Standing.CAPTURED, 2900, 2900, "USD")
            await payments.apply(session, payment, taken, world.now)
        assert (await order_of(world, restore.quote_id)).code == "taken_early"
    for _ in range(2):
        assert (await post.bring(envelope(restore.void())))[0].outcome == "done"
    await world.travel(timedelta(days=3))
    assert (await order_of(world, restore.quote_id)).state == "released"
    assert len(await post.told("billing.payment.voided.v1")) == 1
    await world.check_books()


@dataclass(frozen=True)
class Answered:
    """What a restore is told after it has asked for a capture."""

    is_held: bool
    invoice: str | None
    payment: list[str]


@pytest.mark.parametrize(
    ("case", "answered"),
    [
        ("held by a card", Answered(True, "paid", ["captured 2900"])),
        ("held by a card that lets go", Answered(True, "paid", ["failed hold_expired"])),
        ("held by balance alone", Answered(True, "paid", ["captured 2900"])),
        ("given up at once", Answered(True, None, ["voided 2900"])),
        ("given up at once, by balance alone", Answered(True, None, ["captured 0"])),
        ("given up, less than a card is charged for", Answered(True, "paid", ["voided 2900"])),
        ("released before", Answered(False, "paid", [])),
        ("failed before", Answered(False, "paid", [])),
        ("given up after it was released", Answered(False, None, [])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_whoever_asks_for_a_capture_is_answered_once(
    world: World, post: Post, case: str, answered: Answered
) -> None:
    await world.add_card("short_hold" if case in ("held by a card that lets go", "failed before") else "visa")
    if "balance alone" in case:
        await give(world, promotional=2900)
    restore = Restore(world, await world.quote())
    await post.bring(envelope(restore.pay()))
    if "released" in case:
        await post.bring(envelope(restore.void()))
    if case == "failed before":
        await world.travel(timedelta(hours=2))
    if case == "held by a card that lets go":
        # The bank's word that it has let go is lost.
        world.now += timedelta(minutes=2)
    started_at = world.now.replace(microsecond=0)
    ran = timedelta(hours=1) if "less than" in case else timedelta(0)
    wanted = CaptureWanted(
        **restore.about,
        instance_id=restore.instance_id,
        started_at=started_at,
        ended_at=started_at + ran if "given up" in case else None,
    )
    before = len(await post.told_of_payments(restore))
    now = world.now
    for _ in range(3):
        async with world.database.transaction() as session:
            await orders.fulfil(session, wanted, now)
        await world.work()
    await world.travel(timedelta(hours=2))
    [fulfilled] = await post.told("billing.order.fulfilled.v1")
    invoices = {str(each.id): each.state for each in await world.invoices()}
    assert {name: fulfilled[name] for name in ("owner_id", "quote_id", "restore_id", "is_held")} == {
        "owner_id": str(world.owner_id),
        "quote_id": str(restore.quote_id),
        "restore_id": str(restore.restore_id),
        "is_held": answered.is_held,
    }
    assert invoices.get(str(fulfilled["invoice_id"])) == answered.invoice
    assert (await post.told_of_payments(restore))[before:] == answered.payment
    await world.check_books()


async def test_another_owners_order_is_nobody_elses_to_take_or_void(world: World, post: Post) -> None:
    await world.add_card()
    quote_id = await world.order()
    stranger = Restore(World(world.billing, now=world.now), quote_id)
    for event in (stranger.take(), stranger.void()):
        assert (await post.bring(envelope(event)))[0].fate is Fate.RETRY
    assert (await order_of(world, quote_id)).state == "held"


class Died(BaseException):
    """The process is gone."""


@dataclass
class Moments:
    """Counts the moments at which a process may die, and dies at one of them."""

    dies_at: int = -1
    seen: int = 0

    def pass_by(self) -> None:
        self.seen += 1
        if self.seen == self.dies_at:
            raise Died


class MortalDatabase(Database):
    moments = Moments()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with super().transaction() as session:
            yield session
            await session.flush()
            self.moments.pass_by()
        self.moments.pass_by()


class MortalWorld(World):
    mortal: Any = None

    @property
    def database(self) -> Any:
        return self.mortal or self.billing.runtime.database


async def test_whenever_the_process_dies_an_order_is_paid_once_from_all_it_was_set_aside_from(world: World) -> None:
    mortal = MortalDatabase(world.database.url, service="billing", pool_size=3)
    dies_at, moments = 0, 99
    while dies_at < moments:
        dies_at += 1
        owner = MortalWorld(world.billing)
        await owner.add_card()
        await give(owner, promotional=1500)
        quote_id, instance_id = await owner.quote(), uuid4()
        mortal.moments = Moments(dies_at)
        owner.mortal = mortal
        await surviving(owner, lambda owner=owner, quote_id=quote_id: owner.confirm(quote_id))
        await owner.travel(timedelta(minutes=10))
        await surviving(
            owner, lambda owner=owner, ids=(quote_id, instance_id): owner.fulfil(ids[0], instance_id=ids[1])
        )
        await surviving(owner, lambda owner=owner: owner.travel(timedelta(minutes=10)))
        moments, owner.mortal = mortal.moments.seen, None
        await owner.travel(timedelta(hours=2))
        [invoice] = [each for each in await owner.invoices() if each.kind == "order"]
        assert (invoice.state, invoice.promotional_minor, invoice.balance_minor) == ("paid", 1500, 0), dies_at
        assert invoice.card_minor == 1400, dies_at
        account = await owner.account()
        assert (account.promotional_minor, account.balance_minor) == (0, 0), dies_at
    assert dies_at > 10
    known = await charges(world)
    assert known == [("captured", 1400, 1400)] * dies_at
    moves = [move for move in await world.every(OrderMove) if move.trigger == "fulfil"]
    assert len(moves) == dies_at
    await world.check_books()
    await mortal.close()


async def surviving(owner: MortalWorld, step: Any) -> None:
    """Whoever asked for it asks again when the process died."""
    try:
        await step()
    except Died:
        await step()
