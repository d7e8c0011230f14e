"""What a device tells of its cluster, as far as it can be kept and shown again."""

import json
import math
from typing import Any, NoReturn

LARGEST_BYTES = 65_536
DEEPEST = 32


def read_metrics(text: str) -> dict[str, Any]:
    """The object that this JSON says.

    Raises:
        ValueError: If it is larger than 64 kB or no JSON object, or holds what a database or the reader of an answer
            could not take: nesting beyond 32 levels, NUL, half of a surrogate pair, a number beyond all bounds.
    """
    if len(text.encode()) > LARGEST_BYTES:
        raise ValueError("larger than 64 kB")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    _require_plain(found)
    return found


def _require_plain(found: dict[str, Any]) -> None:
    level: list[Any] = [found]
    for _ in range(DEEPEST + 1):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str):
                _require_text(value)
            elif isinstance(value, float) and not math.isfinite(value):
                raise ValueError("a number beyond all bounds")
        if not inner:
            return
        level = inner
    raise ValueError("nested too deeply")


def _require_text(text: str) -> None:
    text.encode()  # UnicodeEncodeError, a ValueError, for half of a surrogate pair.
    if "\0" in text:
        raise ValueError("a NUL")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
