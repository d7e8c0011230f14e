"""Restore's revisions on a database with something in it."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection
from sqlalchemy.ext.asyncio import create_async_engine

from restore.app import service
from restore.domain.lifecycle import State, Trigger
from restore.models import Base
from restore.settings import Settings
from shared.messaging import MessagingBase
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.tokens import ORIGIN

LOCAL_ONLY = "31e83883256d"
NEIGHBOURS: dict[str, Any] = {
    f"{name}_{field}": ORIGIN if field == "url" else "credential"
    for name in ("catalog", "billing", "provisioning")
    for field in ("url", "credential")
}
RESTORE = (
    "INSERT INTO restores (id, owner_id, target, backup_id, snapshot_id, backup_name, restic_id, snapshot_taken_at,"
    " state, warnings, created_at, updated_at, last_number)"
    " VALUES ($1, $1, $2, $1, $1, 'photos', 'ab', now(), $3, 0, now(), now(), 2)"
)
MOVED = (
    "INSERT INTO timeline (restore_id, number, recorded_at, kind, source, trigger, state, warnings)"
    " VALUES ($1, 2, now(), 'moved', $2, $3, $2, 0)"
)


def config(url: str) -> Any:
    told: dict[str, Any] = {"database_url": url, "broker_url": PLACEHOLDER, "origin": ORIGIN, "jwks_url": ORIGIN}
    return service._alembic(Settings(**told, **NEIGHBOURS))


async def states(connection: asyncpg.Connection) -> list[str]:
    return [row["state"] for row in await connection.fetch("SELECT state FROM restores ORDER BY state")]


async def test_restores_to_local_are_kept_on_the_way_there_and_back(databases: Databases) -> None:
    url = await databases.create()
    await asyncio.to_thread(command.upgrade, config(url), LOCAL_ONLY)
    connection = await asyncpg.connect(url)
    for state, trigger in zip(State, [*Trigger, Trigger.FAIL], strict=True):
        restore_id = uuid4()
        await connection.execute(RESTORE, restore_id, "local", state)
        await connection.execute(MOVED, restore_id, state, trigger)
    await asyncio.to_thread(command.upgrade, config(url), "head")
    assert await states(connection) == sorted(State)
    assert await connection.fetchval("SELECT count(*) FROM restores WHERE code IS NULL") == len(State)
    # Code of before runs beside ours while that is taken up, and knows no codes.
    await connection.execute(RESTORE, uuid4(), "local", "ready")
    cloud = uuid4()
    await connection.execute(RESTORE, cloud, "cloud", "awaiting_password")
    await connection.execute(MOVED, cloud, "awaiting_password", "ask_password")
    await connection.execute(
        "INSERT INTO cloud_restores (restore_id, provider, region, plan, instance_name, payment, compute, data,"
        " machine, asked, round, wrong_passwords)"
        " VALUES ($1, 'l', 'h', 's', 'a', 'held', 'enrolled', 'none', 1, 0, 0, 0)",
        cloud,
    )
    for column, value in (("sealed_password", b"x"), ("payment", "paid"), ("ending", "over"), ("compute", "up")):
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(f"UPDATE cloud_restores SET {column} = $1", value)
    await asyncio.to_thread(command.downgrade, config(url), LOCAL_ONLY)
    assert await states(connection) == sorted([*State, State.READY])
    assert await connection.fetchval("SELECT count(*) FROM timeline") == len(State)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(RESTORE, uuid4(), "cloud", "ready")
    await connection.close()
    await databases.drop(url)


async def test_the_revisions_make_what_the_models_say(databases: Databases) -> None:
    url = await databases.clone(service, **NEIGHBOURS)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    tables: Any = [Base.metadata, MessagingBase.metadata]

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), tables))

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []
    await databases.drop(url)


async def test_the_revisions_allow_the_words_that_the_models_have(databases: Databases) -> None:
    """Of these Alembic compares nothing."""
    url = await databases.clone(service, **NEIGHBOURS)
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conname LIKE 'ck%'"
    )
    made = {name: words(definition) for name, definition in rows}
    said = {
        str(constraint.name): words(str(constraint.sqltext))
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert len(said) == 13
    assert made == said
    await connection.close()
    await databases.drop(url)


def words(definition: str) -> set[str]:
    return set(re.findall(r"'(\w+)'", definition))
