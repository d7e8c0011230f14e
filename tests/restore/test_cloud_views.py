"""What owners see of restores to the cloud: details, lists, progress, and the timeline as it grows."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text

from restore import timeline
from restore.domain.order import State
from restore.schemas.restores import RestoreDetail, RestoreRead, TimelineEntryRead
from shared.events.billing import PaymentFailed
from shared.paging import Page
from tests.restore.cloud import Cloud
from tests.restore.conftest import Client
from tests.support.tokens import Owner, TokenIssuer

LIST = "/api/v1/restores"
STREAM = {"Accept": "text/event-stream"}


async def listed(cloud: Cloud, **params: Any) -> list[dict[str, Any]]:
    answer = await cloud.restore.api.get(LIST, headers=cloud.headers, params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def statements(cloud: Cloud, path: str, headers: dict[str, str] | None = None, **params: Any) -> int:
    """How many queries one request is."""
    seen: list[str] = []
    engine = cloud.restore.runtime.database.engine.sync_engine

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        answer = await cloud.restore.api.get(path, headers=headers or cloud.headers, params=params)
        assert answer.status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return sum(1 for each in seen if each.startswith("SELECT"))


async def test_details_and_lists_hold_what_their_documents_say(cloud: Cloud, client: Client) -> None:
    local = await client.begin()
    for state in (State.QUOTED, State.PROVISIONING, State.AWAITING_PASSWORD, State.RESTORING, State.COMPLETED):
        restore_id, _ = await cloud.to(state, f"{state.replace('_', '-')}@olares.com")
        detail = await cloud.read(restore_id)
        assert set(detail) == set(RestoreDetail.model_fields)
        assert RestoreDetail.model_validate(detail).state == state
        assert detail["cloud"]["quote"].keys().isdisjoint({"state", "token"})
        assert (detail["cloud"]["password"] is not None) == (state is State.AWAITING_PASSWORD)
    assert (await cloud.read(local))["cloud"] is None
    items = await listed(cloud)
    assert len(Page[RestoreRead].model_validate({"items": items, "next_cursor": None}).items) == 6
    for item in items:
        assert set(item) == set(RestoreRead.model_fields)
        detail = await cloud.read(item["restore_id"])
        if item["cloud"] is not None:
            assert {"quote", "password"}.isdisjoint(item["cloud"])
            detail["cloud"] = {name: value for name, value in detail["cloud"].items() if name in item["cloud"]}
        assert detail == item


async def test_a_list_is_filtered(cloud: Cloud, client: Client, issuer: TokenIssuer) -> None:
    local = await client.begin()
    quoted, _ = await cloud.to(State.QUOTED)
    restoring, _ = await cloud.to(State.RESTORING, "bob@olares.com")

    async def found(**params: str) -> list[str]:
        return [item["restore_id"] for item in await listed(cloud, **params)]

    assert await found(target="cloud") == [restoring, quoted]
    assert await found(target="local") == [local]
    assert await found(state="quoted") == [quoted]
    assert await found(state="restoring", target="local") == []
    assert await found(state="awaiting_password") == []
    assert await found(target="cloud", backup_id=str(uuid4())) == []
    assert len(await found(backup_id=str(cloud.snapshot.backup_id))) == 3
    refused = await cloud.restore.api.get(LIST, headers=cloud.headers, params={"target": "moon"})
    assert refused.status_code == 422
    cloud.headers = issuer.headers(Owner())
    assert await found(target="cloud") == []


async def test_a_list_that_did_not_change_is_not_sent_again(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    first = await cloud.restore.api.get(LIST, headers=cloud.headers)
    known = cloud.headers | {"If-None-Match": first.headers["etag"]}
    assert (await cloud.restore.api.get(LIST, headers=known)).status_code == 304
    await cloud.hear(await cloud.money(restore_id, PaymentFailed))
    assert (await cloud.restore.api.get(LIST, headers=known)).status_code == 200


async def test_a_restore_that_makes_no_progress_is_stalled(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None

    async def stalled() -> bool:
        [item] = await listed(cloud)
        detail = await cloud.read(restore_id)
        assert item["cloud"]["stalled"] == detail["cloud"]["stalled"]
        return bool(detail["cloud"]["stalled"])

    assert not await stalled()
    await cloud.let_pass(restore_id, timedelta(minutes=1, seconds=50))
    assert not await stalled()
    await cloud.let_pass(restore_id, timedelta(seconds=10))
    assert await stalled()
    # It lives, and has come no further.
    await agent.report(1, "restoring", bytes_restored=10)
    assert await stalled()
    await agent.report(1, "restoring", bytes_restored=11)
    assert not await stalled()
    waiting, _ = await cloud.to(State.AWAITING_PASSWORD, "bob@olares.com")
    await cloud.let_pass(waiting, timedelta(hours=1))
    assert not (await cloud.read(waiting))["cloud"]["stalled"]


async def test_progress_is_folded_into_the_newest(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    last = (await cloud.timeline(restore_id))[-1]["number"]
    await agent.report(1, "restoring", bytes_restored=20)
    found = await cloud.read(restore_id)
    assert (found["bytes_restored"], found["total_bytes"]) == (20, 100)
    # Too soon after the move to be written down.
    assert (await cloud.timeline(restore_id))[-1]["number"] == last
    for bytes_restored in (30, 40, 50):
        await cloud.let_pass(restore_id, timedelta(seconds=2))
        await agent.report(1, "restoring", bytes_restored=bytes_restored, files_restored=2)
    entries = [entry for entry in await cloud.timeline(restore_id) if entry["kind"] == "progress"]
    assert [(entry["number"], entry["bytes_restored"]) for entry in entries] == [(last + 3, 50)]
    await agent.report(1, "validating")
    await cloud.let_pass(restore_id, timedelta(seconds=2))
    await agent.report(1, "validating", files_restored=3, warnings=1)
    entry = (await cloud.timeline(restore_id))[-1]
    assert (entry["kind"], entry["state"], entry["files_restored"], entry["warnings"]) == (
        "progress",
        "validating",
        3,
        1,
    )


async def test_a_timeline_tells_money_machine_password_and_keys(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.AWAITING_PASSWORD)
    assert agent is not None
    await agent.call("POST", "keys", {})
    entries = await cloud.timeline(restore_id)
    assert set(entries[0]) == set(TimelineEntryRead.model_fields)
    told = [(entry["kind"], entry["code"]) for entry in entries if entry["kind"] != "moved"]
    assert told == [
        ("instance", "reserved"),
        ("payment", "asked"),
        ("payment", "held"),
        ("instance", "wanted"),
        ("instance", "running"),
        ("instance", "enrolled"),
        ("password", "first"),
        ("keys_issued", None),
    ]
    moved = [(entry["previous_state"], entry["state"]) for entry in entries if entry["kind"] == "moved"]
    assert all(before[1] == after[0] for before, after in pairwise(moved))
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))


async def streamed(cloud: Cloud, restore_id: str, after: int | None = None) -> list[tuple[str | None, str, Any]]:
    """All events of a stream that ends: number, kind and content."""
    headers = cloud.headers | STREAM | ({} if after is None else {"Last-Event-ID": str(after)})
    answer = await cloud.restore.api.get(f"{LIST}/{restore_id}/timeline", headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.replace("\r\n", "\n").strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


async def test_a_stream_of_what_is_over_ends_and_is_resumed_in_between(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.COMPLETED)
    entries = await cloud.timeline(restore_id)
    events = await streamed(cloud, restore_id)
    assert [(number, kind) for number, kind, _ in events[:-1]] == [
        (str(entry["number"]), entry["kind"]) for entry in entries
    ]
    assert [content for _, _, content in events[:-1]] == entries
    assert events[-1] == (None, "end", {"state": "completed"})
    resumed = await streamed(cloud, restore_id, after=entries[-3]["number"])
    assert [number for number, _, _ in resumed] == [str(entries[-2]["number"]), str(entries[-1]["number"]), None]
    assert [kind for _, kind, _ in await streamed(cloud, restore_id, after=10**6)] == ["end"]


async def test_a_stream_goes_on_until_the_end_and_no_longer(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is undone, or parked, there is more to come."""
    monkeypatch.setattr(timeline, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(timeline, "STREAM_SECONDS", 0.1)
    restore_id, _ = await cloud.to(State.PROVISIONING)
    await cloud.cancel(restore_id)
    events = await streamed(cloud, restore_id)
    assert (events[-1][1], events[-1][2]["state"]) == ("moved", "undoing")
    await cloud.gone(restore_id, cause="unwanted")
    await cloud.void(restore_id)
    rest = await streamed(cloud, restore_id, after=int(events[-1][0] or 0))
    assert [kind for _, kind, _ in rest] == ["instance", "payment", "moved", "end"]
    assert rest[-1][2] == {"state": "cancelled"}


async def many(cloud: Cloud, count: int) -> None:
    """So many restores to the cloud of the owner's, all over, a second apart."""
    columns = (
        "owner_id, target, backup_id, snapshot_id, backup_name, restic_id, snapshot_taken_at, warnings, last_number"
    )
    async with cloud.restore.runtime.database.transaction() as session:
        await session.execute(
            text(
                f"INSERT INTO restores (id, state, created_at, updated_at, {columns}) SELECT gen_random_uuid(), "
                f"'cancelled', now() - number * interval '1 s', now(), {columns} FROM restores, "
                "generate_series(1, :count) AS number"
            ),
            {"count": count},
        )
        await session.execute(
            text(
                "INSERT INTO cloud_restores (restore_id, provider, region, plan, instance_name, payment, compute, data,"
                " machine, asked, round, wrong_passwords) SELECT id, 'local', 'here', 'small', 'a', 'none', 'none',"
                " 'none', 1, 0, 0, 0 FROM restores WHERE state = 'cancelled'"
            )
        )
        await session.execute(text("ANALYZE"))


async def test_a_list_is_one_query_and_a_detail_is_one(cloud: Cloud, client: Client) -> None:
    await client.begin()
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    await cloud.to(State.QUOTED, "bob@olares.com")
    assert await statements(cloud, LIST) == 1
    assert await statements(cloud, LIST, target="cloud", state="quoted") == 1
    assert await statements(cloud, f"{LIST}/{restore_id}") == 1


async def test_five_thousand_restores_page_flat(cloud: Cloud) -> None:
    """Every page is one query, and reads what it shows: not what comes before it."""
    await cloud.quoted()
    await many(cloud, 5000)
    seen: set[str] = set()
    params: dict[str, Any] = {"limit": 100, "target": "cloud"}
    while True:
        body = (await cloud.restore.api.get(LIST, headers=cloud.headers, params=params)).json()
        ids = [item["restore_id"] for item in body["items"]]
        assert seen.isdisjoint(ids)
        seen |= set(ids)
        if body["next_cursor"] is None:
            break
        params["cursor"] = body["next_cursor"]
        if len(seen) == 2500:
            assert await statements(cloud, LIST, **params) == 1
    assert len(seen) == 5001
    half = datetime.now(UTC) - timedelta(seconds=2500)
    async with cloud.restore.runtime.database.reading() as session:
        plan = await session.scalar(
            text(
                "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM restores LEFT JOIN cloud_restores ON restore_id = id "
                "WHERE owner_id = :owner AND target = 'cloud' AND (created_at, id) < (:half, :id) "
                "ORDER BY created_at DESC, id DESC LIMIT 101"
            ),
            {"owner": cloud.snapshot.owner_id, "half": half, "id": UUID(int=0)},
        )
    assert read(plan[0]["Plan"]) <= 2 * 101


def read(plan: dict[str, Any]) -> int:
    """The most rows that a part of a plan reads."""
    own = int(plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) if "Relation Name" in plan else 0
    return max([own, *(read(part) for part in plan.get("Plans", []))])
