"""Room for write keys: billing is asked before a key is issued, and gets the room back when the key is not or ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.domain.gate import Restriction
from catalog.domain.quota import refused, refused_as_last_heard
from catalog.errors import Arrears, OverLimit
from catalog.models import Reservation
from catalog.operations import restrictions
from catalog.ports import Quota, QuotaAnswer, RoomWanted
from shared.db import Database
from shared.errors import ServiceError, ServiceUnavailable

ABANDONED = timedelta(minutes=2)
"""A key follows its intent within seconds; an intent this old is of a process that died on the way."""
LEASE = timedelta(seconds=15)
"""How long giving back may take before it is tried again."""

QUOTA_ANSWERS = Counter(
    "space_catalog_quota_answers_total",
    "Questions for room to write: reserved, over_limit, arrears, or unanswered (then the last word heard decides).",
    ["answer"],
)
REFUSALS: dict[Restriction, type[ServiceError]] = {Restriction.OVER_LIMIT: OverLimit, Restriction.ARREARS: Arrears}


@dataclass(frozen=True)
class Intent:
    """Room that is about to be asked for.

    Args:
        heard: Billing's last word on the owner.
        due_at: When it is taken for abandoned and given back.
    """

    room: RoomWanted
    heard: Restriction | None
    due_at: datetime


def intend(session: AsyncSession, room: RoomWanted, heard: Restriction | None, now: datetime) -> Intent:
    """Write down what is about to be asked, so that no room is kept for a key that never was."""
    intent = Intent(room, heard, now + ABANDONED)
    session.add(
        Reservation(id=room.reservation_id, owner_id=room.owner_id, expires_at=room.expires_at, due_at=intent.due_at)
    )
    return intent


async def reserve(quota: Quota, intent: Intent) -> QuotaAnswer | None:
    """Ask for the room; None without an answer.

    Without an answer, billing's last word decides: a backup that was missed cannot be made up for, a bill can be
    corrected, and the gate and the next measurement still hold an owner to their limit.

    Raises:
        OverLimit, Arrears: If there is no room.
    """
    try:
        answer = await quota.reserve(intent.room)
    except ServiceUnavailable as error:
        QUOTA_ANSWERS.labels("unanswered").inc()
        if intent.heard is not None:
            raise REFUSALS[intent.heard](refused_as_last_heard(intent.heard)) from error
        return None
    QUOTA_ANSWERS.labels(answer.reason or "reserved").inc()
    if answer.reason is not None:
        figures = {
            "used_bytes": answer.used_bytes, "limit_bytes": answer.limit_bytes, "left_bytes": answer.left_bytes
        }  # fmt: skip
        raise REFUSALS[answer.reason](answer.detail or refused(answer.reason, **figures), **figures)
    return answer


async def reserve_and_heed(database: Database, quota: Quota, intent: Intent, heard_number: int, now: datetime) -> None:
    """The same, and the word that comes with the answer, when it is later than the last one heard.

    The event that this room lifts a restriction may be on its way; the gate must know it before the key is used.

    Args:
        heard_number: Of billing's last word on the owner.
    """
    answer = await reserve(quota, intent)
    if answer is not None and answer.number > heard_number:
        async with database.transaction() as session:
            await restrictions.heed_billing(session, intent.room.owner_id, answer.number, answer.restriction, now)


async def bind(session: AsyncSession, intent: Intent, access_key_id: str) -> None:
    """Tie the room to its key.

    Raises:
        ServiceUnavailable: If issuing took so long that the room is being given back.
    """
    if not await queries.reservations.bind(session, intent.room.reservation_id, intent.due_at, access_key_id):
        raise ServiceUnavailable("Making this key took too long. Ask for another one.", retry_after_seconds=1)


async def give_back(database: Database, intent: Intent, now: datetime) -> None:
    """Let the room go: there is no key."""
    async with database.transaction() as session:
        await queries.reservations.give_back(session, intent.room.reservation_id, now)


async def give_back_due(database: Database, quota: Quota, now: datetime) -> int:
    """Give one reservation back that is due; 0 when none is.

    Billing is told between two transactions, and may be told twice.

    Raises:
        ServiceUnavailable: If billing does not answer; it is tried again later, until the key would have ended.
    """
    async with database.transaction() as session:
        await queries.reservations.forget_ended(session, now)
        claimed = await queries.reservations.claim(session, now, now + LEASE)
    if claimed is None:
        return 0
    reservation_id: UUID = claimed.id
    await quota.release(reservation_id)
    async with database.transaction() as session:
        await queries.reservations.forget(session, reservation_id)
    return 1
