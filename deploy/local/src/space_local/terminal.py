"""A program at a terminal of its own, driven as a person would: read the prompt, type the answer."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Self

from space_local.errors import LocalError

SPINNERS = {chr(code) for code in range(0x2800, 0x2900)}
"""Braille patterns, whose dots go round while something is waited for."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class Terminal:
    """Use as a context manager; leaving it ends the program."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environment = {**environment, "TERM": "xterm", "COLUMNS": "120"}
        self._seen = ""
        self._expected_to = 0
        self._code: int | None = None

    def __enter__(self) -> Self:
        try:
            self._pid, self._descriptor = pty.fork()
        except OSError as error:
            raise LocalError(f"This machine gives no terminals ({error}); is /dev/pts mounted?") from error
        if self._pid == 0:
            os.execve(self._command[0], self._command, self._environment)  # noqa: S606  (no shell on purpose)
        return self

    def __exit__(self, *_: object) -> None:
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._descriptor)

    def expect(self, text: str, seconds: float) -> str:
        """Wait until the program has printed this; what it printed since the last time."""
        deadline = time.monotonic() + seconds
        while True:
            at = self._seen.find(text, self._expected_to)
            if at >= 0:
                since = self._seen[self._expected_to : at]
                self._expected_to = at + len(text)
                return since
            if time.monotonic() > deadline or not self._read(0.2):
                raise LocalError(f"{self._command[0]} did not ask for {text!r}; it printed:\n{self._seen}")

    def type(self, line: str) -> None:
        os.write(self._descriptor, line.encode() + b"\n")

    def wait(self) -> int:
        """The exit code, when the program has ended."""
        while self._read(1):
            pass
        self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def lines(self) -> list[str]:
        """What was printed, as it stands at the end: no colours, no spinners, of a progress line its last state."""
        plain = ESCAPES.sub("", self._seen).replace("\r\n", "\n")
        lines = (line.rpartition("\r")[2].rstrip() for line in plain.split("\n"))
        return [line for line in lines if line and line[0] not in SPINNERS]

    def _read(self, seconds: float) -> bool:
        """Take what there is to read; False once the program has closed its terminal."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self._descriptor, 65536)
        except OSError:
            return False
        self._seen += chunk.decode(errors="replace")
        return bool(chunk)
