"""The gate and the measuring behind an Olares device's key: restic itself, by the address their client builds."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update

from catalog import consumers
from catalog.models import Backup, OwnerSpace, StorageKey
from catalog.operations.olares_keys import OlaresKey
from catalog.operations.remove import begin_due_removal, finish_due_removal
from shared.events.identity import SessionEnded
from space_local.rabbitmq import RabbitMQ
from tests.catalog.olares_device import Device, look_around
from tests.support.databases import Databases
from tests.support.store import Store, store_at_work, sum_of_files, tree_hash
from tests.support.tokens import TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASH, OTHER_HASH = "ab" * 32, "cd" * 32
DATA = f"data/ab/{HASH}"
REMEMBERED_SECONDS = 5.5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(
    databases: Databases, issuer: TokenIssuer, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    async with store_at_work(databases, issuer, rabbitmq.url, tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(10):
        (folder / f"file {number}").write_bytes(bytes([number]) * 50_000)
    return folder


async def restic(device: Device, key: OlaresKey, repository: str, *arguments: str) -> str:
    code, said = await device.restic(key, repository, *arguments)
    assert code == 0, said
    return said


async def begin(device: Device, key: OlaresKey, repository: str) -> None:
    """What restic's init writes, as far as the gate is concerned."""
    for name in (f"keys/{HASH}", "config"):
        answer = await device.ask(key, "PUT", f"olares-backups/{repository}/{name}", content=b"x")
        assert answer.status_code == 200, answer.text


async def put(device: Device, key: OlaresKey, repository: str, name: str = DATA) -> tuple[int, str]:
    answer = await device.ask(key, "PUT", f"olares-backups/{repository}/{name}", content=b"x")
    return answer.status_code, said_by(answer)


def said_by(answer: httpx.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


async def change_backup(store: Store, backup_id: UUID, **values: Any) -> None:
    async with store.runtime.database.transaction() as session:
        await session.execute(update(Backup).where(Backup.id == backup_id).values(**values))


async def due_of(store: Store, device: Device) -> tuple[datetime, list[datetime | None]]:
    """When the owner's folder is looked through next, and when each backup is measured."""
    async with store.runtime.database.reading() as session:
        space = await session.get_one(OwnerSpace, device.owner.owner_id)
        due = await session.scalars(
            select(Backup.measure_due_at).where(Backup.owner_id == device.owner.owner_id).order_by(Backup.name)
        )
        return space.discover_due_at, list(due)


async def test_restic_works_by_the_address_that_the_device_builds(store: Store, source: Path, tmp_path: Path) -> None:
    device = Device(store)
    key = await device.key(cluster_id="one")
    name = f"My%20photos-{uuid4()}"
    await restic(device, key, name, "init")
    await restic(device, key, name, "repair", "index")
    await restic(device, key, name, "backup", str(source))
    await restic(device, key, name, "unlock", "--remove-all")
    (source / "another").write_bytes(b"more" * 10_000)
    await restic(device, key, name, "backup", str(source))
    await restic(device, key, name, "prune")
    assert len(json.loads(await restic(device, key, name, "snapshots", "--json"))) == 2
    await restic(device, key, name, "restore", "latest", "--target", str(tmp_path / "out"))
    assert tree_hash(tmp_path / "out" / str(source).lstrip("/")) == tree_hash(source)
    await look_around(store)
    (backup,) = await device.backups()
    assert (backup.name, backup.discovered, backup.snapshot_count) == ("My photos", True, 2)
    assert (backup.storage_bytes, backup.objects) == sum_of_files(store.folder_of(device.owner))
    assert backup.terminus_id == (await device.row(key)).terminus_id


async def test_another_owners_prefix_is_out_of_reach(store: Store) -> None:
    device, other = Device(store), Device(store)
    key, others = await device.key(), await other.key()
    await begin(other, others, "demo")
    for method, name in (("GET", "config"), ("PUT", DATA), ("DELETE", DATA), ("HEAD", "config")):
        answer = await device.ask(key, method, f"olares-backups/demo/{name}", content=b"x", prefix=others.prefix)
        assert answer.status_code == 403
    stolen = OlaresKey(others.address, others.prefix, key.issued)
    code, said = await device.restic(stolen, "demo", "snapshots", "--no-lock")
    assert code != 0
    assert "Access Denied" in said


async def test_two_spellings_of_one_letter_are_two_repositories(store: Store) -> None:
    """Else what catalog keeps of a repository is overwritten by a name for it that catalog does not know."""
    device = Device(store)
    key, composed, decomposed = await device.key(), "caf\u00e9", "cafe\u0301"
    await begin(device, key, composed)
    snapshot = f"olares-backups/{composed}/snapshots/{HASH}"
    assert (await device.ask(key, "PUT", snapshot, content=b"the first")).status_code == 200
    assert (await device.ask(key, "GET", f"olares-backups/{decomposed}/config")).status_code == 404
    assert (await put(device, key, decomposed, f"snapshots/{HASH}"))[0] == 403
    await begin(device, key, decomposed)
    assert (await device.ask(key, "GET", snapshot)).content == b"the first"
    await look_around(store, datetime.now(UTC) + timedelta(seconds=10))
    assert sorted(backup.repository for backup in await device.backups()) == sorted([composed, decomposed])


async def test_two_keys_of_two_devices_work_side_by_side(store: Store, source: Path) -> None:
    device = Device(store)
    keys = [await device.key(cluster_id=cluster) for cluster in ("one", "two")]
    await asyncio.gather(*(restic(device, key, f"of-{n}", "init") for n, key in enumerate(keys)))
    await asyncio.gather(*(restic(device, key, f"of-{n}", "backup", str(source)) for n, key in enumerate(keys)))
    await restic(device, keys[1], "of-0", "snapshots")
    assert (await device.ask(keys[1], "GET", "olares-backups/of-0/config")).status_code == 200
    assert await put(device, keys[1], "of-0", "config") == (403, "AccessDenied")


async def test_a_key_that_ends_on_the_way_reads_on_and_writes_no_more(
    store: Store, source: Path, tmp_path: Path
) -> None:
    device = Device(store)
    key = await device.key()
    await restic(device, key, "demo", "init")
    await restic(device, key, "demo", "backup", str(source))
    now = datetime.now(UTC)
    await device.change_key(key, expires_at=now - timedelta(minutes=1))
    await asyncio.sleep(REMEMBERED_SECONDS)
    refused = await device.ask(key, "PUT", f"olares-backups/demo/{DATA}", content=b"x")
    assert refused.status_code == 400
    assert "<Code>ExpiredToken</Code><Message>The provided token has expired.</Message>" in refused.text
    assert (await device.ask(key, "DELETE", f"olares-backups/demo/{DATA}")).status_code == 400
    # Whole, with the lock that it takes and renews.
    await restic(device, key, "demo", "restore", "latest", "--target", str(tmp_path / "out"))
    assert tree_hash(tmp_path / "out" / str(source).lstrip("/")) == tree_hash(source)
    (source / "late").write_bytes(b"late" * 10_000)
    _, said = await device.restic(key, "demo", "backup", str(source), until=b"The provided token has expired")
    assert "The provided token has expired" in said


@pytest.mark.parametrize(
    ("read", "ended", "reads"),
    [
        (None, timedelta(minutes=1), False),
        (timedelta(minutes=50), timedelta(hours=2), True),
        (timedelta(minutes=61), timedelta(hours=2), False),
        (timedelta(minutes=1), timedelta(days=6, hours=23), True),
        (timedelta(minutes=1), timedelta(days=7), False),
    ],
)
async def test_reading_goes_on_for_who_keeps_reading(
    store: Store, read: timedelta | None, ended: timedelta, reads: bool
) -> None:
    device = Device(store)
    await begin(device, await device.key(), "demo")
    key, now = await device.key(), datetime.now(UTC)
    await device.change_key(key, expires_at=now - ended, read_at=None if read is None else now - read)
    answer = await device.ask(key, "GET", "olares-backups/demo/config")
    assert (answer.status_code, said_by(answer)) == ((200, "") if reads else (400, "ExpiredToken"))
    noted = (await device.row(key)).read_at
    assert (noted is not None and noted >= now) is reads
    described = await store.internal.post(
        "/internal/store/keys",
        json={"access_key_id": key.issued.access_key_id},
        headers={"Authorization": "Bearer vault-secret"},
    )
    assert described.status_code == (200 if reads else 404)


async def test_a_session_that_was_ended_ends_reading_too(store: Store) -> None:
    device = Device(store)
    key, now = await device.key(), datetime.now(UTC)
    await begin(device, key, "demo")
    await device.change_key(key, expires_at=now - timedelta(minutes=1), read_at=now)
    async with store.runtime.database.transaction() as session:
        event = SessionEnded(
            owner_id=device.owner.owner_id, session_id=device.session_id, ended_at=now, tokens_end_at=now
        )
        await consumers.end_session(session, event)
    await asyncio.sleep(REMEMBERED_SECONDS)
    answer = await device.ask(key, "GET", "olares-backups/demo/config")
    assert (answer.status_code, said_by(answer)) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize(
    ("restriction", "words"),
    [("arrears", "Due to your account is arrears, it is unavailable"), ("over_limit", "Your backup storage is full")],
)
async def test_a_key_without_room_reads_and_locks_and_uploads_nothing(
    store: Store, restriction: str, words: str
) -> None:
    device = Device(store)
    free = await device.key()
    await begin(device, free, "demo")
    account = store.billing.account(device.owner.owner_id)
    account.used_bytes, account.reason = account.limit_bytes, restriction
    key = await device.key()
    refused = await device.ask(key, "PUT", f"olares-backups/demo/{DATA}", content=b"x")
    assert refused.status_code == 403
    assert words in refused.text
    assert (await device.ask(key, "GET", "olares-backups/demo/config")).status_code == 200
    assert await put(device, key, "demo", f"locks/{HASH}") == (200, "")
    assert (await put(device, free, "demo"))[0] == 200
    async with store.runtime.database.transaction() as session:
        of_owner = update(OwnerSpace).where(OwnerSpace.owner_id == device.owner.owner_id)
        await session.execute(of_owner.values(operator_restriction="arrears"))
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert "arrears" in (await device.ask(key, "PUT", f"olares-backups/demo/{DATA}", content=b"x")).text


async def test_nothing_is_written_where_no_repository_was_begun(store: Store) -> None:
    """It would be found by nobody, and measured never."""
    device = Device(store)
    key = await device.key()
    for name in (DATA, f"index/{HASH}", f"snapshots/{HASH}", f"locks/{HASH}"):
        assert await put(device, key, "demo", name) == (403, "AccessDenied")
    await begin(device, key, "demo")
    for name in (DATA, f"index/{HASH}", f"snapshots/{HASH}", f"locks/{HASH}"):
        assert await put(device, key, "demo", name) == (200, "")


async def test_an_init_that_was_given_up_is_swept_so_that_the_next_can_begin(store: Store) -> None:
    device = Device(store)
    key = await device.key()
    assert (await put(device, key, "demo", f"keys/{HASH}"))[0] == 200
    code, _ = await device.restic(key, "demo", "init")
    assert code != 0
    now = datetime.now(UTC)
    await look_around(store, now + timedelta(seconds=10))
    discover_due_at, _ = await due_of(store, device)
    assert discover_due_at <= now + timedelta(seconds=71)
    await look_around(store, discover_due_at)
    await restic(device, key, "demo", "init")


async def test_deletion_wins_over_a_device_that_keeps_writing(store: Store, source: Path) -> None:
    device = Device(store)
    key = await device.key()
    await restic(device, key, "demo", "init")
    await restic(device, key, "demo", "backup", str(source))
    await look_around(store)
    (backup,) = await device.backups()
    headers = store.issuer.headers(device.owner)
    assert (await store.api.delete(f"/api/v1/backups/{backup.id}", headers=headers)).status_code < 300
    await asyncio.sleep(REMEMBERED_SECONDS)
    refused = await device.ask(key, "PUT", f"olares-backups/demo/{DATA}", content=b"x")
    assert refused.status_code == 403
    assert "Access Denied: this backup is being deleted." in refused.text
    code, said = await device.restic(key, "demo", "backup", str(source), "--force")
    assert code != 0, said
    # In its grace it can be restored, which takes a lock.
    await restic(device, key, "demo", "check")
    runtime, later = store.runtime, datetime.now(UTC) + timedelta(hours=73)
    writing = asyncio.create_task(keep_writing(device, key))
    assert await begin_due_removal(runtime.database, runtime.settings, later) == 1
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert await put(device, key, "demo", f"locks/{HASH}") == (403, "AccessDenied")
    while (await device.backups())[0].state != "deleted":
        assert await finish_due_removal(runtime.database, runtime.adapters, later + timedelta(minutes=1))
    writing.cancel()
    assert sum_of_files(store.folder_of(device.owner)) == (0, 0)
    # The same name again is another backup.
    await asyncio.sleep(REMEMBERED_SECONDS)
    await restic(device, key, "demo", "init")
    await look_around(store, datetime.now(UTC) + timedelta(seconds=10))
    assert sorted(found.state for found in await device.backups()) == ["active", "deleted"]


async def keep_writing(device: Device, key: OlaresKey) -> None:
    number = 0
    while True:
        number += 1
        name = f"{number:064x}"
        await put(device, key, "demo", f"data/{name[:2]}/{name}")


async def test_what_a_device_writes_is_found_and_measured_soon_and_then_left_alone(store: Store) -> None:
    device = Device(store)
    key = await device.key()
    await look_around(store)
    began = datetime.now(UTC)
    await begin(device, key, "demo")
    discover_due_at, _ = await due_of(store, device)
    assert began < discover_due_at <= datetime.now(UTC) + timedelta(seconds=5)
    await look_around(store, discover_due_at)
    _, (due,) = await due_of(store, device)
    assert due == discover_due_at + timedelta(minutes=1)  # It changed: nothing was known of it before.
    await look_around(store, due)
    _, (quiet,) = await due_of(store, device)
    assert quiet == due + timedelta(hours=24)
    # The key lives on for hours, and costs nothing more until it writes.
    (backup,) = await device.backups()
    await put(device, key, "demo", f"snapshots/{HASH}")
    _, (soon,) = await due_of(store, device)
    assert soon is not None
    assert soon <= datetime.now(UTC) + timedelta(minutes=1)
    await change_backup(store, backup.id, measure_due_at=quiet)
    for _ in range(5):
        await put(device, key, "demo")
    _, (unchanged,) = await due_of(store, device)
    assert unchanged == quiet


async def test_uploads_of_data_cost_no_query_each(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(store)
    key = await device.key()
    await begin(device, key, "demo")
    await put(device, key, "demo")
    asked: list[str] = []
    for name in ("reading", "transaction"):
        inner = getattr(store.runtime.database.__class__, name)

        def counted(*arguments: Any, inner: Any = inner, name: str = name) -> Any:
            asked.append(name)
            return inner(*arguments)

        monkeypatch.setattr(store.runtime.database.__class__, name, counted)
    for number in range(20):
        assert (await put(device, key, "demo", f"data/ab/ab{number:062x}"))[0] == 200
    # A key and a repository each five seconds, and rclone that asks for a key it has not seen.
    assert len(asked) <= 6


async def test_a_devices_backup_is_of_the_terminus_whose_key_made_it(store: Store) -> None:
    device = Device(store)
    one = await device.key(cluster_id="one")
    device_backup_id, now = uuid4(), datetime.now(UTC)
    async with store.runtime.database.transaction() as session:
        session.add(
            Backup(
                id=uuid4(), owner_id=device.owner.owner_id, name="photos", repository=f"photos-{device_backup_id}",
                device_backup_id=device_backup_id, discovered=False, created_at=now, measure_due_at=now,
            )
        )  # fmt: skip
    await look_around(store, now)
    (backup,) = await device.backups()
    assert (backup.terminus_id, backup.objects) == (None, 0)
    await begin(device, one, backup.repository)
    await device.key(cluster_id="two", now=datetime.now(UTC) + timedelta(seconds=30))
    await look_around(store, datetime.now(UTC) + timedelta(minutes=2))
    (backup,) = await device.backups()
    assert (backup.terminus_id, backup.objects) == ((await device.row(one)).terminus_id, 2)


async def test_where_older_clients_wrote_is_found_measured_read_and_deleted_but_not_written(
    store: Store, source: Path, tmp_path: Path
) -> None:
    device = Device(store)
    key = await device.key()
    await restic(device, key, "demo", "init")
    await restic(device, key, "demo", "backup", str(source))
    (home,) = store.folder_of(device.owner).rglob("olares-backups")
    (home.parent / "restic").mkdir()
    old = {f"restic/plan_{uuid4()}": "plan", "restic/docs": "docs", "olares-backupsmusic": "music"}
    for place in old:
        await copy(home / "demo", home.parent / place)
    (home.parent / "notes").mkdir()
    (home.parent / "notes" / "readme").write_text("no repository")
    await look_around(store, datetime.now(UTC) + timedelta(hours=7))
    found = {backup.repository: backup for backup in await device.backups()}
    assert found.keys() == {"demo", *(f"/{place}" for place in old)}
    size = sum_of_files(home / "demo")
    for place, name in old.items():
        backup = found[f"/{place}"]
        assert (backup.name, backup.snapshot_count, (backup.storage_bytes, backup.objects)) == (name, 1, size)
        reading = await store.key(device.owner, backup.id, "read")
        assert reading["repository_url"].endswith(f"{key.prefix}/{place}")
        code, said = await store.restic(
            reading, "restore", "latest", "--no-lock", "--target", str(tmp_path / backup.name)
        )
        assert code == 0, said
        assert tree_hash(tmp_path / backup.name / str(source).lstrip("/")) == tree_hash(source)
        refused = await store.api.post(
            "/api/v1/storage-keys",
            json={"backup_id": str(backup.id), "scope": "write"},
            headers=store.issuer.headers(device.owner),
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "layout_read_only")
        assert (await device.ask(key, "PUT", f"{place}/{DATA}", content=b"x")).status_code == 403
        # A write key from before this was refused.
        async with store.runtime.database.transaction() as session:
            of_key = update(StorageKey).where(StorageKey.access_key_id == reading["access_key_id"])
            await session.execute(of_key.values(access="write"))
        files = await store.api.get(
            f"/api/v1/backups/{backup.id}/key-files", headers=store.issuer.headers(device.owner)
        )
        assert files.status_code == 200, files.text
    await asyncio.sleep(REMEMBERED_SECONDS)
    path = reading["repository_url"].removeprefix("s3:https://").partition("/")[2].replace(":", "%3A")
    assert (await store.ask(reading, "PUT", f"/{path}/{DATA}", content=b"x")).status_code == 403
    gone = found["/olares-backupsmusic"]
    headers = store.issuer.headers(device.owner)
    assert (await store.api.delete(f"/api/v1/backups/{gone.id}", headers=headers)).status_code < 300
    runtime, later = store.runtime, datetime.now(UTC) + timedelta(hours=73)
    await begin_due_removal(runtime.database, runtime.settings, later)
    while await finish_due_removal(runtime.database, runtime.adapters, later + timedelta(minutes=1)):
        pass
    assert sum_of_files(home.parent / "olares-backupsmusic") == (0, 0)
    assert sum_of_files(home / "demo") == size


async def copy(source: Path, target: Path) -> None:
    # As the vault's own user wrote them, so that it may remove them.
    process = await asyncio.create_subprocess_exec("cp", "-a", str(source), str(target))
    assert await process.wait() == 0
