"""The answers to the store gate and to the store: may this request pass, and what is this key's secret."""

import hmac
import time
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from catalog import queries
from catalog.adapters.objects import ObjectStore
from catalog.adapters.vault import VaultIssuer
from catalog.domain.gate import (
    BEING_DELETED,
    DENIED,
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
    reads_go_on,
    uploaded_to,
)
from catalog.domain.layout import CATALOG_KEY, Folder, ResticObject, object_path
from catalog.domain.lifecycle import State
from catalog.errors import StorageKeyNotFound
from catalog.ports import Place
from shared.db import Database

REMEMBER_SECONDS = 5.0
REMEMBERED = 10_000
"""Keys, and repositories of devices."""
NOTE_READING_SECONDS = 60.0
NOTE_WRITING_SECONDS = 30.0
DISCOVER_AFTER = timedelta(seconds=5)
"""An upload into a repository that catalog does not know; its config comes within a second or two of the first."""
CLAIM = timedelta(seconds=30)
"""How long a key that began to initialise a repository keeps others from it."""
CLAIM_KEPT = timedelta(days=7)
"""How long the claim says which key it was; what it began is found within hours."""


class Memory:
    """What was seen lately, by what it was seen of; a place for so many, which then begins anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[Hashable, tuple[float, Any]] = {}

    def recall(self, of: Hashable) -> tuple[Any] | None:
        seen = self._seen.get(of)
        return (seen[1],) if seen is not None and time.monotonic() - seen[0] < self._seconds else None

    def keep(self, of: Hashable, what: Any) -> None:
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen[of] = (time.monotonic(), what)


@dataclass(frozen=True)
class Repository:
    """What an upload with a device's key meets.

    Args:
        state: Of its backup; None for one that catalog does not know yet.
        is_begun: Its config is in the store.
    """

    state: State | None
    is_begun: bool


class StoreGate:
    """Decides about a request from its headers; what it knows is at most five seconds old.

    Args:
        measure_after: An upload with a device's key, its repository is measured.
    """

    def __init__(self, database: Database, vault: VaultIssuer, store: ObjectStore, measure_after: timedelta) -> None:
        self._database = database
        self._vault = vault
        self._store = store
        self._measure_after = measure_after
        self._keys = Memory(REMEMBER_SECONDS)
        self._repositories = Memory(REMEMBER_SECONDS)
        self._read = Memory(NOTE_READING_SECONDS)
        self._written = Memory(NOTE_WRITING_SECONDS)

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
            read_at=row.read_at,
        )
        overwrite = decide(grant, request, datetime.now(UTC))
        of_device = row.repository is None
        upload = uploaded_to(grant, request) if of_device else None
        if upload is not None:
            await self._require_measured(row.owner_id, row.prefix, *upload)
        if overwrite is not None:
            await self._admit_overwrite(row.owner_id, row.prefix, key_id, overwrite)
        if upload is not None:
            await self._note_upload(row.owner_id, *upload)
        elif of_device and request.method != "DELETE":
            await self._note_reading(key_id)

    async def _require_measured(self, owner_id: UUID, prefix: str, repository: str, part: ResticObject) -> None:
        """Refuse an upload that no measurement would see: into what is being deleted, or what is no repository yet.

        Until its objects go a repository can be restored, under a lock. Keys to it alone are revoked then.
        """
        found = await self._find_repository(owner_id, prefix, repository)
        if found.state == State.REMOVING or (found.state == State.DELETING and part.folder is not Folder.LOCKS):
            raise Refused(*BEING_DELETED)
        if part.folder not in (Folder.CONFIG, Folder.KEYS) and not found.is_begun:
            raise Refused(*DENIED)

    async def _note_upload(self, owner_id: UUID, repository: str, part: ResticObject) -> None:
        """See to it that what a device writes is measured soon, and a repository found that nobody registered."""
        rare = part.folder in (Folder.CONFIG, Folder.SNAPSHOTS)
        if self._written.recall((owner_id, repository)) and not rare:
            return
        self._written.keep((owner_id, repository), None)
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            found = await queries.repositories.find_live(session, owner_id, repository)
            if found is None:
                await queries.spaces.bring_discovery_forward(session, owner_id, now + DISCOVER_AFTER)
            else:
                await queries.measurements.bring_measurement_forward(session, found.id, now + self._measure_after)

    async def _note_reading(self, key_id: str) -> None:
        if self._read.recall(key_id):
            return
        self._read.keep(key_id, None)
        async with self._database.transaction() as session:
            await queries.storage_keys.note_reading(session, key_id, datetime.now(UTC))

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
        config = f"{object_path(repository)}/{Folder.CONFIG}"
        if part.folder is Folder.CONFIG and await self._store.find(location, config):
            raise Refused(*INITIALISED)

    async def _find(self, key_id: str) -> Any:
        remembered = self._keys.recall(key_id)
        if remembered is not None:
            return remembered[0]
        async with self._database.reading() as session:
            row = await queries.storage_keys.find_grant(session, key_id)
        self._keys.keep(key_id, row)
        return row

    async def _find_repository(self, owner_id: UUID, prefix: str, repository: str) -> Repository:
        remembered = self._repositories.recall((owner_id, repository))
        if remembered is not None:
            seen: Repository = remembered[0]
            return seen
        async with self._database.reading() as session:
            row = await queries.repositories.find_live(session, owner_id, repository)
        if row is not None and row.initialised:
            found = Repository(State(row.state), is_begun=True)
        else:
            config = f"{object_path(repository)}/{Folder.CONFIG}"
            is_begun = await self._store.find(self._vault.location(prefix), config) is not None
            found = Repository(State(row.state) if row is not None else None, is_begun)
        # What is not begun may be at any moment: its config is the next thing restic writes.
        if found.is_begun:
            self._repositories.keep((owner_id, repository), found)
        return found


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
            prefix = row.prefix if row is not None and _is_live(row, datetime.now(UTC)) else None
    if prefix is None:
        raise StorageKeyNotFound("There is no such storage key, or it has ended.")
    return {**vault.backend(prefix), "_secret_access_key": vault.secret(key_id)}


async def forget_claims(database: Database, now: datetime) -> int:
    """Forget who began repositories a while ago; how many there were. Whoever tries names leaves one for each."""
    async with database.transaction() as session:
        return await queries.repositories.forget_claims(session, now - CLAIM_KEPT)


def _is_live(row: queries.AnyRow, now: datetime) -> bool:
    reads_on = row.repository is None and reads_go_on(row.expires_at, row.read_at, now)
    return row.revoked_at is None and (row.expires_at > now or reads_on)
