"""Sets the gauges that an operator is alerted by."""

from collections.abc import Iterable
from datetime import datetime

from provisioning import metrics
from provisioning.domain.lifecycle import TERMINAL, Status
from provisioning.queries import counts
from shared.db import Database


async def measure(database: Database, providers: Iterable[str], now: datetime) -> None:
    async with database.reading() as session:
        by_status = await counts.by_status(session)
        stuck, unknown = await counts.uncertain(session, now)
        orphans = await counts.orphans(session)
    for status in set(Status) - TERMINAL:
        metrics.INSTANCES.labels(status).set(by_status.get(status, 0))
    metrics.STUCK.set(stuck)
    metrics.UNKNOWN.set(unknown)
    metrics.SILENT.set(by_status.get(Status.ERRORED, 0))
    for provider in providers:
        metrics.ORPHANS.labels(provider).set(orphans.get(provider, 0))
