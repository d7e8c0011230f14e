"""Reads YAML strictly into plain values, and knows of every value the line it stands on."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from provisioning.domain.offer_checks import Path

LARGEST_CHARACTERS = 1_000_000
_DEEPEST = 20
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})", re.ASCII)
_TAG = "tag:yaml.org,2002:"
_REFUSED = "!refused"


@dataclass(frozen=True)
class Found:
    """A problem at a line, counted from 1."""

    line: int
    message: str


class Document:
    """A YAML document as dictionaries, lists, texts, whole numbers, truths and nulls.

    What stands there otherwise is in ``problems``, and null in ``content``; `is_refused` tells of where.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[Found] = []
        self._lines: dict[Path, int] = {(): 1}
        self._refused: set[Path] = set()
        root = self._compose(text)
        if root is None:
            self._refused.add(())
        self.content: object = None if root is None else self._read(root, ())

    def line(self, path: Path) -> int:
        """Where a thing stands, or the nearest thing around it that stands in the file."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def is_refused(self, path: Path) -> bool:
        """Whether the thing, or one around it, could not be read, which then is a problem already."""
        return any(path[:length] in self._refused for length in range(len(path) + 1))

    def _compose(self, text: str) -> yaml.Node | None:
        if len(text) > LARGEST_CHARACTERS:
            self.problems.append(Found(1, f"the file is longer than {LARGEST_CHARACTERS:,} characters"))
            return None
        try:
            root = _Loader(text, self.problems).get_single_node()
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self.problems.append(Found(line, f"the character U+{ord(text[error.position]):04X} has no place in YAML"))
            return None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = ", ".join(part for part in (error.context, error.problem) if part)
            self.problems.append(Found(mark.line + 1 if mark else 1, f"this is not YAML: {said}"))
            return None
        if root is None:
            self.problems.append(Found(1, "the file is empty"))
        return root

    def _read(self, node: yaml.Node, path: Path) -> object:
        self._lines.setdefault(path, _line(node))
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self._read(item, (*path, number)) for number, item in enumerate(node.value)]
            case _:
                return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(Found(_line(key), "the name of a field is a word"))
            elif key.value in found:
                first = self._lines[*path, key.value]
                self.problems.append(Found(_line(key), f"{key.value} stands here twice, first in line {first}"))
            elif key.tag != _REFUSED:
                self._lines[*path, key.value] = _line(key)
                found[key.value] = self._read(value, (*path, key.value))
        return found

    def _scalar(self, node: yaml.Node, path: Path) -> object:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "int" if _WHOLE.fullmatch(text):
                return int(text)
            case "bool" if text in ("true", "false"):
                return text == "true"
        self._refused.add(path)
        if node.tag != _REFUSED:
            self.problems.append(Found(_line(node), _mistaken(node.tag, text)))
        return None


def _mistaken(tag: str, text: str) -> str:
    """What to write instead of a scalar that YAML reads as another than it looks like, or inexactly."""
    match tag.removeprefix(_TAG):
        case "int":
            return f"{text} is not a whole number as it is written here: digits alone, at most fifteen"
        case "float":
            return f'{text} would be an inexact number; write it in quotes: "{text}"'
        case "bool":
            read = "true" if text.lower() in ("yes", "on", "true") else "false"
            return f'{text} is read as {read}; write {read}, or "{text}" in quotes where a word is meant'
        case _:
            return f'{text} is read as something else than a word; write it in quotes: "{text}"'


class _Loader(yaml.SafeLoader):
    """Composes without aliases, anchors and tags: each value is written where it holds, and is what it looks like."""

    def __init__(self, text: str, problems: list[Found]) -> None:
        super().__init__(text)
        self._problems = problems
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # its stubs leave it untyped
        start, end = event.start_mark, event.end_mark
        line = start.line + 1
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]  # its stubs leave it untyped
            self._problems.append(Found(line, f"*{event.anchor} repeats something; write it out"))
            return yaml.ScalarNode(_REFUSED, "", start, end)
        if event.anchor is not None:
            self._problems.append(
                Found(line, f"&{event.anchor} marks something to be repeated; write it out each time")
            )
            event.anchor = None
        if event.tag is not None:
            self._problems.append(Found(line, f"{event.tag} is a tag; write the value without one"))
            # What the tag stood before is text to us, so that nothing else is said about it.
            event.tag, event.implicit = None, (False, True)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise yaml.MarkedYAMLError(None, None, "nested too deeply", start)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
