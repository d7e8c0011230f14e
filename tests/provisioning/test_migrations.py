"""Provisioning's revisions on a database with something in it."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from provisioning.app import service
from provisioning.models import Base
from provisioning.settings import Settings
from shared.messaging import MessagingBase
from tests.provisioning.conftest import REQUIRED
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.tokens import ORIGIN

FIRST = "92917e5d2ba1"


async def test_of_an_instance_from_before_it_is_not_known_why_it_was_returned(databases: Databases) -> None:
    url = await databases.create()
    told: dict[str, Any] = {"database_url": url, "broker_url": PLACEHOLDER, "origin": ORIGIN, "jwks_url": ORIGIN}
    config = service._alembic(Settings(**told, **REQUIRED))
    await asyncio.to_thread(command.upgrade, config, FIRST)
    connection = await asyncpg.connect(url)
    insert = (
        "INSERT INTO instances (id, owner_id, name, provider, region, plan, status, last_number, last_line, created_at,"
        " updated_at, attempts, calls, heartbeat, counted_bytes, traffic_bytes, disk_bytes)"
        " VALUES ($1, $1, 'alice', 'local', 'local', 'small', 'destroying', 1, 1, now(), now(), 0, 0, 0, 0, 0, 0)"
    )
    await connection.execute(insert, uuid4())
    await asyncio.to_thread(command.upgrade, config, "head")
    # Code of before, which runs beside ours while that is taken up, writes no cause.
    await connection.execute(insert, uuid4())
    assert [row["cause"] for row in await connection.fetch("SELECT cause FROM instances")] == [None, None]
    await asyncio.to_thread(command.downgrade, config, FIRST)
    assert await connection.fetchval("SELECT count(*) FROM instances") == 2
    await connection.close()
    await databases.drop(url)


async def test_the_revisions_make_what_the_models_say(databases: Databases) -> None:
    url = await databases.clone(service, **REQUIRED)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    tables: Any = [Base.metadata, MessagingBase.metadata]

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), tables))

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []
    await databases.drop(url)
