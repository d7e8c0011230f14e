"""A provider of machines with a truth of its own, for tests that need one to misbehave on purpose.

It keeps what the port promises and nothing more: machines carry the intent's id, a create call under an id that has a
machine answers that machine, and one whose machine was destroyed is refused.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from provisioning.ports import (
    CredentialsRefused,
    Machine,
    MachineState,
    MachineWanted,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)

Answer = TypeVar("Answer")

FAILURES: dict[str, type[Exception]] = {
    "out_of_capacity": OutOfCapacity,
    "refused": OrderRefused,
    "credentials_refused": CredentialsRefused,
    "unanswered": Unanswered,
}


@dataclass
class FakeCloud:
    """Machines by reference.

    Args:
        script: What becomes of the next calls, in order: ``"<call> <outcome>"`` with an outcome of `FAILURES`, or
            ``done_unanswered``: done, and the answer lost. A call that is not the next in the script goes well.
        boots: A machine runs as soon as it is made; otherwise `power_on` makes it run.
    """

    provider: str = "local"
    settle: timedelta = timedelta(0)
    machines: dict[str, Machine] = field(default_factory=dict)
    wanted: dict[UUID, MachineWanted] = field(default_factory=dict)
    made: Counter[UUID] = field(default_factory=Counter)
    destroyed: Counter[UUID] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    script: deque[str] = field(default_factory=deque)
    boots: bool = True
    lingers: bool = False
    """A destroyed machine goes on being listed as ending until `let_go`."""
    holds: MachineState | None = None
    """A machine that is stopped gets no further than this."""
    sold_out_sizes: frozenset[str] = frozenset()
    delay_seconds: float = 0
    """How long a machine takes until it is made."""

    async def create(self, wanted: MachineWanted) -> Machine:
        await asyncio.sleep(self.delay_seconds)
        return self._do("create", lambda: self._make(wanted))

    async def find(self, region: str, instance_id: UUID) -> Sequence[Machine]:
        return self._do("find", lambda: [each for each in self._at(region) if each.instance_id == instance_id])

    async def list_machines(self, region: str) -> Sequence[Machine]:
        return self._do("list_machines", lambda: self._at(region))

    async def stop(self, region: str, reference: str) -> None:
        self._do("stop", lambda: self.set_state(reference, self.holds or MachineState.STOPPED))

    async def start(self, region: str, reference: str) -> None:
        self._do("start", lambda: self.set_state(reference, MachineState.RUNNING))

    async def restart(self, region: str, reference: str) -> None:
        self._do("restart", lambda: self.set_state(reference, MachineState.RUNNING))

    async def destroy(self, region: str, reference: str) -> None:
        self._do("destroy", lambda: self._end(reference))

    async def sold_out(self, region: str, sizes: Sequence[str]) -> frozenset[str]:
        return self._do("sold_out", lambda: frozenset(sizes) & self.sold_out_sizes)

    def of(self, instance_id: UUID) -> list[Machine]:
        """The machines of an intent, however they are."""
        return [machine for machine in self.machines.values() if machine.instance_id == instance_id]

    def plant(self, instance_id: UUID, region: str = "local") -> Machine:
        """A machine that nobody here asked for."""
        machine = Machine(instance_id, f"m-{uuid4().hex[:12]}", region, MachineState.RUNNING, "10.0.0.9")
        self.machines[machine.reference] = machine
        return machine

    def power_on(self) -> None:
        """Everything that is pending runs."""
        for reference, machine in list(self.machines.items()):
            if machine.state is MachineState.PENDING:
                self.set_state(reference, MachineState.RUNNING)

    def let_go(self) -> None:
        """Everything that ends is gone."""
        self.machines = {ref: each for ref, each in self.machines.items() if each.state is not MachineState.ENDING}

    def set_state(self, reference: str, state: MachineState) -> None:
        machine = self.machines.get(reference)
        if machine is not None and machine.state is not MachineState.ENDING:
            address = "10.0.0.9" if state is MachineState.RUNNING else machine.address
            self.machines[reference] = replace(machine, state=state, address=address)

    def _at(self, region: str) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.region == region]

    def _make(self, wanted: MachineWanted) -> Machine:
        found = self.of(wanted.instance_id)
        if found:
            return found[0]
        if self.destroyed[wanted.instance_id]:
            raise OrderRefused("its machine was destroyed")
        state = MachineState.RUNNING if self.boots else MachineState.PENDING
        address = "10.0.0.9" if self.boots else None
        machine = Machine(wanted.instance_id, f"m-{uuid4().hex[:12]}", wanted.region, state, address)
        self.machines[machine.reference] = machine
        self.wanted[wanted.instance_id] = wanted
        self.made[wanted.instance_id] += 1
        return machine

    def _end(self, reference: str) -> None:
        machine = self.machines.get(reference)
        if machine is None:
            return
        self.destroyed[machine.instance_id] += 1
        if self.lingers:
            self.machines[reference] = replace(machine, state=MachineState.ENDING)
        else:
            del self.machines[reference]

    def _do(self, call: str, effect: Callable[[], Answer]) -> Answer:
        self.calls.append(call)
        outcome = self._next(call)
        if outcome in FAILURES:
            raise FAILURES[outcome](f"the script says that {call} is {outcome}")
        answer = effect()
        if outcome == "done_unanswered":
            raise Unanswered(f"the script loses the answer of {call}")
        return answer

    def _next(self, call: str) -> str:
        if self.script and self.script[0].split()[0] == call:
            return self.script.popleft().split()[1]
        return "done"
