"""Machines of local instances: they outlive a killed system, and end with one that is stopped."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from space_local import machines
from space_local.errors import LocalError
from space_local.machines import end_machines, ensure_installation
from space_local.options import Options
from space_local.process import Child, boot_id, start_ticks
from space_local.system import System
from tests.local.test_system import command

STUBBORN = "trap '' TERM; sleep 600 & wait; wait; wait"
# Restores change what programs take for their home.
WITH_A_CHILD = "HOME=/ sleep 600 & wait"
# The machine itself ends when it is told to, and leaves a child behind that does not hear it.
LEAVES_A_CHILD = "(trap '' TERM; while :; do sleep 1; done) & wait"

NewMachine = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def new_machine(home: Path) -> Iterator[NewMachine]:
    """Makes a process that leads a session, as the driver of local machines does, with its record."""
    made: list[subprocess.Popen[bytes]] = []

    def make(script: str = WITH_A_CHILD, root: Path = home, **changed: object) -> subprocess.Popen[bytes]:
        folder = root / "instances" / "local" / str(uuid4())
        folder.mkdir(parents=True)
        (folder / "machine.json").write_text("{}")
        told = {"PATH": os.environ["PATH"], "HOME": str(home if changed else folder / "agent")}
        process = subprocess.Popen(["/bin/sh", "-c", script], env=told, start_new_session=True)
        made.append(process)
        record = {"pid": process.pid, "ticks": start_ticks(process.pid), "boot": boot_id(), **changed}
        (folder / "run.json").write_text(json.dumps(record))
        return process

    yield make
    for process in made:
        for pid in session(process.pid):
            subprocess.run(["kill", "-KILL", str(pid)], check=False, capture_output=True)
        process.wait()


def session(leader: int) -> set[int]:
    """The live processes of a session."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] not in "ZX" and int(fields[3]) == leader:
            found.add(int(stat.parent.name))
    return found


def until(size: int, leader: int) -> None:
    deadline = time.monotonic() + 10
    while len(session(leader)) != size:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_machine_ends_with_all_that_it_started(home: Path, new_machine: NewMachine) -> None:
    first, second = new_machine(), new_machine()
    until(2, first.pid)
    assert len(end_machines(home / "instances")) == 2
    assert session(first.pid) | session(second.pid) == set()
    assert first.wait() == -signal.SIGTERM
    assert end_machines(home / "instances") == []


@pytest.mark.parametrize("script", [STUBBORN, LEAVES_A_CHILD])
def test_what_does_not_listen_is_killed(
    home: Path, new_machine: NewMachine, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(machines, "STOP_SECONDS", 0.5)
    machine = new_machine(script)
    until(3 if script == LEAVES_A_CHILD else 2, machine.pid)
    time.sleep(0.2)
    end_machines(home / "instances")
    assert session(machine.pid) == set()


@pytest.mark.parametrize("changed", [{"ticks": 1}, {"boot": "another"}, {"ticks": None}])
def test_only_the_very_process_of_a_record_is_ended(
    home: Path, new_machine: NewMachine, changed: dict[str, object]
) -> None:
    machine = new_machine(**changed)
    assert end_machines(home / "instances") == []
    assert machine.poll() is None


def test_what_a_machine_left_is_known_by_its_home(home: Path, new_machine: NewMachine) -> None:
    mark = f"left-{uuid4()}"
    machine = new_machine(f"setsid sh -c ': {mark}; while :; do sleep 1; done' & sleep 600 & wait")
    (name,) = (path.parent.name for path in home.glob("instances/*/*/run.json"))
    until(2, machine.pid)
    machine.kill()
    machine.wait()
    assert end_machines(home / "instances") == [name]
    assert subprocess.run(["pgrep", "-f", f"^sh -c : {mark}"], check=False).returncode == 1


def test_a_record_that_is_damaged_or_not_there_names_nobody(home: Path) -> None:
    folder = home / "instances" / "local"
    for name in ("off", "damaged"):
        (folder / name).mkdir(parents=True)
        (folder / name / "machine.json").write_text("{}")
    (folder / "damaged" / "run.json").write_text('{"pid": ')
    assert end_machines(home / "instances") == []
    assert end_machines(home / "nowhere") == []


def test_a_machine_that_cannot_be_ended_is_named(
    home: Path, new_machine: NewMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "STOP_SECONDS", 0.1)
    monkeypatch.setattr(machines, "KILL_SECONDS", 0.1)
    monkeypatch.setattr("os.kill", lambda pid, sign: None)
    machine = new_machine()
    with pytest.raises(LocalError, match=rf"do not end: process {machine.pid} \(instance .*\)"):
        end_machines(home / "instances")
    monkeypatch.undo()


def test_an_installation_keeps_its_name(tmp_path: Path) -> None:
    file = tmp_path / "installation"
    made = ensure_installation(file)
    assert made.version == 4
    assert ensure_installation(file) == made == UUID(file.read_text().strip())
    assert ensure_installation(tmp_path / "another") != made
    file.write_text("nonsense")
    with pytest.raises(LocalError, match="put it back"):
        ensure_installation(file)
    assert file.read_text() == "nonsense"


def test_a_machine_outlives_a_killed_system_and_is_not_ended_when_it_starts_again(
    options: Options, new_machine: NewMachine
) -> None:
    machine = new_machine()
    left = Child("services", ["/bin/sleep", "600"], options.home)
    left.spawn()
    said: list[str] = []
    system = System(options, said.append)
    system._open_state()
    assert said == ["Ended what a killed run had left: services."]
    assert machine.poll() is None
    assert not left.running
    system._let_go()


async def test_a_system_that_stops_ends_the_machines_after_the_services(
    options: Options, new_machine: NewMachine, tmp_path: Path
) -> None:
    system = System(options)
    await system.start()
    services, told = system.servers["services"].child.pid, tmp_path / "told"
    machine = new_machine(
        f"trap 'kill -0 {services} && echo early >{told} || echo late >{told}; exit' TERM; while :; do sleep 0.1; done"
    )
    await system.stop()
    assert session(machine.pid) == set()
    assert told.read_text() == "late\n"


def test_stop_ends_the_machines_that_a_killed_run_has_left(options: Options, new_machine: NewMachine) -> None:
    machine = new_machine()
    (name,) = (path.parent.name for path in options.home.glob("instances/*/*/run.json"))
    assert command(options, "stop").stdout == f"Ended what a killed run had left: instance {name}.\n"
    assert session(machine.pid) == set()
    assert command(options, "stop").stdout == "The system is not running.\n"


def test_destroy_ends_the_machines_and_counts_them(options: Options, new_machine: NewMachine) -> None:
    machine = new_machine()
    refused = command(options, "destroy")
    assert refused.returncode == 1
    assert "and 1 local instances" in refused.stdout
    assert machine.poll() is None
    assert command(options, "destroy", "--yes").returncode == 0
    assert session(machine.pid) == set()
    assert not options.home.exists()


def test_a_second_system_of_a_folder_does_not_end_the_machines_of_the_first(
    system: System, new_machine: NewMachine
) -> None:
    machine = new_machine(root=system.state)
    again = command(system.options, "run")
    assert again.returncode == 1
    assert machine.poll() is None
