"""The demonstration's own computation of the bill, by hand."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from space_local.demo_bill import GB, compute_minor, month_later

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(hours=730)
PRICE = Fraction("40.00")


def level(hours: int, gb: int) -> dict[str, Any]:
    return {"measured_at": (START + timedelta(hours=hours)).isoformat(), "storage_bytes": gb * GB}


@pytest.mark.parametrize(
    ("samples", "minor"),
    [
        ([level(0, 1)], 0),
        ([level(0, 2)], 4000),
        ([level(0, 1), level(365, 2)], 2000),
        ([level(0, 3), level(73, 0)], 800),
        ([level(0, 2), level(730, 100)], 4000),
    ],
    ids=["all free", "one above", "half a month", "a tenth of two above", "after its end"],
)
def test_what_is_above_the_allowance_is_charged_by_the_second(samples: list[dict[str, Any]], minor: int) -> None:
    assert compute_minor(samples, START, END, GB, PRICE) == minor


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-01-31T10:00Z", "2026-02-28T10:00Z"), ("2027-12-05T23:59Z", "2028-01-05T23:59Z")],
)
def test_a_month_ends_on_the_same_day_or_the_last_one(start: str, end: str) -> None:
    assert month_later(datetime.fromisoformat(start)) == datetime.fromisoformat(end)
