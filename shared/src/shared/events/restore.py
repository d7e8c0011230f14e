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
