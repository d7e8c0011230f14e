"""The process dies before and after every call to the provider and every commit: no money moves twice or stays held.

Each story is told once to count its moments, and then once for each of them with a death there: the request or message
is repeated, as its caller would, and the jobs go on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.adapters import Adapters
from billing.models import Invoice, Order, Payment, PaymentMethod, Refund
from billing.operations import (
    accounts,
    collect,
    credit_notes,
    invoices,
    methods,
    orders,
    payments,
    quotes,
    refunds,
    top_ups,
)
from billing.ports import PaymentProvider
from shared.db import Database
from shared.events.restore import CaptureWanted
from tests.billing.support.books import assert_books_balance
from tests.billing.support.invoicing import draft
from tests.billing.support.paying import NOW, Payments, assert_provider_agrees, paying, told
from tests.support.databases import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS = frozenset({"authorise", "capture", "void", "refund", "find", "forget_method"})


class Died(BaseException):
    """The process is gone: nothing in it can catch this, or tidy up."""


@dataclass
class Life:
    """Counts the moments at which a process may die, and dies at one of them."""

    dies_at: int | None = None
    moments: list[str] = field(default_factory=list)

    def moment(self, name: str) -> None:
        self.moments.append(name)
        if len(self.moments) - 1 == self.dies_at:
            raise Died(name)


class MortalDatabase(Database):
    life = Life()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with super().transaction() as session:
            yield session
            await session.flush()
            self.life.moment("before a commit")
        self.life.moment("after a commit")


class MortalProvider:
    def __init__(self, provider: PaymentProvider, life: Life) -> None:
        self.provider = provider
        self.life = life
        self.name = provider.name

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self.provider, name)
        return self._mortal(name, asked) if name in CALLS else asked

    def _mortal(self, name: str, asked: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            self.life.moment(f"before {name}")
            answer = await asked(*arguments)
            self.life.moment(f"after {name}")
            return answer

        return call


@dataclass
class Story:
    """One owner's, as the process lives it that is about to die."""

    world: Payments
    database: MortalDatabase
    owner_id: UUID = field(default_factory=uuid4)
    quote_id: UUID = field(default_factory=uuid4)
    instance_id: UUID = field(default_factory=uuid4)
    life: Life = field(default_factory=Life)

    @property
    def adapters(self) -> Adapters:
        provider: Any = MortalProvider(self.world.sandbox, self.life)
        return Adapters(provider, self.world.sandbox, self.world.http)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        self.database.life = self.life
        async with self.database.transaction() as session:
            yield session

    async def work(self) -> None:
        self.database.life = self.life
        await payments.work(self.database, self.adapters, self.world.now)

    async def rows(self, model: Any) -> list[Any]:
        async with self.world.database.reading() as session:
            return list(await session.scalars(select(model).where(model.owner_id == self.owner_id)))


Step = Callable[[Story], Awaitable[None]]


async def top_up(story: Story) -> None:
    async with story.transaction() as session:
        if not list(await session.scalars(select(Payment).where(Payment.owner_id == story.owner_id))):
            await top_ups.ask(session, story.owner_id, 1500, "USD", None, story.world.now)
    await story.work()


async def place(story: Story) -> None:
    # Its Idempotency-Key, or the inbox, keeps a request that was answered from being carried out again.
    if not await story.rows(Order):
        async with story.transaction() as session:
            await orders.place(session, story.owner_id, story.quote_id, None, story.world.now)
    await story.work()


async def fulfil(story: Story) -> None:
    told = CaptureWanted(
        owner_id=story.owner_id, restore_id=uuid4(), quote_id=story.quote_id, instance_id=story.instance_id,
        started_at=NOW, ended_at=None,
    )  # fmt: skip
    async with story.transaction() as session:
        await orders.fulfil(session, told, story.world.now)
    await story.work()


async def cancel(story: Story) -> None:
    async with story.transaction() as session:
        await orders.cancel(session, story.owner_id, story.quote_id, story.world.now)
    await story.work()


async def be_billed(story: Story) -> None:
    now = story.world.now
    if not await story.rows(Invoice):
        async with story.transaction() as session:
            invoice = await draft(session, story.owner_id, 700, 800, now=now)
            account = await accounts.lock(session, story.owner_id, now)
            await invoices.finalise(session, account, invoice, now, tax_rate=None)
    await collect.charge_due(story.database, now, story.owner_id)
    await story.work()


async def be_credited(story: Story) -> None:
    async with story.transaction() as session:
        account = await accounts.lock(session, story.owner_id, story.world.now)
        invoice = (await session.scalars(select(Invoice).where(Invoice.owner_id == story.owner_id))).one()
        await credit_notes.credit(session, account, invoice, 600, "A test", f"test:{story.owner_id}", story.world.now)
    await refunds.work(story.database, story.adapters, story.world.now)


async def remove_card(story: Story) -> None:
    for method in await story.rows(PaymentMethod):
        if method.removed_at is None:
            async with story.transaction() as session:
                await methods.remove(session, story.owner_id, method.id, story.world.now)
    await methods.forget_due(story.database, story.adapters, story.world.now)


async def wait(story: Story) -> None:
    """Until all is certain; the jobs of a process that lives do that."""
    await story.world.clean_up()


async def place_and_cancel(story: Story) -> None:
    await place(story)
    await cancel(story)


STORIES: dict[str, tuple[Step, ...]] = {
    "topped up": (top_up,),
    "ordered": (place,),
    "ordered and fulfilled": (place, wait, fulfil),
    "ordered and cancelled": (place, wait, cancel),
    "ordered and cancelled at once": (place_and_cancel,),
    "billed": (be_billed,),
    "billed and credited": (be_billed, wait, be_credited),
    "billed, and the card removed": (be_billed, wait, remove_card),
}
"""What is died in is the last step of each."""
ENDS = [
    ("topped up", "visa", ["captured"]),
    ("topped up", "capture_answer_lost", ["captured"]),
    ("ordered", "visa", ["authorised"]),
    ("ordered", "authorise_lost", ["authorised"]),
    ("ordered", "authorise_answer_lost", ["authorised"]),
    ("ordered and fulfilled", "visa", ["captured"]),
    ("ordered and fulfilled", "capture_answer_lost", ["captured"]),
    ("ordered and cancelled", "visa", ["voided"]),
    ("ordered and cancelled", "void_answer_lost", ["voided"]),
    ("ordered and cancelled at once", "visa", ["voided"]),
    ("ordered and cancelled at once", "unreachable", ["voided"]),
    ("billed", "visa", ["captured"]),
    ("billed and credited", "visa", ["captured", "refunded"]),
    ("billed and credited", "refund_answer_lost", ["captured", "refunded"]),
    ("billed and credited", "refund_failed", ["captured", "failed"]),
    ("billed, and the card removed", "visa", ["captured"]),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_world(databases: Databases) -> AsyncIterator[Payments]:
    async with paying(databases) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(one_world: Payments) -> Payments:
    await one_world.begin_again()
    return one_world


@pytest_asyncio.fixture(loop_scope="module")
async def database(world: Payments) -> AsyncIterator[MortalDatabase]:
    database = MortalDatabase(world.database.url, service="billing", pool_size=4)
    yield database
    await database.close()


@pytest.mark.parametrize(("name", "card", "ends"), ENDS, ids=lambda value: str(value).replace(" ", "-"))
async def test_a_death_at_any_moment_changes_nothing_in_how_it_ends(
    world: Payments, database: MortalDatabase, name: str, card: str, ends: list[str]
) -> None:
    for dies_at in count():
        story = await begin(world, database, name, card)
        await tell(story, STORIES[name], dies_at)
        found = [row.state for model in (Payment, Refund) for row in await story.rows(model)]
        assert found == ends, f"{name} with {card}, dying {story.life.moments[-1]}"
        await check(story)
        if len(story.life.moments) <= dies_at:
            assert dies_at >= 6, "there was hardly anything to die in"
            break
    await assert_provider_agrees(world)
    async with world.database.reading() as session:
        await assert_books_balance(session)


async def begin(world: Payments, database: MortalDatabase, name: str, card: str) -> Story:
    story = Story(world, database)
    await world.card(story.owner_id, card)
    if name.startswith("ordered"):
        wanted = quotes.Wanted("local", "local", "small", 0, "home")
        async with world.database.transaction() as session:
            story.quote_id = (await quotes.make(session, story.owner_id, wanted, "7a" * 32, world.now)).id
    return story


async def tell(story: Story, steps: tuple[Step, ...], dies_at: int) -> None:
    """The last step is repeated once by whoever asked for it, if the process died in it."""
    for step in steps[:-1]:
        await step(story)
    story.life = Life(dies_at)
    try:
        await steps[-1](story)
    except Died:
        await steps[-1](Story(story.world, story.database, story.owner_id, story.quote_id, story.instance_id))
    await story.world.clean_up()


async def check(story: Story) -> None:
    """One payment, and each thing told about it once."""
    (payment,) = await story.rows(Payment)
    events = await told(story.world, payment.id)
    assert len(events) == len(set(events))
    assert all(method.forget_due_at is None for method in await story.rows(PaymentMethod))
    for order in await story.rows(Order):
        assert order.state != "placed"
