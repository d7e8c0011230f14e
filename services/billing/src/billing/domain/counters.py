"""What an instance used: traffic from a counter that restarts, and storage above what its plan includes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from billing.domain.money import round_minor
from billing.domain.months import second_of
from billing.domain.prices import GB, GB_MONTH, Tier, slices, storage_minor, traffic_minor


@dataclass(frozen=True, order=True, slots=True)
class Count:
    """A reading of an instance.

    Args:
        traffic_bytes: Sent and received since its counter last began at 0.
        disk_bytes: Its cloud storage, a level that holds until the next reading.
    """

    measured_at: datetime
    traffic_bytes: int
    disk_bytes: int


def traffic_bytes(before: Count | None, counts: Iterable[Count]) -> int:
    """Bytes that passed from the reading before the month to the last one in it.

    A fall means that the counter began again at 0; what passed after the last reading before that is not known, and
    not charged. An increase belongs to the later reading, so any split of the readings gives the same total.

    Args:
        before: The last reading before the month; None when the counter began at 0 within it.
        counts: The month's readings in any order, repeated or not.

    Raises:
        ValueError: If a reading is older than ``before``.
    """
    total, last = 0, before.traffic_bytes if before else 0
    for count in _ordered(before, counts):
        total += count.traffic_bytes - (last if count.traffic_bytes >= last else 0)
        last = count.traffic_bytes
    return total


@dataclass(frozen=True, slots=True)
class Charge:
    """What lies in one tier.

    Args:
        quantity: In GB for traffic, in GB-months of 730 hours for storage.
        exact: In minor units.
    """

    tier: Tier
    quantity: Fraction
    exact: Fraction

    @property
    def amount_minor(self) -> int:
        return round_minor(self.exact)


def traffic_charges(used_bytes: int, included_bytes: int, tiers: Sequence[Tier]) -> list[Charge]:
    """What traffic above the included costs, by tier; tiers count from the first byte used.

    What was already charged counts as included: with ``max(included, charged)`` the rest of a month is what this gives.

    Raises:
        ValueError: If an amount of bytes is negative.
    """
    _refuse_negative(used_bytes, included_bytes)
    return [
        Charge(tiers[index], Fraction(size, GB), traffic_minor(size, tiers[index].per_gb_month))
        for index, size in slices(tiers, included_bytes, used_bytes)
    ]


def storage_above(
    before: Count | None,
    counts: Iterable[Count],
    start: datetime,
    end: datetime,
    included_bytes: int,
    tiers: Sequence[Tier],
) -> dict[int, int]:
    """Byte-seconds above the included at each instant from ``start`` to ``end``, by tier.

    Before the first reading there is none. Instants lie in the second they began in, as for backup storage.

    Raises:
        ValueError: If a reading lies outside, or an amount of bytes is negative.
    """
    _refuse_negative(included_bytes)
    held: dict[int, int] = {}
    level, since = before.disk_bytes if before else 0, second_of(start)
    for count in _ordered(before, counts):
        if not start <= count.measured_at < end:
            raise ValueError(f"a reading of {count.measured_at} is not between {start} and {end}")
        since = _hold(held, level, since, second_of(count.measured_at), included_bytes, tiers)
        level = count.disk_bytes
    _hold(held, level, since, second_of(end), included_bytes, tiers)
    return held


def storage_charges(held: Mapping[int, int], tiers: Sequence[Tier]) -> list[Charge]:
    """What byte-seconds by tier cost."""
    return [
        Charge(tiers[index], Fraction(held[index], GB_MONTH), storage_minor(held[index], tiers[index].per_gb_month))
        for index in sorted(held)
    ]


def _hold(held: dict[int, int], level: int, since: int, until: int, included_bytes: int, tiers: Sequence[Tier]) -> int:
    """Add the byte-seconds above the included to their tiers; the second they go to."""
    _refuse_negative(level)
    for index, size in slices(tiers, included_bytes, level):
        held[index] = held.get(index, 0) + size * (until - since)
    return until


def _ordered(before: Count | None, counts: Iterable[Count]) -> list[Count]:
    ordered = sorted(counts)
    for count in ordered:
        _refuse_negative(count.traffic_bytes, count.disk_bytes)
    if before and ordered and ordered[0].measured_at < before.measured_at:
        raise ValueError(f"a reading of {ordered[0].measured_at} is older than the one before the month")
    return ordered


def _refuse_negative(*amounts: int) -> None:
    if min(amounts) < 0:
        raise ValueError(f"an amount of bytes is negative: {min(amounts)}")
