"""Lines of a log as they may be shown: what would steer a terminal or reorder the text is removed or made visible."""

import re

_STEERING = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Colours and cursor movements (CSI), window titles and links (OSC): ECMA-48, 5.4 and 5.6."""
_INVISIBLE = [*range(0x80, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
"""The second set of control characters, separators of lines, and what turns the direction of text."""
_PICTURES = (
    {number: 0x2400 + number for number in range(0x20) if number != ord("\t")}
    | {0x7F: 0x2421}
    | dict.fromkeys(_INVISIBLE, 0xFFFD)
)


def visible(line: str) -> str:
    """The line without the end that its source gave it, and without anything that is more than text."""
    return _STEERING.sub("", line.rstrip("\r\n")).translate(_PICTURES)
