"""Changes of files by several at once: whole or not at all, one at a time, none after its call was given up."""

import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from provisioning.ports import Unanswered

PAUSE_SECONDS = 0.02


class Gone(Exception):
    """The folder was removed meanwhile."""


class Turn:
    """The time of one call, which a thread makes for somebody who does not wait for ever.

    A thread cannot be stopped. So it makes each change inside `step`, and what it has not begun when its caller gives
    up, it never begins: a machine does not come into being after `create` was answered with `Unanswered`.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._stepping = threading.Lock()
        self._is_over = False

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Around a change; raises Unanswered when there is no time for it any more."""
        with self._stepping:
            self.require_time()
            yield

    def require_time(self) -> None:
        if self._is_over or time.monotonic() >= self._ends:
            raise Unanswered("This machine did not do in time what was asked; look at what it has done.")

    def give_up(self) -> None:
        """Begin nothing more; waits for the step under way, which is a few operations on small files."""
        with self._stepping:
            self._is_over = True


@contextlib.contextmanager
def hold(folder: Path, turn: Turn) -> Iterator[None]:
    """Keep everybody else from changing a folder, other processes and threads too. Raises Unanswered, Gone."""
    with _opened(folder) as descriptor:
        while not _locked(descriptor):
            turn.require_time()
            time.sleep(PAUSE_SECONDS)
        _require_same(folder, descriptor)
        yield


@contextlib.contextmanager
def hold_if_free(folder: Path) -> Iterator[bool]:
    """As `hold`, without waiting: whether the folder is held. Raises Gone."""
    with _opened(folder) as descriptor:
        is_held = _locked(descriptor)
        if is_held:
            _require_same(folder, descriptor)
        yield is_held


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise Gone(folder) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _require_same(folder: Path, descriptor: int) -> None:
    """Who waited for a lock may have got that of a folder that was removed meanwhile."""
    try:
        is_same = os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise Gone(folder)


def write(file: Path, text: str) -> None:
    """Replace a file as a whole, for its owner's eyes only; it is on the disk afterwards."""
    new = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    sync(file.parent)


def sync(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a whole tree, also where the modes of restored folders keep their owner out."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _open_up(path)
        shutil.rmtree(path)


def _open_up(folder: Path) -> None:
    folder.chmod(0o700)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _open_up(Path(entry))
