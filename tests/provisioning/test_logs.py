"""Logs: each line of an agent's kept once, fit to be shown, for its owner only, and not for ever."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.domain.lifecycle import TERMINAL, Status
from provisioning.domain.log_text import visible
from provisioning.operations import logs, moves
from provisioning.operations.logs import Line
from provisioning.queries import instances
from tests.support.instances import put_agent, put_instance, row_of
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

NOW = datetime.now(UTC)


def code(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


async def read(running: Running, headers: dict[str, str], instance_id: UUID, **params: Any) -> dict[str, Any]:
    answer = await running.api.get(f"/api/v1/instances/{instance_id}/log", headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def lines_of(running: Running, headers: dict[str, str], instance_id: UUID) -> list[tuple[int, str, str]]:
    page = await read(running, headers, instance_id, limit=100)
    return [(item["number"], item["source"], item["line"]) for item in page["items"]]


async def add(running: Running, instance_id: UUID, numbers: Sequence[int]) -> int:
    async with running.runtime.database.transaction() as session:
        return await logs.add_lines(session, instance_id, [Line(number, NOW, f"line {number}") for number in numbers])


async def add_ours(running: Running, instance_id: UUID, *lines: str) -> None:
    async with running.runtime.database.transaction() as session:
        instance = await instances.lock(session, instance_id)
        assert instance is not None
        for line in lines:
            moves.add_line(session, instance, line, NOW)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("installing", "installing"),
        ("", ""),
        ("a\tb  c ", "a\tb  c "),
        ("ends\r\n", "ends"),
        ("50 %\r100 %", "50 %␍100 %"),
        ("two\nlines", "two␊lines"),
        ("nul \x00 bell \x07 back \x08 del \x7f", "nul ␀ bell ␇ back ␈ del ␡"),
        ("\x1b[31mred\x1b[0m \x1b[2J\x1b[1;1Hnext", "red next"),
        ("\x1b]0;title\x07x \x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\", "x link"),
        ("\x1bc half \x1b[", "␛c half ␛["),
        # Taking one sequence out must not make another of what is left.
        ("\x1b[\x1b[0m31mred", "␛[31mred"),
        ("\x9b31m c1 \x85", "\ufffd31m c1 \ufffd"),
        ("gnp\u202eexe.", "gnp\ufffdexe."),
        ("a\u2028b\u2066c\u200fd", "a\ufffdb\ufffdc\ufffdd"),
        ("Grüße aus 東京 🙂", "Grüße aus 東京 🙂"),
    ],
)
def test_what_would_steer_a_terminal_is_removed_or_made_visible(line: str, shown: str) -> None:
    assert visible(line) == shown


@given(st.text())
def test_a_line_that_is_shown_has_no_control_character_but_tabs(line: str) -> None:
    shown = visible(line)
    assert all(letter == "\t" or not (ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0) for letter in shown)
    assert visible(shown) == shown


async def test_an_agents_lines_are_read_by_its_owner(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_agent(provisioning, Status.INSTALLING, owner.owner_id)
    answer = await agent.log((1, "unpacking"), (2, "\x1b[1mstarting\x1b[0m\x00"))
    assert (answer.status_code, answer.json()) == (200, {"next_number": 3})
    page = await read(provisioning, headers, agent.instance_id)
    assert page["next_cursor"] is None
    assert [(item["number"], item["source"], item["line"]) for item in page["items"]] == [
        (1, "space", "Installing."),
        (2, "agent", "unpacking"),
        (3, "agent", "starting␀"),
    ]
    assert set(page["items"][1]) == {"number", "logged_at", "source", "line"}
    assert abs(datetime.now(UTC) - datetime.fromisoformat(page["items"][1]["logged_at"])) < timedelta(hours=1)


async def test_a_line_is_kept_once_however_often_it_comes(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    """The answer to the first try was lost; the next try has more. Ours come between."""
    agent = await put_agent(provisioning, Status.INSTALLING, owner.owner_id)
    assert (await agent.log((1, "a"), (2, "b"))).json() == {"next_number": 3}
    await agent.beat("running")
    assert (await agent.log((1, "a"), (2, "b"), (3, "c"))).json() == {"next_number": 4}
    assert (await agent.log((2, "b"))).json() == {"next_number": 4}
    assert (await agent.log()).json() == {"next_number": 4}
    lines = await lines_of(provisioning, headers, agent.instance_id)
    assert lines[1:] == [(2, "agent", "a"), (3, "agent", "b"), (4, "space", "Running."), (5, "agent", "c")]


async def test_lines_of_one_batch_are_put_in_order_and_may_have_gaps(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_agent(provisioning, Status.RUNNING, owner.owner_id)
    assert (await agent.log((9, "c"), (2, "a"), (5, "b"), (5, "b"))).json() == {"next_number": 10}
    assert (await agent.log((7, "too late"), (10, "d"))).json() == {"next_number": 11}
    lines = await lines_of(provisioning, headers, agent.instance_id)
    assert [line for _, _, line in lines[1:]] == ["a", "b", "c", "d"]


async def test_batches_at_once_give_no_number_twice(provisioning: Running) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING)
    async with provisioning.runtime.database.transaction() as session:
        await logs.add_lines(session, instance_id, [Line(1, NOW, "a"), Line(2, NOW, "b")])
        contender = asyncio.create_task(add(provisioning, instance_id, [2, 3]))
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender == 4
    assert (await row_of(provisioning, instance_id)).last_line == 4


async def test_only_so_many_of_the_newest_lines_are_kept(
    provisioning: Running, owner: Owner, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeat of lines that are forgotten does not bring them back."""
    monkeypatch.setattr(logs, "MAX_LINES", 5)
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    assert await add(provisioning, instance_id, range(1, 4)) == 4
    assert await add(provisioning, instance_id, range(4, 21)) == 21
    assert await add(provisioning, instance_id, range(1, 20)) == 21
    lines = await lines_of(provisioning, headers, instance_id)
    assert [(number, line) for number, _, line in lines] == [(n + 1, f"line {n}") for n in range(16, 21)]


async def test_the_job_shortens_logs_that_only_we_write(
    provisioning: Running, owner: Owner, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_LINES", 5)
    long, short = [await put_instance(provisioning, Status.RUNNING, owner.owner_id) for _ in range(2)]
    await add_ours(provisioning, long, *"abcdefg")
    await add_ours(provisioning, short, *"abcd")
    async with provisioning.runtime.database.transaction() as session:
        assert await logs.forget(session, NOW) == 3
    async with provisioning.runtime.database.transaction() as session:
        assert await logs.forget(session, NOW) == 0
    assert [line for _, _, line in await lines_of(provisioning, headers, long)] == list("cdefg")
    assert len(await lines_of(provisioning, headers, short)) == 5


async def test_the_log_of_an_instance_goes_thirty_days_after_its_end(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    ended = {
        days: await put_instance(
            provisioning,
            Status.DESTROYED,
            owner.owner_id,
            ended_at=NOW - timedelta(days=days, seconds=-1 * (days == 30)),
        )
        for days in (1, 30, 31)
    }
    live = await put_instance(provisioning, Status.RUNNING, owner.owner_id, created_at=NOW - timedelta(days=99))
    async with provisioning.runtime.database.transaction() as session:
        assert await logs.forget(session, NOW) == 1
        assert await logs.forget(session, NOW) == 0
    assert await lines_of(provisioning, headers, ended[31]) == []
    for kept in (ended[1], ended[30], live):
        assert len(await lines_of(provisioning, headers, kept)) == 1


async def test_many_old_logs_go_in_several_turns(provisioning: Running) -> None:
    for _ in range(logs.ENDED_BATCH + 1):
        await put_instance(provisioning, Status.CANCELED, ended_at=NOW - timedelta(days=40))
    async with provisioning.runtime.database.transaction() as session:
        assert [await logs.forget(session, NOW) for _ in range(3)] == [logs.ENDED_BATCH, 1, 0]


@pytest.mark.parametrize("status", sorted(TERMINAL))
async def test_an_instance_that_is_over_takes_no_more_lines(provisioning: Running, status: Status) -> None:
    agent = await put_agent(provisioning, status)
    assert code(await agent.log((1, "x"))) == (410, "instance_over")
    assert (await row_of(provisioning, agent.instance_id)).last_line == 1


async def test_an_instance_that_is_being_returned_still_does(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.DESTROYING)
    assert (await agent.log((1, "good bye"))).json() == {"next_number": 2}


NO_LINES: list[dict[str, Any]] = [
    {"number": 0},
    {"number": -1},
    {"number": 2**63},
    {"number": "1"},
    {"line": "x" * 4001},
    {"line": None},
    {"line": "\ud800"},
    {"logged_at": "0001-01-01T00:00:00+14:00"},
    {"logged_at": "0001-01-01T00:00:00Z"},
    {"logged_at": "9999-12-31T23:59:59.999999Z"},
    {"logged_at": "2026-07-01T12:00:00"},
    {"source": "space"},
]


async def test_what_is_no_line_is_refused(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    for line in NO_LINES:
        body = {"lines": [{"number": 1, "logged_at": "2026-07-01T12:00:00Z", "line": "x", **line}]}
        answer = await provisioning.api.post(
            f"/api/v1/instances/{agent.instance_id}/log",
            content=json.dumps(body),
            headers=agent.headers | {"Content-Type": "application/json"},
        )
        assert code(answer) == (422, "request_invalid"), line


async def test_a_batch_has_its_limits(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    assert (await agent.log(*((number, "x" * 1900) for number in range(1, 501)))).json() == {"next_number": 501}
    assert (await agent.log((501, "x" * 4000), (2**62, "y"))).json() == {"next_number": 2**62 + 1}
    assert code(await agent.log(*((number, "x") for number in range(600, 1101)))) == (422, "request_invalid")
    assert code(await agent.log(*((number, "x" * 4000) for number in range(600, 900)))) == (413, "body_too_large")


@pytest.mark.parametrize("logged_at", ["1970-01-01T00:00:00Z", "8999-12-31T23:59:59Z"])
async def test_an_agents_clock_may_be_as_wrong_as_it_likes(
    provisioning: Running, owner: Owner, headers: dict[str, str], logged_at: str
) -> None:
    agent = await put_agent(provisioning, Status.RUNNING, owner.owner_id)
    body = {"lines": [{"number": 1, "logged_at": logged_at, "line": "x"}]}
    path = f"/api/v1/instances/{agent.instance_id}/log"
    assert (await provisioning.api.post(path, json=body, headers=agent.headers)).status_code == 200
    page = await read(provisioning, headers, agent.instance_id)
    assert datetime.fromisoformat(page["items"][1]["logged_at"]) == datetime.fromisoformat(logged_at)


async def test_an_owner_pages_through_a_log(provisioning: Running, owner: Owner, headers: dict[str, str]) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    await add(provisioning, instance_id, range(1, 50))
    seen, cursor = [], None
    while True:
        page = await read(provisioning, headers, instance_id, limit=20, **({"cursor": cursor} if cursor else {}))
        seen += [item["number"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == list(range(1, 51))


async def test_an_owner_reads_the_last_lines(provisioning: Running, owner: Owner, headers: dict[str, str]) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    await add(provisioning, instance_id, range(1, 50))
    for tail, first in ((1, 50), (3, 48), (50, 1), (1000, 1)):
        page = await read(provisioning, headers, instance_id, tail=tail)
        assert [item["number"] for item in page["items"]] == list(range(first, 51))
        assert page["next_cursor"] is None


async def test_what_is_no_page_is_refused(provisioning: Running, owner: Owner, headers: dict[str, str]) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    asked: list[dict[str, Any]] = [{"tail": 0}, {"tail": 1001}, {"tail": "x"}, {"cursor": "x"}, {"limit": 101}]
    for params in asked:
        answer = await provisioning.api.get(f"/api/v1/instances/{instance_id}/log", headers=headers, params=params)
        assert answer.status_code == 422, params


async def test_a_page_that_has_not_changed_is_not_sent_again(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    path = f"/api/v1/instances/{instance_id}/log"
    first = await provisioning.api.get(path, headers=headers)
    known = headers | {"If-None-Match": first.headers["etag"]}
    assert (await provisioning.api.get(path, headers=known)).status_code == 304
    await add(provisioning, instance_id, [1])
    assert (await provisioning.api.get(path, headers=known)).status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_log_is_for_its_owner_alone(
    provisioning: Running, owner: Owner, headers: dict[str, str], issuer: TokenIssuer, accept: str
) -> None:
    agent = await put_agent(provisioning, Status.RUNNING, owner.owner_id)
    path = f"/api/v1/instances/{agent.instance_id}/log"

    async def asked(given: dict[str, str], at: str = path) -> tuple[int, str | None]:
        return code(await provisioning.api.get(at, headers=given | {"Accept": accept}))

    assert await asked(issuer.headers(Owner())) == (404, "instance_not_found")
    assert await asked(headers, f"/api/v1/instances/{uuid4()}/log") == (404, "instance_not_found")
    assert await asked(issuer.headers(owner, "backups:read", "instances:write")) == (403, "scope_missing")
    assert await asked({}) == (401, "sign_in_needed")
    assert await asked(agent.headers) == (401, "sign_in_needed")
