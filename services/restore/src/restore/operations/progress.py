"""How far a restoring client or agent says it has come."""

from dataclasses import dataclass
from datetime import timedelta

from restore.models import Restore

PROGRESS_EVERY = timedelta(seconds=2)
"""Progress that comes faster than this is not recorded."""


@dataclass(frozen=True)
class Progress:
    """Counts since the beginning; None where they are not said."""

    bytes_restored: int | None = None
    files_restored: int | None = None
    total_bytes: int | None = None
    warnings: int | None = None


def note(restore: Restore, progress: Progress) -> bool:
    """Keep what is said; whether that is anything new."""
    before = _counts(restore)
    restore.bytes_restored = _known(progress.bytes_restored, restore.bytes_restored)
    restore.files_restored = _known(progress.files_restored, restore.files_restored)
    restore.total_bytes = _known(progress.total_bytes, restore.total_bytes)
    restore.warnings = restore.warnings if progress.warnings is None else progress.warnings
    return _counts(restore) != before


def _counts(restore: Restore) -> tuple[int | None, ...]:
    return restore.bytes_restored, restore.files_restored, restore.total_bytes, restore.warnings


def _known(said: int | None, before: int | None) -> int | None:
    return before if said is None else said
