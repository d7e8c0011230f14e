"""Traffic from a counter that restarts, and cloud storage above what is included."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.counters import Count, storage_above, storage_charges, traffic_bytes, traffic_charges
from billing.domain.prices import GB, Tier
from tests.billing import oracle

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
END = START + timedelta(hours=730)
TRAFFIC = (Tier(0, 1024 * GB, Decimal("0.08")), Tier(1024 * GB, None, Decimal("0.07")))
SMALL = (Tier(0, 20, Decimal("0.08")), Tier(20, 35, Decimal("0.05")), Tier(35, None, Decimal("3")))
SMALL_AGAIN = ((0, Fraction(8)), (20, Fraction(5)), (35, Fraction(300)))

often = settings(max_examples=500, deadline=None)
counts = st.lists(
    st.builds(
        lambda second, micro, traffic, disk: Count(
            START + timedelta(seconds=second, microseconds=micro), traffic, disk
        ),
        st.integers(0, 99),
        st.sampled_from([0, 0, 1, 999_999]),
        st.integers(0, 60),
        st.integers(0, 60),
    ),
    max_size=10,
    unique_by=lambda count: count.measured_at,
)


def read(hour: int, traffic: int, disk: int = 0) -> Count:
    return Count(START + timedelta(hours=hour), traffic * GB, disk * GB)


def exact_traffic(used: int, included: int, tiers: Sequence[Tier]) -> Fraction:
    return sum((charge.exact for charge in traffic_charges(used, included, tiers)), Fraction(0))


def exact_storage(held: Mapping[int, int], tiers: Sequence[Tier]) -> Fraction:
    return sum((charge.exact for charge in storage_charges(held, tiers)), Fraction(0))


def test_what_passed_is_the_increase_of_the_counter() -> None:
    assert traffic_bytes(read(-1, 100), [read(1, 130), read(2, 130), read(3, 170)]) == 70 * GB


def test_a_counter_that_began_in_the_month_began_at_nothing() -> None:
    assert traffic_bytes(None, [read(1, 30)]) == 30 * GB


def test_a_fall_is_a_restart_from_nothing() -> None:
    assert traffic_bytes(read(-1, 100), [read(1, 120), read(2, 5), read(3, 8), read(4, 2)]) == (20 + 8 + 2) * GB


def test_without_a_reading_nothing_passed() -> None:
    assert traffic_bytes(read(-1, 100), []) == 0


def test_an_increase_belongs_to_the_month_of_the_later_reading() -> None:
    december, january = [read(-9, 10), read(-1, 20)], [read(1, 50), read(2, 60)]
    assert traffic_bytes(None, december) == 20 * GB
    assert traffic_bytes(december[-1], january) == 40 * GB


@often
@given(counts, st.integers(0, 10), st.integers(0, 60), st.randoms(use_true_random=False))
def test_traffic_adds_up_however_cut_ordered_or_repeated(
    readings: list[Count], cut: int, counter: int, chance: random.Random
) -> None:
    ordered, before = sorted(readings), Count(START - timedelta(1), counter, 0)
    again = [*readings, *readings[:cut]]
    chance.shuffle(again)
    whole = traffic_bytes(before, again)
    earlier, later = ordered[:cut], ordered[cut:]
    assert whole == traffic_bytes(before, earlier) + traffic_bytes(earlier[-1] if earlier else before, later)
    assert whole == oracle.bytes_passed(counter, [count.traffic_bytes for count in ordered])


def test_traffic_is_charged_above_what_is_included_by_cumulative_tiers() -> None:
    assert exact_traffic(100 * GB, 100 * GB, TRAFFIC) == 0
    assert exact_traffic(101 * GB, 100 * GB, TRAFFIC) == 8
    assert exact_traffic(1034 * GB, 100 * GB, TRAFFIC) == 924 * 8 + 10 * 7


def test_what_the_order_charged_for_a_restore_is_not_charged_again() -> None:
    ordered = exact_traffic(1034 * GB, 100 * GB, TRAFFIC)
    rest = exact_traffic(1100 * GB, max(100 * GB, 1034 * GB), TRAFFIC)
    assert ordered + rest == exact_traffic(1100 * GB, 100 * GB, TRAFFIC)


def test_a_restore_that_brought_less_than_was_ordered_gives_nothing_back() -> None:
    assert exact_traffic(900 * GB, max(100 * GB, 1034 * GB), TRAFFIC) == 0


@often
@given(st.integers(0, 60), st.integers(0, 60))
def test_a_second_implementation_comes_to_the_same_traffic(used: int, included: int) -> None:
    assert exact_traffic(used, included, SMALL) == oracle.cents_for_traffic(used, included, SMALL_AGAIN)


def test_cloud_storage_is_charged_above_what_is_included_while_it_is_held() -> None:
    held = storage_above(None, [read(0, 0, 210), read(365, 0, 150)], START, END, 200 * GB, TRAFFIC)
    assert held == {0: 10 * GB * 365 * 3600}
    assert exact_storage(held, TRAFFIC) == 40


def test_the_level_of_before_holds_until_the_first_reading() -> None:
    held = storage_above(read(-5, 0, 1034), [read(73, 0, 0)], START, END, 1000 * GB, TRAFFIC)
    assert held == {0: 24 * GB * 73 * 3600, 1: 10 * GB * 73 * 3600}
    assert exact_storage(held, TRAFFIC) == Fraction(24 * 8 + 10 * 7, 10)


@often
@given(counts, st.integers(0, 60), st.integers(0, 60), st.randoms(use_true_random=False))
def test_a_second_implementation_comes_to_the_same_cloud_storage(
    readings: list[Count], included: int, level: int, chance: random.Random
) -> None:
    before, end = Count(START - timedelta(seconds=5), 0, level), START + timedelta(seconds=100)
    again = [*readings, *readings[:3]]
    chance.shuffle(again)
    found = [
        oracle.Reading(
            Fraction((count.measured_at - START) // timedelta(microseconds=1), 10**6), "i", None, count.disk_bytes, True
        )
        for count in [before, *readings]
    ]
    held = storage_above(before, again, START, end, included, SMALL)
    assert exact_storage(held, SMALL) == oracle.cents_for_storage(
        found, [oracle.Prices(-9, included, 1, SMALL_AGAIN)], Fraction(0), Fraction(100)
    )


@pytest.mark.parametrize("hour", [-1, 730])
def test_a_reading_outside_the_month_is_refused(hour: int) -> None:
    with pytest.raises(ValueError, match="not between"):
        storage_above(None, [read(hour, 0)], START, END, 0, TRAFFIC)


def test_a_reading_older_than_the_last_one_before_the_month_is_refused() -> None:
    with pytest.raises(ValueError, match="older"):
        traffic_bytes(read(2, 5), [read(1, 5)])


def test_negative_amounts_are_refused() -> None:
    for wrong in (replace(read(1, 0), traffic_bytes=-1), replace(read(1, 0), disk_bytes=-1)):
        with pytest.raises(ValueError, match="negative"):
            traffic_bytes(None, [wrong])
    with pytest.raises(ValueError, match="negative"):
        exact_traffic(-1, 0, TRAFFIC)
    with pytest.raises(ValueError, match="negative"):
        storage_above(read(-1, 0, -1), [], START, END, 0, TRAFFIC)
    with pytest.raises(ValueError, match="negative"):
        storage_above(None, [], START, END, -1, TRAFFIC)
