"""Unmodified Olares clients against the whole running system: each request and each call of restic as theirs are."""

import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from agent.proof import create
from tests.support.devices import Device
from tests.support.folders import contents, fill, sum_of_files
from tests.support.larepass import LarePass
from tests.support.olares_restic import ResticFailed
from tests.support.olares_twin import Instance, LoginNeeded, NoRoom, OlaresCli, read_backup_url
from tests.support.whole_system import WholeSystem, eventually
from tests.system.cloud.customer import Customer
from tests.system.conftest import PASSWORD
from tests.system.test_discovery import discover

NewOwner = Callable[..., "Home"]


class Home:
    """An owner's LarePass, instance and command of ours, all of one key pair."""

    def __init__(self, whole: WholeSystem, folder: Path, restic: str, below: str = "/space") -> None:
        self.folder = folder
        self.identity = create()
        self.base = f"{whole.origin}{below}"
        self.larepass = LarePass(self.base, self.identity)
        self.account = self.larepass.connect()
        self.device = Device(whole.origin, folder / "machine", restic)
        self.device.config.mkdir(mode=0o700, parents=True)
        kept = self.device.config / "identity.json"
        kept.write_text(json.dumps({"did": self.identity.did, "key": self.identity.key.as_dict(private=True)}))
        kept.chmod(0o600)
        self.device.space("login")
        self.instance = self.other(Instance, "first cluster")

    def other(self, kind: type[OlaresCli], cluster_id: str) -> Any:
        """One more machine of the same owner."""
        return kind(self.base, self.account, self.device.restic, self.folder / uuid4().hex[:6], cluster_id)

    def backups(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.device.space("backups", "--json").json
        return found

    def find(self, repository: str) -> dict[str, Any]:
        """The backup, or nothing while it is not listed."""
        return next((each for each in self.backups() if each["repository"] == repository), {})

    def find_measured(self, repository: str) -> dict[str, Any]:
        found = self.find(repository)
        return found if found.get("snapshot_count") else {}

    def backup(self, repository: str) -> dict[str, Any]:
        found = self.find(repository)
        assert found, self.backups()
        return found

    def listed(self, backup_id: str) -> list[dict[str, Any]]:
        with self.device.api() as api:
            found: list[dict[str, Any]] = api.get(f"/backups/{backup_id}/snapshots").raise_for_status().json()["items"]
        return found

    def backup_url(self, snapshot_id: str) -> str:
        with self.device.api() as api:
            return str(api.get(f"/snapshots/{snapshot_id}/backup-url").raise_for_status().json()["backup_url"])


@pytest.fixture
def new_home(whole: WholeSystem, tmp_path: Path, restic_path: str) -> NewOwner:
    def make(below: str = "/space") -> Home:
        return Home(whole, tmp_path / uuid4().hex[:6], restic_path, below)

    return make


@pytest.fixture
def home(new_home: NewOwner) -> Home:
    return new_home()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fill(tmp_path / "photos & more", files=4)


def measured(whole: WholeSystem, home: Home, repository: str, snapshots: int) -> dict[str, Any]:
    """The backup once it is listed with these snapshots and measured to the byte."""

    def is_there() -> dict[str, Any]:
        found = home.backup(repository)
        if found["snapshot_count"] < snapshots:
            return {}
        return found if found["storage_bytes"] == whole.stored_bytes(repository) else {}

    whole.measure_now(eventually(partial(home.find, repository), 120)["backup_id"])
    found = eventually(is_there, 180, every=1)
    assert found["snapshot_count"] == snapshots
    return found


@pytest.mark.parametrize("below", ["/space", ""])
def test_what_an_instance_backs_up_is_listed_and_restored_elsewhere_by_its_backup_url(
    whole: WholeSystem, new_home: NewOwner, source: Path, tmp_path: Path, below: str
) -> None:
    home = new_home(below)
    backup_id, name = str(uuid4()), "Photos & more"
    repository = f"{name}-{backup_id}"
    first = home.instance.run(backup_id, name, source, PASSWORD)
    (source / "more").write_text("more")
    second = home.instance.run(backup_id, name, source, PASSWORD)

    # The same words again, and the first after the last.
    ids = [str(uuid4()), str(uuid4())]
    for snapshot_id in ids:
        home.instance.tell_snapshot(backup_id, snapshot_id, "Completed", restic_id=second["snapshot_id"], size=10**15)
        home.instance.tell_snapshot(backup_id, snapshot_id, "Pending")
        home.instance.tell_snapshot(backup_id, snapshot_id, "Failed", message='100% & "more"; a+b=c\n')
    home.instance.tell_backup(backup_id, name, f"/Files/Home/{name}")

    backup = measured(whole, home, repository, 2)
    assert (backup["name"], backup["kind"], backup["discovered"]) == (name, "path", False)
    assert len(home.backups()) == 1
    newest, oldest = home.listed(backup["backup_id"])
    assert [oldest["restic_id"], newest["restic_id"]] == [first["snapshot_id"], second["snapshot_id"]]
    assert [oldest["kind"], newest["kind"]] == ["full", "incremental"]
    usage = eventually(lambda: _with_usage(home, whole.stored_bytes(repository)), 120, every=1)
    assert usage["totalSize"] == 10 * 2**30

    pasted = home.backup_url(newest["snapshot_id"])
    named = read_backup_url(pasted)
    assert (named.name, named.repo_id, named.snapshot_id) == (name, backup_id, second["snapshot_id"])
    elsewhere = home.other(Instance, "another/cluster?")
    elsewhere.restore_by_url(pasted, PASSWORD, tmp_path / "elsewhere")
    assert contents(tmp_path / "elsewhere") == contents(source)
    older = elsewhere.restore_by_url(home.backup_url(oldest["snapshot_id"]), PASSWORD, tmp_path / "older")
    assert older["files_restored"] > 0
    assert not (tmp_path / "older" / "more").exists()

    home.device.restore(backup["name"], tmp_path / "by ours", PASSWORD)
    assert contents(tmp_path / "by ours") == contents(source)

    assert home.instance.stop(backup_id).code == 200
    assert home.backup(repository)["state"] == "active"


def _with_usage(home: Home, at_least: int) -> dict[str, Any]:
    found: dict[str, Any] = home.instance.require_room(1000)
    return found if found["usageSize"] >= at_least else {}


def test_keys_that_end_in_the_middle_are_renewed_and_the_lock_left_behind_is_no_hindrance(
    whole: WholeSystem, home: Home, tmp_path: Path
) -> None:
    source = fill(tmp_path / "large", files=30, size_bytes=2**20)
    backup_id = str(uuid4())
    repository = f"large-{backup_id}"
    home.instance.tell_backup(backup_id, "large", "/Files/Home/large")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(home.instance.back_up, source, "large", PASSWORD, backup_id, 2048)
        eventually(lambda: _data_files(whole, repository) or running.done(), every=0.05)
        assert not running.done(), running.result()
        whole.sql(
            "catalog",
            "UPDATE storage_keys SET expires_at = now() WHERE owner_id = $1",
            UUID(home.device.owner_id),
        )
        summary = running.result(180)
    assert home.instance.renewals == 1
    assert summary["total_files_processed"] == 30
    keys = home.instance.keys()
    restic = home.instance.repository(keys, "large", PASSWORD, backup_id)
    assert [each["id"] for each in restic.snapshots()] == [summary["snapshot_id"]]
    backup = measured(whole, home, repository, 1)
    home.device.restore(backup["name"], tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == contents(source)
    for folder in (source, tmp_path / "back"):
        shutil.rmtree(folder)


def _data_files(whole: WholeSystem, repository: str) -> bool:
    return any(whole.system.store_folder.rglob(f"{repository}/data/*/*"))


def test_what_olares_cli_backs_up_without_a_word_is_found_and_restored_to_the_cloud(
    whole: WholeSystem, home: Home, source: Path, tmp_path: Path, name: str
) -> None:
    cli = home.other(OlaresCli, "C/.1?>~")
    summary = cli.back_up(source, "My Repo", PASSWORD)
    assert [each["id"] for each in cli.snapshots("My Repo", PASSWORD)] == [summary["snapshot_id"]]
    backup = measured(whole, home, "My Repo", 1)
    assert (backup["name"], backup["discovered"]) == ("My Repo", True)
    (listed,) = home.listed(backup["backup_id"])
    with home.device.api() as api:
        refused = api.get(f"/snapshots/{listed['snapshot_id']}/backup-url")
    assert (refused.status_code, refused.json()["code"]) == (409, "backup_url_impossible")

    other = home.other(OlaresCli, "C2")
    other.restore("My Repo", PASSWORD, tmp_path / "by its own", snapshot_id=summary["snapshot_id"][:8])
    assert contents(tmp_path / "by its own") == contents(source)

    customer = Customer(whole, home.device)
    customer.add_card()
    restore_id = customer.ordered(backup["backup_id"], name)
    customer.enter(restore_id, PASSWORD)
    found = customer.wait(restore_id, "completed", seconds=180)
    assert customer.restored(found) == contents(source)


def test_repositories_where_older_clients_put_them_are_listed_and_restored(
    whole: WholeSystem, home: Home, source: Path, tmp_path: Path
) -> None:
    cli = home.other(OlaresCli, "C1")
    cli.back_up(source, "made now", PASSWORD)
    made = whole.repository_folder("made now")
    prefix = made.parent.parent
    shutil.copytree(made, prefix / "restic" / "oldest")
    shutil.copytree(made, prefix / "olares-backupsolder")
    discover(home.device)
    for repository in ("/restic/oldest", "/olares-backupsolder"):
        backup = eventually(partial(home.find_measured, repository), 180, every=1)
        assert backup["storage_bytes"] == sum_of_files(prefix / repository[1:])
        target = tmp_path / repository.replace("/", "-")
        home.device.restore(backup["name"], target, PASSWORD)
        assert contents(target) == contents(source)


@pytest.mark.parametrize(
    ("restriction", "words"),
    [
        ("over_limit", "Your backup storage is full."),
        ("arrears", "Due to your account is arrears, it is unavailable until you recharge."),
    ],
)
def test_a_home_that_may_not_write_is_told_why_and_its_locks_still_go(
    whole: WholeSystem, home: Home, source: Path, tmp_path: Path, restriction: str, words: str
) -> None:
    name = f"photos {restriction}"
    cli = home.other(OlaresCli, "C1")
    summary = cli.back_up(source, name, PASSWORD)
    whole.restrict(home.device.owner_id, restriction)
    (source / "more").write_text("more")
    restic = cli.repository(cli.keys(), name, PASSWORD)

    def is_refused() -> str | None:
        try:
            restic.back_up(source, [])
        except ResticFailed as refused:
            return str(refused)
        return None

    assert words in str(eventually(is_refused, 60))
    restic.unlock()
    assert not any(whole.repository_folder(name).rglob("locks/*"))
    restic.restore(summary["snapshot_id"], str(source), tmp_path / "back")
    assert (tmp_path / "back" / "folder 0").exists()
    with pytest.raises(ResticFailed, match=re.escape(words)):
        cli.repository(cli.keys(), "another", PASSWORD).init()


def test_a_home_that_uses_all_it_may_is_told_so_before_it_begins(whole: WholeSystem, home: Home, source: Path) -> None:
    backup_id = str(uuid4())
    home.instance.run(backup_id, "photos", source, PASSWORD)
    backup = measured(whole, home, f"photos-{backup_id}", 1)
    assert home.instance.require_room(1)["canBackup"]
    used = whole.repository_folder(backup["repository"]) / "data" / "00" / ("0" * 64)
    used.parent.mkdir(exist_ok=True)
    with used.open("wb") as sparse:
        sparse.truncate(11 * 2**30)
    try:
        whole.measure_now(backup["backup_id"])

        def is_told() -> bool:
            try:
                home.instance.require_room(1)
            except NoRoom:
                return True
            return False

        eventually(is_told, 120, every=1)
    finally:
        used.unlink()
    with pytest.raises(NoRoom):
        home.instance.run(backup_id, "photos", source, PASSWORD)
    (source / "more").write_bytes(b"more")
    cli = home.other(OlaresCli, "first cluster")
    with pytest.raises(ResticFailed, match=r"Your backup storage is full\."):
        cli.back_up(source, "photos", PASSWORD, backup_id)


def test_an_owner_ends_a_homes_session_and_its_keys_end_with_it(whole: WholeSystem, home: Home, source: Path) -> None:
    renewed = home.larepass.refresh(home.account)
    assert renewed.data["token"]
    assert renewed.data["expired"] >= home.account.expired
    cli = home.other(OlaresCli, "C1")
    cli.back_up(source, "kept", PASSWORD)
    keys = cli.keys()
    with home.device.api() as api:
        sessions = api.get("/me/sessions").raise_for_status().json()["items"]
        (theirs,) = (each for each in sessions if each["kind"] == "olares")
        api.delete(f"/me/sessions/{theirs['session_id']}").raise_for_status()

    def is_over() -> bool:
        try:
            cli.keys()
        except LoginNeeded:
            return True
        return False

    eventually(is_over, 60)
    assert home.larepass.refresh(home.account).refusal == (506, None)
    with pytest.raises(LoginNeeded):
        cli.renew(keys)
    eventually(lambda: _is_refused(cli, keys), 60)
    again = home.larepass.connect()
    assert again.token != home.account.token


def _is_refused(cli: OlaresCli, keys: Any) -> bool:
    try:
        cli.repository(keys, "kept", PASSWORD).snapshots()
    except ResticFailed:
        return True
    return False
