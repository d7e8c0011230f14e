"""Every machine that exists has an instance, and every instance its machine; what has not is put right."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select

from provisioning.domain.inventory import LOST_AFTER
from provisioning.models import Orphan
from provisioning.ports import MachineState
from tests.provisioning.support import World


async def orphans(world: World) -> list[tuple[str, str]]:
    async with world.database.reading() as session:
        return [(row.reference, row.state) for row in await session.scalars(select(Orphan))]


async def made(world: World) -> object:
    instance_id = await world.want()
    await world.work_on(3)
    return instance_id


async def test_where_all_is_well_nothing_happens(world: World) -> None:
    await made(world)
    assert await world.sweep() == 0
    assert await orphans(world) == []
    assert "destroy" not in world.cloud.calls


async def test_a_machine_of_no_instance_is_kept_a_day_for_an_operator_and_then_returned(world: World) -> None:
    stray = world.cloud.plant(uuid4())
    assert await world.sweep() == 1
    assert await world.sweep() == 0
    assert await orphans(world) == [(stray.reference, "found")]
    world.now += timedelta(hours=23)
    await world.sweep()
    assert stray.reference in world.cloud.machines

    world.now += timedelta(hours=2)
    await world.sweep()
    assert world.cloud.machines == {}
    assert await orphans(world) == [(stray.reference, "returned")]


async def test_a_machine_of_an_ended_instance_is_returned_at_once(world: World) -> None:
    instance_id = await world.want()
    await world.unwant(instance_id)
    world.now += timedelta(minutes=1)
    late = world.cloud.plant(instance_id)
    assert await world.sweep() == 1
    assert world.cloud.machines == {}
    assert await orphans(world) == [(late.reference, "returned")]


async def test_a_second_machine_of_an_instance_is_returned_and_the_first_stays(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    own = (await world.instance(instance_id)).machine
    second = world.cloud.plant(instance_id)
    await world.sweep()
    assert [machine.reference for machine in world.cloud.of(instance_id)] == [own]
    assert await orphans(world) == [(second.reference, "returned")]


async def test_a_machine_that_is_missing_counts_as_gone_only_after_a_while(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    (machine,) = world.cloud.of(instance_id)
    del world.cloud.machines[machine.reference]
    await world.sweep()
    world.now += LOST_AFTER - timedelta(seconds=1)
    await world.sweep()
    assert await world.status(instance_id) == "pending"

    world.cloud.machines[machine.reference] = machine
    await world.sweep()
    del world.cloud.machines[machine.reference]
    await world.sweep()
    missing_since = world.now
    world.now += LOST_AFTER
    await world.sweep()
    instance = await world.instance(instance_id)
    assert (instance.status, instance.code) == ("destroyed", "machine_lost")
    returned = (await world.told(instance_id))[-1]
    assert getattr(returned, "returned_at", None) == missing_since


async def test_a_lost_machine_that_comes_back_is_kept_for_an_operator(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    (machine,) = world.cloud.of(instance_id)
    del world.cloud.machines[machine.reference]
    await world.sweep()
    world.now += LOST_AFTER
    await world.sweep()
    world.cloud.machines[machine.reference] = machine
    world.now += timedelta(minutes=1)
    await world.sweep()
    assert await orphans(world) == [(machine.reference, "found")]
    assert machine.reference in world.cloud.machines


async def test_a_machine_that_ends_is_no_orphan(world: World) -> None:
    world.cloud.lingers = True
    instance_id = await world.want()
    await world.work_on(3)
    await world.unwant(instance_id)
    await world.work_on(2)
    assert [machine.state for machine in world.cloud.of(instance_id)] == [MachineState.ENDING]
    await world.sweep()
    assert await orphans(world) == []


async def test_an_instance_that_is_being_made_is_left_alone(world: World) -> None:
    world.cloud.script.append("create done_unanswered")
    instance_id = await world.want()
    await world.work()
    assert await world.status(instance_id) == "fetching"
    await world.sweep()
    assert await orphans(world) == []
    assert len(world.cloud.of(instance_id)) == 1


async def test_a_provider_that_does_not_answer_loses_nothing(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    world.cloud.script.append("list_machines unanswered")
    await world.sweep()
    assert (await world.instance(instance_id)).missing_since is None
