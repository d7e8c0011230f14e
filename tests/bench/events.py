"""Events: through outbox, broker and inbox against the broker alone, and what acting on many at once is worth."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from opentelemetry.trace import NoOpTracer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import broker
from shared.db import Database
from shared.events.base import Envelope
from shared.inbox import BATCH, Inbox, Subscription
from shared.messaging import MessagingBase
from shared.outbox import BATCH as WINDOW
from shared.outbox import publish
from shared.service import Service
from space_local import ports
from tests.bench.figures import Figure, Scale, alternate, rate
from tests.bench.servers import Servers
from tests.shared.probe import Base, NoteTaken, Settings
from tests.support.tokens import ORIGIN

RAW = "raw aio-pika: the same messages, pipelined confirms, multiple acknowledgement, no database"
AT_ONCE = f"{BATCH} messages in one transaction"
LATE_SECONDS = 120


@dataclass
class Listener:
    """A subscriber that writes one row per event, and says when it has written so many."""

    wanted: int = 0
    written: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, session: AsyncSession, event: NoteTaken) -> None:
        await session.execute(text("INSERT INTO heard VALUES (:id, 1)"), {"id": event.note_id})
        self._count(1)

    async def hear_many(self, session: AsyncSession, events: Sequence[NoteTaken]) -> None:
        ids = [event.note_id for event in events]
        await session.execute(text("INSERT INTO heard SELECT unnest(CAST(:ids AS uuid[])), 1"), {"ids": ids})
        self._count(len(events))

    def expect(self, events: int) -> None:
        self.wanted, self.written = events, 0
        self.enough.clear()

    def _count(self, events: int) -> None:
        self.written += events
        if self.written >= self.wanted:
            self.enough.set()


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    figures = []
    for name, batched in (("events_batched", True), ("events_single", False)):
        async with listening(servers, batched=batched) as (database, listener), raw(servers) as exchange:
            pairs = await alternate(
                scale.rounds,
                lambda: carry(database, listener, scale.events),
                lambda: exchange.carry(scale.events),
            )
        figures.append(rate(name, "events/s", RAW, [(ours, limit) for ours, limit in pairs]))
    return [*figures, await measure_inbox(servers, scale)]


async def measure_inbox(servers: Servers, scale: Scale) -> Figure:
    """What a delivery with a bad message costs: its messages are then acted on one by one."""
    async with tables(servers) as (database, _):
        box = Inbox(
            database, "bench", "bench.events", [Subscription(NoteTaken, Listener().hear_many, batched=True)],
            NoOpTracer(),
        )  # fmt: skip
        pairs = await alternate(
            scale.rounds, lambda: accept(box, scale.events, size=1), lambda: accept(box, scale.events, size=BATCH)
        )
    return rate("inbox_one_by_one", "events/s", AT_ONCE, [(ours, limit) for ours, limit in pairs])


async def accept(box: Inbox, events: int, size: int) -> float:
    """Events per second that an inbox acts on, so many per transaction."""
    bodies = [body() for _ in range(events)]
    started = time.perf_counter()
    for start in range(0, events, size):
        verdicts = await box.accept(bodies[start : start + size])
        assert all(verdict.outcome == "done" for verdict in verdicts)
    return events / (time.perf_counter() - started)


async def carry(database: Database, listener: Listener, events: int) -> float:
    """Events per second from their commit in the outbox to the commit of what they caused."""
    listener.expect(events)
    async with database.reading() as session:
        before = await session.scalar(text("SELECT count(*) FROM heard"))
    async with database.transaction() as session:
        for _ in range(events):
            publish(session, NoteTaken(note_id=uuid4(), words="as long as an event of ours usually is"))
        await session.flush()
        # The commit is part of the way; writing the rows belongs to whoever publishes.
        started = time.perf_counter()
    await asyncio.wait_for(listener.enough.wait(), LATE_SECONDS)
    after = before
    while after - before < events:
        async with database.reading() as session:
            after = await session.scalar(text("SELECT count(*) FROM heard"))
    return events / (time.perf_counter() - started)


@asynccontextmanager
async def tables(servers: Servers) -> AsyncIterator[tuple[Database, str]]:
    """A database with the tables of messages and of the listener, and its URL."""
    url = await servers.databases.create()
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://"), service="bench", pool_size=5)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(MessagingBase.metadata.create_all)
    try:
        yield database, url
    finally:
        await database.close()
        await servers.databases.drop(url)


@asynccontextmanager
async def listening(servers: Servers, *, batched: bool) -> AsyncIterator[tuple[Database, Listener]]:
    """A service whose worker relays and consumes, as a process would run it."""
    listener = Listener()
    handler: Callable[..., Awaitable[None]] = listener.hear_many if batched else listener.hear
    service = Service(
        name=f"bench-{uuid4().hex[:8]}",
        settings=Settings,
        routers=(),
        subscriptions=(Subscription(NoteTaken, handler, batched=batched),),
        migrations=Path("unused"),
        metadata=Base.metadata,
    )
    async with tables(servers) as (database, url):
        settings = Settings(
            database_url=url,
            broker_url=servers.rabbitmq.url,
            origin=ORIGIN,
            jwks_url=servers.issuer.jwks_url,
            internal_listen=f"127.0.0.1:{ports.pick()}",
        )
        await broker.declare_topology(servers.rabbitmq.url, service.queues)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run(settings, frozenset({"worker"}), stop))
            try:
                yield database, listener
            finally:
                stop.set()
    await forget(servers, [name for queue in service.queues for name in (queue.name, queue.dead)])


async def forget(servers: Servers, queues: Sequence[str]) -> None:
    """Delete queues, which would otherwise go on collecting."""
    async with broker.connect(servers.rabbitmq.url, "bench") as connection:
        channel = await connection.channel()
        for name in queues:
            await channel.queue_delete(name)


class RawExchange:
    """The broker alone, used as well as it can be from one process."""

    def __init__(
        self, exchange: aio_pika.abc.AbstractExchange, key: str, arrived: "asyncio.Queue[AbstractIncomingMessage]"
    ) -> None:
        self._exchange = exchange
        self._key = key
        self._arrived = arrived

    async def carry(self, events: int) -> float:
        """Events per second from the first one sent to the last one acknowledged."""
        bodies = [body() for _ in range(events)]
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(bodies))
            group.create_task(self._take(events))
        return events / (time.perf_counter() - started)

    async def _send(self, bodies: Sequence[bytes]) -> None:
        for start in range(0, len(bodies), WINDOW):
            messages = [
                aio_pika.Message(item, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                for item in bodies[start : start + WINDOW]
            ]
            await asyncio.gather(*(self._exchange.publish(message, self._key) for message in messages))

    async def _take(self, events: int) -> None:
        left = events
        while left:
            message = await self._arrived.get()
            taken = 1
            while taken < BATCH and not self._arrived.empty():
                message = self._arrived.get_nowait()
                taken += 1
            await message.ack(multiple=True)
            left -= taken


@asynccontextmanager
async def raw(servers: Servers) -> AsyncIterator[RawExchange]:
    """A quorum queue behind a topic exchange, declared as ours are."""
    key = f"bench.raw.{uuid4().hex[:8]}"
    async with broker.connect(servers.rabbitmq.url, "bench") as connection:
        sending = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await sending.get_exchange(broker.EVENTS)
        taking = await connection.channel()
        await taking.set_qos(prefetch_count=BATCH)
        queue = await taking.declare_queue(key, durable=True, arguments=broker.QUORUM)
        await queue.bind(exchange, key)
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        tag = await queue.consume(arrived.put)
        yield RawExchange(exchange, key, arrived)
        await queue.cancel(tag)
        await queue.delete(if_unused=False, if_empty=False)


def body(note_id: UUID | None = None) -> bytes:
    """An event as it goes over the wire."""
    event = NoteTaken(note_id=note_id or uuid4(), words="as long as an event of ours usually is")
    envelope = Envelope(
        id=uuid4(), source="/probe", type=event.name, time=datetime.now(UTC), data=event.model_dump(mode="json")
    )
    return envelope.model_dump_json(exclude_none=True).encode()
