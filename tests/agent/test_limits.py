"""A backup at the limit: the figures, what to do, and nothing lost; how much a first backup declares."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ExitCode, LimitReached
from agent.limits import UNDECLARED_BYTES
from agent.output import Output
from agent.restic.repository import Repository
from agent.sizing import upload_bound
from tests.agent import billing_answers as golden
from tests.agent.accounts import BACKUP_ID, Account, hinder, run

FIGURES = {"used_bytes": 10 * golden.GB, "limit_bytes": 10 * golden.GB, "left_bytes": 0}
FULL_TEXT = "Your backup storage is full. Raise your limit or delete a backup, then try again."
ARREARS_TEXT = "Due to your account is arrears, it is unavailable until you recharge."


def answer_quota(account: Account, answer: dict[str, Any]) -> None:
    account.scripted.answers["GET", "/quotas"] = lambda _: (200, answer)


def refuse_keys(account: Account, code: str, **members: Any) -> None:
    refusal = {"status": 403, "code": code, "detail": "No.", **members}
    account.scripted.answers["POST", "/storage-keys"] = lambda _: (403, refusal)


def stop_at_the_gate(words: str) -> str:
    said = f"Save(<data/1>) returned error, retrying after 1s: client.PutObject: {words}"
    return f"echo '{said}' >&2; exec sleep 60"


def test_at_the_limit_a_first_backup_ends_before_a_password_is_asked_or_a_task_is_made(
    account: Account, folder: Path
) -> None:
    answer_quota(account, golden.FULL)

    with pytest.raises(LimitReached) as failure:
        run(account, folder, b"")

    assert failure.value.exit_code is ExitCode.REFUSED
    assert failure.value.message == "Your backup storage is full: 10.00 GB of 10.00 GB are used."
    assert account.scripted.count("POST", "/backups") == 0


@pytest.mark.parametrize(
    ("quota", "command"),
    [
        (golden.FULL, "space payment-method add"),
        (golden.FULL | {"has_payment_method": True, "spend_limit": golden.usd(500)}, "(it is 5.00 USD)"),
    ],
)
def test_a_key_that_is_refused_at_the_limit_is_told_with_the_figures_and_what_to_do(
    account: Account, folder: Path, capsys: pytest.CaptureFixture[str], quota: dict[str, Any], command: str
) -> None:
    account.exists, account.path = True, str(folder)
    refuse_keys(account, "over_limit", **FIGURES)
    answer_quota(account, quota)

    with pytest.raises(LimitReached) as failure:
        run(account, folder)

    Output(as_json=True).error(failure.value)
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "over_limit"
    assert error["exit_code"] == 6
    assert error | FIGURES == error
    Output(as_json=False).error(failure.value)
    told = capsys.readouterr().err.splitlines()
    assert "10.00 GB of 10.00 GB are used" in told[0]
    assert command in told[1]
    assert "space delete" in told[2]
    assert "space quota" in told[3]


def test_a_key_that_is_refused_for_an_open_bill_says_how_to_pay(account: Account, folder: Path) -> None:
    account.exists, account.path = True, str(folder)
    refuse_keys(account, "arrears")
    answer_quota(account, golden.IN_ARREARS)

    with pytest.raises(LimitReached) as failure:
        run(account, folder)

    assert failure.value.code == "arrears"
    assert "A bill is not paid" in failure.value.message
    assert "space pay" in (failure.value.hint or "")


def test_without_any_figures_the_services_own_words_are_told(account: Account, folder: Path) -> None:
    account.exists, account.path = True, str(folder)
    refuse_keys(account, "over_limit")

    with pytest.raises(LimitReached, match=r"^No\.$"):
        run(account, folder)


@pytest.mark.parametrize(
    ("words", "quota", "code"),
    [(FULL_TEXT, golden.FULL, "over_limit"), (ARREARS_TEXT, golden.IN_ARREARS, "arrears")],
)
def test_the_limit_in_the_middle_of_a_backup_loses_nothing_and_it_goes_on_when_there_is_room(
    account: Account,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    restic_path: str,
    words: str,
    quota: dict[str, Any],
    code: str,
) -> None:
    hinder(monkeypatch, tmp_path, restic_path, "backup", stop_at_the_gate(words))
    account.exists, account.path = True, str(folder)
    answer_quota(account, quota)

    with pytest.raises(LimitReached) as failure:
        run(account, folder)

    assert failure.value.code == code
    assert failure.value.exit_code is ExitCode.REFUSED
    assert "Nothing is lost" in failure.value.message
    assert "the same command goes on" in failure.value.message
    assert account.revoked == account.issued == ["KEY1"]
    answer_quota(account, golden.QUOTA)
    assert run(account, folder).status == "successful"


def test_a_first_backup_declares_no_more_than_it_can_need_and_a_later_one_nothing(
    account: Account, folder: Path
) -> None:
    answer_quota(account, golden.QUOTA)
    account.statuses = ["successful"] * 2

    run(account, folder)
    stored = sum(file.stat().st_size for file in account.repository.rglob("*") if file.is_file())
    run(account, folder)

    declared, later = account.declared
    assert declared is not None
    assert stored <= declared < 2**21
    assert later is None


@pytest.mark.parametrize("quota", [None, golden.QUOTA | {"left_bytes": 1000}])
def test_nothing_is_declared_where_it_could_refuse_what_fits(
    account: Account, folder: Path, quota: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if quota is not None:
        answer_quota(account, quota)

    assert run(account, folder, as_json=False).status == "successful"

    assert account.declared == [None]
    assert ("may be more than the 1000 B you have left" in capsys.readouterr().err) == (quota is not None)


def test_billing_that_does_not_answer_holds_no_backup_up(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def hang(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.set()
        time.sleep(3)
        return 200, golden.FULL

    account.scripted.answers["GET", "/quotas"] = hang
    monkeypatch.setattr("agent.limits.QUOTA_SECONDS", 0.2)

    assert run(account, folder).status == "successful"

    assert asked.is_set()
    assert account.scripted.count("GET", "/quotas") == 1


def test_a_large_folder_declares_nothing(account: Account, folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(UNDECLARED_BYTES)
    answer_quota(account, golden.QUOTA)

    run(account, folder)

    assert account.declared == [None]


def test_a_declared_size_that_no_longer_fits_is_not_declared_again(account: Account, folder: Path) -> None:
    answer_quota(account, golden.QUOTA)
    issue = account.scripted.answers["POST", "/storage-keys"]

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "declared_bytes" in body:
            return 403, {"status": 403, "code": "over_limit", "detail": "No.", **FIGURES, "left_bytes": 5}
        answered: tuple[int, dict[str, Any]] = issue(body)
        return answered

    account.scripted.answers["POST", "/storage-keys"] = answer

    assert run(account, folder).status == "successful"
    assert account.scripted.count("POST", "/storage-keys") == 2


def test_the_terminus_that_the_service_chose_is_told(
    account: Account, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminus = {"terminus_id": "aaaaaaaa-0000-4000-8000-000000000001", "terminus_name": "home"}
    account.scripted.answers["POST", "/backups"] = lambda body: (
        201,
        account.task() | terminus | {"path": body["source"]["path"]},
    )

    run(account, folder, as_json=False)

    assert "docs belongs to your Terminus home." in capsys.readouterr().err


def test_what_is_stored_is_within_the_bound_whatever_the_files_are(ready: Repository, source: Path) -> None:
    many = source / "many"
    many.mkdir()
    for number in range(2000):
        (many / f"{number:040}").write_bytes(os.urandom(number % 50))
    bound = upload_bound(source, 2**40)

    ready.backup(source)

    stored = sum(file.stat().st_size for file in Path(ready.url).rglob("*") if file.is_file())
    assert bound is not None
    assert 3_000_000 < stored <= bound


def test_counting_stops_where_the_answer_is_clear(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = upload_bound(source, 100)
    assert bound is not None
    assert bound > 100
    assert upload_bound(source / "a", 2**40) == 2**20 + 3_000_000 + 3_000_000 // 512 + 1024
    assert upload_bound(tmp_path / "missing", 2**40) == 2**20
    monkeypatch.setattr("agent.sizing.MAX_ENTRIES", 5)
    assert upload_bound(source, 2**40) is None


def test_a_task_of_no_backups_yet_is_a_first_backup(account: Account, folder: Path) -> None:
    account.exists, account.path = True, str(folder)
    task = account.task() | {"snapshot_count": 0}
    account.scripted.answers["GET", "/backups"] = lambda _: (200, {"items": [task], "next_cursor": None})
    account.scripted.answers["GET", f"/backups/{BACKUP_ID}"] = lambda _: (200, task)
    answer_quota(account, golden.QUOTA)

    run(account, folder)

    assert account.declared[0] is not None
