"""Days as a person reads them."""

from datetime import UTC, datetime

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def day(at: datetime) -> str:
    """The day of an instant in UTC, as ``24 November 2026``."""
    at = at.astimezone(UTC)
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"
