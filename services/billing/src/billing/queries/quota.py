"""Reservations, and what an owner's quota is reckoned from."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from billing.models import Account, MeteredBackup, PaymentMethod, Reservation


async def used_bytes(session: AsyncSession, owner_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What these owners hold in all, as last measured."""
    found = (
        select(MeteredBackup.owner_id, func.sum(MeteredBackup.storage_bytes))
        .where(MeteredBackup.owner_id.in_(list(owner_ids)))
        .group_by(MeteredBackup.owner_id)
    )
    return {owner_id: int(total) for owner_id, total in await session.execute(found)}


async def live_reservations(session: AsyncSession, owner_ids: Iterable[UUID], now: datetime) -> dict[UUID, list[Any]]:
    """By owner, those whose key has not ended, with what is not written yet; with ``ended_at`` they hold no room."""
    held = func.coalesce(MeteredBackup.storage_bytes, 0)
    found = (
        select(
            Reservation.owner_id,
            Reservation.backup_id,
            Reservation.terminus_id,
            Reservation.ended_at,
            # A backup that shrinks meanwhile makes no reservation larger than it was.
            (Reservation.reserved_bytes - func.greatest(held - Reservation.base_bytes, 0)).label("outstanding_bytes"),
        )
        .outerjoin(MeteredBackup, MeteredBackup.backup_id == Reservation.backup_id)
        .where(Reservation.owner_id.in_(list(owner_ids)), Reservation.expires_at > now)
    )
    by_owner: dict[UUID, list[Any]] = defaultdict(list)
    for row in await session.execute(found):
        by_owner[row.owner_id].append(row)
    return by_owner


async def end_reservations(session: AsyncSession, backup_id: UUID, now: datetime) -> None:
    """A newer key of the same backup takes the place of these."""
    await session.execute(
        update(Reservation)
        .where(Reservation.backup_id == backup_id, Reservation.ended_at.is_(None))
        .values(ended_at=now)
    )


async def has_method(session: AsyncSession, owner_id: UUID) -> bool:
    """Whether the owner has a card that may be charged."""
    found = exists().where(PaymentMethod.owner_id == owner_id, PaymentMethod.removed_at.is_(None))
    return bool(await session.scalar(select(found)))


async def owners_with_method(session: AsyncSession, owner_ids: Iterable[UUID]) -> set[UUID]:
    """Those of them who have a card that may be charged."""
    found = select(PaymentMethod.owner_id).where(
        PaymentMethod.owner_id.in_(list(owner_ids)), PaymentMethod.removed_at.is_(None)
    )
    return set(await session.scalars(found))


async def claim_assessable(session: AsyncSession, now: datetime, limit: int) -> Sequence[Account]:
    """Locked accounts whose quota time alone may have changed."""
    due = select(Account).where(Account.assess_due_at <= now).order_by(Account.assess_due_at).limit(limit)
    return (
        await session.scalars(due.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    ).all()


async def forget_ended(session: AsyncSession, before: datetime) -> int:
    """Reservations of keys that ended before then hold nothing and say nothing; how many there were."""
    gone = delete(Reservation).where(Reservation.expires_at < before).returning(Reservation.id)
    return len((await session.scalars(gone)).all())
