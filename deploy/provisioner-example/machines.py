"""The example's provider of machines: each is a folder and a process. Yours asks a cloud instead, by the same three.

A machine holds the lock of its folder from before its first instruction until its last process has ended, so whether
it exists is certain also for a provisioner that was killed while starting it. Its id is in the lock's file.
"""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

BOOT = 'echo $$ > lock && cd disk && exec "$@"'


def start(folder: Path, command: Sequence[str]) -> None:
    """Start the machine of this folder, unless it was started before."""
    (folder / "disk").mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not (folder / "lock").read_text():
            subprocess.Popen(  # noqa: S603  (the operator's own command)
                ["/bin/sh", "-c", BOOT, "sh", *command], cwd=folder, pass_fds=[lock.fileno()], start_new_session=True
            )


def exists(folder: Path) -> bool:
    if not folder.exists():
        return False
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def end(folder: Path) -> None:
    """Begin the machine's end; `exists` tells when it is gone. One that is only just starting is left for next time."""
    with suppress(FileNotFoundError, ProcessLookupError):
        if exists(folder) and (pid := (folder / "lock").read_text()):
            os.killpg(int(pid), signal.SIGKILL)


def count(folder: Path) -> dict[str, int]:
    """The machine's counters: what is on its disk, and the traffic since it began, of which this example has none."""
    counted = subprocess.run(["du", "-sk", folder / "disk"], stdout=subprocess.PIPE, check=False)  # noqa: S603, S607
    return {"traffic_bytes": 0, "disk_bytes": 1024 * int(counted.stdout.split()[0])}


def clear(folder: Path) -> None:
    """Delete what a machine left behind."""
    shutil.rmtree(folder, ignore_errors=True)
