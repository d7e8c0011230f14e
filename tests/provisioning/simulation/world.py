"""One life of a world: owners' wishes, lost and doubled messages, a process that dies anywhere, a clock that jumps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from opentelemetry.trace import NoOpTracer
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import TERMINAL, Trigger
from provisioning.domain.offers import Offers
from provisioning.models import Instance
from provisioning.operations import power, returning, sweep, wanting, work
from provisioning.operations.turns import Workshop
from provisioning.settings import Settings
from shared.db import Database
from shared.errors import ServiceError
from shared.events.base import Envelope, Event
from shared.events.restore import InstanceUnwanted, InstanceWanted
from shared.inbox import Inbox, Subscription
from tests.provisioning.simulation.agents import Agents
from tests.provisioning.simulation.cloud import SimulatedCloud

NAMES = ("alice@olares.com", "bob@olares.com")
BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)


class Died(BaseException):
    """The process is gone: nothing in it can catch this, or tidy up."""


class MortalDatabase(Database):
    """One whose process may die before and after each commit."""

    moment: Callable[[], None] = staticmethod(lambda: None)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with super().transaction() as session:
            yield session
            await session.flush()
            self.moment()
        self.moment()


class MortalDriver:
    """A driver whose process may die before and after each call."""

    def __init__(self, cloud: SimulatedCloud, moment: Callable[[], None]) -> None:
        self._cloud = cloud
        self._moment = moment
        self.provider = cloud.provider
        self.settle = cloud.settle

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._cloud, name)

        async def call(*arguments: Any) -> Any:
            self._moment()
            answer = await asked(*arguments)
            self._moment()
            return answer

        return call


@dataclass
class World:
    """A service over a real database, in a world that a seed has made up.

    Args:
        honest: The clock goes steadily and whatever was asked of the cloud is done within the time it promises; then
            the cloud knows nothing of intents, and would make a second machine for anybody who asks. Otherwise the
            clock jumps, and the cloud answers a repeated intent with its machine, as EC2 does.
    """

    seed: int
    database: MortalDatabase
    settings: Settings
    offers: Offers
    honest: bool
    now: datetime = BEGINNING
    mortality: float = 0.0
    messages: list[tuple[UUID, Event]] = field(default_factory=list)
    deaths: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.owners = [UUID(int=self.random.getrandbits(128), version=4) for _ in range(2)]
        self.cloud = SimulatedCloud(
            self.random, clock=lambda: self.now, pass_time=self.pass_time, knows_intents=not self.honest
        )
        self.agents = Agents(self.random, self.cloud, self.database, self.settings, lambda: self.now)
        self.wanted: dict[UUID, InstanceWanted] = {}
        self.database.moment = self.moment
        driver: Any = MortalDriver(self.cloud, self.moment)
        self.shop = Workshop(self.database, {"local": driver}, self.offers, self.settings, lambda: self.now)
        subscriptions = (Subscription(InstanceWanted, self._want), Subscription(InstanceUnwanted, self._unwant))
        self.inbox = Inbox(self.database, "provisioning", "provisioning.events", subscriptions, NoOpTracer())

    def moment(self) -> None:
        if self.random.random() < self.mortality:
            self.deaths += 1
            raise Died

    def pass_time(self, time: timedelta) -> None:
        self.now += time

    async def live(self, steps: int) -> None:
        """A life full of trouble."""
        self.cloud.trouble, self.mortality = self.random.choice((0.05, 0.2, 0.4)), self.random.choice((0.0, 0.02, 0.06))
        for _ in range(self.random.randrange(2, 5)):
            self.wish()
        for _ in range(steps):
            step = self.random.choices(*self._choices())[0]
            with suppress(Died):
                await step()
            self.cloud.happen()
            if self.honest:
                await self._nothing_is_left_of_what_is_over()

    async def come_to_rest(self, *, all_unwanted: bool) -> None:
        """The trouble ends: every message arrives, everything that is due is done, in the order of time."""
        self.cloud.trouble = self.mortality = 0.0
        if all_unwanted:
            for wanted in self.wanted.values():
                self._send(self._unwanted(wanted))
        while self.messages:
            await self._deliver()
        for _ in range(400):
            await self.work()
            due_at = await self._next_due()
            if due_at is None and not self.cloud.late:
                break
            self.now = max(self.now + timedelta(milliseconds=1), due_at or self.now)
            self.now = max([self.now, *(at for at, _ in self.cloud.late)]) if due_at is None else self.now
            self.cloud.happen()
        for pause in (timedelta(minutes=4), timedelta(minutes=11), timedelta(hours=25), timedelta(minutes=1)):
            self.now += pause
            await sweep.sweep(self.shop)
            await self._find_silent()
            self.cloud.happen()
            while await self.work():
                pass

    def wish(self) -> None:
        """An owner would like to have an instance."""
        wanted = InstanceWanted(
            owner_id=self.random.choice(self.owners),
            restore_id=uuid4(),
            instance_id=uuid4(),
            instance_name=self.random.choice(NAMES),
            provider="local",
            region="local",
            plan="small",
        )
        self.wanted[wanted.instance_id] = wanted
        self._send(wanted)

    async def work(self) -> int:
        return await work.work_due(self.shop)

    def _choices(self) -> tuple[list[Callable[[], Awaitable[Any]]], list[int]]:
        steps = {
            self._deliver: 12,
            self.work: 20,
            self._work_twice: 6,
            self._find_silent: 4,
            self._sweep: 5,
            self._wait: 14,
            self._ask: 5,
            self._change_mind: 3,
            self._repeat_wish: 2,
            self.agents.act: 14,
            self._break_something: 2,
        }
        return list(steps), list(steps.values())

    def _send(self, event: Event) -> None:
        self.messages.append((uuid4(), event))

    async def _deliver(self) -> None:
        """A message arrives: any of them, once or again, or not this time."""
        if not self.messages:
            return
        index = self.random.randrange(len(self.messages))
        event_id, event = self.messages[index]
        body = Envelope(
            id=event_id, source="/restore", type=event.name, time=self.now, data=event.model_dump(mode="json")
        )
        await self.inbox.accept([body.model_dump_json().encode()])
        # In trouble its acknowledgement may be lost, and it comes again.
        if self.random.random() >= self.cloud.trouble:
            self.messages.pop(index)

    async def _work_twice(self) -> None:
        """Two processes at once."""
        for outcome in await asyncio.gather(self.work(), self.work(), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _find_silent(self) -> None:
        await work.find_silent(self.shop)

    async def _sweep(self) -> None:
        await sweep.sweep(self.shop)

    async def _wait(self) -> None:
        self.now += timedelta(seconds=self.random.choice((1, 5, 20, 60, 300)))
        if not self.honest and self.random.random() < 0.2:
            self.now += timedelta(seconds=self.random.choice((-50, -5, 600, 7200)))

    async def _change_mind(self) -> None:
        if self.wanted:
            self._send(self._unwanted(self.random.choice(list(self.wanted.values()))))

    async def _repeat_wish(self) -> None:
        """The same wish under another message's id, as after a publisher's crash; or another wish."""
        if self.wanted and self.random.random() < 0.5:
            self._send(self.random.choice(list(self.wanted.values())))
        elif len(self.wanted) < 5:
            self.wish()

    async def _ask(self) -> None:
        """An owner asks for something by hand; what they are refused is no matter here."""
        if not self.wanted:
            return
        wanted = self.random.choice(list(self.wanted.values()))
        trigger = self.random.choice((Trigger.RESTART, Trigger.STOP, Trigger.START, Trigger.RETURN))
        try:
            async with self.database.transaction() as session:
                if trigger is Trigger.RETURN:
                    await returning.return_instance(session, wanted.owner_id, wanted.instance_id, self.now)
                else:
                    await power.ask(session, wanted.owner_id, wanted.instance_id, trigger, self.now)
        except ServiceError:
            return

    async def _break_something(self) -> None:
        """A machine crashes, or its provider ends it, or one turns up that nobody asked for."""
        machines = [truth for truth in self.cloud.machines.values() if truth.ending_at is None]
        what = self.random.choice(("crash", "vanish", "stray"))
        if what == "stray":
            self.cloud.plant(uuid4())
        elif machines:
            truth = self.random.choice(machines)
            if what == "crash":
                truth.is_on = False
            else:
                self.cloud.vanish(truth.reference)

    async def _want(self, session: AsyncSession, event: InstanceWanted) -> None:
        await wanting.want(session, event, self.now)

    async def _unwant(self, session: AsyncSession, event: InstanceUnwanted) -> None:
        await wanting.unwant(session, event, self.now)

    def _unwanted(self, wanted: InstanceWanted) -> InstanceUnwanted:
        return InstanceUnwanted(owner_id=wanted.owner_id, instance_id=wanted.instance_id, reason="Called off.")

    async def _nothing_is_left_of_what_is_over(self) -> None:
        """An end is said when there is nothing any more and nothing can come, not when that is hoped for."""
        async with self.database.reading() as session:
            over = set(await session.scalars(select(Instance.id).where(Instance.status.in_(TERMINAL))))
        left = {truth.instance_id for truth in self.cloud.machines.values()}
        coming = {wanted.instance_id for _, wanted in self.cloud.late}
        assert not over & (left | coming), f"seed {self.seed}: something is left of {over & (left | coming)}"

    async def _next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await session.scalar(select(func.min(Instance.due_at)))
