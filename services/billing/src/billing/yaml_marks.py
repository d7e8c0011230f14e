"""Reads YAML strictly, and knows of every value the line it stands on."""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import yaml

from billing.domain.price_checks import Problem
from billing.domain.prices import GB

T = TypeVar("T")
Path = tuple[str | int, ...]

LARGEST_CHARACTERS = 1_000_000
_DEEPEST = 20
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,8})?", re.ASCII)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,8})", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_STRING, _INT, _FLOAT, _NULL = (f"tag:yaml.org,2002:{tag}" for tag in ("str", "int", "float", "null"))
_REFUSED = "!refused"


class Unreadable(Exception):
    """A value is not of the form asked for; the message says what to write."""


@dataclass(frozen=True)
class Found:
    """A problem at a line, counted from 1."""

    line: int
    message: str


class Document:
    """A YAML document being read: what was found wrong in it, and where each value stands."""

    def __init__(self, text: str) -> None:
        self.problems: list[Found] = []
        self._lines: dict[Path, int] = {(): 1}
        self.root = self._compose(text)

    def _compose(self, text: str) -> yaml.Node | None:
        if len(text) > LARGEST_CHARACTERS:
            self.problems.append(Found(1, f"the file is longer than {LARGEST_CHARACTERS:,} characters"))
            return None
        try:
            loader = _Loader(text, self.problems)
            root = loader.get_single_node()
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

    def refuse(self, node: yaml.Node, message: str) -> None:
        if node.tag != _REFUSED:
            self.problems.append(Found(_line(node), message))

    def locate(self, problem: Problem) -> Found:
        """The line of a problem, or of the nearest thing around it that stands in the file."""
        path = problem.path
        while path not in self._lines:
            path = path[:-1]
        return Found(self._lines[path], problem.message)

    def fields(
        self, node: yaml.Node | None, path: Path, required: Set[str], optional: Set[str] = frozenset()
    ) -> dict[str, yaml.Node]:
        """The fields of a mapping that are known; what is missing, unknown or repeated is refused."""
        if node is None:
            return {}
        self._lines.setdefault(path, _line(node))
        found = self._pairs(node, path)
        for name in sorted(found.keys() - required - optional):
            self.refuse(found.pop(name)[0], f"{name} is not a field here; there are {_listed(required | optional)}")
        for name in sorted(required - found.keys()):
            if isinstance(node, yaml.MappingNode):
                self.refuse(node, f"{name} is missing")
        return {name: value for name, (_, value) in found.items()}

    def names(self, node: yaml.Node | None, path: Path) -> dict[str, yaml.Node]:
        """A mapping whose keys are free."""
        return {} if node is None else {name: value for name, (_, value) in self._pairs(node, path).items()}

    def items(self, node: yaml.Node | None, path: Path) -> list[yaml.Node]:
        """The items of a list."""
        if node is None:
            return []
        self._lines.setdefault(path, _line(node))
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, f"{_label(path)} is to be a list")
            return []
        for number, item in enumerate(node.value):
            self._lines[*path, number] = _line(item)
        return list(node.value)

    def value(self, node: yaml.Node | None, read: Callable[[yaml.Node], T], otherwise: T) -> T:
        """What a reader makes of the node; ``otherwise`` when it is missing or unreadable, which then is known."""
        if node is None:
            return otherwise
        try:
            return read(node)
        except Unreadable as error:
            self.refuse(node, str(error))
            return otherwise

    def _pairs(self, node: yaml.Node, path: Path) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, f"{_label(path)} is to be a mapping of fields")
            return {}
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, "the name of a field is a word")
            elif key.value in found:
                self.refuse(key, f"{key.value} stands here twice, first in line {_line(found[key.value][0])}")
            else:
                found[key.value] = (key, value)
                self._lines[*path, key.value] = _line(key)
        return found


def name(node: yaml.Node) -> str:
    """A name of letters, digits, dots, dashes and underscores."""
    text = _scalar(node)
    if node.tag != _STRING:
        raise Unreadable(f'{text} is read as something else than a word; write it in quotes: "{text}"')
    if not _NAME.fullmatch(text):
        raise Unreadable(f"{text!r} is not a name: up to 64 letters, digits, dots, dashes and underscores")
    return text


def whole(node: yaml.Node) -> int:
    """A whole number, written plainly."""
    text = _scalar(node)
    if node.tag != _INT or not _WHOLE.fullmatch(text):
        raise Unreadable(
            f"{text!r} is not a whole number as it is written here: digits alone, without quotes, at most nine"
        )
    return int(text)


def gigabytes(node: yaml.Node) -> int:
    """An amount in GB (2^30 bytes), as bytes: a whole number, or a decimal in quotes that comes to whole bytes."""
    size = Fraction(decimal(node) if node.tag == _STRING else whole(node)) * GB
    if size.denominator != 1:
        raise Unreadable(f'{_scalar(node)} GB are no whole number of bytes; 32 MB, for one, are "0.03125" GB')
    return int(size)


def gigabytes_or_nothing(node: yaml.Node) -> int | None:
    return None if node.tag == _NULL else gigabytes(node)


def decimal(node: yaml.Node) -> Decimal:
    """A decimal number in quotes: YAML would make an inexact number of it otherwise."""
    text = _scalar(node)
    if node.tag in (_FLOAT, _INT):
        raise Unreadable(f'{text} would be an inexact number; write it in quotes: "{text}"')
    if node.tag != _STRING or not _DECIMAL.fullmatch(text):
        raise Unreadable(f'{text!r} is not an amount; write it as "0.08", with at most eight decimal places')
    return Decimal(text)


def minor(node: yaml.Node) -> int:
    """An amount of money in whole minor units, written in units of the currency."""
    amount = decimal(node) * 100
    if amount != int(amount):
        raise Unreadable(f'"{_scalar(node)}" has more than two decimal places')
    return int(amount)


def instant(node: yaml.Node) -> datetime:
    """An instant with its time zone, in UTC."""
    text = _scalar(node)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{text!r} is not an instant; write it as 2026-01-01T00:00:00Z") from None
    if at.tzinfo is None:
        raise Unreadable(f"{text} has no time zone; write it as 2026-01-01T00:00:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Unreadable(f"{text} is out of reach") from None


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


def _scalar(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise Unreadable("one value is to stand here, not a list or a mapping")
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _label(path: Path) -> str:
    words = [str(part) for part in path if isinstance(part, str)]
    return words[-1] if words else "a price book"


def _listed(names: Set[str]) -> str:
    return ", ".join(sorted(names))
