"""Deleting a backup: scheduled, undone, and carried out to the last object."""

from datetime import datetime, timedelta
from pathlib import Path

from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import contents, fill, sum_of_files
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD


def test_a_deletion_is_undone_within_its_grace_of_72_hours(alice: Device, tmp_path: Path) -> None:
    source = fill(tmp_path / "photos", files=3)
    alice.back_up(source, "photos", PASSWORD)

    alice.space("delete", "photos", "--yes")

    deleting = alice.backup("photos")
    assert deleting["state"] == "deleting"
    due = datetime.fromisoformat(deleting["delete_due_at"])
    assert abs(due - datetime.now(due.tzinfo) - timedelta(hours=72)) < timedelta(minutes=2)
    refused = alice.back_up(source, "photos", PASSWORD, expect=1)
    assert refused["error"]["code"] == "backup_deleting"
    assert "undelete" in refused["error"]["hint"]

    alice.space("undelete", "photos")

    assert (alice.backup("photos")["state"], alice.backup("photos")["delete_due_at"]) == ("active", None)
    alice.back_up(source, "photos", PASSWORD)
    alice.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == contents(source)


def test_after_the_grace_the_objects_are_gone_and_everybody_is_told(
    whole: WholeSystem, alice: Device, tap: Tap, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=3)
    alice.back_up(source, "photos", PASSWORD)
    alice.back_up(fill(tmp_path / "music", files=3, seed=2), "music", PASSWORD)
    backup = alice.backup("photos")
    folder = whole.repository_folder(backup["repository"])
    music = whole.stored_bytes(alice.backup("music")["repository"])
    assert sum_of_files(folder) > 0
    with alice.api() as api:
        ticket = api.post("/tickets", json={"backup_id": backup["backup_id"]}).raise_for_status().json()
        key = api.post("/storage-keys", json={"backup_id": backup["backup_id"], "scope": "write"}).json()

    # Longer than the gate remembers a key, as the default is.
    with whole.told(CATALOG_DELETION_GRACE="PT1S", CATALOG_REMOVAL_PAUSE="PT6S"):
        alice.space("delete", "photos", "--yes")
        eventually(lambda: [item["name"] for item in alice.space("backups", "--json").json] == ["music"], 60, every=1)

    assert sum_of_files(folder) == 0 if folder.exists() else True
    assert whole.stored_bytes(alice.backup("music")["repository"]) == music
    (deleted,) = alice.space("backups", "--state", "deleted", "--json").json
    assert (deleted["backup_id"], deleted["storage_bytes"]) == (backup["backup_id"], 0)
    with alice.api() as api:
        levels = api.get(f"/backups/{backup['backup_id']}/usage").json()["items"]
        for scope in ("read", "write"):
            answer = api.post("/storage-keys", json={"backup_id": backup["backup_id"], "scope": scope})
            assert (answer.status_code, answer.json()["code"]) == (409, "backup_deleted")
    assert levels[0]["storage_bytes"] > 0
    assert levels[-1]["storage_bytes"] == levels[-1]["objects"] == 0

    eventually(lambda: tap.of("catalog.backup.deleted.v1", backup_id=backup["backup_id"]))
    measured = tap.of("catalog.storage.measured.v1", backup_id=backup["backup_id"])
    assert [event["storage_bytes"] for event in measured][-1] == 0
    assert len(tap.of("catalog.backup.deleted.v1", backup_id=backup["backup_id"])) == 1

    revoked = whole.sql("catalog", "SELECT revoked_at FROM storage_keys WHERE access_key_id = $1", key["access_key_id"])
    assert revoked[0]["revoked_at"] is not None
    with alice.api() as api:
        eventually(lambda: api.get(f"/restores/{ticket['restore_id']}").json()["state"] == "cancelled")
        redeemed = api.post("/tickets/redeem", json={"ticket": ticket["ticket"], "redeemer_secret": "s" * 32})
    assert (redeemed.status_code, redeemed.json()["code"]) == (410, "restore_ended")
    assert "deleted" in redeemed.json()["detail"]

    again = alice.back_up(source, "photos", PASSWORD)
    assert again["backup_id"] != backup["backup_id"]
    alice.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == contents(source)
