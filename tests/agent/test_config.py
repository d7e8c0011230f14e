"""Kept files: private, whole, locked."""

import stat
import threading
import time
from pathlib import Path

import pytest

from agent import config
from agent.errors import SpaceError


def test_a_kept_file_is_private_from_the_start_and_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    config.write_private(file, {"a": 1})
    config.write_private(file, {"b": 2})

    assert config.read_private(file) == {"b": 2}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["kept.json"]


def test_a_file_that_others_could_read_is_tightened(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_text("{}")
    file.chmod(0o644)

    config.read_private(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_missing_file_is_none_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    assert config.read_private(tmp_path / "none.json") is None
    damaged = tmp_path / "damaged.json"
    for content in (b"", b"[]", b"\xff", b'{"a":'):
        damaged.write_bytes(content)
        with pytest.raises(SpaceError, match="damaged"):
            config.read_private(damaged)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="cannot be written"):
        config.write_private(tmp_path / "missing" / "kept.json", {})


def test_a_lock_is_held_by_one_at_a_time() -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter() -> None:
        with config.locked("test"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 6


def test_the_folder_follows_the_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SPACE_CONFIG_DIR")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert config.directory() == tmp_path / "xdg" / "space"

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert config.directory() == tmp_path / "home" / ".config" / "space"
