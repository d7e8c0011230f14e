"""Servers that are killed while owners back up: nothing is lost, nothing is believed that is not so."""

import asyncio
import functools
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from space_local.members import MEMBERS
from tests.support.devices import Device, Done
from tests.support.events import Tap
from tests.support.folders import contents, fill, sum_of_files
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD, NewDevice, in_the_middle

SERVICES = [member.name for member in MEMBERS]


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    """So much to back up that it can be met in the middle."""
    source = fill(tmp_path / "large", files=3)
    for number in range(8):
        (source / f"part {number}").write_bytes(os.urandom(16 * 2**20))
    yield source
    for number in range(8):
        (source / f"part {number}").unlink()


def nothing_unsent(whole: WholeSystem, service: str) -> bool:
    return whole.unsent_messages(service) == 0


def assert_all_is_well(whole: WholeSystem, device: Device, source: Path, name: str, done: Done, target: Path) -> None:
    """The backup is listed with what the store holds, and comes back to the byte."""
    assert done.exit_code == 0, str(done)
    whole_backup = device.backup(name)
    whole.measure_now(whole_backup["backup_id"])
    backup = device.backup(name)
    assert backup["snapshot_count"] == 1
    assert backup["storage_bytes"] == whole.stored_bytes(backup["repository"]) > sum_of_files(source) * 0.9
    assert [item["restic_id"] for item in device.space("snapshots", name, "--json").json] == [done.json["restic_id"]]
    device.restore(name, target, PASSWORD)
    assert contents(target) == contents(source)


@pytest.mark.parametrize("killed", ["services", "postgres", "vault", "caddy"])
def test_a_backup_goes_on_when_a_server_is_killed_in_the_middle(
    whole: WholeSystem, alice: Device, tmp_path: Path, large: Path, killed: str
) -> None:
    running = in_the_middle(whole, alice, large, "large")
    if killed == "vault":
        whole.kill("vault")
        time.sleep(2)
    else:
        whole.kill(killed)
        whole.thaw("vault")
        time.sleep(3)
    assert running.poll() is None, alice.finish(running)
    whole.start_again(killed)
    done = alice.finish(running)
    assert_all_is_well(whole, alice, large, "large", done, tmp_path / "back")


def test_a_backup_that_was_killed_itself_goes_on_from_what_was_uploaded(
    whole: WholeSystem, alice: Device, tmp_path: Path, large: Path
) -> None:
    running = in_the_middle(whole, alice, large, "large")
    os.killpg(running.pid, 9)
    alice.finish(running)
    restics = [path.parent for path in Path("/proc").glob("[0-9]*/cmdline") if _is_restic_of(path, large)]
    for process in restics:
        os.kill(int(process.name), 9)
    whole.thaw("vault")
    assert alice.backup("large")["snapshot_count"] == 0
    packs = whole.stored_bytes(alice.backup("large")["repository"])
    assert packs > 10 * 2**20

    done = alice.space("backup", large, "--name", "large", "--password-file", alice.password_file(PASSWORD), "--json")

    assert_all_is_well(whole, alice, large, "large", done, tmp_path / "back")


def _is_restic_of(cmdline: Path, source: Path) -> bool:
    try:
        return os.fsencode(source) in cmdline.read_bytes() and b"restic" in cmdline.read_bytes()
    except OSError:
        return False


def test_while_the_broker_is_down_everything_works_and_nothing_is_lost(
    whole: WholeSystem, new_device: NewDevice, tap: Tap, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=3)
    with whole.down("rabbitmq"):
        carol = new_device("carol")
        made = carol.back_up(source, "photos", PASSWORD)
        assert made["status"] == "successful"
        report = carol.restore("photos", tmp_path / "back", PASSWORD)
        assert contents(tmp_path / "back") == contents(source)
        waiting = whole.unsent_messages("catalog")
        assert waiting >= 2

    eventually(lambda: tap.of("identity.owner.registered.v1", owner_id=carol.owner_id), 60)
    eventually(lambda: tap.of("catalog.snapshot.recorded.v1", restic_id=made["restic_id"]), 60)
    eventually(lambda: tap.of("restore.completed.v1", restore_id=report["restore_id"]), 60)
    for service in SERVICES:
        eventually(functools.partial(nothing_unsent, whole, service), 60)
        with whole.internal(service, "operator") as operator:
            assert operator.get("/internal/dead-letters").raise_for_status().json() == []
    # The restore's end has reached the catalog, which has ended its keys.
    live = "SELECT 1 FROM storage_keys WHERE restore_id = $1 AND revoked_at IS NULL"
    eventually(lambda: not whole.sql("catalog", live, report["restore_id"]), 60)


def test_an_answer_is_only_given_for_what_a_restart_keeps(whole: WholeSystem, alice: Device) -> None:
    with alice.api() as api:
        for round_ in range(3):
            answered = []
            for number in range(10):
                body = {"name": f"task {round_}-{number}", "source": {"kind": "path", "path": "/x"}}
                answered.append(api.post("/backups", json=body).raise_for_status().json()["backup_id"])
            whole.kill("services")
            whole.start_again("services")
            listed = {item["backup_id"] for item in alice.space("backups", "--json").json}
            assert listed >= set(answered)


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    """The system with one process per service and role."""
    whole = WholeSystem(tmp_path_factory.mktemp("scattered"), processes=True)
    whole.start()
    yield whole
    whole.stop()


def test_killing_one_process_of_a_service_after_another_loses_nothing(
    scattered: WholeSystem, tmp_path: Path, restic_path: str
) -> None:
    device = Device(scattered.origin, tmp_path / "machine", restic_path)
    device.space("login", "--name", "dora@olares.com")
    source = fill(tmp_path / "photos", files=3)
    device.back_up(source, "photos", PASSWORD)
    made, names = 1, scattered.service_names
    assert len(names) == 2 * len(SERVICES)
    random.Random(1).shuffle(names)
    for name in names:
        (source / name).write_text(name)
        running = device.begin(
            "backup", source, "--name", "photos", "--password-file", device.password_file(PASSWORD), "--json"
        )
        time.sleep(0.5 + made * 0.3)
        scattered.kill(name)
        time.sleep(1)
        scattered.start_again(name)
        done = device.finish(running)
        assert done.exit_code == 0, f"{name}: {done}"
        made += 1

    eventually(lambda: device.backup("photos")["snapshot_count"] == made, 60)
    scattered.measure_now(device.backup("photos")["backup_id"])
    backup = device.backup("photos")
    assert backup["storage_bytes"] == scattered.stored_bytes(backup["repository"])
    device.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == contents(source)
    for service in SERVICES:
        eventually(functools.partial(nothing_unsent, scattered, service), 60)
        with scattered.internal(service, "operator") as operator:
            assert operator.get("/internal/dead-letters").raise_for_status().json() == []


def test_a_server_that_is_away_is_a_503_with_a_hint_and_not_a_lie(whole: WholeSystem, alice: Device) -> None:
    token = alice.token()
    with whole.down("postgres"), alice.api(token) as api:
        answer = api.get("/backups")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert httpx.get(f"{whole.origin}/readyz", trust_env=False).status_code == 503
        assert httpx.get(f"{whole.origin}/healthz", trust_env=False).status_code == 200
    with whole.down("services"), alice.api(token) as api:
        answer = api.get("/backups")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert alice.space("backups", "--json").json == []
    asyncio.run(whole.system.until_ready())
