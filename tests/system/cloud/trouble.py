"""Kills what a restore to the cloud needs, at any moment, for as long as there is something to restore."""

import contextlib
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from uuid import UUID

from tests.support.local_machines import processes_of
from tests.support.whole_system import WholeSystem
from tests.system.chaos.story import AGENT, Blow, Moment, Story
from tests.system.chaos.trouble import Trouble
from tests.system.chaos.watcher import Process, Watcher

RESTIC = "a restic"
RUNS_AGENT = b"\0agent\0run\0"
WORKERS = ("restore-worker", "billing-worker", "provisioning-worker", "catalog-worker")
APIS = ("restore-api", "billing-api", "provisioning-api", "catalog-api", "identity-api")
SERVERS = ("postgres", "rabbitmq", "caddy", "vault")
PAUSES_SECONDS = (0.0, 0.5, 2.0)


class RestoreWatcher(Watcher):
    """Also sees whose restore each machine is, at every sample: one that has two at once is a fault."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, ())
        self.machines: dict[UUID, set[UUID]] = defaultdict(set)
        """Every machine that a restore ever had."""

    def _see_folders(self) -> None:
        live: dict[UUID, list[UUID]] = defaultdict(list)
        for restore_id, instance_id in self._live():
            self.machines[restore_id].add(instance_id)
            live[restore_id].append(instance_id)
        for restore_id, instances in live.items():
            if len(instances) > 1:
                self.faults.append((restore_id, f"two machines at once at {time.time():.3f}: {instances}"))

    def _look(self) -> Iterator[tuple[UUID, Process]]:
        """Agents alone: what an agent starts for a restore has the machine's folder among its words as well."""
        for instance_id, process in super()._look():
            with contextlib.suppress(OSError):
                if not process.is_agent or _is_agent(process.pid):
                    yield instance_id, process

    def _live(self) -> Iterator[tuple[UUID, UUID]]:
        """The machines that are there, with their restores."""
        for folder in self._root.glob("*-*"):
            try:
                told = json.loads((folder / "machine.json").read_text())["agent"]
                yield UUID(told["restore_id"]), UUID(folder.name)
            except (OSError, ValueError):
                # It is going, or not whole yet.
                continue


class RestoreTrouble(Trouble):
    """Blow after blow; which is next is in the seed, and what it hits is in the moment."""

    def __init__(self, whole: WholeSystem, random: Random, watcher: RestoreWatcher, pause_seconds: float) -> None:
        super().__init__(whole, Story({}, ()), random, watcher, {})
        self._pause_seconds = pause_seconds

    def strike_until(self, is_over: Callable[[], bool], kills: int) -> None:
        self._wait(self.random.uniform(0, self._pause_seconds))
        while not is_over() and self.killed.total() < kills:
            self._strike(self._blow())
            self._wait(self.random.uniform(0, self._pause_seconds))

    def wait_for(self, is_over: Callable[[], bool], seconds: float) -> bool:
        """Whether it was so in time; nobody is struck any more."""
        until = time.monotonic() + seconds
        while not is_over() and time.monotonic() < until:
            self._wait(0.5)
        return is_over()

    def _blow(self) -> Blow:
        random = self.random
        kinds = ((AGENT,), (RESTIC,), WORKERS, APIS, SERVERS)
        victims = [random.choice(kinds[random.choices(range(len(kinds)), (5, 3, 6, 4, 2))[0]])]
        if random.random() < 0.2:
            victims.append(random.choice(WORKERS))
        moment: Moment = random.choice(("at once", "later", "in the act"))
        freeze_seconds = random.uniform(0.5, 2.0) if victims[0] in WORKERS and random.random() < 0.15 else None
        return Blow(tuple(dict.fromkeys(victims)), moment, random.choice(PAUSES_SECONDS), freeze_seconds)

    def _strike(self, blow: Blow) -> None:
        if RESTIC in blow.victims:
            self._kill_restic()
        others = tuple(victim for victim in blow.victims if victim != RESTIC)
        if others:
            super()._strike(Blow(others, blow.moment, blow.pause_seconds, blow.freeze_seconds))

    def _kill_restic(self) -> None:
        """A child of an agent, while its agent lives on."""
        children = [pid for pid in sorted(processes_of(self.whole.system.instances_folder)) if _is_restic(pid)]
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(children), signal.SIGKILL)
                self.killed[RESTIC] += 1
                self._note("a restic was killed")


def _is_agent(pid: int) -> bool:
    """Whether it runs as one, and is not an agent's child that has not become yet what it is started for."""
    parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    return RUNS_AGENT in Path(f"/proc/{pid}/cmdline").read_bytes() and not (
        Path(f"/proc/{parent}").exists() and RUNS_AGENT in Path(f"/proc/{parent}/cmdline").read_bytes()
    )


def _is_restic(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("restic")
    except OSError:
        return False
