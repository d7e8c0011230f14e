"""Billing months from an anchor."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.months import month, month_containing, month_number, second_of, seconds

anchors = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 zoned by `timezones`


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_an_anchor_on_the_thirty_first_falls_on_the_last_day_and_comes_back() -> None:
    days = [month(day("2027-12-31T08:09:10.5"), number).isoformat(" ")[5:10] for number in range(6)]
    assert days == ["12-31", "01-31", "02-29", "03-31", "04-30", "05-31"]


def test_the_time_of_day_stays() -> None:
    assert month(day("2026-01-15T08:09:10.123456"), 1) == day("2026-02-15T08:09:10.123456")


@pytest.mark.parametrize(("year", "last"), [(2026, 28), (2028, 29), (2100, 28), (2000, 29)])
def test_february_ends_when_it_does(year: int, last: int) -> None:
    assert month(datetime(year, 1, 31, tzinfo=UTC), 1).day == last


def test_an_anchor_on_the_twenty_ninth_of_february_keeps_its_day() -> None:
    anchor = day("2028-02-29")
    assert [month(anchor, number).day for number in (1, 11, 12, 48)] == [29, 29, 28, 29]


def test_a_month_holds_its_start_and_not_its_end() -> None:
    anchor = day("2026-01-31T12:00")
    first, second = (
        (day("2026-01-31T12:00"), day("2026-02-28T12:00")),
        (day("2026-02-28T12:00"), day("2026-03-31T12:00")),
    )
    assert month_containing(anchor, day("2026-01-31T12:00")) == first
    assert month_containing(anchor, day("2026-02-28T11:59:59.999999")) == first
    assert month_containing(anchor, day("2026-02-28T12:00")) == second
    assert month_containing(anchor, day("2026-01-31T11:59"))[1] == anchor


def test_another_time_zone_changes_nothing() -> None:
    anchor = day("2026-01-31T20:00")
    tokyo = timezone(timedelta(hours=9))
    assert month(anchor.astimezone(tokyo), 1) == month(anchor, 1)
    assert month_number(anchor, month(anchor, 5).astimezone(tokyo)) == 5


@given(anchors, st.integers(-200, 1200))
def test_months_follow_one_another_without_gap_or_overlap(anchor: datetime, number: int) -> None:
    start, end = month(anchor, number), month(anchor, number + 1)
    assert timedelta(days=28) <= end - start <= timedelta(days=31)
    assert month_containing(anchor, start) == (start, end)
    assert month_containing(anchor, end - timedelta(microseconds=1)) == (start, end)
    assert month_number(anchor, start) == number


@given(anchors, anchors, anchors)
def test_seconds_add_up_however_a_stretch_is_cut(start: datetime, cut: datetime, end: datetime) -> None:
    assert seconds(start, cut) + seconds(cut, end) == seconds(start, end)


def test_an_instant_lies_in_the_second_it_began_in() -> None:
    assert second_of(day("1970-01-01T00:00:07.999999")) == 7
    assert second_of(day("1969-12-31T23:59:59.5")) == -1


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        second_of(datetime(2026, 1, 1))  # noqa: DTZ001 naive on purpose
