"""A provider of machines, in provisioning's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class MachineState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ENDING = "ending"
    """On its way out, and not to be had back; it may still cost."""


@dataclass(frozen=True)
class Machine:
    """A machine that exists. One that is gone for good is not a machine any more and is never listed.

    Args:
        instance_id: The intent it was made for, as its tag says.
        reference: The provider's id of it.
        address: Where others reach it, with a port where it is not 443; null while it has none.
    """

    instance_id: UUID
    reference: str
    region: str
    state: MachineState
    address: str | None


@dataclass(frozen=True)
class MachineWanted:
    """A machine to be made. ``instance_id`` is ours: the intent's token, its tag and the call's idempotency key.

    Args:
        region: The provider's own name of it.
        size: The provider's own name of the hardware.
        disk_bytes: How large its disk is to be, where the provider lets that be chosen.
        agent: What the agent on it is told, as JSON would hold it; it has the one-time enrolment secret.
    """

    instance_id: UUID
    name: str
    region: str
    size: str
    disk_bytes: int
    agent: Mapping[str, object]

    def __repr__(self) -> str:
        return f"MachineWanted({self.instance_id})"


class Unanswered(Exception):
    """The provider did not answer in time, or not sensibly: what was asked may have been done, or not."""


class OutOfCapacity(Exception):
    """The provider has no such machine just now; nothing was made."""


class CredentialsRefused(Exception):
    """The provider does not know us, or does not let us; nothing was done. An operator has to mend that."""


class OrderRefused(Exception):
    """The provider will not make such a machine, however often it is asked; nothing was made. The text says why."""


class InstanceDriver(Protocol):
    """Makes and ends machines. Each call has a deadline, and raises `Unanswered` when nothing certain came back.

    Every machine carries tags that name this installation and the intent (``instance_id``) from its very beginning;
    machines without them, or of another installation, are never seen or touched. Every call may also raise
    `CredentialsRefused`.
    """

    provider: str
    settle: timedelta
    """How long after the end of a call to `create` its machine may come into being without being found."""

    async def create(self, wanted: MachineWanted) -> Machine:
        """Make the machine of an intent, or answer the one that was made for it: never a second.

        Raises OutOfCapacity, OrderRefused (also for an intent whose machine was destroyed), Unanswered.
        """
        ...

    async def find(self, region: str, instance_id: UUID) -> Sequence[Machine]:
        """The machines of an intent: none, one, or more if the provider has blundered. Raises Unanswered."""
        ...

    async def list_machines(self, region: str) -> Sequence[Machine]:
        """Every machine of this installation in a region. Raises Unanswered."""
        ...

    async def stop(self, region: str, reference: str) -> None:
        """Turn a machine off; its disk stays. Stopping twice is fine, as with all below. Raises Unanswered."""
        ...

    async def start(self, region: str, reference: str) -> None:
        """Turn a machine on. Raises Unanswered, OutOfCapacity."""
        ...

    async def restart(self, region: str, reference: str) -> None:
        """Turn a running machine off and on again. Raises Unanswered."""
        ...

    async def destroy(self, region: str, reference: str) -> None:
        """Begin a machine's end, with everything on it; one that is gone is fine. `find` tells when it is gone.

        Raises Unanswered.
        """
        ...

    async def sold_out(self, region: str, sizes: Sequence[str]) -> frozenset[str]:
        """Which of these sizes cannot be had there just now. Raises Unanswered, OrderRefused for one that never can."""
        ...
