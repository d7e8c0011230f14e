"""What lies in the store is found there, whoever put it there and whatever the catalog has forgotten."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD


def restic(whole: WholeSystem, device: Device, repository: str, key_id: str, *arguments: str) -> str:
    """restic alone, as olares-cli calls it."""
    secret, token = whole.key_secrets(key_id)
    environment = {
        "PATH": device.environment["PATH"],
        "HOME": str(device.folder),
        "RESTIC_REPOSITORY": f"s3:{repository}",
        "RESTIC_PASSWORD": PASSWORD,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
        "RESTIC_CACERT": str(whole.system.ca_file),
    }
    done = subprocess.run(
        [device.restic, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    return done.stdout


def discover(device: Device) -> None:
    with device.api() as api:
        assert api.post("/backups/discover").status_code == 202


@pytest.mark.parametrize("backup_id", ["", f"-{uuid4()}"], ids=["plain name", "name with an id"])
def test_a_repository_that_only_restic_made_is_found_and_can_be_restored(
    whole: WholeSystem, alice: Device, tap: Tap, tmp_path: Path, backup_id: str
) -> None:
    source = fill(tmp_path / "documents", files=3)
    eventually(lambda: whole.sql("catalog", "SELECT 1 FROM owner_spaces WHERE owner_id = $1", alice.owner_id))
    alice.back_up(fill(tmp_path / "other", files=1), "other", PASSWORD)
    key_id, address = whole.owner_wide_key(alice.owner_id)
    repository = f"{address}/documents{backup_id}"
    restic(whole, alice, repository, key_id, "init")
    for _ in range(2):
        restic(whole, alice, repository, key_id, "backup", "--tag", "repo-id=1", "--host", "olares", str(source))
    assert [item["name"] for item in alice.space("backups", "--json").json] == ["other"]

    discover(alice)

    eventually(lambda: any(item["snapshot_count"] == 2 for item in alice.space("backups", "--json").json))
    backup = alice.backup("documents")
    assert (backup["kind"], backup["path"], backup["discovered"]) == (None, None, True)
    assert backup["repository"] == f"documents{backup_id}"
    assert backup["storage_bytes"] == whole.stored_bytes(backup["repository"]) > 60_000
    newest, oldest = alice.space("snapshots", "documents", "--json").json
    assert [oldest["kind"], newest["kind"]] == ["full", "incremental"]
    assert not oldest["reported"]
    assert oldest["version"] is None
    registered = eventually(lambda: tap.of("catalog.backup.registered.v1", backup_id=backup["backup_id"]))
    assert [event["discovered"] for event in registered] == [True]

    alice.restore("documents", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == contents(source)

    discover(alice)
    assert alice.backup("documents")["backup_id"] == backup["backup_id"]


@pytest.fixture
def empty_catalog(whole: WholeSystem) -> Iterator[None]:
    """Catalog's database lost and made anew by migrations alone; afterwards the one before is back."""
    name = "catalog_kept_aside"

    def swap(*statements: str) -> None:
        async def run() -> None:
            await whole.system.servers["services"].stop()
            connection = await asyncpg.connect(whole.system.postgres.url)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())
        password = whole.system.secret("postgres.catalog")
        asyncio.run(whole.system.postgres.ensure_database("catalog", "catalog", password))
        whole.start_again("services")

    swap(f"ALTER DATABASE catalog RENAME TO {name}")
    yield
    swap("DROP DATABASE catalog WITH (FORCE)", f"ALTER DATABASE {name} RENAME TO catalog")


def test_a_catalog_that_lost_its_database_is_rebuilt_from_the_store(
    whole: WholeSystem, alice: Device, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = fill(tmp_path / "photos", files=3)
    first = alice.back_up(source, "photos", PASSWORD)
    before = contents(source)
    (source / "more").write_text("more")
    second = alice.back_up(source, "photos", PASSWORD)
    known = alice.backup("photos")
    alice.back_up(fill(tmp_path / "music", files=2), "music", PASSWORD)

    request.getfixturevalue("empty_catalog")
    assert whole.sql("catalog", "SELECT 1 FROM backups") == []
    alice.space("login")
    discover(alice)

    def found() -> bool:
        listed = alice.space("backups", "--json").json
        return sorted((item["name"], item["snapshot_count"]) for item in listed) == [("music", 1), ("photos", 2)]

    eventually(found)
    rebuilt = alice.backup("photos")
    assert rebuilt["storage_bytes"] == known["storage_bytes"] == whole.stored_bytes(rebuilt["repository"])
    assert rebuilt["repository"] == known["repository"]
    listed = alice.space("snapshots", "photos", "--json").json
    assert [item["restic_id"] for item in listed] == [second["restic_id"], first["restic_id"]]
    alice.restore("photos", tmp_path / "new", PASSWORD)
    assert contents(tmp_path / "new") == contents(source)
    alice.restore("photos", tmp_path / "old", PASSWORD, "--snapshot", first["restic_id"])
    assert contents(tmp_path / "old") == before

    third = alice.back_up(source, "photos", PASSWORD)
    (newest, *_) = alice.space("snapshots", "photos", "--json").json
    assert (newest["restic_id"], newest["kind"]) == (third["restic_id"], "incremental")
    assert alice.backup("photos")["repository"] == known["repository"]
