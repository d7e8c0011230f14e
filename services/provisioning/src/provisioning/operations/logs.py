"""Logs of instances: their agents' lines, each kept once, and how long a log is kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.models import Instance
from provisioning.operations import agents
from provisioning.queries import logs as queries

MAX_LINES = 10_000
"""As many of an instance's newest lines are kept."""
KEPT = timedelta(days=30)
"""How long after an instance's end its log is kept."""
ENDED_BATCH = 20


@dataclass(frozen=True)
class Line:
    """A line of an agent's log.

    Args:
        number: The agent's own; it rises, over restarts too.
        line: Fit to be shown.
    """

    number: int
    logged_at: datetime
    line: str


async def add_lines(session: AsyncSession, instance_id: UUID, lines: Iterable[Line]) -> int:
    """Add what an agent logged; lines up to the newest known one are there already, or were forgotten.

    Returns:
        The agent's number of the line that should come next.

    Raises:
        InstanceOver: If the instance has ended.
    """
    instance = await agents.lock_live(session, instance_id)
    last = await queries.last_source_number(session, instance_id)
    new = {line.number: line for line in lines if line.number > last}
    if not new:
        return last + 1
    numbers = sorted(new)
    await queries.add(session, [_row(instance, new[number], place) for place, number in enumerate(numbers, 1)])
    instance.last_line += len(new)
    if instance.last_line > MAX_LINES:
        # At once, not by the job: whoever holds the machine could fill the database between two of its turns.
        await queries.forget_up_to(session, instance_id, instance.last_line - MAX_LINES)
    return numbers[-1] + 1


async def forget(session: AsyncSession, now: datetime) -> int:
    """Forget lines beyond the newest of a long log, and the logs of instances that ended long ago; how many lines."""
    beyond = await queries.forget_beyond(session, MAX_LINES)
    return beyond + await queries.forget_ended(session, now - KEPT, ENDED_BATCH)


def _row(instance: Instance, line: Line, place: int) -> dict[str, object]:
    return {
        "instance_id": instance.id,
        "number": instance.last_line + place,
        "logged_at": line.logged_at,
        "source": "agent",
        "source_number": line.number,
        "line": line.line,
    }
