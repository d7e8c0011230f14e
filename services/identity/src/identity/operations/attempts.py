"""Rate limits, counted in the database so that every replica counts alike."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.limits import Limit
from identity.errors import TooManyAttempts
from shared.db import Database


async def count_attempt(database: Database, limit: Limit, subject: str, now: datetime) -> None:
    """Count an attempt, in a transaction of its own: one that fails is an attempt too.

    Raises:
        TooManyAttempts: If the subject has used this window's attempts up.
    """
    async with database.transaction() as session:
        attempts = await queries.attempts.count_attempt(session, limit, subject, now)
    _heed(limit, attempts, now)


async def count_success(session: AsyncSession, limit: Limit, subject: str, now: datetime) -> None:
    """Count what this transaction does, if it does it.

    Raises:
        TooManyAttempts: If the subject has done as much in this window.
    """
    _heed(limit, await queries.attempts.count_attempt(session, limit, subject, now), now)


def _heed(limit: Limit, attempts: int, now: datetime) -> None:
    if attempts > limit.attempts:
        wait = limit.retry_after_seconds(now)
        raise TooManyAttempts(f"Too many attempts. Try again in {wait} seconds.", retry_after_seconds=wait)
