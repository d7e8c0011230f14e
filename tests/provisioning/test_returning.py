"""Instances end: whenever that is asked for, nothing of them is left, and it is told exactly once."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from provisioning import errors
from provisioning.models import Instance
from provisioning.operations import returning, wanting
from provisioning.ports import MachineState
from provisioning.queries import instances as queries
from shared.events.provisioning import InstanceReturned, InstanceUsageMeasured
from shared.events.restore import InstanceUnwanted
from tests.provisioning.support import World


async def running(world: World) -> Instance:
    instance_id = await world.want()
    await world.work_on(3)
    return await world.instance(instance_id)


async def give_back(world: World, instance_id: object) -> None:
    async with world.database.transaction() as session:
        await returning.return_instance(session, world.owner_id, instance_id, world.now)  # type: ignore[arg-type]


async def test_a_returned_instance_is_gone_and_its_name_is_free(world: World) -> None:
    instance = await running(world)
    await give_back(world, instance.id)
    assert await world.status(instance.id) == "destroying"
    await world.work_on(3)
    assert await world.status(instance.id) == "destroyed"
    assert world.cloud.machines == {}
    assert await world.told_names(instance.id) == ["requested", "running", "returned"]
    again = await world.want()
    await world.work_on(3)
    assert await world.status(again) == "pending"


async def test_the_name_is_kept_until_the_provider_lets_go(world: World) -> None:
    world.cloud.lingers = True
    instance = await running(world)
    await give_back(world, instance.id)
    await world.work_on(5)
    assert await world.status(instance.id) == "destroying"
    refused = await world.instance(await world.want())
    assert (refused.status, refused.code) == ("canceled", "name_in_use")
    assert "Wait until it is gone" in (refused.reason or "")

    world.cloud.let_go()
    world.now += timedelta(minutes=3)
    await world.work_on(2)
    assert await world.status(instance.id) == "destroyed"
    assert world.cloud.calls.count("destroy") == 1


async def test_unwanted_in_the_queue_it_ends_at_once(world: World) -> None:
    instance_id = await world.want()
    await world.unwant(instance_id)
    await world.work_on(3)
    assert await world.status(instance_id) == "canceled"
    assert await world.told_names(instance_id) == ["requested", "returned"]
    assert world.cloud.calls == []


async def test_unwanted_before_it_is_wanted_it_is_never_made(world: World) -> None:
    wanted = world.wanted()
    await world.unwant(wanted.instance_id)
    await world.unwant(wanted.instance_id)
    await world.want(wanted)
    await world.work_on(3)
    assert await world.told_names(wanted.instance_id) == ["returned"]
    assert world.cloud.calls == []


async def test_unwanted_while_the_call_is_unknown_its_machine_is_found_and_ended(world: World) -> None:
    world.cloud.settle = timedelta(minutes=3)
    world.cloud.script.extend(["create done_unanswered"])
    instance_id = await world.want()
    await world.work()
    await world.unwant(instance_id)
    assert await world.status(instance_id) == "destroying"
    await world.work_on(3)
    assert world.cloud.machines == {}
    # A machine might still come of the call: until that is out of the question the instance is not over.
    assert await world.status(instance_id) == "destroying"
    world.now += timedelta(minutes=5)
    await world.work_on(2)
    assert await world.status(instance_id) == "destroyed"
    assert await world.told_names(instance_id) == ["requested", "returned"]
    assert world.cloud.calls.count("create") == 1


async def test_a_machine_that_comes_late_into_a_returned_instance_is_ended(world: World) -> None:
    world.cloud.settle = timedelta(minutes=3)
    world.cloud.script.append("create unanswered")
    instance_id = await world.want()
    await world.work()
    await world.unwant(instance_id)
    await world.work()
    world.cloud.plant(instance_id)
    world.now += timedelta(minutes=5)
    await world.work_on(5)
    assert world.cloud.machines == {}
    assert await world.status(instance_id) == "destroyed"


async def test_only_its_owner_may_call_it_off(world: World) -> None:
    instance = await running(world)
    await world.unwant(instance.id, owner_id=uuid4())
    await world.work_on(3)
    assert await world.status(instance.id) == "pending"
    assert len(world.cloud.of(instance.id)) == 1


async def test_a_provider_that_does_not_answer_is_asked_until_it_does(world: World) -> None:
    instance = await running(world)
    await give_back(world, instance.id)
    world.cloud.script.extend(["find unanswered"])
    world.cloud.script.extend(["destroy done_unanswered", "find unanswered", "find unanswered"])
    await world.work_on(20)
    assert await world.status(instance.id) == "destroyed"
    assert await world.told_names(instance.id) == ["requested", "running", "returned"]


async def test_an_unfinished_machine_is_ended_too(world: World) -> None:
    world.cloud.boots = False
    instance = await running(world)
    assert world.cloud.of(instance.id)[0].state is MachineState.PENDING
    await give_back(world, instance.id)
    await world.work_on(3)
    assert (await world.status(instance.id), world.cloud.machines) == ("destroyed", {})


@pytest.mark.parametrize("times", [2, 3])
async def test_asked_again_while_it_ends_nothing_changes(world: World, times: int) -> None:
    instance = await running(world)
    for _ in range(times):
        await give_back(world, instance.id)
        await world.unwant(instance.id)
    await world.work_on(3)
    assert await world.told_names(instance.id) == ["requested", "running", "returned"]
    assert world.cloud.destroyed[instance.id] == 1


async def test_wanted_and_unwanted_at_once_leave_nothing_that_nobody_ends(world: World) -> None:
    """Neither sees what the other has not committed yet, so one has to wait for the other."""
    wanted = world.wanted()
    unwanted = InstanceUnwanted(owner_id=world.owner_id, instance_id=wanted.instance_id, reason="Called off.")
    async with world.database.transaction() as first:
        await wanting.want(first, wanted, world.now)

        async def unwant() -> None:
            async with world.database.transaction() as second:
                await wanting.unwant(second, unwanted, world.now)

        contender = asyncio.create_task(unwant())
        await asyncio.sleep(0.1)
        assert not contender.done()
    await contender
    assert await world.status(wanted.instance_id) == "canceled"
    assert await world.told_names(wanted.instance_id) == ["requested", "returned"]


async def test_unwanted_by_another_owner_nothing_is_said_of_a_live_instance(world: World) -> None:
    instance = await running(world)
    await world.unwant(instance.id, owner_id=uuid4())
    assert await world.told_names(instance.id) == ["requested", "running"]


async def causes(world: World, instance_id: UUID) -> list[str | None]:
    """Why it was returned, in each event that says that it was."""
    return [event.cause for event in await world.told(instance_id) if isinstance(event, InstanceReturned)]


@pytest.mark.parametrize(
    ("ends", "cause"),
    [
        (["owner"], "owner"),
        (["unwanted"], "unwanted"),
        (["owner", "unwanted"], "owner"),
        (["unwanted", "owner"], "unwanted"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("life", ["queued", "running"])
async def test_the_first_who_ends_it_is_told_as_the_cause(world: World, life: str, ends: list[str], cause: str) -> None:
    instance_id = await world.want() if life == "queued" else (await running(world)).id
    for end in ends:
        if end == "owner":
            with suppress(errors.InstanceOver):
                await give_back(world, instance_id)
        else:
            await world.unwant(instance_id)
    await world.work_on(3)
    assert await causes(world, instance_id) == [cause]


async def test_what_is_called_off_before_it_was_heard_of_is_returned_as_unwanted(world: World) -> None:
    wanted = world.wanted()
    await world.unwant(wanted.instance_id)
    assert await causes(world, wanted.instance_id) == ["unwanted"]


async def test_of_a_return_that_began_before_causes_were_kept_none_is_told(world: World) -> None:
    instance = await running(world)
    await give_back(world, instance.id)
    async with world.database.transaction() as session:
        begun = await queries.lock(session, instance.id)
        assert begun is not None
        begun.cause = None
    await world.work_on(3)
    assert await causes(world, instance.id) == [None]


async def test_the_counters_of_before_are_told_at_the_end_though_the_agent_finished_nothing(world: World) -> None:
    instance = await running(world)
    async with world.database.transaction() as session:
        heard = await queries.lock(session, instance.id)
        assert heard is not None
        heard.measured_at, heard.published_at = world.now, world.now - timedelta(minutes=4)
        heard.traffic_bytes = 4711
    await give_back(world, instance.id)
    await world.work_on(3)
    usage, returned = (await world.told(instance.id))[-2:]
    assert isinstance(usage, InstanceUsageMeasured)
    assert isinstance(returned, InstanceReturned)
    assert usage.traffic_bytes == 4711
    assert usage.measured_at < returned.returned_at
