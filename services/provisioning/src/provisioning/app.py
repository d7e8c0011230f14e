"""Wiring, and only wiring."""

from pathlib import Path

from provisioning import adapters, consumers, jobs
from provisioning.api import agents, instances, internal, links, logs, offers
from provisioning.models import Base
from provisioning.settings import Settings
from shared.service import Service

service = Service(
    name="provisioning",
    description="What can be had of cloud instances, the owner's instances, and the agents on them.",
    settings=Settings,
    routers=[offers.router, instances.router, logs.router, agents.router, links.router],
    internal_routers=[internal.router],
    migrations=Path(__file__).parent / "migrations",
    metadata=Base.metadata,
    subscriptions=consumers.SUBSCRIPTIONS,
    jobs=jobs.JOBS,
    adapters=adapters.open_adapters,
)
