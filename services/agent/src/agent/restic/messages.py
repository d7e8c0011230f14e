"""What restic prints with --json, as types; lines that are not JSON are kept as text."""

import json
from dataclasses import dataclass
from typing import TypeAlias

JsonObject: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Progress:
    """How far a backup or a restore is; totals are what is known so far and may grow while restic scans.

    `bytes_written` are those of a restore that were not there yet.
    """

    bytes_done: int
    bytes_total: int
    files_done: int
    files_total: int
    bytes_written: int = 0


@dataclass(frozen=True)
class Summary:
    """The closing message of a backup, a restore or an init, as restic wrote it."""

    fields: JsonObject

    def count(self, name: str) -> int:
        """A number of the summary; restic leaves out those that are zero."""
        value = self.fields.get(name)
        return value if isinstance(value, int) else 0


@dataclass(frozen=True)
class ItemError:
    """One file or folder that could not be read (archival), listed (scan) or written (restore)."""

    item: str
    message: str
    during: str


@dataclass(frozen=True)
class ExitError:
    code: int
    message: str


@dataclass(frozen=True)
class Text:
    line: str


Message: TypeAlias = Progress | Summary | ItemError | ExitError | Text


def parse(line: bytes) -> Message:
    text = line.decode("utf-8", "replace").strip()
    if not text.startswith("{"):
        return Text(text)
    try:
        fields = json.loads(text)
    except ValueError:
        return Text(text)
    match fields.get("message_type"):
        case "status":
            return _progress(fields)
        case "summary" | "initialized":
            return Summary(fields)
        case "error":
            return _item_error(fields)
        case "exit_error":
            return ExitError(code=_integer(fields.get("code")), message=str(fields.get("message", "")).strip())
    return Text(text)


def _progress(fields: JsonObject) -> Progress:
    restored, skipped = fields.get("bytes_restored"), fields.get("bytes_skipped")
    files_restored, files_skipped = fields.get("files_restored"), fields.get("files_skipped")
    return Progress(
        bytes_done=_integer(fields.get("bytes_done")) + _integer(restored) + _integer(skipped),
        bytes_total=_integer(fields.get("total_bytes")),
        files_done=_integer(fields.get("files_done")) + _integer(files_restored) + _integer(files_skipped),
        files_total=_integer(fields.get("total_files")),
        bytes_written=_integer(restored),
    )


def _item_error(fields: JsonObject) -> ItemError:
    error = fields.get("error")
    message = error.get("message", "") if isinstance(error, dict) else error
    return ItemError(item=str(fields.get("item", "")), message=str(message), during=str(fields.get("during", "")))


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
