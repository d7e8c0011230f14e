"""The adapter against the real restic: making a repository, opening it, and keeping its secrets."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import (
    KeyMismatch,
    RepositoryExists,
    RepositoryMissing,
    WrongPassword,
)
from agent.restic import binary
from agent.restic.repository import Keys, Repository


def test_there_is_no_repository_before_init_and_one_after(repository: Repository) -> None:
    assert not repository.exists()
    with pytest.raises(RepositoryMissing):
        repository.snapshot("0" * 64)

    repository.init()

    assert repository.exists()
    with pytest.raises(RepositoryExists):
        repository.init()


def test_a_wrong_password_is_told_from_other_failures(ready: Repository, source: Path) -> None:
    wrong = replace(ready, password=b"wrong")

    with pytest.raises(WrongPassword):
        wrong.exists()
    with pytest.raises(WrongPassword):
        wrong.backup(source)


def test_a_password_with_blanks_reaches_restic_untrimmed(repository: Repository) -> None:
    odd = replace(repository, password=b" \xff blanks ")
    odd.init()

    assert odd.exists()
    with pytest.raises(WrongPassword):
        replace(odd, password=b"\xff blanks").exists()


def test_the_users_own_variables_do_not_redirect_a_run(
    ready: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESTIC_REPOSITORY_FILE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "echo other")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")

    assert ready.exists()


def test_of_two_key_files_the_one_that_fits_is_found_by_its_name(
    ready: Repository, program: binary.Binary, tmp_path: Path
) -> None:
    other = replace(ready, url=str(tmp_path / "other"), binary=program)
    other.init()
    keys = Path(ready.url, "keys")
    (own,) = keys.iterdir()
    (stray,) = Path(other.url, "keys").iterdir()
    shutil.copy(stray, keys / stray.name)

    with pytest.raises(KeyMismatch):
        replace(ready, key_hint=stray.name).exists()
    assert replace(ready, key_hint=own.name).exists()


def test_secrets_are_neither_arguments_nor_shown(repository: Repository, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexit 12\n')
    spy.chmod(0o755)
    keys = Keys("key", "hidden secret", "hidden token")
    spied = replace(repository, binary=replace(repository.binary, path=str(spy)), keys=keys)

    with pytest.raises(WrongPassword):
        spied.exists()

    seen = (tmp_path / "arguments").read_text() + repr(spied)
    assert "correct horse" not in seen
    assert "hidden" not in seen
