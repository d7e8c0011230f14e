"""What a running restore service has besides its database: the way to its neighbours, and the count of open streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from restore.billing_client import BillingClient
from restore.calls import open_http
from restore.catalog_client import CatalogClient
from restore.provisioning_client import ProvisioningClient
from restore.settings import Settings
from restore.timeline import Streams
from shared.service import Runtime


@dataclass(frozen=True)
class Adapters:
    catalog: CatalogClient
    billing: BillingClient
    provisioning: ProvisioningClient
    streams: Streams


RestoreRuntime = Runtime[Settings, Adapters]


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncIterator[Adapters]:
    deadline = settings.call_deadline_seconds
    async with (
        open_http(str(settings.catalog_url), settings.catalog_credential, settings.catalog_deadline_seconds) as catalog,
        open_http(str(settings.billing_url), settings.billing_credential, deadline) as billing,
        open_http(str(settings.provisioning_url), settings.provisioning_credential, deadline) as provisioning,
    ):
        yield Adapters(
            catalog=CatalogClient(catalog, settings.catalog_deadline_seconds),
            billing=BillingClient(billing, deadline),
            provisioning=ProvisioningClient(provisioning, deadline),
            streams=Streams(settings.streams_per_process, settings.streams_per_owner),
        )
