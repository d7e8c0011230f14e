"""Home clouds."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import StorageKey, Terminus
from catalog.queries.rows import AnyRow, AnySelect


def terminus_columns() -> AnySelect:
    return select(
        Terminus.id.label("terminus_id"),
        Terminus.name,
        Terminus.cluster_id,
        Terminus.version,
        Terminus.created_at,
        Terminus.last_seen_at,
    )


async def list_terminus(
    session: AsyncSession, owner_id: UUID, *, name: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[AnyRow]:
    """An owner's Terminus, oldest first; one row more than the limit when there are more."""
    query = terminus_columns().where(Terminus.owner_id == owner_id)
    if name is not None:
        query = query.where(Terminus.name == name)
    if after is not None:
        query = query.where(tuple_(Terminus.created_at, Terminus.id) > after)
    return (await session.execute(query.order_by(Terminus.created_at, Terminus.id).limit(limit + 1))).all()


async def find_terminus(session: AsyncSession, owner_id: UUID, terminus_id: UUID) -> Terminus | None:
    """The owner's Terminus, or None; another owner's is None too."""
    return await session.scalar(select(Terminus).where(Terminus.id == terminus_id, Terminus.owner_id == owner_id))


async def find_only_terminus(session: AsyncSession, owner_id: UUID) -> UUID | None:
    """The owner's Terminus when they have exactly one; None when they have none or several."""
    found = (await session.scalars(select(Terminus.id).where(Terminus.owner_id == owner_id).limit(2))).all()
    return found[0] if len(found) == 1 else None


async def list_clusters(session: AsyncSession, owner_id: UUID) -> Sequence[AnyRow]:
    """All Terminus of an owner by the ids of their clusters and their names."""
    query = select(Terminus.id.label("terminus_id"), Terminus.cluster_id, Terminus.name)
    return (await session.execute(query.where(Terminus.owner_id == owner_id).order_by(Terminus.created_at))).all()


async def note_cluster(session: AsyncSession, terminus_id: UUID, cluster_id: str, now: datetime) -> None:
    """This Terminus was seen, and its cluster has this id."""
    await session.execute(
        update(Terminus)
        .where(Terminus.id == terminus_id)
        .values(cluster_id=cluster_id, last_seen_at=now)
        .execution_options(synchronize_session=False)
    )


async def find_session_terminus(session: AsyncSession, owner_id: UUID, session_id: UUID) -> UUID | None:
    """The Terminus that the device of this session last asked for a storage key for."""
    return await session.scalar(
        select(StorageKey.terminus_id)
        .where(
            StorageKey.owner_id == owner_id,
            StorageKey.session_id == session_id,
            StorageKey.terminus_id.is_not(None),
        )
        .order_by(StorageKey.issued_at.desc())
        .limit(1)
    )
