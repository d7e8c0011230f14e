"""What restoring clients report, and what becomes of it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.restore.conftest import OTHER_SECRET, SECRET, Client

LetPass = Callable[[str, timedelta], Awaitable[None]]
Outbox = Callable[[], Awaitable[list[str]]]


async def envelope(client: Client) -> str:
    async with client.restore.runtime.database.reading() as session:
        found: str = (await session.scalars(text("SELECT envelope FROM outbox"))).one()
    return found


async def test_a_restore_goes_from_restoring_over_verifying_to_completed(client: Client, outbox: Outbox) -> None:
    restore_id = await client.begin()
    assert (await client.report(restore_id, "restoring", bytes_restored=0, total_bytes=100)).status_code == 204
    assert (await client.read(restore_id))["state"] == "restoring"
    assert (await client.report(restore_id, "verifying", bytes_restored=100, files_restored=3)).status_code == 204
    assert (await client.read(restore_id))["state"] == "verifying"
    assert await outbox() == []
    assert (await client.report(restore_id, "completed", warnings=2)).status_code == 204
    restore = await client.read(restore_id)
    assert (restore["state"], restore["warnings"], restore["bytes_restored"]) == ("completed", 2, 100)
    assert restore["ended_at"] is not None
    assert restore["expires_at"] is None
    moves = [(entry["previous_state"], entry["state"]) for entry in await client.timeline(restore_id)
             if entry["kind"] == "moved"]  # fmt: skip
    assert moves == [
        (None, "ready"),
        ("ready", "redeemed"),
        ("redeemed", "restoring"),
        ("restoring", "verifying"),
        ("verifying", "completed"),
    ]
    assert await outbox() == ["restore.completed.v1"]
    published = await envelope(client)
    assert '"warnings":2' in published.replace(" ", "")
    assert '"bytes_restored":100' in published.replace(" ", "")


async def test_a_failure_says_why(client: Client, outbox: Outbox) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "restoring", bytes_restored=5)
    await client.report(restore_id, "failed", reason="the disk\x00 is full ")
    restore = await client.read(restore_id)
    assert (restore["state"], restore["reason"], restore["bytes_restored"]) == ("failed", "the disk  is full", 5)
    assert await outbox() == ["restore.failed.v1"]
    assert "the disk  is full" in await envelope(client)


@pytest.mark.parametrize("end", ["completed", "failed"])
async def test_a_repeated_or_late_report_changes_nothing(client: Client, outbox: Outbox, end: str) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "verifying", bytes_restored=100)
    late_before_end = await client.report(restore_id, "restoring", bytes_restored=50)
    assert late_before_end.status_code == 204
    assert (await client.read(restore_id))["bytes_restored"] == 100
    await client.report(restore_id, end, warnings=1)
    ended = await client.read(restore_id)
    entries = await client.timeline(restore_id)
    for state in (end, "restoring", "verifying"):
        assert (await client.report(restore_id, state, bytes_restored=1, warnings=9)).status_code == 204
    assert await client.read(restore_id) == ended
    assert await client.timeline(restore_id) == entries
    assert await outbox() == [f"restore.{end}.v1"]


async def test_a_failure_does_not_undo_a_completion(client: Client, outbox: Outbox) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "completed")
    assert (await client.report(restore_id, "failed", reason="too late")).status_code == 204
    assert (await client.read(restore_id))["state"] == "completed"
    assert await outbox() == ["restore.completed.v1"]


async def test_a_report_with_another_secret_finds_nothing(client: Client) -> None:
    restore_id = await client.begin()
    for secret in (OTHER_SECRET, "", SECRET[:-1], "\ud800"):
        answer = await client.report(restore_id, "completed", secret or "x")
        assert (answer.status_code, answer.json()["code"]) == (404, "restore_not_found")
    assert (await client.read(restore_id))["state"] == "redeemed"


async def test_a_report_before_the_ticket_is_redeemed_finds_nothing(client: Client) -> None:
    restore_id = (await client.issue())["restore_id"]
    assert (await client.report(restore_id, "completed")).status_code == 404
    assert (await client.read(restore_id))["state"] == "ready"


async def test_a_report_on_a_restore_that_never_was_finds_nothing(client: Client) -> None:
    assert (await client.report(str(uuid4()), "completed")).status_code == 404
    assert (await client.report("x", "completed")).status_code == 422


async def test_the_secret_of_one_restore_is_nothing_to_another(client: Client) -> None:
    mine = await client.begin()
    issued = await client.issue()
    await client.redeem(issued["ticket"], OTHER_SECRET)
    assert (await client.report(mine, "completed", OTHER_SECRET)).status_code == 404
    assert (await client.report(issued["restore_id"], "completed", SECRET)).status_code == 404


async def test_the_client_of_a_cancelled_restore_is_told_to_stop(client: Client) -> None:
    restore_id = await client.begin()
    await client.cancel(restore_id)
    for state in ("restoring", "completed", "failed"):
        answer = await client.report(restore_id, state)
        assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended")
        assert "cancelled by the owner" in answer.json()["detail"]
    assert (await client.read(restore_id))["state"] == "cancelled"


async def test_progress_is_recorded_no_faster_than_every_two_seconds(client: Client, let_pass: LetPass) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "restoring", bytes_restored=0)
    for number in range(5):
        await client.report(restore_id, "restoring", bytes_restored=number)
    assert (await client.read(restore_id))["bytes_restored"] == 0
    before = (await client.timeline(restore_id))[-1]
    assert before["kind"] == "moved"
    await let_pass(restore_id, timedelta(seconds=2))
    await client.report(restore_id, "restoring", bytes_restored=7, files_restored=1)
    await client.report(restore_id, "restoring", bytes_restored=8)
    after = (await client.timeline(restore_id))[-1]
    assert (after["kind"], after["bytes_restored"], after["files_restored"]) == ("progress", 7, 1)


async def test_successive_progress_is_one_entry_with_a_rising_number(client: Client, let_pass: LetPass) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "restoring", bytes_restored=0)
    entries = len(await client.timeline(restore_id))
    seen = []
    for number in range(1, 5):
        await let_pass(restore_id, timedelta(seconds=2))
        await client.report(restore_id, "restoring", bytes_restored=number)
        timeline = await client.timeline(restore_id)
        assert len(timeline) == entries + 1
        seen.append((timeline[-1]["number"], timeline[-1]["bytes_restored"]))
    assert seen == [(entries + number, number) for number in range(1, 5)]
    await client.report(restore_id, "verifying")
    assert [entry["kind"] for entry in await client.timeline(restore_id)][-2:] == ["progress", "moved"]


async def test_progress_puts_the_deadline_off(client: Client, let_pass: LetPass) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "restoring")
    await let_pass(restore_id, timedelta(days=6))
    before = (await client.read(restore_id))["expires_at"]
    await client.report(restore_id, "restoring", bytes_restored=1)
    assert (await client.read(restore_id))["expires_at"] > before


@pytest.mark.parametrize(
    "said",
    [
        {"bytes_restored": -1},
        {"bytes_restored": 2**63},
        {"warnings": 1.5},
        {"reason": "x" * 501},
        {"percent": 3},
    ],
)
async def test_a_report_that_cannot_be_is_refused(client: Client, said: dict[str, Any]) -> None:
    restore_id = await client.begin()
    answer = await client.report(restore_id, "restoring", **said)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


@pytest.mark.parametrize("state", ["ready", "redeemed", "cancelled", "expired", "done"])
async def test_a_client_cannot_report_what_is_not_its_to_say(client: Client, state: str) -> None:
    restore_id = await client.begin()
    assert (await client.report(restore_id, state)).status_code == 422
