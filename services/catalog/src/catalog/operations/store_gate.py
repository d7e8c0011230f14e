"""The answers to the store gate and to the store: may this request pass, and what is this key's secret."""

import hmac
import time
from datetime import UTC, datetime
from typing import Any

from shared.db import Database

from catalog import queries
from catalog.adapters.vault import CATALOG_KEY_PREFIX, VaultIssuer
from catalog.domain.gate import (
    INVALID_TOKEN,
    UNKNOWN_KEY,
    Access,
    Grant,
    Refused,
    Restriction,
    access_key_id,
    decide,
    parse,
)
from catalog.errors import StorageKeyNotFound
from catalog.ports import Place

REMEMBER_SECONDS = 5.0
REMEMBERED_KEYS = 10_000


class StoreGate:
    """Decides about a request from its headers; what it knows of a key is at most five seconds old."""

    def __init__(self, database: Database, vault: VaultIssuer) -> None:
        self._database = database
        self._vault = vault
        self._known: dict[str, tuple[float, Any]] = {}

    async def admit(self, *, method: str, uri: str, authorization: str, session_token: str, copies: bool) -> None:
        """Let the request through.

        Raises:
            Refused: With the status and the words that S3 would use.
        """
        request = parse(method, uri, copies=copies)
        key_id = access_key_id(authorization)
        row = await self._find(key_id)
        if row is None:
            raise Refused(*UNKNOWN_KEY)
        if not hmac.compare_digest(self._vault.session_token(key_id).encode(), session_token.encode()):
            raise Refused(*INVALID_TOKEN)
        grant = Grant(
            access=Access(row.access),
            bucket=self._vault.bucket,
            root=self._vault.root(Place(row.prefix, row.repository)),
            repository=row.repository,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            restriction=Restriction(row.restriction) if row.restriction else None,
        )
        overwrite = decide(grant, request, datetime.now(UTC))
        if overwrite is not None:
            part = overwrite.restic_object
            async with self._database.reading() as session:
                known = await queries.is_known_object(
                    session, row.owner_id, overwrite.repository, part.folder, part.name
                )
            if known:
                raise Refused(403, "AccessDenied", "Access Denied: this object is part of a backup and stays as it is.")

    async def _find(self, key_id: str) -> Any:
        remembered = self._known.get(key_id)
        if remembered is not None and time.monotonic() - remembered[0] < REMEMBER_SECONDS:
            return remembered[1]
        async with self._database.reading() as session:
            row = await queries.find_grant(session, key_id)
        if len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
        self._known[key_id] = (time.monotonic(), row)
        return row


async def describe_store_key(database: Database, vault: VaultIssuer, key_id: str) -> dict[str, str]:
    """What rclone must know of a key: its secret, and the backend with a root that holds only its owner's objects.

    Raises:
        StorageKeyNotFound: If there is no such key, or it has ended.
    """
    async with database.reading() as session:
        if key_id.startswith(CATALOG_KEY_PREFIX):
            space = await queries.find_space_by_suffix(session, key_id.removeprefix(CATALOG_KEY_PREFIX))
            prefix = space.prefix if space is not None and vault.is_catalog_key(key_id, space.prefix) else None
        else:
            row = await queries.find_grant(session, key_id)
            live = row is not None and row.revoked_at is None and row.expires_at > datetime.now(UTC)
            prefix = row.prefix if row is not None and live else None
    if prefix is None:
        raise StorageKeyNotFound("There is no such storage key, or it has ended.")
    return {**vault.backend(prefix), "_secret_access_key": vault.secret(key_id)}
