"""What the tests of an instance's restore share: a backed-up folder in a store, an agent, and what came of it."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.restic.repository import Repository
from tests.agent.read_store import ReadStore
from tests.agent.running_agents import AgentProcess, settings, wait_until
from tests.support.provisioning_double import Request
from tests.support.restore_double import RestoreDouble

FILES = 20
FILE_BYTES = 1_000_000
# As the double names the backup, and when its snapshot was taken.
RESTORED = "Restored docs 2026-11-01"


@dataclass(frozen=True)
class BackedUp:
    """A folder, the folder that holds its `repository`, and the snapshot; several packs, so that there is a middle."""

    source: Path
    store: Path
    restic_id: str

    @property
    def repository(self) -> Path:
        return self.store / "repository"


@dataclass
class World:
    """An instance that is told to restore, and those it talks to."""

    double: RestoreDouble
    store: ReadStore
    backed_up: BackedUp
    agent: AgentProcess
    home: Path
    """What holds the folder that the restore goes to."""
    folder: Path
    """The agent's own."""

    @property
    def told(self) -> dict[str, Any]:
        return self.agent.told

    def restores(self, seconds: float = 90.0) -> None:
        """Until the last report is taken."""
        wait_until(lambda: self.double.states()[-1:] == ["usable"] and self.phases()[-1] == "running", seconds)

    @property
    def restored(self) -> Path:
        """The restore's own folder."""
        return self.home / RESTORED

    def is_whole(self) -> bool:
        return tree(self.restored) == tree(self.backed_up.source)

    def phases(self) -> list[str]:
        return list(dict.fromkeys(beat["phase"] for beat in self.double.heartbeats))

    def fails(self, seconds: float = 60.0) -> dict[str, Any]:
        """The last report, which says why."""
        wait_until(lambda: self.double.states()[-1:] == ["failed"] and self.phases()[-1] == "restore_error", seconds)
        return self.double.reports[-1]

    def knows_that_its_outcome_is_told(self) -> bool:
        """It has kept the answer to its last report, and repeats that one no more."""
        return '"outcome_told": true' in (self.folder / "state.json").read_text()

    def is_in_the_middle(self) -> bool:
        return self.store.data_requests >= 2

    def seen(self, text: str) -> bool:
        return text in self.agent.output

    def holders(self, *secrets: bytes) -> list[str]:
        """The agent's files and its log that hold a secret."""
        files = [file for file in [*self.folder.rglob("*"), *self.home.parent.glob("*")] if file.is_file()]
        held = {str(file): file.read_bytes() for file in files} | {"log": "\n".join(self.double.lines()).encode()}
        return [name for name, content in held.items() if any(secret in content for secret in secrets)]

    def kill_when(self, holds: Callable[[Request], object]) -> None:
        """Kill the agent once, when something that holds has been done for it."""
        self.double.before_answer = lambda request: self._kill_if(bool(holds(request)))

    def _kill_if(self, is_time: bool) -> None:
        if is_time:
            self.double.before_answer = lambda request: None
            os.kill(self.agent.pid, 9)


def make_source(folder: Path) -> None:
    (folder / "empty folder").mkdir(parents=True)
    (folder / "deep" / "deeper").mkdir(parents=True)
    for number in range(FILES):
        (folder / f"file {number}").write_bytes(os.urandom(FILE_BYTES))
    (folder / "deep" / "deeper" / "ümläut").write_text("content")
    (folder / "link").symlink_to("file 1")


def back_up(repository: Repository, source: Path) -> str:
    outcome = repository._checked(["backup", "--pack-size", "4", str(source)])
    assert outcome.summary is not None
    return str(outcome.summary.fields["snapshot_id"])


def world_of(double: RestoreDouble, store: ReadStore, backed_up: BackedUp, home: Path) -> World:
    double.repository, double.restic_id = backed_up.repository, backed_up.restic_id
    double.repository_url, double.path = store.url, str(backed_up.source)
    home.mkdir(exist_ok=True)
    target = home / "home"
    told = settings(
        double,
        home / "folder",
        restore_id=double.restore_id,
        restore_target={"path": str(target), "uid": os.getuid(), "gid": os.getgid()},
    )
    return World(double, store, backed_up, AgentProcess(home, told), target, home / "folder")


def tree(folder: Path) -> dict[str, str]:
    """Every path below with what it is: the SHA-256 of a file, where a link leads, that it is a folder."""
    return {str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*"))}


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"


def restics_of(folder: Path) -> list[int]:
    """The living processes that were told to keep their cache in an agent's folder."""
    mark = b"RESTIC_CACHE_DIR=" + os.fsencode(folder)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def none_of(folder: Path, seconds: float = 20.0) -> bool:
    """Whether no restic of an agent is left, soon."""
    deadline = time.monotonic() + seconds
    while restics_of(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
