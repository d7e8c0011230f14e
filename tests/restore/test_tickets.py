"""Issuing and redeeming tickets over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.restore.conftest import OTHER_SECRET, Client
from tests.support.catalog_double import CA, REPOSITORY_URL, CatalogDouble, Snapshot
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

LetPass = Callable[[str, timedelta], Awaitable[None]]
Outbox = Callable[[], Awaitable[list[str]]]


async def test_a_ticket_comes_with_its_command_a_guide_and_the_plain_way(client: Client, snapshot: Snapshot) -> None:
    issued = await client.issue()
    command = f"space restore --ticket {issued['ticket']} --origin http://space.test"
    assert issued["command"] == command
    assert [step["command"] for step in issued["guide"] if step["command"]] == [command]
    assert issued["snapshot"]["backup_name"] == "photos"
    assert issued["snapshot"]["snapshot_id"] == str(snapshot.snapshot_id)
    left = datetime.fromisoformat(issued["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    plain = str(issued["plain_restic"])
    assert "AWS_SESSION_TOKEN" in plain
    assert snapshot.restic_id in plain
    assert issued["ticket"] not in plain
    restore = await client.read(issued["restore_id"])
    assert (restore["state"], restore["target"], restore["redeemed_at"]) == ("ready", "local", None)
    assert restore["expires_at"] == issued["expires_at"]


async def test_the_guide_ends_with_the_backup_url_where_there_is_one(client: Client, snapshot: Snapshot) -> None:
    assert (await client.issue())["backup_url"] is None
    snapshot.backup_url = "aHR0cHM6Ly9zMy5zcGFjZS5hbWF6b25hd3MuY29tL2I="
    issued = await client.issue()
    assert issued["backup_url"] == snapshot.backup_url
    last = issued["guide"][-1]
    assert last["command"] == snapshot.backup_url
    assert "Settings > Restore" in last["text"]
    assert [step["command"] for step in issued["guide"] if step["command"]] == [issued["command"], snapshot.backup_url]
    assert issued["ticket"] not in str(last)


async def test_a_backup_stands_for_its_latest_snapshot(
    restore: Running, headers: dict[str, str], snapshot: Snapshot, catalog: CatalogDouble
) -> None:
    answer = await restore.api.post("/api/v1/tickets", json={"backup_id": str(snapshot.backup_id)}, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["snapshot"]["snapshot_id"] == str(snapshot.snapshot_id)
    assert catalog.calls == [
        ("/internal/restores/snapshots", {"owner_id": str(snapshot.owner_id), "backup_id": str(snapshot.backup_id)})
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"backup_id": str(uuid4()), "snapshot_id": str(uuid4())},
        {"backup_id": "x"},
        {"backup_id": str(uuid4()), "a": 1},
    ],
)
async def test_a_request_that_is_not_clear_is_refused(
    restore: Running, headers: dict[str, str], body: dict[str, object]
) -> None:
    answer = await restore.api.post("/api/v1/tickets", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_a_repeated_request_with_its_key_makes_one_restore_and_asks_catalog_once(
    restore: Running, headers: dict[str, str], snapshot: Snapshot, catalog: CatalogDouble
) -> None:
    keyed = headers | {"Idempotency-Key": str(uuid4())}
    body = {"snapshot_id": str(snapshot.snapshot_id)}
    first = await restore.api.post("/api/v1/tickets", json=body, headers=keyed)
    catalog.refuse(409, "backup_deleted")
    second = await restore.api.post("/api/v1/tickets", json=body, headers=keyed)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["cache-control"] == "no-store"
    assert len(catalog.calls) == 1
    listed = await restore.api.get("/api/v1/restores", headers=headers)
    assert len(listed.json()["items"]) == 1
    other = await restore.api.post("/api/v1/tickets", json={"snapshot_id": str(uuid4())}, headers=keyed)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "snapshot_not_found"),
        (404, "backup_not_found"),
        (409, "snapshot_not_restorable"),
        (409, "repository_missing"),
        (409, "backup_deleted"),
    ],
)
async def test_what_catalog_refuses_the_owner_reads(
    restore: Running, headers: dict[str, str], catalog: CatalogDouble, status: int, code: str
) -> None:
    catalog.refuse(status, code)
    answer = await restore.api.post("/api/v1/tickets", json={"backup_id": str(uuid4())}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"] == f"catalog says {code}"
    assert (await restore.api.get("/api/v1/restores", headers=headers)).json()["items"] == []


async def test_another_owners_snapshot_is_not_found(restore: Running, issuer: TokenIssuer, snapshot: Snapshot) -> None:
    answer = await restore.api.post(
        "/api/v1/tickets", json={"snapshot_id": str(snapshot.snapshot_id)}, headers=issuer.headers(Owner())
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "snapshot_not_found")


async def test_a_redeemed_ticket_gives_keys_of_one_repository_and_its_key_files(
    client: Client, snapshot: Snapshot, catalog: CatalogDouble
) -> None:
    issued = await client.issue()
    answer = await client.redeem(issued["ticket"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["restore_id"] == issued["restore_id"]
    assert body["backup_name"] == "photos"
    assert body["snapshot"]["restic_id"] == snapshot.restic_id
    assert (body["repository_url"], body["ca_certificate"]) == (REPOSITORY_URL, CA)
    assert (body["access_key_id"], body["secret_access_key"]) == ("KEY1", "secret-access-key-1")
    assert body["session_token"] == "session-token-1"
    assert body["key_files"][0]["name"] == "ab" * 32
    assert catalog.calls[-1] == (
        "/internal/restores/keys",
        {
            "owner_id": str(snapshot.owner_id),
            "restore_id": issued["restore_id"],
            "snapshot_id": str(snapshot.snapshot_id),
        },
    )
    restore = await client.read(issued["restore_id"])
    assert restore["state"] == "redeemed"
    assert restore["redeemed_at"] is not None
    assert [entry["kind"] for entry in await client.timeline(issued["restore_id"])] == ["moved", "moved", "keys_issued"]


async def test_a_ticket_used_by_somebody_else_is_spent(client: Client, catalog: CatalogDouble) -> None:
    issued = await client.issue()
    assert (await client.redeem(issued["ticket"])).status_code == 200
    other = await client.redeem(issued["ticket"], OTHER_SECRET)
    assert (other.status_code, other.json()["code"]) == (410, "ticket_spent")
    assert len(catalog.keys) == 1


async def test_the_same_secret_gets_fresh_keys_for_24_hours_after_its_last_word(
    client: Client, let_pass: LetPass
) -> None:
    issued = await client.issue()
    assert (await client.redeem(issued["ticket"])).json()["access_key_id"] == "KEY1"
    await let_pass(issued["restore_id"], timedelta(hours=23, minutes=59))
    assert (await client.redeem(issued["ticket"])).json()["access_key_id"] == "KEY2"
    await let_pass(issued["restore_id"], timedelta(hours=23, minutes=59))
    assert (await client.report(issued["restore_id"], "restoring")).status_code == 204
    await let_pass(issued["restore_id"], timedelta(hours=23, minutes=59))
    assert (await client.redeem(issued["ticket"])).json()["access_key_id"] == "KEY3"
    await let_pass(issued["restore_id"], timedelta(hours=24))
    late = await client.redeem(issued["ticket"])
    assert (late.status_code, late.json()["code"]) == (410, "ticket_expired")


async def test_a_ticket_not_used_within_an_hour_is_expired(client: Client, let_pass: LetPass) -> None:
    issued = await client.issue()
    await let_pass(issued["restore_id"], timedelta(hours=1))
    late = await client.redeem(issued["ticket"])
    assert (late.status_code, late.json()["code"]) == (410, "ticket_expired")


@pytest.mark.parametrize("ticket", ["srt_" + "A" * 43, "x", "srt_ with spaces", "ü" * 100])
async def test_a_forged_ticket_is_unknown(client: Client, ticket: str, catalog: CatalogDouble) -> None:
    answer = await client.redeem(ticket)
    assert (answer.status_code, answer.json()["code"]) == (404, "ticket_unknown")
    assert catalog.calls == []


@pytest.mark.parametrize(
    "body",
    [
        {"ticket": "", "redeemer_secret": "s" * 40},
        {"ticket": "t" * 201, "redeemer_secret": "s" * 40},
        {"ticket": "srt_x", "redeemer_secret": "short"},
        {"ticket": "srt_x", "redeemer_secret": "s" * 201},
        {"ticket": "srt_x", "redeemer_secret": "s" * 40, "more": 1},
        {"ticket": "srt_x"},
    ],
)
async def test_a_request_to_redeem_that_is_not_valid_does_not_come_back_in_the_answer(
    restore: Running, body: dict[str, object]
) -> None:
    answer = await restore.api.post("/api/v1/tickets/redeem", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert "short" not in answer.text.replace("too_short", "")
    assert "srt_x" not in answer.text


async def test_half_a_surrogate_pair_is_no_fault(restore: Running) -> None:
    body = b'{"ticket": "srt_x\\ud800", "redeemer_secret": "\\ud800' + b"s" * 40 + b'"}'
    answer = await restore.api.post(
        "/api/v1/tickets/redeem", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "ticket_unknown")


async def test_a_cancelled_restores_ticket_is_over(client: Client) -> None:
    issued = await client.issue()
    assert (await client.cancel(issued["restore_id"])).status_code == 200
    answer = await client.redeem(issued["ticket"])
    assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended")


async def test_a_completed_restores_ticket_is_spent(client: Client) -> None:
    issued = await client.issue()
    await client.redeem(issued["ticket"])
    await client.report(issued["restore_id"], "completed")
    answer = await client.redeem(issued["ticket"])
    assert (answer.status_code, answer.json()["code"]) == (410, "ticket_spent")


async def test_a_failed_restore_goes_on_with_the_same_secret(client: Client) -> None:
    issued = await client.issue()
    await client.redeem(issued["ticket"])
    await client.report(issued["restore_id"], "failed", reason="the disk is full")
    again = await client.redeem(issued["ticket"])
    assert again.json()["access_key_id"] == "KEY2"
    restore = await client.read(issued["restore_id"])
    assert (restore["state"], restore["reason"], restore["ended_at"]) == ("redeemed", None, None)


async def test_a_ticket_of_a_deleted_backup_is_gone(client: Client, catalog: CatalogDouble) -> None:
    issued = await client.issue()
    catalog.refuse(409, "backup_deleted")
    answer = await client.redeem(issued["ticket"])
    assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended")
    assert answer.json()["detail"] == "catalog says backup_deleted"


@pytest.mark.parametrize("settings", [{"redeem_attempts_per_minute": 3}], indirect=True)
async def test_attempts_from_one_address_are_limited_and_counted_when_they_fail(client: Client) -> None:
    issued = await client.issue()
    for _ in range(3):
        assert (await client.redeem("srt_forged")).status_code == 404
    refused = await client.redeem(issued["ticket"])
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    async with client.restore.runtime.database.transaction() as session:
        await session.execute(text("UPDATE redeem_attempts SET since = since - interval '60 seconds'"))
    assert (await client.redeem(issued["ticket"])).status_code == 200


async def test_a_key_made_while_the_restore_was_being_cancelled_is_not_given_out_and_ends(
    client: Client, catalog: CatalogDouble, outbox: Outbox
) -> None:
    """Forced: the cancellation commits while catalog is answering."""
    issued = await client.issue()
    loop = asyncio.get_running_loop()
    cancelled: list[int] = []

    def cancel() -> None:
        answer = asyncio.run_coroutine_threadsafe(client.cancel(issued["restore_id"]), loop).result(5)
        cancelled.append(answer.status_code)

    catalog.before_answer = cancel
    answer = await client.redeem(issued["ticket"])
    assert cancelled == [200]
    assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended")
    assert "secret-access-key" not in answer.text
    assert await outbox() == ["restore.cancelled.v1", "restore.cancelled.v1"]
