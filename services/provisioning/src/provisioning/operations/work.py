"""What is due: claims instances, and gives each the turn that its status calls for."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import SILENCE, Status
from provisioning.models import Instance
from provisioning.operations import ending, obtaining, powering, running, wanting
from provisioning.operations.turns import LONGEST_WAIT, Turn, Workshop, claim, postpone
from provisioning.ports import CredentialsRefused, Unanswered
from provisioning.queries import instances as queries

AT_ONCE = 10
_SILENT = "Its agent has not been heard for a while. Look at its log; restart it, or wait."

log = structlog.get_logger(__name__)

Step = Callable[[], Awaitable[None]]


async def work_due(shop: Workshop) -> int:
    """Take a turn with each of the instances that are longest due; how many.

    One that raises what nobody expected does not keep the others from their turns: its row is due again later.
    """
    now = shop.clock()
    async with shop.database.transaction() as session:
        due = await queries.claim_due(session, now, AT_ONCE)
        turns = [await _begin(session, shop, instance, now) for instance in due]
    steps = [step() for step in turns if step is not None]
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if outcome is not None:
            raise outcome
    return len(due)


async def find_silent(shop: Workshop) -> int:
    """Instances whose agent fell silent; how many."""
    now = shop.clock()
    async with shop.database.transaction() as session:
        silent = await queries.claim_silent(session, now - SILENCE, AT_ONCE)
        for instance in silent:
            await running.break_down(session, instance, "agent_silent", _SILENT, now)
    return len(silent)


async def _begin(session: AsyncSession, shop: Workshop, instance: Instance, now: datetime) -> Step | None:
    """Write down what will be done about a locked instance; what is left to do then."""
    status = Status(instance.status)
    if status is Status.UNPAID:
        await wanting.lapse(session, instance, now)
        return None
    driver = shop.drivers.get(instance.provider)
    if status is Status.QUEUING:
        begun = await obtaining.begin(session, shop, instance, now)
        return None if begun is None else lambda: obtaining.call(shop, *begun)
    if driver is None:
        instance.due_at, instance.stuck_at = now + LONGEST_WAIT, instance.stuck_at or now
        log.error("an instance's provider is not configured any more", instance_id=str(instance.id))
        return None
    acted = instance.acted_at is not None
    turn = claim(instance, driver, now + shop.lease)
    return lambda: _take(shop, turn, acted)


async def _take(shop: Workshop, turn: Turn, acted: bool) -> None:
    try:
        match turn.status:
            case Status.FETCHING:
                await obtaining.look(shop, turn)
            case Status.STOPPING | Status.STARTING | Status.RESTARTING:
                await powering.carry_out(shop, turn, acted)
            case Status.DESTROYING:
                await ending.end(shop, turn)
            case _:
                await running.watch(shop, turn)
    except (Unanswered, CredentialsRefused) as error:
        await postpone(shop, turn, error)
