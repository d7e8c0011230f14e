"""Waiting for a coroutine in a plain function."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

_THREAD = ThreadPoolExecutor(max_workers=1)
"""It lives as long as we do: what is started in a thread is ended by the kernel when that thread ends."""


def wait_for(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """What `asyncio.run` gives, also while Playwright is there, which leaves an event loop of its own in our thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _THREAD.submit(asyncio.run, work).result()
