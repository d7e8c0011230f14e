"""RabbitMQ: topology from subscriptions, confirmed publishing, retries with delay, dead letters.

```
space.events (topic) ──► <service>.<group> (quorum) ──► handler
      │ nobody bound            ▲        │ retry                 │ dead
      ▼                         │        ▼                       ▼
space.unrouted          default exchange ◄── space.retry.<n>s   <service>.<group>.dead
```
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import ChannelClosed, ChannelInvalidStateError, DeliveryError, PublishError

from shared.errors import Fate
from shared.events.base import Envelope
from shared.inbox import BATCH, Inbox, Verdict
from shared.messaging import OutboxMessage

EVENTS = "space.events"
UNROUTED = "space.unrouted"
UNROUTED_LIMIT = 10_000
DEAD = "space.dead"
ATTEMPT = "x-space-attempt"
REASON = "x-space-reason"
RETRY_DELAYS_SECONDS = (1, 5, 30, 120, 600)
MAX_ATTEMPTS = 12
"""With the delays above, about 75 minutes of trying before a message is set aside for a person."""

CONNECT_SECONDS = 10.0
CONFIRM_SECONDS = 30.0
SETUP_SECONDS = 10.0
"""A broker that has just come back may leave a declaration or a subscription unanswered; a new connection helps."""

# Said outright, because RabbitMQ 3.10 and 4 have different defaults. A redelivery here means a consumer died,
# not that a message failed: failures are counted by us.
QUORUM: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 1000}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Queue:
    """A queue of one service and the events bound to it."""

    name: str
    events: tuple[str, ...]

    @property
    def dead(self) -> str:
        return f"{self.name}.dead"


@dataclass(frozen=True)
class DeadLetter:
    """A message set aside for a person."""

    queue: str
    event_id: str
    event_name: str
    reason: str
    attempts: int
    died_at: datetime | None


@asynccontextmanager
async def connect(url: str, name: str) -> AsyncIterator[AbstractConnection]:
    connection = await aio_pika.connect(
        url, timeout=CONNECT_SECONDS, client_properties={"connection_name": name}, heartbeat=15
    )
    try:
        yield connection
    finally:
        await connection.close()


async def declare_topology(url: str, queues: Sequence[Queue]) -> None:
    """Declare everything; before any relay starts, because an event nobody is bound to is not kept for later."""
    async with connect(url, "space topology") as connection:
        await declare_over(connection, queues)


async def declare_over(connection: AbstractConnection, queues: Sequence[Queue]) -> None:
    """The same over a connection that is already there."""
    channel = await connection.channel()
    unrouted = await channel.declare_exchange(UNROUTED, aio_pika.ExchangeType.FANOUT, durable=True)
    kept = await channel.declare_queue(
        UNROUTED, durable=True, arguments={"x-max-length": UNROUTED_LIMIT, "x-overflow": "drop-head"}
    )
    await kept.bind(unrouted)
    events = await channel.declare_exchange(
        EVENTS, aio_pika.ExchangeType.TOPIC, durable=True, arguments={"alternate-exchange": UNROUTED}
    )
    dead = await channel.declare_exchange(DEAD, aio_pika.ExchangeType.DIRECT, durable=True)
    for seconds in RETRY_DELAYS_SECONDS:
        name = retry_queue(seconds)
        waiting = await channel.declare_exchange(name, aio_pika.ExchangeType.FANOUT, durable=True)
        # No dead-letter routing key: a message comes back to the queue that its routing key names.
        delayed = await channel.declare_queue(
            name,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-message-ttl": seconds * 1000,
                "x-dead-letter-exchange": "",
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        await delayed.bind(waiting)
    for queue in queues:
        letters = await channel.declare_queue(
            queue.dead, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
        )
        await letters.bind(dead, queue.name)
        declared = await channel.declare_queue(
            queue.name,
            durable=True,
            arguments={**QUORUM, "x-dead-letter-exchange": DEAD, "x-dead-letter-routing-key": queue.name},
        )
        for event in queue.events:
            await declared.bind(events, event)
    await channel.close()


def retry_queue(seconds: int) -> str:
    return f"space.retry.{seconds}s"


def retry_delay(attempt: int) -> int:
    """Seconds to wait after the given failed attempt, counted from 1."""
    return RETRY_DELAYS_SECONDS[min(attempt, len(RETRY_DELAYS_SECONDS)) - 1]


class Publisher:
    """Publishes outbox messages with pipelined confirms."""

    def __init__(self, exchange: AbstractExchange) -> None:
        self._exchange = exchange

    @classmethod
    async def open(cls, connection: AbstractConnection) -> "Publisher":
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        return cls(await channel.get_exchange(EVENTS))

    async def send(self, messages: Sequence[OutboxMessage]) -> list[int]:
        """Publish all at once and wait for the confirms; the ids of the messages the broker has taken."""
        results = await asyncio.gather(*(self._send(message) for message in messages), return_exceptions=True)
        for result in results:
            if isinstance(result, ChannelInvalidStateError):
                raise ConnectionError("the broker went away while events were being sent") from result
            if isinstance(result, BaseException) and not isinstance(result, DeliveryError | PublishError):
                raise result
        return [message.id for message, result in zip(messages, results, strict=True) if result is None]

    async def _send(self, message: OutboxMessage) -> None:
        await self._exchange.publish(
            aio_pika.Message(
                message.envelope.encode(),
                content_type="application/cloudevents+json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                type=message.event_name,
            ),
            routing_key=message.event_name,
            timeout=CONFIRM_SECONDS,
        )


class Consumer:
    """Takes a queue's messages in batches and carries out the inbox's verdicts."""

    def __init__(self, connection: AbstractConnection, queue: Queue, inbox: Inbox) -> None:
        self._connection = connection
        self._queue = queue
        self._inbox = inbox

    async def run(self) -> None:
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        async with asyncio.timeout(SETUP_SECONDS):
            channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.set_qos(prefetch_count=BATCH)
            source = await channel.get_queue(self._queue.name)
            await source.consume(arrived.put)
        while True:
            batch = [await arrived.get()]
            while len(batch) < BATCH and not arrived.empty():
                batch.append(arrived.get_nowait())
            verdicts = await self._inbox.accept([message.body for message in batch])
            await self._carry_out(channel, batch, verdicts)

    async def _carry_out(
        self, channel: AbstractChannel, batch: Sequence[AbstractIncomingMessage], verdicts: Sequence[Verdict]
    ) -> None:
        for message, verdict in zip(batch, verdicts, strict=True):
            if verdict.fate is not Fate.ACKNOWLEDGE:
                await self._set_aside(channel, message, verdict)
        # One acknowledgement for all: everything up to the last message is either done or set aside.
        await batch[-1].ack(multiple=True)

    async def _set_aside(self, channel: AbstractChannel, message: AbstractIncomingMessage, verdict: Verdict) -> None:
        attempt = int(str(message.headers.get(ATTEMPT, 0))) + 1
        retry = verdict.fate is Fate.RETRY and attempt < MAX_ATTEMPTS
        exchange = await channel.get_exchange(retry_queue(retry_delay(attempt)) if retry else DEAD, ensure=False)
        if not retry:
            log.error("a message was set aside", queue=self._queue.name, event_name=message.type, reason=verdict.reason)
        await exchange.publish(
            _copy(message, {ATTEMPT: attempt, REASON: verdict.reason}), self._queue.name, timeout=CONFIRM_SECONDS
        )


def _copy(message: AbstractIncomingMessage, headers: dict[str, str | int]) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        type=message.type,
        timestamp=datetime.now().astimezone(),
        headers={**headers},
    )


async def list_dead_letters(connection: AbstractConnection, queue: Queue, limit: int = 100) -> list[DeadLetter]:
    """The oldest dead letters of a queue; they stay where they are."""
    channel = await connection.channel()
    source = await channel.get_queue(queue.dead)
    letters: list[DeadLetter] = []
    while len(letters) < limit and (message := await source.get(fail=False)) is not None:
        letters.append(_describe(queue, message))
    # Closing the channel without acknowledging puts them all back, in order.
    await channel.close()
    return letters


async def redrive_dead_letters(connection: AbstractConnection, queue: Queue, event_id: str | None = None) -> int:
    """Give dead letters back to their queue, as if new: all of them, or the one with this event id.

    Returns:
        How many were given back. A letter is removed only after the broker has confirmed its copy.
    """
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    source = await channel.get_queue(queue.dead)
    present = source.declaration_result.message_count or 0
    given_back = 0
    for _ in range(present):
        message = await source.get(fail=False)
        if message is None:
            break
        if event_id is not None and _describe(queue, message).event_id != event_id:
            continue
        await channel.default_exchange.publish(_copy(message, {}), queue.name, timeout=CONFIRM_SECONDS)
        await message.ack()
        given_back += 1
    await channel.close()
    return given_back


def _describe(queue: Queue, message: AbstractIncomingMessage) -> DeadLetter:
    try:
        envelope = Envelope.model_validate_json(message.body)
        event_id, event_name = str(envelope.id), envelope.type
    except ValueError:
        event_id, event_name = "", message.type or ""
    return DeadLetter(
        queue=queue.name,
        event_id=event_id,
        event_name=event_name,
        reason=str(message.headers.get(REASON, "delivered too often without an answer")),
        attempts=int(str(message.headers.get(ATTEMPT, 0))),
        died_at=message.timestamp,
    )


async def count_messages(connection: AbstractConnection, names: Sequence[str]) -> dict[str, int]:
    """Messages ready in each queue; a queue that does not exist yet is left out."""
    counts = {}
    for name in names:
        channel = await connection.channel()
        try:
            declared = await channel.declare_queue(name, passive=True)
            counts[name] = declared.declaration_result.message_count or 0
        except ChannelClosed:
            continue
        await channel.close()
    return counts
