"""Machines of local instances: processes of the agent, which outlive the services' restart and end with the system."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path
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


def end_machines(root: Path) -> list[str]:
    """End every machine that runs under this folder, with what it has started; the ids of their instances.

    What they keep stays, and provisioning starts those again that should run when it is there again.

    Raises:
        LocalError: If one does not end.
    """
    leaders = {file.parent.name: leader for file in sorted(root.glob("*/run.json")) if (leader := _leader(file))}
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        for pid in leaders.values():
            # The machine leads a session of its own; the group outlives its leader for as long as a child of it does.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, sign)
        deadline = time.monotonic() + seconds
        while any(_is_alive(pid) for pid in leaders.values()) and time.monotonic() < deadline:
            time.sleep(0.02)
    left = [f"{pid} (instance {name})" for name, pid in leaders.items() if _is_alive(pid)]
    if left:
        raise LocalError(f"These machines of local instances do not end: process {', '.join(left)}. End them yourself.")
    return list(leaders)


def _leader(file: Path) -> int | None:
    """The process that a machine's record names, if it is still that very one."""
    try:
        record = json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    pid = int(record["pid"])
    ours = record["boot"] == boot_id() and record["ticks"] is not None and start_ticks(pid) == record["ticks"]
    return pid if ours else None


def _is_alive(group: int) -> bool:
    """Whether anything of a process group still runs; what has ended and is only not waited for does not."""
    return any(_group(stat) == group for stat in Path("/proc").glob("[0-9]*/stat"))


def _group(stat: Path) -> int | None:
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[2])
