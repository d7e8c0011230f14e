"""An Olares device before catalog: its bodies as real ones write them, and what catalog keeps of them."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text, update

from catalog.models import Backup, OwnerSpace, Snapshot
from shared.olares import TOKEN_TYPE
from tests.support import olares_requests as requests
from tests.support.olares_requests import FORM, Envelope, Sent
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

SAVED_AT = 1_763_900_000


@dataclass
class Device:
    """One of an owner's devices, signed in."""

    catalog: Running
    issuer: TokenIssuer
    owner: Owner = field(default_factory=Owner)
    session_id: UUID = field(default_factory=uuid4)

    @property
    def did(self) -> str:
        return self.owner.did

    @property
    def token(self) -> str:
        return self.issuer.token(self.owner, "olares", typ=TOKEN_TYPE, sid=str(self.session_id))

    @property
    def headers(self) -> dict[str, str]:
        return self.issuer.headers(self.owner)

    async def send(self, sent: Sent) -> Envelope:
        return await self.send_raw(sent.path, sent.body.encode(), sent.content_type)

    async def send_raw(self, path: str, body: bytes, content_type: str = FORM) -> Envelope:
        answer = await self.catalog.api.post(path, content=body, headers={"Content-Type": content_type})
        assert answer.headers["content-type"] == "application/json", answer.text
        found = answer.json()
        assert found.keys() == {"code", "message", "data"}
        return Envelope(answer.status_code, found["code"], found["message"], found["data"])

    async def ask(self, path: str, **fields: str) -> Envelope:
        """A form with who asks, written without any escaping."""
        said = "".join(f"&{name}={value}" for name, value in fields.items())
        return await self.send_raw(path, f"userid={self.did}&token={self.token}{said}".encode())

    async def save(
        self, backup_id: UUID, name: str = "photos", kind: int = 1, path: str = "/Files/Home/Pictures/"
    ) -> Envelope:
        return await self.send(requests.saved_backup(self.did, self.token, str(backup_id), name, kind, SAVED_AT, path))

    async def stop(self, backup_id: UUID) -> Envelope:
        return await self.send(requests.stopped_backup(self.did, self.token, str(backup_id)))

    async def keys(self, cluster_id: str = "cluster-1", suffix: str = "") -> Envelope:
        """Keys to the store; its bucket is taken to be there, which is another test's matter."""
        async with self.catalog.runtime.database.transaction() as session:
            await session.execute(update(OwnerSpace).values(prepared=True))
        return await self.send(requests.storage_keys(self.did, self.token, "space", cluster_id, suffix))

    async def known(self) -> None:
        """The owner has a folder."""
        assert (await self.ask("/v1/bind/bindTerminusName", terminusName="home")).code == 200

    async def backups(self) -> list[dict[str, Any]]:
        """As their owner lists them."""
        answer = await self.catalog.api.get("/api/v1/backups", headers=self.headers)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def rows(self) -> list[Backup]:
        async with self.catalog.runtime.database.reading() as session:
            query = select(Backup).where(Backup.owner_id == self.owner.owner_id).order_by(Backup.created_at)
            return list(await session.scalars(query))

    async def alter(self, **values: Any) -> None:
        """All of the owner's backups."""
        async with self.catalog.runtime.database.transaction() as session:
            await session.execute(update(Backup).where(Backup.owner_id == self.owner.owner_id).values(**values))

    async def alter_snapshots(self, **values: Any) -> None:
        async with self.catalog.runtime.database.transaction() as session:
            await session.execute(update(Snapshot).where(Snapshot.owner_id == self.owner.owner_id).values(**values))


async def contents(catalog: Running) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    async with catalog.runtime.database.reading() as session:
        tables = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        return {
            table: sorted(await session.scalars(text(f'SELECT t::text FROM "{table}" t'))) for table in tables.all()
        }
