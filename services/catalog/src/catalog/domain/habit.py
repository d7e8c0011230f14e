"""How often a backup is usually made, and when it is overdue by that habit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

FEWEST_SNAPSHOTS = 3
RECENT = 11
SLACK = timedelta(hours=2)


def overdue_at(taken: Sequence[datetime]) -> datetime | None:
    """When the next snapshot is overdue: twice the usual interval after the latest, with some slack.

    Args:
        taken: Times of successful snapshots, in any order.

    Returns:
        None while there are too few snapshots to speak of a habit.
    """
    recent = sorted(taken)[-RECENT:]
    if len(recent) < FEWEST_SNAPSHOTS:
        return None
    intervals = [(later - earlier).total_seconds() for earlier, later in pairwise(recent)]
    return recent[-1] + 2 * timedelta(seconds=median(intervals)) + SLACK
