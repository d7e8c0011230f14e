"""Backup storage measured over time: from samples to byte-seconds, and from those to money.

Everything is a pure function of the samples. A level holds until the next sample of its backup, in whole seconds: an
instant lies in the second it began in, and of two samples within one second the later holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from operator import attrgetter
from uuid import UUID

from billing.domain.money import round_minor
from billing.domain.months import EPOCH, second_of
from billing.domain.prices import Place, PriceBook, Tier, Version, slices, storage_minor

_DAY = 86_400
_FINE = 2**128


@dataclass(frozen=True, slots=True)
class Level:
    """What a backup holds: bytes, and whether one of its snapshots is in the store."""

    backup_id: UUID
    terminus_id: UUID | None
    storage_bytes: int
    has_snapshot: bool


@dataclass(frozen=True, slots=True)
class Sample:
    measured_at: datetime
    level: Level


Levels = Mapping[UUID, Level]
"""By backup id."""

Accrual = dict[tuple[str, int], int]
"""Charged byte-seconds by price version's name and tier index, those above 0."""


@dataclass(frozen=True, slots=True)
class StorageLine:
    """A line of an invoice; ``per_gb_month`` in units of the currency."""

    version: str
    tier: int
    byte_seconds: int
    amount_minor: int
    per_gb_month: Decimal


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


class Pool:
    """An owner's backups at an instant, with running totals: a sample costs the same however many there are."""

    def __init__(self, levels: Levels) -> None:
        self.levels: dict[UUID, Level] = {}
        self.used_bytes = 0
        self._snapshots: dict[UUID | None, int] = {}
        for level in levels.values():
            self.hold(level)

    @property
    def counted_terminus(self) -> int:
        return len(self._snapshots)

    def hold(self, level: Level) -> None:
        """From now on the backup holds this. Raises ValueError if the bytes are negative."""
        if level.storage_bytes < 0:
            raise ValueError(f"storage_bytes is negative: {level.storage_bytes}")
        before = self.levels.get(level.backup_id)
        self.levels[level.backup_id] = level
        self.used_bytes += level.storage_bytes
        if level.has_snapshot:
            self._snapshots[level.terminus_id] = self._snapshots.get(level.terminus_id, 0) + 1
        if before is not None:
            self.used_bytes -= before.storage_bytes
            if before.has_snapshot:
                self._drop_snapshot(before.terminus_id)

    def _drop_snapshot(self, terminus_id: UUID | None) -> None:
        left = self._snapshots[terminus_id] - 1
        if left:
            self._snapshots[terminus_id] = left
        else:
            del self._snapshots[terminus_id]

    def allowance_bytes(self, version: Version) -> int:
        return version.free_bytes_per_terminus * max(1, min(self.counted_terminus, version.max_free_terminus))


def counted_terminus(levels: Levels) -> int:
    """How many Terminus have a backup with a snapshot; backups of no known Terminus together count as one."""
    return Pool(levels).counted_terminus


def allowance_bytes(levels: Levels, version: Version) -> int:
    """What is free for all backups together, for one Terminus at least and the version's greatest number at most."""
    return Pool(levels).allowance_bytes(version)


def integrate(
    levels: Levels, samples: Iterable[Sample], start: datetime, end: datetime, book: PriceBook, place: Place
) -> tuple[Accrual, Levels]:
    """Charged byte-seconds from ``start`` to ``end``, and the levels then. Additive under any split.

    Args:
        levels: What each backup holds at the start, from the samples before it.
        samples: Those from ``start`` on and before ``end``, in any order; repeated ones change nothing.
        place: Where backup storage is, and so which prices hold.

    Raises:
        ValueError: If a sample lies outside, or two of one backup and one instant disagree.
        NoPrice: If the book does not say what storage costs then and there.
    """
    pool, accrual, tariffs = Pool(levels), Accrual(), _tariffs(book, place, start, end)
    tariff = None
    for since, until, sample in _stretches(samples, start, end, tariffs):
        tariff = tariffs.get(since, tariff)
        if until > since and tariff is not None:
            _accrue(accrual, pool, until - since, tariff)
        if sample is not None:
            pool.hold(sample.level)
    return accrual, pool.levels


def accrue(levels: Levels, start: datetime, end: datetime, book: PriceBook, place: Place) -> Accrual:
    """Charged byte-seconds when nothing changes from ``start`` to ``end``."""
    return integrate(levels, (), start, end, book, place)[0]


def add(left: Accrual, right: Accrual) -> Accrual:
    """Both together."""
    return {key: left.get(key, 0) + right.get(key, 0) for key in left | right}


def storage_lines(accrual: Accrual, book: PriceBook, place: Place) -> list[StorageLine]:
    """One line per price version and tier, in the book's order, each rounded once; an amount may come to 0."""
    lines = []
    for version in book.versions:
        for name, tier in sorted(key for key in accrual if key[0] == version.name):
            byte_seconds = accrual[name, tier]
            price = version.region(place).backup_storage[tier].per_gb_month
            amount_minor = round_minor(storage_minor(byte_seconds, price))
            lines.append(StorageLine(name, tier, byte_seconds, amount_minor, price))
    return lines


def charge(accrual: Accrual, book: PriceBook, place: Place) -> Fraction:
    """What it comes to exactly, in minor units."""
    total = Fraction(0)
    for (name, tier), byte_seconds in accrual.items():
        total += storage_minor(byte_seconds, book.named(name).region(place).backup_storage[tier].per_gb_month)
    return total


def by_day(
    levels: Levels, samples: Iterable[Sample], start: datetime, end: datetime, book: PriceBook, place: Place
) -> list[DayUsage]:
    """Each day of UTC from ``start`` to ``end``; the charges add up to that of `integrate`, which see."""
    pool, tariffs = Pool(levels), _tariffs(book, place, start, end)
    midnights = range(second_of(start) // _DAY * _DAY, second_of(end), _DAY)
    days: dict[int, _Day] = {midnight: _Day() for midnight in midnights}
    tariff = None
    for since, until, sample in _stretches(samples, start, end, {*tariffs, *midnights}):
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
    pool, tariffs = Pool(levels), _tariffs(book, place, start, end)
    shares, total, tariff = _Shares(pool, second_of(start)), Accrual(), None
    for since, until, sample in _stretches(samples, start, end, tariffs):
        tariff = tariffs.get(since, tariff)
        if until > since and tariff is not None:
            accrual = Accrual()
            _accrue(accrual, pool, until - since, tariff)
            shares.charge(charge(accrual, book, place))
            total = add(total, accrual)
        if sample is not None:
            shares.settle(sample.level.backup_id, until)
            pool.hold(sample.level)
    return shares.close(second_of(end), charge(total, book, place))


def ordered(samples: Iterable[Sample]) -> list[Sample]:
    """By instant, repeated ones once.

    Raises:
        ValueError: If two of one backup and one instant disagree.
    """
    unique: list[Sample] = []
    together: dict[UUID, Level] = {}
    at = None
    for sample in sorted(samples, key=attrgetter("measured_at")):
        if sample.measured_at != at:
            at, together = sample.measured_at, {}
        known = together.setdefault(sample.level.backup_id, sample.level)
        if known is sample.level:
            unique.append(sample)
        elif known != sample.level:
            raise ValueError(f"backup {known.backup_id} was measured twice at {at}, differently")
    return unique


class _Day:
    """A day being added up."""

    def __init__(self) -> None:
        self.held_seconds = self.byte_seconds = self.peak_bytes = 0
        self.accrual = Accrual()

    def hold(self, pool: Pool, held_seconds: int, tariff: "_Tariff") -> None:
        self.held_seconds += held_seconds
        self.byte_seconds += pool.used_bytes * held_seconds
        self.peak_bytes = max(self.peak_bytes, pool.used_bytes)
        _accrue(self.accrual, pool, held_seconds, tariff)

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


@dataclass(frozen=True, slots=True)
class _Tariff:
    """A version's prices for backup storage in one place."""

    version: Version
    tiers: tuple[Tier, ...]


def _tariffs(book: PriceBook, place: Place, start: datetime, end: datetime) -> dict[int, _Tariff]:
    """By the second from which they hold."""
    return {
        second_of(since): _Tariff(version, version.region(place).backup_storage)
        for since, _, version in book.segments(start, end)
    }


def _stretches(
    samples: Iterable[Sample], start: datetime, end: datetime, cuts: Iterable[int]
) -> Iterator[tuple[int, int, Sample | None]]:
    """Stretches of seconds without a change, cut at ``cuts``, each with the sample that ends it, if one does."""
    if end < start:
        raise ValueError(f"the end {end} is before the start {start}")
    since, last = second_of(start), second_of(end)
    pending = sorted(cut for cut in set(cuts) if since < cut < last)[::-1]
    for sample in [*ordered(samples), None]:
        if sample is not None and not start <= sample.measured_at < end:
            raise ValueError(f"a sample of {sample.measured_at} is not between {start} and {end}")
        until = last if sample is None else second_of(sample.measured_at)
        while pending and pending[-1] <= until:
            cut = pending.pop()
            yield since, cut, None
            since = cut
        yield since, until, sample
        since = until


def _accrue(accrual: Accrual, pool: Pool, held_seconds: int, tariff: _Tariff) -> None:
    allowance_bytes = pool.allowance_bytes(tariff.version)
    if pool.used_bytes <= allowance_bytes:
        return
    for tier, size in slices(tariff.tiers, allowance_bytes, pool.used_bytes):
        key = (tariff.version.name, tier)
        accrual[key] = accrual.get(key, 0) + size * held_seconds
