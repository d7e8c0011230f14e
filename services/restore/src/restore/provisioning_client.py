"""What restore asks of provisioning: whether an instance can be had, and to keep its name while it is paid for."""

from dataclasses import asdict, dataclass
from uuid import UUID

import httpx
from pydantic import BaseModel, Field

from restore import errors
from restore.calls import Neighbour

REFUSALS = (errors.OfferUnknown, errors.OfferUnavailable, errors.InstanceNameInvalid, errors.NameInUse)


@dataclass(frozen=True)
class Place:
    """Which instance is wanted, and where."""

    instance_name: str
    provider: str
    region: str
    plan: str


class Offered(BaseModel):
    """What such an instance is made of."""

    disk_bytes: int = Field(ge=0)


class Reserved(BaseModel):
    instance_id: UUID
    status: str


class ProvisioningClient(Neighbour):
    """Provisioning's internal listener."""

    def __init__(self, http: httpx.AsyncClient, deadline_seconds: float) -> None:
        super().__init__(http, deadline_seconds, "The service that makes instances", (*REFUSALS, errors.InstanceOver))

    async def check(self, owner_id: UUID, place: Place) -> Offered:
        """That nothing stands in the way of such an instance just now.

        Raises:
            OfferUnknown, OfferUnavailable, InstanceNameInvalid, NameInUse: What does.
            ServiceUnavailable: If provisioning does not answer in time.
        """
        return await self.ask("/internal/instances/checks", {"owner_id": owner_id, **asdict(place)}, Offered)

    async def reserve(self, owner_id: UUID, restore_id: UUID, instance_id: UUID, place: Place) -> Reserved:
        """Keep the name for a day; asking again with the same id changes nothing.

        Raises:
            OfferUnknown, OfferUnavailable, InstanceNameInvalid, NameInUse: What stands in the way.
            InstanceOver: If this very instance was called off.
            ServiceUnavailable: If provisioning does not answer in time.
        """
        wanted = {"owner_id": owner_id, "restore_id": restore_id, "instance_id": instance_id, **asdict(place)}
        return await self.ask("/internal/instances", wanted, Reserved)
