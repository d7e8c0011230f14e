"""Cursors come back as they were given, and nothing else is taken for one."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.paging import CursorInvalid, PageParams, encode_cursor, page_of

SOME_ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
aware = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))


@given(aware, st.uuids(), st.integers(-(2**63) + 1, 2**63 - 1), st.text().filter(lambda text: "\x00" not in text))
def test_a_cursor_holds_the_sort_key(moment: datetime, identifier: UUID, number: int, text: str) -> None:
    cursor = encode_cursor([moment, identifier, number, text])
    assert PageParams(cursor=cursor).after(datetime, UUID, int, str) == (moment, identifier, number, text)


def make(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "\u00e9",
        make({}),
        make([]),
        make(["2026-01-01T00:00:00+00:00"]),
        make(["2026-01-01T00:00:00", SOME_ID]),
        make(["2026-01-01T00:00:00+00:00", "not-an-id"]),
        make([1, 2]),
        make([None, None]),
        make(["2026-01-01T00:00:00+00:00", SOME_ID, 1]),
        make([["2026-01-01T00:00:00+00:00"], SOME_ID]),
    ],
)
def test_what_is_not_this_lists_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        PageParams(cursor=cursor).after(datetime, UUID)


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        PageParams(cursor=text).after(datetime, UUID)
    except CursorInvalid:
        return


def test_the_extra_row_only_says_that_there_is_more() -> None:
    rows = [{"id": number} for number in range(3)]
    assert page_of(rows, 3, ("id",)) == {"items": rows, "next_cursor": None}
    page = page_of(rows, 2, ("id",))
    assert page["items"] == rows[:2]
    assert PageParams(cursor=page["next_cursor"]).after(int) == (1,)
    assert page_of([], 2, ("id",)) == {"items": [], "next_cursor": None}
