"""Time comes in here."""

from datetime import datetime, timedelta

from restore import queries
from restore.adapters import RestoreRuntime
from restore.operations import deadlines, gauges, ordering, tickets
from shared.service import Job


async def expire_restores(runtime: RestoreRuntime, now: datetime) -> int:
    """Tickets that nobody redeemed, and restores that fell silent."""
    async with runtime.database.transaction() as session:
        return await tickets.expire_due(session, now)


async def end_waits(runtime: RestoreRuntime, now: datetime) -> int:
    """Restores to the cloud that waited long enough in a state."""
    return await deadlines.end_waits(runtime.database, now)


async def get_quotes(runtime: RestoreRuntime, now: datetime) -> int:
    """Quotes that nobody is getting any more, because a process died or a service did not answer."""
    return await ordering.get_abandoned_quotes(runtime.database, runtime.adapters, now)


async def measure_restores(runtime: RestoreRuntime, _: datetime) -> int:
    """What an operator is alerted by."""
    await gauges.measure(runtime.database)
    return 0


async def forget_attempts(runtime: RestoreRuntime, now: datetime) -> int:
    """Client addresses are kept no longer than they are counted."""
    async with runtime.database.transaction() as session:
        await queries.forget_attempts(session, now)
    return 0


JOBS = (
    Job("expire_restores", expire_restores, timedelta(seconds=10)),
    Job("end_waits", end_waits, timedelta(seconds=1)),
    Job("get_quotes", get_quotes, timedelta(seconds=2)),
    Job("measure_restores", measure_restores, timedelta(seconds=10)),
    Job("forget_attempts", forget_attempts, timedelta(minutes=5)),
)
