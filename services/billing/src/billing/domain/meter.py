"""Backup storage measured over time: from samples to byte-seconds, and from those to money.

Everything is a pure function of the samples. A level holds until the next sample of its backup, in whole seconds: an
instant lies in the second it began in, and of two samples within one second the later holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter
from uuid import UUID

from billing.domain.money import round_minor
from billing.domain.months import second_of
from billing.domain.prices import Place, PriceBook, Tier, Version, slices, storage_minor


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
    pool, accrual, tariffs = Pool(levels), Accrual(), tariffs_of(book, place, start, end)
    tariff = None
    for since, until, sample in stretches(samples, start, end, tariffs):
        tariff = tariffs.get(since, tariff)
        if until > since and tariff is not None:
            accrue_stretch(accrual, pool, until - since, tariff)
        if sample is not None:
            pool.hold(sample.level)
    return accrual, pool.levels


def accrue(levels: Levels, start: datetime, end: datetime, book: PriceBook, place: Place) -> Accrual:
    """Charged byte-seconds when nothing changes from ``start`` to ``end``."""
    return integrate(levels, (), start, end, book, place)[0]


def add(left: Accrual, right: Accrual) -> Accrual:
    """Both together."""
    return {key: left.get(key, 0) + right.get(key, 0) for key in left | right}


def subtract(whole: Accrual, part: Accrual) -> Accrual:
    """What is left of a stretch without a part of it."""
    rest = {key: whole.get(key, 0) - part.get(key, 0) for key in whole | part}
    return {key: byte_seconds for key, byte_seconds in rest.items() if byte_seconds}


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


def ordered(samples: Iterable[Sample]) -> list[Sample]:
    """By instant, repeated ones once.

    Raises:
        ValueError: If two of one backup and one instant disagree.
    """
    arranged = sorted(samples, key=attrgetter("measured_at"))
    if all(earlier.measured_at < later.measured_at for earlier, later in pairwise(arranged)):
        return arranged
    known: dict[tuple[datetime, UUID], Sample] = {}
    for sample in arranged:
        first = known.setdefault((sample.measured_at, sample.level.backup_id), sample)
        if first.level != sample.level:
            raise ValueError(f"backup {sample.level.backup_id} was measured at {sample.measured_at} twice, differently")
    return list(known.values())


@dataclass(frozen=True, slots=True)
class Tariff:
    """A version's prices for backup storage in one place."""

    version: Version
    tiers: tuple[Tier, ...]


def tariffs_of(book: PriceBook, place: Place, start: datetime, end: datetime) -> dict[int, Tariff]:
    """By the second from which they hold."""
    return {
        second_of(since): Tariff(version, version.region(place).backup_storage)
        for since, _, version in book.segments(start, end)
    }


def stretches(
    samples: Iterable[Sample], start: datetime, end: datetime, cuts: Iterable[int]
) -> Iterator[tuple[int, int, Sample | None]]:
    """Stretches of seconds without a change, cut at ``cuts``, each with the sample that ends it, if one does."""
    if end < start:
        raise ValueError(f"the end {end} is before the start {start}")
    arranged = ordered(samples)
    if arranged and not (start <= arranged[0].measured_at and arranged[-1].measured_at < end):
        raise ValueError(f"a sample is not between {start} and {end}")
    since, last = second_of(start), second_of(end)
    pending = sorted({cut for cut in cuts if since < cut < last}, reverse=True)
    for sample in [*arranged, None]:
        until = last if sample is None else second_of(sample.measured_at)
        while pending and pending[-1] <= until:
            cut = pending.pop()
            yield since, cut, None
            since = cut
        yield since, until, sample
        since = until


def accrue_stretch(accrual: Accrual, pool: Pool, held_seconds: int, tariff: Tariff) -> None:
    """Add the byte-seconds above the allowance while the pool stays as it is."""
    allowance_bytes = pool.allowance_bytes(tariff.version)
    if pool.used_bytes <= allowance_bytes:
        return
    for tier, size in slices(tariff.tiers, allowance_bytes, pool.used_bytes):
        key = (tariff.version.name, tier)
        accrual[key] = accrual.get(key, 0) + size * held_seconds
