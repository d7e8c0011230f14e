"""Telling the restore service how a restore goes: in order, not too often, and never silent for long."""

import asyncio
from collections import deque
from contextlib import suppress

from agent.config import JsonObject
from agent.instance.journal import Journal
from agent.instance.patience import Patience
from agent.instance.restore_calls import RestoreCalls, until_answered

LEAST_SECONDS = 2.0
LONGEST_SECONDS = 28.0
FINAL = frozenset({"usable", "failed"})


class RestoreReports:
    """Each state is told at least once; of the figures of a state only the newest."""

    def __init__(self, calls: RestoreCalls, journal: Journal, number: int) -> None:
        self._calls = calls
        self._round = number
        self._patience = Patience(journal.say, "A report of the restore")
        self._queue: deque[JsonObject] = deque()
        self._news = asyncio.Event()
        self._moved = asyncio.Event()

    def note(self, state: str, **figures: object) -> None:
        report: JsonObject = {"round": self._round, "state": state, **figures}
        if self._queue and self._queue[-1]["state"] == state:
            self._queue[-1] = report
        else:
            self._queue.append(report)
            self._moved.set()
        self._news.set()

    async def run(self) -> None:
        """Tell what is noted, and again when there is nothing new, until the last word is taken.

        Raises:
            RestoreEnded: Nobody wants to know any more.
        """
        await self._news.wait()
        while True:
            told = self._queue[0]
            self._news.clear()
            await self._tell(told)
            if told["state"] in FINAL:
                return
            if len(self._queue) > 1:
                self._queue.popleft()
            else:
                await self._pause()

    async def _tell(self, report: JsonObject) -> None:
        await until_answered(lambda: self._calls.report(report), self._patience)

    async def _pause(self) -> None:
        """Until there is a new state, or new figures and some time has passed, or much time has."""
        self._moved.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAST_SECONDS):
                await self._moved.wait()
                return
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_SECONDS - LEAST_SECONDS):
                await self._news.wait()
