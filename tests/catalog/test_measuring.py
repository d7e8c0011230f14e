"""What the list says is what the store holds: real restic, real store, measured by catalog."""

import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from catalog.errors import StoreUnavailable
from catalog.models import Backup, OwnerSpace, RepositoryClaim
from catalog.operations.measure import discover_due_owner, measure_due_backup
from catalog.operations.remove import begin_due_removal, finish_due_removal
from shared.events.catalog import StorageMeasured
from shared.messaging import OutboxMessage
from space_local.rabbitmq import RabbitMQ
from tests.support.databases import Databases
from tests.support.store import Store, store_at_work, sum_of_files
from tests.support.tokens import Owner, TokenIssuer


@pytest.fixture
async def store(databases: Databases, issuer: TokenIssuer, rabbitmq: RabbitMQ, tmp_path: Path) -> AsyncIterator[Store]:
    async with store_at_work(databases, issuer, rabbitmq.url, tmp_path / "home") as store:
        yield store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(20):
        (folder / f"file {number}").write_bytes(bytes([number]) * 50_000)
    return folder


async def back_up(store: Store, owner: Owner, backup_id: UUID, source: Path) -> str:
    """Make a snapshot with restic itself; its restic id."""
    key = await store.key(owner, backup_id)
    await store.restic(key, "init")
    code, said = await store.restic(key, "backup", str(source))
    assert code == 0, said
    code, said = await store.restic(key, "snapshots", "--json", "latest")
    assert code == 0, said
    return said.split('"id":"')[1][:64]


async def measure(store: Store, now: datetime | None = None) -> None:
    """Measure all that is due."""
    runtime = store.runtime
    moment = now or datetime.now(UTC)
    while await measure_due_backup(runtime.database, runtime.adapters, runtime.settings, moment):
        pass


async def report(store: Store, owner: Owner, backup_id: UUID, restic_id: str) -> dict[str, object]:
    answer = await store.api.post(
        f"/api/v1/backups/{backup_id}/snapshots",
        json={"restic_id": restic_id, "taken_at": datetime.now(UTC).isoformat(), "size_processed_bytes": 1_000_000,
              "size_added_bytes": 123_456, "version": "1.12"},
        headers=store.issuer.headers(owner),
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    snapshot: dict[str, object] = answer.json()
    return snapshot


async def events(store: Store, owner: Owner) -> list[str]:
    """Names of the events about an owner, in order."""
    about = select(OutboxMessage.event_name).where(OutboxMessage.envelope.contains(str(owner.owner_id)))
    async with store.runtime.database.reading() as session:
        return list(await session.scalars(about.order_by(OutboxMessage.id)))


async def test_a_reported_snapshot_is_successful_once_the_store_has_it(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    restic_id = await back_up(store, owner, backup_id, source)
    pending = await report(store, owner, backup_id, restic_id)
    assert (pending["status"], pending["kind"]) == ("pending", "full")
    await measure(store)
    snapshot = await store.get(owner, f"/api/v1/snapshots/{pending['snapshot_id']}")
    assert (snapshot["status"], snapshot["size_added_bytes"], snapshot["version"]) == ("successful", 123_456, "1.12")
    backup = await store.get(owner, f"/api/v1/backups/{backup_id}")
    stored, objects = sum_of_files(store.folder_of(owner))
    assert backup["storage_bytes"] == stored > 0
    assert backup["latest_snapshot_id"] == snapshot["snapshot_id"]
    assert backup["latest_snapshot_at"] == backup["first_snapshot_at"] == snapshot["taken_at"]
    usage = await store.get(owner, f"/api/v1/backups/{backup_id}/usage")
    assert [(item["storage_bytes"], item["objects"]) for item in usage["items"]] == [(stored, objects)]


async def announced(store: Store, owner: Owner) -> list[tuple[int, int, int | None]]:
    """Bytes, objects and snapshots of each measurement of an owner's, in order."""
    told = select(OutboxMessage.envelope).where(
        OutboxMessage.envelope.contains(str(owner.owner_id)), OutboxMessage.event_name == StorageMeasured.name
    )
    async with store.runtime.database.reading() as session:
        envelopes = list(await session.scalars(told.order_by(OutboxMessage.id)))
    levels = [StorageMeasured.model_validate(json.loads(envelope)["data"]) for envelope in envelopes]
    return [(level.storage_bytes, level.objects, level.snapshots) for level in levels]


async def test_what_is_announced_is_what_the_store_holds_to_the_end(store: Store, source: Path) -> None:
    """Grown twice, emptied behind our back, deleted."""
    owner = Owner()
    backup_id = await store.register_backup(owner)
    expected = []
    for number in range(2):
        (source / "new").write_bytes(bytes([number]) * 70_000)
        await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
        await measure(store)
        expected.append((*sum_of_files(store.folder_of(owner)), number + 1))
    (repository,) = store.folder_of(owner).rglob(f"photos-{backup_id}")
    for part in repository.iterdir():
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
    await measure(store, datetime.now(UTC) + timedelta(days=2))
    expected.append((0, 0, 0))
    assert await announced(store, owner) == expected
    runtime = store.runtime
    now = datetime.now(UTC) + timedelta(days=3)
    async with runtime.database.transaction() as session:
        due = update(Backup).where(Backup.id == backup_id)
        await session.execute(due.values(state="removing", delete_due_at=now))
    assert await finish_due_removal(runtime.database, runtime.adapters, now) == 1
    assert await announced(store, owner) == [*expected, (0, 0, 0)]


async def test_a_second_snapshot_is_incremental_and_usage_grows(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    (source / "new").write_bytes(b"n" * 70_000)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    snapshots = (await store.get(owner, f"/api/v1/backups/{backup_id}/snapshots"))["items"]
    assert [snapshot["kind"] for snapshot in snapshots] == ["incremental", "full"]
    usage = (await store.get(owner, f"/api/v1/backups/{backup_id}/usage"))["items"]
    assert len(usage) == 2
    assert usage[1]["storage_bytes"] == sum_of_files(store.folder_of(owner))[0] > usage[0]["storage_bytes"]


async def test_measuring_again_changes_and_announces_nothing(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    before = await events(store, owner)
    await measure(store, datetime.now(UTC) + timedelta(days=2))
    assert await events(store, owner) == before
    assert before.count("catalog.storage.measured.v1") == 1
    assert before.count("catalog.snapshot.recorded.v1") == 1


async def test_a_report_of_nothing_stays_pending_and_then_is_missing(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await back_up(store, owner, backup_id, source)
    snapshot = await report(store, owner, backup_id, "f" * 64)
    await measure(store)
    path = f"/api/v1/snapshots/{snapshot['snapshot_id']}"
    assert (await store.get(owner, path))["status"] == "pending"
    await measure(store, datetime.now(UTC) + timedelta(hours=2))
    assert (await store.get(owner, path))["status"] == "missing"
    listed = (await store.get(owner, f"/api/v1/backups/{backup_id}/snapshots"))["items"]
    assert [item["restic_id"] for item in listed] != ["f" * 64]
    assert (await store.get(owner, f"/api/v1/backups/{backup_id}"))["snapshot_count"] == 1


async def test_a_snapshot_nobody_reported_is_found(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    restic_id = await back_up(store, owner, backup_id, source)
    # Nobody says anything: the issued write key is what makes catalog look.
    await measure(store, datetime.now(UTC) + timedelta(minutes=2))
    (found,) = (await store.get(owner, f"/api/v1/backups/{backup_id}/snapshots"))["items"]
    assert (found["restic_id"], found["discovered"], found["reported"]) == (restic_id, True, False)
    assert found["size_added_bytes"] == sum_of_files(store.folder_of(owner))[0]
    assert found["version"] is None


async def test_a_snapshot_object_that_is_not_what_its_name_says_is_damaged(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    restic_id = await back_up(store, owner, backup_id, source)
    await report(store, owner, backup_id, restic_id)
    await measure(store)
    (file,) = store.folder_of(owner).rglob(restic_id)
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"?" * 2)
    await measure(store, datetime.now(UTC) + timedelta(days=2))
    damaged = (await store.get(owner, f"/api/v1/backups/{backup_id}/snapshots?status=damaged"))["items"]
    assert [item["restic_id"] for item in damaged] == [restic_id]
    assert (await store.get(owner, f"/api/v1/backups/{backup_id}"))["latest_snapshot_id"] is None


async def test_a_store_that_does_not_answer_changes_nothing(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    before = await store.get(owner, f"/api/v1/backups/{backup_id}")
    assert store.vault is not None
    await store.vault.stop()
    try:
        with pytest.raises(StoreUnavailable):
            await measure(store, datetime.now(UTC) + timedelta(days=2))
    finally:
        await store.vault.start()
    assert await store.get(owner, f"/api/v1/backups/{backup_id}") == before


async def test_a_repository_nobody_registered_is_found_with_its_size(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    before = await store.get(owner, f"/api/v1/backups/{backup_id}")
    # The catalog forgets the backup, as if its database had been lost; the store still has it.
    async with store.runtime.database.transaction() as session:
        forgotten = update(Backup).where(Backup.id == backup_id).values(repository="another-one")
        await session.execute(forgotten)
        due = update(OwnerSpace).where(OwnerSpace.owner_id == owner.owner_id)
        await session.execute(due.values(discover_due_at=datetime.now(UTC)))
    runtime = store.runtime
    while await discover_due_owner(runtime.database, runtime.adapters, runtime.settings, datetime.now(UTC)):
        pass
    await measure(store)
    backups = (await store.get(owner, "/api/v1/backups"))["items"]
    (found,) = [item for item in backups if item["discovered"]]
    assert (found["name"], found["storage_bytes"]) == ("photos", before["storage_bytes"])
    assert found["snapshot_count"] == 1
    assert found["kind"] is None


async def test_a_deleted_backup_can_be_undone_until_its_grace_is_over(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    headers = store.issuer.headers(owner)
    path = f"/api/v1/backups/{backup_id}"
    deleting = await store.api.delete(path, headers=headers)
    assert (deleting.status_code, deleting.json()["state"]) == (202, "deleting")
    again = await store.api.delete(path, headers=headers)
    assert again.json()["delete_due_at"] == deleting.json()["delete_due_at"], "asking again does not put it off"
    refused = await store.api.post(
        "/api/v1/storage-keys", json={"backup_id": str(backup_id), "scope": "write"}, headers=headers
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "backup_deleted")
    undone = await store.api.post(f"{path}/undelete", headers=headers)
    assert (undone.json()["state"], undone.json()["delete_due_at"]) == ("active", None)
    assert (await store.api.post(f"{path}/undelete", headers=headers)).json()["code"] == "backup_not_undeletable"


async def test_after_the_grace_the_objects_go_and_the_events_say_so(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    key = await store.key(owner, backup_id)
    headers = store.issuer.headers(owner)
    await store.api.delete(f"/api/v1/backups/{backup_id}", headers=headers)
    runtime = store.runtime
    now = datetime.now(UTC)
    assert await begin_due_removal(runtime.database, runtime.settings, now) == 0, "the grace is not over"
    async with runtime.database.transaction() as session:
        await session.execute(update(Backup).where(Backup.id == backup_id).values(delete_due_at=now))
    assert await begin_due_removal(runtime.database, runtime.settings, now) == 1
    undo = await store.api.post(f"/api/v1/backups/{backup_id}/undelete", headers=headers)
    assert undo.json()["code"] == "backup_not_undeletable"
    assert await finish_due_removal(runtime.database, runtime.adapters, now) == 0, "the gate may remember keys"
    assert await finish_due_removal(runtime.database, runtime.adapters, now + timedelta(minutes=1)) == 1
    assert sum_of_files(store.folder_of(owner)) == (0, 0)
    backup = await store.get(owner, f"/api/v1/backups/{backup_id}")
    assert (backup["state"], backup["storage_bytes"]) == ("deleted", 0)
    assert (await events(store, owner))[-2:] == ["catalog.storage.measured.v1", "catalog.backup.deleted.v1"]
    assert (await store.get(owner, "/api/v1/backups"))["items"] == []
    refused = await store.ask(key, "GET", "/vault/", "?location=")
    assert (refused.status_code, "InvalidAccessKeyId" in refused.text) == (403, True)


async def test_a_backup_that_is_being_restored_is_not_removed(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    snapshot = await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    later = datetime.now(UTC) + timedelta(hours=1)
    restore_id = UUID(int=7)
    question = {"owner_id": str(owner.owner_id), "restore_id": str(restore_id), "snapshot_id": snapshot["snapshot_id"]}
    given = await store.internal.post(
        "/internal/restores/keys", json=question, headers={"Authorization": "Bearer restore-secret"}
    )
    assert given.status_code == 200, given.text
    assert len(given.json()["key_files"]) == 1
    async with store.runtime.database.transaction() as session:
        due = update(Backup).where(Backup.id == backup_id)
        await session.execute(due.values(state="deleting", delete_due_at=later))
    runtime = store.runtime
    assert await begin_due_removal(runtime.database, runtime.settings, later) == 1
    assert (await store.get(owner, f"/api/v1/backups/{backup_id}"))["state"] == "deleting"
    code, said = await store.restic(given.json(), "snapshots", "--no-lock", "--json")
    assert code == 0, said


async def test_a_store_whose_disk_is_not_there_is_not_taken_for_an_empty_one(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    before = await store.get(owner, f"/api/v1/backups/{backup_id}")
    runtime = store.runtime
    now = datetime.now(UTC)
    away = store.folder.with_name("unmounted")
    store.folder.rename(away)
    try:
        with pytest.raises(StoreUnavailable):
            await measure(store, now + timedelta(days=2))
        async with runtime.database.transaction() as session:
            due = update(Backup).where(Backup.id == backup_id)
            await session.execute(due.values(state="removing", delete_due_at=now))
        with pytest.raises(StoreUnavailable):
            await finish_due_removal(runtime.database, runtime.adapters, now)
    finally:
        shutil.rmtree(store.folder, ignore_errors=True)
        away.rename(store.folder)
    after = await store.get(owner, f"/api/v1/backups/{backup_id}")
    assert (after["state"], after["storage_bytes"]) == ("removing", before["storage_bytes"])
    assert after["latest_snapshot_id"] == before["latest_snapshot_id"]


async def test_what_an_interrupted_initialisation_left_is_swept_so_that_the_next_succeeds(
    store: Store, source: Path
) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    key = await store.key(owner, backup_id)
    code, said = await store.restic(key, "init")
    assert code == 0, said
    (config,) = store.folder_of(owner).rglob("config")
    config.unlink()
    code, said = await store.restic(key, "init")
    assert "already contains keys" in said
    later = datetime.now(UTC) + timedelta(minutes=2)
    await measure(store, later)
    async with store.runtime.database.transaction() as session:
        # Two minutes later the claim of the first key has ended too.
        await session.execute(update(RepositoryClaim).values(claimed_until=datetime.now(UTC) - timedelta(seconds=1)))
    assert await back_up(store, owner, backup_id, source)


async def test_a_repository_that_lost_its_config_keeps_its_keys(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    (config,) = store.folder_of(owner).rglob("config")
    config.unlink()
    await measure(store, datetime.now(UTC) + timedelta(days=2))
    assert len(list(store.folder_of(owner).rglob("keys/*"))) == 1


async def test_a_device_with_a_wrong_clock_does_not_hide_its_newest_snapshot(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    (source / "new").write_bytes(b"n")
    restic_id = await back_up(store, owner, backup_id, source)
    body = {"restic_id": restic_id, "taken_at": "2020-01-01T00:00:00Z"}
    path = f"/api/v1/backups/{backup_id}/snapshots"
    answer = await store.api.post(path, json=body, headers=store.issuer.headers(owner))
    assert answer.status_code == 202
    await measure(store)
    newest = (await store.get(owner, path))["items"][0]
    assert newest["restic_id"] == restic_id
    assert newest["taken_at"].startswith(str(datetime.now(UTC).year))
    assert (await store.get(owner, f"/api/v1/backups/{backup_id}"))["latest_snapshot_id"] == newest["snapshot_id"]
    again = await store.api.post(path, json={**body, "size_added_bytes": 1}, headers=store.issuer.headers(owner))
    assert again.json() == newest, "said once"


async def test_a_repository_made_again_under_its_old_name_is_another_backup(store: Store, source: Path) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    await report(store, owner, backup_id, await back_up(store, owner, backup_id, source))
    await measure(store)
    async with store.runtime.database.transaction() as session:
        gone = update(Backup).where(Backup.id == backup_id)
        await session.execute(gone.values(state="deleted", discovered=True))
        due = update(OwnerSpace).where(OwnerSpace.owner_id == owner.owner_id)
        await session.execute(due.values(discover_due_at=datetime.now(UTC)))
    runtime = store.runtime
    while await discover_due_owner(runtime.database, runtime.adapters, runtime.settings, datetime.now(UTC)):
        pass
    (found,) = (await store.get(owner, "/api/v1/backups"))["items"]
    assert found["backup_id"] != str(backup_id)
