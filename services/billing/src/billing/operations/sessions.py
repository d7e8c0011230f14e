"""Sessions of Olares devices that were ended while their tokens are still good by themselves."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.models import EndedSession
from shared.db import Database


async def has_ended(session: AsyncSession, session_id: UUID) -> bool:
    """Whether a session was ended before its time, as far as identity has told."""
    return await session.get(EndedSession, session_id) is not None


async def end(session: AsyncSession, session_id: UUID, tokens_end_at: datetime) -> None:
    """Note that a session was ended; told again it stays so, until the last of its tokens has ended."""
    made = insert(EndedSession).values(session_id=session_id, tokens_end_at=tokens_end_at)
    await session.execute(made.on_conflict_do_nothing())


async def forget_ended(database: Database, now: datetime) -> int:
    """Drop what is known of sessions whose tokens are good for nothing any more. How many there were."""
    async with database.transaction() as session:
        gone = delete(EndedSession).where(EndedSession.tokens_end_at < now).returning(EndedSession.session_id)
        return len((await session.scalars(gone)).all())
