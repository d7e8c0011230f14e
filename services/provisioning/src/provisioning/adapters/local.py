"""The driver `local`: an instance is a process of the agent on this machine, with a folder of its own."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from provisioning.adapters import local_ports
from provisioning.adapters.local_calls import Gone, Turn, hold, remove, sync
from provisioning.adapters.local_machine import GRAVES, REGION, LocalMachine, Plan, write_plan
from provisioning.ports import Machine, MachineState, MachineWanted, OrderRefused, OutOfCapacity, Unanswered

NEW = ".new"
"""The folder of root where a machine's folder is prepared, to appear with its plan or not at all."""

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class LocalDriver:
    """Machines under ``root/<instance_id>/``, which outlive this process and are known by their files.

    Several processes and threads may act on one root at once.

    Args:
        root: Of machines only. Machines of other installations and providers may lie there; they are not seen.
        command: What a machine runs, followed by ``--config FILE``.
        capacity: Machines that may exist in root at once.
        deadline_seconds: For a whole call.
        keep_free_bytes: No machine is made when the disk has less than this left.
    """

    settle = timedelta(0)
    """A machine comes into being by a rename, and none begins after its call was answered (`Turn`)."""

    def __init__(
        self,
        provider: str,
        root: Path,
        command: Sequence[str],
        capacity: int,
        installation: UUID,
        *,
        deadline_seconds: float = 60.0,
        keep_free_bytes: int = 2**30,
    ) -> None:
        self.provider = provider
        self._root = root.absolute()
        self._command = tuple(command)
        self._capacity = capacity
        self._installation = installation
        self._deadline_seconds = deadline_seconds
        self._keep_free_bytes = keep_free_bytes
        for folder in (self._root, self._root / NEW, self._root / GRAVES):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def create(self, wanted: MachineWanted) -> Machine:
        _require_region(wanted.region)
        return await self._in_time(lambda turn: self._create(wanted, turn))

    async def find(self, region: str, instance_id: UUID) -> Sequence[Machine]:
        _require_region(region)
        return await self._in_time(lambda turn: self._find(instance_id, turn))

    async def list_machines(self, region: str) -> Sequence[Machine]:
        _require_region(region)
        return await self._in_time(self._list)

    async def stop(self, region: str, reference: str) -> None:
        await self._change(region, reference, LocalMachine.turn_off)

    async def start(self, region: str, reference: str) -> None:
        await self._change(region, reference, lambda machine, turn: machine.turn_on(turn, anew=False))

    async def restart(self, region: str, reference: str) -> None:
        await self._change(region, reference, lambda machine, turn: machine.turn_on(turn, anew=True))

    async def destroy(self, region: str, reference: str) -> None:
        await self._change(region, reference, LocalMachine.destroy)

    async def sold_out(self, region: str, sizes: Sequence[str]) -> frozenset[str]:
        _require_region(region)
        return await self._in_time(lambda _: self._sold_out(sizes))

    def _create(self, wanted: MachineWanted, turn: Turn) -> Machine:
        machine = self._machine(wanted.instance_id)
        with hold(self._root, turn):
            # In this order: a destroyed machine's grave is there before its folder goes.
            if not machine.folder.exists():
                self._refuse_a_second_life(machine)
                self._prepare(machine, wanted, turn)
        if self._is_anothers(machine):
            raise OrderRefused(f"{machine.folder} belongs to another installation or provider.")
        with contextlib.suppress(Gone):
            machine.converge(turn)
        self._refuse_a_second_life(machine)
        made = machine.look()
        if made is None:
            raise Unanswered(f"{machine.folder} is not to be seen.")
        return made

    def _prepare(self, machine: LocalMachine, wanted: MachineWanted, turn: Turn) -> None:
        """Give a machine its folder, at once with its plan."""
        self._require_command()
        plans = [plan for other in self._machines() if (plan := other.plan())]
        if (shortage := self._shortage(len(plans))) is not None:
            raise OutOfCapacity(shortage)
        plan = Plan(
            installation=self._installation,
            provider=self.provider,
            instance_id=wanted.instance_id,
            name=wanted.name,
            size=wanted.size,
            agent=wanted.agent,
            port=local_ports.pick(frozenset(plan.port for plan in plans)),
        )
        new = self._root / NEW / machine.folder.name
        # What a killed call left; nobody else prepares while root is held.
        remove(new)
        new.mkdir(mode=0o700)
        write_plan(new, plan)
        with turn.step():
            new.rename(machine.folder)
            sync(self._root)

    def _refuse_a_second_life(self, machine: LocalMachine) -> None:
        if machine.grave.exists():
            raise OrderRefused(f"The machine of instance {machine.instance_id} was destroyed; it has no second one.")

    def _find(self, instance_id: UUID, turn: Turn) -> list[Machine]:
        machine = self._machine(instance_id)
        if self._is_anothers(machine):
            return []
        self._finish(machine, turn)
        found = machine.look()
        return [found] if found else []

    def _list(self, turn: Turn) -> list[Machine]:
        """All of ours. Who only ever lists may be the only one who looks at what a killed call has begun."""
        ours = [machine for machine in self._machines() if not self._is_anothers(machine)]
        for machine in ours:
            found = machine.look()
            if found and found.state not in (MachineState.RUNNING, MachineState.STOPPED):
                self._finish(machine, turn)
        return [found for machine in ours if (found := machine.look())]

    def _finish(self, machine: LocalMachine, turn: Turn) -> None:
        """Bring a machine to what was wanted of it, unless somebody is at it."""
        try:
            with contextlib.suppress(Gone):
                machine.converge_if_free(turn)
        except (Unanswered, OSError) as error:
            # What it is can still be told, and the next look tries again.
            log.info("local_machine_not_finished", instance_id=str(machine.instance_id), error=str(error))

    def _sold_out(self, sizes: Sequence[str]) -> frozenset[str]:
        """A size is only a name here: what there is, is there for all of them."""
        self._require_command()
        count = sum(machine.plan() is not None for machine in self._machines())
        return frozenset(sizes if self._shortage(count) else ())

    async def _change(self, region: str, reference: str, change: Callable[[LocalMachine, Turn], None]) -> None:
        _require_region(region)
        machine = self._machine(UUID(reference))

        def carry_out(turn: Turn) -> None:
            if not self._is_anothers(machine):
                with contextlib.suppress(Gone):
                    change(machine, turn)

        await self._in_time(carry_out)

    async def _in_time(self, work: Callable[[Turn], Answer]) -> Answer:
        """Do blocking work in a thread; when this returns, the work is done or changes nothing more."""
        turn = Turn(self._deadline_seconds)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await asyncio.to_thread(work, turn)
        except TimeoutError as error:
            raise Unanswered(f"This machine did not answer within {self._deadline_seconds:.0f} s.") from error
        except OSError as error:
            raise Unanswered(f"This machine could not do what was asked: {error}") from error
        finally:
            turn.give_up()

    def _machine(self, instance_id: UUID) -> LocalMachine:
        return LocalMachine(self._root, self._command, instance_id)

    def _machines(self) -> Iterator[LocalMachine]:
        """All of root, of other installations too."""
        for folder in sorted(self._root.iterdir()):
            with contextlib.suppress(ValueError):
                yield self._machine(UUID(folder.name))

    def _is_anothers(self, machine: LocalMachine) -> bool:
        plan = machine.plan()
        return plan is not None and (plan.installation, plan.provider) != (self._installation, self.provider)

    def _shortage(self, machines: int) -> str | None:
        if machines >= self._capacity:
            return f"{machines} machines exist in {self._root}, which is all that may."
        free_bytes = shutil.disk_usage(self._root).free
        if free_bytes < self._keep_free_bytes:
            return f"The disk of {self._root} has {free_bytes} bytes left, less than {self._keep_free_bytes}."
        return None

    def _require_command(self) -> None:
        if shutil.which(self._command[0]) is None:
            raise OrderRefused(f"There is no program {self._command[0]!r} here; PROVISIONING_LOCAL_COMMAND names it.")


def _require_region(region: str) -> None:
    """A region that is not known is refused rather than said to be empty."""
    if region != REGION:
        raise OrderRefused(f"There is no region {region!r} here, only {REGION!r}.")
