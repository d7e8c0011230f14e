"""Local machines of tests: the small program that they run, what is to be seen of them, and their sure end."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import httpx

from provisioning.adapters.local import LocalDriver
from provisioning.ports import Machine, MachineState, MachineWanted

INSTALLATION = UUID("5f0c7d1e-0000-4000-8000-000000000001")
OTHER_INSTALLATION = UUID("5f0c7d1e-0000-4000-8000-000000000002")
SECRET = "one-time-enrolment-secret"
REGION = "local"
PROJECT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("machine_program.py")
COMMAND = (sys.executable, "-IS", str(PROGRAM))

Answer = TypeVar("Answer")


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
    fields = {"name": "alice@olares.com", "region": "local", "size": "small", "disk_bytes": 40 * 2**30, **changes}
    return MachineWanted(instance_id=instance_id, agent={**agent, **told}, **fields)  # type: ignore[arg-type]  # a test's own words


async def until(ask: Callable[[], Awaitable[Answer]], is_so: Callable[[Answer], bool], seconds: float = 60.0) -> Answer:
    """Ask until the answer is as it should be; the last answer, in the failure, when it is not so in time."""
    ends = time.monotonic() + seconds
    while not is_so(answer := await ask()):
        assert time.monotonic() < ends, f"after {seconds} s it is still {answer!r}"
        await asyncio.sleep(0.02)
    return answer


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


async def running(driver: LocalDriver, **changes: object) -> Machine:
    """A machine whose program answers on its address."""
    made = await driver.create(wanted(uuid4(), **changes))
    return await until_answering(driver, made.instance_id)


async def until_answering(driver: LocalDriver, instance_id: UUID) -> Machine:
    found = await until_state(driver, instance_id, MachineState.RUNNING)
    assert found.address
    await until(lambda: page(str(found.address)), lambda text: text == str(instance_id))
    return found


async def page(address: str) -> str:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://{address}/healthz")).text
        except httpx.TransportError as error:
            return repr(error)


async def until_state(driver: LocalDriver, instance_id: UUID, state: MachineState | None) -> Machine:
    found = await until(
        lambda: driver.find(REGION, instance_id),
        lambda machines: [machine.state for machine in machines] == ([state] if state else []),
    )
    return next(iter(found), Machine(instance_id, "", REGION, MachineState.ENDING, None))


def leader(root: Path, instance_id: UUID) -> int:
    return starts(root, instance_id)[-1]


async def script(root: Path, *lines: str) -> asyncio.subprocess.Process:
    """Another process with a driver of its own."""
    head = (
        "import asyncio; from pathlib import Path; from uuid import UUID",
        "from tests.support.local_machines import local_driver, wanted",
        f"driver = local_driver(Path({str(root)!r}))",
        "async def main():",
    )
    text = "\n".join([*head, *(f"    {line}" for line in lines), "asyncio.run(main())"])
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", text, cwd=PROJECT, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
