"""What is due: claims instances, and gives each the turn that its status calls for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import SILENCE, Status
from provisioning.models import Instance
from provisioning.operations import ending, obtaining, powering, running, wanting
from provisioning.operations.turns import LONGEST_WAIT, Turn, Workshop, break_off, call_operator, claim, postpone
from provisioning.ports import CredentialsRefused, Unanswered
from provisioning.queries import instances as queries

AT_ONCE = 10
IDLE_SECONDS = 0.5
"""How often a lane without work looks for some while others are busy."""
_SILENT = "Its agent has not been heard for a while. Look at its log; restart it, or wait."

Step = Callable[[], Awaitable[None]]


async def work_all(shop: Workshop) -> int:
    """Do all that is due, the instances of each provider in a lane of their own; how many turns that were.

    So a provider that hangs holds up no other: the other lanes go on until none is busy.
    """
    lanes = [*(Instance.provider == name for name in shop.drivers), Instance.provider.not_in(shop.drivers)]
    busy = set(range(len(lanes)))
    working = (_work_lane(shop, lane, number, busy) for number, lane in enumerate(lanes))
    turns = 0
    for outcome in await asyncio.gather(*working, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        turns += outcome
    return turns


async def _work_lane(shop: Workshop, lane: ColumnElement[bool], number: int, busy: set[int]) -> int:
    """Do what is due in a lane, and what comes due there while any lane is busy."""
    turns = 0
    try:
        while busy:
            done = await work_due(shop, lane)
            turns += done
            if done:
                busy.add(number)
                continue
            busy.discard(number)
            if busy:
                await asyncio.sleep(IDLE_SECONDS)
    finally:
        busy.discard(number)
    return turns


async def work_due(shop: Workshop, lane: ColumnElement[bool] | None = None) -> int:
    """Take a turn with each of the instances that are longest due, of a lane or of all; how many.

    One that raises what nobody expected keeps no other from its turn: each is claimed for itself, and due again later.
    """
    now = shop.clock()
    until = now + shop.lease
    due = await claim_due(shop, now, until, lane)
    outcomes = await asyncio.gather(*(take_turn(shop, each, until) for each in due), return_exceptions=True)
    broken = [(each, outcome) for each, outcome in zip(due, outcomes, strict=True) if outcome is not None]
    for each, outcome in broken:
        if isinstance(outcome, Exception):
            await break_off(shop, each, until, outcome)
    for _, outcome in broken:
        raise outcome
    return len(due)


async def claim_due(
    shop: Workshop, now: datetime, until: datetime, lane: ColumnElement[bool] | None = None
) -> Sequence[UUID]:
    """Instances that are due, which are ours until then."""
    async with shop.database.transaction() as session:
        return await queries.claim_due(session, now, until, AT_ONCE, lane)


async def take_turn(shop: Workshop, instance_id: UUID, until: datetime) -> None:
    """Do what is due about an instance that was claimed, unless something has gone on with it since.

    Args:
        until: The end of its lease.
    """
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await queries.lock(session, instance_id)
        if instance is None or instance.due_at != until:
            return
        step = await _begin(session, shop, instance, now, until)
    if step is not None:
        await step()


async def find_silent(shop: Workshop) -> int:
    """Instances whose agent fell silent; how many."""
    now = shop.clock()
    async with shop.database.transaction() as session:
        silent = await queries.claim_silent(session, now - SILENCE, AT_ONCE)
        for instance in silent:
            await running.break_down(session, instance, "agent_silent", _SILENT, now)
    return len(silent)


async def _begin(
    session: AsyncSession, shop: Workshop, instance: Instance, now: datetime, until: datetime
) -> Step | None:
    """Write down what will be done about a locked instance; what is left to do then."""
    status = Status(instance.status)
    if status is Status.UNPAID:
        await wanting.lapse(session, instance, now)
        return None
    driver = shop.drivers.get(instance.provider)
    if status is Status.QUEUING:
        begun = await obtaining.begin(session, shop, instance, now, until)
        return None if begun is None else lambda: obtaining.call(shop, *begun)
    if driver is None:
        instance.due_at = now + LONGEST_WAIT
        call_operator(instance, f"The provider {instance.provider} is not among the offers any more.", now)
        return None
    acted = instance.acted_at is not None
    turn = claim(instance, driver, until)
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
