"""Restores that keep a backup's objects in the store."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import Backup, RestorePin


async def find_pin(session: AsyncSession, restore_id: UUID, *, lock: bool = False) -> RestorePin | None:
    """A restore's pin, also one that has ended; with a lock it does not end before this transaction does."""
    by = {"read": True} if lock else None
    return await session.get(RestorePin, restore_id, populate_existing=True, with_for_update=by)


async def pin(
    session: AsyncSession, restore_id: UUID, owner_id: UUID, backup_id: UUID, snapshot_id: UUID, now: datetime
) -> None:
    """Write the restore's pin, unless it has one or has ended."""
    row = {"owner_id": owner_id, "backup_id": backup_id, "snapshot_id": snapshot_id, "pinned_at": now}
    await session.execute(insert(RestorePin).values(restore_id=restore_id, **row).on_conflict_do_nothing())


async def end(
    session: AsyncSession, restore_id: UUID, owner_id: UUID, backup_id: UUID, snapshot_id: UUID, now: datetime
) -> None:
    """The restore has ended: its pin, which may be yet to come, keeps nothing any more."""
    if not await session.scalar(select(exists().where(Backup.id == backup_id))):
        return
    row = {"owner_id": owner_id, "backup_id": backup_id, "snapshot_id": snapshot_id, "ended_at": now}
    ended = insert(RestorePin).values(restore_id=restore_id, **row)
    await session.execute(
        ended.on_conflict_do_update(
            index_elements=[RestorePin.restore_id], set_={"ended_at": func.coalesce(RestorePin.ended_at, now)}
        )
    )


async def is_pinned(session: AsyncSession, backup_id: UUID) -> bool:
    live = exists().where(RestorePin.backup_id == backup_id, RestorePin.ended_at.is_(None))
    return bool(await session.scalar(select(live)))
