"""The bill for backup storage, in numbers a person can check."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest

from billing.domain.meter import (
    Accrual,
    Level,
    Levels,
    Sample,
    accrue,
    add,
    allowance_bytes,
    charge,
    integrate,
    storage_lines,
)
from billing.domain.months import month
from billing.domain.prices import GB, NoPrice, PriceBook
from billing.domain.usage import by_backup, by_day
from tests.billing.histories import PLACE, version

ONE, TWO, THREE, FOUR, FIVE = (UUID(int=number) for number in range(1, 6))
HOME, OFFICE, CABIN, BOAT = (UUID(int=number) for number in range(101, 105))
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = timedelta(hours=730)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STANDARD = version("standard", LONG_AGO, 10 * GB, 3, [(0, "0.08"), (100 * GB, "0.07")])
BOOK = PriceBook((STANDARD,))


def level(backup: UUID, gigabytes: int, terminus: UUID | None = HOME, has_snapshot: bool = True) -> Level:
    return Level(backup, terminus, gigabytes * GB, has_snapshot)


def holding(*levels: Level) -> Levels:
    return {each.backup_id: each for each in levels}


def cost(*levels: Level, book: PriceBook = BOOK, start: datetime = NEW_YEAR, lasting: timedelta = MONTH) -> Fraction:
    """In cents, when nothing changes."""
    return charge(accrue(holding(*levels), start, start + lasting, book, PLACE), book, PLACE)


def cost_of(
    *samples: Sample, start: datetime = NEW_YEAR, end: datetime = NEW_YEAR + MONTH, book: PriceBook = BOOK
) -> Fraction:
    return charge(integrate({}, samples, start, end, book, PLACE)[0], book, PLACE)


def at(hours: float, measured: Level) -> Sample:
    return Sample(NEW_YEAR + timedelta(hours=hours), measured)


def test_ten_gigabytes_of_one_terminus_are_free_and_each_more_costs_its_price() -> None:
    assert cost(level(ONE, 10)) == 0
    assert cost(level(ONE, 11)) == 8
    assert cost(level(ONE, 20)) == 80


def test_half_the_time_costs_half() -> None:
    assert cost(level(ONE, 20), lasting=MONTH / 2) == 40


def test_what_lies_above_a_bound_costs_the_next_price() -> None:
    assert cost(level(ONE, 110)) == 90 * 8 + 10 * 7


def test_an_allowance_above_a_bound_leaves_nothing_of_the_tiers_below() -> None:
    book = PriceBook((version("v", LONG_AGO, 10 * GB, 3, [(0, "1"), (5 * GB, "0.08"), (12 * GB, "0.07")]),))
    assert cost(level(ONE, 15), book=book) == 2 * 8 + 3 * 7


def test_what_is_free_is_shared_by_all_backups() -> None:
    assert cost(level(ONE, 19, HOME), level(TWO, 1, OFFICE)) == 0
    assert cost(level(ONE, 20, HOME), level(TWO, 1, OFFICE)) == 8


def test_two_backups_of_one_terminus_have_what_one_has() -> None:
    assert cost(level(ONE, 6), level(TWO, 5)) == 8


def test_a_fourth_terminus_adds_nothing() -> None:
    three = [level(ONE, 10, HOME), level(TWO, 10, OFFICE), level(THREE, 10, CABIN)]
    assert cost(*three) == 0
    assert cost(*three, level(FOUR, 10, BOAT)) == 80


def test_a_terminus_without_a_snapshot_adds_nothing_but_what_it_holds() -> None:
    assert cost(level(ONE, 10), level(TWO, 1, OFFICE, has_snapshot=False)) == 8


def test_before_the_first_snapshot_what_one_terminus_has_is_free() -> None:
    assert allowance_bytes({}, STANDARD) == 10 * GB
    assert cost(level(ONE, 10, has_snapshot=False)) == 0


def test_backups_of_no_known_terminus_count_as_one() -> None:
    assert cost(level(ONE, 15, None), level(TWO, 5, None)) == 80
    assert cost(level(ONE, 15, None), level(TWO, 5, HOME)) == 0


def test_a_terminus_adds_from_its_first_snapshot_to_its_last() -> None:
    home = at(0, level(ONE, 20))
    office_writes, office_done = at(73, level(TWO, 0, OFFICE, has_snapshot=False)), at(146, level(TWO, 0, OFFICE))
    office_gone = at(365, level(TWO, 0, OFFICE, has_snapshot=False))
    assert cost_of(home, office_writes, office_done, office_gone) == Fraction(80 * (146 + 365), 730)


def test_of_a_terminus_with_two_backups_the_second_keeps_it_counted() -> None:
    samples = [at(0, level(ONE, 20)), at(0, level(TWO, 0, OFFICE)), at(0, level(THREE, 0, OFFICE))]
    assert cost_of(*samples, at(365, level(TWO, 0, OFFICE, has_snapshot=False))) == 0


def test_a_backup_that_turns_out_to_be_of_another_terminus_counts_for_that_one_from_then_on() -> None:
    samples = [at(0, level(ONE, 10, HOME)), at(0, level(TWO, 10, None))]
    assert cost_of(*samples, at(365, level(TWO, 10, HOME))) == 40


def test_nothing_is_charged_before_the_first_sample() -> None:
    assert cost_of(at(365, level(ONE, 20))) == 40


def test_a_level_holds_until_the_next_sample_of_its_backup() -> None:
    assert cost_of(at(0, level(ONE, 20)), at(365, level(ONE, 0)), at(400, level(TWO, 5))) == 40


def test_of_two_samples_within_a_second_the_later_holds() -> None:
    early, late = at(0, level(ONE, 100)), Sample(NEW_YEAR + timedelta(microseconds=999_999), level(ONE, 20))
    assert cost_of(late, early) == 80


def test_an_instant_lies_in_the_second_it_began_in() -> None:
    late = Sample(NEW_YEAR + timedelta(seconds=10, microseconds=999_999), level(ONE, 11))
    accrual, _ = integrate({}, [late], NEW_YEAR, NEW_YEAR + timedelta(seconds=20), BOOK, PLACE)
    assert accrual == {("standard", 0): 10 * GB}


def test_a_change_of_prices_in_the_middle_of_a_month_cuts_the_line() -> None:
    dearer = version("dearer", NEW_YEAR + MONTH / 2, 10 * GB, 3, [(0, "0.10")])
    book = PriceBook((STANDARD, dearer))
    lines = storage_lines(accrue(holding(level(ONE, 120)), NEW_YEAR, NEW_YEAR + MONTH, book, PLACE), book, PLACE)
    assert [(line.version, line.tier, line.amount_minor) for line in lines] == [
        ("standard", 0, 360),
        ("standard", 1, 70),
        ("dearer", 0, 550),
    ]


def test_a_change_of_what_is_free_holds_from_its_moment() -> None:
    generous = version("generous", NEW_YEAR + MONTH / 2, 50 * GB, 3, [(0, "0.08")])
    assert cost(level(ONE, 20), book=PriceBook((STANDARD, generous))) == 40


def test_each_line_is_rounded_once_half_to_even() -> None:
    book = PriceBook((version("v", LONG_AGO, 0, 1, [(0, "0.08"), (GB, "0.24"), (2 * GB, "0.40")]),))
    sixteenth = GB * 730 * 3600 // 16
    lines = storage_lines({("v", 2): sixteenth, ("v", 0): sixteenth, ("v", 1): sixteenth}, book, PLACE)
    assert [(line.tier, line.amount_minor) for line in lines] == [(0, 0), (1, 2), (2, 2)]


def test_a_february_of_a_leap_year_is_a_day_longer() -> None:
    usual = charge(
        accrue(
            holding(level(ONE, 20)), datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC), BOOK, PLACE
        ),
        BOOK,
        PLACE,
    )
    leap = charge(
        accrue(
            holding(level(ONE, 20)), datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC), BOOK, PLACE
        ),
        BOOK,
        PLACE,
    )
    assert usual == Fraction(80 * 28 * 24, 730)
    assert leap == Fraction(80 * 29 * 24, 730)


def test_months_from_the_thirty_first_add_up_to_the_year() -> None:
    anchor, held, total = datetime(2027, 8, 31, 13, 37, tzinfo=UTC), holding(level(ONE, 20)), Accrual()
    for number in range(12):
        total = add(total, accrue(held, month(anchor, number), month(anchor, number + 1), BOOK, PLACE))
    assert total == accrue(held, anchor, datetime(2028, 8, 31, 13, 37, tzinfo=UTC), BOOK, PLACE)
    assert charge(total, BOOK, PLACE) == Fraction(80 * 366 * 24, 730)


def test_no_time_costs_nothing() -> None:
    assert integrate({}, [], NEW_YEAR, NEW_YEAR, BOOK, PLACE) == ({}, {})


def test_days_show_the_peak_held_and_what_the_day_costs() -> None:
    samples = [at(12, level(ONE, 30)), at(24, level(ONE, 12)), at(30, level(ONE, 10))]
    start, end = NEW_YEAR + timedelta(hours=6), NEW_YEAR + timedelta(hours=54)
    first, second, third = by_day({}, samples, start, end, BOOK, PLACE)
    assert (first.day.day, first.held_seconds, first.peak_bytes) == (1, 18 * 3600, 30 * GB)
    assert (first.byte_seconds, first.charged_byte_seconds) == (12 * 3600 * 30 * GB, 12 * 3600 * 20 * GB)
    assert (second.peak_bytes, second.charge) == (12 * GB, Fraction(2 * 6 * 8, 730))
    assert (third.day.day, third.held_seconds, third.peak_bytes, third.charge) == (3, 6 * 3600, 10 * GB, Fraction(0))


def test_a_level_of_less_than_a_second_is_no_peak() -> None:
    samples = [at(0, level(ONE, 90)), Sample(NEW_YEAR + timedelta(milliseconds=1), level(ONE, 1))]
    assert by_day({}, samples, NEW_YEAR, NEW_YEAR + timedelta(hours=1), BOOK, PLACE)[0].peak_bytes == GB


def test_the_charge_is_shared_by_bytes_at_each_instant() -> None:
    held = holding(level(ONE, 15), level(TWO, 5))
    parts = by_backup(held, [at(365, level(TWO, 0))], NEW_YEAR, NEW_YEAR + MONTH, BOOK, PLACE)
    assert [round(part.charge, 9) for part in parts] == [30 + 20, 10]
    assert [part.byte_seconds for part in parts] == [15 * GB * 730 * 3600, 5 * GB * 365 * 3600]


@pytest.mark.parametrize("moment", [NEW_YEAR - timedelta(microseconds=1), NEW_YEAR + MONTH])
def test_a_sample_outside_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError, match="not between"):
        integrate({}, [at(1, level(ONE, 1)), Sample(moment, level(ONE, 1))], NEW_YEAR, NEW_YEAR + MONTH, BOOK, PLACE)


def test_two_levels_of_one_backup_at_one_instant_are_refused() -> None:
    with pytest.raises(ValueError, match="twice, differently"):
        cost_of(at(1, level(ONE, 1)), at(1, level(TWO, 1)), at(1, level(ONE, 2)))


def test_negative_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        cost_of(at(1, level(ONE, -1)))


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="before the start"):
        integrate({}, [], NEW_YEAR, NEW_YEAR - MONTH, BOOK, PLACE)


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        cost_of(Sample(datetime(2026, 1, 2), level(ONE, 1)))  # noqa: DTZ001 naive on purpose


def test_what_the_book_does_not_know_has_no_price() -> None:
    with pytest.raises(NoPrice):
        accrue({}, LONG_AGO - MONTH, NEW_YEAR, BOOK, PLACE)
    with pytest.raises(NoPrice):
        accrue({}, NEW_YEAR, NEW_YEAR + MONTH, BOOK, ("aws", "nowhere"))
