"""Where an instance's restore goes, and whose it is then."""

import os
import stat
from datetime import UTC, datetime, timedelta, timezone
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
    folder = home / "Restored docs 2026-11-01"

    destination.prepare(folder, target(home, os.getuid(), os.getgid()))
    os.umask(mask)

    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, home, home.parent)] == [0o700, 0o700, 0o755]
    (folder / "x").touch()
    destination.prepare(folder, target(home))
    assert (folder / "x").exists()


@needs_root
def test_a_home_that_is_there_stays_whose_it_was_and_what_is_made_in_it_is_its_owners(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o750)
    os.chown(home, 7, 8)
    (home / "Documents").mkdir()

    destination.prepare(home / "Restored", target(home))
    destination.give(home / "Restored", target(home))

    owned = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in [home, *home.iterdir()]}
    assert owned == {"home": (7, 8), "Documents": (0, 0), "Restored": (1000, 1001)}
    assert stat.S_IMODE(home.stat().st_mode) == 0o750


@pytest.mark.parametrize(
    ("backup_name", "name"),
    [
        ("docs", "Restored docs 2026-11-01"),
        ("../../etc/passwd", "Restored -..-etc-passwd 2026-11-01"),
        (".ssh", "Restored ssh 2026-11-01"),
        ("a\nb\x1b[31m\x00c\u202ed", "Restored a b [31m c d 2026-11-01"),
        ("...", "Restored backup 2026-11-01"),
        ("\udcff", "Restored backup 2026-11-01"),
        ("Ümläute  und 文書", "Restored Ümläute und 文書 2026-11-01"),
    ],
    ids=["plain", "slashes", "dot", "controls", "nothing left", "no UTF-8", "letters"],
)
def test_the_folder_is_called_after_the_backup_and_its_snapshots_day(
    backup_name: str, name: str, tmp_path: Path
) -> None:
    # Shortly after midnight where it was made; the service's days are UTC's.
    taken_at = datetime(2026, 11, 2, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert destination.new_name(tmp_path, backup_name, taken_at) == name
    assert (tmp_path / name).parent == tmp_path


@pytest.mark.parametrize("letter", ["a", "ü", "文", "\U0001f600"])
def test_a_long_name_is_cut_where_a_letter_ends_and_its_day_stays(letter: str, tmp_path: Path) -> None:
    taken_at = datetime(2026, 11, 1, tzinfo=UTC)
    for end in ("2026-11-01", "2026-11-01 (2)", "2026-11-01 (3)"):
        name = destination.new_name(tmp_path, letter * 300, taken_at)
        assert name.endswith(f"{letter} {end}")
        assert 200 - len(letter.encode()) < len(name.encode()) <= 200
        (tmp_path / name).mkdir()


def test_a_name_that_is_taken_even_by_a_dead_link_is_not_taken_again(tmp_path: Path) -> None:
    taken_at = datetime(2026, 11, 1, tzinfo=UTC)
    (tmp_path / "Restored docs 2026-11-01").symlink_to("/nowhere")
    assert destination.new_name(tmp_path, "docs", taken_at) == "Restored docs 2026-11-01 (2)"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_refused(kind: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch() if kind == "file" else home.symlink_to(tmp_path)

    for folder in (home, home / "Restored"):
        with pytest.raises(TargetUnusable, match="not a folder"):
            destination.prepare(folder, target(home))
    assert list(tmp_path.iterdir()) == [home]


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
