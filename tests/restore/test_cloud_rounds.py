"""An agent that offers keys without end is slowed down, and is not turned away."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from restore.domain.order import State
from restore.operations.passwords import MANY_ROUNDS, NOW_AND_THEN
from tests.restore.cloud import Cloud, new_key


async def test_of_very_many_keys_one_a_minute_is_taken(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.AWAITING_PASSWORD)
    assert agent is not None
    async with cloud.restore.runtime.database.transaction() as session:
        many = text("UPDATE cloud_restores SET round = :many WHERE restore_id = :id")
        await session.execute(many, {"many": MANY_ROUNDS - 1, "id": UUID(restore_id)})
    key = new_key()
    assert await agent.offer(key) == MANY_ROUNDS
    before = await cloud.timeline(restore_id)
    refused = await agent.call("POST", "rounds", {"public_key": new_key()})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_soon")
    assert refused.headers["retry-after"] == "60"
    assert await cloud.timeline(restore_id) == before
    # The key that it has is still good.
    assert await agent.offer(key) == MANY_ROUNDS
    await cloud.let_pass(restore_id, NOW_AND_THEN)
    assert await agent.offer() == MANY_ROUNDS + 1
    assert (await cloud.send(restore_id, MANY_ROUNDS + 1)).status_code == 200
    assert (await agent.report(MANY_ROUNDS + 1, "restoring")).status_code == 204
    # Also one that was restarted again and again.
    assert (await agent.call("POST", "rounds", {"public_key": new_key()})).status_code == 429
    await cloud.let_pass(restore_id, timedelta(minutes=2))
    assert await agent.offer() == MANY_ROUNDS + 2
    assert await cloud.state(restore_id) == "awaiting_password"
