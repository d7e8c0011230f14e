"""Restores as they are shown."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from restore.billing_client import Quote
from restore.domain import order
from restore.domain.axes import Compute, Data, Payment
from restore.domain.lifecycle import State
from restore.domain.passwords import Asked
from restore.schemas.common import BACKUP_ID, RESTIC_ID, RESTORE_ID, SNAPSHOT_ID

AnyState = State | order.State
INSTANCE_ID = "6a1f3a0e-2f0b-4c55-9f0e-6f2a7f4f2b11"


class PasswordRead(BaseModel):
    """What a client needs to seal the backup password for the machine."""

    round: int | None = Field(description="Of the key; null while the machine has none.")
    public_key: str | None = Field(description="X25519, 32 bytes in base64url without padding.")
    reason: Asked = Field(description="Why it is asked for. Only after `wrong` does the owner have to be asked again.")
    wrong_passwords: int
    attempts_left: int = Field(description="After so many more wrong ones the order is undone.")
    not_before: datetime | None = Field(description="When the next one is taken; null for now.")
    until: datetime = Field(description="When the order is undone if none is entered.")


class CloudRead(BaseModel):
    """The order, the machine and the money of a restore to the cloud."""

    provider: str
    region: str
    plan: str
    instance_name: str = Field(examples=["alice@olares.com"])
    instance_id: UUID | None = Field(description="Null before it is ordered.", examples=[INSTANCE_ID])
    address: str | None = Field(description="Of the instance, once it runs.")
    payment: Payment
    compute: Compute
    data: Data = Field(description="How much of the snapshot is on the machine.")
    stalled: bool = Field(description="It restores, and has made no progress for two minutes.")
    estimate_seconds: int | None = Field(
        description="From confirming to a usable instance, as the operator expects; null where the size is not known."
    )


class CloudDetail(CloudRead):
    quote: Quote | None = Field(description="Null while it is being made.")
    password: PasswordRead | None = Field(description="While one is waited for or checked.")


class RestoreRead(BaseModel):
    """A restore and how far it has come."""

    restore_id: UUID = Field(examples=[RESTORE_ID])
    target: Literal["local", "cloud"]
    state: AnyState
    code: str | None = Field(description="Stable, why it failed, was declined or ended; null where nothing is to say.")
    reason: str | None = Field(description="The same for a person.", examples=["the disk is full"])
    actions: list[Literal["confirm", "cancel", "give_up", "enter_password"]] = Field(
        description="What can be asked for now. To give up is to cancel while a password is waited for."
    )
    backup_id: UUID = Field(examples=[BACKUP_ID])
    backup_name: str = Field(examples=["photos"])
    terminus_name: str | None = Field(examples=["home"])
    path: str | None = Field(examples=["/home/alice/photos"])
    snapshot_id: UUID = Field(examples=[SNAPSHOT_ID])
    restic_id: str = Field(examples=[RESTIC_ID])
    snapshot_taken_at: datetime
    size_processed_bytes: int | None
    bytes_restored: int | None = Field(description="As its client reported last.")
    files_restored: int | None
    total_bytes: int | None
    warnings: int = Field(description="Files that could not be restored, or not entirely.")
    created_at: datetime
    updated_at: datetime
    redeemed_at: datetime | None = Field(description="When its ticket was first redeemed.")
    ended_at: datetime | None
    expires_at: datetime | None = Field(
        description="When it ends if its client, or its owner, does nothing until then; null where that is not so."
    )
    cloud: CloudRead | None = Field(description="Null for a restore to local.")


class RestoreDetail(RestoreRead):
    """A restore with its quote, and what its password needs."""

    cloud: CloudDetail | None = Field(description="Null for a restore to local.")


class TimelineEntryRead(BaseModel):
    """One thing that happened to a restore, and how far it had come then."""

    number: int = Field(description="Rises within a restore, with gaps: newer progress replaces older.")
    recorded_at: datetime
    kind: Literal["moved", "progress", "keys_issued", "payment", "instance", "password"]
    previous_state: AnyState | None
    state: AnyState
    code: str | None = Field(
        description="Of a move: why, where there is a reason. Of `payment`, `instance` and `password`: what is new."
    )
    reason: str | None
    bytes_restored: int | None
    files_restored: int | None
    total_bytes: int | None
    warnings: int
