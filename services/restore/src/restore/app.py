"""Wiring, and only wiring."""

from pathlib import Path

from restore import adapters, consumers, jobs
from restore.api import agents, internal, orders, restores, tickets
from restore.models import Base
from restore.settings import Settings
from shared.service import Service

service = Service(
    name="restore",
    description="Restores to a machine of your own, and to new instances in the cloud: quote, password, progress.",
    settings=Settings,
    routers=[tickets.router, orders.router, restores.router, agents.router],
    internal_routers=[internal.router],
    migrations=Path(__file__).parent / "migrations",
    metadata=Base.metadata,
    subscriptions=consumers.SUBSCRIPTIONS,
    jobs=jobs.JOBS,
    adapters=adapters.open_adapters,
)
