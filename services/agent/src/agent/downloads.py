"""Writing a file the owner asked for: whole or not at all, and never in the place of another by mistake."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from agent.errors import SpaceError, UsageError
from agent.output import path_text


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse early what `write_file` would refuse late.

    Raises:
        UsageError: `file_exists`, or it is a folder, or its folder is missing.
    """
    if target.is_dir() or not target.parent.is_dir():
        raise UsageError("file_unusable", f"{path_text(target)} is not a file in a folder that exists.")
    if not overwrite and os.path.lexists(target):
        raise _exists(target)


def write_file(target: Path, content: bytes, *, overwrite: bool) -> None:
    """Write a file that others cannot read.

    A link is never followed: without `overwrite` it counts as existing, with it the link is replaced.

    Raises:
        UsageError: `file_exists`: it was made meanwhile.
        SpaceError: `file_unwritable`; nothing is left behind.
    """
    try:
        if overwrite:
            _replace(target, content)
        else:
            _create(target, content)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:
        raise SpaceError("file_unwritable", f"{path_text(target)} cannot be written: {error.strerror}.") from error


def _create(target: Path, content: bytes) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _fill(handle, content)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _replace(target: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        _fill(handle, content)
        Path(name).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _fill(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _exists(target: Path) -> UsageError:
    return UsageError("file_exists", f"{path_text(target)} exists.", hint="Name another file, or add --force.")
