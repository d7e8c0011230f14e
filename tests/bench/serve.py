"""One server in a process of its own: `python -m tests.bench.serve NAME`, with the names below, told by BENCH_*."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import uvicorn
import uvloop
from starlette.types import ASGIApp

import catalog.app
import catalog.settings
import restore.app
import restore.settings
from shared.service import Service
from shared.settings import ServiceSettings
from shared.telemetry import configure_logging
from tests.bench import bare

POOL = 10
"""Connections to the database, as many as a service has."""


async def serve_service(service: Service, settings: ServiceSettings) -> None:
    """A service's listeners, on the loop that `deploy/local` runs it on."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    configure_logging("WARNING")
    await service.run(settings, frozenset({"api"}), stop)


async def serve_catalog() -> None:
    await serve_service(catalog.app.service, catalog.settings.Settings())


async def serve_restore() -> None:
    await serve_service(restore.app.service, restore.settings.Settings())


async def serve_bare(application: ASGIApp) -> None:
    """uvicorn with everything switched off that can be."""
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    await uvicorn.Server(config).serve()


async def serve_from(application: Callable[[asyncpg.Pool, UUID], ASGIApp], about: str) -> None:
    """One that asks the database about what the variable of this name says."""
    async with asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=POOL, max_size=POOL) as pool:
        await serve_bare(application(pool, UUID(os.environ[about])))


SERVERS: dict[str, Callable[[], Awaitable[None]]] = {
    "catalog": serve_catalog,
    "restore": serve_restore,
    "page": lambda: serve_from(bare.Page, "BENCH_OWNER_ID"),
    "restores": lambda: serve_from(bare.Restores, "BENCH_OWNER_ID"),
    "round": lambda: serve_from(bare.Round, "BENCH_RESTORE_ID"),
    "nothing": lambda: serve_bare(bare.nothing),
}


async def main(name: str) -> None:
    await SERVERS[name]()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
