"""Storage keys: who may touch what, until when."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import Backup, KeyFileRead, OwnerSpace, StorageKey
from catalog.queries.reservations import give_back_of_keys
from catalog.queries.rows import AnyRow


async def list_live_keys(
    session: AsyncSession, owner_id: UUID, now: datetime, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[AnyRow]:
    """An owner's keys that have not ended, newest first."""
    query = select(
        StorageKey.access_key_id,
        StorageKey.backup_id,
        StorageKey.restore_id,
        StorageKey.access.label("scope"),
        StorageKey.issuer,
        StorageKey.issued_at,
        StorageKey.expires_at,
    ).where(StorageKey.owner_id == owner_id, StorageKey.expires_at > now, StorageKey.revoked_at.is_(None))
    if after is not None:
        query = query.where(tuple_(StorageKey.issued_at, StorageKey.access_key_id) < after)
    query = query.order_by(StorageKey.issued_at.desc(), StorageKey.access_key_id.desc()).limit(limit + 1)
    return (await session.execute(query)).all()


async def find_grant(session: AsyncSession, access_key_id: str) -> AnyRow | None:
    """What the gate must know of a key, in one row."""
    query = (
        select(
            StorageKey.owner_id,
            StorageKey.access,
            StorageKey.expires_at,
            StorageKey.revoked_at,
            OwnerSpace.prefix,
            func.coalesce(OwnerSpace.operator_restriction, OwnerSpace.restriction).label("restriction"),
            Backup.repository,
        )
        .join(OwnerSpace, OwnerSpace.owner_id == StorageKey.owner_id)
        .outerjoin(Backup, Backup.id == StorageKey.backup_id)
        .where(StorageKey.access_key_id == access_key_id, StorageKey.issuer == "vault")
    )
    return (await session.execute(query)).one_or_none()


async def was_written_after(session: AsyncSession, owner_id: UUID, backup_id: UUID, instant: datetime) -> bool:
    """Whether a key might have written to the backup after an instant: one that lives, or ended since."""
    live = select(StorageKey.access_key_id).where(
        StorageKey.owner_id == owner_id,
        or_(StorageKey.backup_id == backup_id, StorageKey.backup_id.is_(None)),
        StorageKey.access == "write",
        StorageKey.expires_at > instant,
        or_(StorageKey.revoked_at.is_(None), StorageKey.revoked_at > instant),
    )
    return bool(await session.scalar(select(live.exists())))


async def in_use_until(session: AsyncSession, backup_id: UUID, now: datetime) -> datetime | None:
    """When the last key ends that removal must wait for: of a restore, or one that cannot be revoked; None if none."""
    return await session.scalar(
        select(func.max(StorageKey.expires_at)).where(
            StorageKey.backup_id == backup_id,
            or_(StorageKey.restore_id.is_not(None), StorageKey.issuer != "vault"),
            StorageKey.expires_at > now,
            StorageKey.revoked_at.is_(None),
        )
    )


async def find_writer_terminus(session: AsyncSession, owner_id: UUID, at: datetime) -> UUID | None:
    """The Terminus whose write key was the last issued before this instant."""
    return await session.scalar(
        select(StorageKey.terminus_id)
        .where(StorageKey.owner_id == owner_id, StorageKey.access == "write", StorageKey.issued_at <= at)
        .order_by(StorageKey.issued_at.desc())
        .limit(1)
    )


async def revoke_keys(
    session: AsyncSession,
    now: datetime,
    *,
    owner_id: UUID | None = None,
    backup_id: UUID | None = None,
    restore_id: UUID | None = None,
    issued_until: datetime | None = None,
) -> None:
    """Revoke the live keys of an owner, a backup or a restore; only those issued until an instant when one is given.

    What was reserved for them is given back.
    """
    query = update(StorageKey).where(StorageKey.revoked_at.is_(None), StorageKey.expires_at > now)
    if owner_id is not None:
        query = query.where(StorageKey.owner_id == owner_id)
    if backup_id is not None:
        query = query.where(StorageKey.backup_id == backup_id)
    if restore_id is not None:
        query = query.where(StorageKey.restore_id == restore_id)
    if issued_until is not None:
        query = query.where(StorageKey.issued_at <= issued_until)
    revoked = query.values(revoked_at=now).returning(StorageKey.access_key_id)
    ended = await session.scalars(revoked.execution_options(synchronize_session=False))
    await give_back_of_keys(session, ended.all(), now)


async def count_key_file_reads(session: AsyncSession, owner_id: UUID, since: datetime) -> int:
    counted = await session.scalar(
        select(func.count()).where(KeyFileRead.owner_id == owner_id, KeyFileRead.read_at > since)
    )
    return counted or 0
