"""The command as a shell sees it: words, exit codes, JSON."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.agent.shell import converse, error_of, space


def test_help_names_the_commands_and_the_exit_codes() -> None:
    done = space("--help")

    assert done.returncode == 0
    for word in ("login", "backup", "restore", "terminus", "undelete", "Exit codes", "interrupted"):
        assert word in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["backups"],
        ["whoami"],
        ["snapshots", "docs"],
        ["backup", "show", "docs"],
        ["backup", "."],
        ["restore", "--backup", "docs", "--to", "new"],
        ["restore", "show", "1"],
        ["restores"],
        ["delete", "docs"],
        ["undelete", "docs"],
        ["terminus", "list"],
        ["device", "add"],
        ["token", "list"],
        ["session", "list"],
        ["olares"],
        ["backup-url", "docs"],
    ],
    ids=" ".join,
)
def test_without_a_session_every_command_says_so_in_one_json_document(arguments: list[str], tmp_path: Path) -> None:
    done = space(*arguments, "--json", cwd=tmp_path)

    assert done.returncode == 5
    assert error_of(done)["code"] == "not_signed_in"
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "config"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["backup", "missing"], "path_unusable"),
        (["backup", "./show"], "path_unusable"),
        (["backup", "pipe"], "path_unusable"),
        (["backup", "loop"], "path_unusable"),
        (["backup", "/", "--exclude-file", "missing"], "exclude_file_unusable"),
        (["backup", "/"], "name_needed"),
        (["restore"], "what_to_restore"),
        (["restore", "--ticket", "t", "--backup", "b"], "what_to_restore"),
        (["restore", "--ticket", "t", "--snapshot", "s"], "what_to_restore"),
        (["restore", "--ticket", "t", "--to", "full"], "target_not_empty"),
        (["restore", "--ticket", "t", "--to", "file"], "target_unusable"),
        (["restore", "--ticket", "t", "--to", "file/below"], "target_unusable"),
        (["login", "--enrol", "c", "--name", "n"], "login_options"),
        (["backup", ".", "--password-file", "a", "--password-command", "b"], "two_passwords"),
    ],
    ids=str,
)
def test_wrong_usage_is_code_2_before_anything_is_asked_of_anybody(
    arguments: list[str], code: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    (tmp_path / "file").touch()

    done = space(*arguments, "--json", cwd=tmp_path, SPACE_ORIGIN="http://127.0.0.1:9")

    assert done.returncode == 2, done.stdout
    assert error_of(done)["code"] == code


def test_a_word_that_is_no_command_is_usage() -> None:
    assert space("nonsense").returncode == 2
    assert space("backup").returncode == 2
    assert space("delete").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["backup"],
        ["bogus"],
        ["device"],
        ["delete"],
        ["backups", "--state", "bogus"],
        ["snapshots", "docs", "--status", "bogus"],
        ["backup", ".", "--wait", "soon"],
        ["backup", ".", "--bogus"],
    ],
    ids=" ".join,
)
def test_wrong_usage_with_json_is_one_document(arguments: list[str]) -> None:
    done = space(*arguments, "--json")

    assert done.returncode == 2
    assert error_of(done)["code"] == "usage"
    assert error_of(done)["detail"]
    assert done.stderr == ""


@pytest.mark.parametrize("noun", ["device remove", "token remove", "session remove", "restore show", "restore cancel"])
def test_what_cannot_be_an_id_is_usage(noun: str) -> None:
    done = space(*noun.split(), "nope", "--json", SPACE_ORIGIN="http://127.0.0.1:9", SPACE_API_TOKEN="t")

    assert done.returncode == 2
    assert error_of(done)["code"] == "id_invalid"


def test_a_path_that_is_not_utf_8_is_said_readably(tmp_path: Path) -> None:
    done = space(b"backup", bytes(tmp_path) + b"/bad\xff\n\x1b[31m", b"--json")

    assert "bad\\xff" in error_of(done)["detail"]
    told = space(b"backup", bytes(tmp_path) + b"/bad\xff\n\x1b[31m")
    assert "\x1b[31mbad" not in told.stderr
    assert "\\x1b" in told.stderr


def test_a_service_that_is_down_is_code_7_within_a_short_time() -> None:
    began = time.monotonic()
    done = space("login", "--origin", "http://127.0.0.1:9", "--name", "a@b", "--json")

    assert done.returncode == 7
    assert error_of(done)["code"] == "service_unreachable"
    assert time.monotonic() - began < 30


def test_a_refusal_shows_the_services_words_and_what_to_do(scripted: Any) -> None:
    scripted.answers["POST", "/auth/nonces"] = lambda _: (
        201,
        {"nonce": "n", "audience": scripted.origin, "issued_at": "2026-01-01T00:00:00Z"},
    )
    refusal = {"status": 403, "code": "invite_required", "detail": "Registration needs an invite."}
    scripted.answers["POST", "/auth/login"] = lambda _: (403, refusal)

    told = space("login", "--origin", scripted.origin, "--name", "a@b")
    answered = space("login", "--origin", scripted.origin, "--name", "a@b", "--json")

    assert told.returncode == 6
    assert "Registration needs an invite." in told.stderr
    assert "--invite" in told.stderr
    assert error_of(answered)["status"] == 403


def test_a_request_that_is_not_valid_says_what_is_wrong_with_each_field(scripted: Any) -> None:
    faults = [
        {"location": ["body", "name"], "message": "Value error, control characters are not allowed here"},
        {"location": ["body", "version"], "message": "String should have at most 64 characters"},
    ]
    refused = {"status": 422, "code": "request_invalid", "detail": "Not valid at: body.name.", "errors": faults}
    scripted.answers["POST", "/auth/exchange"] = lambda _: (200, {"access_token": "t", "expires_in": 600})
    scripted.answers["POST", "/terminus"] = lambda _: (422, refused)

    done = space("terminus", "add", "x", "--json", SPACE_ORIGIN=scripted.origin, SPACE_API_TOKEN="t")

    assert error_of(done)["detail"] == (
        "name: control characters are not allowed here; version: String should have at most 64 characters"
    )


def test_a_token_that_lacks_a_scope_is_told_what_to_do(scripted: Any) -> None:
    scripted.answers["POST", "/auth/exchange"] = lambda _: (200, {"access_token": "t", "expires_in": 600})
    scripted.answers["GET", "/backups"] = lambda _: (403, {"status": 403, "code": "scope_missing", "detail": "No."})

    done = space("backups", "--json", SPACE_ORIGIN=scripted.origin, SPACE_API_TOKEN="t")

    assert done.returncode == 6
    assert "scope" in error_of(done)["hint"]


def test_a_filter_that_matches_nothing_is_told_from_having_nothing(scripted: Any) -> None:
    scripted.answers["POST", "/auth/exchange"] = lambda _: (200, {"access_token": "t", "expires_in": 600})
    scripted.answers["GET", "/backups"] = lambda _: (200, {"items": [], "next_cursor": None})

    def told(*arguments: str) -> str:
        return space("backups", *arguments, SPACE_ORIGIN=scripted.origin, SPACE_API_TOKEN="t").stderr

    assert told() == "No backup tasks. `space backup PATH` makes one.\n"
    for filtered in (["--name", "nope"], ["--state", "removing"], ["--overdue"]):
        assert told(*filtered) == "No backup task matches.\n"


def test_the_owner_is_told_once_that_the_key_file_is_the_only_way_in(scripted: Any, tmp_path: Path) -> None:
    owner = {"owner_id": "7d3d7c3e-0000-4000-8000-000000000001", "did": "did:key:z6Mk", "olares_name": "a@b"}
    tokens = {"access_token": "a", "expires_in": 600, "refresh_token": "r", "refresh_expires_in": 600, "owner": owner}
    nonce = {"nonce": "n", "audience": scripted.origin, "issued_at": "2026-01-01T00:00:00Z"}
    scripted.answers["POST", "/auth/nonces"] = lambda _: (201, nonce)
    scripted.answers["POST", "/auth/login"] = scripted.answers["POST", "/auth/enrol"] = lambda _: (200, tokens)
    scripted.answers["GET", "/me"] = lambda _: (200, owner)

    def login(machine: str, *arguments: str) -> list[str]:
        done = space("login", "--origin", scripted.origin, *arguments, SPACE_CONFIG_DIR=str(tmp_path / machine))
        assert done.returncode == 0
        return done.stderr.splitlines()

    first, second = login("one", "--name", "a@b")
    assert str(tmp_path / "one" / "identity.json") in first
    assert "space device add" in second
    assert login("one") == []
    assert login("two", "--name", "a@b", "--json") == []
    assert login("three", "--enrol", "code") == []
    said = space("whoami", SPACE_CONFIG_DIR=str(tmp_path / "one")).stdout
    assert said == f"a@b at {scripted.origin}\ndid:key:z6Mk\n"


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "password_empty"), (b"\n", "password_empty"), (b"a\0b", "password_unusable")]
)
def test_a_password_file_without_a_usable_password_is_refused(
    content: bytes, code: str, scripted: Any, tmp_path: Path
) -> None:
    (tmp_path / "password").write_bytes(content)
    scripted.answers["POST", "/auth/exchange"] = lambda _: (200, {"access_token": "t", "expires_in": 600})
    scripted.answers["GET", "/backups"] = lambda _: (200, {"items": [], "next_cursor": None})

    done = space(
        "backup", str(tmp_path), "--password-file", str(tmp_path / "password"), "--json",
        SPACE_ORIGIN=scripted.origin, SPACE_API_TOKEN="t",
    )  # fmt: skip

    assert done.returncode == 2
    assert error_of(done)["code"] == code
    assert scripted.count("POST", "/backups") == 0


ASK = """
import sys
from agent.passwords import PasswordSource
source = PasswordSource()
right = source.choose() if sys.argv[1] == "choose" else source.ask_until(lambda password: password == b"right")
print("GOT", right)
"""
ASK_IN_PYTHON = [sys.executable, "-c", ASK]


def test_a_person_is_told_that_a_password_is_wrong_and_asked_again() -> None:
    seen = converse([*ASK_IN_PYTHON, "ask"], "", "wrong", "right")

    assert "GOT b'right'" in seen
    assert seen.count("This password is wrong") == 1
    assert seen.count("empty password") == 1
    assert "\nwrong" not in seen


def test_a_new_password_is_typed_twice_and_must_agree() -> None:
    seen = converse([*ASK_IN_PYTHON, "choose"], "one", "two", "three", "three")

    assert "GOT b'three'" in seen
    assert seen.count("The two differ") == 1
