"""Request and response bodies of catalog."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from catalog.domain.gate import Access, Restriction
from catalog.domain.lifecycle import State
from catalog.domain.snapshots import Kind, Status


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed here")
    return text


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_printable)
]
ResticId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# A path may hold anything that a file system allows except NUL, which PostgreSQL cannot keep.
SourcePath = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TerminusCreate(Body):
    name: Name = Field(examples=["alice@olares.com"])
    cluster_id: Annotated[str, StringConstraints(max_length=255), AfterValidator(_printable)] | None = None
    version: Annotated[str, StringConstraints(max_length=64), AfterValidator(_printable)] | None = None


class TerminusRead(BaseModel):
    terminus_id: UUID
    name: str
    cluster_id: str | None
    version: str | None
    created_at: datetime
    last_seen_at: datetime


class TerminusDetail(TerminusRead):
    """A home cloud with what its Olares device last told of it."""

    metrics: dict[str, Any] | None = Field(
        description="As the device told them; null when it never did.", examples=[{"cpu": {"total": 8, "usage": 1.5}}]
    )
    metrics_at: datetime | None


class PathSource(Body):
    kind: Literal["path"]
    path: SourcePath = Field(examples=["/home/alice/Photos"])


class AppSource(Body):
    kind: Literal["app"]
    app: Name = Field(examples=["wise"])


class BackupCreate(Body):
    name: Name = Field(examples=["photos"])
    terminus_id: UUID | None = Field(
        None, description="Whose it is; without one, your only Terminus if you have exactly one, else of none."
    )
    source: Annotated[PathSource | AppSource, Field(discriminator="kind")]


class BackupRead(BaseModel):
    """A backup task. What it holds is what the store was last seen to hold, never what a device said."""

    backup_id: UUID
    name: str
    terminus_id: UUID | None
    terminus_name: str | None
    kind: Literal["path", "app"] | None = Field(description="Null for a repository that was found in the store.")
    path: str | None
    app: str | None
    state: State
    created_at: datetime = Field(description="Initial creation time.")
    first_snapshot_at: datetime | None
    latest_snapshot_at: datetime | None = Field(description="Most recent snapshot time.")
    latest_snapshot_id: UUID | None
    snapshot_count: int
    storage_bytes: int = Field(description="Overall storage usage: the sum of the sizes of its objects.")
    measured_at: datetime | None
    usual_interval_seconds: int | None = Field(
        description="From one snapshot to the next, by the backup's own habit; null with too few to speak of one."
    )
    overdue: bool = Field(description="The next snapshot is late, judged by the backup's own habit.")
    newest_is_damaged: bool = Field(
        description="What the store has of the newest snapshot is not what was uploaded; an older one may be good."
    )
    delete_due_at: datetime | None = Field(description="When its objects go; undelete is possible until then.")
    stopped_at: datetime | None = Field(
        description="When its Olares device gave the task up: it is not overdue any more, and nothing of it is deleted."
    )
    device_backup_id: UUID | None = Field(
        description="What the Olares device calls it that makes its snapshots, with a password of its own; else null."
    )
    discovered: bool
    repository: str


@dataclass(frozen=True)
class DeviceBackup:
    """A backup as an Olares device tells of it.

    Args:
        backup_id: The device's own.
        source: The path; of an app it may be None.
    """

    backup_id: UUID
    name: str
    kind: Literal["path", "app"] | None
    source: str | None


class SnapshotReport(Body):
    """What a device says about a snapshot it has made: a hint, looked up in the store before anything is believed."""

    restic_id: ResticId
    taken_at: AwareDatetime
    size_processed_bytes: Bytes | None = None
    size_added_bytes: Bytes | None = None
    version: Annotated[str, StringConstraints(max_length=64), AfterValidator(_printable)] | None = None


class SnapshotRead(BaseModel):
    snapshot_id: UUID
    backup_id: UUID
    restic_id: str
    status: Status
    kind: Kind
    taken_at: datetime
    size_processed_bytes: int | None = Field(description="As the device reported; null when it did not.")
    size_added_bytes: int | None
    version: str | None
    reported: bool = Field(description="A device reported it; sizes and version are the device's.")
    discovered: bool = Field(description="It was found in the store before anybody reported it.")


class BackupUrlRead(BaseModel):
    backup_url: str = Field(
        description="To paste on an Olares device: the snapshot's address in base64, without any secret.",
        examples=["aHR0cHM6Ly9zMy5zcGFjZS5hbWF6b25hd3MuY29tL2JhY2t1cHMvZGlkOmtleTp6Nk1r…"],
    )


class UsageRead(BaseModel):
    """The level from this instant until the next row."""

    measured_at: datetime
    storage_bytes: int
    objects: int


class StorageKeyCreate(Body):
    backup_id: UUID
    scope: Access = Field(description="`write` to back up, `read` to restore.")
    declared_bytes: Annotated[int, Field(ge=1, le=2**62)] | None = Field(
        None, description="How much is about to be written at most, if known; room for it is reserved, else for 1 GB."
    )


class StorageKeyRead(BaseModel):
    """A key for an S3 client; the secret is shown only here."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: datetime
    scope: Access
    issuer: str
    repository_url: str = Field(examples=["s3:https://127.0.0.1:8443/vault/p1.amazonaws.com/backups/did:key:z6Mk…"])
    ca_certificate: str | None = Field(description="PEM of the authority to trust; null when it is a public one.")


class StorageKeyListed(BaseModel):
    """A key that has not ended, as far as it may be shown again."""

    access_key_id: str
    backup_id: UUID | None
    restore_id: UUID | None
    scope: Access
    issuer: str
    issued_at: datetime
    expires_at: datetime


class KeyFile(BaseModel):
    name: str
    content: str = Field(description="The file as it lies in the repository, in base64.")


class KeyFiles(BaseModel):
    key_files: list[KeyFile]


class RestrictionWrite(Body):
    restriction: Restriction | None


class StoreKeyQuestion(Body):
    access_key_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{8,128}$")]


class RestorableQuestion(Body):
    """Which snapshot: the one named, or the latest of a backup."""

    owner_id: UUID
    backup_id: UUID | None = None
    snapshot_id: UUID | None = None


class Restorable(BaseModel):
    snapshot_id: UUID
    backup_id: UUID
    backup_name: str
    terminus_name: str | None
    restic_id: str
    taken_at: datetime
    size_processed_bytes: int | None
    path: str | None
    repository: str


class RestorableHere(Restorable):
    backup_url: str | None = Field(description="To restore it on an Olares device; null where none can.")


class PinQuestion(RestorableQuestion):
    """The same for a restore to the cloud, which keeps the backup's objects until it ends."""

    restore_id: UUID


class Pinned(Restorable):
    storage_bytes: int | None = Field(description="Of the whole backup, as last measured; null before that.")


class RestoreKeyQuestion(Body):
    owner_id: UUID
    restore_id: UUID
    snapshot_id: UUID


class RestoreKey(StorageKeyRead):
    key_files: list[KeyFile]
