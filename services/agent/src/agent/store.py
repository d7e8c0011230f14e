"""Reaching the object store: the keys the service gives, checked before restic is left alone with them."""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from agent import api, limits
from agent.api import Client
from agent.config import JsonObject
from agent.errors import KeysExpired, ServerRefused, SpaceError, StoreRefused, StoreUnreachable
from agent.restic.repository import DEFAULT_PATIENCE_SECONDS, Keys
from agent.wire import Backup, StorageKeys

CONNECT_SECONDS = 10.0
# Keys that last less than this three times in a row are no keys to work with.
SHORTEST_USE_SECONDS = 2.0
SHORT_USES = 3


class Renewals:
    """Tells keys that ran out after some use from keys that never work, so that renewing them cannot go on for ever."""

    def __init__(self) -> None:
        self._renewed_at = time.monotonic()
        self._short_uses = 0

    def note(self, error: KeysExpired) -> None:
        """Count a renewal; raises the error instead when the last few keys did not even last a moment."""
        now = time.monotonic()
        self._short_uses = self._short_uses + 1 if now - self._renewed_at < SHORTEST_USE_SECONDS else 0
        self._renewed_at = now
        if self._short_uses > SHORT_USES:
            raise StoreRefused(
                "store_keys_refused", "The object store refuses new keys as soon as they are made."
            ) from error


class WriteKeys:
    """The write keys of one run; replaced when they expire, revoked at the end.

    `declared_bytes` is what is held for this backup against the owner's limit; without it the service decides.
    """

    def __init__(self, client: Client, task: Backup, declared_bytes: int | None) -> None:
        self._client = client
        self._task = task
        self._declared_bytes = declared_bytes
        self._renewals = Renewals()
        self.current = self._issue()

    def renew(self, error: KeysExpired) -> None:
        self._renewals.note(error)
        self.current = self._issue()

    def revoke(self) -> None:
        with suppress(SpaceError):
            self._client.delete(f"/storage-keys/{self.current.access_key_id}", attempts=1)

    def _issue(self) -> StorageKeys:
        body: JsonObject = {"backup_id": str(self._task.backup_id), "scope": "write"}
        if self._declared_bytes is not None:
            body["declared_bytes"] = self._declared_bytes
        try:
            return api.parse(StorageKeys, self._client.post("/storage-keys", body))
        except ServerRefused as error:
            if error.code not in limits.REASONS:
                raise
            if self._declared_bytes is not None:
                # Another device, or the part that is uploaded, took room meanwhile: what is left may still do.
                self._declared_bytes = None
                return self._issue()
            raise limits.key_refused(self._client, error) from error


@contextmanager
def write_keys(client: Client, task: Backup, declared_bytes: int | None = None) -> Iterator[WriteKeys]:
    keys = WriteKeys(client, task, declared_bytes)
    try:
        yield keys
    finally:
        keys.revoke()


def keys_of(answer: StorageKeys) -> Keys:
    return Keys(
        access_key_id=answer.access_key_id,
        secret_access_key=answer.secret_access_key.get_secret_value(),
        session_token=answer.session_token.get_secret_value(),
    )


def patience_seconds() -> float:
    """How long the store may fail without progress before a command gives up; SPACE_STORE_TIMEOUT in seconds."""
    try:
        return max(1.0, float(os.environ["SPACE_STORE_TIMEOUT"]))
    except (KeyError, ValueError):
        return DEFAULT_PATIENCE_SECONDS


def check_reachable(repository_url: str, ca_certificate: str | None) -> None:
    """Connect once: restic would keep trying a store that is down for minutes before it says so.

    Behind a proxy, and for repositories that are not on the network, nothing is tried.

    Raises:
        StoreUnreachable: Nothing answers at the store's address.
        StoreRefused: What answers is not the store: its certificate is another's.
    """
    address = urlsplit(repository_url.removeprefix("s3:"))
    if address.scheme not in ("http", "https") or address.hostname is None or _has_proxy():
        return
    host, port = address.hostname, address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as connection:
            if address.scheme == "https":
                context = ssl.create_default_context(cadata=ca_certificate)
                with context.wrap_socket(connection, server_hostname=host):
                    return
    except ssl.SSLCertVerificationError as error:
        raise StoreRefused(
            "store_certificate",
            f"The certificate of the object store {host}:{port} is not trusted: {error.verify_message}.",
        ) from error
    except OSError as error:
        raise StoreUnreachable(
            "store_unreachable",
            f"The object store {host}:{port} cannot be reached: {error.strerror or error}.",
            hint="Run the same command again when it is back: what was transferred already is kept.",
        ) from error


def _has_proxy() -> bool:
    return any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"))
