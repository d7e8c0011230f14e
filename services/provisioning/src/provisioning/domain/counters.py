"""An agent's cumulative counters: what a reading adds, and which instant it is of."""

from datetime import datetime, timedelta

LARGEST = 2**63 - 1
"""As much as a column holds; a count stays there rather than fail."""
TICK = timedelta(microseconds=1)
LATEST = timedelta(minutes=5)
"""A reading that says it is older was held up on its way, or its agent's clock is wrong: it counts as this old."""


def total_bytes(total: int, last: int, reading: int) -> int:
    """Traffic in all once a reading has come.

    A reading below the last one means that the counter began again at 0: all of it is new. What passed between the
    last reading and that beginning is not known, and not counted.

    Args:
        total: Bytes in all until the last reading.
        last: The counter at the last reading; 0 before the first.
        reading: The counter now.

    Raises:
        ValueError: If one of them is negative.
    """
    if min(total, last, reading) < 0:
        raise ValueError(f"an amount of bytes is negative: {min(total, last, reading)}")
    added = reading if reading < last else reading - last
    return min(total + added, LARGEST)


def reading_instant(sent_at: datetime, last: datetime, now: datetime) -> datetime:
    """When a reading was made: as its agent says, if that is lately, and always after what came before.

    What an agent says of the time decides in which month its traffic is billed, so it is believed only so far.
    Readings are known by their instant, so two of one instance never share one.

    Args:
        last: The reading before; before the first, the beginning of the instance.
    """
    return max(min(sent_at, now), now - LATEST, last + TICK)
