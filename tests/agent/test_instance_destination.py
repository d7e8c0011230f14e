"""Where an instance's restore goes, and whose it is then."""

import os
import stat
from pathlib import Path

import pytest

from agent.instance import destination
from agent.instance.config import RestoreTarget
from agent.instance.destination import TargetUnusable

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def target(path: Path, uid: int = 1000, gid: int = 1001) -> RestoreTarget:
    return RestoreTarget(path=path, uid=uid, gid=gid)


def test_a_path_without_a_star_is_itself_whether_it_is_there_or_not(tmp_path: Path) -> None:
    assert destination.find(target(tmp_path / "a[b]?" / "home")) == tmp_path / "a[b]?" / "home"


def test_a_star_stands_for_the_one_folder_that_fits(tmp_path: Path) -> None:
    wanted = target(tmp_path / "pvc-[x]?-*" / "Home")
    (tmp_path / "pvc-x?-no").mkdir()
    (tmp_path / "pvc-[x]?-file").touch()
    (tmp_path / "pvc-[x]?-link").symlink_to(tmp_path)
    assert destination.find(wanted) is None
    (tmp_path / "pvc-[x]?-q7").mkdir()
    assert destination.find(wanted) == tmp_path / "pvc-[x]?-q7" / "Home"
    (tmp_path / "pvc-[x]?-q8").mkdir()
    with pytest.raises(TargetUnusable, match="any of 2 folders"):
        destination.find(wanted)


def test_a_folder_that_is_missing_is_made_whatever_the_mask_of_new_files(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    home = tmp_path / "a" / "b" / "home"

    assert destination.prepare(home, target(home, os.getuid(), os.getgid()))
    os.umask(mask)

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o755
    (home / "x").touch()
    assert not destination.prepare(home, target(home))


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_refused(kind: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch() if kind == "file" else home.symlink_to("/etc")

    with pytest.raises(TargetUnusable, match="not a folder"):
        destination.prepare(home, target(home))


@needs_root
def test_everything_is_given_to_its_owner_and_nothing_that_a_link_leads_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    home = tmp_path / "home"
    (home / "deep").mkdir(parents=True)
    (home / "deep" / "file").touch()
    (home / "to a folder").symlink_to(outside)
    (home / "deep" / "to a file").symlink_to(outside / "file")
    os.mkfifo(home / "pipe")
    Path(os.fsdecode(os.fsencode(home) + b"/bad\xff")).touch()

    assert destination.give(home, target(home)) == []

    owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in [home, *home.rglob("*")]}
    assert owners == {(1000, 1001)}
    assert (outside.stat().st_uid, (outside / "file").stat().st_uid) == (0, 0)


@needs_root
def test_bits_that_a_new_owner_takes_away_are_set_again(tmp_path: Path) -> None:
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2750), ("plain", 0o640)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(0o2775)

    destination.give(tmp_path, target(tmp_path))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"setuid": 0o4755, "setgid": 0o2750, "plain": 0o640, "folder": 0o2775}


def test_nobody_but_root_gives_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert destination.give(tmp_path, target(tmp_path)) == []

    assert (tmp_path / "file").stat().st_uid == os.getuid()


@needs_root
def test_what_cannot_be_given_is_told_and_not_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(destination.KEPT_FAULTS + 3):
        (tmp_path / f"file {number}").touch()

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(destination, "_give", refuse)
    faults = destination.give(tmp_path, target(tmp_path))

    assert len(faults) == destination.KEPT_FAULTS + 1
    # With the folder itself.
    assert faults[-1] == "and 4 more"
