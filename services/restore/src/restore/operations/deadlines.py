"""What follows when the time of a restore to the cloud is over, and what an operator decides about a parked one."""

import asyncio
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from restore import errors, queries
from restore.domain import words
from restore.domain.facts import Fact
from restore.domain.order import ASKED_AGAIN, State
from restore.models import Restore
from restore.operations import passwords, saga
from restore.operations.saga import Said
from shared.db import Database

AT_ONCE = 20

SAID = MappingProxyType(
    {
        State.QUOTING: Said("quote_unavailable", "No quote could be had in time. Order again; nothing was charged."),
        State.QUOTED: Said("quote_expired", "The quote was not confirmed in time. Order again; nothing was charged."),
        State.AUTHORISING: Said("payment_unknown", "The payment provider gave no answer in time. Nothing is charged."),
        State.PROVISIONING: Said("machine_late", "The machine did not come up in time."),
        State.INSTALLING: Said("agent_silent", "The machine did not report after its installation."),
        State.AWAITING_PASSWORD: Said(
            "password_not_entered", f"The password was not entered in time. {words.USE_CHARGED}"
        ),
        State.RESTORING: Said("agent_silent", "The machine was not heard of for a day while it restored."),
        State.VALIDATING: Said("agent_silent", "The machine was not heard of for a day while it checked its files."),
    }
)

log = structlog.get_logger(__name__)


async def end_waits(database: Database, now: datetime) -> int:
    """Go on with the restores to the cloud whose time is over; how many.

    Each in a transaction of its own: one that raises what nobody expected holds up no other.
    """
    async with database.transaction() as session:
        due = await queries.claim_due_cloud(session, now, AT_ONCE)
    outcomes = await asyncio.gather(*(_end_wait(database, each, now) for each in due), return_exceptions=True)
    broken = [(each, outcome) for each, outcome in zip(due, outcomes, strict=True) if outcome is not None]
    for restore_id, error in broken:
        log.error("a wait could not be ended", restore_id=str(restore_id), exc_info=error)
    for _, error in broken:
        raise error
    return len(due)


async def _end_wait(database: Database, restore_id: UUID, now: datetime) -> None:
    async with database.transaction() as session:
        await end_wait(session, restore_id, now)


async def end_wait(session: AsyncSession, restore_id: UUID, now: datetime) -> None:
    """Go on with a restore, unless somebody has done so since its time was over."""
    cloud = await saga.lock(session, restore_id)
    if cloud is None or cloud.restore.due_at is None or cloud.restore.due_at > now:
        return
    state = cloud.saga.state
    if state is State.VERIFYING_PASSWORD:
        await passwords.lose_verdict(session, cloud, now)
    elif cloud.rest.asked >= ASKED_AGAIN.get(state, cloud.rest.asked + 1):
        await saga.heed(session, cloud, Fact.ASKED_OFTEN, now)
    else:
        await saga.heed(session, cloud, Fact.TIME_OVER, now, SAID.get(state))


async def redrive(session: AsyncSession, restore_id: UUID, now: datetime) -> Restore:
    """Let a parked restore ask again for what it waits for.

    Raises:
        RestoreNotFound: If there is no such restore to the cloud.
        NotStuck: If it does not wait for an operator.
    """
    cloud = await saga.lock(session, restore_id)
    if cloud is None:
        raise errors.RestoreNotFound("There is no such restore to the cloud. `make stuck` lists those that wait.")
    if cloud.saga.state is not State.NEEDS_OPERATOR:
        raise errors.NotStuck("This restore does not wait for an operator. `make stuck` lists those that do.")
    await saga.heed(session, cloud, Fact.REDRIVEN, now)
    return cloud.restore
