"""The files the command keeps: where they are, and writing them so that nobody else reads them."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from agent.errors import SpaceError

JsonObject: TypeAlias = dict[str, object]

DEFAULT_ORIGIN = "http://127.0.0.1:8480"


def directory() -> Path:
    """The folder of everything kept, 0700, made when missing."""
    kept = os.environ.get("SPACE_CONFIG_DIR")
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    path = Path(kept).expanduser() if kept else Path(base).expanduser() / "space"
    return _private_folder(path.absolute())


def identity_file() -> Path:
    return directory() / "identity.json"


def session_file() -> Path:
    return directory() / "session.json"


def cache_directory() -> Path:
    """restic's cache of indexes and tree packs, sealed as they are in the store; apart from the user's own restic."""
    return _private_folder(directory() / "cache")


def read_private(path: Path) -> JsonObject | None:
    """The object kept in a file, or None when there is no such file; its mode is tightened to 0600.

    Raises:
        SpaceError: `kept_file_damaged` when the file holds something else than a JSON object.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)
            kept = json.loads(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpaceError("kept_file_unreadable", f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(kept, dict):
        raise _damaged(path)
    return kept


def write_private(path: Path, kept: JsonObject) -> None:
    """Replace a file as a whole, readable by its owner only, even if the machine stops in the middle."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(kept, indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock among the `space` processes of this user; it ends with the process that holds it."""
    path = directory() / f"{name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _private_folder(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _damaged(path: Path) -> SpaceError:
    return SpaceError("kept_file_damaged", f"{path} is damaged.", hint="Put it back from a copy, or remove it.")


def _unwritable(path: Path, error: OSError) -> SpaceError:
    return SpaceError("kept_file_unwritable", f"{path} cannot be written: {error.strerror}.")
