"""Whether a snapshot fits a machine's disk, and how long it will take to get there."""

from fractions import Fraction

DISK_SHARE = Fraction(9, 10)
"""So much of a disk may be filled by what is restored; the rest is for the system and what comes after."""


def fits(size_bytes: int | None, disk_bytes: int) -> bool:
    """Whether files of that size fit; one whose size nobody knows is given the benefit of the doubt."""
    return size_bytes is None or size_bytes <= disk_bytes * DISK_SHARE


def estimate_seconds(size_bytes: int | None, start_seconds: float, bytes_per_second: float) -> int | None:
    """From confirming to a usable instance, if the password is entered at once; None without a size.

    Args:
        start_seconds: Until a machine is installed.
        bytes_per_second: How fast files are restored and checked.
    """
    return None if size_bytes is None else round(start_seconds + size_bytes / bytes_per_second)
