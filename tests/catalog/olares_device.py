"""What an Olares device does with catalog and the store, by the operations that its endpoints call."""

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
from sqlalchemy import select, update

from catalog.domain.layout import owner_prefix, suffix_of
from catalog.models import Backup, StorageKey
from catalog.operations import olares_keys
from catalog.operations.measure import discover_due_owner, measure_due_backup
from catalog.operations.olares_keys import OlaresKey
from shared.auth import Caller
from tests.support.store import PASSWORD, PROJECT, Store
from tests.support.tokens import Owner

HALF_A_DAY = timedelta(hours=12)


@dataclass
class Device:
    """One owner's device, connected under one session."""

    store: Store
    owner: Owner = field(default_factory=Owner)
    session_id: UUID = field(default_factory=uuid4)
    token_ends_at: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(days=60))

    @property
    def caller(self) -> Caller:
        return Caller(
            self.owner.owner_id, self.owner.did, self.owner.olares_name, frozenset({"olares"}), self.session_id,
            self.token_ends_at,
        )  # fmt: skip

    @property
    def suffix(self) -> str:
        return suffix_of(owner_prefix(self.owner.did))

    async def key(
        self, *, suffix: str = "", cluster_id: str | None = None, duration: timedelta = HALF_A_DAY,
        now: datetime | None = None,
    ) -> OlaresKey:  # fmt: skip
        runtime = self.store.runtime
        return await olares_keys.issue(
            runtime.database, runtime.adapters, runtime.settings, self.caller, cluster_id=cluster_id, suffix=suffix,
            duration=duration, now=now or datetime.now(UTC),
        )  # fmt: skip

    async def renew(self, key: OlaresKey, *, now: datetime | None = None, **changes: str) -> OlaresKey:
        runtime, issued = self.store.runtime, key.issued
        credentials = {"access_key_id": issued.access_key_id, "secret": issued.secret_access_key,
                       "session_token": issued.session_token, **changes}  # fmt: skip
        return await olares_keys.renew(
            runtime.database, runtime.adapters, runtime.settings, **credentials, duration=HALF_A_DAY,
            now=now or datetime.now(UTC),
        )  # fmt: skip

    async def row(self, key: OlaresKey) -> StorageKey:
        async with self.store.runtime.database.reading() as session:
            return await session.get_one(StorageKey, key.issued.access_key_id)

    async def change_key(self, key: OlaresKey, **values: Any) -> None:
        of_key = update(StorageKey).where(StorageKey.access_key_id == key.issued.access_key_id)
        async with self.store.runtime.database.transaction() as session:
            await session.execute(of_key.values(**values))

    async def backups(self) -> list[Backup]:
        async with self.store.runtime.database.reading() as session:
            of_owner = select(Backup).where(Backup.owner_id == self.owner.owner_id).order_by(Backup.name)
            return list(await session.scalars(of_owner))

    async def ask(
        self, key: OlaresKey, method: str, name: str, *, content: bytes = b"", prefix: str = ""
    ) -> httpx.Response:
        """A request for an object by its path below the prefix, which is the key's own unless another is named."""
        address, issued = key.address, key.issued
        host, path = address.host.removeprefix("space@").split("/", 1)
        signed = {
            "repository_url": f"s3:https://{host}/vault/",
            "access_key_id": issued.access_key_id,
            "secret_access_key": issued.secret_access_key,
            "session_token": issued.session_token,
        }
        whole = f"/{path}.amazonaws.com/{address.bucket}/{prefix or key.prefix}/{name}"
        return await self.store.ask(signed, method, quote(whole, safe="/"), content=content)

    async def restic(self, key: OlaresKey, repository: str, *arguments: str, until: bytes = b"") -> tuple[int, str]:
        """restic as their client runs it: the address spliced together, any certificate.

        Args:
            until: At these words it is killed, as their client does where restic itself would try on for minutes.
        """
        address, issued = key.address, key.issued
        url = f"s3:https://s3.{address.host}.amazonaws.com/{address.bucket}/{key.prefix}/olares-backups/{repository}"
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": issued.access_key_id,
            "AWS_SECRET_ACCESS_KEY": issued.secret_access_key,
            "AWS_SESSION_TOKEN": issued.session_token,
            "RESTIC_REPOSITORY": url,
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(self.store.home / "restic-cache"),
        }
        program = os.environ.get("RESTIC") or str(PROJECT / ".space" / "tools" / "restic")
        process = await asyncio.create_subprocess_exec(
            program, *arguments, "--insecure-tls", env=environment, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said = b""
        assert process.stdout is not None
        try:
            async with asyncio.timeout(120):
                while more := await process.stdout.read(4096):
                    said += more
                    if until and until in said:
                        break
                else:
                    await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, said.decode()


async def look_around(store: Store, now: datetime | None = None) -> None:
    """Discover and measure all that is due."""
    runtime, moment = store.runtime, now or datetime.now(UTC)
    while await discover_due_owner(runtime.database, runtime.adapters, runtime.settings, moment):
        pass
    while await measure_due_backup(runtime.database, runtime.adapters, runtime.settings, moment):
        pass
