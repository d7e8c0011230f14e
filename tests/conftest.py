"""Starts the real servers, nothing more: private PostgreSQL and RabbitMQ, once per run, on private ports."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from space_local.postgres import Postgres
from space_local.rabbitmq import RabbitMQ
from tests.support.databases import Databases
from tests.support.tokens import TokenIssuer

TESTS = Path(__file__).parent
LONGEST = ("system", "console", "local", "deploy", "provisioning")
"""Folders whose files take longest; the others follow by name."""
WHOLE_SYSTEMS = 2
"""How many systems a parallel run starts for the tests of the whole system."""
SERVERS = frozenset(
    {"postgres", "rabbitmq", "databases", "servers_home", "home", "system", "running_system", "browser"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that the rest can be run alone (`make test-unit`), and put long files first.

    Files are dealt out to the workers in this order: none has a long one left when the others are done.
    """
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")
    places = {folder: place for place, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(TESTS).parts[0], len(places)))


def pytest_collection_finish() -> None:
    """What is imported by now stays: without looking through it again and again, a tenth of the time is saved."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 20)


class Dealer(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Deals out whole files; those that use one running system go to few workers, one after another.

    Each worker starts a system of its own, which is idle but not free once its last test is over. The console's go to
    one worker, for the same reason.
    """

    _sharing = [f"tests/system/{path.name}" for path in sorted((TESTS / "system").glob("test_*.py"))]

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.startswith("tests/console/"):
            return "console"
        return f"system {self._sharing.index(file) % WHOLE_SYSTEMS}" if file in self._sharing else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return Dealer(config, log) if config.getvalue("dist") == "loadfile" else None


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
