"""Stop, start and restart, as owners ask for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning import errors
from provisioning.domain import words
from provisioning.domain.lifecycle import TERMINAL, TRANSITIONS, Status, Trigger, actions
from provisioning.operations import moves, returning
from provisioning.queries import instances as queries

DONE = {
    Trigger.STOP: {Status.STOPPING, Status.STOPPED},
    Trigger.START: {Status.STARTING, Status.RUNNING},
    Trigger.RESTART: {Status.RESTARTING},
}
"""What was asked for is done in these, or on its way."""


async def ask(session: AsyncSession, owner_id: UUID, instance_id: UUID, trigger: Trigger, now: datetime) -> None:
    """Do what an owner asks; what is done already, or on its way, is not asked for twice.

    Raises:
        InstanceNotFound: If the owner has no such instance.
        InstanceOver: If it has ended.
        InstanceBusy: If its status does not allow it.
    """
    instance = await queries.lock(session, instance_id, owner_id)
    if instance is None:
        raise returning.not_found()
    status = Status(instance.status)
    if status in TERMINAL:
        raise returning.over(instance)
    if status in DONE[trigger]:
        return
    if (status, trigger) not in TRANSITIONS:
        possible = ", ".join(actions(status)) or "nothing; wait a moment"
        raise errors.InstanceBusy(
            f"This instance is {words.NAMES[status]}, so it cannot {trigger} now. Possible now: {possible}."
        )
    instance.acted_at = None
    await moves.move(session, instance, trigger, now, due_at=now)
