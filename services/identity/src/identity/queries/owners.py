"""Owners and their names."""

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import Owner


async def add_owner(session: AsyncSession, owner: Owner) -> bool:
    """Register an owner; False when the DID or the name belongs to an owner already.

    Of two at once the second waits here for the first's commit, and then sees its row.
    """
    added = await session.scalar(
        insert(Owner)
        .values(owner_id=owner.owner_id, did=owner.did, olares_name=owner.olares_name, created_at=owner.created_at)
        .on_conflict_do_nothing()
        .returning(Owner.owner_id)
    )
    return added is not None


async def lock_owner(session: AsyncSession, owner_id: UUID) -> None:
    """One at a time for this owner, until the transaction ends; rows that refer to the owner may still be added."""
    await session.execute(select(Owner.owner_id).where(Owner.owner_id == owner_id).with_for_update(key_share=True))


async def is_name_taken(session: AsyncSession, olares_name: str) -> bool:
    return bool(await session.scalar(select(exists().where(Owner.olares_name == olares_name))))
