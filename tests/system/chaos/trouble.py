"""Carries a story out on a running system: says what is wanted, kills, and starts again what was killed."""

import asyncio
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import aio_pika
import httpx

from space_local import ports
from space_local.errors import LocalError
from space_local.process import Child
from space_local.system import ServiceProcess
from tests.support.events import send
from tests.support.whole_system import WholeSystem
from tests.system.chaos.story import AGENT, WORKERS, Ask, Blow, Message, Story
from tests.system.chaos.watcher import Watcher

ACT_SECONDS = 2.0
"""How long a blow in the act waits for something to be done."""
LOOK_SECONDS = 0.001
STEP_SECONDS = 0.5
STARTS = 10


def add_second_worker(whole: WholeSystem) -> None:
    """Another replica of provisioning's worker: whoever goes on while the first is down, or at once with it."""
    first, second = WORKERS
    child: Child = whole.system.servers[first].child
    told = {**child.environment, "PROVISIONING_INTERNAL_LISTEN": f"127.0.0.1:{ports.pick()}"}
    whole.system.servers[second] = ServiceProcess(second, list(child.command), whole.system.state, told)
    asyncio.run(whole.system.servers[second].start())


@dataclass
class Trouble:
    """One story being carried out; all of it in one thread, which those that are started depend on.

    Args:
        tokens: An access token by owner.
    """

    whole: WholeSystem
    story: Story
    random: Random
    watcher: Watcher
    tokens: dict[str, str]
    killed: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    """What was done and when, for whoever has to find out."""
    _back_at: dict[str, float] = field(default_factory=dict)
    _thaw_at: dict[str, float] = field(default_factory=dict)

    def carry_out(self) -> None:
        for step, following in zip_longest(self.story.steps, self.story.steps[1:]):
            match step:
                case Message():
                    self._publish(step)
                case Ask():
                    self._ask(step)
                case Blow():
                    self._strike(step)
            if not (isinstance(following, Blow) and following.moment == "at the first trace"):
                self._wait(self.random.uniform(0, STEP_SECONDS))

    def end(self) -> None:
        """Everything is started again, and ready."""
        for name in list(self._thaw_at):
            self._thaw(name)
        for name in list(self._back_at):
            self._start(name)
        asyncio.run(self.whole.system.until_ready())
        self._note("the trouble is over")

    def _publish(self, message: Message) -> None:
        """Say it until the broker has confirmed that it is kept, as an outbox does."""
        data = message.envelope["data"]
        while True:
            if "rabbitmq" in self._back_at:
                self._wait(0.1)
                continue
            try:
                asyncio.run(send(self.whole.system.rabbitmq.url, [message.envelope]))
            except (OSError, aio_pika.exceptions.AMQPException):
                self._wait(0.2)
            else:
                break
        self._note(f"{message.envelope['type']} of {data['instance_id']} was published")

    def _ask(self, ask: Ask) -> None:
        owner_id = str(self.story.wishes[ask.instance_id].owner_id)
        told: Any
        try:
            told = httpx.post(
                f"{self.whole.origin}/api/v1/instances/{ask.instance_id}/{ask.action}",
                headers={"Authorization": f"Bearer {self.tokens[owner_id]}"},
                timeout=3,
                trust_env=False,
            ).status_code
        except httpx.TransportError as error:
            told = type(error).__name__
        self._note(f"{ask.action} of {ask.instance_id} was asked for: {told}")

    def _strike(self, blow: Blow) -> None:
        self._await(blow)
        if blow.freeze_seconds is None:
            # All at once: whoever is looked at last has no time to go on.
            for victim in filter(self._is_up, set(blow.victims) - {AGENT}):
                self.whole.signal(victim, signal.SIGKILL)
        for victim in blow.victims:
            if victim == AGENT:
                self._kill_agent()
            elif victim in self._back_at:
                # It is down already.
                continue
            elif blow.freeze_seconds is not None:
                self.whole.freeze(victim)
                self._thaw_at[victim] = time.monotonic() + blow.freeze_seconds
                self._note(f"{victim} was frozen")
            else:
                # A power cut does not care whether it was frozen.
                self._thaw_at.pop(victim, None)
                self.whole.kill(victim)
                self._back_at[victim] = time.monotonic() + blow.pause_seconds
                self.killed[victim] += 1
                self._note(f"{victim} was killed {blow.moment}")

    def _await(self, blow: Blow) -> None:
        if blow.moment == "later":
            self._wait(self.random.uniform(0, 1))
        elif blow.moment != "at once":
            before, until = self._traces(), time.monotonic() + ACT_SECONDS
            while self._traces() == before and time.monotonic() < until:
                time.sleep(LOOK_SECONDS)
            if blow.moment == "in the act":
                time.sleep(self.random.choice((0, 0, 0.005, 0.02, 0.1)))

    def _traces(self) -> set[tuple[str, int]]:
        """Everything that the driver has written, except what agents write."""
        root = self.whole.system.instances_folder / "local"
        found = set()
        for folder in (root, root / ".new", root / ".gone"):
            for entry in _entries(folder):
                found.add((str(entry), 0))
        for file in root.glob("*/run.json"):
            try:
                found.add((str(file), file.stat().st_mtime_ns))
            except OSError:
                continue
        return found

    def _kill_agent(self) -> None:
        agents = sorted(self.watcher.agents().items())
        if agents:
            instance_id, processes = self.random.choice(agents)
            for process in processes:
                try:
                    os.killpg(process.session, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.killed[AGENT] += 1
                self._note(f"the agent of {instance_id} was killed")

    def _is_up(self, name: str) -> bool:
        return name not in self._back_at and self.whole.system.servers[name].running

    def _wait(self, seconds: float) -> None:
        """Meanwhile others come back."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for name in [name for name, at in self._thaw_at.items() if at <= now]:
                self._thaw(name)
            for name in [name for name, at in self._back_at.items() if at <= now]:
                self._start(name)
            if time.monotonic() >= until:
                return
            time.sleep(0.02)

    def _thaw(self, name: str) -> None:
        del self._thaw_at[name]
        self.whole.thaw(name)
        self._note(f"{name} was thawed")

    def _start(self, name: str) -> None:
        del self._back_at[name]
        for attempt in range(STARTS):
            try:
                asyncio.run(self.whole.system.servers[name].start())
            except LocalError:
                # What was left of PostgreSQL has not let go of its memory yet, say.
                if attempt == STARTS - 1:
                    raise
                time.sleep(0.5)
            else:
                self._note(f"{name} was started")
                return

    def _note(self, text: str) -> None:
        self.said.append(f"{time.time():.3f} {text}")


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
