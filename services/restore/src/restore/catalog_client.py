"""What restore asks of catalog: which snapshot may be restored, to keep it, and the keys to read it.

They are calls and not events because the owner or their client waits for the answer, and because keys and key files
must not lie in a queue.
"""

from datetime import datetime
from uuid import UUID

import httpx
from pydantic import BaseModel, Field

from restore import errors
from restore.calls import Neighbour

REFUSALS = (
    errors.BackupNotFound,
    errors.BackupDeleted,
    errors.SnapshotNotFound,
    errors.SnapshotNotRestorable,
    errors.RepositoryMissing,
    errors.TooManyRequests,
    errors.PinTooLate,
)


class RestorableSnapshot(BaseModel):
    """A successful snapshot whose backup is not deleted."""

    snapshot_id: UUID
    backup_id: UUID
    backup_name: str
    terminus_name: str | None
    restic_id: str
    taken_at: datetime
    size_processed_bytes: int | None
    path: str | None
    backup_url: str | None = None


class KeyFile(BaseModel):
    """One of the repository's restic key files, which the client checks the password with before it restores."""

    name: str = Field(description="Its name in the repository.")
    content: str = Field(description="The JSON file, in base64.", repr=False)


class RestoreKeys(BaseModel):
    """Keys that read one repository, for one restore."""

    access_key_id: str
    secret_access_key: str = Field(repr=False)
    session_token: str = Field(repr=False)
    expires_at: datetime
    repository_url: str
    ca_certificate: str | None
    key_files: list[KeyFile]


class CatalogClient(Neighbour):
    """Catalog's internal listener."""

    def __init__(self, http: httpx.AsyncClient, deadline_seconds: float) -> None:
        super().__init__(http, deadline_seconds, "The backup catalogue", REFUSALS)

    async def find_snapshot(
        self, owner_id: UUID, *, backup_id: UUID | None = None, snapshot_id: UUID | None = None
    ) -> RestorableSnapshot:
        """The snapshot, or the latest successful one of the backup; exactly one of the two is given.

        Raises:
            ServiceError: What catalog refuses, with catalog's code.
            ServiceUnavailable: If catalog does not answer in time.
        """
        wanted = {"backup_id": backup_id} if snapshot_id is None else {"snapshot_id": snapshot_id}
        return await self.ask("/internal/restores/snapshots", {"owner_id": owner_id, **wanted}, RestorableSnapshot)

    async def pin_snapshot(self, owner_id: UUID, restore_id: UUID, snapshot_id: UUID) -> RestorableSnapshot:
        """Keep the snapshot's backup from being removed until the restore's last event; asking again is harmless.

        Raises:
            ServiceError: What catalog refuses, with catalog's code.
            ServiceUnavailable: If catalog does not answer in time.
        """
        wanted = {"owner_id": owner_id, "restore_id": restore_id, "snapshot_id": snapshot_id}
        return await self.ask("/internal/restores/pins", wanted, RestorableSnapshot)

    async def issue_keys(self, owner_id: UUID, restore_id: UUID, snapshot_id: UUID) -> RestoreKeys:
        """Fresh keys that read the snapshot's repository and no other; they end with the restore's last event.

        Raises:
            ServiceError: What catalog refuses, with catalog's code.
            ServiceUnavailable: If catalog does not answer in time.
        """
        wanted = {"owner_id": owner_id, "restore_id": restore_id, "snapshot_id": snapshot_id}
        return await self.ask("/internal/restores/keys", wanted, RestoreKeys)
