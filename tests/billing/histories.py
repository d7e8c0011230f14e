"""Generated histories of backup storage, small enough that every bound is met, and their books."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

from hypothesis import strategies as st

from billing.domain.meter import Accrual, Level, Levels, Sample, add, integrate
from billing.domain.prices import Place, PriceBook, Region, Tier, Version
from tests.billing import oracle

ZERO = datetime(2026, 1, 30, 23, 59, tzinfo=UTC)
PLACE: Place = ("local", "local")
BACKUPS = [UUID(int=number) for number in range(1, 5)]
TERMINUS = [None, *(UUID(int=number) for number in range(100, 104))]


@dataclass(frozen=True)
class History:
    book: PriceBook
    samples: tuple[Sample, ...]
    start: datetime
    end: datetime

    @property
    def levels(self) -> Levels:
        """What is held when the stretch starts."""
        return levels_at(self.samples, self.start)

    @property
    def within(self) -> list[Sample]:
        return between(self.samples, self.start, self.end)

    def metered(self) -> Accrual:
        return meter(self, self.samples)


def meter(history: History, samples: Sequence[Sample], cuts: Sequence[datetime] = ()) -> Accrual:
    """Metered in one go, or in pieces between the cuts, each from where the one before ended."""
    edges = [history.start, *sorted(cuts), history.end]
    levels, total = levels_at(samples, history.start), Accrual()
    for start, end in pairwise(edges):
        accrual, levels = integrate(levels, between(samples, start, end), start, end, history.book, PLACE)
        total = add(total, accrual)
    return total


def levels_at(samples: Sequence[Sample], at: datetime) -> Levels:
    earlier = sorted((each for each in samples if each.measured_at < at), key=lambda each: each.measured_at)
    return {each.level.backup_id: each.level for each in earlier}


def between(samples: Sequence[Sample], start: datetime, end: datetime) -> list[Sample]:
    return [each for each in samples if start <= each.measured_at < end]


def version(name: str, since: datetime, free: int, most: int, tiers: Sequence[tuple[int, str]]) -> Version:
    """A version with prices for storage only; ``tiers`` begin at these bytes and cost so much for a GB and month."""
    ends = [*(begins for begins, _ in tiers[1:]), None]
    storage = tuple(Tier(begins, end, Decimal(price)) for (begins, price), end in zip(tiers, ends, strict=True))
    return Version(name, since, "USD", free, most, {PLACE: Region(*PLACE, storage, storage, storage, {})})


def instants(seconds: int) -> st.SearchStrategy[datetime]:
    """Within so many seconds of the zero, often in the same second as another."""
    micros = st.sampled_from([0, 0, 0, 1, 500_000, 999_999])
    return st.builds(
        lambda second, micro: ZERO + timedelta(seconds=second, microseconds=micro), st.integers(0, seconds), micros
    )


@st.composite
def books(draw: st.DrawFn, seconds: int) -> PriceBook:
    """One to three versions; the first is in force from before the zero."""
    changes = draw(st.lists(st.integers(1, seconds), max_size=2, unique=True))
    versions = []
    for number, since in enumerate([-1, *sorted(changes)]):
        bounds = draw(st.lists(st.integers(1, 60), max_size=2, unique=True))
        prices = draw(st.lists(st.sampled_from(["0", "0.08", "0.07", "0.012345", "3"]), min_size=3, max_size=3))
        tiers = list(zip([0, *sorted(bounds)], prices, strict=False))
        at = ZERO + timedelta(seconds=since)
        versions.append(version(f"v{number}", at, draw(st.integers(0, 12)), draw(st.integers(1, 3)), tiers))
    return PriceBook(tuple(versions))


@st.composite
def histories(draw: st.DrawFn, seconds: int = 90) -> History:
    """Samples before, within and after a stretch, with some within one second; none twice at one instant."""
    draws = draw(
        st.lists(
            st.tuples(
                instants(seconds),
                st.sampled_from(BACKUPS),
                st.sampled_from(TERMINUS),
                st.integers(0, 40),
                st.booleans(),
            ),
            max_size=12,
            unique_by=lambda each: (each[0], each[1]),
        )
    )
    samples = tuple(Sample(at, Level(backup, terminus, size, has)) for at, backup, terminus, size, has in draws)
    start, end = sorted([draw(instants(seconds)), draw(instants(seconds))])
    return History(draw(books(seconds)), samples, start, end)


def readings(samples: Sequence[Sample]) -> list[oracle.Reading]:
    """The same samples in the oracle's terms."""
    return [
        oracle.Reading(
            since_zero(sample.measured_at),
            str(sample.level.backup_id),
            str(sample.level.terminus_id) if sample.level.terminus_id else None,
            sample.level.storage_bytes,
            sample.level.has_snapshot,
        )
        for sample in samples
    ]


def prices(book: PriceBook) -> list[oracle.Prices]:
    """The same book in the oracle's terms."""
    return [
        oracle.Prices(
            int(since_zero(each.effective_from)),
            each.free_bytes_per_terminus,
            each.max_free_terminus,
            tuple((t.from_bytes, Fraction(t.per_gb_month) * 100) for t in each.regions[PLACE].backup_storage),
        )
        for each in book.versions
    ]


def since_zero(at: datetime) -> Fraction:
    """Seconds, exactly; `ZERO` is a whole second."""
    return Fraction((at - ZERO) // timedelta(microseconds=1), 1_000_000)
