"""What an instance's agent does here: it enrols once, says again and again how it is, and is told what to do."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning import errors
from provisioning.domain import counters, enrolment, words
from provisioning.domain.lifecycle import TERMINAL, TRANSITIONS, Status, Trigger
from provisioning.models import AgentOrder, Instance
from provisioning.operations import moves, usage
from provisioning.queries import agents as queries
from provisioning.queries import instances
from shared import agent_token
from shared.events.provisioning import InstanceEnrolled
from shared.outbox import publish

MAX_AHEAD = timedelta(seconds=120)
"""How far a heartbeat's time may be ahead of ours."""

PHASES = MappingProxyType(
    {
        Status.INSTALLING: Trigger.INSTALL,
        Status.RESTORING: Trigger.RESTORE,
        Status.RESTORE_ERROR: Trigger.FAIL_RESTORE,
        Status.PENDING_ACTIVATION: Trigger.AWAIT_ACTIVATION,
        Status.RUNNING: Trigger.RUN,
    }
)
"""What an agent may say it is doing, and what that triggers."""

BEFORE_MACHINE = frozenset({Status.QUEUING, Status.FETCHING})
ON_ITS_WAY = frozenset({Status.STARTING, Status.RESTARTING})
EXPECTED = BEFORE_MACHINE | {Status.STOPPING, Status.STOPPED, Status.DESTROYING}
"""In these an agent that goes on reporting its phase is nothing to wonder about."""

MANY_MOVES = 500
"""More than an instance makes in its life; of one that has made so many, an agent's word is followed now and then."""
NOW_AND_THEN = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Enrolment:
    """An agent that shows the secret its machine was given, and names its key (Ed25519, 32 bytes)."""

    secret: str
    public_key: bytes
    agent_version: str


@dataclass(frozen=True)
class Heartbeat:
    """How an agent says it is. Its counters are cumulative: what they add is for us to find out."""

    number: int
    sent_at: datetime
    phase: Status
    agent_version: str
    olares_version: str | None
    traffic_bytes: int
    disk_bytes: int
    done_orders: Collection[UUID]


async def verify(session: AsyncSession, instance_id: UUID, token: str, audience: str, now: datetime) -> None:
    """Make sure that it is this instance's agent who asks.

    Raises:
        AgentUnknown: If it is not; the same whether the instance exists or not.
    """
    key = await queries.public_key(session, instance_id)
    if key is None:
        raise agent_unknown(now)
    try:
        agent_token.verify(token, key, instance_id=instance_id, audience=audience, now=now)
    except agent_token.TokenRefused as error:
        raise agent_unknown(now) from error


async def enrol(session: AsyncSession, instance_id: UUID, given: Enrolment, key: str, now: datetime) -> Instance:
    """Bind an instance to the key of its agent; the same secret and key may come again.

    Args:
        key: The installation's master key of enrolment secrets, in hexadecimal.

    Raises:
        InstanceNotFound: If there is no such instance.
        EnrolmentRefused: If the secret is not its.
        EnrolmentSpent: If it was used before, with another key.
        EnrolmentExpired: If the time to use it is over.
        InstanceOver: If the instance has ended or is being returned.
    """
    instance = await instances.lock(session, instance_id)
    if instance is None:
        raise errors.InstanceNotFound("There is no such instance. Look at the agent's configuration.")
    _check(instance, given, key, now)
    instance.agent_version = given.agent_version
    instance.heard_at = now
    if instance.public_key is None:
        await _bind(session, instance, given.public_key, now)
    return instance


async def record_heartbeat(
    session: AsyncSession, instance_id: UUID, heartbeat: Heartbeat, usage_every: timedelta, now: datetime
) -> Sequence[AgentOrder]:
    """Take in how an agent says it is; a heartbeat that is older than the newest one changes nothing.

    Args:
        usage_every: How often readings are told to others; the last one always is.

    Returns:
        What the agent is to do.

    Raises:
        InstanceOver: If the instance has ended: the agent is to stop for good.
        HeartbeatFromFuture: If it says that it was sent more than two minutes from now.
    """
    instance = await lock_live(session, instance_id)
    if heartbeat.sent_at > now + MAX_AHEAD:
        raise errors.HeartbeatFromFuture(
            "This heartbeat says that it was sent later than now. Set the clock, or go by `server_time`.",
            server_time=timestamp(now),
        )
    orders = await queries.open_orders(session, instance_id)
    if heartbeat.number <= instance.heartbeat:
        return orders
    done = [order for order in orders if order.id in heartbeat.done_orders]
    _note(instance, heartbeat, now)
    _finish(instance, done, now)
    if done or _is_due(instance, usage_every):
        usage.tell(session, instance)
    await _follow(session, instance, PHASES[heartbeat.phase], now)
    return [order for order in orders if order.done_at is None]


async def lock_live(session: AsyncSession, instance_id: UUID) -> Instance:
    """The instance of an agent that is known, for this transaction alone.

    Raises:
        InstanceOver: If it has ended.
    """
    instance = await instances.lock(session, instance_id)
    # A key was found for it, and instances are never deleted.
    assert instance is not None
    if instance.status in TERMINAL:
        raise _over(instance)
    return instance


def agent_unknown(now: datetime) -> errors.AgentUnknown:
    return errors.AgentUnknown(
        "This is not signed by the agent of this instance, or not just now. Sign it anew, with the time of "
        "`server_time`.",
        server_time=timestamp(now),
    )


def timestamp(instant: datetime) -> str:
    """As JSON bodies have it: RFC 3339, UTC."""
    return instant.isoformat().replace("+00:00", "Z")


def _check(instance: Instance, given: Enrolment, key: str, now: datetime) -> None:
    if not enrolment.is_enrolment_secret(key, instance.id, given.secret):
        raise errors.EnrolmentRefused("This is not the enrolment secret of this instance.")
    if instance.status in TERMINAL or instance.status == Status.DESTROYING:
        raise _over(instance)
    if instance.public_key == given.public_key:
        return
    if instance.public_key is not None:
        raise errors.EnrolmentSpent(
            "Another agent has enrolled with this secret. If it was not yours, return this instance."
        )
    # Without an end, nobody has been given the secret yet.
    if instance.enrolment_expires_at is None or now >= instance.enrolment_expires_at:
        raise errors.EnrolmentExpired("The time to use this secret is over. Return this instance and order another.")


async def _bind(session: AsyncSession, instance: Instance, public_key: bytes, now: datetime) -> None:
    instance.public_key = public_key
    moves.add_line(session, instance, "Its agent has enrolled.", now)
    publish(
        session,
        InstanceEnrolled(
            owner_id=instance.owner_id,
            instance_id=instance.id,
            restore_id=instance.restore_id,
            public_key=base64.urlsafe_b64encode(public_key).rstrip(b"=").decode(),
            enrolled_at=now,
        ),
    )
    if instance.status in BEFORE_MACHINE:
        # There is a machine, though we were not told: it is to be looked for now.
        instance.due_at = now
    await _follow(session, instance, Trigger.INSTALL, now)


def _note(instance: Instance, heartbeat: Heartbeat, now: datetime) -> None:
    """Keep the levels of a newer heartbeat."""
    instance.heartbeat = heartbeat.number
    instance.heard_at = now
    instance.agent_version = heartbeat.agent_version
    instance.olares_version = heartbeat.olares_version or instance.olares_version
    instance.traffic_bytes = counters.total_bytes(
        instance.traffic_bytes, instance.counted_bytes, heartbeat.traffic_bytes
    )
    instance.counted_bytes = heartbeat.traffic_bytes
    instance.disk_bytes = heartbeat.disk_bytes
    instance.measured_at = counters.reading_instant(heartbeat.sent_at, instance.measured_at or instance.created_at, now)


def _finish(instance: Instance, done: Sequence[AgentOrder], now: datetime) -> None:
    for order in done:
        order.done_at = now
    if done and instance.status == Status.DESTROYING:
        # Nothing is to be waited for any more.
        instance.due_at = now


def _is_due(instance: Instance, usage_every: timedelta) -> bool:
    assert instance.measured_at is not None
    return instance.published_at is None or instance.measured_at - instance.published_at >= usage_every


async def _follow(session: AsyncSession, instance: Instance, trigger: Trigger, now: datetime) -> None:
    """Move the instance to where its agent says it is, if its table has that; else leave it where it is."""
    status = Status(instance.status)
    if PHASES.get(status) is trigger:
        return
    if status in ON_ITS_WAY and instance.acted_at is None:
        # The machine was not turned off yet: this is the agent of before.
        return
    if instance.last_number >= MANY_MOVES and now - instance.updated_at < NOW_AND_THEN:
        # Each move is kept for ever, and whoever holds the machine could make as many as it likes.
        return
    if (status, trigger) in TRANSITIONS:
        await moves.move(session, instance, trigger, now)
    elif status not in EXPECTED:
        log.info("an agent's phase is ignored", instance_id=str(instance.id), status=status, trigger=trigger)


def _over(instance: Instance) -> errors.InstanceOver:
    return errors.InstanceOver(
        f"This instance is {words.NAMES[Status(instance.status)]}. Its agent is to stop for good."
    )
