"""What an owner looks at: a stretch of backup storage by day and by backup, adding up to what the meter charges."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from uuid import UUID

from billing.domain.meter import (
    Accrual,
    Levels,
    Pool,
    Sample,
    Tariff,
    accrue_stretch,
    add,
    charge,
    stretches,
    tariffs_of,
)
from billing.domain.months import EPOCH, second_of
from billing.domain.prices import Place, PriceBook

_DAY = 86_400
_FINE = 2**128


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What a day of UTC holds, as far as it lies in what was asked for.

    Args:
        held_seconds: How much of the day that is; ``byte_seconds`` over it is the average.
        peak_bytes: The most held for a second at least.
        charged_byte_seconds: Above the allowance.
        charge: Exact, in minor units.
    """

    day: date
    held_seconds: int
    byte_seconds: int
    peak_bytes: int
    charged_byte_seconds: int
    charge: Fraction


@dataclass(frozen=True, slots=True)
class BackupUsage:
    """A backup's part; its charge, in minor units, is its part of the bytes at each instant."""

    backup_id: UUID
    byte_seconds: int
    charge: Fraction


def by_day(
    levels: Levels, samples: Iterable[Sample], start: datetime, end: datetime, book: PriceBook, place: Place
) -> list[DayUsage]:
    """Each day of UTC from ``start`` to ``end``; the charges add up to that of `integrate`, which see."""
    pool, tariffs = Pool(levels), tariffs_of(book, place, start, end)
    midnights = range(second_of(start) // _DAY * _DAY, second_of(end), _DAY)
    days: dict[int, _Day] = {midnight: _Day() for midnight in midnights}
    tariff = None
    for since, until, sample in stretches(samples, start, end, {*tariffs, *midnights}):
        tariff = tariffs.get(since, tariff)
        if until > since and tariff is not None:
            days[since // _DAY * _DAY].hold(pool, until - since, tariff)
        if sample is not None:
            pool.hold(sample.level)
    return [day.usage(midnight, book, place) for midnight, day in days.items()]


def by_backup(
    levels: Levels, samples: Iterable[Sample], start: datetime, end: datetime, book: PriceBook, place: Place
) -> list[BackupUsage]:
    """Each backup's part from ``start`` to ``end``, by its id; the charges add up exactly to that of `integrate`.

    To keep the fractions short, a part is exact to less than a billionth of a minor unit.
    """
    pool, tariffs = Pool(levels), tariffs_of(book, place, start, end)
    shares, total, tariff = _Shares(pool, second_of(start)), Accrual(), None
    for since, until, sample in stretches(samples, start, end, tariffs):
        tariff = tariffs.get(since, tariff)
        if until > since and tariff is not None:
            accrual = Accrual()
            accrue_stretch(accrual, pool, until - since, tariff)
            shares.charge(charge(accrual, book, place))
            total = add(total, accrual)
        if sample is not None:
            shares.settle(sample.level.backup_id, until)
            pool.hold(sample.level)
    return shares.close(second_of(end), charge(total, book, place))


class _Day:
    """A day being added up."""

    def __init__(self) -> None:
        self.held_seconds = self.byte_seconds = self.peak_bytes = 0
        self.accrual = Accrual()

    def hold(self, pool: Pool, held_seconds: int, tariff: Tariff) -> None:
        self.held_seconds += held_seconds
        self.byte_seconds += pool.used_bytes * held_seconds
        self.peak_bytes = max(self.peak_bytes, pool.used_bytes)
        accrue_stretch(self.accrual, pool, held_seconds, tariff)

    def usage(self, midnight: int, book: PriceBook, place: Place) -> DayUsage:
        return DayUsage(
            day=(EPOCH + timedelta(seconds=midnight)).date(),
            held_seconds=self.held_seconds,
            byte_seconds=self.byte_seconds,
            peak_bytes=self.peak_bytes,
            charged_byte_seconds=sum(self.accrual.values()),
            charge=charge(self.accrual, book, place),
        )


class _Shares:
    """The pooled charge, shared out by bytes.

    What a byte held all along would bear so far is one running number; a backup's part grows by its bytes times what
    that number grew by, so a sample costs the same however many backups there are.
    """

    def __init__(self, pool: Pool, since: int) -> None:
        self._pool = pool
        self._since = since
        self._per_byte = 0
        """In minor units over `_FINE`, rounded down."""
        self._settled: dict[UUID, tuple[int, int]] = {}
        """The second up to which a backup has got its part, and the running number then."""
        self._byte_seconds: dict[UUID, int] = {}
        self._parts: dict[UUID, int] = {}

    def charge(self, amount: Fraction) -> None:
        """Share it among what is held now."""
        if amount:
            self._per_byte += amount.numerator * _FINE // amount.denominator // self._pool.used_bytes

    def settle(self, backup_id: UUID, at: int) -> None:
        """Give a backup its part up to now, before its level changes."""
        since, per_byte = self._settled.get(backup_id, (self._since, 0))
        level = self._pool.levels.get(backup_id)
        held_bytes = 0 if level is None else level.storage_bytes
        self._byte_seconds[backup_id] = self._byte_seconds.get(backup_id, 0) + held_bytes * (at - since)
        self._parts[backup_id] = self._parts.get(backup_id, 0) + held_bytes * (self._per_byte - per_byte)
        self._settled[backup_id] = (at, self._per_byte)

    def close(self, at: int, total: Fraction) -> list[BackupUsage]:
        """All parts; what rounding down left over goes to the greatest."""
        for backup_id in self._pool.levels:
            self.settle(backup_id, at)
        charges = {backup_id: Fraction(part, _FINE) for backup_id, part in self._parts.items()}
        if total:
            greatest = max(charges, key=lambda backup_id: (charges[backup_id], backup_id))
            charges[greatest] += total - sum(charges.values(), Fraction(0))
        return [BackupUsage(each, self._byte_seconds[each], charges[each]) for each in sorted(charges)]
