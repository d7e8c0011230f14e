"""The driver `sandbox`: another driver, which fails on demand; what is to go wrong is chosen by the size."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from provisioning.ports import (
    CredentialsRefused,
    InstanceDriver,
    Machine,
    MachineWanted,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)

OUT_OF_CAPACITY = "out-of-capacity"
TIMES_OUT_AFTER_CREATING = "times-out-after-creating"
SLOW = "slow"
WRONG_CREDENTIALS = "wrong-credentials"
REFUSED = "refused"

REFUSALS: dict[str, type[Exception]] = {
    OUT_OF_CAPACITY: OutOfCapacity,
    WRONG_CREDENTIALS: CredentialsRefused,
    REFUSED: OrderRefused,
}


class SandboxDriver:
    """For tests and demonstrations: each size in this module fails in its way when it is created, any other is made.

    Its plans look available, so that the failure comes where a provider's does that has changed its mind.

    Args:
        inner: Makes the machines.
        slow_seconds: How long the size `slow` takes before it is made.
    """

    def __init__(self, inner: InstanceDriver, *, slow_seconds: float = 5.0) -> None:
        self.provider = inner.provider
        self.settle = inner.settle
        self._inner = inner
        self._slow_seconds = slow_seconds

    async def create(self, wanted: MachineWanted) -> Machine:
        if wanted.size in REFUSALS:
            raise REFUSALS[wanted.size](f"The sandbox makes no machine of the size {wanted.size!r}.")
        if wanted.size == SLOW:
            await asyncio.sleep(self._slow_seconds)
        machine = await self._inner.create(wanted)
        if wanted.size == TIMES_OUT_AFTER_CREATING:
            raise Unanswered("The sandbox keeps its answer to itself, as the size asks for.")
        return machine

    async def find(self, region: str, instance_id: UUID) -> Sequence[Machine]:
        return await self._inner.find(region, instance_id)

    async def list_machines(self, region: str) -> Sequence[Machine]:
        return await self._inner.list_machines(region)

    async def stop(self, region: str, reference: str) -> None:
        await self._inner.stop(region, reference)

    async def start(self, region: str, reference: str) -> None:
        await self._inner.start(region, reference)

    async def restart(self, region: str, reference: str) -> None:
        await self._inner.restart(region, reference)

    async def destroy(self, region: str, reference: str) -> None:
        await self._inner.destroy(region, reference)

    async def sold_out(self, region: str, sizes: Sequence[str]) -> frozenset[str]:
        return await self._inner.sold_out(region, sizes)
