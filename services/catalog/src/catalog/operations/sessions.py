"""Sessions of Olares devices: one that was ended before its time is good for nothing more, and neither are its keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from shared.db import Database


async def has_ended(session: AsyncSession, session_id: UUID) -> bool:
    """Whether a session was ended before its time, as far as catalog was told."""
    return await queries.sessions.is_ended(session, session_id)


async def end(session: AsyncSession, owner_id: UUID, session_id: UUID, tokens_end_at: datetime, now: datetime) -> None:
    """Note that the session ended and revoke its keys.

    A key that is being issued meanwhile is waited for, and revoked too.
    """
    await queries.spaces.lock_space(session, owner_id)
    await queries.sessions.note_end(session, session_id, tokens_end_at)
    await queries.storage_keys.revoke_keys(session, now, session_id=session_id)


async def forget_ended(database: Database, now: datetime) -> int:
    """Forget sessions whose tokens have all ended by themselves; how many there were."""
    async with database.transaction() as session:
        return await queries.sessions.forget_ended(session, now)
