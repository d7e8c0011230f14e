"""Trying again for ever: longer and longer pauses, never all agents at once, and said once."""

import asyncio
import random
from collections.abc import Callable

from agent.instance.server import CallFailed

LONGEST_SECONDS = 30.0
LONGEST_ASKED_SECONDS = 300.0


class Patience:
    """The pauses between the attempts at one thing; `what` is its name in the log, None to be silent."""

    def __init__(self, say: Callable[[str], None], what: str | None, *, first_seconds: float = 1.0) -> None:
        self._say = say
        self._what = what
        self._first_seconds = first_seconds
        self._failures = 0
        self._said: str | None = None

    async def after(self, error: CallFailed) -> None:
        """Wait, unless all that was wrong was the clock."""
        words = str(error)
        if error.mended_clock:
            self._say("This machine's clock is wrong: the server's time is used.")
            return
        if self._what is not None and words != self._said:
            self._say(f"{self._what} failed: {words} It is tried again until it works.")
            self._said = words
        await asyncio.sleep(max(self._pause(), min(error.retry_after, LONGEST_ASKED_SECONDS)))

    def over(self) -> None:
        """It worked."""
        if self._said is not None:
            self._say(f"{self._what} works again.")
        self._failures, self._said = 0, None

    def _pause(self) -> float:
        longest = min(self._first_seconds * 2.0 ** min(self._failures, 20), LONGEST_SECONDS)
        self._failures += 1
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  (jitter)
