"""Bodies of instances."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from provisioning.domain.lifecycle import Status
from provisioning.domain.offers import Offered

Name = Annotated[str, StringConstraints(min_length=1, max_length=254)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Versions(BaseModel):
    agent: str | None
    olares: str | None


class InstanceUsage(BaseModel):
    """What its agent counted, and what the plan's month includes."""

    traffic_bytes: int = Field(description="Sent and received since the instance began.")
    disk_bytes: int
    measured_at: datetime | None
    included_traffic_bytes: int | None
    included_storage_bytes: int | None


class InstanceRead(BaseModel):
    instance_id: UUID
    name: str = Field(examples=["alice@olares.com"])
    status: Status
    code: str | None = Field(
        description="Stable, why it failed, errs, waits or ended; null where there is nothing to say."
    )
    reason: str | None = Field(description="The same for a person.")
    needs_operator: bool = Field(description="Its provider has given no certain answer for long; an operator is told.")
    actions: list[str] = Field(description="What can be asked for now: restart, stop, start, return.")
    provider: str
    provider_name: str
    region: str
    region_name: str
    plan: str
    vcpu: int | None
    memory_bytes: int | None
    plan_disk_bytes: int | None
    address: str | None = Field(
        description="Host name or address, with a port where it is not 443; null while it is off."
    )
    restore_id: UUID | None
    created_at: datetime
    updated_at: datetime = Field(description="When its status changed last.")
    started_at: datetime | None
    runtime_seconds: int | None = Field(description="Since it began to run: to its end, or in full minutes until now.")
    ended_at: datetime | None
    heard_at: datetime | None = Field(description="The last word of its agent.")
    versions: Versions
    usage: InstanceUsage


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class InstanceCheck(Body):
    """An instance that somebody would like to have."""

    owner_id: UUID
    instance_name: Name
    provider: Word
    region: Word
    plan: Word


class InstanceOffered(BaseModel):
    """What such an instance would be made of, and what its month includes."""

    provider: str
    region: str
    plan: str
    vcpu: int
    memory_bytes: int
    disk_bytes: int
    included_traffic_bytes: int | None
    included_storage_bytes: int | None

    @classmethod
    def of(cls, offered: Offered) -> "InstanceOffered":
        (provider, region, name), plan, price = offered.key, offered.plan, offered.price
        return cls(
            provider=provider,
            region=region,
            plan=name,
            vcpu=plan.vcpu,
            memory_bytes=plan.memory_bytes,
            disk_bytes=plan.disk_bytes,
            included_traffic_bytes=price.included_traffic_bytes if price else None,
            included_storage_bytes=price.included_storage_bytes if price else None,
        )


class InstanceReserve(InstanceCheck):
    instance_id: UUID
    restore_id: UUID | None = None


class InstanceReserved(BaseModel):
    instance_id: UUID
    status: Status


class StuckInstance(BaseModel):
    instance_id: UUID
    owner_id: UUID
    name: str
    status: Status
    provider: str
    region: str
    machine: str | None
    reason: str | None = Field(description="What its provider said last, or what else keeps it from coming on.")
    stuck_at: datetime
    updated_at: datetime


class Redrive(Body):
    verdict: Annotated[str, StringConstraints(pattern="^(look_again|no_machine)$")] = Field(
        description="`look_again` asks the provider at once; `no_machine` says that none exists for certain."
    )


class OrphanRead(BaseModel):
    provider: str
    region: str
    reference: str
    instance_id: UUID
    state: str
    found_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
