"""What catalog tells the others."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import Event


class TerminusRegistered(Event):
    """An owner's home cloud is known from now on."""

    name: ClassVar[str] = "catalog.terminus.registered.v1"

    owner_id: UUID
    terminus_id: UUID
    terminus_name: str
    registered_at: datetime


class BackupRegistered(Event):
    """A backup task exists, made by its owner or found in the store."""

    name: ClassVar[str] = "catalog.backup.registered.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    owner_id: UUID
    backup_id: UUID
    terminus_id: UUID | None
    backup_name: str
    discovered: bool
    registered_at: datetime


class SnapshotRecorded(Event):
    """A snapshot's object is in the store and its SHA-256 equals its name."""

    name: ClassVar[str] = "catalog.snapshot.recorded.v1"

    owner_id: UUID
    backup_id: UUID
    snapshot_id: UUID
    restic_id: str = Field(pattern=r"^[0-9a-f]{64}$")
    kind: Literal["full", "incremental"]
    taken_at: datetime
    size_added_bytes: int | None = Field(ge=0)


class StorageMeasured(Event):
    """How many bytes a backup holds in the store, as listed at one instant; an absolute level, not a change."""

    name: ClassVar[str] = "catalog.storage.measured.v1"
    consumers: ClassVar[tuple[str, ...]] = ("billing",)

    owner_id: UUID
    backup_id: UUID
    terminus_id: UUID | None
    measured_at: datetime
    storage_bytes: int = Field(ge=0, description="Sum of object sizes under the repository.")
    objects: int = Field(ge=0)
    snapshots: int | None = Field(
        None, ge=0, description="Successful snapshots seen in this measurement; null when it was not said."
    )


class BackupDeleted(Event):
    """A backup's objects are gone from the store; its last measurement is zero."""

    name: ClassVar[str] = "catalog.backup.deleted.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)

    owner_id: UUID
    backup_id: UUID
    deleted_at: datetime
