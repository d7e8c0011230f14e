"""Amounts and days as a person reads them."""

from datetime import UTC, datetime

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def money(amount_minor: int, currency: str) -> str:
    """Minor units as ``1,234.50 USD``."""
    whole, part = divmod(abs(amount_minor), 100)
    return f"{'-' if amount_minor < 0 else ''}{whole:,}.{part:02} {currency}"


def day(at: datetime) -> str:
    """The day of an instant in UTC, as ``24 November 2026``."""
    at = at.astimezone(UTC)
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"
