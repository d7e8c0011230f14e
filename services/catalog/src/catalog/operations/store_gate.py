"""The answers to the store gate and to the store: may this request pass, and what is this key's secret."""

import hmac
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from catalog import queries
from catalog.adapters.objects import ObjectStore
from catalog.adapters.vault import VaultIssuer
from catalog.domain.gate import (
    INITIALISED,
    INVALID_TOKEN,
    KEPT,
    UNKNOWN_KEY,
    Access,
    Grant,
    Overwrite,
    Refused,
    Restriction,
    access_key_id,
    decide,
    parse,
)
from catalog.domain.layout import CATALOG_KEY, Folder
from catalog.errors import StorageKeyNotFound
from catalog.ports import Place
from shared.db import Database

REMEMBER_SECONDS = 5.0
REMEMBERED_KEYS = 10_000
CLAIM = timedelta(seconds=30)
"""How long a key that began to initialise a repository keeps others from it."""


class StoreGate:
    """Decides about a request from its headers; what it knows of a key is at most five seconds old."""

    def __init__(self, database: Database, vault: VaultIssuer, store: ObjectStore) -> None:
        self._database = database
        self._vault = vault
        self._store = store
        self._known: dict[str, tuple[float, Any]] = {}

    async def admit(
        self, *, method: str, uri: str, authorization: str, session_token: str, copies: bool, length: int | None
    ) -> None:
        """Let the request through.

        Raises:
            Refused: With the status and the words that S3 would use.
        """
        request = parse(method, uri, copies=copies, length=length)
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
            await self._admit_overwrite(row.owner_id, row.prefix, key_id, overwrite)

    async def _admit_overwrite(self, owner_id: UUID, prefix: str, key_id: str, overwrite: Overwrite) -> None:
        """Let a repository's first config and keys in, from one key at a time, and new keys and snapshots."""
        part, repository = overwrite.restic_object, overwrite.repository
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            if await queries.repositories.is_known_object(session, owner_id, repository, part.folder, part.name):
                raise Refused(*(INITIALISED if part.folder is Folder.CONFIG else KEPT))
            if part.folder is Folder.SNAPSHOTS or await queries.repositories.is_initialised(
                session, owner_id, repository
            ):
                return
            if not await queries.repositories.claim_repository(session, owner_id, repository, key_id, now, now + CLAIM):
                raise Refused(*INITIALISED)
        # Not seen in any measurement yet; it may be there all the same.
        location = self._vault.location(prefix)
        if part.folder is Folder.CONFIG and await self._store.find(location, f"{repository}/{Folder.CONFIG}"):
            raise Refused(*INITIALISED)

    async def _find(self, key_id: str) -> Any:
        remembered = self._known.get(key_id)
        if remembered is not None and time.monotonic() - remembered[0] < REMEMBER_SECONDS:
            return remembered[1]
        async with self._database.reading() as session:
            row = await queries.storage_keys.find_grant(session, key_id)
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
        if key_id.startswith(CATALOG_KEY):
            # The gate knows no such key, so it works inside only.
            space = await queries.spaces.find_space_by_key(session, key_id)
            prefix = space.prefix if space is not None else None
        else:
            row = await queries.storage_keys.find_grant(session, key_id)
            live = row is not None and row.revoked_at is None and row.expires_at > datetime.now(UTC)
            prefix = row.prefix if row is not None and live else None
    if prefix is None:
        raise StorageKeyNotFound("There is no such storage key, or it has ended.")
    return {**vault.backend(prefix), "_secret_access_key": vault.secret(key_id)}
