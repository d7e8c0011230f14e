"""What provisioning tells the others."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.base import Event


class InstanceReturned(Event):
    """An instance's machine is gone, as its driver confirmed; nothing of it costs anything from then on."""

    name: ClassVar[str] = "provisioning.instance.returned.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    owner_id: UUID
    instance_id: UUID
    returned_at: datetime


class InstanceUsageMeasured(Event):
    """What an instance's agent counted, at one instant."""

    name: ClassVar[str] = "provisioning.instance.usage_measured.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    owner_id: UUID
    instance_id: UUID
    measured_at: datetime
    traffic_bytes: int = Field(
        ge=0, description="Bytes sent and received since the counter began; one that falls was restarted from zero."
    )
    disk_bytes: int = Field(ge=0, description="Bytes of cloud storage in use; an absolute level, not a change.")
