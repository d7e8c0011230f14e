"""Restores to the cloud through their facts: the orchestrator alone, against bare guarded updates with a history."""

import asyncio
import base64
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from restore.app import service
from restore.consumers import hear_of_machine, hear_of_money
from restore.domain.axes import Compute, Data, Payment
from restore.domain.facts import Fact
from restore.domain.order import State
from restore.domain.reports import AgentState
from restore.models import CloudRestore, Restore
from restore.operations import agents, passwords, saga
from restore.operations.agents import AgentReport
from restore.operations.progress import Progress
from shared.db import Database
from shared.events.billing import PaymentAuthorised, PaymentCaptured
from shared.events.provisioning import InstanceEnrolled, InstanceRunning
from tests.bench.figures import Figure, Scale, alternate, duration, rate
from tests.bench.reads import NEEDED
from tests.bench.servers import Servers

AT_ONCE = (1, 4, 16)
BARE = "asyncpg: a guarded update of one row and an insert into its history"
LEAST = 5.0
"""Statements of a fact at the least: two rows read and locked at once, both written, the history, the event."""
GUARDED = (
    "UPDATE plain SET state = state + 1, number = number + 1, due_at = $3 WHERE id = $1 AND state = $2 RETURNING number"
)
HISTORY = "INSERT INTO plain_history VALUES ($1, $2, now(), 'moved', $3, $4, 'because')"


@dataclass(frozen=True)
class Known:
    """Whose a restore is and what the others know it by."""

    owner_id: UUID
    restore_id: UUID
    quote_id: UUID
    instance_id: UUID


Heard = Callable[[AsyncSession, Known, datetime], Awaitable[object]]


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    figures = []
    async with opened(servers) as (database, url):
        statements = await count(database)
        async with asyncpg.create_pool(url, min_size=max(AT_ONCE), max_size=max(AT_ONCE)) as pool:
            for at_once in AT_ONCE:
                pairs = await alternate(
                    scale.rounds,
                    partial(facts, database, scale.restores, at_once),
                    partial(updates, pool, scale.restores, at_once),
                )
                figures.append(rate(f"saga_facts_{at_once}", "facts/s", BARE, [(ours, bare) for ours, bare in pairs]))
    print(f"restores/s: {', '.join(f'{each.value / len(FACTS):.1f}' for each in figures)}", file=sys.stderr)
    least = "two rows locked by one, both written, history, event"
    return [*figures, duration("saga_statements", "per fact", least, [(statements, LEAST)])]


async def facts(database: Database, restores: int, at_once: int) -> float:
    """Facts per second, so many restores at once, each from the quote to its end."""
    waiting = await begin(database, restores)
    started = time.perf_counter()

    async def work() -> None:
        while waiting:
            await drive(database, waiting.pop())

    await asyncio.gather(*(work() for _ in range(at_once)))
    seconds = time.perf_counter() - started
    await check(database)
    return restores * len(FACTS) / seconds


async def drive(database: Database, known: Known) -> None:
    for hear in FACTS:
        async with database.transaction() as session:
            await hear(session, known, datetime.now(UTC))


async def begin(database: Database, restores: int) -> list[Known]:
    """So many restores, each of an owner's own, quoted and with a name that is kept."""
    now = datetime.now(UTC)
    begun = [Known(uuid4(), uuid4(), uuid4(), uuid4()) for _ in range(restores)]
    async with database.transaction() as session:
        for known in begun:
            session.add(_restore(known, now))
        await session.flush()
        for known in begun:
            session.add(_cloud(known, now))
    return begun


async def check(database: Database) -> None:
    """Every restore came to its end, and nobody is kept waiting by what is left."""
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT state, last_number FROM restores"))
        assert {row.state for row in rows} == {"completed"}
        moves = await session.scalar(text("SELECT count(*) FROM timeline WHERE kind = 'moved'"))
        restores = await session.scalar(text("SELECT count(*) FROM restores"))
        assert moves == restores * MOVES
        await session.execute(text("TRUNCATE restores, cloud_restores, timeline, tickets, outbox"))


async def updates(pool: asyncpg.Pool, rows: int, at_once: int) -> float:
    """As many changes of as many rows, with nothing to decide."""
    waiting = [uuid4() for _ in range(rows)]
    await pool.execute("TRUNCATE plain, plain_history")
    await pool.executemany("INSERT INTO plain VALUES ($1, 0, 0, now())", [(each,) for each in waiting])
    started = time.perf_counter()

    async def work() -> None:
        while waiting:
            await change(pool, waiting.pop())

    await asyncio.gather(*(work() for _ in range(at_once)))
    return rows * len(FACTS) / (time.perf_counter() - started)


async def change(pool: asyncpg.Pool, row_id: UUID) -> None:
    for state in range(len(FACTS)):
        async with pool.acquire() as connection, connection.transaction():
            number = await connection.fetchval(GUARDED, row_id, state, datetime.now(UTC))
            await connection.execute(HISTORY, row_id, number, state, state + 1)


async def count(database: Database) -> float:
    """Statements per fact of one restore; that a transaction begins and ends is not counted."""
    said: list[str] = []
    (known,) = await begin(database, 1)

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        said.append(" ".join(statement.split()[:3]).split(".")[0])

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        await drive(database, known)
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    print(f"statements: {dict(Counter(said))}", file=sys.stderr)
    await check(database)
    return len(said) / len(FACTS)


async def _confirm(session: AsyncSession, known: Known, now: datetime) -> None:
    cloud = await saga.lock(session, known.restore_id, known.owner_id)
    assert cloud is not None
    await saga.heed(session, cloud, Fact.CONFIRMED, now)


async def _hold(session: AsyncSession, known: Known, now: datetime) -> None:
    await hear_of_money(session, PaymentAuthorised.model_validate(_payment(known, now)))


async def _run(session: AsyncSession, known: Known, now: datetime) -> None:
    place = {"provider": "local", "region": "here", "plan": "small"}
    said = {"instance_name": "a@olares.com", "address": "127.0.0.1:18123", "running_at": now}
    await hear_of_machine(session, InstanceRunning.model_validate(_machine(known) | place | said))


async def _enrol(session: AsyncSession, known: Known, now: datetime) -> None:
    said = {
        "public_key": base64.urlsafe_b64encode(known.instance_id.bytes * 2).decode().rstrip("="),
        "enrolled_at": now,
    }
    await hear_of_machine(session, InstanceEnrolled.model_validate(_machine(known) | said))


async def _offer(session: AsyncSession, known: Known, now: datetime) -> None:
    await passwords.offer_key(session, known.restore_id, known.instance_id, known.restore_id.bytes * 2, now)


async def _send(session: AsyncSession, known: Known, now: datetime) -> None:
    await passwords.send_password(session, known.owner_id, known.restore_id, 1, b"sealed" * 12, now)


def _report(state: AgentState, *counts: int) -> Heard:
    async def hear(session: AsyncSession, known: Known, now: datetime) -> None:
        report = AgentReport(1, state, Progress(*counts), None, None)
        await agents.record_report(session, known.restore_id, known.instance_id, report, now)

    return hear


async def _capture(session: AsyncSession, known: Known, now: datetime) -> None:
    await hear_of_money(session, PaymentCaptured.model_validate(_payment(known, now)))


FACTS: Sequence[Heard] = (
    _confirm,
    _hold,
    _run,
    _enrol,
    _offer,
    _send,
    _report(AgentState.RESTORING),
    _report(AgentState.VALIDATING),
    _report(AgentState.USABLE, 100, 3, 100, 0),
    _capture,
)
"""What becomes known of a restore between its quote and its end, by the handlers that hear of it."""
MOVES = 9
"""An agent that enrols after its machine was heard of moves nothing, and is written down."""


def _payment(known: Known, now: datetime) -> dict[str, Any]:
    about = {"owner_id": known.owner_id, "restore_id": known.restore_id, "quote_id": known.quote_id}
    return about | {"payment_id": None, "amount_minor": 1999, "currency": "USD", "occurred_at": now}


def _machine(known: Known) -> dict[str, Any]:
    return {"owner_id": known.owner_id, "instance_id": known.instance_id, "restore_id": known.restore_id}


def _restore(known: Known, now: datetime) -> Restore:
    return Restore(
        id=known.restore_id,
        owner_id=known.owner_id,
        target="cloud",
        backup_id=uuid4(),
        snapshot_id=uuid4(),
        backup_name="photos",
        restic_id="ab" * 32,
        snapshot_taken_at=now,
        size_processed_bytes=100,
        state=State.QUOTED,
        warnings=0,
        created_at=now,
        updated_at=now,
        due_at=now + timedelta(hours=24),
        last_number=2,
    )


def _cloud(known: Known, now: datetime) -> CloudRestore:
    return CloudRestore(
        restore_id=known.restore_id,
        provider="local",
        region="here",
        plan="small",
        instance_name="a@olares.com",
        quote_id=known.quote_id,
        quote={"expires_at": (now + timedelta(hours=24)).isoformat()},
        payment=Payment.NONE,
        compute=Compute.RESERVED,
        data=Data.NONE,
        machine=1,
        asked=0,
        instance_id=known.instance_id,
        round=0,
        wrong_passwords=0,
    )


@asynccontextmanager
async def opened(servers: Servers) -> AsyncIterator[tuple[Database, str]]:
    """Restore's tables, and beside them the plainest that can be guarded and has a history."""
    url = await servers.databases.clone(service, **NEEDED)
    target = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    database = Database(target, service="bench", pool_size=max(AT_ONCE))
    async with database.transaction() as session:
        await session.execute(
            text("CREATE TABLE plain (id uuid PRIMARY KEY, state int, number bigint, due_at timestamptz)")
        )
        await session.execute(
            text(
                "CREATE TABLE plain_history (id uuid, number bigint, recorded_at timestamptz, kind text, "
                "source int, state int, reason text, PRIMARY KEY (id, number))"
            )
        )
    try:
        yield database, url
    finally:
        await database.close()
        await servers.databases.drop(url)
