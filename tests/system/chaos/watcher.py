"""Looks all the time at what is truly there of machines: processes by their command lines, and folders."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

EVERY_SECONDS = 0.05
SHELL = b"/bin/sh"
"""What waits for its word to become an agent, and ends when nobody gives it."""


@dataclass(frozen=True)
class Process:
    """Told from all others by its start."""

    pid: int
    ticks: int
    session: int
    is_agent: bool


@dataclass
class Sight:
    """From when to when something was seen; times are taken before looking, so it was there at `last` or later."""

    first: float
    last: float


class Watcher:
    """Keeps in ``faults`` what must never be seen: two agents of an instance at once, a folder's second life."""

    def __init__(self, root: Path, instances: Iterable[UUID]) -> None:
        self._root = root
        self._instances = list(instances)
        self._mark = os.fsencode(root) + b"/"
        self._stop = threading.Event()
        self.samples = 0
        self.faults: list[tuple[UUID, str]] = []
        self.processes: dict[UUID, dict[Process, Sight]] = defaultdict(dict)
        self.folders: dict[UUID, list[Sight]] = defaultdict(list)
        self._here: set[UUID] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch, name="watcher")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def agents(self) -> dict[UUID, list[Process]]:
        """Every live agent process, just now."""
        found = defaultdict(list)
        for instance_id, process in self._look():
            if process.is_agent:
                found[instance_id].append(process)
        return dict(found)

    def is_here(self, instance_id: UUID) -> bool:
        """Whether a machine's folder is there, just now."""
        return (self._root / str(instance_id)).exists()

    def last_seen(self, instance_id: UUID) -> float | None:
        """When anything of an instance's machine was still there."""
        sights = [*self.folders[instance_id], *self.processes[instance_id].values()]
        return max((sight.last for sight in sights), default=None)

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._sample()

    def _sample(self) -> None:
        self.samples += 1
        self._see_folders()
        at = time.time()
        agents = defaultdict(list)
        for instance_id, process in self._look():
            self.processes[instance_id].setdefault(process, Sight(at, at)).last = at
            if process.is_agent:
                agents[instance_id].append(process)
        for instance_id, seen in agents.items():
            # A look takes time: only what is still there after the last was seen was there together with it.
            alive = [process for process in seen[:-1] if _still(process)] + seen[-1:]
            if len({process.session for process in alive}) > 1:
                self.faults.append((instance_id, f"two agents at once at {at:.3f}: {alive}"))

    def _see_folders(self) -> None:
        for instance_id in self._instances:
            at = time.time()
            if not (self._root / str(instance_id)).exists():
                self._here.discard(instance_id)
            elif instance_id in self._here:
                self.folders[instance_id][-1].last = at
            else:
                self._here.add(instance_id)
                self.folders[instance_id].append(Sight(at, at))
                if len(self.folders[instance_id]) > 1:
                    self.faults.append((instance_id, f"a second machine at {at:.3f}"))

    def _look(self) -> Iterator[tuple[UUID, Process]]:
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                try:
                    command = Path(entry.path, "cmdline").read_bytes()
                    _, mark, rest = command.partition(self._mark)
                    if mark:
                        process = _process(int(entry.name), is_agent=not command.startswith(SHELL))
                        yield UUID(os.fsdecode(rest[:36])), process
                except OSError:
                    # It has ended meanwhile.
                    continue


def _process(pid: int, *, is_agent: bool) -> Process:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Process(pid, int(fields[19]), int(fields[3]), is_agent)


def _still(process: Process) -> bool:
    try:
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        return bool(command) and _process(process.pid, is_agent=process.is_agent) == process
    except OSError:
        return False
