"""Turns: one worker has one instance to itself for a while, does what its status calls for, and writes down what came.

A turn is three steps: a transaction that claims it and says what will be done, calls to the driver outside any
transaction, and a transaction that records the outcome. A process that dies between them leaves a row that is due again
after its lease, with everything the next turn must know.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import UNCERTAIN, Status
from provisioning.domain.log_text import visible
from provisioning.domain.offers import Offers
from provisioning.models import Instance
from provisioning.operations import calls
from provisioning.ports import InstanceDriver, Machine
from provisioning.queries import instances as queries
from provisioning.settings import Settings
from shared.db import Database

CALLS_PER_TURN = 3
MARGIN = timedelta(seconds=5)
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=2)
LONGEST_TROUBLE = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Workshop:
    """What turns are taken with.

    Args:
        drivers: By provider.
        clock: Read before and after each call to a driver.
    """

    database: Database
    drivers: Mapping[str, InstanceDriver]
    offers: Offers
    settings: Settings
    clock: Callable[[], datetime]

    @property
    def lease(self) -> timedelta:
        """How long a turn may last at most."""
        return timedelta(seconds=self.settings.driver_deadline_seconds) * CALLS_PER_TURN + MARGIN


@dataclass(frozen=True)
class Turn:
    """An instance as it was claimed.

    Args:
        number: How often it was claimed in its status, this time included; the fence against a turn that woke late.
        place: The driver's own name of its region.
        since: When it came into its status.
        stuck_at: Since when it waits for an operator.
        machine: The reference of its machine, as far as that is known.
        call_until: When the last call to make its machine has ended for certain; null when there was none.
    """

    instance_id: UUID
    driver: InstanceDriver
    status: Status
    number: int
    place: str
    since: datetime
    stuck_at: datetime | None
    machine: str | None
    call_until: datetime | None


def claim(instance: Instance, driver: InstanceDriver, until: datetime) -> Turn:
    """Take a turn with a locked instance; nobody else does until then."""
    instance.attempts += 1
    instance.due_at = until
    assert instance.place is not None
    return Turn(
        instance_id=instance.id,
        driver=driver,
        status=Status(instance.status),
        number=instance.attempts,
        place=instance.place,
        since=instance.updated_at,
        stuck_at=instance.stuck_at,
        machine=instance.machine,
        call_until=instance.call_until,
    )


async def resume(session: AsyncSession, turn: Turn) -> Instance | None:
    """The turn's instance, locked, if it is still this turn's; None when something else has gone on with it."""
    instance = await queries.lock(session, turn.instance_id)
    if instance is None or instance.status != turn.status or instance.attempts != turn.number:
        return None
    return instance


async def answered(session: AsyncSession, turn: Turn) -> Instance | None:
    """As `resume`, for a turn that its driver has answered: no operator is needed any more."""
    instance = await resume(session, turn)
    if instance is not None:
        instance.unanswered_since = instance.stuck_at = instance.trouble = None
    return instance


async def find(shop: Workshop, turn: Turn) -> list[Machine]:
    """The machines of the turn's instance, its own first, in a stable order. Raises Unanswered, CredentialsRefused."""
    found = turn.driver.find(turn.place, turn.instance_id)
    machines = await calls.ask(turn.driver, "find", found, shop.settings.driver_deadline_seconds)
    return sorted(machines, key=lambda machine: (machine.reference != turn.machine, machine.reference))


def is_settled(turn: Turn, now: datetime) -> bool:
    """Whether every machine that was made is listed by now, and none can come into being any more."""
    return turn.call_until is None or now >= turn.call_until + turn.driver.settle


def settles_at(turn: Turn, now: datetime) -> datetime:
    """When to look again for a machine that may still come into being."""
    assert turn.call_until is not None
    return min(now + wait(turn.number), max(turn.call_until + turn.driver.settle, now))


def wait(attempts: int) -> timedelta:
    """How long to wait before asking a provider again that gave no answer, or not the one that was hoped for."""
    doubled: timedelta = FIRST_WAIT * 2 ** min(max(attempts - 1, 0), 10)
    return min(doubled, LONGEST_WAIT)


def look_again(instance: Instance, turn: Turn, seen: Sequence[Machine], now: datetime) -> None:
    """The driver answers, and what it was told is not done yet: look later, and call an operator after long."""
    instance.due_at = now + wait(turn.number)
    if now - turn.since > UNCERTAIN:
        instance.stuck_at = turn.stuck_at
        states = ", ".join(f"{machine.reference} {machine.state}" for machine in seen) or "no machine"
        call_operator(instance, f"After more than an hour its provider still says: {states}.", now)


async def postpone(shop: Workshop, turn: Turn, error: Exception) -> None:
    """The driver gave no certain answer: ask again later, and call an operator when that goes on for long."""
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await resume(session, turn)
        if instance is not None:
            instance.due_at = now + wait(turn.number)
            _note_trouble(instance, str(error), now)


async def break_off(shop: Workshop, instance_id: UUID, until: datetime, error: Exception) -> None:
    """A turn ended by what nobody expected: the next begins when its lease is over.

    Args:
        until: The end of its lease.
    """
    log.error("a turn was broken off", instance_id=str(instance_id), exc_info=error)
    async with shop.database.transaction() as session:
        instance = await queries.lock(session, instance_id)
        if instance is not None and instance.due_at == until:
            _note_trouble(instance, f"{type(error).__name__}: {error}", shop.clock())


def call_operator(instance: Instance, trouble: str, now: datetime) -> None:
    """A locked instance does not come on by itself; an operator is told once.

    Args:
        trouble: Why, in words of its provider, it may be.
    """
    instance.trouble = readable(trouble)
    if instance.stuck_at is None:
        instance.stuck_at = now
        log.error("an instance waits for an operator", instance_id=str(instance.id), reason=instance.trouble)


def readable(trouble: str) -> str:
    """What somebody else said, as it may be kept and shown."""
    return visible(trouble)[:LONGEST_TROUBLE]


def _note_trouble(instance: Instance, trouble: str, now: datetime) -> None:
    instance.trouble = readable(trouble)
    instance.unanswered_since = instance.unanswered_since or now
    if now - instance.unanswered_since > UNCERTAIN:
        call_operator(instance, trouble, now)
