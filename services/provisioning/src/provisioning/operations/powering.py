"""Carrying out what owners asked for: stop, start, restart."""

from provisioning.domain.lifecycle import BOOT, Status, Trigger
from provisioning.operations import calls, moves, running
from provisioning.operations.turns import Turn, Workshop, answered, find, look_again, wait
from provisioning.ports import Machine, MachineState, OutOfCapacity, Unanswered

_LATE = "It did not come up again in time. Restart it, or return it."


async def carry_out(shop: Workshop, turn: Turn, acted: bool) -> None:
    """Tell the driver, once it has done so wait for what follows.

    Args:
        acted: The driver has done it in a turn before.

    Raises:
        Unanswered, CredentialsRefused: It may have been done, and will be asked for again.
    """
    machines = await find(shop, turn)
    if machines and (not acted or _is_undone(turn.status, machines[0].state)):
        await _tell(shop, turn, machines[0])
        machines = await find(shop, turn)
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await answered(session, turn)
        if instance is None:
            return
        if machines:
            instance.acted_at = instance.acted_at or now
            await running.note(session, instance, machines[0], now)
        instance.due_at = now + wait(turn.number)
        if turn.status is Status.STOPPING:
            if machines and machines[0].state is MachineState.STOPPED:
                await moves.move(session, instance, Trigger.CONFIRM_STOP, now)
            else:
                look_again(instance, turn, machines, now)
        elif now >= turn.since + BOOT:
            await running.break_down(session, instance, "agent_not_heard", _LATE, now)


def _is_undone(status: Status, state: MachineState) -> bool:
    """What was done has been undone since: by the machine itself, its provider, or a sweep that looked before."""
    undone = {MachineState.RUNNING} if status is Status.STOPPING else {MachineState.STOPPED}
    return state in undone


async def _tell(shop: Workshop, turn: Turn, machine: Machine) -> None:
    driver, where = turn.driver, (turn.place, machine.reference)
    seconds = shop.settings.driver_deadline_seconds
    try:
        if turn.status is Status.STOPPING:
            await calls.ask(driver, "stop", driver.stop(*where), seconds)
        elif turn.status is Status.STARTING or machine.state is MachineState.STOPPED:
            await calls.ask(driver, "start", driver.start(*where), seconds)
        else:
            await calls.ask(driver, "restart", driver.restart(*where), seconds)
    except OutOfCapacity as full:
        raise Unanswered("the provider has no room to start it just now") from full
