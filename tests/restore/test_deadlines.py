"""What time does to restores."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from restore import jobs
from tests.restore.conftest import Client

LetPass = Callable[[str, timedelta], Awaitable[None]]
Outbox = Callable[[], Awaitable[list[str]]]


async def tick(client: Client) -> int:
    return await jobs.expire_restores(client.restore.runtime, datetime.now(UTC))


async def test_a_ticket_that_nobody_redeemed_ends_its_restore(
    client: Client, let_pass: LetPass, outbox: Outbox
) -> None:
    issued = await client.issue()
    assert await tick(client) == 0
    await let_pass(issued["restore_id"], timedelta(hours=1))
    assert await tick(client) == 1
    assert await tick(client) == 0
    restore = await client.read(issued["restore_id"])
    assert (restore["state"], restore["reason"]) == ("expired", "the ticket was not used in time")
    assert await outbox() == ["restore.cancelled.v1"]
    late = await client.redeem(issued["ticket"])
    assert (late.status_code, late.json()["code"]) == (410, "ticket_expired")


async def test_a_restore_that_was_silent_for_seven_days_is_over(
    client: Client, let_pass: LetPass, outbox: Outbox
) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "restoring")
    await let_pass(restore_id, timedelta(days=6, hours=23))
    assert await tick(client) == 0
    await let_pass(restore_id, timedelta(hours=1))
    assert await tick(client) == 1
    assert (await client.read(restore_id))["state"] == "expired"
    assert await outbox() == ["restore.cancelled.v1"]
    answer = await client.report(restore_id, "completed")
    assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended")


async def test_a_failed_restore_stays_failed(client: Client, let_pass: LetPass) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "failed")
    await let_pass(restore_id, timedelta(days=100))
    assert await tick(client) == 0
    assert (await client.read(restore_id))["state"] == "failed"


async def test_addresses_are_forgotten(client: Client) -> None:
    await client.redeem("srt_forged")
    database = client.restore.runtime.database
    await jobs.forget_attempts(client.restore.runtime, datetime.now(UTC))
    async with database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM redeem_attempts")) == 1
    await jobs.forget_attempts(client.restore.runtime, datetime.now(UTC) + timedelta(minutes=1))
    async with database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM redeem_attempts")) == 0
