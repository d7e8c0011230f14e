"""The folder of an instance that a restore goes to: found, named, made, and given to its owner at the end."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import count as numbers
from pathlib import Path

from agent.errors import SpaceError
from agent.instance.config import RestoreTarget
from agent.output import path_text

WILD = "*"
PARENT_MODE = 0o755
FOLDER_MODE = 0o700
KEPT_FAULTS = 20
NAME_BYTES = 200


class TargetUnusable(SpaceError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__("target_unusable", f"{path_text(path)} cannot be restored to: {why}.")


def find(target: RestoreTarget) -> Path | None:
    """Where the target is, or None while what its `*` stands for is not there.

    Raises:
        TargetUnusable: The `*` may stand for several folders.
    """
    found = [Path("/")]
    for part in target.path.parts[1:]:
        found = [
            match for folder in found for match in (_matches(folder, part) if WILD in part else iter([folder / part]))
        ]
    if len(found) > 1:
        raise TargetUnusable(target.path, f"it may be any of {len(found)} folders")
    return found[0] if found else None


def new_name(home: Path, backup_name: str, taken_at: datetime) -> str:
    """A name for what is restored that nothing in the home has: `Restored docs 2026-11-01`, or with `(2)` behind it.

    Of the backup's name only what is harmless in a file's name and fits into NAME_BYTES is left.
    """
    words = "".join(character if character.isprintable() else " " for character in backup_name.replace("/", "-"))
    name = " ".join(words.split()).lstrip(". ") or "backup"
    date = taken_at.astimezone(UTC).date().isoformat()
    for number in numbers(1):
        end = f" {date}" if number == 1 else f" {date} ({number})"
        room = NAME_BYTES - len(f"Restored {end}".encode())
        found = f"Restored {_shortened(name, room)}{end}"
        if not os.path.lexists(home / found):
            return found
    raise AssertionError("unreachable: numbers do not end")


def prepare(folder: Path, target: RestoreTarget) -> None:
    """Make the folder, and the home that holds it, where they are missing, whose they are to be.

    Raises:
        TargetUnusable: One is something else than a folder, or nothing can be written there.
    """
    home = folder.parent
    try:
        for missing in reversed([path for path in (home, *home.parents) if not os.path.lexists(path)]):
            _make(missing, FOLDER_MODE if missing == home else PARENT_MODE, target)
        # Whoever may write beside them must not lead a restore elsewhere.
        _require_folder(home)
        if not os.path.lexists(folder):
            _make(folder, FOLDER_MODE, target)
        _require_folder(folder)
    except OSError as error:
        raise TargetUnusable(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise TargetUnusable(folder, "nothing may be written there")


def give(folder: Path, target: RestoreTarget) -> list[str]:
    """Make all in the folder, and it itself, the owner's, links themselves and never what they lead to.

    Only root may do so; for anybody else what was restored is theirs already.

    Returns:
        What could not be given, a line each, not more than a few.
    """
    if not is_root():
        return []
    faults: list[str] = []
    count = 0
    for path, names, handle in _entries(folder):
        for name in names:
            try:
                _give(name, handle, target)
            except FileNotFoundError:
                continue
            except OSError as error:
                count += 1
                if count <= KEPT_FAULTS:
                    faults.append(f"{path_text(Path(path) / name)}: the owner cannot be set: {error.strerror}")
    if count > KEPT_FAULTS:
        faults.append(f"and {count - KEPT_FAULTS} more")
    return faults


def is_root() -> bool:
    return os.geteuid() == 0


def _shortened(name: str, size_bytes: int) -> str:
    """As much of a name as fits, without half a character or a blank at its end."""
    return name.encode()[:size_bytes].decode(errors="ignore").rstrip()


def _make(folder: Path, mode: int, target: RestoreTarget) -> None:
    folder.mkdir()
    folder.chmod(mode)
    if is_root():
        os.lchown(folder, target.uid, target.gid)


def _require_folder(path: Path) -> None:
    if not stat.S_ISDIR(path.lstat().st_mode):
        raise TargetUnusable(path, "it is not a folder")


def _matches(folder: Path, part: str) -> Iterator[Path]:
    """The folders in a folder that a name with `*` stands for; no other character is special."""
    pattern = "".join(f"[{character}]" if character in "[?" else character for character in part)
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    yield from (folder / name for name in sorted(names) if fnmatchcase(name, pattern))


def _entries(folder: Path) -> Iterator[tuple[str, list[str], int]]:
    """Every folder with the names in it and a handle, which stays the same folder whatever is renamed."""
    with _opened(folder.parent) as handle:
        yield str(folder.parent), [folder.name], handle
    for path, folders, files, handle in os.fwalk(folder, follow_symlinks=False):
        yield path, [*folders, *files], handle


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _give(name: str, handle: int, target: RestoreTarget) -> None:
    before = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if (before.st_uid, before.st_gid) == (target.uid, target.gid):
        return
    os.chown(name, target.uid, target.gid, dir_fd=handle, follow_symlinks=False)
    if stat.S_ISREG(before.st_mode) and before.st_mode & (stat.S_ISUID | stat.S_ISGID):
        # A new owner takes these away, and restic has set them as they were backed up.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
        try:
            os.fchmod(file, stat.S_IMODE(before.st_mode))
        finally:
            os.close(file)
