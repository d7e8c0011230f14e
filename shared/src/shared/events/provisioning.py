"""What provisioning tells the others.

Every instance that is requested ends with exactly one of failed and returned. Somebody else's provisioner may publish
these in place of ours: docs/provisioner.md is the contract.
"""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import Event


class _InstanceEvent(Event):
    owner_id: UUID = Field(description="Whose it is.")
    instance_id: UUID = Field(description="The id that it was wanted by.")
    restore_id: UUID | None = Field(None, description="The restore it was wanted for; null for none.")


class InstanceRequested(_InstanceEvent):
    """An instance is on its way: its name is leased and a machine will be asked for."""

    name: ClassVar[str] = "provisioning.instance.requested.v1"

    instance_name: str = Field(description="As it was wanted.")
    provider: str = Field(description="As it was wanted.")
    region: str = Field(description="As it was wanted.")
    plan: str = Field(description="As it was wanted.")
    requested_at: datetime = Field(description="When that was decided.")


class InstanceRunning(_InstanceEvent):
    """Its machine runs, as the driver says; what is on it reports for itself from now on."""

    name: ClassVar[str] = "provisioning.instance.running.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog", "restore")

    instance_name: str = Field(description="As it was wanted.")
    provider: str = Field(description="As it was wanted.")
    region: str = Field(description="As it was wanted.")
    plan: str = Field(description="As it was wanted.")
    address: str | None = Field(description="Host name or address, with a port where it is not 443; null for none.")
    running_at: datetime = Field(description="Since when its machine runs.")


class InstanceEnrolled(_InstanceEvent):
    """The agent on the machine has shown its one-time secret and named the key that it signs with."""

    name: ClassVar[str] = "provisioning.instance.enrolled.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)

    public_key: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="Ed25519, 32 bytes in base64url.")
    enrolled_at: datetime = Field(description="When the secret was shown.")


class InstanceFailed(_InstanceEvent):
    """Nothing came of it, for certain: no machine exists, none will, and the name is free."""

    name: ClassVar[str] = "provisioning.instance.failed.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)

    code: str = Field(description="Stable, such as `name_in_use`, `offer_unknown` or `out_of_capacity`.")
    reason: str = Field(description="A sentence for the owner.")
    failed_at: datetime = Field(description="Since when that is certain.")


class InstanceReturned(_InstanceEvent):
    """An instance's machine is gone, as its driver confirmed; nothing of it costs anything from then on."""

    name: ClassVar[str] = "provisioning.instance.returned.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing", "restore")

    returned_at: datetime = Field(description="When its machine was gone; later than every reading of its counters.")
    cause: Literal["owner", "unwanted", "lost"] | None = Field(
        None, description="Its owner returned it, whoever wanted it no longer did, or its provider lost it."
    )


class InstanceUsageMeasured(_InstanceEvent):
    """What an instance's agent counted, at one instant."""

    name: ClassVar[str] = "provisioning.instance.usage_measured.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    measured_at: datetime = Field(description="When the counters were read; one reading per instance and instant.")
    traffic_bytes: int = Field(
        ge=0, description="Bytes sent and received since the counter began; one that falls was restarted from zero."
    )
    disk_bytes: int = Field(ge=0, description="Bytes of cloud storage in use; an absolute level, not a change.")
