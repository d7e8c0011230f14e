"""What was restored, as it may be seen from outside: folders and regular files below one folder, and nothing else."""

import errno
import heapq
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote_to_bytes

from agent.instance.config import RestoreTarget
from agent.instance.destination import find

PAGE_ENTRIES = 500

# A fifo or a device that takes a file's place must not hold up or be set off by who opens it.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})

Names = Sequence[bytes]


class NotThere(Exception):
    """Nothing of that name is shown."""


class Kind(StrEnum):
    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    SPECIAL = "special file"


@dataclass(frozen=True)
class Entry:
    """Something in a folder.

    Args:
        changed: Seconds since 1970, as its file system says.
    """

    name: bytes
    kind: Kind
    size_bytes: int
    changed: float


@dataclass(frozen=True)
class Listing:
    """A part of a folder, folders first.

    Args:
        before: How many entries come before these.
        total: How many the whole folder has.
        last: Behind which it goes on; None at its end.
    """

    entries: Sequence[Entry]
    before: int
    total: int
    last: "Place | None"


@dataclass(frozen=True)
class OpenFile:
    """A regular file; who has it closes its descriptor."""

    descriptor: int
    name: bytes
    size_bytes: int


@dataclass(frozen=True)
class Place:
    """Where a listing goes on: behind this entry, whether it is still there or not."""

    name: bytes
    is_folder: bool

    @property
    def order(self) -> tuple[bool, str, bytes]:
        return not self.is_folder, self.name.decode(errors="replace").casefold(), self.name


def names_of(path: bytes) -> Names:
    """The names in a path of a URL, each decoded after the path was split, so that none can have a slash.

    Raises:
        NotThere: One of them is no name of a file.
    """
    names = [unquote_to_bytes(part) for part in path.removesuffix(b"/").split(b"/")] if path else []
    if not all(map(_is_name, names)):
        raise NotThere
    return names


def look(target: RestoreTarget, names: Names, after: Place | None) -> Listing | OpenFile:
    """What is there: a folder's entries after a place, or a file, opened.

    Raises:
        NotThere: Nothing that is shown; what a symbolic link leads to is not.
        TargetUnusable: It cannot be told where the target is.
        OSError: It cannot be read.
    """
    root = find(target)
    if root is None:
        raise NotThere
    try:
        with _parent(root, names[:-1]) as parent:
            descriptor = os.dup(parent) if not names else _open(parent, names[-1])
    except OSError as error:
        if error.errno in _ABSENT:
            raise NotThere from error
        raise
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        return OpenFile(descriptor, names[-1], found.st_size)
    with _closing(descriptor):
        return _list(descriptor, after)


@contextmanager
def _parent(root: Path, names: Names) -> Iterator[int]:
    """The folder below root, reached name by name, so that nothing that changes meanwhile leads out of it."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in names:
            below = _open(folder, name)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


def _open(folder: int, name: bytes) -> int:
    """A folder or a regular file in an open folder."""
    if not _is_name(name) or not _is_shown(os.stat(name, dir_fd=folder, follow_symlinks=False)):
        raise NotThere
    descriptor = os.open(name, _FLAGS, dir_fd=folder)
    # It may be another thing by now than what was looked at.
    if not _is_shown(os.fstat(descriptor)):
        os.close(descriptor)
        raise NotThere
    return descriptor


def _list(folder: int, after: Place | None) -> Listing:
    """A page of a folder; of its other entries only their number is kept."""
    before = total = 0

    def later() -> Iterator[Place]:
        nonlocal before, total
        for place in _places(folder):
            total += 1
            if after is not None and place.order <= after.order:
                before += 1
            else:
                yield place

    page = heapq.nsmallest(PAGE_ENTRIES, later(), key=lambda place: place.order)
    goes_on = before + len(page) < total
    return Listing(list(_entries(folder, page)), before, total, page[-1] if goes_on else None)


def _places(folder: int) -> Iterator[Place]:
    with os.scandir(folder) as found:
        for each in found:
            yield Place(os.fsencode(each.name), each.is_dir(follow_symlinks=False))


def _entries(folder: int, places: Iterable[Place]) -> Iterator[Entry]:
    for place in places:
        # What is gone by now is not shown.
        with suppress(FileNotFoundError):
            found = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
            yield Entry(place.name, _kind(found.st_mode), found.st_size, found.st_mtime)


def _kind(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.SPECIAL


def _is_shown(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)


def _is_name(name: bytes) -> bool:
    return name not in {b"", b".", b".."} and b"/" not in name and b"\0" not in name
