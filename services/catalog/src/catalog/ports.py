"""What catalog needs of whoever makes storage keys and of whoever knows what an owner may store, in its own words."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from catalog.domain.gate import Access, Restriction


@dataclass(frozen=True)
class Place:
    """An owner's folder in the store, or one repository in it."""

    prefix: str
    repository: str | None = None


@dataclass(frozen=True)
class IssuedKey:
    """Credentials for an S3 client."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Location:
    """How catalog itself reaches an owner's objects.

    Args:
        root: Start of all of the owner's object names, ending with a slash.
    """

    bucket: str
    root: str
    region: str
    endpoint_url: str | None
    access_key_id: str | None
    secret_access_key: str | None = field(repr=False)


@dataclass(frozen=True)
class OlaresAddress:
    """How Olares devices are told where the store is: they build ``https://s3.<host>.amazonaws.com/<bucket>/<prefix>``.

    Args:
        cloud: The provider's name as they know it.
        region_id: The region they choose it by; also in a Backup Url, where it is one label of a host name.
        host: What they put there unseen as the region; it may name another host and path altogether.
    """

    cloud: str
    region_id: str
    host: str
    bucket: str


class StorageKeyIssuer(Protocol):
    """Makes keys that reach one owner's objects and nothing else."""

    name: str

    async def issue(self, place: Place, access: Access, expires_at: datetime) -> IssuedKey:
        """A new key.

        Raises:
            StoreUnavailable: If the issuer does not answer.
        """

    def repository_url(self, place: Place) -> str:
        """The repository's address as restic takes it."""

    def olares_address(self) -> OlaresAddress | None:
        """The same for Olares devices; None when the address they build cannot lead to this store."""

    def ca_certificate(self) -> str | None:
        """PEM of the authority to trust, when it is not a public one."""

    def location(self, prefix: str) -> Location:
        """Where and as whom catalog lists an owner's objects."""


@dataclass(frozen=True)
class RoomWanted:
    """Room for what one write key is about to write, until the key ends.

    Args:
        declared_bytes: As the device said; None when it did not.
    """

    reservation_id: UUID
    owner_id: UUID
    backup_id: UUID
    terminus_id: UUID | None
    declared_bytes: int | None
    expires_at: datetime


@dataclass(frozen=True)
class QuotaAnswer:
    """Whether the room is reserved, and the figures behind that.

    Args:
        reason: Why it is not; None when it is.
        detail: The same for the owner to read, with what to do next; may be empty.
        number: Of the last word on the owner's uploads; its event may still be on the way. 0: there was none.
        restriction: What that word was.
    """

    reason: Restriction | None
    detail: str
    used_bytes: int
    limit_bytes: int
    left_bytes: int
    number: int = 0
    restriction: Restriction | None = None


class Quota(Protocol):
    """Knows what an owner may store."""

    async def reserve(self, wanted: RoomWanted) -> QuotaAnswer:
        """Reserve room, or say why not; asked again with the same id, it is reserved once.

        Raises:
            ServiceUnavailable: If there is no answer in time, or none that was agreed. The room may be reserved.
        """

    async def release(self, reservation_id: UUID) -> None:
        """Give the room back; what is not reserved stays so.

        Raises:
            ServiceUnavailable: If there is no answer in time, or none that was agreed.
        """
