"""Billing's engine: samples taken in as the inbox does, a month of them closed into invoices, all over PostgreSQL."""

import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import text

from billing.app import service
from billing.domain.meter import Level, Sample, charge, integrate
from billing.domain.prices import GB
from billing.operations import metering, periods, price_books
from billing.price_book import parse
from billing.settings import PACKAGED_PRICE_BOOK
from shared.db import Database
from shared.events.catalog import StorageMeasured
from shared.inbox import BATCH
from tests.bench.figures import Figure, Scale, duration, rate
from tests.bench.servers import Servers

START = datetime(2026, 1, 1, tzinfo=UTC)
CLOSE_AT = datetime(2026, 2, 2, tzinfo=UTC)
SAMPLES_PER_OWNER = 10
ABOVE = 2
"""Every other owner is above what is free, and so is billed."""
PARTS = 10
"""A tenth of the owners is measured too: time that grows linearly takes a tenth."""
REQUIRED = {"quote_key": "7a" * 32, "webhook_secret": "whsec_c2FuZGJveCB3ZWJob29rIHNlY3JldA=="}

INSERT_ONLY = """
    INSERT INTO plain_samples
    SELECT * FROM unnest(CAST(:backups AS uuid[]), CAST(:instants AS timestamptz[]), CAST(:owners AS uuid[]),
                         CAST(:sizes AS bigint[]))
    ON CONFLICT DO NOTHING
"""
WINDOW = """
    SELECT owner_id, sum(greatest(bytes - 10737418240, 0) * seconds)
    FROM (SELECT owner_id, bytes, extract(epoch FROM lead(measured_at, 1, timestamptz '2026-02-02') OVER owner
                                          - measured_at)::bigint AS seconds
          FROM (SELECT owner_id, measured_at,
                       sum(change) OVER (PARTITION BY owner_id ORDER BY measured_at, backup_id) AS bytes
                FROM (SELECT owner_id, backup_id, measured_at, storage_bytes - lag(storage_bytes, 1, 0::bigint)
                             OVER (PARTITION BY backup_id ORDER BY measured_at) AS change
                      FROM storage_samples) changes) levels
          WINDOW owner AS (PARTITION BY owner_id ORDER BY measured_at)) stretches
    GROUP BY owner_id
"""
"""What each owner accrued, reckoned by one statement that knows one price and one Terminus."""


@dataclass(frozen=True)
class Run:
    """Seconds of each part for so many owners."""

    owners: int
    taken_in: float
    inserted: float
    closed: float
    windowed: float
    invoices: int

    @property
    def samples(self) -> int:
        return self.owners * SAMPLES_PER_OWNER

    @property
    def seconds(self) -> float:
        return self.taken_in + self.closed


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    small, large = await bill(servers, scale.owners // PARTS), await bill(servers, scale.owners)
    print(
        f"{large.samples:,} samples of {large.owners:,} owners: taken in within {large.taken_in:.1f} s, closed into "
        f"{large.invoices:,} invoices within {large.closed:.1f} s; a tenth of it: {small.taken_in:.1f} s and "
        f"{small.closed:.1f} s; at most {peak_mb():.0f} MB of memory",
        file=sys.stderr,
    )
    plain = "the same rows inserted in the same batches, and nothing else"
    window = "the same charge of all owners by one statement of window functions"
    tenth = "the same for a tenth of the owners"
    return [
        rate("billing_take_in", "samples/s", plain, [(large.samples / large.taken_in, large.samples / large.inserted)]),
        duration("billing_close", "s", window, [(large.closed, large.windowed)]),
        rate("billing_invoices", "invoices/s", tenth, [(large.invoices / large.closed, small.invoices / small.closed)]),
        duration("billing_linear", "s", "ten times what a tenth takes", [(large.seconds, small.seconds * PARTS)]),
        rate("billing_engine", "samples/s", "sizes times seconds, summed", [reckon(large.owners) for _ in range(3)]),
        duration("billing_memory", "MB", "a gigabyte", [(peak_mb(), 1024)]),
    ]


async def bill(servers: Servers, owners: int) -> Run:
    """A month of so many owners, from the first sample to the last draft."""
    async with opened(servers) as database:
        inserted = taken = 0.0
        for batch in batches(owners):
            inserted += await timed(insert, database, batch)
            taken += await timed(take_in, database, batch)
        await run(database, "ANALYZE")
        windowed = await timed(run, database, WINDOW)
        closed = await timed(close, database)
        made = await check(database, owners)
    return Run(owners, taken, inserted, closed, windowed, made)


async def timed(act: Callable[..., Awaitable[Any]], *arguments: Any) -> float:
    started = time.perf_counter()
    await act(*arguments)
    return time.perf_counter() - started


async def insert(database: Database, batch: Sequence[StorageMeasured]) -> None:
    async with database.transaction() as session:
        await session.execute(text(INSERT_ONLY), columns(batch))


async def take_in(database: Database, batch: Sequence[StorageMeasured]) -> None:
    async with database.transaction() as session:
        await metering.take_in(session, batch, batch[-1].measured_at)


async def close(database: Database) -> None:
    """As the job does: batch after batch, each in a transaction of its own."""
    while await periods.close_due(database, CLOSE_AT):
        pass


async def run(database: Database, statement: str) -> None:
    async with database.transaction() as session:
        await session.execute(text("SET LOCAL statement_timeout = 0"))
        await session.execute(text(statement))


async def check(database: Database, owners: int) -> int:
    """Every owner was closed, and those above what is free have an invoice; how many those are."""
    async with database.reading() as session:
        periods_made = await session.scalar(text("SELECT count(*) FROM usage_periods"))
        samples = await session.scalar(text("SELECT count(*) FROM storage_samples"))
        made = await session.scalar(text("SELECT count(*) FROM invoices WHERE state = 'draft' AND total_minor > 0"))
    assert (periods_made, samples) == (owners, owners * SAMPLES_PER_OWNER)
    assert made == len([owner for owner in range(owners) if owner % ABOVE == 0])
    return int(made)


def batches(owners: int) -> Iterator[list[StorageMeasured]]:
    """Samples in the order of time, as they arrive, so many in a delivery; every other owner is above what is free."""
    chance = random.Random(1)
    apart = (CLOSE_AT - START) / (SAMPLES_PER_OWNER + 1)
    for turn in range(SAMPLES_PER_OWNER):
        for first in range(0, owners, BATCH):
            at = START + apart * turn + timedelta(seconds=first // BATCH)
            some = range(first, min(first + BATCH, owners))
            yield [measured(owner, turn, at, chance) for owner in some]


def measured(owner: int, turn: int, at: datetime, chance: random.Random) -> StorageMeasured:
    """Each owner has two backups, measured in turn."""
    size = chance.randrange(20, 60) if owner % ABOVE == 0 else chance.randrange(1, 5)
    return StorageMeasured(
        owner_id=UUID(int=owner + 1),
        backup_id=UUID(int=(owner + 1) * 2**32 + turn % 2),
        terminus_id=UUID(int=owner + 1),
        measured_at=at,
        storage_bytes=size * GB,
        objects=1,
        snapshots=1,
    )


def columns(batch: Sequence[StorageMeasured]) -> dict[str, list[Any]]:
    return {
        "backups": [each.backup_id for each in batch],
        "instants": [each.measured_at for each in batch],
        "owners": [each.owner_id for each in batch],
        "sizes": [each.storage_bytes for each in batch],
    }


def reckon(samples: int) -> tuple[float, float]:
    """Samples per second through the meter, and through the least that could be done: sizes times seconds, summed."""
    every = [each for batch in batches(1) for each in batch]
    book = parse(PACKAGED_PRICE_BOOK.read_text(), "default.yaml")
    history = [
        Sample(
            START + timedelta(seconds=number),
            Level(each.backup_id, each.terminus_id, each.storage_bytes, has_snapshot=True),
        )
        for number, each in zip(range(samples), cycle(every), strict=False)
    ]
    end = START + timedelta(seconds=samples)
    started = time.perf_counter()
    accrual, _ = integrate({}, history, START, end, book, book.place)
    ours = time.perf_counter() - started
    assert charge(accrual, book, book.place) > 0
    started = time.perf_counter()
    total = 0
    for earlier, later in pairwise(history):
        total += earlier.level.storage_bytes * (later.measured_at - earlier.measured_at).seconds
    plain = time.perf_counter() - started
    assert total > 0
    return samples / ours, samples / plain


def peak_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@asynccontextmanager
async def opened(servers: Servers) -> AsyncIterator[Database]:
    """Billing's tables with the packaged prices, and one more for rows that nothing is made of."""
    url = await servers.databases.clone(service, **REQUIRED)
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://", 1), service="bench", pool_size=2)
    await run(
        database,
        "CREATE TABLE plain_samples (backup_id uuid, measured_at timestamptz, owner_id uuid, storage_bytes bigint, "
        "PRIMARY KEY (backup_id, measured_at))",
    )
    async with database.transaction() as session:
        await price_books.load(session, PACKAGED_PRICE_BOOK.read_text(), "default.yaml", datetime.now(UTC))
    try:
        yield database
    finally:
        await database.close()
        await servers.databases.drop(url)
