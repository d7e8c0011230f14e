"""Calls to drivers: each with a deadline, and counted."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from provisioning.metrics import machine_call
from provisioning.ports import InstanceDriver, Unanswered

Answer = TypeVar("Answer")


async def ask(driver: InstanceDriver, call: str, asked: Awaitable[Answer], seconds: float) -> Answer:
    """What the driver answers, within a deadline.

    Args:
        call: The name of its method.

    Raises:
        Unanswered: Also when the deadline passes.
        OutOfCapacity, CredentialsRefused, OrderRefused: As the driver says.
    """
    with machine_call(driver.provider, call):
        try:
            async with asyncio.timeout(seconds):
                return await asked
        except TimeoutError as late:
            raise Unanswered(f"{driver.provider} did not answer {call} within {seconds:g} s") from late
