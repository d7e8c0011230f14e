"""Room kept for write keys, and which of it is to be given back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import Reservation, StorageKey
from catalog.queries.rows import AnyRow


async def bind(session: AsyncSession, reservation_id: UUID, due_at: datetime, access_key_id: str) -> bool:
    """Tie room to the key that was issued for it; False when it took so long that the room is being given back.

    Args:
        due_at: As it was written with the intent; whoever gives the room back has changed it.
    """
    bound = await session.scalar(
        update(Reservation)
        .where(Reservation.id == reservation_id, Reservation.due_at == due_at)
        .values(access_key_id=access_key_id, due_at=Reservation.expires_at)
        .returning(Reservation.id)
        .execution_options(synchronize_session=False)
    )
    return bound is not None


async def give_back(session: AsyncSession, reservation_id: UUID, now: datetime) -> None:
    """Let a job give the room back at once."""
    await session.execute(update(Reservation).where(Reservation.id == reservation_id).values(due_at=now))


async def give_back_of_keys(session: AsyncSession, access_key_ids: Sequence[str], now: datetime) -> None:
    """Let a job give back the room of keys that were revoked; a key that cannot be revoked keeps its room."""
    revocable = select(StorageKey.access_key_id).where(
        StorageKey.access_key_id.in_(access_key_ids), StorageKey.issuer == "vault"
    )
    await session.execute(
        update(Reservation)
        .where(Reservation.access_key_id.in_(revocable), Reservation.due_at > now)
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


async def give_back_of_devices(
    session: AsyncSession, owner_id: UUID, terminus_id: UUID | None, uploaded_at: datetime, now: datetime
) -> None:
    """Let a job give back the room of an owner's devices: what it was kept for has been measured.

    Args:
        terminus_id: Whose devices, when that is known; those of no Terminus are meant with it.
        uploaded_at: When the snapshot was; a key issued since is for another one.
    """
    keys = select(StorageKey.access_key_id).where(
        StorageKey.owner_id == owner_id,
        StorageKey.backup_id.is_(None),
        StorageKey.issued_at <= uploaded_at,
    )
    if terminus_id is not None:
        keys = keys.where(or_(StorageKey.terminus_id == terminus_id, StorageKey.terminus_id.is_(None)))
    await session.execute(
        update(Reservation)
        .where(Reservation.access_key_id.in_(keys), Reservation.due_at > now)
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


async def claim(session: AsyncSession, now: datetime, lease_until: datetime) -> AnyRow | None:
    """One reservation to give back, leased so that nobody else does meanwhile."""
    due = (
        select(Reservation.id)
        .where(Reservation.due_at <= now)
        .order_by(Reservation.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = await session.execute(
        update(Reservation)
        .where(Reservation.id == due)
        .values(due_at=lease_until)
        .returning(Reservation.id, Reservation.expires_at)
        .execution_options(synchronize_session=False)
    )
    return claimed.one_or_none()


async def forget(session: AsyncSession, reservation_id: UUID) -> None:
    await session.execute(delete(Reservation).where(Reservation.id == reservation_id))


async def forget_ended(session: AsyncSession, now: datetime) -> None:
    """Those that ended with their keys: billing has let go of them too."""
    await session.execute(
        delete(Reservation)
        .where(Reservation.due_at <= now, Reservation.expires_at <= now)
        .execution_options(synchronize_session=False)
    )
