"""Instances from the wish for one to its place in the queue, and what is in the way of that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning import errors
from provisioning.domain import words
from provisioning.domain.lifecycle import RESERVED, Cause, Status, Trigger
from provisioning.domain.log_text import visible
from provisioning.domain.offers import Offered, Offers
from provisioning.models import Instance
from provisioning.operations import moves, offers, returning
from provisioning.operations.names import kept_name
from provisioning.queries import instances as queries
from shared.errors import ServiceError
from shared.events.provisioning import InstanceRequested, InstanceReturned
from shared.events.restore import InstanceUnwanted, InstanceWanted
from shared.outbox import publish

LONGEST_WORD = 300
"""More characters than anything that may be wanted has."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Wanted:
    """An instance that somebody would like to have."""

    owner_id: UUID
    instance_id: UUID
    restore_id: UUID | None
    instance_name: str
    provider: str
    region: str
    plan: str


async def check(
    session: AsyncSession,
    offered: Offers,
    now: datetime,
    *,
    owner_id: UUID,
    instance_name: str,
    provider: str,
    region: str,
    plan: str,
) -> Offered:
    """What is offered there; nothing stands in the way of such an instance just now.

    Raises:
        InstanceNameInvalid, OfferUnknown, OfferUnavailable, NameInUse: What does.
    """
    name = kept_name(instance_name)
    found = await offers.check_offer(session, offered, provider, region, plan, now)
    holder = await queries.holder_of(session, owner_id, name)
    if holder is not None:
        raise name_in_use(holder)
    return found


async def reserve(session: AsyncSession, offered: Offers, wanted: Wanted, now: datetime) -> Instance:
    """Keep a name for an order that is being paid; asking again changes nothing.

    Raises:
        InstanceNameInvalid, OfferUnknown, OfferUnavailable, NameInUse: What stands in the way.
        InstanceOver: If this very instance was called off.
        InstanceNotFound: If the id is of another owner's instance.
    """
    await queries.hold(session, wanted.instance_id)
    known = await queries.lock(session, wanted.instance_id)
    if known is not None:
        if known.owner_id != wanted.owner_id:
            raise returning.not_found()
        return known
    if await queries.is_called_off(session, wanted.instance_id):
        raise errors.InstanceOver("This instance was called off. Ask for another one.")
    await offers.check_offer(session, offered, wanted.provider, wanted.region, wanted.plan, now)
    instance = await _insert(session, wanted, kept_name(wanted.instance_name), Status.UNPAID, now)
    instance.due_at = now + RESERVED
    return instance


async def want(session: AsyncSession, event: InstanceWanted, now: datetime) -> None:
    """Put an instance into the queue, or say by event that its name is not free. Hearing it again changes nothing.

    Whether there is such an offer is seen when its machine is asked for.
    """
    wanted = Wanted(**{name: _kept(value) for name, value in event.model_dump().items()})
    await queries.hold(session, wanted.instance_id)
    if await queries.is_called_off(session, wanted.instance_id):
        return
    instance = await queries.lock(session, wanted.instance_id)
    if instance is None:
        instance = await _begin(session, wanted, now)
        if instance is None:
            return
    elif instance.owner_id != wanted.owner_id:
        log.error("an instance is wanted under the id of another owner's", instance_id=str(wanted.instance_id))
        return
    elif instance.status == Status.UNPAID:
        await moves.move(session, instance, Trigger.WANT, now, due_at=now)
    else:
        return
    instance.requested_at = now
    publish(
        session,
        InstanceRequested(
            owner_id=instance.owner_id,
            instance_id=instance.id,
            restore_id=instance.restore_id,
            instance_name=instance.name,
            provider=instance.provider,
            region=instance.region,
            plan=instance.plan,
            requested_at=now,
        ),
    )


async def unwant(session: AsyncSession, event: InstanceUnwanted, now: datetime) -> None:
    """Return an instance, whatever has become of it; one that was never heard of will not be made when it is."""
    await queries.hold(session, event.instance_id)
    instance = await queries.lock(session, event.instance_id)
    if instance is not None and instance.owner_id != event.owner_id:
        log.error("an instance of another owner's is called off", instance_id=str(event.instance_id))
    elif instance is not None:
        await returning.give_back(session, instance, now, Cause.UNWANTED, event.reason)
    elif await queries.call_off(session, event.instance_id, event.owner_id, now):
        publish(
            session,
            InstanceReturned(
                owner_id=event.owner_id,
                instance_id=event.instance_id,
                restore_id=event.restore_id,
                returned_at=now,
                cause="unwanted",
            ),
        )


async def lapse(session: AsyncSession, instance: Instance, now: datetime) -> None:
    """A locked instance that nobody paid for in time: its name is free again."""
    reason = "The order was not paid in time. Order it again."
    await moves.fail(session, instance, "reservation_lapsed", reason, now)


def name_in_use(holder: Instance) -> errors.NameInUse:
    """The refusal that says which instance is to be returned first."""
    status = Status(holder.status)
    todo = "Wait until it is gone." if status is Status.DESTROYING else "Return it first, or take another name."
    return errors.NameInUse(
        f"Your instance {holder.id} has the name {holder.name} and is {words.NAMES[status]}. {todo}",
        instance_id=str(holder.id),
    )


async def _begin(session: AsyncSession, wanted: Wanted, now: datetime) -> Instance | None:
    """A row in the queue; None when it was refused, which has been said then."""
    try:
        instance = await _insert(session, wanted, kept_name(wanted.instance_name), Status.QUEUING, now)
    except ServiceError as refusal:
        instance = _row(wanted, wanted.instance_name, Status.CANCELED, now)
        instance.code, instance.reason, instance.ended_at = refusal.code, refusal.detail, now
        session.add(instance)
        await session.flush()
        moves.begin(session, instance, now)
        moves.announce_failure(session, instance, now)
        return None
    instance.due_at = now
    return instance


async def _insert(session: AsyncSession, wanted: Wanted, name: str, status: Status, now: datetime) -> Instance:
    """The row of a new instance, which holds its name from now on.

    Raises:
        NameInUse: If a live instance of the owner's has it.
    """
    instance = _row(wanted, name, status, now)
    try:
        async with session.begin_nested():
            session.add(instance)
    except IntegrityError:
        holder = await queries.holder_of(session, wanted.owner_id, name)
        if holder is None:
            # It ended, or the same instance was inserted, in this very moment: asked again it will be clear.
            raise
        raise name_in_use(holder) from None
    moves.begin(session, instance, now)
    return instance


def _kept(value: object) -> Any:
    """A text as a column takes it, however little sense it makes: the refusal is to be told."""
    return visible(value)[:LONGEST_WORD] if isinstance(value, str) else value


def _row(wanted: Wanted, name: str, status: Status, now: datetime) -> Instance:
    return Instance(
        id=wanted.instance_id,
        owner_id=wanted.owner_id,
        restore_id=wanted.restore_id,
        name=name,
        provider=wanted.provider,
        region=wanted.region,
        plan=wanted.plan,
        status=status,
        last_line=0,
        created_at=now,
        updated_at=now,
    )
