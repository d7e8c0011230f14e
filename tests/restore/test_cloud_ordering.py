"""Ordering a restore to the cloud: what is refused, what waits for a neighbour, and what asking again does."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from restore import queries
from shared.events.catalog import BackupDeleted
from tests.restore.cloud import NAME, Cloud
from tests.restore.waiting import is_held_up, until
from tests.support.catalog_double import CatalogDouble
from tests.support.order_double import DISK_BYTES, OrderDouble

SIZE_BYTES = 2_512_555_868
CHECKS, QUOTES = "/internal/instances/checks", "/internal/quotes"


async def count(cloud: Cloud) -> int:
    async with cloud.restore.runtime.database.reading() as session:
        return int(await session.scalar(text("SELECT count(*) FROM restores")) or 0)


async def listed(cloud: Cloud, **params: str) -> list[dict[str, Any]]:
    answer = await cloud.restore.api.get("/api/v1/restores", headers=cloud.headers, params=params)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_what_catalog_refuses_begins_nothing(cloud: Cloud, catalog: CatalogDouble) -> None:
    for status, code in (
        (404, "backup_not_found"),
        (404, "snapshot_not_found"),
        (409, "snapshot_not_restorable"),
        (409, "backup_deleted"),
    ):
        catalog.refuse(status, code)
        answer = await cloud.ask()
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await count(cloud) == 0
    assert cloud.orders.calls == []


async def test_what_provisioning_refuses_begins_nothing(cloud: Cloud, orders: OrderDouble) -> None:
    holder = str(uuid4())
    for status, code, members in (
        (422, "offer_unknown", {}),
        (409, "offer_unavailable", {}),
        (422, "instance_name_invalid", {}),
        (409, "name_in_use", {"instance_id": holder}),
    ):
        orders.refuse(CHECKS, status, code, **members)
        body = (answer := await cloud.ask()).json()
        assert (answer.status_code, body["code"]) == (status, code)
        assert {name: body[name] for name in members} == members
    assert await count(cloud) == 0
    assert orders.count(QUOTES) == 0


@pytest.mark.parametrize(
    ("disk_bytes", "fits"), [(SIZE_BYTES, False), (SIZE_BYTES * 10 // 9, False), (DISK_BYTES, True)]
)
async def test_a_snapshot_has_to_fit_its_plan(cloud: Cloud, orders: OrderDouble, disk_bytes: int, fits: bool) -> None:
    orders.disk_bytes = disk_bytes
    body = (answer := await cloud.ask()).json()
    if fits:
        assert answer.status_code == 201
        return
    assert (answer.status_code, body["code"]) == (409, "plan_too_small")
    assert (body["size_bytes"], body["disk_bytes"]) == (SIZE_BYTES, disk_bytes)
    assert await count(cloud) == 0


async def test_what_has_no_price_has_failed(cloud: Cloud, orders: OrderDouble) -> None:
    orders.refuse(QUOTES, 422, "place_unknown")
    answer = await cloud.ask()
    assert (answer.status_code, answer.json()["code"]) == (422, "place_unknown")
    [failed] = await listed(cloud)
    assert (failed["state"], failed["code"], failed["reason"]) == ("failed", "place_unknown", "says place_unknown")
    assert failed["ended_at"] is not None
    assert await cloud.names(failed["restore_id"]) == ["restore.failed"]


async def test_what_cannot_be_kept_has_failed(cloud: Cloud, catalog: CatalogDouble, orders: OrderDouble) -> None:
    orders.after = lambda path: catalog.refuse(409, "backup_deleted") if path == CHECKS else None
    answer = await cloud.ask()
    assert (answer.status_code, answer.json()["code"]) == (409, "backup_deleted")
    [failed] = await listed(cloud)
    assert (failed["state"], failed["code"]) == ("failed", "backup_deleted")
    assert orders.count(QUOTES) == 0


async def test_a_neighbour_that_is_down_before_anything_begins(
    cloud: Cloud, catalog: CatalogDouble, orders: OrderDouble
) -> None:
    orders.down.add(CHECKS)
    first = await cloud.ask()
    orders.down.clear()
    catalog.refuse(503, "store_unavailable")
    second = await cloud.ask()
    for answer in (first, second):
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert "retry-after" in answer.headers
    assert await count(cloud) == 0


async def test_a_quote_that_cannot_be_had_fails_after_two_minutes_and_charges_nothing(
    cloud: Cloud, orders: OrderDouble
) -> None:
    orders.down.add(QUOTES)
    answer = await cloud.ask()
    body = answer.json()
    assert (answer.status_code, body["state"], body["actions"]) == (202, "quoting", ["cancel"])
    assert (body["expires_at"], body["cloud"]["quote"]) == (None, None)
    restore_id = body["restore_id"]
    await cloud.let_pass(restore_id, timedelta(seconds=115))
    assert orders.count(QUOTES) == 2
    assert await cloud.state(restore_id) == "quoting"
    # Whoever claimed it has it to themselves for a while.
    await cloud.work()
    assert orders.count(QUOTES) == 2
    await cloud.let_pass(restore_id, timedelta(seconds=10))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("failed", "quote_unavailable")
    assert await cloud.names(restore_id) == ["restore.failed"]


async def test_a_refusal_that_a_worker_meets_ends_the_restore(cloud: Cloud, orders: OrderDouble) -> None:
    orders.down.add(QUOTES)
    restore_id = (await cloud.ask()).json()["restore_id"]
    orders.down.clear()
    orders.refuse(QUOTES, 422, "place_unknown")
    await cloud.let_pass(restore_id, timedelta(seconds=21))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("failed", "place_unknown")


async def test_a_quoting_restore_is_cancelled_at_once(cloud: Cloud, orders: OrderDouble) -> None:
    orders.down.add(QUOTES)
    restore_id = (await cloud.ask()).json()["restore_id"]
    assert (await cloud.cancel(restore_id)).json()["state"] == "cancelled"
    assert await cloud.names(restore_id) == ["restore.cancelled"]
    orders.down.clear()
    await cloud.let_pass(restore_id, timedelta(seconds=30))
    assert await cloud.states(restore_id) == ["quoting", "cancelled"]
    assert (await cloud.cancel(restore_id)).status_code == 200


def cancel_while_it_is_quoted(cloud: Cloud) -> None:
    """Its owner cancels it after billing has made the quote, and before restore has it."""
    loop = asyncio.get_running_loop()

    def cancel(path: str) -> None:
        if path == QUOTES:
            restore_id = cloud.orders.calls[-1][1]["restore_id"]
            asyncio.run_coroutine_threadsafe(cloud.cancel(restore_id), loop).result(10)

    cloud.orders.after = cancel


async def test_a_restore_that_is_cancelled_while_its_quote_is_made_has_none(cloud: Cloud) -> None:
    cancel_while_it_is_quoted(cloud)
    body = (await cloud.ask()).json()
    assert (body["state"], body["code"], body["cloud"]["quote"]) == ("cancelled", "cancelled", None)
    assert await cloud.states(body["restore_id"]) == ["quoting", "cancelled"]
    assert await cloud.names(body["restore_id"]) == ["restore.cancelled"]


async def test_a_refusal_that_comes_after_its_cancellation_changes_nothing(cloud: Cloud, orders: OrderDouble) -> None:
    orders.refuse(QUOTES, 422, "place_unknown")
    cancel_while_it_is_quoted(cloud)
    assert (await cloud.ask()).json()["code"] == "place_unknown"
    [cancelled] = await listed(cloud)
    assert (cancelled["state"], cancelled["code"]) == ("cancelled", "cancelled")


def keyed(cloud: Cloud) -> dict[str, str]:
    return cloud.headers | {"Idempotency-Key": str(uuid4())}


async def test_the_same_request_twice_is_one_restore(cloud: Cloud, orders: OrderDouble) -> None:
    cloud.headers = keyed(cloud)
    first, second = await cloud.ask(), await cloud.ask()
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert await count(cloud) == 1
    assert orders.count(QUOTES) == 1
    other = await cloud.ask("bob@olares.com")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    cloud.headers = keyed(cloud)
    assert (await cloud.ask()).json()["restore_id"] != first.json()["restore_id"]


async def test_the_same_request_twice_at_the_same_moment_is_one_restore(cloud: Cloud, orders: OrderDouble) -> None:
    """The second begins the row that the first has just begun, and has to wait for it."""
    cloud.headers = keyed(cloud)
    async with cloud.restore.runtime.database.transaction() as session:
        await session.execute(text("LOCK TABLE timeline IN SHARE MODE"))
        both = [asyncio.create_task(cloud.ask()) for _ in range(2)]
        await until(lambda: orders.count(CHECKS) == 2)
        assert all(await asyncio.gather(*(is_held_up(task) for task in both)))
    answers = await asyncio.gather(*both)
    # One of them may be told that the other is being answered.
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 201 in {answer.status_code for answer in answers}
    assert {answer.json()["code"] for answer in answers} <= {None, "request_in_flight"}
    again = await cloud.ask()
    assert (again.status_code, again.json()["state"]) == (201, "quoted")
    assert await count(cloud) == 1
    assert len(orders.quotes) == 1
    assert await cloud.states(again.json()["restore_id"]) == ["quoting", "quoted"]


async def test_a_key_is_for_one_order_also_when_that_was_never_answered(
    cloud: Cloud, orders: OrderDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.headers = keyed(cloud)
    monkeypatch.setattr("restore.api.shown.detail_of", broken)
    assert (await cloud.ask()).status_code == 500
    monkeypatch.undo()
    for other in ({"name": "bob@olares.com"}, {"plan": "large"}, {"backup_id": str(uuid4())}):
        answer = await cloud.ask(**other)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert (await cloud.ask()).json()["state"] == "quoted"
    assert (await count(cloud), orders.count(CHECKS)) == (1, 1)


async def broken(*_: object) -> None:
    raise RuntimeError("the process is about to die")


async def test_a_deleted_backup_ends_what_is_only_quoted(cloud: Cloud, orders: OrderDouble) -> None:
    quoted = await cloud.quoted()
    orders.down.add(QUOTES)
    quoting = (await cloud.ask("bob@olares.com")).json()["restore_id"]
    event = BackupDeleted(
        owner_id=cloud.snapshot.owner_id, backup_id=cloud.snapshot.backup_id, deleted_at=datetime.now(UTC)
    )
    for other in ({"owner_id": uuid4()}, {"backup_id": uuid4()}):
        await cloud.hear(event.model_copy(update=other))
    assert await cloud.state(quoted) == "quoted"
    await cloud.hear(event, event)
    for restore_id in (quoted, quoting):
        found = await cloud.read(restore_id)
        assert (found["state"], found["code"]) == ("failed", "backup_deleted")
        assert await cloud.names(restore_id) == ["restore.failed"]
        refused = await cloud.confirm(restore_id)
        assert (refused.status_code, refused.json()["code"]) == (409, "restore_not_confirmable")


async def test_a_quote_that_ends_early_ends_its_restore_then(cloud: Cloud, orders: OrderDouble) -> None:
    orders.quote_life = timedelta(minutes=10)
    late, early = await cloud.quoted(), await cloud.quoted("bob@olares.com")
    await cloud.let_pass(early, timedelta(minutes=9))
    assert await cloud.state(early) == "quoted"
    await cloud.let_pass(early, timedelta(minutes=2))
    found = await cloud.read(early)
    assert (found["state"], found["code"], found["actions"]) == ("expired", "quote_expired", [])
    assert await cloud.names(early) == ["restore.cancelled"]
    # Its time is over, and the clock has not come to it.
    async with cloud.restore.runtime.database.transaction() as session:
        ended = {"id": UUID(late), "at": f'"{(datetime.now(UTC) - timedelta(seconds=1)).isoformat()}"'}
        await session.execute(
            text("UPDATE cloud_restores SET quote = jsonb_set(quote, '{expires_at}', CAST(:at AS jsonb)) "
                 "WHERE restore_id = :id"), ended,
        )  # fmt: skip
    refused = await cloud.confirm(late)
    assert (refused.status_code, refused.json()["code"]) == (410, "quote_expired")
    assert await cloud.names(late) == []


@pytest.mark.parametrize(
    "change",
    [
        {"snapshot_id": str(uuid4())},
        {"backup_id": None},
        {"backup_id": "x"},
        {"plan": ""},
        {"plan": "p" * 101},
        {"region": None},
        {"instance_name": "n" * 255},
        {"price": 1},
    ],
    ids=lambda change: "-".join(f"{key}:{str(value)[:3]}" for key, value in change.items() if key != "snapshot_id"),
)
async def test_a_request_that_is_none_begins_nothing(cloud: Cloud, change: dict[str, Any]) -> None:
    answer = await cloud.ask(**change)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert cloud.orders.calls == []


async def test_one_snapshot_or_the_latest_of_a_backup_is_ordered(cloud: Cloud, catalog: CatalogDouble) -> None:
    answer = await cloud.ask(backup_id=None, snapshot_id=str(cloud.snapshot.snapshot_id))
    assert answer.json()["snapshot_id"] == str(cloud.snapshot.snapshot_id)
    asked = [body for path, body in catalog.calls if path.endswith("/snapshots")]
    assert [set(body) for body in asked] == [{"owner_id", "snapshot_id"}]
    pinned = [body for path, body in catalog.calls if path.endswith("/pins")]
    assert [body["snapshot_id"] for body in pinned] == [str(cloud.snapshot.snapshot_id)]


async def test_of_a_size_that_nobody_knows_nothing_is_said(
    cloud: Cloud, orders: OrderDouble, catalog: CatalogDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = cloud.snapshot.answer()
    monkeypatch.setattr(type(cloud.snapshot), "answer", lambda _: known | {"size_processed_bytes": None})
    orders.disk_bytes = 1
    answer = await cloud.ask()
    assert (answer.status_code, answer.json()["cloud"]["estimate_seconds"]) == (201, None)
    [(_, asked)] = [call for call in orders.calls if call[0] == QUOTES]
    assert (asked["restore_bytes"], asked["instance_name"]) == (0, NAME)


async def test_two_workers_claim_a_quote_once(cloud: Cloud, orders: OrderDouble) -> None:
    orders.down.add(QUOTES)
    restore_id = (await cloud.ask()).json()["restore_id"]
    database = cloud.restore.runtime.database
    soon = datetime.now(UTC) + timedelta(seconds=30)
    async with database.transaction() as first:
        assert await queries.claim_unquoted(first, soon, timedelta(seconds=20), 20) == [UUID(restore_id)]
        async with database.transaction() as second:
            assert await queries.claim_unquoted(second, soon, timedelta(seconds=20), 20) == []
    async with database.transaction() as third:
        assert await queries.claim_unquoted(third, soon, timedelta(seconds=20), 20) == []
