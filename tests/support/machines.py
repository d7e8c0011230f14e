"""Drivers under test, each over a provider of its own, and the small program that local machines run in tests."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from provisioning.adapters.local import LocalDriver
from provisioning.adapters.sandbox import SandboxDriver
from provisioning.ports import InstanceDriver, MachineWanted

INSTALLATION = UUID("5f0c7d1e-0000-4000-8000-000000000001")
OTHER_INSTALLATION = UUID("5f0c7d1e-0000-4000-8000-000000000002")
SECRET = "one-time-enrolment-secret"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class DriverUnderTest:
    """A driver, and what the contract needs to know of its provider.

    Args:
        other: A driver of another installation at the same provider, with the same account.
        unknown_size: A size that the provider does not know; null where a size is only a name.
        full: A driver of a provider that has no machine left; null where that cannot be had.
        region: Where machines are made.
        patience_seconds: How long the provider may take to show a change.
    """

    driver: InstanceDriver
    other: InstanceDriver
    size: str
    region: str
    unknown_region: str
    unknown_size: str | None = None
    full: InstanceDriver | None = None
    patience_seconds: float = 10.0

    def wanted(self, instance_id: UUID | None = None, **changes: object) -> MachineWanted:
        return wanted(instance_id, **{"region": self.region, "size": self.size, **changes})


def wanted(instance_id: UUID | None = None, **changes: object) -> MachineWanted:
    """The wish for a machine of an intent, a new one by default; ``agent`` is merged into what its agent is told."""
    instance_id = instance_id or uuid4()
    agent = {
        "origin": "https://space.test",
        "instance_id": str(instance_id),
        "enrolment_secret": SECRET,
        "instance_name": "alice@olares.com",
        "restore_id": None,
        "ca_certificate": None,
    }
    told = changes.pop("agent", {})
    assert isinstance(told, dict)
    fields = {"name": "alice@olares.com", "region": "local", "size": "small", **changes}
    return MachineWanted(instance_id=instance_id, agent={**agent, **told}, **fields)  # type: ignore[arg-type]  # a test's own words


async def until(ask: Callable[[], Awaitable[Answer]], is_so: Callable[[Answer], bool], seconds: float = 10.0) -> Answer:
    """Ask until the answer is as it should be; the last answer, in the failure, when it is not so in time."""
    ends = time.monotonic() + seconds
    while not is_so(answer := await ask()):
        assert time.monotonic() < ends, f"after {seconds} s it is still {answer!r}"
        await asyncio.sleep(0.02)
    return answer


PROGRAM = Path(__file__).with_name("machine_program.py")
COMMAND = (sys.executable, "-IS", str(PROGRAM))


def local_driver(root: Path, **changes: object) -> LocalDriver:
    fields = {"capacity": 100, "installation": INSTALLATION, "command": COMMAND, "provider": "local", **changes}
    return LocalDriver(root=root, **fields)  # type: ignore[arg-type]  # a test's own words


@contextmanager
def machines_root() -> Iterator[Path]:
    """A folder for local machines; at the end none of them runs, whatever their driver has done."""
    with tempfile.TemporaryDirectory(prefix="space-machines-") as folder:
        root = Path(folder) / "machines"
        try:
            yield root
        finally:
            kill_all(root)


def processes_of(root: Path) -> dict[int, Path]:
    """The living processes of local machines, with the home of each. Written without the driver's own code."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            if (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                continue
            for line in (entry / "environ").read_bytes().split(b"\0"):
                home = Path(os.fsdecode(line.removeprefix(b"HOME=")))
                if line.startswith(b"HOME=") and home.is_relative_to(root):
                    found[pid] = home
    return found


def kill_all(root: Path) -> None:
    while pids := processes_of(root):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def starts(root: Path, instance_id: UUID) -> list[int]:
    """The process of each time that a machine's program has begun."""
    with contextlib.suppress(FileNotFoundError):
        return [int(line) for line in (root / str(instance_id) / "agent" / "starts").read_text().splitlines()]
    return []


def agent_config(root: Path, instance_id: UUID) -> dict[str, object]:
    told: dict[str, object] = json.loads((root / str(instance_id) / "agent.json").read_text())
    return told


@asynccontextmanager
async def local() -> AsyncIterator[DriverUnderTest]:
    with machines_root() as root, machines_root() as other_root:
        yield DriverUnderTest(
            driver=local_driver(root),
            other=local_driver(root, installation=OTHER_INSTALLATION),
            full=local_driver(other_root, capacity=0),
            region="local",
            size="small",
            unknown_region="the-moon",
        )


@asynccontextmanager
async def sandbox() -> AsyncIterator[DriverUnderTest]:
    async with local() as inner:
        assert inner.full is not None
        yield DriverUnderTest(
            driver=SandboxDriver(inner.driver),
            other=SandboxDriver(inner.other),
            full=SandboxDriver(inner.full),
            region=inner.region,
            size=inner.size,
            unknown_region=inner.unknown_region,
        )


DRIVERS: dict[str, Callable[[], AbstractAsyncContextManager[DriverUnderTest]]] = {"local": local, "sandbox": sandbox}
