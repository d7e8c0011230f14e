"""The story of a backup: the real restic on a local repository, the service's answers written here."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import store
from agent.backup_report import report_document
from agent.errors import ExitCode, KeyMismatch, SpaceError, UsageError, WrongPassword
from agent.restic.repository import Repository
from tests.agent.accounts import BACKUP_ID, SNAPSHOT_ID, Account, hinder, run

EXPIRE = (
    "echo 'Save(<data/1>) returned error, retrying after 1s: client.PutObject: The provided token has expired.' >&2;"
    " exec sleep 60"
)


def test_the_first_backup_makes_the_task_and_is_seen_listed(account: Account, folder: Path) -> None:
    account.statuses = ["pending", "pending", "successful"]

    report = run(account, folder)

    assert (report.status, report.exit_code, report.files) == ("successful", ExitCode.OK, 1)
    assert report_document(report)["snapshot_id"] == SNAPSHOT_ID
    assert account.path == str(folder)
    assert account.reported[0]["restic_id"] == report.restic_id
    assert account.reported[0]["size_processed_bytes"] == 8
    assert account.revoked == account.issued == ["KEY1"]
    assert [entry.name for entry in (account.repository / "snapshots").iterdir()] == [report.restic_id]


def test_a_snapshot_that_is_not_listed_in_time_is_recorded(account: Account, folder: Path) -> None:
    account.statuses = ["pending"] * 1000

    report = run(account, folder, wait_seconds=0.1)

    assert (report.status, report.exit_code) == ("pending", ExitCode.OK)


def test_a_service_that_goes_away_after_the_upload_leaves_a_warning(account: Account, folder: Path) -> None:
    account.scripted.answers["POST", f"/backups/{BACKUP_ID}/snapshots"] = lambda _: (500, {"code": "internal"})

    report = run(account, folder)

    assert (report.status, report.exit_code) == ("unreported", ExitCode.WARNINGS)
    assert report.restic_id


def test_a_wrong_password_is_refused_before_restic_runs(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restic_path: str
) -> None:
    run(account, folder)
    hinder(monkeypatch, tmp_path, restic_path, "backup", "exit 99")

    with pytest.raises(WrongPassword):
        run(account, folder, b"wrong")

    assert not (tmp_path / "hindered").exists()
    assert account.revoked == account.issued


def test_a_token_without_the_right_to_key_files_lets_restic_check(account: Account, folder: Path) -> None:
    run(account, folder)
    account.scripted.answers["GET", f"/backups/{BACKUP_ID}/key-files"] = lambda _: (403, {"code": "scope_missing"})
    account.statuses = ["successful"]

    with pytest.raises(WrongPassword):
        run(account, folder, b"wrong")
    assert run(account, folder).status == "successful"


def test_keys_that_expire_in_the_middle_are_renewed(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restic_path: str
) -> None:
    hinder(monkeypatch, tmp_path, restic_path, "backup", EXPIRE)

    report = run(account, folder)

    assert report.status == "successful"
    assert account.issued == ["KEY1", "KEY2"]
    assert account.revoked == ["KEY2"]


def test_keys_that_never_work_end_the_backup(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restic_path: str
) -> None:
    # A busy machine takes longer between two keys than any store that refuses them.
    monkeypatch.setattr(store, "SHORTEST_USE_SECONDS", 30.0)
    hinder(
        monkeypatch,
        tmp_path,
        restic_path,
        "backup",
        f"rmdir {tmp_path}/hindered; {EXPIRE}",
    )

    with pytest.raises(SpaceError) as failure:
        run(account, folder)

    assert failure.value.code == "store_keys_refused"
    assert len(account.issued) < 10


@pytest.mark.parametrize(("theirs", "works"), [(b"correct horse", True), (b"another", False)])
def test_an_init_that_another_device_wins_is_joined_if_the_password_is_the_same(
    account: Account,
    folder: Path,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    restic_path: str,
    theirs: bytes,
    works: bool,
) -> None:
    other = f"RESTIC_PASSWORD='{theirs.decode()}' '{restic_path}' init >/dev/null"
    hinder(monkeypatch, tmp_path, restic_path, "init", other)

    if works:
        assert run(account, folder).status == "successful"
    else:
        with pytest.raises(WrongPassword):
            run(account, folder)


def test_the_gates_word_that_another_device_is_making_the_repository_is_waited_out(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restic_path: str
) -> None:
    refusal = "Fatal: create key in repository failed: client.PutObject: config file already exists"
    hinder(monkeypatch, tmp_path, restic_path, "init", f"echo '{refusal}' >&2; exit 1")

    assert run(account, folder).status == "successful"


def leave_half_made(account: Account, program: Path) -> None:
    """A repository whose init was interrupted between its key and its config."""
    env = {b"RESTIC_PASSWORD": b"correct horse"}
    subprocess.run([program, "-r", account.repository, "init", "--quiet"], env=env, check=True)
    (account.repository / "config").unlink()


def test_the_leftovers_of_an_interrupted_first_backup_are_waited_out(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, restic_path: str, capsys: Any
) -> None:
    leave_half_made(account, Path(restic_path))
    answer = account.key_files()
    account.scripted.answers["GET", f"/backups/{BACKUP_ID}/key-files"] = lambda _: answer
    monkeypatch.setattr("agent.backing_up.HALF_MADE_POLL_SECONDS", 0.5)
    monkeypatch.setattr("agent.backing_up.LOST_AFTER_SECONDS", 1.0)
    sweeping = threading.Timer(4.0, lambda: shutil.rmtree(account.repository / "keys"))
    sweeping.start()

    report = run(account, folder, as_json=False)

    assert report.status == "successful"
    assert capsys.readouterr().err.count("was interrupted") == 1


def test_a_repository_that_had_snapshots_is_not_silently_begun_anew(account: Account, folder: Path) -> None:
    account.exists, account.path = True, str(folder)
    one = {"snapshot_id": SNAPSHOT_ID, "status": "missing"}
    account.scripted.answers["GET", f"/backups/{BACKUP_ID}/snapshots"] = lambda _: (
        200,
        {"items": [one], "next_cursor": None},
    )

    with pytest.raises(SpaceError) as failure:
        run(account, folder)

    assert failure.value.code == "repository_lost"
    assert not account.repository.exists()


def test_leftovers_that_stay_end_with_what_to_do(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, restic_path: str
) -> None:
    leave_half_made(account, Path(restic_path))
    monkeypatch.setattr("agent.backing_up.HALF_MADE_POLL_SECONDS", 0.1)
    monkeypatch.setattr("agent.backing_up.HALF_MADE_SECONDS", 0.5)

    with pytest.raises(SpaceError) as failure:
        run(account, folder)

    assert failure.value.code == "first_backup_interrupted"
    assert "two minutes" in (failure.value.hint or "")


def test_a_stray_key_file_of_a_lost_race_does_not_lock_the_owner_out(
    account: Account, folder: Path, repository: Repository, tmp_path: Path
) -> None:
    run(account, folder)
    account.statuses = ["successful"]
    # restic takes the first key file that opens, in the file system's order: add strays until one of them comes first.
    for number in range(20):
        stray = replace(repository, url=str(tmp_path / f"stray-{number}"))
        stray.init()
        (key,) = Path(stray.url, "keys").iterdir()
        shutil.copy(key, account.repository / "keys" / key.name)
        try:
            repository.exists()
        except KeyMismatch:
            break

    assert run(account, folder).status == "successful"


def test_files_that_cannot_be_read_are_a_warning_and_listed(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restic_path: str
) -> None:
    summary = '{"message_type":"summary","snapshot_id":"' + "ab" * 32 + '"}'
    error = '{"message_type":"error","error":{"message":"permission denied"},"during":"archival","item":"/x"}'
    account.exists, account.path = True, str(folder)
    hinder(monkeypatch, tmp_path, restic_path, "backup", f"echo '{summary}'; echo '{error}' >&2; exit 3")

    report = run(account, folder)

    assert report.exit_code is ExitCode.WARNINGS
    assert report_document(report)["skipped"] == [{"path": "/x", "reason": "permission denied"}]


def test_another_folder_does_not_slip_into_a_task_by_its_name(account: Account, folder: Path, tmp_path: Path) -> None:
    run(account, folder)
    other = tmp_path / "other" / "docs"
    other.mkdir(parents=True)

    with pytest.raises(SpaceError) as failure:
        run(account, other)
    assert failure.value.code == "backup_of_another_path"

    account.statuses = ["successful"]
    assert run(account, other, moved=True).status == "successful"


def test_nothing_is_asked_of_the_service_for_a_path_that_cannot_be_read(account: Account, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(account, tmp_path / "missing")

    assert account.scripted.requests == []


def test_a_link_to_a_folder_backs_up_the_folder(account: Account, folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)

    report = run(account, link)

    assert report.files == 1
    assert account.path == str(link)


def test_nothing_kept_is_readable_by_others_and_no_store_key_is_kept(account: Account, folder: Path) -> None:
    run(account, folder)

    for path in Path(os.environ["SPACE_CONFIG_DIR"]).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert path.is_dir() or b"hidden" not in path.read_bytes()


INTERRUPTED = """
import sys
from agent.output import Output
from agent.passwords import PasswordSource
from pathlib import Path
from agent import session
from agent.backing_up import BackupRequest, back_up
with session.open_client(sys.argv[1]) as client:
    back_up(client, BackupRequest(Path(sys.argv[2]), "docs"), PasswordSource(file=sys.argv[3]), Output(as_json=True))
"""


def test_a_killed_backup_goes_on_from_what_was_uploaded_and_nothing_is_stored_twice(
    account: Account, folder: Path
) -> None:
    run(account, folder)
    for number in range(10):
        (folder / str(number)).write_bytes(os.urandom(20_000_000))
    arguments = [account.scripted.origin, str(folder), str(folder.parent / "password")]
    packs = account.repository / "data"
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED, *arguments], stdout=subprocess.DEVNULL) as process:
        while sum(pack.stat().st_size for pack in packs.glob("*/*")) < 70_000_000:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(30)
    account.statuses = ["successful"]

    report = run(account, folder)

    stored = sum(pack.stat().st_size for pack in packs.glob("*/*"))
    assert report.bytes_added < 150_000_000
    assert stored < 203_000_000
