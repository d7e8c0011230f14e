"""Events leave through here: written in the transaction that made them true, relayed after it committed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db import PUBLISHED, Database
from shared.events.base import Envelope, Event
from shared.messaging import OutboxMessage
from shared.telemetry import EVENTS_PUBLISHED, OUTBOX_AGE, OUTBOX_PENDING, current_traceparent

BATCH = 200
POLL_SECONDS = 1.0
CHANNEL = "space_outbox"

log = structlog.get_logger(__name__)

Send = Callable[[Sequence[OutboxMessage]], Awaitable[list[int]]]
"""Hands messages to the broker; returns the ids it has confirmed."""


def publish(session: AsyncSession, event: Event) -> None:
    """Announce a fact, if and only if the session's transaction commits."""
    envelope = Envelope(
        id=uuid4(),
        source=f"/{event.publisher()}",
        type=event.name,
        time=datetime.now(UTC),
        traceparent=current_traceparent(),
        data=event.model_dump(mode="json"),
    )
    session.add(OutboxMessage(event_name=event.name, envelope=envelope.model_dump_json(exclude_none=True)))
    session.info[PUBLISHED] = True


class Doorbell:
    """Wakes the relays of this service after commits: many commits, one NOTIFY.

    The NOTIFY goes over a connection of its own, after the commit: inside the transaction it would make
    concurrent commits wait for each other. Losing one is harmless, because the relay polls as well.
    """

    def __init__(self, url: str) -> None:
        self._dsn = plain_dsn(url)
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def run(self) -> None:
        connection: asyncpg.Connection | None = None
        try:
            while True:
                await self._rung.wait()
                self._rung.clear()
                try:
                    connection = connection or await asyncpg.connect(self._dsn, timeout=5)
                    await connection.execute(f"NOTIFY {CHANNEL}", timeout=5)
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    if connection is not None:
                        connection.terminate()
                    connection = None
        finally:
            if connection is not None:
                connection.terminate()


class Relay:
    """Moves committed events to the broker, at least once each."""

    def __init__(self, database: Database, service: str, send: Send) -> None:
        self._database = database
        self._service = service
        self._send = send
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Relay until cancelled or until the broker fails, which the caller sees."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._relay_forever())

    async def drain(self) -> int:
        """Relay one batch; how many events the broker confirmed."""
        async with self._database.transaction() as session:
            # The rows stay locked while they are published; another relay takes the next ones.
            claimed = await session.scalars(
                select(OutboxMessage).order_by(OutboxMessage.id).limit(BATCH).with_for_update(skip_locked=True)
            )
            messages = claimed.all()
            if not messages:
                return 0
            confirmed = await self._send(messages)
            await session.execute(
                delete(OutboxMessage)
                .where(OutboxMessage.id.in_(confirmed))
                .execution_options(synchronize_session=False)
            )
        sent = set(confirmed)
        for message in messages:
            if message.id in sent:
                EVENTS_PUBLISHED.labels(self._service, message.event_name).inc()
        return len(confirmed)

    async def _relay_forever(self) -> None:
        while True:
            while await self.drain() == BATCH:
                pass
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()

    async def _listen(self) -> None:
        dsn = plain_dsn(self._database.url)
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await asyncpg.connect(dsn, timeout=5)
                closed = asyncio.Event()
                connection.add_termination_listener(lambda _, closed=closed: closed.set())
                await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
                self._wake.set()
                await closed.wait()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(1)
            finally:
                if connection is not None:
                    connection.terminate()


async def measure_outbox(database: Database, service: str) -> None:
    """Set the gauges of what waits to be sent; asked beside the relay, because it grows while the relay cannot run."""
    async with database.reading() as session:
        count, oldest = (
            await session.execute(
                select(
                    func.count(),
                    func.coalesce(func.extract("epoch", func.now() - func.min(OutboxMessage.created_at)), 0),
                ).select_from(OutboxMessage)
            )
        ).one()
    OUTBOX_PENDING.labels(service).set(count)
    OUTBOX_AGE.labels(service).set(float(oldest))


def plain_dsn(url: str) -> str:
    """The URL as asyncpg itself reads it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)
