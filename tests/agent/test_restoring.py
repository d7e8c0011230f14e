"""The story of a restore: the real restic on a local repository, the service's answers written here."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ExitCode, ServerRefused, SpaceError, UsageError, WrongPassword
from agent.output import Output
from agent.passwords import PasswordSource
from agent.restic.repository import Repository
from agent.restore_target import NOTE_NAME
from agent.restoring import RestoreReport, RestoreRequest, restore

BACKUP_ID = "11111111-0000-4000-8000-000000000001"
RESTORE_ID = "33333333-0000-4000-8000-000000000003"
FIRST = "22222222-0000-4000-8000-000000000001"
SECOND = "22222222-0000-4000-8000-000000000002"


@dataclass
class Account:
    """One owner's snapshots and tickets as the service would tell of them."""

    scripted: Any
    repository: Repository
    snapshots: dict[str, str] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    refusal: str | None = None
    reports: list[dict[str, Any]] = field(default_factory=list)
    is_called_off: bool = False

    def install(self) -> None:
        task = {"backup_id": BACKUP_ID, "name": "docs", "state": "active"}
        self.scripted.answers |= {
            ("POST", "/auth/exchange"): lambda _: (200, {"access_token": "t", "expires_in": 600}),
            ("GET", "/backups"): lambda _: (200, {"items": [task], "next_cursor": None}),
            ("GET", f"/backups/{BACKUP_ID}/snapshots"): lambda _: (200, {"items": self.listed(), "next_cursor": None}),
            ("POST", "/tickets"): self.make_ticket,
            ("POST", "/tickets/redeem"): self.redeem,
            ("POST", f"/restores/{RESTORE_ID}/reports"): self.report,
        }

    def listed(self) -> list[dict[str, Any]]:
        return [self.snapshot(snapshot_id) for snapshot_id in self.snapshots]

    def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        taken_at = f"2026-01-0{list(self.snapshots).index(snapshot_id) + 1}T00:00:00Z"
        ids = {"snapshot_id": snapshot_id, "backup_id": BACKUP_ID, "restic_id": self.snapshots[snapshot_id]}
        return {**ids, "taken_at": taken_at, "status": "successful"}

    def make_ticket(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        ticket = f"ticket-{len(self.tickets) + 1}"
        self.tickets[ticket] = body["snapshot_id"]
        return 201, {"ticket": ticket, "restore_id": RESTORE_ID}

    def redeem(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.secrets.append(body["redeemer_secret"])
        if self.refusal or body["ticket"] not in self.tickets:
            return 410, {"status": 410, "code": self.refusal or "ticket_unknown", "detail": "No."}
        keys = Path(self.repository.url, "keys")
        return 200, {
            "restore_id": RESTORE_ID,
            "backup_name": "docs",
            "snapshot": self.snapshot(self.tickets[body["ticket"]]),
            "repository_url": self.repository.url,
            "access_key_id": f"KEY{len(self.secrets)}",
            "secret_access_key": "hidden",
            "session_token": "hidden",
            "ca_certificate": None,
            "key_files": [
                {"name": key.name, "content": base64.b64encode(key.read_bytes()).decode()} for key in keys.iterdir()
            ],
        }

    def report(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.reports.append(body)
        return (410, {"status": 410, "code": "restore_ended", "detail": "Off."}) if self.is_called_off else (200, {})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "letter").write_text("Dear Bob")
    (folder / NOTE_NAME).write_text("a note of the owner's own")
    return folder


@pytest.fixture
def account(scripted: Any, ready: Repository, source: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("SPACE_API_TOKEN", "t")
    monkeypatch.setenv("SPACE_ORIGIN", scripted.origin)
    account = Account(scripted, ready, {FIRST: ready.backup(source).restic_id})
    account.install()
    return account


def run(target: Path, password: str = "correct horse", **request: Any) -> RestoreReport:
    wish = {"backup": "docs"} | request if "ticket" not in request else request
    source = PasswordSource(command=f"echo '{password}'")
    return restore(RestoreRequest(target=target, **wish), source, Output(as_json=True))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_content_of_the_folder_lands_in_the_target(account: Account, tmp_path: Path) -> None:
    report = run(tmp_path / "target")

    assert (tmp_path / "target" / "letter").read_text() == "Dear Bob"
    assert report.exit_code is ExitCode.WARNINGS  # only for the owner's own note, which ours must not meet
    assert names(tmp_path / "target") == ["letter"]
    assert [said["state"] for said in account.reports] == ["restoring", "completed"]
    assert {said["redeemer_secret"] for said in account.reports} == set(account.secrets)


def test_everything_restored_as_counted_is_a_restore_without_warnings(
    account: Account, source: Path, tmp_path: Path
) -> None:
    (source / NOTE_NAME).unlink()
    account.snapshots = {FIRST: account.repository.backup(source).restic_id}

    assert run(tmp_path / "target").exit_code is ExitCode.OK


def test_files_are_counted_as_a_backup_counts_them(account: Account, source: Path, tmp_path: Path) -> None:
    (source / NOTE_NAME).unlink()
    (source / "empty folder").mkdir()
    account.snapshots = {FIRST: account.repository.backup(source).restic_id}

    assert run(tmp_path / "target").files == 1


def test_a_wrong_password_keeps_the_ticket_for_the_next_try(account: Account, tmp_path: Path) -> None:
    with pytest.raises(WrongPassword):
        run(tmp_path / "target", "wrong")
    assert names(tmp_path / "target") == [NOTE_NAME]
    assert account.reports[-1] == {"redeemer_secret": account.secrets[0], "state": "failed", "reason": "wrong_password"}

    run(tmp_path / "target")

    assert len(account.tickets) == 1
    assert len(set(account.secrets)) == 1


def test_an_unfinished_restore_goes_on_with_its_own_snapshot_even_if_there_is_a_newer_one(
    account: Account, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(WrongPassword):
        run(tmp_path / "target", "wrong")
    (source / "newer").touch()
    account.snapshots[SECOND] = account.repository.backup(source).restic_id

    assert run(tmp_path / "target").restic_id == account.snapshots[FIRST]
    assert run(tmp_path / "other").restic_id == account.snapshots[SECOND]


def test_an_unfinished_restore_of_another_snapshot_is_not_written_over(
    account: Account, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(WrongPassword):
        run(tmp_path / "target", "wrong")
    note = (tmp_path / "target" / NOTE_NAME).read_bytes()
    account.snapshots[SECOND] = account.repository.backup(source).restic_id
    account.tickets["by hand"] = SECOND

    for wish in ({"snapshot": SECOND}, {"ticket": "by hand"}):
        with pytest.raises(UsageError, match="another snapshot"):
            run(tmp_path / "target", **wish)
        assert (tmp_path / "target" / NOTE_NAME).read_bytes() == note

    assert run(tmp_path / "target", snapshot=SECOND, overwrite=True).restic_id == account.snapshots[SECOND]


def test_a_ticket_that_is_over_is_replaced_when_signed_in_and_said_otherwise(account: Account, tmp_path: Path) -> None:
    with pytest.raises(WrongPassword):
        run(tmp_path / "target", "wrong")
    first = next(iter(account.tickets))
    del account.tickets[first]
    account.tickets["used up"] = FIRST

    with pytest.raises(ServerRefused):
        run(tmp_path / "target", ticket=first)
    assert run(tmp_path / "target").restic_id == account.snapshots[FIRST]
    assert "ticket-2" in account.tickets


def test_a_refused_ticket_leaves_no_folder(account: Account, tmp_path: Path) -> None:
    with pytest.raises(ServerRefused):
        run(tmp_path / "target", ticket="nonsense")

    assert not (tmp_path / "target").exists()


def test_keys_that_expire_in_the_middle_are_redeemed_again(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restic_path: str
) -> None:
    expired = "Load(<data/1>) returned error, retrying after 1s: The provided token has expired."
    wrapper = tmp_path / "restic-with-short-keys"
    wrapper.write_text(
        f"""#!/bin/sh
case "$*" in *" restore "*)
    if mkdir {tmp_path}/expired 2>/dev/null; then echo '{expired}' >&2; exec sleep 60; fi ;;
esac
exec "{restic_path}" "$@"
"""
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(wrapper))

    run(tmp_path / "target")

    assert names(tmp_path / "target") == ["letter"]
    assert len(account.secrets) == 2
    assert len(set(account.secrets)) == 1
    assert [said["state"] for said in account.reports] == ["restoring", "restoring", "completed"]


def test_a_restore_that_was_called_off_stops(account: Account, tmp_path: Path) -> None:
    account.is_called_off = True

    with pytest.raises(ServerRefused) as failure:
        run(tmp_path / "target")

    assert failure.value.code == "restore_ended"


def test_reports_that_cannot_be_delivered_do_not_fail_a_restore(account: Account, tmp_path: Path) -> None:
    account.scripted.answers["POST", f"/restores/{RESTORE_ID}/reports"] = lambda _: (500, {})

    run(tmp_path / "target")

    assert names(tmp_path / "target") == ["letter"]


def test_a_snapshot_of_several_paths_keeps_their_original_places(
    account: Account, source: Path, tmp_path: Path, restic_path: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "picture").touch()
    made = account.repository._checked(["backup", str(source), str(other)])
    assert made.summary is not None
    account.snapshots = {FIRST: str(made.summary.fields["snapshot_id"])}

    run(tmp_path / "target")

    assert (tmp_path / "target" / other.relative_to("/") / "picture").exists()
    assert (tmp_path / "target" / source.relative_to("/") / "letter").exists()


def test_a_single_file_with_a_name_full_of_patterns_comes_back(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "a[*]?\\"
    file.write_text("content")
    (tmp_path / "ax").write_text("another that the name would match as a pattern")
    account.snapshots = {FIRST: account.repository.backup(file).restic_id}

    report = run(tmp_path / "target")

    assert names(tmp_path / "target") == [file.name]
    assert report.exit_code is ExitCode.OK


def test_a_file_that_restic_replaces_wrongly_is_fetched_as_a_whole(
    account: Account, source: Path, tmp_path: Path
) -> None:
    (source / NOTE_NAME).unlink()
    (source / "large").write_bytes(bytes(range(256)) * 20_000)
    (source / "hard link").hardlink_to(source / "large")
    account.snapshots = {FIRST: account.repository.backup(source).restic_id}
    run(tmp_path / "target")
    with (tmp_path / "target" / "large").open("r+b") as file:
        file.write(b"damaged")

    run(tmp_path / "target", overwrite=True)

    assert (tmp_path / "target" / "large").read_bytes() == (source / "large").read_bytes()


def test_a_repository_that_answers_with_another_snapshot_is_not_restored(account: Account, tmp_path: Path) -> None:
    account.snapshots = {FIRST: "ab" * 32}

    with pytest.raises(SpaceError) as failure:
        run(tmp_path / "target")

    assert failure.value.code == "snapshot_missing"
    assert account.reports[-1]["state"] == "failed"
