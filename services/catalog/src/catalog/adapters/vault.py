"""Keys of our own vault: secrets derived from a master key, everything else a row that the store gate reads."""

import hmac
import secrets
from datetime import datetime

from catalog.domain.gate import Access
from catalog.domain.layout import catalog_key_id, object_path, url_path
from catalog.ports import IssuedKey, Location, OlaresAddress, Place
from catalog.settings import Settings

KEY_PREFIX = "SPK"
OLARES_REGION = "space"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class VaultIssuer:
    """The default issuer; see ``domain/gate.py`` for what its keys may do."""

    name = "vault"

    def __init__(self, settings: Settings) -> None:
        self._master = bytes.fromhex(settings.vault_master_key.get_secret_value())
        self._endpoint = str(settings.vault_endpoint).rstrip("/")
        self._internal_endpoint = str(settings.vault_internal_endpoint).rstrip("/")
        self._ca_file = settings.vault_ca_file
        self._backend = settings.vault_backend
        self._root = settings.vault_root.rstrip("/")
        self.bucket = settings.vault_bucket
        self._folder = settings.vault_folder
        self._inner_bucket = settings.vault_inner_bucket
        self._start = f"{self._folder}.amazonaws.com/{self._inner_bucket}"

    async def issue(self, place: Place, access: Access, expires_at: datetime) -> IssuedKey:
        """A key id from 85 random bits; its row says whose it is and how far it reaches."""
        key_id = KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(17))
        return IssuedKey(key_id, self.secret(key_id), self.session_token(key_id), expires_at)

    def secret(self, access_key_id: str) -> str:
        return self._derive("secret", access_key_id)[:40]

    def session_token(self, access_key_id: str) -> str:
        return self._derive("session", access_key_id)

    def root(self, place: Place) -> str:
        """Start of the object names a key for this place reaches, ending with a slash."""
        return f"{self._start}/{place.prefix}/{object_path(place.repository)}/"

    def repository_url(self, place: Place) -> str:
        return f"s3:{self._endpoint}/{url_path(self.bucket, *self.root(place).rstrip('/').split('/'))}"

    def olares_address(self) -> OlaresAddress:
        """Their region takes a user name, a host and a path: the user name keeps ``s3.`` out of the host's name."""
        host = self._endpoint.partition("://")[2]
        return OlaresAddress("aws", OLARES_REGION, f"space@{host}/{self.bucket}/{self._folder}", self._inner_bucket)

    def ca_certificate(self) -> str | None:
        return self._ca_file.read_text() if self._ca_file else None

    def location(self, prefix: str) -> Location:
        key_id = catalog_key_id(prefix)
        return Location(
            bucket=self.bucket,
            root=f"{self._start}/{prefix}/",
            region="us-east-1",
            endpoint_url=self._internal_endpoint,
            access_key_id=key_id,
            secret_access_key=self.secret(key_id),
        )

    def backend(self, prefix: str) -> dict[str, str]:
        """What rclone is told for a key: the backend with a root that holds only that owner's objects."""
        return {**self._backend, "_root": f"{self._root}/{prefix}"}

    def _derive(self, purpose: str, access_key_id: str) -> str:
        return hmac.digest(self._master, f"{purpose}\0{access_key_id}".encode(), "sha256").hex()
