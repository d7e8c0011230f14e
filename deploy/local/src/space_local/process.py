"""Child processes that end with us, are found again after a crash, and leave a log."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from space_local.errors import LocalError, ServerFailed

LOG_LIMIT = 20 * 2**20
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME", "LD_LIBRARY_PATH")


def inherited_environment() -> dict[str, str]:
    """What a child may know of our environment: never our secrets."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except FileNotFoundError:
        return ""


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; with the boot id it names one process for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass
class Child:
    """One supervised process.

    It is started in a session of its own, so that Ctrl-C reaches only us and servers end in the right order.
    The kernel signals it when we die (`setpriv --pdeathsig`); its pid file lets the next start end what is left.
    """

    name: str
    command: Sequence[str]
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    uid: int | None = None
    gid: int | None = None
    folder: Path = Path("/")
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home / "logs" / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.home / "run" / f"{self.name}.json"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise LocalError(f"{self.name} is not running.")
        return self.process.pid

    def spawn(self) -> None:
        """Start the process. Call it from a thread that lives on: the death signal follows the thread."""
        if self.running:
            raise LocalError(f"{self.name} is already running.")
        for folder in (self.log.parent, self.pid_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        end_leftover(self.pid_file)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  (our own commands)
                [*self._wrapper(), *self.command],
                env={**inherited_environment(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
            )
        record = {"pid": self.process.pid, "ticks": start_ticks(self.process.pid), "boot": boot_id()}
        self.pid_file.write_text(json.dumps(record))

    async def until_ready(self, probe: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait until the probe says yes; a process that ends, or is late, is a failure with its log."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.running:
                code = self.process.returncode if self.process else None
                raise ServerFailed(self.name, f"ended with code {code} while starting", self.log)
            if await probe():
                return
            await asyncio.sleep(0.05)
        raise ServerFailed(self.name, f"was not ready within {seconds:.0f} s", self.log)

    async def stop(self) -> None:
        """Ask the process to end, insist after `stop_seconds`, forget its pid file."""
        if self.process is not None:
            if self.running:
                self.process.send_signal(self.stop_signal)
            deadline = time.monotonic() + self.stop_seconds
            while self.running and time.monotonic() < deadline:  # noqa: ASYNC110  (a process rings no event)
                await asyncio.sleep(0.02)
            self.kill()
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the process and its session at once, as a crash would."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _wrapper(self) -> list[str]:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            return []
        wrapper = [setpriv, "--pdeathsig", self.death_signal.name.removeprefix("SIG")]
        if self.uid is not None:
            wrapper += ["--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups", "--inh-caps=-all"]
        return [*wrapper, "--"]


def end_leftover(pid_file: Path) -> bool:
    """End the process that a pid file of an earlier run names, if it is still that one; True if it was."""
    try:
        record = json.loads(pid_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    pid = int(record["pid"])
    ours = record["boot"] == boot_id() and record["ticks"] is not None and start_ticks(pid) == record["ticks"]
    if ours:
        for sign, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
            deadline = time.monotonic() + seconds
            while start_ticks(pid) == record["ticks"] and time.monotonic() < deadline:
                time.sleep(0.02)
        if start_ticks(pid) == record["ticks"]:
            raise LocalError(f"Process {pid}, left by an earlier run, does not end. End it and start again.")
    pid_file.unlink(missing_ok=True)
    return ours


def end_leftovers(home: Path) -> list[str]:
    """End what a killed run left behind; the names of what was still there."""
    return [file.stem for file in sorted((home / "run").glob("*.json")) if end_leftover(file)]


class Server:
    """Start, stop, kill and restart, for async code and for code that has no loop."""

    child: Child

    @property
    def running(self) -> bool:
        return hasattr(self, "child") and self.child.running

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        if hasattr(self, "child"):
            await self.child.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def kill(self) -> None:
        """What a power cut does to it; `start` goes on from the same data."""
        self.child.kill()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        return asyncio.run(self.__aenter__())

    def __exit__(self, *_: object) -> None:
        asyncio.run(self.stop())
