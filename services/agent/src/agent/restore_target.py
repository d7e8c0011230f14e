"""The folder a restore goes to, and the note in it that lets the same restore go on after an interruption."""

import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from agent import config
from agent.errors import SpaceError, UsageError
from agent.output import path_text

# In the folder itself: whoever sees the folder sees that it is unfinished, and the note moves along with it.
NOTE_NAME = ".space-restore.json"


class Note(BaseModel):
    """What an unfinished restore must remember; 0600, gone when the restore is complete."""

    model_config = ConfigDict(frozen=True)

    origin: str
    ticket: SecretStr
    redeemer_secret: SecretStr
    backup_id: str | None = None
    snapshot_id: str | None = None
    # Whether the folder was empty when the restore began, so that all that is in it must come from the snapshot.
    began_empty: bool

    @classmethod
    def fresh(cls, origin: str, ticket: str, *, backup_id: str | None, began_empty: bool) -> Self:
        return cls(
            origin=origin,
            ticket=SecretStr(ticket),
            redeemer_secret=SecretStr(secrets.token_urlsafe(32)),
            backup_id=backup_id,
            began_empty=began_empty,
        )


class Target:
    """A folder to restore into, checked before anything is asked of the service."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Look at the folder.

        Raises:
            UsageError: It is not a folder, cannot be written, or holds something and is not to be overwritten.
        """
        self.path = path.absolute()
        self._note_file = self.path / NOTE_NAME
        try:
            names = {entry.name for entry in os.scandir(self.path)}
            self._existed = True
        except FileNotFoundError:
            names, self._existed = set(), False
        except OSError as error:
            raise UsageError("target_unusable", f"{self} cannot be restored to: {error.strerror}.") from error
        self.note = self._read_note() if NOTE_NAME in names else None
        self.is_empty = not names - {NOTE_NAME}
        if not self.is_empty and self.note is None and not overwrite:
            raise UsageError(
                "target_not_empty",
                f"{self} is not empty.",
                hint="Choose another folder with --to, or add --overwrite to replace its files by those of the backup.",
            )
        self._check_writable()

    def __str__(self) -> str:
        return path_text(self.path)

    def keep(self, note: Note) -> None:
        """Make the folder if need be and write the note, so that from now on the restore can be resumed."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError("target_unusable", f"{self} cannot be made: {error.strerror}.") from error
        self.note = note
        kept = note.model_dump(mode="json")
        for name in ("ticket", "redeemer_secret"):
            kept[name] = getattr(note, name).get_secret_value()
        config.write_private(self._note_file, kept)

    def forget(self) -> None:
        """Remove the note: the restore is complete, or never began."""
        self.note = None
        with suppress(FileNotFoundError):
            self._note_file.unlink()

    def abandon(self) -> None:
        """Leave things as they were found, when the ticket was not accepted at all."""
        self.forget()
        if not self._existed:
            with suppress(OSError):
                self.path.rmdir()

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free

    def count(self) -> tuple[int, int]:
        return count(self.path)

    def _read_note(self) -> Note:
        try:
            return Note.model_validate(config.read_private(self._note_file))
        except (ValidationError, SpaceError) as error:
            raise UsageError(
                "target_note_damaged",
                f"{path_text(self._note_file)} is damaged, so the restore it belongs to cannot be resumed.",
                hint="Remove it and add --overwrite to restore into this folder anew.",
            ) from error

    def _check_writable(self) -> None:
        existing = next(folder for folder in (self.path, *self.path.parents) if folder.exists())
        if not existing.is_dir():
            raise UsageError("target_unusable", f"{path_text(existing)} is not a folder.")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise UsageError("target_unusable", f"{self} cannot be restored to: you may not write there.")


def count(target: Path) -> tuple[int, int]:
    """Regular files in a folder and the sum of their sizes, as restic counts what it backs up."""
    files = size_bytes = 0
    for folder, _, names in os.walk(target):
        for name in names:
            try:
                found = (Path(folder) / name).lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(found.st_mode):
                files += 1
                size_bytes += found.st_size
    return files, size_bytes
