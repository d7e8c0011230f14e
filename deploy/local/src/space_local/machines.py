"""Machines of local instances: processes of the agent, which outlive the services' restart and end with the system."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from space_local.errors import LocalError
from space_local.process import boot_id, start_ticks
from space_local.secrecy import write_private

STOP_SECONDS = 10.0
KILL_SECONDS = 10.0


def ensure_installation(file: Path) -> UUID:
    """Names this system in the tags of its machines; made once. It is no secret, and must not change."""
    try:
        return UUID(file.read_text().strip())
    except FileNotFoundError:
        made = uuid4()
        write_private(file, f"{made}\n")
        return made
    except ValueError as error:
        raise LocalError(
            f"{file} is damaged. It names this system to its machines: put it back as it was, "
            "or remove it if there are no instances."
        ) from error


def machine_folders(root: Path) -> list[Path]:
    """A folder for each machine there is, below one for its provider."""
    return sorted(file.parent for file in root.glob("*/*/machine.json"))


def end_machines(root: Path) -> list[str]:
    """End every machine that runs under this folder, with what it has started; the ids of their instances.

    What they keep stays, and provisioning starts those again that should run when it is there again.

    Raises:
        LocalError: If one does not end.
    """
    machines = [_Machine.at(folder) for folder in machine_folders(root)]
    ended: set[str] = set()
    asked: set[int] = set()
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        deadline = time.monotonic() + seconds
        while (alive := dict(_processes(machines))) and time.monotonic() < deadline:
            ended |= set(alive.values())
            for pid in set(alive) if sign is signal.SIGKILL else set(alive) - asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
            asked |= set(alive)
            time.sleep(0.05)
    if alive:
        left = ", ".join(f"{pid} (instance {name})" for pid, name in sorted(alive.items()))
        raise LocalError(f"Machines of local instances do not end: process {left}. End them, and stop again.")
    return sorted(ended)


@dataclass(frozen=True)
class _Machine:
    """How the driver of local machines marks them: their leader is recorded, and all have their home there."""

    name: str
    home: bytes
    session: int | None
    """Of its leader, if that still lives: while anything is left of a session, no other gets its number."""

    @classmethod
    def at(cls, folder: Path) -> Self:
        return cls(folder.name, b"\0HOME=" + os.fsencode(folder / "agent") + b"\0", _leader(folder / "run.json"))


def _leader(file: Path) -> int | None:
    """The process that a machine's record names, if it is still that very one."""
    try:
        record = json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    pid = int(record["pid"])
    ours = record["boot"] == boot_id() and record["ticks"] is not None and start_ticks(pid) == record["ticks"]
    return pid if ours else None


def _processes(machines: Sequence[_Machine]) -> Iterator[tuple[int, str]]:
    """Every living process of these machines, and the instance that it is of."""
    if not machines:
        return
    for process in Path("/proc").glob("[0-9]*"):
        # It may end while it is looked at, and those of other users keep their environment to themselves.
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            environment = b"\0" + (process / "environ").read_bytes()
            for machine in machines:
                if fields[0] not in "ZX" and (int(fields[3]) == machine.session or machine.home in environment):
                    yield int(process.name), machine.name
