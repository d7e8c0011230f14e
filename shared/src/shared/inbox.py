"""Events arrive through here: acted on once, in the transaction of their effect."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from opentelemetry.trace import Tracer
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db import Database, is_unavailable
from shared.errors import FATE, Fate, Kind, ServiceError
from shared.events.base import Envelope, Event
from shared.messaging import InboxMessage
from shared.telemetry import EVENTS_CONSUMED, INBOX_BATCH, message_span

BATCH = 100
DATABASE_PAUSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Subscription:
    """Which event is acted on by which function.

    Args:
        event: The event's class.
        handler: A function of a session and one event; with ``batched``, of a session and a list of events.
        batched: The handler takes all such events of one delivery at once; only where their order does not matter.
        group: Subscriptions of one group share a queue, and so an order.
    """

    event: type[Event]
    handler: Callable[[AsyncSession, Any], Awaitable[None]]
    batched: bool = False
    group: str = "events"


@dataclass(frozen=True)
class Verdict:
    """What becomes of one message, and in one word why."""

    fate: Fate
    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class _Message:
    envelope: Envelope
    event: Event
    subscription: Subscription


class Inbox:
    """The once-only wrapper around the handlers of one queue."""

    def __init__(
        self, database: Database, service: str, queue: str, subscriptions: Sequence[Subscription], tracer: Tracer
    ) -> None:
        self._database = database
        self._service = service
        self._queue = queue
        self._subscriptions = {subscription.event.name: subscription for subscription in subscriptions}
        self._tracer = tracer

    async def accept(self, bodies: Sequence[bytes]) -> list[Verdict]:
        """Act on messages in one transaction; one by one when that fails, so that one bad message stops no other.

        Returns:
            A verdict per body, in order. While the database does not answer, this waits: the messages stay the
            broker's, and no attempt is counted.
        """
        while True:
            try:
                return await self._accept(bodies)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("the database does not answer; messages wait", queue=self._queue)
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)

    async def _accept(self, bodies: Sequence[bytes]) -> list[Verdict]:
        parsed = [self._parse(body) for body in bodies]
        messages = [item for item in parsed if isinstance(item, _Message)]
        verdicts = iter(await self._act(messages) if messages else [])
        results = [next(verdicts) if isinstance(item, _Message) else item for item in parsed]
        for item, verdict in zip(parsed, results, strict=True):
            event = item.envelope.type if isinstance(item, _Message) else "unreadable"
            EVENTS_CONSUMED.labels(self._service, event, verdict.outcome).inc()
        return results

    def _parse(self, body: bytes) -> _Message | Verdict:
        try:
            envelope = Envelope.model_validate_json(body)
            subscription = self._subscriptions.get(envelope.type)
            if subscription is None:
                return Verdict(Fate.ACKNOWLEDGE, "unsubscribed")
            return _Message(envelope, subscription.event.model_validate(envelope.data), subscription)
        except ValidationError as error:
            # The input is left out: it may be anything, and it stays in the dead-letter queue.
            return Verdict(Fate.DEAD, "malformed", str(error.errors(include_input=False, include_url=False)))

    async def _act(self, messages: list[_Message]) -> list[Verdict]:
        try:
            async with self._database.transaction() as session:
                verdicts = await self._apply(session, messages)
            INBOX_BATCH.labels(self._service).observe(len(messages))
            return verdicts
        except Exception as error:
            if is_unavailable(error) and not isinstance(error, ServiceError):
                raise
            if len(messages) == 1:
                return [self._judge(messages[0], error)]
        return [verdict for message in messages for verdict in await self._act([message])]

    async def _apply(self, session: AsyncSession, messages: list[_Message]) -> list[Verdict]:
        rows = [{"queue": self._queue, "event_id": message.envelope.id} for message in messages]
        inserted = insert(InboxMessage).values(rows).on_conflict_do_nothing().returning(InboxMessage.event_id)
        fresh = set(await session.scalars(inserted))
        batches: dict[str, list[_Message]] = defaultdict(list)
        verdicts = []
        for message in messages:
            if message.envelope.id not in fresh:
                verdicts.append(Verdict(Fate.ACKNOWLEDGE, "duplicate"))
                continue
            fresh.discard(message.envelope.id)
            verdicts.append(Verdict(Fate.ACKNOWLEDGE, "done"))
            if message.subscription.batched:
                batches[message.envelope.type].append(message)
            else:
                with message_span(self._tracer, f"{message.envelope.type} consume", message.envelope.traceparent):
                    await message.subscription.handler(session, message.event)
        for name, batch in batches.items():
            with message_span(self._tracer, f"{name} consume batch", batch[0].envelope.traceparent):
                await batch[0].subscription.handler(session, [message.event for message in batch])
        await session.flush()
        return verdicts

    def _judge(self, message: _Message, error: Exception) -> Verdict:
        kind = error.kind if isinstance(error, ServiceError) else Kind.UNEXPECTED
        fate = FATE[kind]
        if kind is Kind.STALE:
            return Verdict(fate, "stale")
        log.warning(
            "a message could not be acted on",
            event_name=message.envelope.type,
            event_id=str(message.envelope.id),
            fate=fate,
            exc_info=error if kind is Kind.UNEXPECTED else None,
            reason=str(error),
        )
        return Verdict(fate, "retried" if fate is Fate.RETRY else "dead", f"{type(error).__name__}: {error}"[:500])
