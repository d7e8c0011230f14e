"""The database: one transaction per request, message or job tick, committed here and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from alembic import context
from fastapi import Depends, Request
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from shared.telemetry import trace_statements

PUBLISHED = "published"
"""Key in ``session.info`` that says this transaction wrote to the outbox."""

UNANSWERED = (
    ConnectionError,
    PoolTimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    DBAPIError,
)
"""What a statement may raise when the database does not answer; ``is_unavailable`` tells whether it did."""

# Server shutting down or starting, or too many connections.
UNAVAILABLE_SQLSTATES = frozenset({"57P01", "57P02", "57P03", "53300"})
# A lock or a statement that took too long: the database answers, this request did not get through.
TIMEOUT_SQLSTATES = frozenset({"55P03", "57014", "25P03"})


class Database:
    """An engine with its limits, and the one place where a transaction begins and commits."""

    def __init__(self, url: str, *, service: str, pool_size: int, tracing: TracerProvider | None = None) -> None:
        self.url = url
        self.engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            # An error would otherwise carry the values of its statement into the log.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": f"space-{service}",
                    "statement_timeout": "30s",
                    "lock_timeout": "10s",
                    "idle_in_transaction_session_timeout": "60s",
                },
            },
        )
        if tracing is not None:
            trace_statements(self.engine.sync_engine, tracing)
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self.on_published: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose work commits at the end of the block, or not at all."""
        async with self.sessions() as session:
            async with session.begin():
                yield session
            if session.info.pop(PUBLISHED, False):
                self.on_published()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that cannot write: PostgreSQL refuses it."""
        async with self.sessions() as session, session.begin():
            await session.connection(execution_options={"postgresql_readonly": True})
            yield session

    async def close(self) -> None:
        await self.engine.dispose()


def is_unavailable(error: BaseException) -> bool:
    """Whether the database did not answer, rather than refused: the same request may succeed later."""
    if isinstance(error, DBAPIError):
        sqlstate = getattr(error.orig, "sqlstate", None)
        if sqlstate is None:
            return error.connection_invalidated or isinstance(error, InterfaceError | OperationalError)
        return sqlstate in UNAVAILABLE_SQLSTATES or sqlstate.startswith("08")
    return isinstance(error, UNANSWERED)


def is_timeout(error: BaseException) -> bool:
    """Whether a lock or a statement took too long."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in TIMEOUT_SQLSTATES


def run_migrations(url: str, metadata: Sequence[MetaData]) -> None:
    """What a service's ``migrations/env.py`` does: its revisions over its own connection, one runner at a time.

    Args:
        url: The database's URL for asyncpg.
        metadata: The service's and the messaging metadata; with only one of them, autogenerate would propose to
            drop the other's tables.
    """

    def migrate(connection: Connection) -> None:
        context.configure(connection=connection, target_metadata=list(metadata), transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()

    async def connect() -> None:
        engine = create_async_engine(url, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT")
        migrator = create_async_engine(url, poolclass=pool.NullPool)
        async with engine.connect() as guard, migrator.connect() as connection:
            await guard.execute(text("SELECT pg_advisory_lock(hashtext('space migrations'))"))
            await connection.run_sync(migrate)
            await connection.commit()
        await migrator.dispose()
        await engine.dispose()

    asyncio.run(connect())


async def _transaction(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.runtime.database.transaction() as session:
        yield session


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.runtime.database.reading() as session:
        yield session


async def _database(request: Request) -> Database:
    database: Database = request.app.state.runtime.database
    return database


# scope="function": commit before the response leaves, so a failed commit is a 500 and not a lie.
Tx = Annotated[AsyncSession, Depends(_transaction, scope="function")]
ReadTx = Annotated[AsyncSession, Depends(_reading, scope="function")]
# For an endpoint that must call another service between two transactions of its own.
Transactions = Annotated[Database, Depends(_database)]
