"""Identity, put together."""

from pathlib import Path

from identity import api, jobs, olares_api
from identity.models import Base
from identity.settings import Settings
from identity.signing import open_issuer
from shared.service import Service

service = Service(
    name="identity",
    description="Owners, sign-in, tokens and devices.",
    settings=Settings,
    routers=(*api.ROUTERS, *olares_api.ROUTERS),
    internal_routers=api.INTERNAL_ROUTERS,
    jobs=jobs.JOBS,
    migrations=Path(__file__).parent / "migrations",
    metadata=Base.metadata,
    adapters=open_issuer,
)
