"""A terminal with a person before it: reads what a command shows, types what it asks for."""

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

SECONDS = 60


class Terminal:
    """A command on a pseudo-terminal that is its controlling one. Use it as a context manager."""

    def __init__(self, command: Sequence[str | os.PathLike[str]], environment: Mapping[str, str], folder: Path) -> None:
        self._master, slave = pty.openpty()
        try:
            self._process = subprocess.Popen(
                command,
                env={**environment, "TERM": "xterm", "COLUMNS": "200"},
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=folder,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        finally:
            os.close(slave)
        self.shown = ""
        self._read_up_to = 0

    def expect(self, words: str, seconds: float = SECONDS) -> str:
        """Wait until the words are shown after what was expected before; what was shown up to them."""
        deadline = time.monotonic() + seconds
        while (found := self.shown.find(words, self._read_up_to)) < 0:
            assert self._read(deadline), f"the command ended before {words!r}:\n{self.shown}"
            assert time.monotonic() < deadline, f"{words!r} was not shown within {seconds} s:\n{self.shown}"
        begin, self._read_up_to = self._read_up_to, found + len(words)
        return self.shown[begin : self._read_up_to]

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\n")

    def interrupt(self) -> None:
        """Ctrl-C, once the command waits: Python loses one that comes between its last look and the call that waits."""
        deadline = time.monotonic() + SECONDS
        while not self._waits():
            assert time.monotonic() < deadline, f"the command did not wait within {SECONDS} s:\n{self.shown}"
            time.sleep(0.05)
        os.write(self._master, b"\x03")

    def _waits(self) -> bool:
        """Whether each of a few looks in a row found the command asleep (or at its end)."""
        for _ in range(3):
            state = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state not in "SZ":
                return False
            time.sleep(0.05)
        return True

    def finish(self, seconds: float = SECONDS) -> int:
        """Wait for the command's end; its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            assert time.monotonic() < deadline, f"the command did not end within {seconds} s:\n{self.shown}"
        return self._process.wait(timeout=seconds)

    def _read(self, deadline: float) -> bool:
        """Take what is shown next; False at the end."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, min(1.0, deadline - time.monotonic())))
        if not ready:
            return True
        try:
            content = os.read(self._master, 65536)
        except OSError:
            return False
        self.shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", content.decode(errors="replace"))
        return bool(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)
