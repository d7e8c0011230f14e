"""Every machine that exists has an instance, and every instance its machine; what has not is put right."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from provisioning.domain.inventory import LOST_AFTER, Findings
from provisioning.domain.lifecycle import Trigger
from provisioning.models import Orphan
from provisioning.operations import moves, power, sweep
from provisioning.ports import MachineState
from provisioning.queries import instances as queries
from shared.events.provisioning import InstanceReturned
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
    assert isinstance(returned, InstanceReturned)
    assert (returned.returned_at, returned.cause) == (missing_since, "lost")


async def test_a_loss_that_another_replica_has_put_in_doubt_is_none(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    async with world.database.transaction() as session:
        row = await queries.lock(session, instance_id)
        assert row is not None
        # Seen again, and missed anew, since the sweep that found it lost has read its row.
        row.missing_since = world.now - timedelta(minutes=1)
    await sweep._note_missing(world.database, Findings(lost={instance_id}), world.now)
    assert await world.status(instance_id) == "pending"


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


async def test_a_machine_that_cannot_be_started_keeps_no_other_from_being_swept(world: World) -> None:
    first, second = await world.want(), await world.want(instance_name="bob@olares.com")
    await world.work_on(3)
    for instance_id in (first, second):
        await heard(world, instance_id)
        world.cloud.set_state(world.cloud.of(instance_id)[0].reference, MachineState.STOPPED)
    stray = world.cloud.plant(first)
    world.cloud.script.append("start out_of_capacity")
    await world.sweep()
    states = sorted(world.cloud.of(instance_id)[0].state for instance_id in (first, second))
    assert states == [MachineState.RUNNING, MachineState.STOPPED]
    assert stray.reference not in world.cloud.machines


async def test_an_orphan_that_cannot_be_ended_keeps_no_other_alive(world: World) -> None:
    instance_id = await world.want()
    await world.unwant(instance_id)
    world.now += timedelta(minutes=1)
    for _ in range(2):
        world.cloud.plant(instance_id)
    world.cloud.script.append("destroy unanswered")
    await world.sweep()
    assert len(world.cloud.machines) == 1
    await world.sweep()
    assert world.cloud.machines == {}


async def test_a_place_that_does_not_answer_keeps_no_other_from_being_swept(world: World) -> None:
    """Nothing is said of its machines; a machine elsewhere that nobody is known to use is found all the same."""
    instance_id = await world.want()
    await world.work_on(3)
    elsewhere = await world.want(instance_name="bob@olares.com")
    await world.work_on(3)
    async with world.database.transaction() as session:
        row = await queries.lock(session, elsewhere)
        assert row is not None
        row.place = "a place that sorts first"
    (machine,) = world.cloud.of(elsewhere)
    world.cloud.machines[machine.reference] = replace(machine, region="a place that sorts first")
    stray = world.cloud.plant(uuid4())
    world.cloud.script.append("list_machines unanswered")
    await world.sweep()
    assert await orphans(world) == [(stray.reference, "found")]
    assert (await world.instance(elsewhere)).missing_since is None
    assert (await world.instance(instance_id)).missing_since is None


async def test_a_machine_whose_instance_is_known_again_is_no_orphan_any_more(world: World) -> None:
    """A database that was put back is caught up with: what is wanted is heard again."""
    wanted = world.wanted()
    stray = world.cloud.plant(wanted.instance_id)
    await world.sweep()
    assert await orphans(world) == [(stray.reference, "found")]
    await world.want(wanted)
    await world.work_on(3)
    assert (await world.instance(wanted.instance_id)).machine == stray.reference
    world.now += timedelta(hours=25)
    await world.sweep()
    assert stray.reference in world.cloud.machines
    assert await orphans(world) == []


async def test_a_machine_that_is_gone_is_missed_though_another_bears_its_tags(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    (own,) = world.cloud.of(instance_id)
    copy = world.cloud.plant(instance_id)
    del world.cloud.machines[own.reference]
    await world.sweep()
    world.now += LOST_AFTER
    await world.sweep()
    assert (await world.instance(instance_id)).code == "machine_lost"
    world.now += timedelta(minutes=1)
    await world.sweep()
    assert await orphans(world) == [(copy.reference, "found")]


async def test_the_instances_own_machine_is_the_one_that_is_stopped(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    await heard(world, instance_id)
    (own,) = world.cloud.of(instance_id)
    world.cloud.machines |= {"a": replace(own, reference="a")}
    async with world.database.transaction() as session:
        await power.ask(session, world.owner_id, instance_id, Trigger.STOP, world.now)
    await world.work()
    assert world.cloud.machines[own.reference].state is MachineState.STOPPED
    assert world.cloud.machines["a"].state is MachineState.RUNNING


async def test_as_many_machines_as_there_are_fit_into_a_sweep(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    ids = [uuid4() for _ in range(40_000)]
    async with world.database.reading() as session:
        assert set(await queries.swept(session, [*ids, instance_id])) == {instance_id}


async def heard(world: World, instance_id: UUID) -> None:
    """Its agent says that it runs."""
    async with world.database.transaction() as session:
        instance = await queries.lock(session, instance_id)
        assert instance is not None
        instance.heard_at = world.now
        await moves.move(session, instance, Trigger.RUN, world.now)
