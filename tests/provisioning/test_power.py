"""Stop, start and restart: carried out once each, whatever the provider says, and told by what the agent reports."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from provisioning.domain.lifecycle import BOOT, Status, Trigger
from provisioning.errors import InstanceBusy, InstanceNotFound, InstanceOver
from provisioning.models import LogLine
from provisioning.operations import moves, power, work
from provisioning.ports import MachineState
from provisioning.queries import instances as queries
from tests.provisioning.support import World

REPORTS = {Status.RUNNING: (Trigger.INSTALL, Trigger.RUN), Status.INSTALLING: (Trigger.INSTALL,)}


async def an_instance(world: World, status: Status = Status.RUNNING) -> UUID:
    instance_id = await world.want()
    await world.work_on(3)
    for trigger in REPORTS[status]:
        await report(world, instance_id, trigger)
    await world.work_on(1)
    return instance_id


async def report(world: World, instance_id: UUID, trigger: Trigger) -> None:
    """What its agent says, as far as the status is concerned."""
    async with world.database.transaction() as session:
        instance = await queries.lock(session, instance_id)
        assert instance is not None
        instance.heard_at = world.now
        await moves.move(session, instance, trigger, world.now)


async def last_line(world: World, instance_id: UUID) -> str:
    """What its owner reads last in its log."""
    async with world.database.reading() as session:
        rows = select(LogLine.line).where(LogLine.instance_id == instance_id).order_by(LogLine.number.desc())
        return (await session.scalars(rows.limit(1))).one()


async def ask(world: World, instance_id: UUID, trigger: Trigger) -> None:
    async with world.database.transaction() as session:
        await power.ask(session, world.owner_id, instance_id, trigger, world.now)


async def test_stopped_and_started_again(world: World) -> None:
    instance_id = await an_instance(world)
    await ask(world, instance_id, Trigger.STOP)
    assert await world.status(instance_id) == "stopping"
    await world.work_on(3)
    assert await world.status(instance_id) == "stopped"
    assert world.cloud.of(instance_id)[0].state is MachineState.STOPPED

    await ask(world, instance_id, Trigger.START)
    await world.work_on(3)
    assert world.cloud.of(instance_id)[0].state is MachineState.RUNNING
    assert await world.status(instance_id) == "starting"
    await report(world, instance_id, Trigger.RUN)
    assert await world.status(instance_id) == "running"
    assert await world.told_names(instance_id) == ["requested", "running"]


async def test_restarted_once_though_the_answer_is_lost(world: World) -> None:
    instance_id = await an_instance(world)
    world.cloud.script.extend(["find unanswered", "find unanswered"])
    await ask(world, instance_id, Trigger.RESTART)
    await ask(world, instance_id, Trigger.RESTART)
    await world.work_on(10)
    assert world.cloud.calls.count("restart") == 1
    assert (await world.instance(instance_id)).acted_at is not None
    await report(world, instance_id, Trigger.RUN)
    assert await world.status(instance_id) == "running"


async def test_a_machine_that_is_off_is_started_by_a_restart(world: World) -> None:
    instance_id = await an_instance(world)
    world.cloud.set_state(world.cloud.of(instance_id)[0].reference, MachineState.STOPPED)
    await ask(world, instance_id, Trigger.RESTART)
    await world.work_on(2)
    assert (world.cloud.calls.count("start"), world.cloud.calls.count("restart")) == (1, 0)


async def test_what_does_not_come_up_again_is_errored_and_can_be_restarted(world: World) -> None:
    instance_id = await an_instance(world)
    await ask(world, instance_id, Trigger.RESTART)
    await world.work_on(2)
    world.now += BOOT
    await world.work_on(2)
    instance = await world.instance(instance_id)
    assert (instance.status, instance.code) == ("errored", "agent_not_heard")
    await ask(world, instance_id, Trigger.RESTART)
    await world.work_on(2)
    assert world.cloud.calls.count("restart") == 2


async def test_an_agent_that_never_comes_is_an_error_and_one_that_comes_late_is_welcome(world: World) -> None:
    instance_id = await world.want()
    await world.work_on(3)
    world.now += BOOT
    await world.work_on(2)
    assert await world.status(instance_id) == "errored"
    await report(world, instance_id, Trigger.INSTALL)
    assert await world.status(instance_id) == "installing"


async def test_an_agent_that_falls_silent_is_an_error(world: World) -> None:
    instance_id = await an_instance(world)
    world.now += timedelta(minutes=4)
    assert await work.find_silent(world.shop) == 0
    world.now += timedelta(minutes=2)
    assert await work.find_silent(world.shop) == 1
    assert (await world.instance(instance_id)).code == "agent_silent"


async def test_a_crashed_machine_is_started_again(world: World) -> None:
    instance_id = await an_instance(world)
    world.cloud.set_state(world.cloud.of(instance_id)[0].reference, MachineState.STOPPED)
    await world.sweep()
    assert world.cloud.of(instance_id)[0].state is MachineState.RUNNING
    assert await world.status(instance_id) == "running"
    assert await last_line(world, instance_id) == "The machine was found stopped; it is started again."


async def test_a_stopped_machine_that_somebody_started_is_stopped_again(world: World) -> None:
    instance_id = await an_instance(world)
    await ask(world, instance_id, Trigger.STOP)
    await world.work_on(3)
    world.cloud.set_state(world.cloud.of(instance_id)[0].reference, MachineState.RUNNING)
    await world.sweep()
    assert world.cloud.of(instance_id)[0].state is MachineState.STOPPED
    assert await last_line(world, instance_id) == "The machine was found running; it is stopped again."


async def test_heard_before_its_driver_was_asked_it_is_told_to_run_all_the_same(world: World) -> None:
    world.cloud.boots = False
    instance_id = await world.want()
    await world.work_on(2)
    await report(world, instance_id, Trigger.INSTALL)
    world.cloud.power_on()
    await world.work_on(2)
    assert await world.told_names(instance_id) == ["requested", "running"]
    assert await world.status(instance_id) == "installing"


@pytest.mark.parametrize("trigger", [Trigger.STOP, Trigger.START])
async def test_what_the_status_does_not_allow_is_refused_with_what_is_possible(world: World, trigger: Trigger) -> None:
    instance_id = await an_instance(world, Status.INSTALLING)
    with pytest.raises(InstanceBusy) as refusal:
        await ask(world, instance_id, trigger)
    assert "is installing" in refusal.value.detail
    assert "restart, return" in refusal.value.detail


async def test_what_is_over_can_do_nothing_any_more(world: World) -> None:
    instance_id = await an_instance(world)
    await world.unwant(instance_id)
    world.now += timedelta(minutes=1)
    await world.work_on(3)
    for trigger in (Trigger.RESTART, Trigger.STOP, Trigger.START):
        with pytest.raises(InstanceOver):
            await ask(world, instance_id, trigger)


async def test_another_owners_instance_is_not_there(world: World) -> None:
    instance_id = await an_instance(world)
    world.owner_id = UUID(int=1)
    with pytest.raises(InstanceNotFound):
        await ask(world, instance_id, Trigger.RESTART)


async def test_a_machine_that_came_up_while_it_was_stopped_is_stopped_again(world: World) -> None:
    """A sweep that had found it down may start it a moment after it was stopped."""
    instance_id = await an_instance(world)
    (machine,) = world.cloud.of(instance_id)
    await ask(world, instance_id, Trigger.STOP)
    world.cloud.holds = MachineState.STOPPING
    await world.work()
    world.cloud.holds = None
    world.cloud.set_state(machine.reference, MachineState.RUNNING)
    await world.work_on(5)
    assert await world.status(instance_id) == "stopped"
    assert world.cloud.of(instance_id)[0].state is MachineState.STOPPED


@pytest.mark.parametrize("trigger", [Trigger.START, Trigger.RESTART])
async def test_a_machine_that_went_down_on_its_way_up_is_started_again(world: World, trigger: Trigger) -> None:
    instance_id = await an_instance(world)
    if trigger is Trigger.START:
        await ask(world, instance_id, Trigger.STOP)
        await world.work_on(3)
    await ask(world, instance_id, trigger)
    await world.work()
    world.cloud.set_state(world.cloud.of(instance_id)[0].reference, MachineState.STOPPED)
    await world.work_on(5)
    assert world.cloud.of(instance_id)[0].state is MachineState.RUNNING


@pytest.mark.parametrize("trigger", [Trigger.STOP, Trigger.RETURN])
async def test_what_does_not_come_to_its_end_calls_an_operator(world: World, trigger: Trigger) -> None:
    world.cloud.lingers = True
    instance_id = await an_instance(world)
    if trigger is Trigger.STOP:
        world.cloud.holds = MachineState.STOPPING
        await ask(world, instance_id, trigger)
    else:
        await world.unwant(instance_id)
    world.now += timedelta(minutes=5)
    await world.work_on(5)
    assert (await world.instance(instance_id)).stuck_at is None
    world.now += timedelta(hours=1)
    await world.work_on(2)
    stuck = await world.instance(instance_id)
    assert stuck.stuck_at is not None
    assert "an hour" in (stuck.trouble or "")
    world.now += timedelta(minutes=5)
    await world.work_on(2)
    assert (await world.instance(instance_id)).stuck_at == stuck.stuck_at


async def test_what_is_done_already_may_be_asked_for_again(world: World) -> None:
    """An answer may be lost, and what was asked for be done by the time that it is asked for again."""
    instance_id = await an_instance(world)
    await ask(world, instance_id, Trigger.START)
    assert await world.status(instance_id) == "running"
    for _ in range(2):
        await ask(world, instance_id, Trigger.STOP)
        await world.work_on(3)
    assert await world.status(instance_id) == "stopped"
    assert world.cloud.calls.count("stop") == 1
