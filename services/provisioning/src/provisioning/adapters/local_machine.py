"""One local machine: what is wanted of it is kept in a file first; then it is brought there, however often we die."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from provisioning.adapters import local_ports, local_processes
from provisioning.adapters.local_calls import Gone, Turn, hold, hold_if_free, remove, write
from provisioning.adapters.local_processes import Run
from provisioning.ports import Machine, MachineState, Unanswered

REGION = "local"
GRAVES = ".gone"
"""The folder of root with a file for each machine that was ever destroyed."""
PATIENCE_SECONDS = 5.0
"""For a machine's processes to end by themselves when it is turned off."""
LOG_LIMIT_BYTES = 20 * 2**20
RESTIC_SECONDS = 60
"""How long an agent looks for a restic: nobody brings one later, but a machine that is busy may be slow to run it."""

Kept = TypeVar("Kept", bound=BaseModel)


class Plan(BaseModel):
    """What is wanted of a machine. Writing it is the one step with which a call takes effect."""

    model_config = ConfigDict(frozen=True)

    installation: UUID
    provider: str
    instance_id: UUID
    name: str
    size: str
    agent: Mapping[str, Any]
    port: int
    is_on: bool = True
    launch: int = 1
    """Rises when it is to be started anew; a `Run` says of which launch it is."""


@dataclass(frozen=True)
class LocalMachine:
    """The folder of a machine, which may not exist, or not any more.

    A change is: hold the folder, write the plan, converge. Whoever comes after one that was killed converges first.
    """

    root: Path
    command: Sequence[str]
    instance_id: UUID

    @property
    def folder(self) -> Path:
        return self.root / str(self.instance_id)

    @property
    def state_folder(self) -> Path:
        """The agent's own; also its ``HOME``, and so the mark of its processes."""
        return self.folder / "agent"

    @property
    def home(self) -> Path:
        """What an owner has on it."""
        return self.folder / "home"

    @property
    def grave(self) -> Path:
        return self.root / GRAVES / str(self.instance_id)

    def plan(self) -> Plan | None:
        return _read(self.folder / "machine.json", Plan)

    def run(self) -> Run | None:
        return _read(self.folder / "run.json", Run)

    def look(self) -> Machine | None:
        """The machine as it is, without waiting for whoever is changing it."""
        plan = self.plan()
        if plan is None:
            return None
        state = self._state(plan)
        address = f"127.0.0.1:{plan.port}" if state is MachineState.RUNNING else None
        return Machine(self.instance_id, str(self.instance_id), REGION, state, address)

    def _state(self, plan: Plan) -> MachineState:
        run = self.run()
        if self.grave.exists():
            return MachineState.ENDING
        if not plan.is_on:
            return MachineState.STOPPED if run is None else MachineState.STOPPING
        if run is None or run.launch != plan.launch:
            return MachineState.PENDING
        if run.lives:
            return MachineState.RUNNING
        return MachineState.STOPPED if run.has_begun else MachineState.PENDING

    def turn_on(self, turn: Turn, *, anew: bool) -> None:
        """Start it if it is off or has crashed; with ``anew`` also if it runs. Raises Gone, Unanswered."""
        with self._held(turn) as plan:
            run = self.run()
            if anew or not (plan.is_on and run is not None and run.lives):
                self._want(plan.model_copy(update={"is_on": True, "launch": plan.launch + 1}), turn)
            self._converge(turn)

    def turn_off(self, turn: Turn) -> None:
        """End its processes and keep its files. Raises Gone, Unanswered."""
        with self._held(turn) as plan:
            if plan.is_on:
                self._want(plan.model_copy(update={"is_on": False}), turn)
            self._converge(turn)

    def destroy(self, turn: Turn) -> None:
        """End it for good, with all its files; what stays says that it existed. Raises Gone, Unanswered."""
        with hold(self.folder, turn):
            if not self.grave.exists():
                if self.plan() is None:
                    raise Gone(self.folder)
                with turn.step():
                    write(self.grave, "")
            self._converge(turn)

    def converge(self, turn: Turn) -> None:
        """Finish what was begun by somebody who was killed or gave up. Raises Gone, Unanswered."""
        with hold(self.folder, turn):
            self._converge(turn)

    def converge_if_free(self, turn: Turn) -> None:
        """As `converge`, unless somebody is at it already."""
        with hold_if_free(self.folder) as is_held:
            if is_held:
                self._converge(turn)

    @contextlib.contextmanager
    def _held(self, turn: Turn) -> Iterator[Plan]:
        with hold(self.folder, turn):
            plan = self.plan()
            if plan is None:
                raise Gone(self.folder)
            yield plan

    def _converge(self, turn: Turn) -> None:
        """Bring the machine to its plan. Every step may be the last one of a process that is killed."""
        plan, run = self.plan(), self.run()
        if self.grave.exists():
            self._end(run, turn)
        elif plan is not None and not plan.is_on:
            self._halt(run, turn)
        elif plan is not None and not (run is not None and run.launch == plan.launch and run.has_begun):
            self._halt(run, turn)
            self._launch(plan, turn)

    def _halt(self, run: Run | None, turn: Turn) -> None:
        local_processes.end(self.state_folder, run, turn, patience_seconds=PATIENCE_SECONDS)
        with turn.step():
            (self.folder / "run.json").unlink(missing_ok=True)

    def _launch(self, plan: Plan, turn: Turn) -> None:
        if not local_ports.is_free(plan.port):
            plan = plan.model_copy(update={"port": local_ports.pick()})
            self._want(plan, turn)
        with turn.step():
            for folder in (self.state_folder, self.home):
                folder.mkdir(mode=0o700, exist_ok=True)
            write(self.folder / "agent.json", json.dumps(self._agent(plan), indent=2))
            local_processes.launch(
                [*self.command, "--config", str(self.folder / "agent.json")],
                local_processes.environment(self.state_folder),
                number=plan.launch,
                log=self._log(),
                record=lambda run: write(self.folder / "run.json", run.model_dump_json()),
            )

    def _end(self, run: Run | None, turn: Turn) -> None:
        """Its plan goes last: until then it is listed, and its end can be asked for again."""
        local_processes.end(self.state_folder, run, turn, patience_seconds=0)
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name == "machine.json"):
            remove(path)
        self.folder.rmdir()

    def _want(self, plan: Plan, turn: Turn) -> None:
        with turn.step():
            write_plan(self.folder, plan)

    def _log(self) -> Path:
        log = self.folder / "agent.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        return log

    def _agent(self, plan: Plan) -> dict[str, Any]:
        """What its agent is told: as wanted, and what only this machine knows."""
        return {
            **plan.agent,
            "folder": str(self.state_folder),
            "listen": f"127.0.0.1:{plan.port}",
            "traffic": "own",
            "disk": str(self.home),
            "disk_by": "folder",
            "restic_seconds": RESTIC_SECONDS,
            "restore_target": {"path": str(self.home), "uid": os.getuid(), "gid": os.getgid()},
            "activation": None,
        }


def write_plan(folder: Path, plan: Plan) -> None:
    write(folder / "machine.json", plan.model_dump_json(indent=2))


def _read(file: Path, kind: type[Kept]) -> Kept | None:
    try:
        return kind.model_validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as error:
        raise Unanswered(f"{file} is damaged; an operator has to mend it or end what it describes.") from error
