"""Storage keys: who may touch what, until when."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import Backup, KeyFileRead, OwnerSpace, RepositoryClaim, StorageKey
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


async def find_last_issued(session: AsyncSession, owner_id: UUID, number: int, *, of_devices: bool) -> datetime | None:
    """When the so-many-th last key was issued to the owner's devices, or to the owner; None when there were fewer."""
    kind = StorageKey.session_id.is_not(None) if of_devices else StorageKey.session_id.is_(None)
    query = select(StorageKey.issued_at).where(StorageKey.owner_id == owner_id, StorageKey.restore_id.is_(None), kind)
    return await session.scalar(query.order_by(StorageKey.issued_at.desc()).offset(number - 1).limit(1))


async def find_grant(session: AsyncSession, access_key_id: str) -> AnyRow | None:
    """What the gate must know of a key, in one row."""
    query = (
        select(
            StorageKey.owner_id,
            StorageKey.access,
            StorageKey.expires_at,
            StorageKey.revoked_at,
            StorageKey.read_at,
            OwnerSpace.prefix,
            func.coalesce(OwnerSpace.operator_restriction, OwnerSpace.restriction, StorageKey.restriction).label(
                "restriction"
            ),
            Backup.repository,
        )
        .join(OwnerSpace, OwnerSpace.owner_id == StorageKey.owner_id)
        .outerjoin(Backup, Backup.id == StorageKey.backup_id)
        .where(StorageKey.access_key_id == access_key_id, StorageKey.issuer == "vault")
    )
    return (await session.execute(query)).one_or_none()


async def was_written_after(session: AsyncSession, owner_id: UUID, backup_id: UUID, instant: datetime) -> bool:
    """Whether a key might have written to the backup after an instant: one that lives, or ended since.

    Of a device's key the vault's gate tells when it writes, and where.
    """
    reaching = or_(StorageKey.backup_id == backup_id, and_(StorageKey.backup_id.is_(None), _unwatched()))
    return await _exists_writer(session, owner_id, instant, reaching)


async def has_device_key(session: AsyncSession, owner_id: UUID, instant: datetime) -> bool:
    """Whether the owner had a key that reaches all of their repositories after an instant."""
    return await _exists_writer(session, owner_id, instant, StorageKey.backup_id.is_(None))


async def has_unwatched_key(session: AsyncSession, owner_id: UUID, instant: datetime) -> bool:
    """Whether the owner had such a key of a store whose requests nobody tells catalog of."""
    return await _exists_writer(session, owner_id, instant, and_(StorageKey.backup_id.is_(None), _unwatched()))


async def _exists_writer(
    session: AsyncSession, owner_id: UUID, instant: datetime, reaching: ColumnElement[bool]
) -> bool:
    live = select(StorageKey.access_key_id).where(
        StorageKey.owner_id == owner_id,
        reaching,
        StorageKey.access == "write",
        StorageKey.expires_at > instant,
        or_(StorageKey.revoked_at.is_(None), StorageKey.revoked_at > instant),
    )
    return bool(await session.scalar(select(live.exists())))


def _unwatched() -> ColumnElement[bool]:
    return StorageKey.issuer != "vault"


async def note_reading(session: AsyncSession, access_key_id: str, now: datetime) -> None:
    """Something was read with the key."""
    await session.execute(
        update(StorageKey)
        .where(StorageKey.access_key_id == access_key_id)
        .values(read_at=now)
        .execution_options(synchronize_session=False)
    )


async def in_use_until(session: AsyncSession, backup_id: UUID, now: datetime) -> datetime | None:
    """When the last key to this backup ends that removal must wait for; None if there is none.

    Those are keys of a restore, and ones that cannot be revoked. A device's key to all repositories is none of them: it
    gets another one every hour.
    """
    return await session.scalar(
        select(func.max(StorageKey.expires_at)).where(
            StorageKey.backup_id == backup_id,
            or_(StorageKey.restore_id.is_not(None), _unwatched()),
            StorageKey.expires_at > now,
            StorageKey.revoked_at.is_(None),
        )
    )


async def unstoppable_until(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> datetime | None:
    """When the last key ends that reaches the backup and nobody can stop, revoked or not; None if there is none."""
    return await session.scalar(
        select(func.max(StorageKey.expires_at)).where(
            StorageKey.owner_id == owner_id,
            or_(StorageKey.backup_id == backup_id, StorageKey.backup_id.is_(None)),
            _unwatched(),
            StorageKey.expires_at > now,
        )
    )


async def find_writer_terminus(session: AsyncSession, owner_id: UUID, repository: str, at: datetime) -> UUID | None:
    """The Terminus whose key began a repository at this instant.

    The vault's gate knows which key it was. Elsewhere it is taken for the last one issued before, of those of devices
    if there are any: the others write to repositories that are known.
    """
    began = and_(
        RepositoryClaim.owner_id == StorageKey.owner_id,
        RepositoryClaim.repository == repository,
        RepositoryClaim.access_key_id == StorageKey.access_key_id,
    )
    return await session.scalar(
        select(StorageKey.terminus_id)
        .outerjoin(RepositoryClaim, began)
        .where(StorageKey.owner_id == owner_id, StorageKey.access == "write", StorageKey.issued_at <= at)
        .order_by(
            RepositoryClaim.access_key_id.is_(None), StorageKey.backup_id.is_not(None), StorageKey.issued_at.desc()
        )
        .limit(1)
    )


async def revoke_keys(
    session: AsyncSession,
    now: datetime,
    *,
    owner_id: UUID | None = None,
    access_key_id: str | None = None,
    backup_id: UUID | None = None,
    restore_id: UUID | None = None,
    session_id: UUID | None = None,
    issued_until: datetime | None = None,
) -> None:
    """Revoke keys of an owner, a backup, a restore or a session; only those issued until an instant when one is given.

    By its id, a key is revoked with all that were renewed one from another with it.

    A device's key counts after its end too, for it may read and be renewed then. What was reserved is given back.
    """
    of_use = or_(StorageKey.expires_at > now, StorageKey.session_id.is_not(None))
    query = update(StorageKey).where(StorageKey.revoked_at.is_(None), of_use)
    if owner_id is not None:
        query = query.where(StorageKey.owner_id == owner_id)
    if access_key_id is not None:
        of_key = StorageKey.access_key_id == access_key_id
        first_key_id = select(StorageKey.first_key_id).where(of_key).scalar_subquery()
        query = query.where(or_(of_key, StorageKey.first_key_id == first_key_id))
    if backup_id is not None:
        query = query.where(StorageKey.backup_id == backup_id)
    if restore_id is not None:
        query = query.where(StorageKey.restore_id == restore_id)
    if session_id is not None:
        query = query.where(StorageKey.session_id == session_id)
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
