"""Billing months: from an anchor to its next monthly anniversary."""

from calendar import monthrange
from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def month(anchor: datetime, number: int) -> datetime:
    """The ``number``-th monthly anniversary of the anchor, at its time of day in UTC; 0 is the anchor itself.

    The day is the anchor's, or the month's last where it is too short, so an anchor on the 31st comes back to the 31st.
    """
    anchor = anchor.astimezone(UTC)
    year, month0 = divmod(anchor.year * 12 + anchor.month - 1 + number, 12)
    day = min(anchor.day, monthrange(year, month0 + 1)[1])
    return anchor.replace(year=year, month=month0 + 1, day=day)


def month_number(anchor: datetime, at: datetime) -> int:
    """Which month of the anchor holds the instant: 0 for the first, negative before the anchor."""
    anchor, at = anchor.astimezone(UTC), at.astimezone(UTC)
    number = (at.year - anchor.year) * 12 + at.month - anchor.month
    return number if month(anchor, number) <= at else number - 1


def month_containing(anchor: datetime, at: datetime) -> tuple[datetime, datetime]:
    """Start and end of the anchor's month that holds the instant; the end is the next month's start."""
    number = month_number(anchor, at)
    return month(anchor, number), month(anchor, number + 1)


def second_of(at: datetime) -> int:
    """The whole second, counted from 1970, in which the instant lies.

    Raises:
        TypeError: If it is naive.
    """
    since = at - EPOCH
    return since.days * 86_400 + since.seconds


def seconds(start: datetime, end: datetime) -> int:
    """Whole seconds from one instant's second to another's; negative when they are the other way round."""
    return second_of(end) - second_of(start)
