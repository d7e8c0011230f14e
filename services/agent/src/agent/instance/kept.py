"""What an agent remembers in its folder, so that a restart, also by kill -9, goes on where it was."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent import config
from agent.config import JsonObject
from agent.errors import SpaceError

DIGITS = 20
DEFAULT_HEARTBEAT_SECONDS = 10.0


class Phase(StrEnum):
    """What the instance is doing, as its heartbeats say."""

    INSTALLING = "installing"
    RESTORING = "restoring"
    RESTORE_ERROR = "restore_error"
    PENDING_ACTIVATION = "pending_activation"
    RUNNING = "running"


class Ending(StrEnum):
    """Why an agent has nothing more to do, ever."""

    FINISHED = "finished"
    OVER = "over"


class Folder:
    """The agent's folder, 0700, held by one agent at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpaceError("folder_unusable", f"{path} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise SpaceError(
                "already_running", f"Another agent runs in {path}.", hint="Stop that one first."
            ) from error
        self._tidy()

    def close(self) -> None:
        os.close(self._lock)

    def write(self, name: str, kept: JsonObject) -> None:
        """Replace a file as a whole, so that it is there even if the machine loses its power now."""
        config.write_private(self.path / name, kept)
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def read(self, name: str) -> JsonObject | None:
        return config.read_private(self.path / name)

    def _tidy(self) -> None:
        """Remove what a kill in the middle of `write` left."""
        for left in self.path.glob(".*.json.*"):
            with suppress(OSError):
                left.unlink()


class KeptNumber:
    """A number that only rises, in a file of its own.

    It is written in place, which needs no room, so that an agent on a full disk still counts.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            content = os.pread(self._file, 2 * DIGITS, 0)
            self.value = int(content or b"0")
            self.keep(self.value)
        except OSError as error:
            raise SpaceError("kept_file_unwritable", f"{path} cannot be written: {error.strerror}.") from error
        except ValueError as error:
            os.close(self._file)
            raise SpaceError("kept_file_damaged", f"{path} is damaged.") from error

    def keep(self, value: int) -> None:
        """It is on the disk when this returns."""
        os.pwrite(self._file, f"{value:0{DIGITS}d}\n".encode(), 0)
        os.fsync(self._file)
        self.value = value

    def next(self) -> int:
        """One more than ever before, kept before it is used."""
        self.keep(self.value + 1)
        return self.value


class Restored(BaseModel):
    """What came of the restore, once all of it was there and checked."""

    model_config = ConfigDict(frozen=True)

    round: int
    folder: str
    files: int
    size_bytes: int
    warnings: int = 0


class Failure(BaseModel):
    """Why a restore can never be finished here."""

    model_config = ConfigDict(frozen=True)

    round: int
    code: str
    reason: str


class _State(BaseModel):
    """What other versions of the agent keep beside it is let through, as one of them may have run here before."""

    model_config = ConfigDict(validate_assignment=True)

    instance_id: UUID
    enrolled: bool = False
    heartbeat_seconds: float = Field(DEFAULT_HEARTBEAT_SECONDS, gt=0)
    phase: Phase = Phase.INSTALLING
    finishing: UUID | None = Field(None, description="the order to finish, once it has come")
    ended: Ending | None = None
    target_name: str | None = Field(None, description="the folder in the restore's target that is this restore's own")
    restored: Restored | None = None
    failure: Failure | None = None
    outcome_told: bool = Field(False, description="the restore service has taken the last report")


class State:
    """Where the agent is in its life."""

    FILE = "state.json"

    def __init__(self, folder: Folder, instance_id: UUID, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        kept = folder.read(self.FILE)
        try:
            self.now = _State.model_validate(kept or {"instance_id": instance_id})
        except ValidationError as error:
            raise SpaceError("kept_file_damaged", f"{folder.path / self.FILE} is damaged.") from error
        if self.now.instance_id != instance_id:
            raise SpaceError(
                "folder_of_another",
                f"{folder.path} belongs to another instance, {self.now.instance_id}.",
                hint="Give each instance a folder of its own.",
            )

    def change(self, **changes: object) -> None:
        """Change and keep; a disk that takes nothing must not end the agent, which would only be silent then."""
        changed = _State.model_validate(self.now.model_dump() | changes)
        if changed == self.now:
            return
        self.now = changed
        try:
            self._folder.write(self.FILE, changed.model_dump(mode="json"))
        except (SpaceError, OSError) as error:
            self._say(f"{error} A restart will not know of this.")
