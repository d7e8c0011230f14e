"""Ending the machines of a returned instance, until its driver confirms that none is left and none can come."""

from provisioning.operations import calls, returning
from provisioning.operations.turns import Turn, Workshop, answered, find, is_settled, look_again, settles_at
from provisioning.ports import MachineState


async def end(shop: Workshop, turn: Turn) -> None:
    """Destroy what there is; once there is nothing, and nothing can come into being any more, its name is free.

    Raises:
        Unanswered, CredentialsRefused: Nothing is certain; it is asked for again.
    """
    machines = await find(shop, turn)
    listed = {machine.reference for machine in machines}
    left = [machine.reference for machine in machines if machine.state is not MachineState.ENDING]
    if turn.machine is not None and turn.machine not in listed and not is_settled(turn, shop.clock()):
        # It was made a moment ago, and lists lag behind.
        left.append(turn.machine)
    for reference in left:
        ended = turn.driver.destroy(turn.place, reference)
        await calls.ask(turn.driver, "destroy", ended, shop.settings.driver_deadline_seconds)
    if machines:
        machines = await find(shop, turn)
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await answered(session, turn)
        if instance is None:
            return
        if machines:
            look_again(instance, turn, machines, now)
        elif is_settled(turn, now):
            await returning.confirm_end(session, instance, now)
        else:
            instance.due_at = settles_at(turn, now)
