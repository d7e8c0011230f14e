"""Timelines followed live, over a real listener."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from restore import timeline
from restore.app import service
from restore.errors import TooManyStreams
from restore.settings import Settings
from restore.timeline import Streams
from space_local import ports
from tests.restore.conftest import Client
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

LetPass = Callable[[str, timedelta], Awaitable[None]]
Event = tuple[str | None, str, dict[str, Any]]


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.Event, "asyncio.Task[None]"]]:
    """One replica behind a real listener; it stops when the event is set."""
    port, internal = ports.pick(), ports.pick()
    replica = settings.model_copy(
        update={"api_listen": f"127.0.0.1:{port}", "internal_listen": f"127.0.0.1:{internal}"}
    )
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(replica, frozenset({"api"}), stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
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
async def http(settings: Settings, restore: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with served(settings) as (http, _, _):
        yield http


@asynccontextmanager
async def following(
    http: httpx.AsyncClient, headers: dict[str, str], restore_id: str, after: int | None = None
) -> AsyncIterator[AsyncIterator[Event]]:
    asked = headers | {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": str(after)})
    async with http.stream("GET", f"/api/v1/restores/{restore_id}/timeline", headers=asked) as answer:
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


async def test_a_follower_sees_what_was_and_what_comes_until_the_end(http: httpx.AsyncClient, client: Client) -> None:
    """The client reports to one replica, the owner follows at another."""
    restore_id = await client.begin()
    async with following(http, client.headers, restore_id) as stream:
        seen = [await anext(stream) for _ in range(3)]
        assert [(number, kind) for number, kind, _ in seen] == [("1", "moved"), ("2", "moved"), ("3", "keys_issued")]
        await client.report(restore_id, "restoring", bytes_restored=10, total_bytes=100)
        number, kind, entry = await anext(stream)
        assert (number, kind, entry["state"], entry["bytes_restored"]) == ("4", "moved", "restoring", 10)
        await client.report(restore_id, "completed", warnings=1)
        rest = [event async for event in stream]
    assert [(number, kind) for number, kind, _ in rest] == [("5", "moved"), (None, "end")]
    assert rest[-1][2] == {"state": "completed"}


async def test_a_follower_that_comes_back_misses_nothing_and_sees_nothing_twice(
    http: httpx.AsyncClient, client: Client
) -> None:
    restore_id = await client.begin()
    async with following(http, client.headers, restore_id) as stream:
        last, _, _ = await anext(stream)
    await client.report(restore_id, "restoring")
    await client.report(restore_id, "failed", reason="no")
    async with following(http, client.headers, restore_id, after=int(last or 0)) as stream:
        numbers = [number async for number, _, _ in stream]
    assert numbers == ["2", "3", "4", "5", None]
    async with following(http, client.headers, restore_id, after=5) as stream:
        assert [kind async for _, kind, _ in stream] == ["end"]


async def test_folded_progress_is_not_missed(http: httpx.AsyncClient, client: Client, let_pass: LetPass) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "restoring", bytes_restored=0)
    for bytes_restored in (10, 20, 30):
        await let_pass(restore_id, timedelta(seconds=2))
        await client.report(restore_id, "restoring", bytes_restored=bytes_restored)
    async with following(http, client.headers, restore_id, after=5) as stream:
        number, kind, entry = await anext(stream)
        assert (number, kind, entry["bytes_restored"]) == ("7", "progress", 30)


@pytest.mark.parametrize("last", ["x", "-1", "9" * 30, "1.5"])
async def test_a_last_event_id_that_is_none_is_refused(client: Client, last: str) -> None:
    restore_id = await client.begin()
    asked = client.headers | {"Accept": "text/event-stream", "Last-Event-ID": last}
    answer = await client.restore.api.get(f"/api/v1/restores/{restore_id}/timeline", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_a_quiet_stream_is_kept_alive(
    http: httpx.AsyncClient, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "PING_SECONDS", 0.2)
    restore_id = (await client.issue())["restore_id"]
    async with following(http, client.headers, restore_id) as stream:
        assert [(await anext(stream))[1] for _ in range(3)] == ["moved", "comment", "comment"]


async def test_a_stream_ends_by_itself(
    http: httpx.AsyncClient, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "STREAM_SECONDS", 0.5)
    restore_id = (await client.issue())["restore_id"]
    async with following(http, client.headers, restore_id) as stream:
        assert [kind async for _, kind, _ in stream] == ["moved"]


async def test_an_open_stream_does_not_hold_up_a_stop(settings: Settings, client: Client) -> None:
    restore_id = (await client.issue())["restore_id"]
    async with served(settings) as (http, stop, task), following(http, client.headers, restore_id) as stream:
        await anext(stream)
        started = time.monotonic()
        stop.set()
        assert [event async for event in stream] == []
        await asyncio.wait_for(task, 10)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("settings", [{"streams_per_owner": 1, "streams_per_process": 2}], indirect=True)
async def test_streams_are_bounded(http: httpx.AsyncClient, client: Client, issuer: TokenIssuer) -> None:
    restore_id = (await client.issue())["restore_id"]
    path = f"/api/v1/restores/{restore_id}/timeline"
    asked = client.headers | {"Accept": "text/event-stream"}
    async with following(http, client.headers, restore_id) as stream:
        await anext(stream)
        refused = await http.get(path, headers=asked)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert refused.headers["retry-after"] == "10"
        assert (await http.get(path, headers=client.headers)).status_code == 200
    for _ in range(50):
        async with http.stream("GET", path, headers=asked) as answer:
            if answer.status_code == 200:
                break
        await asyncio.sleep(0.1)
    assert answer.status_code == 200


def test_the_process_has_a_bound_of_its_own() -> None:
    streams = Streams(limit=2, limit_per_owner=2)
    first, second, third = (Owner().owner_id for _ in range(3))
    with streams.one_more(first), streams.one_more(second), pytest.raises(TooManyStreams):
        streams.check(third)
    streams.check(third)
