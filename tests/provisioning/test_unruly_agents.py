"""Agents that are not to be trusted: what they say of the time, and how often they change it, is half believed."""

from datetime import UTC, datetime, timedelta

from provisioning.domain.lifecycle import Status
from provisioning.operations import agents
from tests.provisioning.test_heartbeats import MEASURED, SECOND, heartbeat, take
from tests.support.instances import change, put_agent, row_of, told
from tests.support.running import Running


async def test_an_agent_whose_clock_stands_still_is_billed_as_others_are(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    began, now = datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC)
    await change(provisioning, agent.instance_id, created_at=now - timedelta(hours=1))
    for number in range(1, 4):
        await take(provisioning, agent.instance_id, heartbeat(number, began), now + (number - 1) * timedelta(minutes=6))
    assert len(await told(provisioning, MEASURED)) == 3


async def test_an_agent_that_changes_its_mind_without_end_fills_no_database(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.INSTALLING)
    now = datetime.now(UTC)
    phases = (Status.RESTORING, Status.INSTALLING)
    await change(provisioning, agent.instance_id, last_number=agents.MANY_MOVES)
    for number in range(1, 100):
        said = heartbeat(number, now, phase=phases[number % 2])
        await take(provisioning, agent.instance_id, said, now + number * SECOND)
    row = await row_of(provisioning, agent.instance_id)
    assert row.last_number <= agents.MANY_MOVES + 3
    await take(provisioning, agent.instance_id, heartbeat(100, now, phase=Status.RUNNING), now + timedelta(minutes=5))
    assert (await row_of(provisioning, agent.instance_id)).status == "running"
