"""Reading a stream of server-sent events, however it arrives."""

import pytest

from agent import following
from agent.errors import SpaceError
from agent.following import Event, events

STREAM = (
    ": ping\n\n"
    'id: 7\nevent: line\ndata: {"line": "é \u2028 \x0b"}\n\n'
    "event:end\ndata:1\ndata: 2\nretry: 5\n\n"
    "id: x\ndata\n\n"
    "event: nothing\n\n"
)
READ = [
    Event("line", 7, '{"line": "é \u2028 \x0b"}'),
    Event("end", None, "1\n2"),
    Event("message", None, ""),
]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_a_stream_is_read_in_any_pieces_and_with_any_line_end(line_end: str, size: int) -> None:
    # What follows the end of the last event is what makes a lone CR one.
    content = (STREAM + ":").replace("\n", line_end).encode()

    assert list(events(content[start : start + size] for start in range(0, len(content), size))) == READ


def test_an_event_that_was_broken_off_is_none() -> None:
    assert list(events([b"id: 1\ndata: a\n\nid: 2\ndata: b\n"])) == [Event("message", 1, "a")]


def test_what_is_not_utf_8_is_shown_and_not_fatal() -> None:
    assert list(events([b"data: \xff\n\n"])) == [Event("message", None, "\ufffd")]


def test_a_line_without_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MAX_EVENT_BYTES", 100)

    with pytest.raises(SpaceError) as failure:
        list(events(iter([b"data: "] + [b"x" * 50] * 3)))
    assert failure.value.code == "answer_invalid"
