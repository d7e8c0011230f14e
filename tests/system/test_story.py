"""The main job, from the first backup to every file back in its place."""

import os
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.devices import Device
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem
from tests.system.conftest import PASSWORD, Kept


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def usage_of(device: Device, backup_id: str) -> list[dict[str, Any]]:
    with device.api() as api:
        found: list[dict[str, Any]] = api.get(f"/backups/{backup_id}/usage").raise_for_status().json()["items"]
    return found


def test_the_list_shows_creation_most_recent_snapshot_and_the_bytes_that_are_in_the_store(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    made = alice.back_up(fill(tmp_path / "photos"), "photos", PASSWORD)
    after = datetime.now(UTC)

    assert made["status"] == "successful"
    assert made["files"] == 12
    backup = alice.backup("photos")
    assert before <= instant(backup["created_at"]) <= instant(backup["first_snapshot_at"]) <= after
    assert backup["latest_snapshot_at"] == backup["first_snapshot_at"]
    assert (backup["snapshot_count"], backup["latest_snapshot_id"]) == (1, made["snapshot_id"])
    # The lock that the run takes and gives back is no part of it any more.
    assert backup["storage_bytes"] == whole.stored_bytes(backup["repository"]) > 12 * 20_000
    assert (backup["state"], backup["path"], backup["overdue"]) == ("active", str(tmp_path / "photos"), False)

    with alice.at_terminal("backups") as terminal:
        assert terminal.finish() == 0
        for shown in ("photos", instant(backup["created_at"]).strftime("%Y-%m-%d %H:%M"), "active"):
            assert shown in terminal.shown


def test_a_second_backup_is_incremental_usage_goes_back_to_the_first_and_both_can_be_restored(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos")
    first = alice.back_up(source, "photos", PASSWORD)
    stored_first = whole.stored_bytes(alice.backup("photos")["repository"])
    before = contents(source)
    shutil.rmtree(source / "folder 1")
    (source / "folder 2" / "file-2.bin").write_text("changed")
    (source / "new.bin").write_bytes(os.urandom(50_000))
    second = alice.back_up(source, "photos", PASSWORD)
    stored_second = whole.stored_bytes(alice.backup("photos")["repository"])

    newest, oldest = alice.space("snapshots", "photos", "--json").json
    assert [newest["snapshot_id"], oldest["snapshot_id"]] == [second["snapshot_id"], first["snapshot_id"]]
    assert [newest["kind"], oldest["kind"]] == ["incremental", "full"]
    assert oldest["size_added_bytes"] > 12 * 20_000
    assert 50_000 <= newest["size_added_bytes"] < 60_000
    sizes = [sum(entry.size_bytes for entry in tree.values()) for tree in (contents(source), before)]
    assert [newest["size_processed_bytes"], oldest["size_processed_bytes"]] == sizes
    backup = alice.backup("photos")
    assert (backup["snapshot_count"], backup["latest_snapshot_id"]) == (2, second["snapshot_id"])
    assert instant(backup["first_snapshot_at"]) < instant(backup["latest_snapshot_at"])
    assert backup["storage_bytes"] == stored_second

    levels = usage_of(alice, backup["backup_id"])
    assert [level["storage_bytes"] for level in levels][-1] == stored_second
    assert stored_first in [level["storage_bytes"] for level in levels]
    assert [level["measured_at"] for level in levels] == sorted(level["measured_at"] for level in levels)

    alice.restore("photos", tmp_path / "old", PASSWORD, "--snapshot", first["restic_id"][:8])
    alice.restore("photos", tmp_path / "new", PASSWORD)
    assert contents(tmp_path / "old") == before
    assert contents(tmp_path / "new") == contents(source) != before


def test_a_restore_gives_back_every_file_mode_link_and_time(kept: Kept, tmp_path: Path) -> None:
    report = kept.device.restore("photos", tmp_path / "back", PASSWORD)

    assert report["warnings"] == []
    assert contents(tmp_path / "back") == kept.contents
    listed = {item["restore_id"]: item for item in kept.device.space("restores", "--json").json}[report["restore_id"]]
    assert listed["state"] == "completed"
    assert listed["bytes_restored"] == sum(entry.size_bytes for entry in kept.contents.values())


def test_a_script_with_a_wrong_password_ends_with_code_4_and_writes_nothing(kept: Kept, tmp_path: Path) -> None:
    refused = kept.device.restore("photos", tmp_path / "back", "wrong", expect=4)
    assert refused["error"]["code"] == "wrong_password"
    assert [path.name for path in (tmp_path / "back").iterdir()] == [".space-restore.json"]
    assert kept.device.back_up(kept.source, "photos", "wrong", expect=4)["error"]["code"] == "wrong_password"
    assert kept.device.backup("photos")["snapshot_count"] == 1

    kept.device.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == kept.contents


def test_a_person_chooses_a_password_twice_and_is_asked_again_when_it_is_wrong(alice: Device, tmp_path: Path) -> None:
    source = fill(tmp_path / "photos")
    with alice.at_terminal("backup", source, "--name", "photos") as terminal:
        terminal.expect("New backup password: ")
        terminal.type(PASSWORD)
        terminal.expect("The same again: ")
        terminal.type("something else")
        terminal.expect("The two differ")
        terminal.expect("New backup password: ")
        terminal.type(PASSWORD)
        terminal.expect("The same again: ")
        terminal.type(PASSWORD)
        assert terminal.finish() == 0, terminal.shown
        assert PASSWORD not in terminal.shown
        assert "photos: snapshot" in terminal.shown

    with alice.at_terminal("restore", "--backup", "photos", "--to", tmp_path / "back") as terminal:
        for wrong in ("wrong", "wrong again"):
            terminal.expect("Backup password: ")
            terminal.type(wrong)
            terminal.expect("This password is wrong. Please try again")
        terminal.expect("Backup password: ")
        terminal.type("")
        terminal.expect("Please type one.")
        terminal.expect("Backup password: ")
        terminal.type(PASSWORD)
        assert terminal.finish() == 0, terminal.shown
        assert PASSWORD not in terminal.shown
        assert "restored to" in terminal.shown
    assert contents(tmp_path / "back") == contents(source)


def test_who_has_lost_the_password_can_stop_with_ctrl_c_and_come_back(kept: Kept, tmp_path: Path) -> None:
    with kept.device.at_terminal("restore", "--backup", "photos", "--to", tmp_path / "back") as terminal:
        terminal.expect("Backup password: ")
        terminal.type("forgotten")
        terminal.expect("This password is wrong")
        terminal.expect("Backup password: ")
        terminal.interrupt()
        assert terminal.finish() == 130, terminal.shown
    kept.device.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == kept.contents


def test_the_one_command_of_the_guide_restores_on_a_machine_that_never_signed_in(
    whole: WholeSystem, kept: Kept, tmp_path: Path, restic_path: str
) -> None:
    issued = kept.ticket()
    stranger = Device(whole.origin, tmp_path / "stranger", restic_path)
    program, *arguments = shlex.split(issued["command"])
    assert program == "space"
    assert issued["command"] in [step["command"] for step in issued["guide"]]

    with stranger.at_terminal(*arguments, "--to", tmp_path / "back") as terminal:
        terminal.expect("Backup password: ")
        terminal.type("not this one")
        terminal.expect("This password is wrong. Please try again")
        terminal.expect("Backup password: ")
        terminal.type(PASSWORD)
        assert terminal.finish() == 0, terminal.shown

    assert contents(tmp_path / "back") == kept.contents
    with kept.device.api() as api:
        restore = api.get(f"/restores/{issued['restore_id']}").raise_for_status().json()
        timeline = api.get(f"/restores/{issued['restore_id']}/timeline").raise_for_status().json()["items"]
    assert restore["state"] == "completed"
    states = [entry["state"] for entry in timeline if entry["kind"] == "moved"]
    assert states[0] == "ready"
    assert states[-1] == "completed"


def test_plain_restic_restores_as_the_guide_prints_it(kept: Kept, tmp_path: Path) -> None:
    issued = kept.ticket()
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        "PATH": kept.device.environment["PATH"],
        "HOME": str(work),
        "SPACE_TICKET": issued["ticket"],
        "RESTIC_PASSWORD": PASSWORD,
    }
    commands = issued["plain_restic"]["commands"]
    assert issued["ticket"] not in "\n".join(commands)

    shell = subprocess.run(
        ["sh", "-e", "-c", "\n".join(commands)], cwd=work, env=environment, capture_output=True, text=True, check=False
    )

    assert shell.returncode == 0, shell.stdout + shell.stderr
    assert contents(work / "restored" / kept.source.relative_to("/")) == kept.contents
    with kept.device.api() as api:
        assert api.get(f"/restores/{issued['restore_id']}").json()["state"] == "completed"


def test_a_terminus_keeps_its_backups_apart_from_another_of_the_same_name(alice: Device, tmp_path: Path) -> None:
    source = fill(tmp_path / "photos", files=3)
    for terminus in ("home", "office"):
        alice.space("terminus", "add", terminus)
        alice.back_up(source, "photos", PASSWORD, "--terminus", terminus)

    (home,) = alice.space("backups", "--terminus", "home", "--json").json
    assert (home["name"], home["terminus_name"]) == ("photos", "home")
    both = alice.space("backups", "--json").json
    assert {backup["terminus_name"] for backup in both} == {"home", "office"}
    assert len({backup["repository"] for backup in both}) == 2
    ambiguous = alice.restore("photos", tmp_path / "back", PASSWORD, expect=1)
    assert ambiguous["error"]["code"] == "backup_ambiguous"
    alice.restore(home["backup_id"], tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == contents(source)


def test_a_device_that_joined_by_code_sees_and_restores_the_same_backups(
    whole: WholeSystem, kept: Kept, tmp_path: Path, restic_path: str
) -> None:
    code = kept.device.space("device", "add", "--json").json["code"]
    second = Device(whole.origin, tmp_path / "second", restic_path)
    second.space("login", "--enrol", code)
    assert second.owner_id == kept.device.owner_id
    second.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == kept.contents


@pytest.mark.parametrize("command", [("backups",), ("restores",), ("whoami",)])
def test_who_is_not_signed_in_is_told_so(
    whole: WholeSystem, tmp_path: Path, restic_path: str, command: tuple[str]
) -> None:
    nobody = Device(whole.origin, tmp_path / "nobody", restic_path)
    done = nobody.space(*command, "--json", expect=5)
    assert done.error["code"] == "not_signed_in"
