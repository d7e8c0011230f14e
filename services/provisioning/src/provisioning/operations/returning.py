"""The end of an instance: asked for, carried out by its driver, and told when nothing of it is left."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning import errors
from provisioning.domain import words
from provisioning.domain.lifecycle import TERMINAL, TRANSITIONS, Cause, Status, Trigger
from provisioning.models import AgentOrder, Instance
from provisioning.operations import moves
from provisioning.queries import instances as queries

HEARD_LATELY = timedelta(minutes=1)
"""An agent that was heard within this is asked for its last counters before its machine ends."""
FINISH_GRACE = timedelta(seconds=30)
"""How long it has to send them."""


async def return_instance(session: AsyncSession, owner_id: UUID, instance_id: UUID, now: datetime) -> None:
    """End an instance for its owner; asking again while it ends changes nothing.

    Raises:
        InstanceNotFound: If the owner has no such instance.
        InstanceOver: If it has ended.
    """
    instance = await queries.lock(session, instance_id, owner_id)
    if instance is None:
        raise not_found()
    if instance.status in TERMINAL:
        raise over(instance)
    await give_back(session, instance, now, Cause.OWNER)


async def give_back(
    session: AsyncSession, instance: Instance, now: datetime, cause: Cause, reason: str | None = None
) -> None:
    """Begin the end of a locked instance; nothing happens to one that ends or has ended: the first cause stands."""
    if (Status(instance.status), Trigger.RETURN) not in TRANSITIONS:
        return
    instance.cause = cause
    heard = instance.public_key is not None and instance.heard_at is not None and now - instance.heard_at < HEARD_LATELY
    due_at = now + FINISH_GRACE if heard and instance.status != Status.STOPPED else now
    await moves.move(session, instance, Trigger.RETURN, now, due_at=due_at, code="returned", reason=reason)
    if instance.status == Status.CANCELED:
        instance.due_at = None
        moves.announce_return(session, instance, now)
    elif heard:
        order = insert(AgentOrder).values(id=uuid4(), instance_id=instance.id, kind="finish", created_at=now)
        await session.execute(order.on_conflict_do_nothing())


async def confirm_end(session: AsyncSession, instance: Instance, now: datetime) -> None:
    """The driver has confirmed that nothing of a locked, returned instance is left."""
    await moves.move(session, instance, Trigger.CONFIRM_END, now, code=instance.code, reason=instance.reason)
    moves.announce_return(session, instance, now)


async def lose(session: AsyncSession, instance: Instance, now: datetime) -> None:
    """The provider has ended the machine of a locked instance, or somebody there has: nothing of it is left."""
    reason = "The provider says that its machine is gone, and nobody here ended it. Restore your backup to a new one."
    since = instance.missing_since or now
    instance.cause = Cause.LOST
    await moves.move(session, instance, Trigger.LOSE, now, code="machine_lost", reason=reason)
    moves.announce_return(session, instance, since)


def not_found() -> errors.InstanceNotFound:
    return errors.InstanceNotFound("You have no such instance. GET /api/v1/instances lists yours.")


def over(instance: Instance) -> errors.InstanceOver:
    return errors.InstanceOver(f"This instance is {words.NAMES[Status(instance.status)]}: nothing is left of it.")
