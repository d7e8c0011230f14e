"""What restore tells the others."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import Event

Target = Literal["local", "cloud"]


class RestoreCompleted(Event):
    """A snapshot was restored and checked."""

    name: ClassVar[str] = "restore.completed.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog",)

    owner_id: UUID
    restore_id: UUID
    backup_id: UUID
    snapshot_id: UUID
    target: Target
    bytes_restored: int | None = Field(ge=0, description="Sum of the restored files' sizes, as the client reported.")
    warnings: int = Field(ge=0)
    completed_at: datetime


class RestoreFailed(Event):
    """A restore's client gave up, for a reason a person can read; its keys end, and it may come again."""

    name: ClassVar[str] = "restore.failed.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog",)

    owner_id: UUID
    restore_id: UUID
    backup_id: UUID
    snapshot_id: UUID
    target: Target
    reason: str
    failed_at: datetime


class RestoreCancelled(Event):
    """A restore was called off by its owner, lost its backup, or ran out of time."""

    name: ClassVar[str] = "restore.cancelled.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog",)

    owner_id: UUID
    restore_id: UUID
    backup_id: UUID
    snapshot_id: UUID
    target: Target
    cancelled_at: datetime


class PaymentWanted(Event):
    """An owner confirmed a quote: the money is to be held, not yet taken."""

    name: ClassVar[str] = "restore.payment_wanted.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    owner_id: UUID
    restore_id: UUID
    quote_id: UUID
    payment_method_id: UUID | None = Field(description="Null for the owner's default, or balance alone.")


class CaptureWanted(Event):
    """What was held is to be taken: the instance is usable, or the owner gave up and pays for the time it ran."""

    name: ClassVar[str] = "restore.capture_wanted.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    owner_id: UUID
    restore_id: UUID
    quote_id: UUID
    instance_id: UUID
    started_at: datetime = Field(description="Since when the instance runs; its month begins here.")
    ended_at: datetime | None = Field(description="Null when it goes on; else only the use until then is taken.")


class VoidWanted(Event):
    """What was held is to be let go: nothing usable came of it."""

    name: ClassVar[str] = "restore.void_wanted.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    owner_id: UUID
    restore_id: UUID
    quote_id: UUID


class InstanceWanted(Event):
    """A machine is to be had for an owner, and is paid for or held: ours or somebody else's provisioner makes it."""

    name: ClassVar[str] = "restore.instance_wanted.v1"
    consumers: ClassVar[tuple[str, ...]] = ("provisioning",)

    owner_id: UUID = Field(description="Whose it is to be.")
    restore_id: UUID | None = Field(None, description="What is to be restored on it; null for a new, empty Terminus.")
    instance_id: UUID = Field(description="Chosen by who wants it: one id, one machine, however often this comes.")
    instance_name: str = Field(description="An Olares name, such as alice@olares.com; unique among the owner's.")
    provider: str = Field(description="Of the offer that was chosen.")
    region: str = Field(description="Of the offer that was chosen.")
    plan: str = Field(description="Of the offer that was chosen.")


class InstanceUnwanted(Event):
    """The machine is to go, whatever has become of it; the answer is `provisioning.instance.returned` or `failed`."""

    name: ClassVar[str] = "restore.instance_unwanted.v1"
    consumers: ClassVar[tuple[str, ...]] = ("provisioning",)

    owner_id: UUID = Field(description="Whose it is to be.")
    restore_id: UUID | None = Field(None, description="The restore it was wanted for; null for none.")
    instance_id: UUID = Field(description="The id that it was wanted by, or will have been when that word arrives.")
    reason: str = Field(description="A sentence for the owner.")


class PasswordRequired(Event):
    """The machine of a restore waits for the backup password, which its owner's client is to seal for it."""

    name: ClassVar[str] = "restore.password_required.v1"

    owner_id: UUID
    restore_id: UUID
    instance_id: UUID
    reason: Literal["first", "wrong", "agent_restarted", "agent_silent"] = Field(
        description="Why it is asked for: for the first time, again after a wrong one, or because the agent lost it."
    )
    until: datetime = Field(description="When the restore ends if nobody enters it.")
