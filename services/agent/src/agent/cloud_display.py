"""What is seen of a restore that goes on: a line for each state it comes to, and a bar while bytes come."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Self

from agent import cloud_words
from agent.cloud_wire import TimelineEntry
from agent.output import Output
from agent.restic.messages import Progress


class Display:
    """Use it as a context manager. Nothing moves on the screen while somebody is asked something."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._live = ExitStack()
        self._on_progress: Callable[[Progress], None] | None = None
        self._told: str | None = None

    def state(self, state: str) -> None:
        """A state that it came to, told once until there is another."""
        if state == self._told:
            return
        self._told = state
        self.pause()
        if state in cloud_words.OVER:
            return
        if self._out.as_json:
            with self._out.waiting("Restore") as show:
                show(state)
        else:
            self._out.say(f"{datetime.now().astimezone():%H:%M:%S}  {cloud_words.state_text(state)}.")

    def move(self) -> None:
        """Show that it goes on, on a terminal."""
        if self._told is not None and self._on_progress is None and not self._out.as_json:
            self.pause()
            self._live.enter_context(self._out.moving("Waiting…"))

    def progress(self, entry: TimelineEntry) -> None:
        if entry.bytes_restored is None:
            return
        if self._on_progress is None:
            self.pause()
            self._on_progress = self._live.enter_context(self._out.progress("Restoring"))
        self._on_progress(
            Progress(
                bytes_done=entry.bytes_restored,
                bytes_total=entry.total_bytes or 0,
                files_done=entry.files_restored or 0,
                files_total=0,
            )
        )

    def say(self, words: str) -> None:
        self.pause()
        for line in cloud_words.wrapped(words):
            self._out.say(line)

    def pause(self) -> None:
        self._live.close()
        self._on_progress = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()
