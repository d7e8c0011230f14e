"""Whoever waits for a restore to the cloud sees all that the one before did, in both of its rows."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from restore.domain.axes import Payment
from restore.domain.facts import Fact
from restore.domain.order import State
from restore.operations import saga
from tests.restore.cloud import Cloud


async def test_who_waits_for_the_lock_sees_both_rows_as_they_are_then(cloud: Cloud) -> None:
    restore_id = UUID((await cloud.to(State.AUTHORISING))[0])
    database = cloud.restore.runtime.database
    is_locked = asyncio.Event()

    async def hear_second() -> saga.Cloud:
        await is_locked.wait()
        async with database.transaction() as session:
            found = await saga.lock(session, restore_id)
            assert found is not None
            return found

    waiting = asyncio.create_task(hear_second())
    async with database.transaction() as session:
        first = await saga.lock(session, restore_id)
        assert first is not None
        is_locked.set()
        await _until_somebody_waits(cloud)
        await saga.heed(session, first, Fact.MONEY_HELD, datetime.now(UTC))
    second = await waiting
    assert (second.restore.state, second.rest.payment) == (State.PROVISIONING, Payment.HELD)
    assert second.restore.last_number == first.restore.last_number


async def test_a_move_writes_what_else_is_new_and_is_refused_when_another_was_faster(cloud: Cloud) -> None:
    restore_id = UUID((await cloud.to(State.AUTHORISING))[0])
    database, now = cloud.restore.runtime.database, datetime.now(UTC)
    async with database.transaction() as session:
        found = await saga.lock(session, restore_id)
        assert found is not None
        found.restore.heard_at = now
        await saga.heed(session, found, Fact.MONEY_HELD, now)
        shown = (found.restore.state, found.restore.heard_at, found.restore.last_number, found.restore.due_at)
    async with database.transaction() as session:
        found = await saga.lock(session, restore_id)
        assert found is not None
        kept = (found.restore.state, found.restore.heard_at, found.restore.last_number, found.restore.due_at)
        assert kept == shown
        assert kept[:2] == (State.PROVISIONING, now)
        await session.execute(text("UPDATE restores SET state = 'undoing' WHERE id = :id"), {"id": restore_id})
        with pytest.raises(RuntimeError, match="in spite of its lock"):
            await saga.heed(session, found, Fact.MACHINE_RUNNING, now)


async def _until_somebody_waits(cloud: Cloud) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(60):
        while True:
            async with cloud.restore.runtime.database.reading() as session:
                if await session.scalar(waiting):
                    return
            await asyncio.sleep(0.02)
