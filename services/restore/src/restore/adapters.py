"""What a running restore service has besides its database: the way to catalog, and the count of open streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from restore.catalog_client import CatalogClient, open_client
from restore.settings import Settings
from restore.timeline import Streams
from shared.service import Runtime


@dataclass(frozen=True)
class Adapters:
    catalog: CatalogClient
    streams: Streams


RestoreRuntime = Runtime[Settings, Adapters]


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncIterator[Adapters]:
    async with open_client(settings) as catalog:
        yield Adapters(catalog, Streams(settings.streams_per_process, settings.streams_per_owner))
