"""What an owner may still upload, told to the others whenever it changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.dunning import ON_CREDIT, Standing
from billing.domain.meter import Levels, Pool, charge
from billing.domain.money import round_minor
from billing.domain.prices import PriceBook
from billing.domain.quota import Quota, Reason, assess
from billing.models import Account, Meter, MeteredBackup, Reservation
from billing.operations import accounts, meters, price_books
from billing.queries import metering as metering_queries
from billing.queries import quota as queries
from billing.queries.bulk import update_many
from shared.db import Database
from shared.events.billing import QuotaCleared, QuotaExceeded
from shared.outbox import publish

ASSESS_EVERY = timedelta(minutes=10)
"""How often the quota of one who pays for more than the allowance is looked at, though nothing was measured."""
BATCH = 50
KEPT = timedelta(days=1)
"""How long a reservation is remembered after its key's end."""


@dataclass(frozen=True)
class Assessment:
    """An owner's quota and what it comes from. Amounts in minor units.

    Args:
        free_bytes: The allowance as it counts for the bill.
        spend_limit_minor: None without a payment method.
        spent_minor: For backup storage since the last invoice.
    """

    quota: Quota
    free_bytes: int
    counted_terminus: int
    has_method: bool
    spend_limit_minor: int | None
    spent_minor: int
    currency: str


@dataclass(frozen=True)
class Wanted:
    """Room for a write key. ``declared_bytes`` is what its device says it will write at most, if it says."""

    reservation_id: UUID
    owner_id: UUID
    backup_id: UUID
    terminus_id: UUID | None
    declared_bytes: int | None
    expires_at: datetime


@dataclass(frozen=True)
class Answer:
    """Whether the key may be issued."""

    quota: Quota
    reason: Reason | None


@dataclass(frozen=True)
class Facts:
    """What one owner's quota is reckoned from."""

    levels: Levels
    reservations: Sequence[Any]
    has_method: bool
    meter: Meter | None


async def gather(session: AsyncSession, owner_ids: Sequence[UUID], now: datetime) -> dict[UUID, Facts]:
    """The facts about each of these owners: as many statements for all as for one."""
    levels = await metering_queries.find_levels(session, owner_ids)
    reservations = await queries.live_reservations(session, owner_ids, now)
    paying = await queries.owners_with_method(session, owner_ids)
    known = await metering_queries.find_meters(session, owner_ids)
    return {
        each: Facts(levels.get(each, {}), reservations.get(each, ()), each in paying, known.get(each))
        for each in owner_ids
    }


async def look(session: AsyncSession, account: Account, now: datetime, wanting: Wanted | None = None) -> Assessment:
    """How an owner stands. A Terminus whose first backup is being written counts here, and not for the bill.

    Args:
        wanting: A key that is being asked for: its backup's earlier reservations make way, its Terminus counts.
    """
    facts = (await gather(session, [account.owner_id], now))[account.owner_id]
    return await _look(session, account, now, wanting, facts, await price_books.current(session))


async def _look(
    session: AsyncSession, account: Account, now: datetime, wanting: Wanted | None, facts: Facts, book: PriceBook
) -> Assessment:
    version = book.in_force(now)
    pool = Pool(facts.levels)
    reserved, begun = 0, set() if wanting is None else {wanting.terminus_id}
    for row in facts.reservations:
        begun.add(row.terminus_id)
        if row.ended_at is None and (wanting is None or row.backup_id != wanting.backup_id):
            reserved += max(row.outstanding_bytes, 0)
    counted = {level.terminus_id for level in facts.levels.values() if level.has_snapshot}
    free = pool.allowance_bytes(version)
    writable = version.free_bytes_per_terminus * max(1, min(len(counted | begun), version.max_free_terminus))
    method = facts.has_method
    limit = account.spend_limit_minor if account.spend_limit_minor is not None else book.default_spend_limit_minor
    spent = 0
    meter = facts.meter
    if meter is not None and (pool.used_bytes > free or meter.accrued):
        at = max(now, meter.period_start)
        spent = round_minor(charge(await meters.accrued_at(session, meter, at, book, facts.levels), book, book.place))
    quota = assess(
        used_bytes=pool.used_bytes,
        reserved_bytes=reserved,
        allowance_bytes=max(free, writable),
        spendable_minor=limit - spent if method else 0,
        in_arrears=Standing(account.standing) not in ON_CREDIT,
        version=version,
        place=book.place,
    )
    return Assessment(
        quota=quota,
        free_bytes=free,
        counted_terminus=len(counted),
        has_method=method,
        spend_limit_minor=limit if method else None,
        spent_minor=spent,
        currency=account.currency,
    )


async def reassess(session: AsyncSession, account: Account, now: datetime) -> None:
    """Tell the others when a locked account may upload no more, or again."""
    await reassess_all(session, [account], now)


async def reassess_all(session: AsyncSession, locked: Sequence[Account], now: datetime) -> None:
    """The same for many."""
    await session.flush()
    facts = await gather(session, [account.owner_id for account in locked], now)
    book = await price_books.current(session)
    for account in locked:
        _tell(session, account, await _look(session, account, now, None, facts[account.owner_id], book), now)
    await update_many(session, locked, "quota_reason", "quota_number", "assess_due_at")


def _tell(session: AsyncSession, account: Account, found: Assessment, now: datetime) -> None:
    quota = found.quota
    reason: Reason | None = None
    if quota.is_exceeded:
        reason = "over_limit" if Standing(account.standing) in ON_CREDIT else "arrears"
    if quota.used_bytes <= found.free_bytes and reason is None:
        account.assess_due_at = None
    elif account.assess_due_at is None or account.assess_due_at <= now:
        # Not put off: with a measurement every minute it would never come.
        account.assess_due_at = now + ASSESS_EVERY
    if reason == account.quota_reason:
        return
    account.quota_reason = reason
    account.quota_number += 1
    if reason is None:
        publish(
            session,
            QuotaCleared(
                owner_id=account.owner_id, used_bytes=quota.used_bytes, limit_bytes=quota.limit_bytes,
                number=account.quota_number, occurred_at=now,
            ),
        )  # fmt: skip
    else:
        publish(
            session,
            QuotaExceeded(
                owner_id=account.owner_id, reason=reason, used_bytes=quota.used_bytes, limit_bytes=quota.limit_bytes,
                number=account.quota_number, occurred_at=now,
            ),
        )  # fmt: skip


async def reassess_due(database: Database, now: datetime) -> int:
    """Look again at owners for whom time alone changes what their spend limit buys."""
    async with database.transaction() as session:
        due = await queries.claim_assessable(session, now, BATCH)
        await reassess_all(session, due, now)
    return len(due)


async def set_spend_limit(session: AsyncSession, owner_id: UUID, limit_minor: int, now: datetime) -> Assessment:
    """How much an owner will pay for a month's backup storage above the allowance, in minor units; 0 for nothing."""
    account = await accounts.lock(session, owner_id, now)
    account.spend_limit_minor = limit_minor
    await reassess(session, account, now)
    return await look(session, account, now)


async def reserve(session: AsyncSession, wanted: Wanted, now: datetime) -> Answer:
    """Set room aside for a write key, or say why not. The same reservation again gets the same answer, once."""
    account = await accounts.lock(session, wanted.owner_id, now)
    known = await session.get(Reservation, wanted.reservation_id)
    found = (await look(session, account, now, None if known else wanted)).quota
    if known is not None:
        return Answer(found, None)
    reserved = found.reservable_bytes(wanted.declared_bytes)
    if reserved <= 0:
        return Answer(found, "over_limit" if Standing(account.standing) in ON_CREDIT else "arrears")
    await queries.end_reservations(session, wanted.backup_id, now)
    backup = await session.get(MeteredBackup, wanted.backup_id)
    session.add(
        Reservation(
            id=wanted.reservation_id,
            owner_id=wanted.owner_id,
            backup_id=wanted.backup_id,
            terminus_id=wanted.terminus_id,
            reserved_bytes=reserved,
            base_bytes=0 if backup is None else backup.storage_bytes,
            declared=wanted.declared_bytes is not None,
            created_at=now,
            expires_at=wanted.expires_at,
        )
    )
    await reassess(session, account, now)
    return Answer(found, None)


async def give_back(session: AsyncSession, reservation_id: UUID, now: datetime) -> None:
    """The key was not issued or has ended; what is not known or over already stays so."""
    reservation = await session.get(Reservation, reservation_id)
    if reservation is None:
        return
    await accounts.lock(session, reservation.owner_id, now)
    await session.refresh(reservation)
    reservation.ended_at = reservation.ended_at or now
    reservation.expires_at = min(reservation.expires_at, now)


async def forget_ended(database: Database, now: datetime) -> int:
    """Drop reservations whose keys ended a while ago; catalog does not come back to them. How many there were."""
    async with database.transaction() as session:
        return await queries.forget_ended(session, now - KEPT)
