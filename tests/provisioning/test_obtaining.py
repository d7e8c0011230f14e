"""From the wish for an instance to its one machine, whatever the provider says on the way."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from provisioning.domain.lifecycle import QUEUED
from provisioning.operations import wanting, work
from tests.provisioning.support import World


async def test_a_wanted_instance_gets_its_machine_and_says_so(world: World) -> None:
    instance_id = await world.want()
    await world.work_on()

    instance = await world.instance(instance_id)
    (machine,) = world.cloud.of(instance_id)
    assert (instance.status, instance.machine, instance.address) == ("pending", machine.reference, machine.address)
    assert await world.history(instance_id) == ["queuing", "fetching", "pending"]
    assert await world.told_names(instance_id) == ["requested", "running"]
    assert world.cloud.calls.count("create") == 1
    told = world.cloud.wanted[instance_id].agent
    assert told["instance_id"] == str(instance_id)
    assert told["restore_id"] == str(instance.restore_id)


async def test_hearing_a_wish_again_changes_nothing(world: World) -> None:
    wanted = world.wanted()
    for _ in range(3):
        await world.want(wanted)
        await world.work_on(2)
    assert world.cloud.made[wanted.instance_id] == 1
    assert await world.told_names(wanted.instance_id) == ["requested", "running"]


async def test_a_lost_answer_is_looked_for_and_never_asked_for_again(world: World) -> None:
    world.cloud.script.append("create done_unanswered")
    instance_id = await world.want()
    await world.work_on()
    assert await world.status(instance_id) == "pending"
    assert world.cloud.calls.count("create") == 1
    assert world.cloud.made[instance_id] == 1


async def test_a_call_that_made_nothing_is_repeated_only_when_that_is_proven(world: World) -> None:
    world.cloud.settle = timedelta(minutes=3)
    world.cloud.script.append("create unanswered")
    instance_id = await world.want()
    await world.work_on(20)
    assert await world.status(instance_id) == "fetching"
    assert world.cloud.calls.count("create") == 1

    world.now += timedelta(minutes=5)
    await world.work_on(5)
    assert await world.status(instance_id) == "pending"
    assert world.cloud.calls.count("create") == 2


async def test_without_capacity_it_waits_and_tries_again_and_gives_up_in_time(world: World) -> None:
    world.cloud.script.extend(["create out_of_capacity"] * 50)
    instance_id = await world.want()
    await world.work_on(5)
    instance = await world.instance(instance_id)
    assert (instance.status, instance.code) == ("queuing", "out_of_capacity")
    before = len(world.cloud.calls)

    world.now += QUEUED
    await world.work_on(3)
    instance = await world.instance(instance_id)
    assert (instance.status, instance.code) == ("canceled", "out_of_capacity")
    assert 1 < before < 10
    assert await world.told_names(instance_id) == ["requested", "failed"]


async def test_capacity_that_comes_back_is_used(world: World) -> None:
    world.cloud.script.extend(["create out_of_capacity", "create credentials_refused"])
    instance_id = await world.want()
    await world.work_on(10)
    assert await world.status(instance_id) == "pending"
    assert world.cloud.made[instance_id] == 1


async def test_a_refused_order_ends_at_once_and_frees_the_name(world: World) -> None:
    world.cloud.script.append("create refused")
    instance_id = await world.want()
    await world.work_on(2)
    instance = await world.instance(instance_id)
    assert (instance.status, instance.code) == ("canceled", "provider_refused")
    assert await world.told_names(instance_id) == ["requested", "failed"]
    assert await world.status(await world.want()) == "queuing"


async def test_an_unknown_plan_fails_by_event(world: World) -> None:
    instance_id = await world.want(plan="enormous")
    await world.work_on(2)
    assert (await world.instance(instance_id)).code == "offer_unknown"
    assert await world.told_names(instance_id) == ["requested", "failed"]
    assert world.cloud.calls == []


@pytest.mark.parametrize("name", ["alice", "alice@", "@olares.com", "al ice@olares.com", "älice@olares.com"])
async def test_a_name_that_is_none_fails_by_event(world: World, name: str) -> None:
    instance_id = await world.want(instance_name=name)
    assert (await world.instance(instance_id)).code == "instance_name_invalid"
    assert await world.told_names(instance_id) == ["failed"]


async def test_a_name_in_use_fails_by_event_and_says_whose_it_is(world: World) -> None:
    first = await world.want()
    second = await world.want(instance_name="ALICE@olares.com")
    instance = await world.instance(second)
    assert (instance.status, instance.code) == ("canceled", "name_in_use")
    assert str(first) in (instance.reason or "")
    assert await world.told_names(second) == ["failed"]


async def test_the_provider_that_says_nothing_for_long_calls_an_operator(world: World) -> None:
    world.cloud.script.append("create done_unanswered")
    world.cloud.script.extend(["find unanswered"] * 200)
    instance_id = await world.want()
    await world.work_on(20)
    assert (await world.instance(instance_id)).stuck_at is None
    world.now += timedelta(hours=2)
    await world.work_on(2)
    instance = await world.instance(instance_id)
    assert instance.stuck_at is not None
    assert world.cloud.calls.count("create") == 1

    world.cloud.script.clear()
    world.now += timedelta(minutes=5)
    await world.work_on(2)
    instance = await world.instance(instance_id)
    assert (instance.status, instance.stuck_at) == ("pending", None)
    assert world.cloud.made[instance_id] == 1


async def test_a_turn_that_slept_through_its_deadline_asks_for_nothing(world: World) -> None:
    instance_id = await world.want()
    times = iter([world.now, world.now, world.now + timedelta(hours=1)])
    await work.work_due(replace(world.shop, clock=lambda: next(times, world.now)))
    assert world.cloud.calls == []
    assert await world.status(instance_id) == "fetching"


async def test_the_same_wish_at_once_is_one_wish(world: World) -> None:
    wanted = world.wanted()
    async with world.database.transaction() as first:
        await wanting.want(first, wanted, world.now)
        contender = asyncio.create_task(world.want(wanted))
        await asyncio.sleep(0.1)
    await contender
    assert await world.status(wanted.instance_id) == "queuing"
    assert await world.told_names(wanted.instance_id) == ["requested"]


async def test_a_call_that_begins_late_ends_by_the_time_that_was_written_down(world: World) -> None:
    """What follows counts on that: by then, and the driver's settling time, a machine is listed or never comes."""
    instance_id = await world.want()
    seconds = world.shop.settings.driver_deadline_seconds
    times = iter([world.now, world.now, world.now + timedelta(seconds=seconds - 0.2)])
    world.cloud.delay_seconds = 0.4
    await work.work_due(replace(world.shop, clock=lambda: next(times, world.now)))
    assert world.cloud.machines == {}
    assert await world.status(instance_id) == "fetching"


async def test_a_name_that_no_database_holds_fails_by_event(world: World) -> None:
    for name in ("al\0ice@olares.com", "a" * 100_000):
        instance_id = await world.want(instance_name=name)
        assert (await world.instance(instance_id)).code == "instance_name_invalid"
        assert await world.told_names(instance_id) == ["failed"]


async def test_what_a_provider_says_of_us_is_for_its_operator(world: World) -> None:
    world.cloud.script.append("create refused")
    instance_id = await world.want()
    await world.work_on(2)
    instance = await world.instance(instance_id)
    assert "script" not in (instance.reason or "")
    assert "script" in (instance.trouble or "")
