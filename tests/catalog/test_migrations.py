"""Catalog's revisions on a database with something in it."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from catalog.app import service
from catalog.models import Base
from catalog.settings import Settings
from shared.messaging import MessagingBase
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.store import REQUIRED
from tests.support.tokens import ORIGIN

BEFORE_BILLING = "91be39a1ce23"


def settings(url: str) -> Settings:
    told: dict[str, Any] = {"database_url": url, "broker_url": PLACEHOLDER, "origin": ORIGIN, "jwks_url": ORIGIN}
    return Settings(**told, **REQUIRED)


async def migrate(url: str, revision: str) -> None:
    config = service._alembic(settings(url))
    await asyncio.to_thread(command.upgrade, config, revision)


async def test_who_was_restricted_by_an_operator_stays_so(databases: Databases) -> None:
    url = await databases.create()
    await migrate(url, BEFORE_BILLING)
    connection = await asyncpg.connect(url)
    for restriction in ("arrears", None):
        owner = uuid4().hex
        await connection.execute(
            "INSERT INTO owner_spaces (owner_id, did, prefix, catalog_key_id, prepared, discover_due_at, created_at,"
            " restriction) VALUES ($1::text::uuid, $1, $1, $1, true, now(), now(), $2)",
            owner,
            restriction,
        )
    await migrate(url, "head")
    rows = await connection.fetch(
        "SELECT restriction, operator_restriction, quota_number FROM owner_spaces ORDER BY restriction NULLS LAST"
    )
    assert [tuple(row) for row in rows] == [("arrears", "arrears", 0), (None, None, 0)]
    await connection.execute("UPDATE owner_spaces SET operator_restriction = 'over_limit'")
    await asyncio.to_thread(command.downgrade, service._alembic(settings(url)), BEFORE_BILLING)
    left = await connection.fetch("SELECT restriction FROM owner_spaces")
    assert [row["restriction"] for row in left] == ["over_limit"] * 2
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
