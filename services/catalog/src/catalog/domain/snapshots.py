"""What the store says about snapshots, against what was known of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

UPLOAD_TIME = timedelta(hours=1)
"""A reported snapshot whose object is not there after this long is missing; reports come after the upload."""


class Status(StrEnum):
    PENDING = "pending"
    SUCCESSFUL = "successful"
    DAMAGED = "damaged"
    MISSING = "missing"


class Kind(StrEnum):
    FULL = "full"
    INCREMENTAL = "incremental"


@dataclass(frozen=True)
class SeenSnapshot:
    """A snapshot's object as the store has it; ``intact`` when its SHA-256 equals its name."""

    restic_id: str
    object_bytes: int
    modified_at: datetime
    intact: bool


def status_of(seen: SeenSnapshot | None, before: Status | None, reported_at: datetime, now: datetime) -> Status:
    """A snapshot's status by what the store has.

    Args:
        seen: None when its object is not in the store.
        before: None for a snapshot nobody knew.
        reported_at: When it was first heard of.
    """
    if seen is not None:
        return Status.SUCCESSFUL if seen.intact else Status.DAMAGED
    if before is Status.PENDING and now - reported_at < UPLOAD_TIME:
        return Status.PENDING
    return Status.MISSING


def added_bytes(storage_bytes: int, storage_bytes_before: int, found: int) -> int | None:
    """What one snapshot found in the store added, as far as measuring can tell.

    Args:
        found: How many snapshots appeared between the two measurements.

    Returns:
        The difference when exactly one appeared; None when it cannot be told apart, or is not an addition.
    """
    difference = storage_bytes - storage_bytes_before
    return difference if found == 1 and difference >= 0 else None
