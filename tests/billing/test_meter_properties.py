"""What holds of the meter whatever is measured, and that a second implementation of the bill agrees with it."""

import random
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from billing.domain.meter import Level, Sample, charge, integrate, storage_lines
from billing.domain.months import seconds
from billing.domain.prices import GB, PriceBook
from billing.domain.usage import by_backup, by_day
from tests.billing import oracle
from tests.billing.histories import (
    BACKUPS,
    PLACE,
    TERMINUS,
    ZERO,
    History,
    histories,
    instants,
    levels_at,
    meter,
    prices,
    readings,
    since_zero,
    version,
)

often = settings(max_examples=200, deadline=None)
thousands = settings(max_examples=2000, deadline=None)
NO_MORE = Fraction(1, 10**9)


def expected(history: History) -> Fraction:
    return oracle.cents_for_storage(
        readings(history.samples), prices(history.book), since_zero(history.start), since_zero(history.end)
    )


@thousands
@given(histories())
def test_a_second_implementation_comes_to_the_same_charge(history: History) -> None:
    assert charge(history.metered(), history.book, PLACE) == expected(history)


@often
@given(histories(20))
def test_looked_at_second_by_second_it_comes_to_the_same_charge(history: History) -> None:
    by_seconds = oracle.cents_for_storage_by_seconds(
        readings(history.samples), prices(history.book), since_zero(history.start), since_zero(history.end)
    )
    assert charge(history.metered(), history.book, PLACE) == by_seconds


def test_over_years_of_terabytes_a_second_implementation_comes_to_the_same_lines() -> None:
    chance = random.Random(3)
    for _ in range(200):
        history = years_of_terabytes(chance)
        lines = storage_lines(history.metered(), history.book, PLACE)
        assert charge(history.metered(), history.book, PLACE) == expected(history)
        assert [line.amount_minor for line in lines] == [
            oracle.rounded(Fraction(line.byte_seconds, oracle.GB_MONTH) * Fraction(line.per_gb_month) * 100)
            for line in lines
        ]


def years_of_terabytes(chance: random.Random) -> History:
    """Two years, a change of prices within, tens of samples of up to 20 TB."""
    span = 2 * 365 * 86_400
    changed = ZERO + timedelta(seconds=chance.randrange(span))
    book = PriceBook(
        (
            version("old", ZERO - timedelta(days=999), 10 * GB, 3, [(0, "0.08"), (10_240 * GB, "0.07")]),
            version("new", changed, 5 * GB, 2, [(0, "0.095"), (1_024 * GB, "0.0333"), (10_240 * GB, "0.01")]),
        )
    )
    samples = tuple(
        Sample(
            ZERO + timedelta(microseconds=chance.randrange(span * 10**6)),
            Level(
                chance.choice(BACKUPS),
                chance.choice(TERMINUS),
                chance.randrange(2 ** chance.randrange(45)),
                chance.random() < 0.8,
            ),
        )
        for _ in range(chance.randrange(60))
    )
    start, end = sorted(ZERO + timedelta(seconds=chance.randrange(span)) for _ in range(2))
    return History(book, samples, start, end)


@often
@given(histories(), st.lists(instants(90), max_size=6))
def test_it_adds_up_however_the_time_is_cut(history: History, cuts: list[datetime]) -> None:
    within = [cut for cut in cuts if history.start <= cut <= history.end]
    assert meter(history, history.samples, within) == history.metered()


@often
@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(history: History, chance: random.Random) -> None:
    again = [*history.samples, *chance.sample(history.samples, len(history.samples) // 2)]
    chance.shuffle(again)
    assert meter(history, again) == history.metered()


@often
@given(histories(), st.integers(0, 11), st.integers(1, 50))
def test_more_bytes_never_cost_less(history: History, which: int, more: int) -> None:
    assume(which < len(history.samples))
    samples = list(history.samples)
    at, level = samples[which].measured_at, samples[which].level
    samples[which] = Sample(
        at, Level(level.backup_id, level.terminus_id, level.storage_bytes + more, level.has_snapshot)
    )
    before, after = history.metered(), meter(history, samples)
    assert charge(after, history.book, PLACE) >= charge(before, history.book, PLACE)
    assert sum(after.values()) >= sum(before.values())


@often
@given(histories())
def test_who_never_holds_more_than_what_is_free_pays_nothing(history: History) -> None:
    share = min(each.free_bytes_per_terminus for each in history.book.versions) // len(BACKUPS)
    small = [
        Sample(each.measured_at, Level(each.level.backup_id, each.level.terminus_id, share, each.level.has_snapshot))
        for each in history.samples
    ]
    assert meter(history, small) == {}


@often
@given(histories())
def test_lines_add_up_to_what_was_metered_each_rounded_once(history: History) -> None:
    accrual = history.metered()
    lines = storage_lines(accrual, history.book, PLACE)
    assert {(line.version, line.tier): line.byte_seconds for line in lines} == accrual
    assert all(line.byte_seconds > 0 for line in lines)
    total = sum(line.amount_minor for line in lines)
    assert abs(total - charge(accrual, history.book, PLACE)) <= Fraction(len(lines), 2)


@often
@given(histories(300_000))
def test_days_add_up_to_the_whole(history: History) -> None:
    days = by_day(history.levels, history.within, history.start, history.end, history.book, PLACE)
    accrual = history.metered()
    assert sum(day.charge for day in days) == charge(accrual, history.book, PLACE)
    assert sum(day.charged_byte_seconds for day in days) == sum(accrual.values())
    assert sum(day.held_seconds for day in days) == seconds(history.start, history.end)
    assert all(day.byte_seconds <= day.peak_bytes * day.held_seconds <= day.peak_bytes * 86_400 for day in days)
    assert all(later.day - earlier.day == timedelta(days=1) for earlier, later in pairwise(days))


@often
@given(histories())
def test_parts_of_backups_add_up_to_the_whole_and_are_by_their_bytes(history: History) -> None:
    parts = by_backup(history.levels, history.within, history.start, history.end, history.book, PLACE)
    assert sum(part.charge for part in parts) == charge(history.metered(), history.book, PLACE)
    for part in parts:
        held, cost = part_by_seconds(history, part.backup_id)
        assert part.byte_seconds == held
        assert abs(part.charge - cost) < NO_MORE


def part_by_seconds(history: History, backup_id: UUID) -> tuple[int, Fraction]:
    """A backup's byte-seconds, and its part of the charge of each second."""
    known, book = readings(history.samples), prices(history.book)
    held, cost = 0, Fraction(0)
    for second in range(int(since_zero(history.start)), int(since_zero(history.end))):
        standing = oracle.standing(known, second)
        mine = sum(reading.held for reading in standing if reading.backup == str(backup_id))
        held += mine
        if mine:
            whole = sum(reading.held for reading in standing)
            cost += oracle.cents_per_second(known, book, second) * Fraction(mine, whole)
    return held, cost


@often
@given(histories())
def test_the_levels_at_the_end_are_the_last_ones_measured(history: History) -> None:
    _, levels = integrate(history.levels, history.within, history.start, history.end, history.book, PLACE)
    assert levels == levels_at(history.samples, history.end)
