"""Time comes in here."""

from datetime import datetime, timedelta

from catalog.adapters import Adapters
from catalog.operations.measure import discover_due_owner, measure_due_backup
from catalog.operations.remove import begin_due_removal, finish_due_removal, sweep_due_leftovers
from catalog.operations.reservations import give_back_due
from catalog.operations.sessions import forget_ended
from catalog.operations.store_gate import forget_claims
from catalog.settings import Settings
from shared.service import Job, Runtime

CatalogRuntime = Runtime[Settings, Adapters]


async def measure(runtime: CatalogRuntime, now: datetime) -> int:
    return await measure_due_backup(runtime.database, runtime.adapters, runtime.settings, now)


async def discover(runtime: CatalogRuntime, now: datetime) -> int:
    return await discover_due_owner(runtime.database, runtime.adapters, runtime.settings, now)


async def begin_removal(runtime: CatalogRuntime, now: datetime) -> int:
    return await begin_due_removal(runtime.database, runtime.settings, now)


async def finish_removal(runtime: CatalogRuntime, now: datetime) -> int:
    return await finish_due_removal(runtime.database, runtime.adapters, now)


async def sweep_leftovers(runtime: CatalogRuntime, now: datetime) -> int:
    return await sweep_due_leftovers(runtime.database, runtime.adapters, now)


async def give_back_room(runtime: CatalogRuntime, now: datetime) -> int:
    return await give_back_due(runtime.database, runtime.adapters.quota, now)


async def forget_sessions(runtime: CatalogRuntime, now: datetime) -> int:
    return await forget_ended(runtime.database, now)


async def forget_repository_claims(runtime: CatalogRuntime, now: datetime) -> int:
    return await forget_claims(runtime.database, now)


JOBS = (
    # Several at once: one owner's large repository does not keep the others waiting.
    *(Job("measure", measure, timedelta(milliseconds=500)) for _ in range(3)),
    Job("discover", discover, timedelta(seconds=2)),
    Job("begin_removal", begin_removal, timedelta(seconds=5)),
    Job("finish_removal", finish_removal, timedelta(seconds=5)),
    Job("sweep_leftovers", sweep_leftovers, timedelta(minutes=1)),
    # Soon: who backs up one folder after another near their limit needs the room of the first.
    Job("give_back_room", give_back_room, timedelta(milliseconds=500)),
    Job("forget_sessions", forget_sessions, timedelta(minutes=10)),
    Job("forget_claims", forget_repository_claims, timedelta(minutes=10)),
)
