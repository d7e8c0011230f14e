"""Identity's revisions on a database with something in it."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from identity.app import service
from identity.models import Base
from identity.settings import Settings
from shared.messaging import MessagingBase
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.tokens import ORIGIN

BEFORE_OLARES = "f9b1e2e23214"
BEFORE_CONSOLE = "9bec5580401a"
UNREAD = Path("/nowhere/keys.json")


def settings(url: str) -> Settings:
    told: dict[str, Any] = {"database_url": url, "broker_url": PLACEHOLDER, "origin": ORIGIN, "jwks_url": ORIGIN}
    return Settings(**told, signing_key_file=UNREAD)


async def migrate(url: str, revision: str) -> None:
    await asyncio.to_thread(command.upgrade, service._alembic(settings(url)), revision)


async def test_sessions_and_invites_of_before_are_what_they_were(databases: Databases) -> None:
    url = await databases.create()
    await migrate(url, BEFORE_OLARES)
    connection = await asyncpg.connect(url)
    owner_id, device_id = uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO owners (owner_id, did, olares_name, created_at) VALUES ($1, 'did:key:z6Mk', 'a@b.c', now())",
        owner_id,
    )
    await connection.execute(
        "INSERT INTO devices (device_id, owner_id, did, name, created_at, last_signed_in_at)"
        " VALUES ($1, $2, 'did:key:z6Mk', 'x', now(), now())",
        device_id,
        owner_id,
    )
    signed_in = (
        "INSERT INTO sessions (session_id, owner_id, device_id, created_at, last_used_at, expires_at)"
        " VALUES ($1, $2, $3, now(), now(), now())"
    )
    await connection.execute(signed_in, uuid4(), owner_id, device_id)
    await connection.execute("INSERT INTO invites (invite_hash, created_at, expires_at) VALUES ('x', now(), now())")
    await migrate(url, "head")
    # Replicas of before go on while the new ones start.
    await connection.execute(signed_in, uuid4(), owner_id, device_id)
    assert [row["kind"] for row in await connection.fetch("SELECT kind FROM sessions")] == ["native", "native"]
    invites = await connection.fetch("SELECT did, olares_name FROM invites")
    assert [tuple(row) for row in invites] == [(None, None)]
    await asyncio.to_thread(command.downgrade, service._alembic(settings(url)), BEFORE_OLARES)
    assert await connection.fetchval("SELECT count(*) FROM sessions") == 2
    await connection.close()
    await databases.drop(url)


async def test_what_browsers_sign_in_by_comes_and_goes_alone(databases: Databases) -> None:
    url = await databases.create()
    await migrate(url, BEFORE_CONSOLE)
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO owners (owner_id, did, olares_name, created_at) VALUES ($1, 'did:key:z6Mk', 'a@b.c', now())",
        uuid4(),
    )
    before = await _tables(connection)
    await migrate(url, "head")
    assert await _tables(connection) - before == {"console_links", "qr_sign_ins"}
    await asyncio.to_thread(command.downgrade, service._alembic(settings(url)), BEFORE_CONSOLE)
    assert await _tables(connection) == before
    assert await connection.fetchval("SELECT count(*) FROM owners") == 1
    await connection.close()
    await databases.drop(url)


async def _tables(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return {row["table_name"] for row in rows}


async def test_the_revisions_make_what_the_models_say(databases: Databases) -> None:
    url = await databases.clone(service, signing_key_file=UNREAD)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    tables: Any = [Base.metadata, MessagingBase.metadata]

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), tables))

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []
    await databases.drop(url)
