"""Wiring, and only wiring."""

from pathlib import Path

from restore import adapters, api, consumers, jobs
from restore.models import Base
from restore.settings import Settings
from shared.service import Service

service = Service(
    name="restore",
    description="Restores to a machine of your own: tickets, their keys, progress and outcome.",
    settings=Settings,
    routers=[api.router],
    migrations=Path(__file__).parent / "migrations",
    metadata=Base.metadata,
    subscriptions=consumers.SUBSCRIPTIONS,
    jobs=jobs.JOBS,
    adapters=adapters.open_adapters,
)
