"""A machine on its way up: looked at until it runs and its agent is heard; started again when it was found down."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import BOOT, Status, Trigger
from provisioning.models import Instance
from provisioning.operations import calls, moves
from provisioning.operations.turns import Turn, Workshop, answered, find, wait
from provisioning.ports import Machine, MachineState, OutOfCapacity, Unanswered
from shared.events.provisioning import InstanceRunning
from shared.outbox import publish

WATCH = timedelta(seconds=2)
"""How often a machine that was made is looked at until it runs."""


async def note(session: AsyncSession, instance: Instance, machine: Machine, now: datetime) -> None:
    """What was seen of the machine of a locked instance; that it runs is told once."""
    instance.missing_since = None
    if machine.address is not None:
        instance.address = machine.address
    if machine.state is not MachineState.RUNNING or instance.started_at is not None:
        return
    instance.started_at = now
    publish(
        session,
        InstanceRunning(
            owner_id=instance.owner_id,
            instance_id=instance.id,
            restore_id=instance.restore_id,
            instance_name=instance.name,
            provider=instance.provider,
            region=instance.region,
            plan=instance.plan,
            address=instance.address,
            running_at=now,
        ),
    )


async def watch(shop: Workshop, turn: Turn) -> None:
    """Look at a machine that should come up; an agent that is not heard in time is an error to be seen.

    Raises:
        Unanswered, CredentialsRefused: Nothing is certain.
    """
    machines = await find(shop, turn)
    if machines and machines[0].state is MachineState.STOPPED:
        await _start(shop, turn, machines[0])
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await answered(session, turn)
        if instance is None:
            return
        if machines:
            await note(session, instance, machines[0], now)
        until = turn.since + BOOT
        if turn.status is not Status.PENDING:
            instance.due_at = None if instance.started_at is not None else now + wait(turn.number)
        elif now >= until:
            await break_down(session, instance, "agent_not_heard", _NOT_HEARD, now)
        else:
            instance.due_at = until if instance.started_at is not None else min(now + WATCH, until)


async def break_down(session: AsyncSession, instance: Instance, code: str, reason: str, now: datetime) -> None:
    """Something is wrong with a locked instance that its owner should know of; nothing is ended."""
    await moves.move(session, instance, Trigger.BREAK, now, code=code, reason=reason)


_NOT_HEARD = "Its agent was not heard in time. Look at its log; restart it, or return it and try again."


async def _start(shop: Workshop, turn: Turn, machine: Machine) -> None:
    seconds = shop.settings.driver_deadline_seconds
    try:
        await calls.ask(turn.driver, "start", turn.driver.start(turn.place, machine.reference), seconds)
    except OutOfCapacity as full:
        raise Unanswered("the provider has no room to start it just now") from full
