"""Request and response bodies."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from restore.catalog_client import KeyFile
from restore.domain.lifecycle import State

MAX_COUNT = 2**63 - 1
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

RESTORE_ID = "0f6c2f0e-7f6c-4d8e-9a55-3d1b8a6f5f10"
BACKUP_ID = "9b2d6c1a-52f3-4a4b-8f0d-2f1c7f3a9e21"
SNAPSHOT_ID = "c1f7f0b4-6f0e-4a63-8a53-0c8a4b9d7e55"
RESTIC_ID = "4bb0a5d3a0f1c2f0e1d6b7a8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192"

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


def _printable(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


class Request(BaseModel):
    """What a client sends; a field we do not know is refused, because it would silently do nothing."""

    model_config = ConfigDict(extra="forbid")


class TicketRequest(Request):
    """Which snapshot to restore: the latest successful one of a backup, or a given one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"backup_id": BACKUP_ID}, {"snapshot_id": SNAPSHOT_ID}]})

    backup_id: UUID | None = Field(None, description="Restore the latest successful snapshot of this backup.")
    snapshot_id: UUID | None = Field(None, description="Restore this snapshot.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.backup_id is None) == (self.snapshot_id is None):
            raise ValueError("give either backup_id or snapshot_id")
        return self


class RedeemRequest(Request):
    """The ticket, and a secret that the client makes and keeps: with it, and only with it, it may come again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ticket": "srt_…", "redeemer_secret": "64 random hexadecimal digits"}]}
    )

    ticket: SecretStr = Field(min_length=1, max_length=200)
    redeemer_secret: SecretStr = Field(min_length=32, max_length=200, description="At least 128 random bits, as text.")


class ReportRequest(Request):
    """How far a restoring client has come."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "redeemer_secret": "64 random hexadecimal digits",
                    "state": "restoring",
                    "bytes_restored": 734003200,
                    "files_restored": 1205,
                    "total_bytes": 2512555868,
                },
                {"redeemer_secret": "64 random hexadecimal digits", "state": "completed", "warnings": 2},
            ]
        }
    )

    redeemer_secret: SecretStr = Field(min_length=1, max_length=200)
    state: Literal[State.RESTORING, State.VERIFYING, State.COMPLETED, State.FAILED]
    bytes_restored: Count | None = Field(None, description="Sum of the sizes of the files written so far.")
    files_restored: Count | None = None
    total_bytes: Count | None = Field(None, description="What `bytes_restored` will be at the end.")
    warnings: Count | None = Field(None, description="Files that could not be restored, or not entirely.")
    reason: Annotated[str, Field(max_length=500), AfterValidator(_printable)] | None = Field(
        None, description="Why it failed, for a person to read."
    )


class SnapshotRead(BaseModel):
    """The snapshot that a ticket restores."""

    snapshot_id: UUID
    backup_id: UUID
    backup_name: str
    terminus_name: str | None
    restic_id: str = Field(examples=[RESTIC_ID])
    taken_at: datetime
    size_processed_bytes: int | None = Field(description="Size of the files in it, in bytes; null if nobody said.")
    path: str | None = Field(description="What was backed up, where it was; null if nobody said.")


class GuideStep(BaseModel):
    """One step of the restoration guide."""

    title: str
    text: str
    command: str | None = Field(description="To be copied.")


class PlainRestic(BaseModel):
    """The same without our command: no secrets in it, only names and commands."""

    environment: dict[str, str] = Field(description="Variables that the commands use, and what belongs in each.")
    commands: list[str] = Field(description="For a shell with curl, jq, openssl and restic, in order.")


class TicketIssued(BaseModel):
    """A ticket, shown this once, and how to use it."""

    ticket: str = Field(description="Keep it to yourself: whoever redeems it first may read this backup's repository.")
    expires_at: datetime = Field(description="Redeem it before.")
    restore_id: UUID = Field(examples=[RESTORE_ID])
    snapshot: SnapshotRead
    command: str = Field(examples=["space restore --ticket srt_… --origin https://space.example.com"])
    guide: list[GuideStep]
    plain_restic: PlainRestic


class RedeemedSnapshot(BaseModel):
    """The snapshot to restore."""

    snapshot_id: UUID
    restic_id: str = Field(examples=[RESTIC_ID])
    taken_at: datetime
    size_processed_bytes: int | None


class TicketRedeemed(BaseModel):
    """Keys that read one repository, and what is needed to check the password before anything is downloaded."""

    restore_id: UUID = Field(examples=[RESTORE_ID])
    backup_name: str
    snapshot: RedeemedSnapshot
    repository_url: str = Field(examples=["s3:https://127.0.0.1:8443/…/olares-backups/photos-…"])
    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: datetime = Field(description="Of the keys; redeem again for fresh ones.")
    ca_certificate: str | None = Field(description="PEM of the store's private CA; null if a public one signed.")
    key_files: list[KeyFile]


class RestoreRead(BaseModel):
    """A restore and how far it has come."""

    restore_id: UUID = Field(examples=[RESTORE_ID])
    target: Literal["local"]
    state: State
    reason: str | None = Field(description="Why it failed or ended.", examples=["the disk is full"])
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
    expires_at: datetime | None = Field(description="When it expires if nothing is heard until then; null once over.")


class TimelineEntryRead(BaseModel):
    """One thing that happened to a restore, and how far it had come then."""

    number: int = Field(description="Rises within a restore, with gaps: newer progress replaces older.")
    recorded_at: datetime
    kind: Literal["moved", "progress", "keys_issued"]
    previous_state: State | None
    state: State
    reason: str | None
    bytes_restored: int | None
    files_restored: int | None
    total_bytes: int | None
    warnings: int
