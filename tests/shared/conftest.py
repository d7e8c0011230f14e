"""A probe service over a fresh database and the real broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.db import Database
from shared.messaging import MessagingBase
from shared.service import ROLES, Service
from space_local import ports
from space_local.rabbitmq import RabbitMQ
from tests.shared.probe import DEFERRED, Base, Settings
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.tokens import ORIGIN, TokenIssuer

SettingsFor = Callable[..., Settings]


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    url = await databases.create()
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(MessagingBase.metadata.create_all)
        await connection.execute(text(DEFERRED))
    await engine.dispose()
    yield url
    await databases.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url.replace("postgresql://", "postgresql+asyncpg://"), service="probe", pool_size=5)
    yield database
    await database.close()


@pytest.fixture
def settings(database_url: str, issuer: TokenIssuer) -> Settings:
    return Settings(
        database_url=database_url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials={"operator": "operator-credential"},
    )


@pytest.fixture
def probe_name() -> str:
    """A name of its own per test, and so queues of its own on the broker all tests share."""
    return f"probe-{uuid4().hex[:8]}"


@asynccontextmanager
async def at_work(service: Service, settings: Settings, rabbitmq: RabbitMQ) -> AsyncIterator[Settings]:
    """The service with listeners and worker, as a process would run it."""
    first, second = ports.pick(), ports.pick()
    complete = settings.model_copy(
        update={
            "broker_url": rabbitmq.url,
            "api_listen": f"127.0.0.1:{first}",
            "internal_listen": f"127.0.0.1:{second}",
        }
    )
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(complete, ROLES, stop))
    try:
        await eventually(lambda: _accepts(first, task))
        yield complete
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until the condition holds; a failure if it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def _accepts(port: int, task: asyncio.Task[None]) -> bool:
    if task.done():
        await task
    return ports.accepts(port)
