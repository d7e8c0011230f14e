"""Folders to back up, and what is in a folder, to the byte."""

import hashlib
import os
import random
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One thing in a folder; ``content`` is a file's SHA-256 or a link's target."""

    kind: str
    mode: int
    content: bytes
    size_bytes: int
    modified_ns: int


def contents(folder: Path) -> dict[str, Entry]:
    """Everything below a folder by its relative path; modes, times and link targets included."""
    return {
        str((place := Path(parent) / name).relative_to(folder)): _entry(place)
        for parent, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }


def fill(folder: Path, *, files: int = 12, size_bytes: int = 20_000, seed: int = 1) -> Path:
    """A folder of incompressible files in two levels, with an empty folder, a link and modes of their own."""
    dice = random.Random(seed)
    for number in range(files):
        place = folder / f"folder {number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        file = place / f"file-{number}.bin"
        file.write_bytes(dice.randbytes(size_bytes + number))
        file.chmod(0o600 | (number % 8))
        os.utime(file, (1_600_000_000 + number, 1_600_000_000 + number))
    (folder / "empty").mkdir(exist_ok=True)
    if not (folder / "link").is_symlink():
        (folder / "link").symlink_to("folder 0/file-0.bin")
    return folder


def sum_of_files(folder: Path) -> int:
    """Bytes of all regular files below a folder; a name that begins with a dot is no object of the store."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _entry(path: Path) -> Entry:
    seen = path.lstat()
    mode = stat.S_IMODE(seen.st_mode)
    if stat.S_ISLNK(seen.st_mode):
        return Entry("link", 0, os.fsencode(path.readlink()), 0, seen.st_mtime_ns)
    if stat.S_ISDIR(seen.st_mode):
        return Entry("folder", mode, b"", 0, seen.st_mtime_ns)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return Entry("file", mode, digest, seen.st_size, seen.st_mtime_ns)
