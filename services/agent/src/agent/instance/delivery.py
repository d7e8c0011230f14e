"""Bringing an agent's log to the server, each line once, however often either of them is away."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from agent.instance.journal import BATCH_LINES, Journal
from agent.instance.log_file import Line
from agent.instance.patience import Patience
from agent.instance.server import CallFailed, Refused, Server, Unanswered

FLUSH_SECONDS = 5.0
REFUSED_SECONDS = 0.1
_NOT_TO_BE_TAKEN = frozenset({413, 422})


class Delivery:
    def __init__(self, journal: Journal, server: Server) -> None:
        self._journal = journal
        self._server = server
        self._most = BATCH_LINES
        # Heartbeats fail for the same reasons, and say so.
        self._patience = Patience(journal.say, None)

    async def run(self, gather_seconds: float) -> None:
        """Deliver for ever what is said; `gather_seconds` is how long a line waits for others to go with it."""
        while True:
            await self._journal.news.wait()
            self._journal.news.clear()
            await asyncio.sleep(gather_seconds)
            await self._deliver()

    async def flush(self) -> None:
        """Deliver what can be delivered soon."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._deliver()

    async def _deliver(self) -> None:
        while lines := await self._journal.batch(self._most):
            try:
                logged = await self._server.log([line.wire() for line in lines])
                if logged.next_number <= lines[0].number:
                    raise Unanswered("The server took the log and has none of it.")
            except CallFailed as error:
                if isinstance(error, Refused) and error.status in _NOT_TO_BE_TAKEN:
                    await self._narrow(lines)
                else:
                    await self._patience.after(error)
                continue
            self._patience.over()
            self._journal.acknowledge(logged.next_number)
            self._most = min(2 * self._most, BATCH_LINES)

    async def _narrow(self, lines: Sequence[Line]) -> None:
        """A line that the server takes by no means must not hold up those behind it."""
        self._most = max(1, self._most // 2)
        if len(lines) == 1:
            self._journal.acknowledge(lines[0].number + 1)
        await asyncio.sleep(REFUSED_SECONDS)
