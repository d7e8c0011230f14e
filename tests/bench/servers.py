"""The servers that scenarios are measured on, private to a run, and catalog or a bare one in a process of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from catalog.app import service
from catalog.domain.layout import catalog_key_id
from space_local import ports
from space_local.postgres import Postgres
from space_local.process import Child
from space_local.rabbitmq import RabbitMQ
from tests.support.databases import Databases
from tests.support.store import CREDENTIALS, PROJECT, REQUIRED
from tests.support.tokens import ORIGIN, Owner, TokenIssuer

INSERT_OWNER = """
    INSERT INTO owner_spaces (owner_id, did, prefix, catalog_key_id, prepared, discover_due_at, created_at)
    VALUES ($1, $2, $3, $4, true, now() + interval '1 day', now())
"""
INSERT_TERMINUS = """
    INSERT INTO terminus (id, owner_id, name, created_at, last_seen_at)
    VALUES (gen_random_uuid(), $1, 'home', now(), now()) RETURNING id
"""
INSERT_BACKUPS = """
    INSERT INTO backups (id, owner_id, terminus_id, name, kind, source, repository, discovered, state, created_at,
                         first_snapshot_at, latest_snapshot_at, latest_snapshot_id, snapshot_count, storage_bytes,
                         objects, measured_at, overdue_at, initialised, key_names)
    SELECT gen_random_uuid(), $1, $2, 'backup ' || n, 'path', '/home/alice/Photos/' || n, 'backup-' || n, false,
           'active', now() - n * interval '1 minute', now(), now(), gen_random_uuid(), 12, n * 1000003::bigint, 40,
           now(), now() + interval '1 day', true, '{}'
    FROM generate_series(1, $3::int) n
"""


@dataclass(frozen=True)
class Servers:
    """What runs for all scenarios."""

    home: Path
    databases: Databases
    rabbitmq: RabbitMQ
    issuer: TokenIssuer


@dataclass(frozen=True)
class Catalog:
    """A catalog in a process of its own, and its database with one owner who has many backups."""

    api_port: int
    internal_port: int
    database_url: str
    owner: Owner


@asynccontextmanager
async def servers(home: Path) -> AsyncIterator[Servers]:
    """PostgreSQL as durable as it is in use, and RabbitMQ."""
    postgres, issuer = Postgres(home), TokenIssuer()
    try:
        async with postgres, RabbitMQ(home) as rabbitmq:
            yield Servers(home, Databases(postgres), rabbitmq, issuer)
    finally:
        postgres.destroy()
        issuer.close()


@asynccontextmanager
async def catalog_at_work(servers: Servers, backups: int) -> AsyncIterator[Catalog]:
    url = await servers.databases.clone(service, **REQUIRED)
    owner = Owner()
    await fill(url, owner, backups)
    catalog = Catalog(ports.pick(), ports.pick(), url, owner)
    environment = {
        "CATALOG_DATABASE_URL": url,
        "CATALOG_BROKER_URL": servers.rabbitmq.url,
        "CATALOG_ORIGIN": ORIGIN,
        "CATALOG_JWKS_URL": servers.issuer.jwks_url,
        "CATALOG_API_LISTEN": f"127.0.0.1:{catalog.api_port}",
        "CATALOG_INTERNAL_LISTEN": f"127.0.0.1:{catalog.internal_port}",
        "CATALOG_INTERNAL_CREDENTIALS": json.dumps(CREDENTIALS),
        **{f"CATALOG_{name.upper()}": value for name, value in REQUIRED.items()},
    }
    async with server(servers.home, "catalog", catalog.api_port, environment):
        yield catalog
    await servers.databases.drop(url)


@asynccontextmanager
async def bare_at_work(servers: Servers, name: str, **told: object) -> AsyncIterator[int]:
    """A bare server; its port."""
    port = ports.pick()
    environment = {f"BENCH_{key.upper()}": str(value) for key, value in told.items()}
    async with server(servers.home, name, port, {**environment, "BENCH_PORT": str(port)}):
        yield port


@asynccontextmanager
async def server(home: Path, name: str, port: int, environment: Mapping[str, str]) -> AsyncIterator[None]:
    command = [sys.executable, "-m", "tests.bench.serve", name]
    child = Child(f"bench-{name}", command, home, environment, folder=PROJECT)
    child.spawn()
    try:
        await child.until_ready(lambda: _accepts(port), 30)
        yield
    finally:
        await child.stop()


async def fill(url: str, owner: Owner, backups: int) -> None:
    """An owner with a Terminus and so many backups of it, a minute apart."""
    prefix = f"{owner.did}-bench"
    await execute(url, INSERT_OWNER, owner.owner_id, owner.did, prefix, catalog_key_id(prefix))
    terminus_id = await execute(url, INSERT_TERMINUS, owner.owner_id)
    await execute(url, INSERT_BACKUPS, owner.owner_id, terminus_id, backups)
    await execute(url, "ANALYZE")


async def execute(url: str, statement: str, *values: Any) -> Any:
    """Run a statement on a connection of its own; the first value of its first row."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def _accepts(port: int) -> bool:
    await asyncio.sleep(0)
    return ports.accepts(port)
