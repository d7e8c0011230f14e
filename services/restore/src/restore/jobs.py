"""Time comes in here."""

from datetime import datetime, timedelta

from restore import operations, queries
from restore.adapters import RestoreRuntime
from shared.service import Job


async def expire_restores(runtime: RestoreRuntime, now: datetime) -> int:
    """Tickets that nobody redeemed, and restores that fell silent."""
    async with runtime.database.transaction() as session:
        return await operations.expire_due(session, now)


async def forget_attempts(runtime: RestoreRuntime, now: datetime) -> int:
    """Client addresses are kept no longer than they are counted."""
    async with runtime.database.transaction() as session:
        await queries.forget_attempts(session, now)
    return 0


JOBS = (
    Job("expire_restores", expire_restores, timedelta(seconds=10)),
    Job("forget_attempts", forget_attempts, timedelta(minutes=5)),
)
