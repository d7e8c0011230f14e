"""Agents of instances beside a stand-in for provisioning: as a process of their own, and inside a test."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent.instance.config import InstanceConfig
from agent.instance.running import Agent
from tests.support.provisioning_double import ProvisioningDouble


def settings(double: ProvisioningDouble, folder: Path, **changes: Any) -> dict[str, Any]:
    """What the agent of the double's instance is told."""
    return {
        "origin": double.origin,
        "instance_id": double.instance_id,
        "enrolment_secret": double.secret,
        "instance_name": double.name,
        "restore_id": None,
        "ca_certificate": None,
        "folder": str(folder),
        "listen": None,
        "traffic": "own",
        "disk": None,
        "disk_by": "folder",
        "restore_target": None,
        "activation": None,
        **changes,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.01)


async def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    await asyncio.to_thread(wait_until, holds, seconds)


class AgentProcess:
    """`space agent run` as a driver runs it; everything it writes is in one file, over all its starts."""

    def __init__(self, home: Path, told: dict[str, Any]) -> None:
        self.told = told
        self._file = home / "agent.json"
        self._output = home / "output"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._file.write_text(json.dumps(self.told))
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agent", "agent", "run", "--config", str(self._file)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait(self, seconds: float = 60.0) -> int:
        assert self._process is not None
        return self._process.wait(seconds)

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """As when the machine dies: with everything it started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@asynccontextmanager
async def living(told: dict[str, Any]) -> AsyncIterator[asyncio.Task[None]]:
    """An agent in this process until the end of the block, which stops it as a signal does."""
    agent = Agent(InstanceConfig.model_validate(told))
    task = asyncio.create_task(agent.live())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        agent.close()
