"""What an operator decides: about instances of which nothing certain is known, and about orphan machines."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning import errors
from provisioning.domain.lifecycle import Status, Trigger
from provisioning.models import Instance, Orphan
from provisioning.operations import moves, returning
from provisioning.queries import instances as queries
from provisioning.queries import orphans


async def redrive(session: AsyncSession, instance_id: UUID, *, no_machine: bool, now: datetime) -> Instance:
    """Look again at once, or take the operator's word that no machine exists.

    Raises:
        InstanceNotFound: If there is no such instance.
        NotStuck: If it does not wait for an operator, or its status is not one in which that can be said.
    """
    instance = await queries.lock(session, instance_id)
    if instance is None:
        raise errors.InstanceNotFound("There is no such instance. `make stuck` lists those that wait.")
    if instance.stuck_at is None:
        raise errors.NotStuck("This instance does not wait for an operator. `make stuck` lists those that do.")
    if not no_machine:
        instance.due_at = now
    elif instance.status == Status.FETCHING:
        await moves.move(session, instance, Trigger.WAIT, now, due_at=now, code=instance.code, reason=instance.reason)
    elif instance.status == Status.DESTROYING:
        await returning.confirm_end(session, instance, now)
    else:
        raise errors.NotStuck("This instance has a machine. Let it look again, or return the instance.")
    return instance


async def decide(session: AsyncSession, provider: str, reference: str, *, keep: bool, now: datetime) -> Orphan:
    """Keep an orphan machine for good, or have it returned at the next sweep.

    Raises:
        OrphanNotFound: If no such orphan is recorded.
    """
    orphan = await orphans.lock(session, provider, reference)
    if orphan is None or orphan.state == "returned":
        raise errors.OrphanNotFound("No such orphan machine is there. `make orphans` lists them.")
    orphan.state, orphan.due_at = ("kept", None) if keep else ("found", now)
    return orphan
