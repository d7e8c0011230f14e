"""The processes of a local machine: recorded before they run, known for ever, ended with all their children."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from provisioning.adapters.local_calls import Turn

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "RESTIC")
"""What a machine may know of our environment: never our secrets."""

PAUSE_SECONDS = 0.05
AT_A_WORD = 'read -r word && exec "$@" </dev/null'
"""A shell that becomes the command when it is told to; at an end of file it ends."""


class Run(BaseModel):
    """One process, told from all others for ever: start time and boot, as numbers of processes are used again."""

    model_config = ConfigDict(frozen=True)

    launch: int
    """Which launch of the machine it is of."""
    has_begun: bool
    """Whether it was told to become the command."""
    pid: int
    ticks: int
    boot: str

    @property
    def lives(self) -> bool:
        return self.boot == boot_id() and start_ticks(self.pid) == self.ticks


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it has ended, also if nobody has asked how."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def environment(home: Path) -> dict[str, str]:
    """What a machine's processes are told. ``HOME`` is the mark that their children carry too, see `members`."""
    return {**{name: os.environ[name] for name in INHERITED if name in os.environ}, "HOME": str(home)}


def launch(
    command: Sequence[str], environment: Mapping[str, str], *, number: int, log: Path, record: Callable[[Run], None]
) -> None:
    """Start a command in a session of its own, after `record` has written down which process it is.

    If we are killed before that, the process reads an end of file and ends: none ever runs that is not recorded.
    """
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        child = subprocess.Popen(  # noqa: S603  (an operator's command)
            ["/bin/sh", "-c", AT_A_WORD, "sh", *command],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
        )
    # Somebody has to ask how a child of ours ended, or its number is never free again.
    threading.Thread(target=child.wait, daemon=True).start()
    assert child.stdin is not None
    with child.stdin as pipe:
        ticks = start_ticks(child.pid)
        if ticks is None:
            raise ChildProcessError("The process ended before it had begun.")
        run = Run(launch=number, has_begun=False, pid=child.pid, ticks=ticks, boot=boot_id())
        record(run)
        pipe.write(b"begin\n")
    record(run.model_copy(update={"has_begun": True}))


def end(home: Path, run: Run | None, turn: Turn, *, patience_seconds: float) -> None:
    """End a machine's processes: ask them, and kill those that are left when the patience is over. Raises Unanswered.

    Returns:
        When none is left.
    """
    # While its leader lives, its session is the machine's for certain, and no other gets that number while we end it.
    session = run.pid if run is not None and run.lives else None
    kill_at = time.monotonic() + patience_seconds
    asked: set[int] = set()
    while pids := set(members(home, session)):
        is_late = time.monotonic() >= kill_at
        with turn.step():
            for pid in pids if is_late else pids - asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if is_late else signal.SIGTERM)
        asked |= pids
        time.sleep(PAUSE_SECONDS)


def members(home: Path, session: int | None) -> Iterator[int]:
    """The living processes of a machine: those of its session, and those elsewhere that have kept its ``HOME``."""
    mark = b"\0HOME=" + os.fsencode(home) + b"\0"
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        fields = _stat(pid)
        if not fields:
            continue
        with contextlib.suppress(OSError):
            if (session is not None and int(fields[3]) == session) or mark in b"\0" + (entry / "environ").read_bytes():
                yield pid


def _stat(pid: int) -> list[str]:
    """The fields of a living process from its state on; none for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [] if fields[0] in "ZX" else fields
