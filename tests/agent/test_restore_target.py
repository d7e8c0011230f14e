"""The folder of a restore: when it may be used, and its note."""

import stat
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.restore_target import NOTE_NAME, Note, Target

NOTE = Note.fresh("http://127.0.0.1:9", "ticket", backup_id=None, began_empty=True)


def test_a_note_is_private_and_makes_the_folder_usable_again(tmp_path: Path) -> None:
    target = Target(tmp_path / "new" / "folder", overwrite=False)
    target.keep(NOTE)
    (target.path / "half restored").touch()

    again = Target(target.path, overwrite=False)

    assert again.note == NOTE
    assert stat.S_IMODE((target.path / NOTE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(target.path.stat().st_mode) == 0o700


def test_a_completed_restore_leaves_no_note(tmp_path: Path) -> None:
    target = Target(tmp_path / "folder", overwrite=False)
    target.keep(NOTE)
    target.forget()

    assert list(target.path.iterdir()) == []


def test_a_ticket_that_was_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    existing = tmp_path / "existing"
    existing.mkdir()
    for path in (existing, tmp_path / "new"):
        target = Target(path, overwrite=False)
        target.keep(NOTE)
        target.abandon()

    assert list(tmp_path.rglob("*")) == [existing]


def test_a_folder_with_something_in_it_needs_overwrite(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="not empty"):
        Target(tmp_path, overwrite=False)
    assert not Target(tmp_path, overwrite=True).is_empty


def test_a_damaged_note_is_said(tmp_path: Path) -> None:
    for content in ("{", "{}", "[]"):
        (tmp_path / NOTE_NAME).write_text(content)
        with pytest.raises(UsageError, match="damaged"):
            Target(tmp_path, overwrite=False)


def test_each_restore_has_a_secret_of_its_own_that_is_not_shown() -> None:
    other = Note.fresh("http://127.0.0.1:9", "ticket", backup_id=None, began_empty=True)

    assert other.redeemer_secret != NOTE.redeemer_secret
    assert NOTE.redeemer_secret.get_secret_value() not in repr(NOTE)
    assert len(NOTE.redeemer_secret.get_secret_value()) >= 32
