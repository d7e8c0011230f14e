"""Starts the real servers, nothing more: private PostgreSQL and RabbitMQ, once per run, on private ports."""

import asyncio
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
import structlog

from space_local.postgres import Postgres
from space_local.rabbitmq import RabbitMQ
from tests.support.databases import Databases
from tests.support.tokens import TokenIssuer

LONGEST = Path(__file__).parent / "system"
SERVERS = frozenset({"postgres", "rabbitmq", "databases", "servers_home", "home", "system", "running_system"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that the rest can be run alone (`make test-unit`), and put long files first.

    Files are dealt out to the workers in this order: none has a long one left when the others are done, and those of
    the whole system, which keep processors busy, run beside those that wait more.
    """
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")
    files = list(dict.fromkeys(item.path for item in items))
    long = [path for path in files if path.is_relative_to(LONGEST)]
    others = [path for path in files if not path.is_relative_to(LONGEST)]
    turns = [path for pair in zip_longest(long, others) for path in pair]
    items.sort(key=lambda item: turns.index(item.path))


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def postgres(servers_home: Path) -> Iterator[Postgres]:
    server = Postgres(servers_home, fast=True)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    server.destroy()


@pytest.fixture(scope="session")
def rabbitmq(servers_home: Path) -> Iterator[RabbitMQ]:
    server = RabbitMQ(servers_home)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    return Databases(postgres)


@pytest.fixture(scope="session")
def issuer() -> Iterator[TokenIssuer]:
    issuer = TokenIssuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Traces without their frames' variables: rendering those costs seconds each."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer(colors=False)])
