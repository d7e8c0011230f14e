"""Owners' folders: made on first sight, and looked through."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.layout import catalog_key_id, owner_prefix
from catalog.models import OwnerSpace
from catalog.queries.rows import AnyRow


async def ensure_space(session: AsyncSession, owner_id: UUID, did: str, now: datetime) -> None:
    """The owner's folder, made on first sight; its contents, if there are any, are looked for at once."""
    await session.execute(
        insert(OwnerSpace)
        .values(
            owner_id=owner_id,
            did=did,
            prefix=owner_prefix(did),
            catalog_key_id=catalog_key_id(owner_prefix(did)),
            prepared=False,
            discover_due_at=now,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )


async def find_space(session: AsyncSession, owner_id: UUID) -> OwnerSpace | None:
    return await session.get(OwnerSpace, owner_id)


async def lock_space(session: AsyncSession, owner_id: UUID) -> None:
    """Let no other transaction past this point for the owner; rows that refer to the folder can still be added."""
    await session.execute(
        select(OwnerSpace.owner_id).where(OwnerSpace.owner_id == owner_id).with_for_update(key_share=True)
    )


async def find_space_by_key(session: AsyncSession, key_id: str) -> OwnerSpace | None:
    """The owner whose objects this key of catalog's own reaches."""
    return await session.scalar(select(OwnerSpace).where(OwnerSpace.catalog_key_id == key_id))


async def claim_discovery(session: AsyncSession, now: datetime, lease_until: datetime) -> AnyRow | None:
    """One owner whose folder is due to be looked through."""
    due = (
        select(OwnerSpace.owner_id)
        .where(OwnerSpace.discover_due_at <= now)
        .order_by(OwnerSpace.discover_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = await session.execute(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == due)
        .values(discover_due_at=lease_until)
        .returning(OwnerSpace.owner_id, OwnerSpace.prefix, OwnerSpace.prepared)
        .execution_options(synchronize_session=False)
    )
    return claimed.one_or_none()


async def end_discovery(session: AsyncSession, owner_id: UUID, lease_until: datetime, due_at: datetime) -> None:
    """Look again at this time, unless somebody asked for it while we looked."""
    await session.execute(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == owner_id, OwnerSpace.discover_due_at == lease_until)
        .values(discover_due_at=due_at)
        .execution_options(synchronize_session=False)
    )


async def bring_discovery_forward(session: AsyncSession, owner_id: UUID, due_at: datetime) -> None:
    """Look through the owner's folder at this time at the latest."""
    await session.execute(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == owner_id, OwnerSpace.discover_due_at > due_at)
        .values(discover_due_at=due_at)
        .execution_options(synchronize_session=False)
    )


async def heed_quota(session: AsyncSession, owner_id: UUID, number: int, restriction: str | None) -> bool:
    """Note billing's word on an owner; False when a later one was heard, or the owner is not known."""
    heard = await session.scalar(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == owner_id, OwnerSpace.quota_number < number)
        .values(restriction=restriction, quota_number=number)
        .returning(OwnerSpace.owner_id)
        .execution_options(synchronize_session=False)
    )
    return heard is not None
