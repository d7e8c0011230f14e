"""Catalog, put together."""

from pathlib import Path

from catalog import api, consumers, jobs, olares_api
from catalog.adapters import open_adapters
from catalog.models import Base
from catalog.settings import Settings
from shared.service import Service

service = Service(
    name="catalog",
    description="Backups, snapshots, storage keys and measured storage.",
    settings=Settings,
    routers=(*api.ROUTERS, *olares_api.ROUTERS),
    internal_routers=api.INTERNAL_ROUTERS,
    subscriptions=consumers.SUBSCRIPTIONS,
    jobs=jobs.JOBS,
    migrations=Path(__file__).parent / "migrations",
    metadata=Base.metadata,
    adapters=open_adapters,
)
