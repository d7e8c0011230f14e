"""What an owner is to be billed, straight from the rules and from the oracle; nothing of billing is used."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count, pairwise

from tests.billing.oracle import Prices, Reading, bytes_passed, cents_above, cents_for_storage, rounded

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
GB = 1024**3
Tiers = tuple[tuple[int, Fraction], ...]


def cents(*prices: str) -> list[Fraction]:
    return [Fraction(price) * 100 for price in prices]


def tiers(*bounds: tuple[int, str]) -> Tiers:
    """Where each begins, in GB, and what it costs, in units."""
    return tuple((begins * GB, Fraction(price) * 100) for begins, price in bounds)


@dataclass(frozen=True)
class Book:
    """Prices from an instant on: backup storage as the oracle has them, and the one plan of an instance."""

    since: datetime
    storage: Prices
    cloud: Tiers
    traffic: Tiers
    monthly: int
    traffic_included: int
    storage_included: int


@dataclass(frozen=True)
class Rental:
    """An instance, until it is returned; readings are (instant, counter, disk)."""

    start: datetime
    end: datetime | None
    restored: int
    readings: tuple[tuple[datetime, int, int], ...]


@dataclass(frozen=True)
class Life:
    """All that was ever measured of an owner, in any order."""

    samples: tuple[Reading, ...]
    rentals: tuple[Rental, ...]


def since_zero(at: datetime) -> Fraction:
    return Fraction((at - ZERO) // timedelta(microseconds=1), 1_000_000)


def instant(second: Fraction) -> datetime:
    return ZERO + timedelta(seconds=int(second // 1))


def anniversary(anchor: datetime, number: int) -> datetime:
    """The same day and time so many months later, or the last day of a month that is too short."""
    months = anchor.year * 12 + anchor.month - 1 + number
    year, month = months // 12, months % 12 + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))


def months_of(rental: Rental) -> Iterator[tuple[datetime, datetime]]:
    for number in count():
        yield anniversary(rental.start, number), anniversary(rental.start, number + 1)


def storage_periods(life: Life, until: datetime) -> list[tuple[datetime, datetime]]:
    """What backup storage is billed by: to each renewal while there is an instance, else by months of its own."""
    if not life.samples:
        return []
    first = instant(min(sample.at for sample in life.samples))
    at = min([first, *(rental.start for rental in life.rentals)])
    anchor, cuts = at, [first]
    while at <= until:
        changes = [each for rental in life.rentals for each in (rental.start, rental.end) if each and each > at]
        due = _next_close(life, anchor, at)
        change = min(changes, default=None)
        at = due if change is None or due <= change else change
        if at > until:
            break
        is_return = any(rental.end == at for rental in life.rentals)
        if (at == due or is_return) and at > cuts[-1]:
            cuts.append(at)
    return list(pairwise(cuts))


def _next_close(life: Life, anchor: datetime, at: datetime) -> datetime:
    live = [rental for rental in life.rentals if rental.start <= at and (rental.end is None or rental.end > at)]
    renewals = [next(end for _, end in months_of(rental) if end > at) for rental in live]
    return min(renewals) if renewals else next(
        each for number in count(1) if (each := anniversary(anchor, number)) > at
    )  # fmt: skip


def storage_bill(life: Life, books: Sequence[Book], start: datetime, end: datetime) -> int:
    """Each version's each tier is a line, rounded by itself."""
    total = 0
    for number, book in enumerate(books):
        for tier in range(len(book.storage.tiers)):
            only = [
                replace(each.storage, tiers=_only(each.storage.tiers, tier if other == number else None))
                for other, each in enumerate(books)
            ]
            total += rounded(cents_for_storage(list(life.samples), only, since_zero(start), since_zero(end)))
    return total


def rental_bill(rental: Rental, books: Sequence[Book], start: datetime, end: datetime) -> int:
    """Traffic and cloud storage of a month, above what the plan includes, by the prices of the month's start."""
    book = [each for each in books if each.since <= start][-1]
    before = [reading for reading in sorted(rental.readings) if reading[0] < start]
    within = [reading for reading in sorted(rental.readings) if start <= reading[0] < end]
    used = bytes_passed(before[-1][1] if before else 0, [counter for _, counter, _ in within])
    included = max(book.traffic_included, rental.restored if start == rental.start else 0)
    return _traffic(book, used, included) + _cloud(book, [*before[-1:], *within], start, end)


def month_prices(rental: Rental, books: Sequence[Book], until: datetime) -> int:
    """Months paid in advance, less what of the last one was not used; and what a restore brought in."""
    total = 0
    for start, end in months_of(rental):
        if start > until or (rental.end is not None and start >= rental.end):
            break
        monthly = [each for each in books if each.since <= start][-1].monthly
        total += monthly
        if rental.end is not None and rental.end <= until and rental.end < end:
            total -= rounded(
                Fraction(monthly) * (since_zero(end) - since_zero(rental.end)) / (since_zero(end) - since_zero(start))
            )
    book = [each for each in books if each.since <= rental.start][-1]
    return total + _traffic(book, rental.restored, book.traffic_included)


def rental_periods(rental: Rental, until: datetime) -> list[tuple[datetime, datetime]]:
    """The months that are over, the last one cut where the instance was returned."""
    periods = []
    for start, end in months_of(rental):
        end = min(end, rental.end or end)
        if end > until or start >= end:
            break
        periods.append((start, end))
    return periods


def _traffic(book: Book, used: int, included: int) -> int:
    lines = [cents_above(_only(book.traffic, tier), included, used) / GB for tier in range(len(book.traffic))]
    return sum(rounded(line) for line in lines)


def _cloud(book: Book, readings: Sequence[tuple[datetime, int, int]], start: datetime, end: datetime) -> int:
    held = [Reading(since_zero(at), "disk", None, disk, False) for at, _, disk in readings]
    total = 0
    for tier in range(len(book.cloud)):
        # Nothing is lost by saying that these prices have always been so: only this month is looked at.
        prices = Prices(-(10**9), book.storage_included, 1, _only(book.cloud, tier))
        total += rounded(cents_for_storage(held, [prices], since_zero(start), since_zero(end)))
    return total


def _only(every: Tiers, tier: int | None) -> Tiers:
    """The tiers where they are, all but one for nothing."""
    return tuple((begins, price if number == tier else Fraction(0)) for number, (begins, price) in enumerate(every))
