"""The lines of an agent's log that the server does not have yet, in a file that a kill or a full disk cannot spoil."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.config import JsonObject
from agent.errors import SpaceError


@dataclass(frozen=True)
class Line:
    """A line, or, with `lost_from`, the note that stands where older ones were given up, in place of the last."""

    number: int
    logged_at: str
    line: str
    lost_from: int | None = None

    def wire(self) -> JsonObject:
        line = self.line
        if self.lost_from is not None:
            lost = self.number - self.lost_from + 1
            line = f"Here {lost} lines of the log are missing: they could not be sent in time."
        return {"number": self.number, "logged_at": self.logged_at, "line": line}


_LINE = TypeAdapter(Line)


class LogFile:
    """A disk that takes nothing costs lines after a restart, and never ends the agent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.written = 0
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpaceError("kept_file_unwritable", f"{path} cannot be written: {error.strerror}.") from error

    def read(self) -> list[Line]:
        """The lines that are whole."""
        lines = []
        for kept in self._path.read_bytes().split(b"\n"):
            with suppress(ValidationError):
                lines.append(_LINE.validate_json(kept))
        return lines

    def append(self, line: Line) -> None:
        with suppress(OSError):
            os.write(self._handle, _record(line))
        self.written += 1

    def replace(self, lines: Iterable[Line]) -> None:
        """Hold these lines and no others."""
        new = self._path.with_suffix(".new")
        try:
            handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        kept = list(lines)
        try:
            for line in kept:
                os.write(handle, _record(line))
            os.fsync(handle)
            new.replace(self._path)
        except OSError:
            os.close(handle)
            return
        os.close(self._handle)
        self._handle, self.written = handle, len(kept)

    def sync(self) -> None:
        """What was appended is on the disk when this returns."""
        with suppress(OSError):
            os.fsync(self._handle)

    def close(self) -> None:
        os.close(self._handle)


def _record(line: Line) -> bytes:
    """The line end comes first, so that a record that was cut off spoils no other."""
    return f"\n{json.dumps(asdict(line))}".encode()
