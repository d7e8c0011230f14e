"""What an agent says: on standard output, and kept in its folder until the server has it."""

import asyncio
import json
import os
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from agent.instance.kept import Folder, KeptNumber
from agent.instance.log_file import Line, LogFile
from agent.output import readable

LINE_CHARACTERS = 4000
BATCH_LINES = 500
BATCH_BYTES = 500_000
MOST_LINES = 5000
MOST_CHARACTERS = 2_000_000
STANDARD_OUTPUT = 1

_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+")
_HIDDEN = "[hidden]"


class Journal:
    """Lines are numbered from 1 for ever; each is on the disk before it is sent, so no number means two lines."""

    def __init__(self, folder: Folder, now: Callable[[], datetime]) -> None:
        self._now = now
        self._secrets: list[str] = []
        self._acknowledged = KeptNumber(folder.path / "log.acknowledged")
        self._file = LogFile(folder.path / "log.jsonl")
        self.waiting = deque(line for line in self._file.read() if line.number > self._acknowledged.value)
        self._characters = sum(len(line.line) for line in self.waiting)
        self._last = max([self._acknowledged.value, *(line.number for line in self.waiting)])
        self._file.replace(self.waiting)
        self.news = asyncio.Event()
        self.news.set()

    def close(self) -> None:
        self._file.close()

    def hide(self, *secrets: str) -> None:
        """These are never written, whoever says them."""
        self._secrets += secrets

    def say(self, text: str) -> None:
        text = _TOKEN.sub(_HIDDEN, readable(text))
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        logged_at = self._now().isoformat(timespec="milliseconds")
        for start in range(0, len(text), LINE_CHARACTERS):
            self._add(Line(self._last + 1, logged_at, text[start : start + LINE_CHARACTERS]))
        self.news.set()

    async def batch(self, most: int = BATCH_LINES) -> list[Line]:
        """The oldest lines that the server does not have, at least one if there are any; on the disk by now."""
        chosen: list[Line] = []
        size = 0
        for line in self.waiting:
            size += len(json.dumps(line.wire(), ensure_ascii=False).encode())
            if chosen and (size > BATCH_BYTES or len(chosen) >= most):
                break
            chosen.append(line)
        if chosen:
            await asyncio.to_thread(self._file.sync)
        return chosen

    def acknowledge(self, next_number: int) -> None:
        """The server has everything before this number."""
        while self.waiting and self.waiting[0].number < next_number:
            self._characters -= len(self.waiting.popleft().line)
        if self.waiting and (lost_from := self.waiting[0].lost_from) is not None:
            self.waiting[0] = replace(self.waiting[0], lost_from=max(lost_from, next_number))
        # More than was ever said here means that the folder lost some of it.
        self._last = max(self._last, next_number - 1)
        if next_number - 1 > self._acknowledged.value:
            with suppress(OSError):
                self._acknowledged.keep(next_number - 1)
        if self._file.written > 2 * len(self.waiting) + BATCH_LINES:
            self._file.replace(self.waiting)

    def _add(self, line: Line) -> None:
        with suppress(OSError):
            os.write(STANDARD_OUTPUT, f"{line.logged_at} {line.line}\n".encode())
        self._last = line.number
        self.waiting.append(line)
        self._characters += len(line.line)
        self._file.append(line)
        while len(self.waiting) > MOST_LINES or self._characters > MOST_CHARACTERS:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        """A tenth of the lines; a note takes the place of the last of them."""
        given_up = [self.waiting.popleft() for _ in range(max(2, len(self.waiting) // 10))]
        self._characters -= sum(len(line.line) for line in given_up)
        first, last = given_up[0], given_up[-1]
        lost_from = first.number if first.lost_from is None else first.lost_from
        self.waiting.appendleft(Line(last.number, last.logged_at, "", lost_from))
        self._file.replace(self.waiting)
