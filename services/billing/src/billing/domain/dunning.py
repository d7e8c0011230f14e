"""What follows when a bill is not paid: when it is tried again, and how the account stands."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

RETRY_AFTER = (timedelta(days=1), timedelta(days=3), timedelta(days=5), timedelta(days=7))
"""After the first failure; then no more by itself."""
LEAST_PAUSE = RETRY_AFTER[0]
"""Between two attempts."""


class Standing(StrEnum):
    """How an account stands with its bills, from good to bad."""

    CURRENT = "current"
    REMINDED = "reminded"
    RESTRICTED = "restricted"
    """No uploads above the allowance. Reading, restoring to local and deleting stay open on every rung."""
    SUSPENDED = "suspended"


LADDER = (Standing.CURRENT, Standing.REMINDED, Standing.RESTRICTED, Standing.SUSPENDED)
_AFTER_FAILURES = (
    Standing.CURRENT,
    Standing.REMINDED,
    Standing.REMINDED,
    Standing.RESTRICTED,
    Standing.RESTRICTED,
    Standing.SUSPENDED,
)
ON_CREDIT = frozenset({Standing.CURRENT, Standing.REMINDED})
"""Whoever stands so may use more than the allowance, if they have a payment method."""


def next_attempt(first_failed_at: datetime, failures: int, now: datetime) -> datetime | None:
    """When a charge that failed so often (1 or more), and failed just now, is tried again; None after the last.

    A day from now at least: after an outage the rungs of the ladder do not follow one another in a minute.
    """
    if failures > len(RETRY_AFTER):
        return None
    return max(first_failed_at + RETRY_AFTER[failures - 1], now + LEAST_PAUSE)


def standing_after(failures: int) -> Standing:
    """How an account stands with one unpaid invoice whose charge failed so often."""
    return _AFTER_FAILURES[min(failures, len(_AFTER_FAILURES) - 1)]


def standing(failures: Iterable[int]) -> Standing:
    """How an account stands with all its unpaid invoices: as the worst of them."""
    return max((standing_after(count) for count in failures), key=LADDER.index, default=Standing.CURRENT)
