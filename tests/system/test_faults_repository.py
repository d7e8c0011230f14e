"""The store loses or spoils what it was given: it is noticed, said plainly, and what is intact stays of use."""

import shutil
from pathlib import Path
from typing import Any

from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD


def statuses(device: Device, backup: str) -> dict[str, str]:
    listed = device.space("snapshots", backup, "--status", "all", "--json").json
    return {item["restic_id"]: item["status"] for item in listed}


def ticket_for(device: Device, **about: str) -> tuple[int, dict[str, Any]]:
    with device.api() as api:
        answer = api.post("/tickets", json=about)
    return answer.status_code, answer.json()


def test_a_repository_that_is_gone_is_missing_in_the_list_and_a_restore_says_so(
    whole: WholeSystem, alice: Device, tap: Tap, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=3)
    made = alice.back_up(source, "photos", PASSWORD)
    backup = alice.backup("photos")
    shutil.rmtree(whole.repository_folder(backup["repository"]))

    # Before anybody has looked.
    refused = alice.restore("photos", tmp_path / "back", PASSWORD, expect=6)
    assert refused["error"]["code"] == "repository_missing"
    assert "no repository in the store" in refused["error"]["detail"]

    whole.measure_now(backup["backup_id"])

    assert statuses(alice, "photos") == {made["restic_id"]: "missing"}
    assert alice.space("snapshots", "photos", "--json").json == []
    gone = alice.backup("photos")
    assert (gone["storage_bytes"], gone["snapshot_count"], gone["latest_snapshot_at"]) == (0, 0, None)
    eventually(
        lambda: any(
            event["storage_bytes"] == 0
            for event in tap.of("catalog.storage.measured.v1", backup_id=backup["backup_id"])
        )
    )
    refused = alice.restore("photos", tmp_path / "other", PASSWORD, expect=8)
    assert refused["error"]["code"] == "snapshot_not_found"
    status, answer = ticket_for(alice, snapshot_id=made["snapshot_id"])
    assert (status, answer["code"]) == (409, "snapshot_not_restorable")
    assert "missing" in answer["detail"]

    # Nothing is silently begun anew where history was lost; under another name it is.
    refused = alice.back_up(source, "photos", PASSWORD, expect=1)
    assert refused["error"]["code"] == "repository_lost"
    assert "--name" in refused["error"]["hint"]
    alice.back_up(source, "photos again", PASSWORD)
    alice.restore("photos again", tmp_path / "new", PASSWORD)
    assert contents(tmp_path / "new") == contents(source)


def test_a_snapshot_that_was_cut_short_is_damaged_and_the_older_one_is_still_restored(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=3)
    first = alice.back_up(source, "photos", PASSWORD)
    before = contents(source)
    (source / "more").write_text("more")
    second = alice.back_up(source, "photos", PASSWORD)
    backup = alice.backup("photos")
    spoiled = whole.repository_folder(backup["repository"]) / "snapshots" / second["restic_id"]
    whole_content = spoiled.read_bytes()
    spoiled.write_bytes(whole_content[:-10])

    whole.measure_now(backup["backup_id"])

    assert statuses(alice, "photos") == {first["restic_id"]: "successful", second["restic_id"]: "damaged"}
    assert alice.backup("photos")["latest_snapshot_id"] == first["snapshot_id"]
    status, answer = ticket_for(alice, snapshot_id=second["snapshot_id"])
    assert (status, answer["code"]) == (409, "snapshot_not_restorable")
    assert "damaged" in answer["detail"]
    alice.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == before

    spoiled.write_bytes(whole_content)
    whole.measure_now(backup["backup_id"])
    assert alice.backup("photos")["latest_snapshot_id"] == second["snapshot_id"]


def test_a_restore_from_spoiled_data_fails_aloud_and_keeps_what_is_intact(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=3)
    alice.back_up(source, "photos", PASSWORD)
    alice.restore("photos", tmp_path / "intact", PASSWORD)
    assert contents(tmp_path / "intact") == contents(source)
    repository = whole.repository_folder(alice.backup("photos")["repository"])
    pack = max(
        (path for path in (repository / "data").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    content = bytearray(pack.read_bytes())
    content[100:200] = bytes(100)
    pack.write_bytes(content)

    failed = alice.restore("photos", tmp_path / "back", PASSWORD, expect=1)

    assert failed["error"]["code"] == "restore_incomplete"
    listed = alice.space("restores", "--json").json[0]
    assert (listed["state"], listed["reason"]) == ("failed", "restore_incomplete")
    intact = contents(tmp_path / "back").items() & contents(source).items()
    assert sum(entry.kind == "file" for _, entry in intact) == 2
