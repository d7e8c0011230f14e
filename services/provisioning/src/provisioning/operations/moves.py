"""The one way in which an instance changes its status: guarded, in its history and its log; its end is announced."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain import lifecycle, words
from provisioning.domain.counters import TICK
from provisioning.domain.lifecycle import Cause, Status, Trigger
from provisioning.models import HistoryEntry, Instance, LogLine
from provisioning.operations import usage
from provisioning.queries import instances as queries
from shared.events.provisioning import InstanceFailed, InstanceReturned
from shared.outbox import publish


async def move(
    session: AsyncSession,
    instance: Instance,
    trigger: Trigger,
    now: datetime,
    *,
    due_at: datetime | None = None,
    code: str | None = None,
    reason: str | None = None,
) -> Instance:
    """Move a locked instance; what was tried and what was wrong in its last status is forgotten.

    Args:
        due_at: When something is to be done about it next.
        code: Why, where that is to be shown; stable.
        reason: The same for its owner.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    await session.flush()
    source = Status(instance.status)
    target = lifecycle.next_status(source, trigger)
    over = target in lifecycle.TERMINAL
    if target in lifecycle.HEARD and instance.started_at is None:
        # Its agent was heard before its driver said that the machine runs: the driver is asked at once.
        due_at = now
    forgotten = {"attempts": 0, "unanswered_since": None, "stuck_at": None, "trouble": None}
    values = {"due_at": due_at, "code": code, "reason": reason, **forgotten}
    if not await queries.move(session, instance, target, now, **values, ended_at=now if over else None):
        raise RuntimeError(f"instance {instance.id} was moved in spite of its lock")
    _record(session, instance, now, source, trigger)
    return instance


def begin(session: AsyncSession, instance: Instance, now: datetime) -> None:
    """The first entry of the history of an instance that was just made."""
    instance.last_number = 1
    _record(session, instance, now, None, None)


async def fail(session: AsyncSession, instance: Instance, code: str, reason: str, now: datetime) -> None:
    """Nothing came of it, for certain: its name is free, and whoever wants it is told why."""
    await move(session, instance, Trigger.GIVE_UP, now, code=code, reason=reason)
    announce_failure(session, instance, now)


def announce_failure(session: AsyncSession, instance: Instance, now: datetime) -> None:
    assert instance.code is not None
    assert instance.reason is not None
    publish(
        session,
        InstanceFailed(
            owner_id=instance.owner_id,
            instance_id=instance.id,
            restore_id=instance.restore_id,
            code=instance.code,
            reason=instance.reason,
            failed_at=now,
        ),
    )


def announce_return(session: AsyncSession, instance: Instance, returned_at: datetime) -> None:
    """Nothing of it is left: with its last counters, which are billed only where they are earlier."""
    usage.tell(session, instance)
    if instance.measured_at is not None:
        # Another replica's clock may be ahead of ours.
        returned_at = max(returned_at, instance.measured_at + TICK)
    publish(
        session,
        InstanceReturned(
            owner_id=instance.owner_id,
            instance_id=instance.id,
            restore_id=instance.restore_id,
            returned_at=returned_at,
            cause=None if instance.cause is None else Cause(instance.cause).value,
        ),
    )


def add_line(session: AsyncSession, instance: Instance, text: str, now: datetime) -> None:
    """A line of ours in the log of a locked instance."""
    instance.last_line += 1
    session.add(
        LogLine(
            instance_id=instance.id,
            number=instance.last_line,
            logged_at=now,
            source="space",
            source_number=None,
            line=text,
        )
    )


def _record(
    session: AsyncSession, instance: Instance, now: datetime, source: Status | None, trigger: Trigger | None
) -> None:
    session.add(
        HistoryEntry(
            instance_id=instance.id,
            number=instance.last_number,
            recorded_at=now,
            source=source,
            trigger=trigger,
            status=instance.status,
            code=instance.code,
            reason=instance.reason,
        )
    )
    add_line(session, instance, words.moved(Status(instance.status), instance.reason), now)
