"""The bill a second time, straight from the rules, slowly: shares no code with billing and only sums fractions.

An instant is a `Fraction` of seconds since any zero; a history is a list of readings. The rules:

* a GB is 2^30 bytes, a month 730 hours;
* a reading counts from the whole second it lies in, until a later reading of the same backup does;
* free are ``free`` bytes for each machine with a snapshot at that moment, one at least, ``machines`` at most;
* what lies above is cut at the absolute bounds of the tiers, and each part costs its tier's price for as long as it
  is held, at the price in force at that moment.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

GB_MONTH = 1024**3 * 730 * 60 * 60


@dataclass(frozen=True)
class Reading:
    """``machine`` is None where it is not known; ``snapshots`` says whether there is one."""

    at: Fraction
    backup: str
    machine: str | None
    held: int
    snapshots: bool


@dataclass(frozen=True)
class Prices:
    """From ``since``: what is free, and the tiers as (where the tier begins, cents for a GB and month)."""

    since: int
    free: int
    machines: int
    tiers: tuple[tuple[int, Fraction], ...]


def cents_for_storage(readings: list[Reading], prices: list[Prices], start: Fraction, end: Fraction) -> Fraction:
    """What the stretch costs: each piece between two moments at which anything may change, looked at from scratch."""
    moments = {start // 1, end // 1}
    moments |= {reading.at // 1 for reading in readings} | {price.since for price in prices}
    within = sorted(moment for moment in moments if start // 1 <= moment <= end // 1)
    total = Fraction(0)
    for moment, following in pairwise(within):
        total += (following - moment) * cents_per_second(readings, prices, moment)
    return total


def cents_for_storage_by_seconds(
    readings: list[Reading], prices: list[Prices], start: Fraction, end: Fraction
) -> Fraction:
    """The same, a second at a time; only for short stretches."""
    return sum(
        (cents_per_second(readings, prices, second) for second in range(int(start // 1), int(end // 1))),
        Fraction(0),
    )


def cents_per_second(readings: list[Reading], prices: list[Prices], second: int) -> Fraction:
    """What the second that begins here costs."""
    held = standing(readings, second)
    price = [each for each in prices if each.since <= second][-1]
    machines = {reading.machine for reading in held if reading.snapshots}
    free = price.free * min(max(len(machines), 1), price.machines)
    return cents_above(price.tiers, free, sum(reading.held for reading in held)) / GB_MONTH


def standing(readings: list[Reading], second: int) -> list[Reading]:
    """The last reading of each backup up to the end of this second."""
    last: dict[str, Reading] = {}
    for reading in sorted(readings, key=lambda each: each.at):
        if reading.at // 1 <= second:
            last[reading.backup] = reading
    return list(last.values())


def cents_above(tiers: tuple[tuple[int, Fraction], ...], free: int, used: int) -> Fraction:
    """Bytes above what is free, each times its tier's price: what lies above a bound, less what lies above the next."""
    total = Fraction(0)
    for number, (begins, cents) in enumerate(tiers):
        above = max(0, used - max(begins, free))
        if number + 1 < len(tiers):
            above -= max(0, used - max(tiers[number + 1][0], free))
        total += above * cents
    return total


def bytes_passed(before: int, counter: list[int]) -> int:
    """What a counter that starts again from 0 has counted: up counts the difference, down counts it anew."""
    total = 0
    for left, right in pairwise([before, *counter]):
        total += right - left if right >= left else right
    return total


def cents_for_traffic(used: int, included: int, tiers: tuple[tuple[int, Fraction], ...]) -> Fraction:
    """Here a tier's price is for a GB that passes."""
    return cents_above(tiers, included, used) / 1024**3


def rounded(cents: Fraction) -> int:
    """To the nearest cent, from the middle to the even one."""
    down = cents.numerator // cents.denominator
    rest = cents - down
    if rest == Fraction(1, 2):
        return down + down % 2
    return down + (rest > Fraction(1, 2))
