"""How much a first backup can put into the store at most, found without reading any file."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_ENTRIES = 100_000
# What restic adds to content that cannot be compressed: a header and an index entry for each blob of half a megabyte
# or more, a tree entry for each file, and the config, the key and the snapshot.
_BYTES_PER_ENTRY = 1024
_CONTENT_PER_EXTRA_BYTE = 512
_BYTES_ALWAYS = 2**20


def upload_bound(source: Path, enough_bytes: int) -> int | None:
    """What a first backup of a file or folder adds to the store at most, in bytes.

    Compression and equal content only make it less. Counting stops above `enough_bytes`, so a larger result says no
    more than that it is larger; None after MAX_ENTRIES files, because waiting for the rest is not worth the answer.
    """
    bound = _BYTES_ALWAYS
    for entries, size_bytes in enumerate(_sizes(source), start=1):
        if entries > MAX_ENTRIES:
            return None
        bound += size_bytes + size_bytes // _CONTENT_PER_EXTRA_BYTE + _BYTES_PER_ENTRY
        if bound > enough_bytes:
            break
    return bound


def _sizes(source: Path) -> Iterator[int]:
    """The size of each file below, 0 for what has no content; what may not be read is left out, as restic does."""
    folders: list[bytes] = []
    try:
        found = os.lstat(source)
    except OSError:
        return
    if stat.S_ISDIR(found.st_mode):
        folders.append(os.fsencode(source))
    yield found.st_size if stat.S_ISREG(found.st_mode) else 0
    while folders:
        try:
            entries = os.scandir(folders.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                yield _size(entry)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _size(entry: os.DirEntry[bytes]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
    except OSError:
        return 0
