"""How much may be kept: what is free, what money buys above it, and what running backups set aside."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.meter import Level, accrue, charge
from billing.domain.prices import GB, NoPrice, PriceBook
from billing.domain.quota import MAX_BYTES, UNDECLARED_BYTES, Quota, assess, bytes_for
from tests.billing.histories import PLACE, version

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STANDARD = version("standard", LONG_AGO, 10 * GB, 3, [(0, "0.08"), (100 * GB, "0.07")])
FREE = version("free", LONG_AGO, 10 * GB, 3, [(0, "0")])
GENEROUS = version("generous", LONG_AGO, 10 * GB, 3, [(0, "0"), (50 * GB, "0.08")])


def standing(
    used: int = 0, reserved: int = 0, allowance: int = 10, spendable: int = 0, in_arrears: bool = False
) -> Quota:
    return assess(
        used_bytes=used * GB,
        reserved_bytes=reserved * GB,
        allowance_bytes=allowance * GB,
        spendable_minor=spendable,
        in_arrears=in_arrears,
        version=STANDARD,
        place=PLACE,
    )


def test_money_buys_a_month_above_what_is_free() -> None:
    assert bytes_for(80, 10 * GB, STANDARD, PLACE) == 10 * GB
    assert bytes_for(0, 10 * GB, STANDARD, PLACE) == 0


def test_above_a_bound_money_buys_at_the_next_price() -> None:
    assert bytes_for(90 * 8 + 70, 10 * GB, STANDARD, PLACE) == 100 * GB
    assert bytes_for(70, 100 * GB, STANDARD, PLACE) == 10 * GB


def test_what_was_overspent_buys_nothing() -> None:
    assert bytes_for(-5, 10 * GB, STANDARD, PLACE) == 0


def test_what_costs_nothing_has_no_end_but_that_of_numbers() -> None:
    assert bytes_for(0, 10 * GB, FREE, PLACE) == MAX_BYTES - 10 * GB
    assert bytes_for(0, 10 * GB, GENEROUS, PLACE) == 40 * GB
    assert bytes_for(8, 10 * GB, GENEROUS, PLACE) == 41 * GB


def test_in_a_place_without_prices_money_buys_nothing() -> None:
    with pytest.raises(NoPrice):
        bytes_for(80, 10 * GB, STANDARD, ("aws", "nowhere"))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 40), st.lists(st.integers(1, 60), max_size=2, unique=True), st.data())
def test_what_money_buys_costs_no_more_than_it_and_a_byte_more_would(
    money: int, free: int, bounds: list[int], data: st.DataObject
) -> None:
    prices = st.sampled_from(["0.01", "0.08", "1.23456789"])
    tiers = [(bound * GB, data.draw(prices)) for bound in [0, *sorted(bounds)]]
    book = PriceBook((version("v", LONG_AGO, free * GB, 1, tiers),))
    bought = bytes_for(money, free * GB, book.versions[0], PLACE)
    assert month_of(free * GB + bought, book) <= money < month_of(free * GB + bought + 1, book)


def month_of(held: int, book: PriceBook) -> Fraction:
    levels = {UUID(int=1): Level(UUID(int=1), None, held, True)}
    return charge(accrue(levels, LONG_AGO, LONG_AGO + timedelta(hours=730), book, PLACE), book, PLACE)


def test_without_money_uploads_stop_at_what_is_free() -> None:
    quota = standing(used=9)
    assert (quota.limit_bytes, quota.left_bytes, quota.can_backup, quota.reason) == (10 * GB, GB, True, None)
    quota = standing(used=10)
    assert (quota.left_bytes, quota.can_backup, quota.reason, quota.is_exceeded) == (0, False, "over_limit", True)


def test_with_money_they_go_on_to_what_it_buys() -> None:
    quota = standing(used=10, spendable=1000)
    assert (quota.limit_bytes, quota.can_backup) == ((10 + 90) * GB + 280 * GB // 7, True)


def test_the_limit_is_never_less_than_what_is_used() -> None:
    quota = standing(used=25, spendable=80)
    assert (quota.limit_bytes, quota.left_bytes, quota.is_exceeded) == (25 * GB, 0, True)


def test_in_arrears_money_does_not_count_and_what_is_free_stays() -> None:
    assert standing(used=9, spendable=1000, in_arrears=True).can_backup
    quota = standing(used=10, spendable=1000, in_arrears=True)
    assert (quota.limit_bytes, quota.can_backup, quota.reason) == (10 * GB, False, "arrears")


def test_what_running_backups_may_write_is_set_aside() -> None:
    quota = standing(used=4, reserved=5)
    assert (quota.left_bytes, quota.can_backup) == (GB, True)
    quota = standing(used=4, reserved=7)
    assert (quota.left_bytes, quota.can_backup, quota.reason) == (0, False, "over_limit")


def test_what_is_set_aside_does_not_stop_those_who_write() -> None:
    assert not standing(used=4, reserved=6).is_exceeded


def test_a_declared_size_is_reserved_whole_or_not_at_all() -> None:
    assert standing(used=4).reservable_bytes(6 * GB) == 6 * GB
    assert standing(used=4).reservable_bytes(6 * GB + 1) == 0


def test_an_undeclared_size_is_a_gigabyte_or_what_is_left() -> None:
    assert standing(used=4).reservable_bytes(None) == UNDECLARED_BYTES
    half = Quota(0, 0, GB, GB, GB // 2, True, None)
    assert half.reservable_bytes(None) == GB // 2
    assert standing(used=10).reservable_bytes(None) == 0
