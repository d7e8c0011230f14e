"""Names of instances are Olares names, as owners have them."""

import re

LONGEST = 254
"""Characters, as of an address."""
_OLARES_NAME = re.compile(
    r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{0,62}[a-z0-9]"
)
_SEPARATORS = re.compile("[\x1c-\x1f]")
"""Python strips them like spaces; they are none."""


class NotAName(Exception):
    """The message says what a name looks like."""


def olares_name(text: str) -> str:
    """The name as it is kept: in lower case, without spaces around it. Raises NotAName."""
    name = text.strip().lower()
    if len(name) > LONGEST:
        raise NotAName(f"This name is longer than {LONGEST} characters. Choose a shorter one.")
    if _SEPARATORS.search(text) or not _OLARES_NAME.fullmatch(name):
        raise NotAName("This is not an Olares name. One looks like alice@olares.com.")
    return name
