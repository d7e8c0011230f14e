"""What catalog needs of whoever makes storage keys, in catalog's words."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from catalog.domain.gate import Access


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

    def ca_certificate(self) -> str | None:
        """PEM of the authority to trust, when it is not a public one."""

    def location(self, prefix: str) -> Location:
        """Where and as whom catalog lists an owner's objects."""
