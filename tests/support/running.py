"""A service in the test's own process: its applications over ASGI, its database real."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import event

from shared.service import ROLES, Runtime, Service
from shared.settings import ServiceSettings
from tests.support.tokens import ORIGIN

OPERATOR = "operator-credential"


@dataclass(frozen=True)
class Running:
    """A service as its callers see it; ``runtime`` for arranging and looking behind."""

    runtime: Runtime[Any, Any]
    api: httpx.AsyncClient
    internal: httpx.AsyncClient


@asynccontextmanager
async def running(service: Service, settings: ServiceSettings) -> AsyncIterator[Running]:
    """The service's public and internal applications, without its worker."""
    async with service.open_runtime(settings) as runtime:
        public = httpx.ASGITransport(service.create_api(runtime), raise_app_exceptions=False)
        internal = httpx.ASGITransport(service.create_internal(runtime, ROLES), raise_app_exceptions=False)
        async with (
            httpx.AsyncClient(transport=public, base_url=ORIGIN) as api,
            httpx.AsyncClient(transport=internal, base_url="http://internal.test") as inside,
        ):
            yield Running(runtime, api, inside)


@contextmanager
def counted_statements(running: Running) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    engine = running.runtime.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
