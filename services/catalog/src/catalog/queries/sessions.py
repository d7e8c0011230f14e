"""Sessions of Olares devices that were ended before their time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import EndedSession


async def is_ended(session: AsyncSession, session_id: UUID) -> bool:
    return bool(await session.scalar(select(exists().where(EndedSession.session_id == session_id))))


async def note_end(session: AsyncSession, session_id: UUID, tokens_end_at: datetime) -> None:
    """Remember that it ended; told twice, it is remembered once."""
    ended = insert(EndedSession).values(session_id=session_id, tokens_end_at=tokens_end_at)
    await session.execute(ended.on_conflict_do_nothing())


async def forget_ended(session: AsyncSession, until: datetime) -> int:
    """Forget those whose last token ended by itself before this instant; how many there were."""
    forgotten = await session.scalars(
        delete(EndedSession)
        .where(EndedSession.tokens_end_at <= until)
        .returning(EndedSession.session_id)
        .execution_options(synchronize_session=False)
    )
    return len(forgotten.all())
