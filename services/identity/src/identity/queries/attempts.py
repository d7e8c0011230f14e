"""Attempts, counted per subject and window."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.domain.limits import Limit
from identity.models import AttemptCount


async def count_attempt(session: AsyncSession, limit: Limit, subject: str, now: datetime) -> int:
    """Count one more attempt; how many there have been in this window, this one included."""
    started_at = limit.started_at(now)
    counted: int | None = await session.scalar(
        insert(AttemptCount)
        .values(
            limit_name=limit.name, subject=subject, started_at=started_at, ends_at=started_at + limit.window, attempts=1
        )
        .on_conflict_do_update(
            index_elements=["limit_name", "subject", "started_at"], set_={"attempts": AttemptCount.attempts + 1}
        )
        .returning(AttemptCount.attempts)
    )
    assert counted is not None
    return counted
