"""Keys that end in the middle, clocks that are wrong, and two machines that do the same at once."""

import os
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from agent import proof
from agent.proof import Identity
from tests.support.devices import Device
from tests.support.folders import contents, fill
from tests.support.s3 import S3, Key
from tests.support.whole_system import WholeSystem, eventually, is_restoring
from tests.system.conftest import PASSWORD, Kept, in_the_middle

CLOCKS = {"ten minutes ahead": 600, "ten minutes behind": -600}


def issued_keys(whole: WholeSystem, owner_id: str, access: str) -> int:
    query = "SELECT count(*) AS issued FROM storage_keys WHERE owner_id = $1 AND access = $2"
    return int(whole.sql("catalog", query, owner_id, access)[0]["issued"])


def test_keys_that_expire_in_the_middle_are_renewed_and_the_work_is_finished(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    source = fill(tmp_path / "large", files=3)
    # Large enough that a restore is still under way when it is met.
    for number in range(12):
        (source / f"part {number}").write_bytes(os.urandom(16 * 2**20))
    password, owner_id = alice.password_file(PASSWORD), alice.owner_id
    with whole.told(CATALOG_KEY_LIFETIME="PT10S"):
        running = in_the_middle(whole, alice, source, "large")
        time.sleep(11)
        whole.thaw("vault")
        done = alice.finish(running)
        assert done.exit_code == 0, str(done)
        assert issued_keys(whole, owner_id, "write") >= 2

        running = alice.begin("restore", "--backup", "large", "--to", tmp_path / "back", "--password-file", password)
        eventually(lambda: is_restoring(tmp_path / "back"), every=0.005)
        with whole.frozen("vault"):
            time.sleep(11)
        done = alice.finish(running)
        assert done.exit_code == 0, str(done)
        assert "expired; going on with new ones" in done.err
        assert issued_keys(whole, owner_id, "read") >= 2
    backup = alice.backup("large")
    assert contents(tmp_path / "back") == contents(source)
    assert (backup["snapshot_count"], backup["storage_bytes"]) == (1, whole.stored_bytes(backup["repository"]))
    for folder in (source, tmp_path / "back"):
        shutil.rmtree(folder)


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Identity:
    """A key pair that nobody knows yet."""
    monkeypatch.setenv("SPACE_CONFIG_DIR", str(tmp_path / "identity"))
    return proof.load_or_create()


@pytest.mark.parametrize("seconds", CLOCKS.values(), ids=CLOCKS.keys())
def test_a_client_whose_clock_is_wrong_signs_in_backs_up_and_restores(
    whole: WholeSystem, tmp_path: Path, restic_path: str, seconds: int
) -> None:
    shifted = tmp_path / "shifted"
    shifted.mkdir()
    (shifted / "sitecustomize.py").write_text(
        f"import time, time_machine\ntime_machine.travel(time.time() + {seconds}, tick=True).start()\n"
    )
    device = Device(whole.origin, tmp_path / "machine", restic_path)
    clock = {"PYTHONPATH": str(shifted)}
    name = f"clock{seconds % 1000}@olares.com"
    device.space("login", "--name", name, environment=clock)
    kept_until = device.session()["access_expires_at"]
    assert abs(kept_until - time.time() - 600 - seconds) < 60, "the clock was not wrong"
    source = fill(tmp_path / "photos", files=2)
    password = device.password_file(PASSWORD)
    done = device.space("backup", source, "--name", "photos", "--password-file", password, "--json", environment=clock)
    assert done.json["status"] == "successful"
    backup = device.backup("photos")
    assert abs(_seconds_ago(backup["created_at"])) < 120
    assert abs(_seconds_ago(backup["latest_snapshot_at"])) < 120
    device.space(
        "restore", "--backup", "photos", "--to", tmp_path / "back", "--password-file", password, environment=clock
    )
    assert contents(tmp_path / "back") == contents(source)


def _seconds_ago(instant: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds()


@pytest.mark.parametrize("seconds", CLOCKS.values(), ids=CLOCKS.keys())
def test_a_proof_of_another_time_is_refused_and_says_how_far_off_it_is(
    whole: WholeSystem, identity: Identity, seconds: int
) -> None:
    with httpx.Client(base_url=f"{whole.origin}/api/v1", trust_env=False) as client:
        nonce = client.post("/auth/nonces", json={}).raise_for_status().json()
        issued_at = datetime.fromisoformat(nonce["issued_at"]) + timedelta(seconds=seconds)
        off = proof.sign(identity, nonce=nonce["nonce"], audience=nonce["audience"], issued_at=issued_at)
        answer = client.post("/auth/login", json={"proof": off, "olares_name": "late@olares.com"})
        assert (answer.status_code, answer.json()["code"]) == (401, "proof_expired")
        # A second may pass on the way.
        direction = "ahead of" if seconds > 0 else "behind"
        assert re.search(rf"(10|9) minutes.* {direction} ours", answer.json()["detail"])


def test_the_store_bears_a_clock_that_is_ten_minutes_off_and_no_more(whole: WholeSystem, kept: Kept) -> None:
    with kept.device.api() as api:
        body = {"backup_id": kept.backup["backup_id"], "scope": "read"}
        key = Key.of(api.post("/storage-keys", json=body).raise_for_status().json())
    ca_file = str(whole.system.ca_file)
    for seconds in (600, -600):
        assert S3(key, ca_file, clock_off_seconds=seconds).get(f"{key.root}/config").status == 200
    for seconds in (3600, -3600):
        assert S3(key, ca_file, clock_off_seconds=seconds).get(f"{key.root}/config").status == 403


@pytest.mark.parametrize("seconds_between", [0.0, 0.7, 1.4])
def test_two_machines_that_begin_the_same_backup_at_once_both_end_with_a_snapshot_that_opens(
    whole: WholeSystem, alice: Device, tmp_path: Path, restic_path: str, seconds_between: float
) -> None:
    source = fill(tmp_path / "photos", files=6, size_bytes=200_000)
    other = Device(whole.origin, tmp_path / "other", restic_path)
    shutil.copytree(alice.config, other.config)
    running = []
    for device in (alice, other):
        password = device.password_file(PASSWORD)
        running.append(device.begin("backup", source, "--name", "photos", "--password-file", password, "--json"))
        time.sleep(seconds_between)
    first, second = alice.finish(running[0]), other.finish(running[1])

    assert (first.exit_code, second.exit_code) == (0, 0), f"{first}\n{second}"
    backup = alice.backup("photos")
    whole.measure_now(backup["backup_id"])
    listed = alice.space("snapshots", "photos", "--json").json
    assert {item["restic_id"] for item in listed} == {first.json["restic_id"], second.json["restic_id"]}
    assert sorted(item["kind"] for item in listed) == ["full", "incremental"]
    assert alice.backup("photos")["storage_bytes"] == whole.stored_bytes(backup["repository"])
    for number, item in enumerate(listed):
        target = tmp_path / f"back {number}"
        alice.restore("photos", target, PASSWORD, "--snapshot", item["restic_id"])
        assert contents(target) == contents(source)
