"""Reservations, and what an owner's quota is reckoned from."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select, update
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


async def live_reservations(session: AsyncSession, owner_id: UUID, now: datetime) -> Sequence[Any]:
    """Reservations whose key has not ended, with what is not written of them yet; ``ended_at``: they hold no room."""
    held = func.coalesce(MeteredBackup.storage_bytes, 0)
    found = (
        select(
            Reservation.backup_id,
            Reservation.terminus_id,
            Reservation.ended_at,
            (Reservation.base_bytes + Reservation.reserved_bytes - held).label("outstanding_bytes"),
        )
        .outerjoin(MeteredBackup, MeteredBackup.backup_id == Reservation.backup_id)
        .where(Reservation.owner_id == owner_id, Reservation.expires_at > now)
    )
    return (await session.execute(found)).all()


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


async def claim_assessable(session: AsyncSession, now: datetime, limit: int) -> Sequence[Account]:
    """Locked accounts whose quota time alone may have changed."""
    due = select(Account).where(Account.assess_due_at <= now).order_by(Account.assess_due_at).limit(limit)
    return (
        await session.scalars(due.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    ).all()


async def forget_ended(session: AsyncSession, before: datetime) -> None:
    """Reservations of keys that ended long ago hold nothing and say nothing."""
    ended = update(Reservation).where(Reservation.expires_at < before, Reservation.ended_at.is_(None))
    await session.execute(ended.values(ended_at=before))
