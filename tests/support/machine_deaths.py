"""Kills a process at every step of a change of a local machine, and looks at what the next call makes of that.

Run by a test as a program of its own, because it forks: ``python -m tests.support.machine_deaths ROOT CHANGE``.
"""

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

from provisioning.adapters.local import LocalDriver
from provisioning.ports import Machine, MachineState, OrderRefused
from tests.support.local_machines import REGION, local_driver, processes_of, starts, until, wanted

SLEEPER = ("/bin/sh", "-c", 'echo $$ >> "$HOME/starts"; exec sleep 600', "sh")
"""A machine's program that is there at once."""
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_DIRECTORY

Change = Callable[[LocalDriver, UUID], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "create": lambda driver, instance_id: driver.create(wanted(instance_id)),
    "stop": lambda driver, instance_id: driver.stop(REGION, str(instance_id)),
    "restart": lambda driver, instance_id: driver.restart(REGION, str(instance_id)),
    "destroy": lambda driver, instance_id: driver.destroy(REGION, str(instance_id)),
}


def die_at(number: int, root: Path) -> None:
    """Kill this process at its n-th step: before it changes something in root, or starts or signals a process."""
    steps = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & CHANGING):
            return
        if event in ("subprocess.Popen", "os.kill") or (
            event.startswith(("open", "os.")) and str(root) in str(arguments)
        ):
            steps += 1
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def is_killed_at(number: int, root: Path, change: Change, instance_id: UUID) -> bool:
    """Make a change in a process of its own that dies at its n-th step; False when it had done it all before."""
    pid = os.fork()
    if pid == 0:
        try:
            driver = local_driver(root, command=SLEEPER)
            die_at(number, root)
            asyncio.run(change(driver, instance_id))  # type: ignore[arg-type]  # each is a coroutine
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the change failed by itself"
    return os.WIFSIGNALED(status)


class Aftermath:
    """What is there after a death, seen by another process: this one."""

    def __init__(self, root: Path, instance_id: UUID) -> None:
        self.root = root
        self.instance_id = instance_id
        self.driver = local_driver(root, command=SLEEPER)

    async def look(self) -> list[Machine]:
        found = list(await self.driver.find(REGION, self.instance_id))
        assert len(found) <= 1
        assert len(self.leaders()) <= 1
        return found

    def leaders(self) -> list[int]:
        """Processes that have become the machine's program."""
        begun = set(starts(self.root, self.instance_id))
        return [pid for pid in processes_of(self.root) if pid in begun]

    async def until(self, state: MachineState | None) -> None:
        """Only by looking: the provider finishes what it has begun without being asked again."""
        await until(self.look, lambda found: [machine.state for machine in found] == ([state] if state else []))

    async def runs_once(self) -> None:
        await self.until(MachineState.RUNNING)
        # What was killed before its word was given ends by itself.
        await until(self._processes, lambda pids: len(pids) == 1 and self.leaders() == pids)

    async def is_off(self) -> None:
        await self.until(MachineState.STOPPED)
        await until(self._processes, lambda pids: not pids)

    async def _processes(self) -> list[int]:
        return list(processes_of(self.root))

    async def after_create(self) -> None:
        if await self.look():
            await self.runs_once()
        await self.driver.create(wanted(self.instance_id))
        await self.runs_once()

    async def after_stop(self) -> None:
        await self.driver.stop(REGION, str(self.instance_id))
        await self.is_off()

    async def after_restart(self) -> None:
        await self.runs_once()
        await self.driver.restart(REGION, str(self.instance_id))
        await self.runs_once()

    async def after_destroy(self) -> None:
        if (self.root / ".gone" / str(self.instance_id)).exists():
            await self.until(None)
        await self.driver.destroy(REGION, str(self.instance_id))
        await self.is_gone()
        try:
            await self.driver.create(wanted(self.instance_id))
        except OrderRefused:
            await self.is_gone()
        else:
            raise AssertionError("a destroyed machine's intent was given another")

    async def is_gone(self) -> None:
        await self.until(None)
        await until(self._processes, lambda pids: not pids)
        assert not (self.root / str(self.instance_id)).exists()


async def arrange(aftermath: Aftermath, name: str) -> None:
    """What the change finds."""
    if name != "create":
        await aftermath.driver.create(wanted(aftermath.instance_id))
        await aftermath.runs_once()
        (aftermath.root / str(aftermath.instance_id) / "home" / "restored").write_text("a file of the owner's")


async def check(aftermath: Aftermath, name: str) -> None:
    await getattr(aftermath, f"after_{name}")()
    await aftermath.driver.destroy(REGION, str(aftermath.instance_id))
    await aftermath.is_gone()
    assert not list((aftermath.root / ".new").iterdir())


def main(root: Path, name: str) -> None:
    number = 0
    while True:
        number += 1
        aftermath = Aftermath(root, uuid4())
        asyncio.run(arrange(aftermath, name))
        is_killed = is_killed_at(number, root, CHANGES[name], aftermath.instance_id)
        try:
            asyncio.run(check(aftermath, name))
        except BaseException:
            sys.stderr.write(f"after the death at step {number} of {name}:\n")
            raise
        if not is_killed:
            sys.stdout.write(f"{number - 1}\n")
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
