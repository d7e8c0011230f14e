"""Parts of a month's price, by the second."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import round_minor, share_out
from billing.domain.months import seconds
from billing.domain.proration import prorated

BOUGHT = datetime(2024, 3, 15, tzinfo=UTC)
RENEWED = datetime(2024, 4, 15, tzinfo=UTC)
ADDED = datetime(2024, 3, 20, tzinfo=UTC)
REMOVED = datetime(2024, 3, 25, tzinfo=UTC)


def test_the_worked_examples_of_an_addition_and_a_return() -> None:
    """A worker of $29 a month, added for 26 of 31 days and returned with 21 of the 26 left."""
    added = round_minor(prorated(2900, seconds(ADDED, RENEWED), seconds(BOUGHT, RENEWED)))
    returned = round_minor(prorated(added, seconds(REMOVED, RENEWED), seconds(ADDED, RENEWED)))
    assert (added, returned) == (2432, 1964)


def test_the_whole_is_the_price_and_nothing_is_nothing() -> None:
    assert prorated(2900, 60, 60) == 2900
    assert prorated(2900, 0, 60) == 0


def test_it_is_exact_until_it_is_rounded() -> None:
    assert prorated(100, 1, 3) == Fraction(100, 3)


@pytest.mark.parametrize(("part", "whole"), [(-1, 60), (61, 60), (0, 0), (0, -1)])
def test_what_is_no_part_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no part"):
        prorated(2900, part, whole)


@pytest.mark.parametrize(
    ("exact", "whole"),
    [
        ("0.5", 0),
        ("1.5", 2),
        ("2.5", 2),
        ("-0.5", 0),
        ("-1.5", -2),
        ("2.4999999999999999999999", 2),
        ("2.50000000000000001", 3),
    ],
)
def test_halves_are_rounded_to_even(exact: str, whole: int) -> None:
    assert round_minor(Fraction(exact)) == whole


@given(st.integers(-10_000, 10_000), st.lists(st.fractions(0, 1000), min_size=1, max_size=8))
def test_what_is_shared_out_adds_up_and_no_part_is_off_by_one(amount: int, weights: list[Fraction]) -> None:
    parts = share_out(amount, weights)
    assert sum(parts) == amount
    if whole := sum(weights):
        assert all(abs(part - amount * weight / whole) < 1 for part, weight in zip(parts, weights, strict=True))


def test_of_equal_parts_the_first_get_what_is_left() -> None:
    assert share_out(100, [1, 1, 1]) == [34, 33, 33]
    assert share_out(5, [0, 0]) == [5, 0]
    assert share_out(0, []) == []


def test_what_nobody_bears_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody bears"):
        share_out(1, [])
    with pytest.raises(ValueError, match="negative"):
        share_out(1, [2, -1])
