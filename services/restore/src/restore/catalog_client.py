"""The one call to another service: which snapshot may be restored, and the keys to read it; asked of catalog.

It is a call and not an event because the owner or their client waits for the answer, and because keys and key files
must not lie in a queue. When catalog does not answer in time, the caller gets 503 and may ask again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel, Field, ValidationError

from restore import errors
from restore.settings import Settings
from shared.errors import ServiceError, ServiceUnavailable

RETRY_AFTER_SECONDS = 5

REFUSALS = MappingProxyType(
    {
        refusal.code: refusal
        for refusal in (
            errors.BackupNotFound,
            errors.BackupDeleted,
            errors.SnapshotNotFound,
            errors.SnapshotNotRestorable,
            errors.RepositoryMissing,
            errors.TooManyRequests,
        )
    }
)
"""What catalog may say that the caller should read, by its public code."""

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer", bound=BaseModel)


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


class CatalogClient:
    """Catalog's internal listener, with one deadline over each whole call."""

    def __init__(self, http: httpx.AsyncClient, deadline_seconds: float) -> None:
        self._http = http
        self._deadline_seconds = deadline_seconds

    async def find_snapshot(
        self, owner_id: UUID, *, backup_id: UUID | None = None, snapshot_id: UUID | None = None
    ) -> RestorableSnapshot:
        """The snapshot, or the latest successful one of the backup; exactly one of the two is given.

        Raises:
            ServiceError: What catalog refuses, with catalog's code.
            ServiceUnavailable: If catalog does not answer in time.
        """
        wanted = {"backup_id": backup_id} if snapshot_id is None else {"snapshot_id": snapshot_id}
        return await self._ask("/internal/restores/snapshots", {"owner_id": owner_id, **wanted}, RestorableSnapshot)

    async def issue_keys(self, owner_id: UUID, restore_id: UUID, snapshot_id: UUID) -> RestoreKeys:
        """Fresh keys that read the snapshot's repository and no other; they end with the restore's last event.

        Raises:
            ServiceError: What catalog refuses, with catalog's code.
            ServiceUnavailable: If catalog does not answer in time.
        """
        wanted = {"owner_id": owner_id, "restore_id": restore_id, "snapshot_id": snapshot_id}
        return await self._ask("/internal/restores/keys", wanted, RestoreKeys)

    async def _ask(self, path: str, body: Mapping[str, UUID | None], model: type[Answer]) -> Answer:
        content = {name: str(value) for name, value in body.items()}
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._http.post(path, json=content)
        except (TimeoutError, httpx.HTTPError) as error:
            log.warning("catalog does not answer", path=path, reason=f"{type(error).__name__}: {error}")
            raise _unavailable() from error
        if answer.is_success:
            try:
                return model.model_validate_json(answer.content)
            except ValidationError as error:
                # Without the input: it holds keys.
                log.error(
                    "catalog's answer is not what was agreed", path=path, reason=error.errors(include_input=False)
                )
                raise _unavailable() from None
        raise _refusal(path, answer)


def _refusal(path: str, answer: httpx.Response) -> ServiceError:
    try:
        problem = answer.json()
        refusal = REFUSALS[problem["code"]]
        return refusal(str(problem["detail"]), retry_after_seconds=_seconds(answer))
    except (ValueError, KeyError, TypeError):
        log.error("catalog refused in a way that was not agreed", path=path, status=answer.status_code)
        return _unavailable()


def _seconds(answer: httpx.Response) -> int | None:
    said = answer.headers.get("retry-after", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _unavailable() -> ServiceUnavailable:
    return ServiceUnavailable(
        "The backup catalogue does not answer just now. Nothing is lost; try again in a moment.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[CatalogClient]:
    credential = settings.catalog_credential.get_secret_value()
    async with httpx.AsyncClient(
        base_url=str(settings.catalog_url),
        headers={"Authorization": f"Bearer {credential}"},
        timeout=settings.catalog_deadline_seconds,
        # A proxy that the machine's environment names is for the internet, not for a neighbour on loopback.
        trust_env=False,
    ) as http:
        yield CatalogClient(http, settings.catalog_deadline_seconds)
