"""What a test does to the machine of a restore from outside."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.support.local_machines import processes_of
from tests.support.whole_system import eventually


def agents(folder: Path) -> list[int]:
    """The processes of a machine's agent, restic's included."""
    return list(processes_of(folder))


def agent(folder: Path, seconds: float = 60) -> int:
    """The first process of a machine's agent, as soon as there is one."""
    found = eventually(lambda: agents(folder), seconds, every=0.02)
    return min(found)


@contextlib.contextmanager
def silent(folder: Path) -> Iterator[None]:
    """While the agent stands still; it may be gone by the end."""
    pid = agent(folder)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
