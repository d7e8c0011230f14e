"""What an owner sends to restore to the cloud."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from restore.domain.passwords import LONGEST_SEALED_BYTES, SEALED_OVERHEAD_BYTES
from restore.encoding import decode
from restore.schemas.common import BACKUP_ID, Request

LONGEST_SEALED = (LONGEST_SEALED_BYTES * 4 + 2) // 3
SHORTEST_SEALED = (SEALED_OVERHEAD_BYTES * 4 + 2) // 3

Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
# As provisioning keeps it; what is quoted, ordered and invoiced is then called the same.
Name = Annotated[str, StringConstraints(min_length=1, max_length=254, strip_whitespace=True, to_lower=True)]


class RestoreRequest(Request):
    """Which snapshot is restored, the latest successful one of a backup or a given one, and where to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "backup_id": BACKUP_ID,
                    "provider": "local",
                    "region": "this-machine",
                    "plan": "small",
                    "instance_name": "alice@olares.com",
                }
            ]
        }
    )

    backup_id: UUID | None = Field(None, description="Restore the latest successful snapshot of this backup.")
    snapshot_id: UUID | None = Field(None, description="Restore this snapshot.")
    provider: Word
    region: Word
    plan: Word
    instance_name: Name = Field(description="An Olares name that no live instance of yours has.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.backup_id is None) == (self.snapshot_id is None):
            raise ValueError("give either backup_id or snapshot_id")
        return self


class ConfirmRequest(Request):
    """The owner's word that the order is to be carried out and paid for."""

    payment_method_id: UUID | None = Field(None, description="Your default one when absent.")


class PasswordRequest(Request):
    """The backup password, sealed for one key of the machine (HPKE; docs/security.md): nobody else can open it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"round": 1, "sealed": "…"}]})

    round: Annotated[int, Field(ge=1, le=2**31)]
    sealed: Annotated[str, StringConstraints(pattern=rf"^[A-Za-z0-9_-]{{{SHORTEST_SEALED},{LONGEST_SEALED}}}$")] = (
        Field(description="The encapsulated key and the ciphertext, together in base64url without padding.")
    )

    @property
    def sealed_bytes(self) -> bytes:
        return decode(self.sealed)
