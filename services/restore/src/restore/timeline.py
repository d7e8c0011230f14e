"""A restore's timeline as a stream of server-sent events, read from rows so that any replica can serve it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import structlog
from pydantic_core import to_json
from sqlalchemy.exc import SQLAlchemyError
from sse_starlette import ServerSentEvent

from restore import queries
from restore.domain import lifecycle, order
from restore.errors import TooManyStreams
from shared.db import Database

POLL_SECONDS = 1.0
PING_SECONDS = 15
SEND_SECONDS = 30.0
"""A follower that takes nothing for so long is let go."""
STREAM_SECONDS = 600.0
"""As long as an access token lives: whoever follows longer comes back with a fresh one and `Last-Event-ID`."""
BATCH = 100
OVER = frozenset({*lifecycle.OVER, *order.TERMINAL})
"""Of either target: nothing more comes by itself."""

log = structlog.get_logger(__name__)


class Streams:
    """How many timelines are being followed in this process, in all and by one owner."""

    def __init__(self, limit: int, limit_per_owner: int) -> None:
        self._limit = limit
        self._limit_per_owner = limit_per_owner
        self._open: Counter[UUID] = Counter()

    def check(self, owner_id: UUID) -> None:
        """Refuse one stream too many.

        Raises:
            TooManyStreams: If the owner or the process has as many as it may.
        """
        if self._open[owner_id] >= self._limit_per_owner or self._open.total() >= self._limit:
            raise TooManyStreams(
                "Too many timelines are being followed at once. Close some, or ask for the plain list instead.",
                retry_after_seconds=10,
            )

    @contextmanager
    def one_more(self, owner_id: UUID) -> Iterator[None]:
        self._open[owner_id] += 1
        try:
            yield
        finally:
            self._open[owner_id] -= 1
            self._open += Counter()


async def follow(
    database: Database, streams: Streams, owner_id: UUID, restore_id: UUID, *, after: int, stopping: asyncio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Entries above ``after`` as they come; ends when the restore is over, after a while, or when the process stops.

    An ``end`` event without a number says that the restore is over and nothing more will come by itself.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + STREAM_SECONDS
    with streams.one_more(owner_id):
        while loop.time() < until and not stopping.is_set():
            try:
                async with database.reading() as session:
                    # The state first: once it is an end, its entry is among those read after it.
                    state = await queries.state_of(session, restore_id)
                    entries = await queries.timeline(session, restore_id, after=after, limit=BATCH)
            except (SQLAlchemyError, OSError) as error:
                log.warning("a timeline breaks off; its follower will come back", reason=str(error))
                return
            for entry in entries:
                after = entry["number"]
                yield ServerSentEvent(to_json(dict(entry)).decode(), event=entry["kind"], id=str(after))
            if len(entries) > BATCH:
                continue
            if state in OVER:
                yield ServerSentEvent(to_json({"state": state}).decode(), event="end")
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), POLL_SECONDS)
