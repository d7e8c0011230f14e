"""What several bodies have."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_COUNT = 2**63 - 1
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Both sets of control characters, separators of lines, and what turns the direction of text."""

RESTORE_ID = "0f6c2f0e-7f6c-4d8e-9a55-3d1b8a6f5f10"
BACKUP_ID = "9b2d6c1a-52f3-4a4b-8f0d-2f1c7f3a9e21"
SNAPSHOT_ID = "c1f7f0b4-6f0e-4a63-8a53-0c8a4b9d7e55"
RESTIC_ID = "4bb0a5d3a0f1c2f0e1d6b7a8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192"

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


def _printable(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


Reason = Annotated[str, Field(max_length=500), AfterValidator(_printable)]


class Request(BaseModel):
    """What a client sends; a field we do not know is refused, because it would silently do nothing."""

    model_config = ConfigDict(extra="forbid")
