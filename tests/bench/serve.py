"""One server in a process of its own: `python -m tests.bench.serve catalog | page | nothing`, told by BENCH_*."""

import asyncio
import os
import signal
import sys
from uuid import UUID

import asyncpg
import uvicorn
import uvloop
from starlette.types import ASGIApp

from catalog.app import service
from catalog.settings import Settings
from shared.telemetry import configure_logging
from tests.bench import bare

POOL = 10
"""Connections to the database, as many as a service has."""


async def serve_catalog() -> None:
    """Catalog's listeners, on the loop that `deploy/local` runs it on."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings()
    configure_logging("WARNING")
    await service.run(settings, frozenset({"api"}), stop)


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


async def serve_page() -> None:
    async with asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=POOL, max_size=POOL) as pool:
        await serve_bare(bare.Page(pool, UUID(os.environ["BENCH_OWNER_ID"])))


async def serve_nothing() -> None:
    await serve_bare(bare.nothing)


SERVERS = {"catalog": serve_catalog, "page": serve_page, "nothing": serve_nothing}

if __name__ == "__main__":
    uvloop.run(SERVERS[sys.argv[1]]())
