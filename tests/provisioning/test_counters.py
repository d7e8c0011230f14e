"""Counters that only grow, whatever an agent's counter does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.domain.counters import LARGEST, LATEST, TICK, reading_instant, total_bytes

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(seconds=10)
amounts = st.integers(0, LARGEST)


@pytest.mark.parametrize(
    ("total", "last", "reading", "expected"),
    [
        (0, 0, 0, 0),
        (0, 0, 100, 100),
        (100, 100, 100, 100),
        (100, 100, 250, 250),
        # The counter began again, and has come to 30.
        (250, 250, 30, 280),
        (280, 30, 35, 285),
        (285, 35, 0, 285),
        (285, 0, 5, 290),
        (LARGEST, LARGEST, LARGEST, LARGEST),
        (LARGEST - 1, 0, 1, LARGEST),
        (LARGEST - 1, 0, 2, LARGEST),
        (LARGEST, 5, LARGEST, LARGEST),
    ],
)
def test_a_reading_below_the_last_one_is_a_counter_that_began_again(
    total: int, last: int, reading: int, expected: int
) -> None:
    assert total_bytes(total, last, reading) == expected


@given(amounts, amounts, amounts)
def test_a_total_never_falls_and_fits_its_column(total: int, last: int, reading: int) -> None:
    assert total <= total_bytes(total, last, reading) <= LARGEST


@given(st.lists(st.lists(st.integers(0, 10**12), min_size=1), min_size=1))
def test_whatever_passed_between_restarts_is_counted_once(lives: list[list[int]]) -> None:
    """Each life of the counter: what was added between its readings. A life that begins unnoticed is not lost either,
    unless it has already passed where the last one stood, when no reading can tell the difference."""
    total = last = expected = 0
    for life in lives:
        counter, first = 0, True
        for added in life:
            counter += added
            expected += added - (last if first and counter >= last else 0)
            total, last, first = total_bytes(total, last, counter), counter, False
    assert total == expected


@pytest.mark.parametrize("amounts", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_nothing_negative_is_counted(amounts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="negative: -1"):
        total_bytes(*amounts)


@pytest.mark.parametrize(
    ("sent_at", "expected"),
    [
        (NOW - timedelta(seconds=1), NOW - timedelta(seconds=1)),
        (NOW, NOW),
        (NOW + timedelta(seconds=90), NOW),
        (BEFORE + TICK, BEFORE + TICK),
        (BEFORE, BEFORE + TICK),
        (BEFORE - timedelta(days=9000), BEFORE + TICK),
    ],
)
def test_a_reading_is_of_when_its_agent_says_between_the_last_one_and_now(
    sent_at: datetime, expected: datetime
) -> None:
    assert reading_instant(sent_at, BEFORE, NOW) == expected


def test_a_clock_that_is_far_behind_cannot_put_readings_into_another_month() -> None:
    assert reading_instant(NOW - timedelta(days=9000), NOW - timedelta(days=40), NOW) == NOW - LATEST
    assert reading_instant(NOW - LATEST, NOW - timedelta(days=40), NOW) == NOW - LATEST


def test_readings_of_one_instance_never_share_an_instant() -> None:
    """Also when our own clock was put back: they are known by it to whoever is told of them."""
    assert reading_instant(NOW, NOW, BEFORE) == NOW + TICK
