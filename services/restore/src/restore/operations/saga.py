"""The one way in which a restore to the cloud changes: what became known is heeded, kept, written down and acted on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from restore import errors, queries
from restore.domain import order, saga, words
from restore.domain.axes import Compute, Data, Payment
from restore.domain.facts import Effect, Fact
from restore.domain.order import State, Trigger
from restore.domain.saga import Saga, Step
from restore.models import CloudRestore, Restore
from restore.operations.history import add_entry, announce_end, write_move
from shared.events.base import Event
from shared.events.restore import (
    CaptureWanted,
    InstanceUnwanted,
    InstanceWanted,
    PasswordRequired,
    PaymentWanted,
    VoidWanted,
)
from shared.outbox import publish

ValueT = TypeVar("ValueT")

UNDOING_STATES = (State.UNDOING, State.NEEDS_OPERATOR)
DONE = frozenset({State.CAPTURING, State.COMPLETED})
"""Everything is restored, so its agent's words say nothing new."""


@dataclass(frozen=True)
class Said:
    """Why something is so: a stable code and a sentence for the owner."""

    code: str
    reason: str


@dataclass(frozen=True)
class Cloud:
    """The two rows of a restore to the cloud, locked."""

    restore: Restore
    rest: CloudRestore

    @property
    def saga(self) -> Saga:
        return Saga(
            state=State(self.restore.state),
            payment=Payment(self.rest.payment),
            compute=Compute(self.rest.compute),
            data=Data(self.rest.data),
            ending=None if self.rest.ending is None else Trigger(self.rest.ending),
            machine=self.rest.machine,
        )


async def lock(session: AsyncSession, restore_id: UUID, owner_id: UUID | None = None) -> Cloud | None:
    """The restore for this transaction alone; None also when it is not the given owner's, or not to the cloud."""
    found = await queries.lock_cloud(session, restore_id, owner_id)
    return None if found is None else Cloud(*found)


async def lock_live(session: AsyncSession, restore_id: UUID, instance_id: UUID) -> Cloud:
    """The restore of an agent that is known, for this transaction alone.

    Raises:
        RestoreEnded: If it is over or being undone, or goes on with another machine.
    """
    cloud = await lock(session, restore_id)
    # Its agent's key was found.
    assert cloud is not None
    require_live(cloud, instance_id)
    return cloud


def require_live(cloud: Cloud, instance_id: UUID) -> None:
    """Refuse an agent that has nothing to do here any more.

    Raises:
        RestoreEnded: If the restore is over or being undone, or goes on with another machine.
    """
    state = cloud.saga.state
    is_ended = cloud.saga.ending is not None or (state in order.TERMINAL and state not in DONE)
    if is_ended or instance_id != cloud.rest.instance_id:
        why = f": {cloud.restore.reason}" if cloud.restore.reason else ""
        raise errors.RestoreEnded(f"This restore is {words.NAMES[state]}{why}. Stop.")


async def heed(session: AsyncSession, cloud: Cloud, fact: Fact, now: datetime, said: Said | None = None) -> Step:
    """Take in what became known of a locked restore; what is known already changes nothing.

    Args:
        said: Why, where there is a reason; it is kept as the restore's own when that moves.
    """
    before = cloud.saga
    step = saga.heed(before, fact)
    if step == Step(before):
        return step
    _keep_axes(session, cloud, before, step.saga, now, said)
    _keep_reason(cloud.restore, step, said)
    if step.saga.ending is not None and before.ending is None:
        _forget_password(cloud.rest)
        cloud.rest.used_until = _end_of_use(cloud.rest, now)
    for move in step.moves:
        if not await queries.move_cloud(session, cloud.restore, move.source, move.target, now):
            raise RuntimeError(f"restore {cloud.restore.id} was moved in spite of its lock")
        write_move(session, cloud.restore, now, move.source, move.trigger)
    _set_deadline(cloud, before, step, now)
    for effect in step.effects:
        publish(session, _REQUESTS[effect](cloud, before, said))
    if step.saga.state in order.TERMINAL and before.state not in order.TERMINAL:
        announce_end(session, cloud.restore, now)
    return step


def _keep_axes(
    session: AsyncSession, cloud: Cloud, before: Saga, after: Saga, now: datetime, said: Said | None
) -> None:
    rest = cloud.rest
    rest.data, rest.ending, rest.machine = after.data, after.ending, after.machine
    if after.payment is not before.payment:
        rest.payment = after.payment
        add_entry(session, cloud.restore, "payment", now, code=after.payment)
    if after.compute is not before.compute:
        rest.compute = after.compute
        add_entry(session, cloud.restore, "instance", now, code=after.compute, reason=said.reason if said else None)


def _keep_reason(restore: Restore, step: Step, said: Said | None) -> None:
    """Of why it is undone nothing is forgotten while it is; a move that goes on has nothing to explain."""
    if not step.moves or step.moves[0].source in UNDOING_STATES:
        return
    restore.code, restore.reason = (said.code, said.reason) if said else (None, None)


def _set_deadline(cloud: Cloud, before: Saga, step: Step, now: datetime) -> None:
    restore, rest = cloud.restore, cloud.rest
    if not step.moves:
        if step.saga.state in order.ASKED_AGAIN and step.effects:
            rest.asked += 1
            restore.due_at = order.due_at(step.saga.state, now)
        elif Effect.WANT_MACHINE in step.effects:
            # The machine before has taken its time to go; the next has its own.
            restore.due_at = order.due_at(step.saga.state, now)
        return
    rest.asked = 0
    if step.saga.state is State.QUOTED and rest.quote is not None:
        restore.due_at = quote_end(rest)
    elif step.saga.state in order.ASKING:
        if before.state not in order.ASKING:
            rest.password_until = now + order.LIMITS[State.AWAITING_PASSWORD]
        if step.saga.state is State.AWAITING_PASSWORD:
            restore.due_at = rest.password_until


def quote_end(rest: CloudRestore) -> datetime:
    """When the quote that was made ends."""
    assert rest.quote is not None
    return datetime.fromisoformat(rest.quote["expires_at"])


def _end_of_use(rest: CloudRestore, now: datetime) -> datetime:
    """Until when its owner used the machine; what we learn late, or are late to end, they do not pay for."""
    return min(at for at in (now, rest.used_until, rest.password_until) if at is not None)


def _forget_password(rest: CloudRestore) -> None:
    rest.sealed_password = rest.round_key = None


def _payment_wanted(cloud: Cloud, _: Saga, __: Said | None) -> Event:
    restore, rest = cloud.restore, cloud.rest
    return PaymentWanted(
        owner_id=restore.owner_id,
        restore_id=restore.id,
        quote_id=_known(rest.quote_id),
        payment_method_id=rest.payment_method_id,
    )


def _capture_wanted(cloud: Cloud, _: Saga, __: Said | None) -> CaptureWanted:
    restore, rest = cloud.restore, cloud.rest
    return CaptureWanted(
        owner_id=restore.owner_id,
        restore_id=restore.id,
        quote_id=_known(rest.quote_id),
        instance_id=_known(rest.instance_id),
        started_at=_known(rest.running_at),
        ended_at=None,
    )


def _use_wanted(cloud: Cloud, before: Saga, said: Said | None) -> Event:
    return _capture_wanted(cloud, before, said).model_copy(update={"ended_at": _known(cloud.rest.used_until)})


def _void_wanted(cloud: Cloud, _: Saga, __: Said | None) -> Event:
    restore = cloud.restore
    return VoidWanted(owner_id=restore.owner_id, restore_id=restore.id, quote_id=_known(cloud.rest.quote_id))


def _machine_wanted(cloud: Cloud, before: Saga, _: Said | None) -> Event:
    restore, rest = cloud.restore, cloud.rest
    if before.compute is not Compute.RESERVED:
        # One id, one machine: another machine is wanted under an id of its own.
        begin_machine(rest)
    return InstanceWanted(
        owner_id=restore.owner_id,
        restore_id=restore.id,
        instance_id=_known(rest.instance_id),
        instance_name=rest.instance_name,
        provider=rest.provider,
        region=rest.region,
        plan=rest.plan,
    )


def begin_machine(rest: CloudRestore) -> None:
    """Choose the id of the next machine, of which nothing is known."""
    rest.instance_id = uuid4()
    rest.address = rest.agent_key = rest.running_at = None


def _machine_unwanted(cloud: Cloud, _: Saga, said: Said | None) -> Event:
    restore, rest = cloud.restore, cloud.rest
    reason = said.reason if said else restore.reason or "The restore it was made for does not go on."
    return InstanceUnwanted(
        owner_id=restore.owner_id, restore_id=restore.id, instance_id=_known(rest.instance_id), reason=reason
    )


def _password_required(cloud: Cloud, _: Saga, __: Said | None) -> Event:
    restore, rest = cloud.restore, cloud.rest
    return PasswordRequired.model_validate(
        {
            "owner_id": restore.owner_id,
            "restore_id": restore.id,
            "instance_id": _known(rest.instance_id),
            "reason": _known(rest.asked_because),
            "until": _known(rest.password_until),
        }
    )


def _known(value: ValueT | None) -> ValueT:
    """What a restore that has come so far has."""
    assert value is not None
    return value


_REQUESTS: MappingProxyType[Effect, Callable[[Cloud, Saga, Said | None], Event]] = MappingProxyType(
    {
        Effect.HOLD_MONEY: _payment_wanted,
        Effect.CAPTURE_MONEY: _capture_wanted,
        Effect.CAPTURE_USE: _use_wanted,
        Effect.RELEASE_MONEY: _void_wanted,
        Effect.WANT_MACHINE: _machine_wanted,
        Effect.RETURN_MACHINE: _machine_unwanted,
        Effect.REQUIRE_PASSWORD: _password_required,
    }
)
