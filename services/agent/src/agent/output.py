"""Printing: tables for people, one JSON document for programs, progress on standard error."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from agent.config import JsonObject
from agent.errors import LimitReached, ServerRefused, SpaceError
from agent.restic import messages

JSON_PROGRESS_SECONDS = 1.0
MAX_WIDTH = 10_000

OnProgress = Callable[[messages.Progress], None]


class Output:
    """Results on standard output, words on standard error; with `as_json` the words are left out."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # What reads a pipe or a file has lines as long as they are.
        width = None if sys.stdout.isatty() else MAX_WIDTH
        self._out = Console(highlight=False, width=width)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, document: object, words: str | None = None) -> None:
        """The command's one result."""
        if self.as_json:
            sys.stdout.write(json.dumps(_strict(document), indent=2) + "\n")
            sys.stdout.flush()
        elif words is not None:
            self.words(words)

    def words(self, words: str) -> None:
        """Lines on standard output; not with --json."""
        if not self.as_json:
            self._out.print(Text("\n".join(readable(line) for line in words.split("\n"))), soft_wrap=True)

    def table(
        self,
        document: object,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        empty: str,
        optional: Sequence[str] = (),
    ) -> None:
        """A table whose cells are never broken, so that ids can be copied.

        Where it is too wide the optional columns are left out, the first one first; where that is not enough each
        item is a block of its own.
        """
        if self.as_json:
            self.result(document)
            return
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        if not listed:
            self.say(empty)
            return
        for left_out in range(len(optional) + 1):
            table = _table([column for column in columns if column not in optional[:left_out]], listed)
            width = Measurement.get(self._out, self._out.options.update(max_width=MAX_WIDTH), table).maximum
            if width <= self._out.width:
                self._out.print(table)
                return
        for item in listed:
            self.fields(item)
            self._out.print()

    def line(self, document: object, words: str) -> None:
        """One of many results that come one by one: with --json a line for each."""
        if self.as_json:
            sys.stdout.write(json.dumps(_strict(document)) + "\n")
        else:
            self.words(words)
        sys.stdout.flush()

    def fields(self, fields: Mapping[str, str]) -> None:
        """One item, a line for each field; not with --json."""
        longest = max(map(len, fields))
        for label, value in fields.items():
            self._out.print(Text(f"{label:{longest}}  {readable(value)}"), soft_wrap=True)

    def say(self, words: str) -> None:
        if not self.as_json:
            self._err.print(Text(readable(words)))

    def warn(self, words: str) -> None:
        if not self.as_json:
            self._err.print(Text(readable(f"Warning: {words}"), style="yellow"))

    def error(self, error: SpaceError) -> None:
        if self.as_json:
            document: JsonObject = {"code": error.code, "detail": error.message, "exit_code": int(error.exit_code)}
            if error.hint:
                document["hint"] = error.hint
            if isinstance(error, ServerRefused):
                document["status"] = error.status
            if isinstance(error, LimitReached):
                document.update(error.figures)
            if error.restore_id is not None:
                document["restore_id"] = error.restore_id
            self.result({"error": document})
            return
        self._err.print(Text(readable(f"Error: {error.message}"), style="red"))
        for line in (error.hint or "").splitlines():
            self._err.print(Text(readable(line)))

    @contextmanager
    def progress(self, label: str) -> Iterator[OnProgress]:
        """What to call with restic's progress: a bar on a terminal, JSON lines with --json, nothing otherwise."""
        if self.as_json:
            yield _json_lines(label)
        elif self._err.is_terminal:
            with _bar(self._err, label) as on_progress:
                yield on_progress
        else:
            yield lambda progress: None

    @contextmanager
    def waiting(self, label: str) -> Iterator[Callable[[str], None]]:
        """What to call with how it stands: one line on a terminal, else a line for each change, as JSON with --json."""
        if self._err.is_terminal and not self.as_json:
            with self._err.status(Text(readable(label))) as shown:
                began = time.monotonic()
                yield lambda state: shown.update(Text(readable(f"{label}: {state}, {time.monotonic() - began:.0f} s")))
        else:
            yield self._changes(label)

    @contextmanager
    def moving(self, label: str) -> Iterator[None]:
        """Something that moves on a terminal, for waits whose length nobody knows; nothing elsewhere."""
        if self._err.is_terminal and not self.as_json:
            with self._err.status(Text(readable(label))):
                yield
        else:
            yield

    def _changes(self, label: str) -> Callable[[str], None]:
        last = ""

        def write(state: str) -> None:
            nonlocal last
            if state == last:
                return
            last = state
            if self.as_json:
                sys.stderr.write(json.dumps({"progress": label, "state": state}) + "\n")
                sys.stderr.flush()
            else:
                self.say(f"{label}: {state}")

        return write


def readable(text: str) -> str:
    """Text that is safe in a terminal: control characters and undecodable bytes are written as escapes."""
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else _escaped(character) for character in whole)


def path_text(path: str | os.PathLike[str]) -> str:
    """A path as valid Unicode: bytes that are not UTF-8 are written as escapes."""
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def size_text(size_bytes: object) -> str:
    """Bytes as the product writes them: GB of 2^30, two decimals; a dash when unknown."""
    if not isinstance(size_bytes, int):
        return "-"
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in ("KB", "MB", "GB", "TB"):
        size /= 1024
        if size < 1024:
            return f"{size:.2f} {unit}"
    return f"{size / 1024:.2f} PB"


def files_text(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def time_text(moment: object) -> str:
    """A time of the service in this machine's zone, to the minute; a dash when there is none."""
    return _local_text(moment, "%Y-%m-%d %H:%M")


def second_text(moment: object) -> str:
    """The same to the second, for what happens fast."""
    return _local_text(moment, "%Y-%m-%d %H:%M:%S")


def _local_text(moment: object, form: str) -> str:
    if not isinstance(moment, str):
        return "-"
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return aware.astimezone().strftime(form)


def _table(columns: Sequence[str], listed: Sequence[Mapping[str, str]]) -> Table:
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    for item in listed:
        table.add_row(*(Text(readable(item[column])) for column in columns))
    return table


@contextmanager
def _bar(console: Console, label: str) -> Iterator[OnProgress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda progress: bar.update(task, completed=progress.bytes_done, total=progress.bytes_total or None)


def _json_lines(label: str) -> OnProgress:
    last = 0.0

    def write(progress: messages.Progress) -> None:
        nonlocal last
        if time.monotonic() - last < JSON_PROGRESS_SECONDS:
            return
        last = time.monotonic()
        line = {
            "progress": label,
            "bytes_done": progress.bytes_done,
            "bytes_total": progress.bytes_total,
            "files_done": progress.files_done,
            "files_total": progress.files_total,
        }
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()

    return write


def _escaped(character: str) -> str:
    if character == "\n":
        return "\\n"
    return character.encode("unicode_escape").decode()


def _strict(document: object) -> object:
    """The document with every string valid Unicode, so that any JSON reader takes it."""
    if isinstance(document, str):
        return path_text(document)
    if isinstance(document, dict):
        return {name: _strict(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [_strict(value) for value in document]
    return document
