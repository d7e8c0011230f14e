"""A backup is deleted in a store that speaks STS, while a device holds keys there that nobody can stop."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import aioboto3
import pytest
import pytest_asyncio
from sqlalchemy import update

from catalog.domain.gate import Access
from catalog.domain.layout import owner_prefix
from catalog.models import Backup, StorageKey
from catalog.operations.measure import measure_due_backup
from catalog.operations.remove import begin_due_removal, finish_due_removal, sweep_due_leftovers
from catalog.ports import IssuedKey, Place
from space_local.rabbitmq import RabbitMQ
from tests.support.databases import Databases
from tests.support.store import Store
from tests.support.sts_store import BUCKET, sts_store_at_work
from tests.support.tokens import Owner, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASH = "ab" * 32
HALF_A_DAY = timedelta(hours=12)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(
    databases: Databases, issuer: TokenIssuer, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    async with sts_store_at_work(databases, issuer, rabbitmq.url, tmp_path_factory.mktemp("store")) as store:
        yield store


class World:
    """An owner with one backup, and a device that asks for a key to all of them every hour."""

    def __init__(self, store: Store, source: Path) -> None:
        self.store = store
        self.runtime = store.runtime
        self.owner = Owner()
        self.source = source
        self.backup_id: UUID
        self.repository_url: str

    @property
    def place(self) -> Place:
        return Place(owner_prefix(self.owner.did))

    async def back_up(self) -> None:
        self.backup_id = await self.store.register_backup(self.owner)
        key = await self.store.key(self.owner, self.backup_id)
        self.repository_url = key["repository_url"]
        for arguments in (("init",), ("backup", str(self.source))):
            code, said = await self.store.restic(key, *arguments)
            assert code == 0, said
        async with self.runtime.database.transaction() as session:
            # It was made long ago, and other tests' leftovers are swept.
            await session.execute(update(StorageKey).values(expires_at=datetime.now(UTC)))
            await session.execute(update(Backup).values(delete_due_at=None))
        while await measure_due_backup(self.runtime.database, self.runtime.adapters, self.runtime.settings,
                                       datetime.now(UTC) + timedelta(minutes=2)):  # fmt: skip
            pass

    async def device_key(self, now: datetime, *, revoked: bool = False) -> IssuedKey:
        issued = await self.runtime.adapters.issuer.issue(self.place, Access.WRITE, datetime.now(UTC) + HALF_A_DAY)
        async with self.runtime.database.transaction() as session:
            session.add(
                StorageKey(
                    access_key_id=f"{issued.access_key_id}{uuid4().hex}", owner_id=self.owner.owner_id, access="write",
                    issuer="aws", issued_at=now, expires_at=now + HALF_A_DAY, session_id=uuid4(),
                    revoked_at=now if revoked else None,
                )
            )  # fmt: skip
        return issued

    async def change(self, **values: object) -> None:
        async with self.runtime.database.transaction() as session:
            await session.execute(update(Backup).where(Backup.id == self.backup_id).values(**values))

    async def row(self) -> Backup:
        async with self.runtime.database.reading() as session:
            return await session.get_one(Backup, self.backup_id)

    async def remove(self, now: datetime) -> None:
        """What the jobs do once the grace is over."""
        answer = await self.store.api.delete(
            f"/api/v1/backups/{self.backup_id}", headers=self.store.issuer.headers(self.owner)
        )
        assert answer.status_code == 202, answer.text
        await self.change(delete_due_at=now)
        assert await begin_due_removal(self.runtime.database, self.runtime.settings, now) == 1
        assert (await self.row()).state == "removing"
        later = now + timedelta(minutes=1)
        assert await finish_due_removal(self.runtime.database, self.runtime.adapters, later) == 1

    async def put(self, issued: IssuedKey, name: str) -> None:
        settings = self.runtime.settings
        async with aioboto3.Session().client(
            "s3", endpoint_url=str(settings.aws_endpoint_url), region_name=settings.aws_region,
            aws_access_key_id=issued.access_key_id, aws_secret_access_key=issued.secret_access_key,
            aws_session_token=issued.session_token,
        ) as client:  # fmt: skip
            await client.put_object(Bucket=BUCKET, Key=f"{await self.folder()}{name}", Body=b"late")

    async def folder(self) -> str:
        return f"{self.place.prefix}/olares-backups/{(await self.row()).repository}/"

    async def objects(self) -> list[str]:
        location = self.runtime.adapters.issuer.location(self.place.prefix)
        folder = f"olares-backups/{(await self.row()).repository}/"
        return [item.name async for page in self.runtime.adapters.store.list_objects(location, folder) for item in page]

    async def sweep(self, now: datetime) -> int:
        return await sweep_due_leftovers(self.runtime.database, self.runtime.adapters, now)


@pytest_asyncio.fixture(loop_scope="module")
async def world(store: Store, tmp_path: Path) -> World:
    (tmp_path / "file").write_bytes(b"x" * 30_000)
    world = World(store, tmp_path / "file")
    await world.back_up()
    return world


async def test_a_device_that_asks_for_keys_every_hour_keeps_nothing_from_being_removed(world: World) -> None:
    now = datetime.now(UTC)
    for hours in (-2, -1, 0):
        await world.device_key(now + timedelta(hours=hours))
    await world.remove(now)
    assert await world.objects() == []
    row = await world.row()
    assert (row.state, row.storage_bytes, row.delete_due_at) == ("deleted", 0, now + HALF_A_DAY)
    shown = await world.store.get(world.owner, f"/api/v1/backups/{world.backup_id}")
    assert (shown["state"], shown["delete_due_at"]) == ("deleted", None)


@pytest.mark.parametrize("revoked", [False, True])
async def test_what_such_a_key_writes_later_goes_after_its_end(world: World, revoked: bool) -> None:
    now = datetime.now(UTC)
    issued = await world.device_key(now, revoked=revoked)
    await world.remove(now)
    await world.put(issued, f"data/ab/{HASH}")
    await world.put(issued, f"snapshots/{HASH}")
    assert await world.sweep(now + HALF_A_DAY - timedelta(minutes=1)) == 0
    assert len(await world.objects()) == 2
    assert await world.sweep(now + HALF_A_DAY) == 1
    assert await world.objects() == []
    assert (await world.row()).delete_due_at is None


async def test_a_repository_that_was_made_there_anew_stays(world: World) -> None:
    now = datetime.now(UTC)
    issued = await world.device_key(now)
    await world.remove(now)
    key = {
        "repository_url": world.repository_url,
        "access_key_id": issued.access_key_id,
        "secret_access_key": issued.secret_access_key,
        "session_token": issued.session_token,
    }
    for arguments in (("init",), ("backup", str(world.source))):
        code, said = await world.store.restic(key, *arguments)
        assert code == 0, said
    made = await world.objects()
    assert await world.sweep(now + HALF_A_DAY) == 1
    assert await world.objects() == made
    assert (await world.row()).delete_due_at is None


async def test_one_that_is_just_being_made_is_left_alone(world: World) -> None:
    now = datetime.now(UTC)
    issued = await world.device_key(now)
    await world.remove(now)
    await world.put(issued, f"keys/{HASH}")
    await world.change(delete_due_at=now)
    assert await world.sweep(now) == 1
    assert await world.objects() == [f"keys/{HASH}"]
    assert (await world.row()).delete_due_at == now + timedelta(seconds=60)
    assert await world.sweep(now + timedelta(minutes=5)) == 1
    assert await world.objects() == []
