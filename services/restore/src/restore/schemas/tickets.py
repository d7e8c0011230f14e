"""Tickets, and what the clients that redeem them send."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from restore.catalog_client import KeyFile
from restore.domain.lifecycle import State
from restore.schemas.common import BACKUP_ID, RESTIC_ID, RESTORE_ID, SNAPSHOT_ID, Count, Reason, Request


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
    reason: Reason | None = Field(None, description="Why it failed, for a person to read.")


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
    backup_url: str | None = Field(
        description="What an Olares device restores the snapshot by, without any secret; null if none can."
    )
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
