"""Secrets made on first use and kept in one private file, and the keys that sign access tokens."""

import json
import os
import secrets
from pathlib import Path

from joserfc.jwk import OKPKey

from space_local.errors import LocalError


class Secrets:
    """Random values by name, in a file that only its owner may read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._values: dict[str, str] = json.loads(file.read_text())
        except FileNotFoundError:
            self._values = {}
        except json.JSONDecodeError as error:
            raise LocalError(f"{file} is damaged ({error}); the databases cannot be opened without it.") from error

    def get(self, name: str) -> str:
        if name not in self._values:
            # 64 hexadecimal digits, which every consumer takes, and no URL has to escape.
            self._values[name] = secrets.token_hex(32)
            write_private(self._file, json.dumps(self._values, indent=2) + "\n")
        return self._values[name]


def ensure_signing_keys(file: Path) -> None:
    """A JWK set with one Ed25519 key, made when missing."""
    if not file.exists():
        key = OKPKey.generate_key("Ed25519", private=True, auto_kid=True)
        write_private(file, json.dumps({"keys": [key.as_dict(private=True)]}) + "\n")


def write_private(path: Path, content: str) -> None:
    """Replace a file at once by one that only we may read."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
