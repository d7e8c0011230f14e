"""The object store is down, slow or full: nothing is half done, and the next run goes on."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.devices import Device
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD, Kept

# How long the command is patient with a store that fails, so that these tests are not.
PATIENCE = {"SPACE_STORE_TIMEOUT": "6"}


def test_a_store_that_is_down_is_said_so_and_the_next_run_goes_on(
    whole: WholeSystem, alice: Device, kept: Kept, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=3)
    made = alice.back_up(source, "photos", PASSWORD)
    password = ("--password-file", alice.password_file(PASSWORD), "--json")
    commands = {
        "a next backup": (alice, ("backup", source, "--name", "photos", *password)),
        "a first backup": (alice, ("backup", source, "--name", "new", *password)),
        "a restore": (kept.device, ("restore", "--backup", "photos", "--to", tmp_path / "back", *password)),
    }
    with whole.down("vault"):
        running = {name: device.begin(*command, environment=PATIENCE) for name, (device, command) in commands.items()}
        # The service itself is up, and says for how long to wait.
        with kept.device.api() as api:
            answer = api.get(f"/backups/{kept.backup['backup_id']}/key-files")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        for name, (device, _) in commands.items():
            done = device.finish(running[name], 70)
            assert done.exit_code == 7, f"{name}: {done}"
            assert "answer" in done.error["detail"], f"{name}: {done}"
        assert alice.backup("photos")["latest_snapshot_id"] == made["snapshot_id"]
        assert alice.space("snapshots", "new", "--status", "all", "--json").json == []

    for name, (device, command) in commands.items():
        assert device.space(*command).json, name
    assert alice.backup("photos")["snapshot_count"] == 2
    assert alice.backup("new")["storage_bytes"] == whole.stored_bytes(alice.backup("new")["repository"])
    assert contents(tmp_path / "back") == kept.contents


def test_what_could_not_be_measured_while_the_store_was_down_is_measured_soon_after(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    alice.back_up(fill(tmp_path / "photos", files=1), "photos", PASSWORD)
    backup = alice.backup("photos")
    # Other tests' backups would be tried before this one, each with some patience.
    whole.sql("catalog", "UPDATE backups SET measure_due_at = now() + interval '1 hour'")
    whole.sql("catalog", "UPDATE owner_spaces SET discover_due_at = now() + interval '1 hour'")
    with whole.down("vault"):
        now = "UPDATE backups SET measure_due_at = now() WHERE id = $1 RETURNING measure_due_at AS at"
        due_at = whole.sql("catalog", now, backup["backup_id"])[0]["at"]
        with alice.api() as api:
            assert api.post("/backups/discover").status_code == 202

        def are_tried_again_soon() -> bool:
            (row,) = whole.sql(
                "catalog",
                "SELECT measure_due_at > $2 AND measure_due_at < now() + interval '30 s'"
                " AND discover_due_at > $2 AND discover_due_at < now() + interval '30 s' AS soon"
                " FROM backups JOIN owner_spaces USING (owner_id) WHERE id = $1",
                backup["backup_id"],
                due_at,
            )
            return bool(row["soon"])

        eventually(are_tried_again_soon)

    def was_measured() -> bool:
        query = "SELECT 1 FROM backups WHERE id = $1 AND measured_at > $2"
        return bool(whole.sql("catalog", query, backup["backup_id"], due_at))

    eventually(was_measured)
    assert alice.backup("photos")["snapshot_count"] == 1
    soon = "SELECT 1 FROM owner_spaces WHERE owner_id = $1 AND discover_due_at > now() + interval '1 hour'"
    eventually(lambda: whole.sql("catalog", soon, alice.owner_id), 60)


def test_a_store_that_stands_still_for_a_while_only_costs_time(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=24, size_bytes=2_000_000)
    alice.back_up(fill(tmp_path / "first", files=1), "photos", PASSWORD)
    command = ("--name", "photos", "--moved", "--password-file", alice.password_file(PASSWORD), "--json")
    with whole.frozen("vault"):
        running = alice.begin("backup", source, *command)
        time.sleep(8)
        assert running.poll() is None
    done = alice.finish(running)
    assert (done.exit_code, done.json["status"]) == (0, "successful")
    assert alice.backup("photos")["storage_bytes"] == whole.stored_bytes(alice.backup("photos")["repository"])
    alice.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == contents(source)


@pytest.fixture
def limit_files(whole: WholeSystem) -> Iterator[Callable[[int], None]]:
    """Sets how large a file the store can write: the nearest to a full disk that needs no disk of its own."""
    pid = whole.system.servers["vault"].child.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def limit(size_bytes: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, before[1]))

    yield limit
    if whole.system.servers["vault"].child.pid == pid and whole.system.servers["vault"].running:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_store_is_said_so_nothing_is_half_registered_and_the_next_run_goes_on(
    whole: WholeSystem, alice: Device, tmp_path: Path, limit_files: Callable[[int], None]
) -> None:
    source = fill(tmp_path / "photos", files=3)
    first = alice.back_up(source, "photos", PASSWORD)
    (source / "large").write_bytes(os.urandom(4 * 2**20))
    command = ("backup", source, "--name", "photos", "--password-file", alice.password_file(PASSWORD), "--json")
    limit_files(200_000)

    began = time.monotonic()
    # rclone does not tell its clients what is wrong with its disk; its log does.
    done = alice.space(*command, expect=7, environment=PATIENCE)

    assert time.monotonic() - began < 60
    assert done.error["code"] == "store_unreachable"
    assert "file too large" in whole.system.servers["vault"].child.log.read_text()
    assert whole.system.servers["vault"].running
    backup = alice.backup("photos")
    assert (backup["snapshot_count"], backup["latest_snapshot_id"]) == (1, first["snapshot_id"])
    alice.restore("photos", tmp_path / "old", PASSWORD)
    assert "large" not in contents(tmp_path / "old")

    limit_files(resource.RLIM_INFINITY)
    assert alice.space(*command).json["status"] == "successful"
    backup = alice.backup("photos")
    assert backup["snapshot_count"] == 2
    assert backup["storage_bytes"] == whole.stored_bytes(backup["repository"])
    alice.restore("photos", tmp_path / "new", PASSWORD)
    assert contents(tmp_path / "new") == contents(source)
