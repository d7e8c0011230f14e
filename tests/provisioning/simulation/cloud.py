"""A cloud with a truth of its own: slow to show what it did, quick to lose an answer, and without any kindness."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from provisioning.ports import (
    CredentialsRefused,
    Machine,
    MachineState,
    MachineWanted,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)

SETTLE = timedelta(minutes=3)
BOOTS_IN = timedelta(seconds=40)
ENDS_IN = timedelta(seconds=30)


@dataclass
class Truth:
    """A machine as it really is."""

    instance_id: UUID
    reference: str
    made_at: datetime
    shown_at: datetime
    """Nothing that is asked shows it before."""
    is_on: bool = True
    ending_at: datetime | None = None


@dataclass
class SimulatedCloud:
    """Implements `InstanceDriver` over a clock that the world sets.

    Args:
        knows_intents: A second create call for an intent is answered with its machine, and refused once that was
            destroyed. Without it every call that comes through makes a machine: that there is never a second one is
            then the service's doing alone.
        trouble: How likely a call goes wrong, from 0 to 1.
    """

    random: Random
    clock: Callable[[], datetime]
    pass_time: Callable[[timedelta], None]
    knows_intents: bool
    trouble: float = 0.0
    provider: str = "local"
    settle: timedelta = SETTLE
    machines: dict[str, Truth] = field(default_factory=dict)
    made: Counter[UUID] = field(default_factory=Counter)
    gone: set[UUID] = field(default_factory=set)
    vanished: Counter[UUID] = field(default_factory=Counter)
    wanted: dict[UUID, MachineWanted] = field(default_factory=dict)
    most_at_once: Counter[UUID] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    late: list[tuple[datetime, MachineWanted]] = field(default_factory=list)
    """Requests that are still on their way, though nobody waits for their answer."""

    async def create(self, wanted: MachineWanted) -> Machine:
        self.calls["create"] += 1
        promised = self.clock() + self.settle * 0.9
        await self._travel()
        # The call that everything hangs on goes wrong most often, and mostly in the ways that leave no certainty.
        if self._goes_wrong() or self._goes_wrong():
            what = self.random.choice(("lost", "lost", "late", "late", "nothing", "full", "credentials", "refused"))
            if what == "lost":
                self._make(wanted)
            elif what == "late":
                left = max(promised - self.clock(), timedelta(0))
                self.late.append((self.clock() + self.random.random() * left, wanted))
            elif what == "full":
                raise OutOfCapacity("none left")
            elif what == "credentials":
                raise CredentialsRefused("who are you?")
            elif what == "refused" and self.random.random() < 0.3:
                raise OrderRefused("not this one")
            raise Unanswered(what)
        return self._seen(self._make(wanted))

    async def find(self, region: str, instance_id: UUID) -> Sequence[Machine]:
        await self._ask("find")
        return [self._seen(truth) for truth in self._shown() if truth.instance_id == instance_id]

    async def list_machines(self, region: str) -> Sequence[Machine]:
        await self._ask("list_machines")
        return [self._seen(truth) for truth in self._shown()]

    async def stop(self, region: str, reference: str) -> None:
        await self._change("stop", lambda: self._power(reference, is_on=False))

    async def start(self, region: str, reference: str) -> None:
        await self._change("start", lambda: self._power(reference, is_on=True))

    async def restart(self, region: str, reference: str) -> None:
        await self._change("restart", lambda: self._power(reference, is_on=True))

    async def destroy(self, region: str, reference: str) -> None:
        await self._change("destroy", lambda: self._end(reference))

    async def sold_out(self, region: str, sizes: Sequence[str]) -> frozenset[str]:
        await self._ask("sold_out")
        return frozenset()

    def happen(self) -> None:
        """What has become due by itself: late requests arrive, machines come to their end."""
        now = self.clock()
        arrived = [(at, wanted) for at, wanted in self.late if at <= now]
        self.late = [(at, wanted) for at, wanted in self.late if at > now]
        for at, wanted in arrived:
            self._make(wanted, at)
        for reference, truth in list(self.machines.items()):
            if truth.ending_at is not None and truth.ending_at + ENDS_IN <= now:
                del self.machines[reference]

    def alive(self, instance_id: UUID) -> list[Truth]:
        """The machines of an intent that nobody has ended."""
        return [truth for truth in self.machines.values() if truth.instance_id == instance_id and not truth.ending_at]

    def vanish(self, reference: str) -> None:
        """The provider ends a machine by itself, as providers do."""
        truth = self.machines.pop(reference)
        self.gone.add(truth.instance_id)
        self.vanished[truth.instance_id] += 1

    def plant(self, instance_id: UUID) -> str:
        """A machine that came from nowhere."""
        return self._add(instance_id).reference

    def _make(self, wanted: MachineWanted, at: datetime | None = None) -> Truth:
        found = self.alive(wanted.instance_id)
        if self.knows_intents and wanted.instance_id in self.gone:
            raise OrderRefused("its machine was destroyed")
        if self.knows_intents and found:
            return found[0]
        self.made[wanted.instance_id] += 1
        self.wanted[wanted.instance_id] = wanted
        return self._add(wanted.instance_id, at)

    def _add(self, instance_id: UUID, at: datetime | None = None) -> Truth:
        now = at or self.clock()
        lag = self.random.choice((timedelta(0), timedelta(seconds=5), timedelta(minutes=1)))
        truth = Truth(instance_id, f"m-{self.random.getrandbits(48):012x}", now, now + lag)
        self.machines[truth.reference] = truth
        alive = len(self.alive(instance_id))
        self.most_at_once[instance_id] = max(self.most_at_once[instance_id], alive)
        return truth

    def _power(self, reference: str, *, is_on: bool) -> None:
        truth = self.machines.get(reference)
        if truth is not None:
            truth.is_on = is_on

    def _end(self, reference: str) -> None:
        truth = self.machines.get(reference)
        if truth is not None and truth.ending_at is None:
            truth.ending_at = self.clock()
            self.gone.add(truth.instance_id)

    def _shown(self) -> list[Truth]:
        self.happen()
        return [truth for truth in self.machines.values() if truth.shown_at <= self.clock()]

    def _seen(self, truth: Truth) -> Machine:
        if truth.ending_at is not None:
            state = MachineState.ENDING
        elif not truth.is_on:
            state = MachineState.STOPPED
        elif self.clock() < truth.made_at + BOOTS_IN:
            state = MachineState.PENDING
        else:
            state = MachineState.RUNNING
        address = "10.0.0.9" if state is MachineState.RUNNING else None
        return Machine(truth.instance_id, truth.reference, "local", state, address)

    async def _ask(self, call: str) -> None:
        self.calls[call] += 1
        await self._travel()
        if self._goes_wrong():
            raise self.random.choice((Unanswered, Unanswered, CredentialsRefused))(f"{call} went wrong")

    async def _change(self, call: str, effect: Callable[[], None]) -> None:
        self.calls[call] += 1
        await self._travel()
        if self._goes_wrong():
            if self.random.random() < 0.5:
                effect()
            raise Unanswered(f"{call} went wrong")
        effect()

    async def _travel(self) -> None:
        """A request takes its time, in which others get on."""
        for _ in range(self.random.randrange(3)):
            await asyncio.sleep(0)
        self.pass_time(timedelta(seconds=self.random.uniform(0, 2)))
        self.happen()

    def _goes_wrong(self) -> bool:
        return self.random.random() < self.trouble
