"""The answers of the services, as far as the command acts on them; unknown fields are let through."""

from datetime import datetime
from uuid import UUID

from pydantic import Base64Bytes, BaseModel, ConfigDict, SecretStr, StrictInt


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Money(Answer):
    """Minor units (hundredths) of a currency; what is not a whole number is refused."""

    amount_minor: StrictInt
    currency: str


class Nonce(Answer):
    nonce: str
    audience: str
    issued_at: datetime


class Owner(Answer):
    owner_id: UUID
    did: str
    olares_name: str | None = None


class Tokens(Answer):
    access_token: SecretStr
    expires_in: int
    refresh_token: SecretStr
    refresh_expires_in: int
    owner: Owner


class ConsoleLink(Answer):
    """What signs a browser in, once."""

    link: SecretStr
    expires_at: datetime


class ExchangedToken(Answer):
    access_token: SecretStr
    expires_in: int


class Terminus(Answer):
    terminus_id: UUID
    name: str


class Backup(Answer):
    backup_id: UUID
    name: str
    terminus_id: UUID | None = None
    terminus_name: str | None = None
    path: str | None = None
    state: str
    snapshot_count: int | None = None
    device_backup_id: UUID | None = None
    """Of an Olares device's task, which that device alone writes."""


class Snapshot(Answer):
    snapshot_id: UUID
    backup_id: UUID
    restic_id: str
    taken_at: datetime
    status: str


class BackupUrl(Answer):
    backup_url: str


class OlaresToken(Answer):
    userid: str
    token: SecretStr
    expires_at: datetime


class KeyFileAnswer(Answer):
    name: str
    content: Base64Bytes


class KeyFiles(Answer):
    key_files: list[KeyFileAnswer]


class StorageKeys(Answer):
    access_key_id: str
    secret_access_key: SecretStr
    session_token: SecretStr
    repository_url: str
    ca_certificate: str | None = None


class Ticket(Answer):
    ticket: SecretStr
    restore_id: UUID


class RestoredSnapshot(Answer):
    snapshot_id: UUID
    restic_id: str
    taken_at: datetime
    size_processed_bytes: int | None = None


class Redeemed(StorageKeys):
    restore_id: UUID
    backup_name: str
    snapshot: RestoredSnapshot
    key_files: list[KeyFileAnswer]
