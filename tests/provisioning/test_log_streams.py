"""Logs followed live, over a real listener."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from provisioning import streams
from provisioning.adapters import Adapters
from provisioning.app import service
from provisioning.domain.lifecycle import Status, Trigger
from provisioning.errors import TooManyStreams
from provisioning.operations import logs, moves
from provisioning.operations.logs import Line
from provisioning.queries import instances
from provisioning.settings import Settings
from provisioning.streams import Streams
from space_local import ports
from tests.support.instances import put_agent, put_instance
from tests.support.running import Running
from tests.support.tokens import Owner

Event = tuple[str | None, str, dict[str, Any]]
Served = tuple[httpx.AsyncClient, asyncio.Event, "asyncio.Task[None]"]


@asynccontextmanager
async def served(running: Running, limits: Streams | None = None) -> AsyncIterator[Served]:
    """Another replica, behind a real listener; it stops when the event is set."""
    settings = running.runtime.settings.model_copy(
        update={name: f"127.0.0.1:{ports.pick()}" for name in ("api_listen", "internal_listen")}
    )

    @asynccontextmanager
    async def adapters(_: Settings) -> AsyncIterator[Adapters]:
        yield replace(running.runtime.adapters, streams=limits or Streams(100, 100))

    stop = asyncio.Event()
    task = asyncio.create_task(replace(service, adapters=adapters).run(settings, frozenset({"api"}), stop))
    async with httpx.AsyncClient(base_url=f"http://{settings.api_listen}", timeout=20) as http:
        for _ in range(200):
            try:
                await http.get("/healthz")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        yield http, stop, task
        stop.set()
        await asyncio.wait_for(task, 30)


@pytest.fixture
async def http(provisioning: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with served(provisioning) as (http, _, _):
        yield http


@asynccontextmanager
async def following(
    http: httpx.AsyncClient, headers: dict[str, str], instance_id: UUID, after: int | None = None, **params: int
) -> AsyncIterator[AsyncIterator[Event]]:
    asked = headers | {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": str(after)})
    async with http.stream("GET", f"/api/v1/instances/{instance_id}/log", headers=asked, params=params) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield events(answer)


async def events(answer: httpx.Response) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            yield None, "comment", {}
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields.get("id"), fields["event"], json.loads(fields["data"])
            fields = {}


async def move(running: Running, instance_id: UUID, trigger: Trigger) -> None:
    async with running.runtime.database.transaction() as session:
        instance = await instances.lock(session, instance_id)
        assert instance is not None
        await moves.move(session, instance, trigger, datetime.now(UTC))


async def add(running: Running, instance_id: UUID, count: int) -> None:
    lines = [Line(number, datetime.now(UTC), f"line {number}") for number in range(1, count + 1)]
    async with running.runtime.database.transaction() as session:
        await logs.add_lines(session, instance_id, lines)


async def test_a_follower_sees_what_was_and_what_comes_until_the_end(
    http: httpx.AsyncClient, provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    """The agent logs to one replica, the owner follows at another."""
    agent = await put_agent(provisioning, Status.INSTALLING, owner.owner_id)
    await agent.log((1, "one"))
    async with following(http, headers, agent.instance_id) as stream:
        seen = [await anext(stream) for _ in range(2)]
        assert [(number, kind, line["source"], line["line"]) for number, kind, line in seen] == [
            ("1", "line", "space", "Installing."),
            ("2", "line", "agent", "one"),
        ]
        assert set(seen[0][2]) == {"number", "logged_at", "source", "line"}
        await agent.log((2, "two\nlines"))
        number, kind, line = await anext(stream)
        assert (number, kind, line["line"]) == ("3", "line", "two␊lines")
        await move(provisioning, agent.instance_id, Trigger.RETURN)
        assert (await anext(stream))[0] == "4"
        await agent.log((3, "good bye"))
        await move(provisioning, agent.instance_id, Trigger.CONFIRM_END)
        rest = [event async for event in stream]
    assert [(number, kind) for number, kind, _ in rest] == [("5", "line"), ("6", "line"), (None, "end")]
    assert rest[-1][2] == {"status": "destroyed"}


async def test_a_follower_that_comes_back_misses_nothing_and_sees_nothing_twice(
    http: httpx.AsyncClient, provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    instance_id = await put_instance(provisioning, Status.DESTROYING, owner.owner_id)
    await add(provisioning, instance_id, 250)
    await move(provisioning, instance_id, Trigger.CONFIRM_END)
    async with following(http, headers, instance_id) as stream:
        numbers = [number async for number, _, _ in stream]
    assert numbers == [*(str(number) for number in range(1, 253)), None]
    async with following(http, headers, instance_id, after=200) as stream:
        numbers = [number async for number, _, _ in stream]
    assert numbers == [*(str(number) for number in range(201, 253)), None]
    async with following(http, headers, instance_id, after=252) as stream:
        assert [kind async for _, kind, _ in stream] == ["end"]


async def test_a_follower_may_begin_with_the_last_lines(
    http: httpx.AsyncClient, provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    """Coming back goes before that: the address that is followed is the same."""
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    await add(provisioning, instance_id, 20)
    await move(provisioning, instance_id, Trigger.LOSE)
    async with following(http, headers, instance_id, tail=2) as stream:
        assert [number async for number, _, _ in stream] == ["21", "22", None]
    async with following(http, headers, instance_id, after=18, tail=2) as stream:
        assert [number async for number, _, _ in stream] == ["19", "20", "21", "22", None]
    async with following(http, headers, instance_id, after=0, tail=2) as stream:
        assert len([number async for number, _, _ in stream]) == 23


@pytest.mark.parametrize("last", ["x", "-1", "9" * 30, "1.5"])
async def test_a_last_event_id_that_is_none_is_refused(
    provisioning: Running, owner: Owner, headers: dict[str, str], last: str
) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    asked = headers | {"Accept": "text/event-stream", "Last-Event-ID": last}
    answer = await provisioning.api.get(f"/api/v1/instances/{instance_id}/log", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_a_quiet_stream_is_kept_alive(
    http: httpx.AsyncClient,
    provisioning: Running,
    owner: Owner,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "PING_SECONDS", 0.2)
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    async with following(http, headers, instance_id) as stream:
        assert [(await anext(stream))[1] for _ in range(3)] == ["line", "comment", "comment"]


async def test_a_stream_ends_by_itself(
    http: httpx.AsyncClient,
    provisioning: Running,
    owner: Owner,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "STREAM_SECONDS", 0.5)
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    async with following(http, headers, instance_id) as stream:
        assert [kind async for _, kind, _ in stream] == ["line"]


async def test_an_open_stream_does_not_hold_up_a_stop(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    async with (
        served(provisioning) as (http, stop, task),
        following(http, headers, instance_id) as stream,
    ):
        await anext(stream)
        started = time.monotonic()
        stop.set()
        assert [event async for event in stream] == []
        await asyncio.wait_for(task, 10)
        assert time.monotonic() - started < 5


async def test_streams_are_bounded(provisioning: Running, owner: Owner, headers: dict[str, str]) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING, owner.owner_id)
    path = f"/api/v1/instances/{instance_id}/log"
    asked = headers | {"Accept": "text/event-stream"}
    async with served(provisioning, Streams(2, 1)) as (http, _, _):
        async with following(http, headers, instance_id) as stream:
            await anext(stream)
            refused = await http.get(path, headers=asked)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
            assert refused.headers["retry-after"] == "10"
            assert (await http.get(path, headers=headers)).status_code == 200
        for _ in range(50):
            async with http.stream("GET", path, headers=asked) as answer:
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.1)
        assert answer.status_code == 200


def test_the_process_has_a_bound_of_its_own() -> None:
    limits = Streams(limit=2, limit_per_owner=2)
    first, second, third = (Owner().owner_id for _ in range(3))
    with limits.one_more(first), limits.one_more(second), pytest.raises(TooManyStreams):
        limits.check(third)
    limits.check(third)
