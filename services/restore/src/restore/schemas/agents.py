"""What the agent of a restore's instance says and is told."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from restore.catalog_client import KeyFile
from restore.domain.reports import AgentState
from restore.encoding import decode
from restore.schemas.common import Count, Reason, Request
from restore.schemas.tickets import RedeemedSnapshot

Number = Annotated[int, Field(ge=1, le=2**31)]


class RoundRequest(Request):
    """A key that a password may be sealed for; the agent keeps its private half in memory alone."""

    public_key: str = Field(
        pattern=r"^[A-Za-z0-9_-]{43}$", description="X25519, 32 bytes in base64url without padding."
    )

    @property
    def key(self) -> bytes:
        return decode(self.public_key)


class _Told(BaseModel):
    poll_seconds: float = Field(description="How often to ask for the round's password.")
    server_time: datetime


class RoundRead(_Told):
    round: int


class RoundAnswer(_Told):
    is_current: bool = Field(description="False: offer a key again.")
    sealed: str | None = Field(description="The password, once its owner has sent it.")


class AgentSnapshot(RedeemedSnapshot):
    path: str | None = Field(description="What was backed up, where it was; null if nobody said.")


class AgentKeys(BaseModel):
    """Keys that read one repository, and what is needed to check the password before anything is downloaded."""

    restore_id: UUID
    backup_name: str
    snapshot: AgentSnapshot
    repository_url: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: datetime = Field(description="Of the keys; ask again for fresh ones.")
    ca_certificate: str | None = Field(description="PEM of the store's private CA; null if a public one signed.")
    key_files: list[KeyFile]


class AgentReportRequest(Request):
    """How far the agent has come, or what came of it."""

    round: Number = Field(description="Of the password it works with.")
    state: AgentState
    bytes_restored: Count | None = None
    files_restored: Count | None = None
    total_bytes: Count | None = None
    warnings: Count | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")] | None = Field(
        None, description="Of a failure: disk_full, snapshot_damaged, target_unusable, restore_failed."
    )
    reason: Reason | None = None
