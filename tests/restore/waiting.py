"""Two at once, one of them held up."""

import asyncio
from collections.abc import Callable
from typing import Any


async def is_held_up(task: "asyncio.Task[Any]") -> bool:
    """Whether the task still waits, after it had time enough to get to its lock."""
    done, _ = await asyncio.wait([task], timeout=0.2)
    return not done


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another task does, or another thread."""
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)
