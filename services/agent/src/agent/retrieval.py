"""A snapshot brought into a folder: what a restore to an owner's machine and one to an instance have in common."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from agent.errors import KeyMismatch, PathNotInSnapshot, RepositoryMissing, SpaceError, WrongPassword
from agent.keyfile import KeyFile
from agent.passwords import checker
from agent.restic.messages import Progress
from agent.restic.repository import Keys, Repository, RestoreOutcome, SnapshotRecord

ResultT = TypeVar("ResultT")


class Retrieval:
    """One snapshot's way from a repository into a folder; whoever uses it has new keys for it when they expire.

    Args:
        kept_name: A name in the folder that nothing of the snapshot may take.
    """

    def __init__(
        self, repository: Repository, key_files: Sequence[KeyFile], target: Path, kept_name: str | None = None
    ) -> None:
        self._repository = repository
        self._key_files = key_files
        self._target = target
        self._kept_name = kept_name
        self._untried_hints: list[str] | None = None

    @property
    def has_key_files(self) -> bool:
        """Whether a password can be checked without the store."""
        return bool(self._key_files)

    def is_right(self, password: bytes) -> bool:
        """Whether a password opens the repository: by its key files, and by restic where none of them is usable."""
        if self._key_files:
            return checker(self._key_files)(password)
        try:
            is_there = replace(self._repository, password=password).exists()
        except WrongPassword:
            return False
        if not is_there:
            raise RepositoryMissing("repository_missing", "The store does not have this repository.")
        return True

    def use_password(self, password: bytes) -> None:
        self._repository = replace(self._repository, password=password)

    def use_keys(self, keys: Keys) -> None:
        self._repository = self._repository.with_keys(keys)

    def snapshot(self, restic_id: str) -> SnapshotRecord:
        record = self._with_fitting_key(lambda: self._repository.snapshot(restic_id))
        if record.restic_id != restic_id:
            raise SpaceError("snapshot_differs", "The repository answered with another snapshot than the one chosen.")
        return record

    def restore(
        self, record: SnapshotRecord, on_progress: Callable[[Progress], None] | None = None
    ) -> tuple[Path, RestoreOutcome]:
        """Restore and verify; where what was backed up is now.

        The content of the backed-up folder lands in the target itself. A backed-up file lands in it by its name.
        Snapshots of several paths, and those whose path restic cannot name back (not UTF-8), land under their whole
        original path.
        """
        if len(record.paths) == 1 and record.paths[0].strip("/"):
            path = PurePosixPath(record.paths[0])
            for subfolder, include in ((str(path), None), (str(path.parent), f"/{_literal(path.name)}")):
                try:
                    return self._target, self._restore(record, subfolder, include, on_progress)
                except PathNotInSnapshot:
                    continue
        outcome = self._restore(record, None, None, on_progress)
        original = Path(*PurePosixPath(record.paths[0]).parts[1:]) if len(record.paths) == 1 else Path()
        return self._target / original, outcome

    def _restore(
        self,
        record: SnapshotRecord,
        subfolder: str | None,
        include: str | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> RestoreOutcome:
        exclude = f"/{_literal(self._kept_name)}" if self._kept_name is not None and include is None else None
        return self._with_fitting_key(
            lambda: self._repository.restore(
                record.restic_id,
                self._target,
                subfolder=subfolder,
                include=include,
                exclude=exclude,
                on_progress=on_progress,
            )
        )

    def _with_fitting_key(self, run: Callable[[], ResultT]) -> ResultT:
        """Run, with the next key file that opens with the password when one belongs to another repository."""
        while True:
            try:
                return run()
            except KeyMismatch as error:
                self._try_another_key(error)

    def _try_another_key(self, error: KeyMismatch) -> None:
        if self._untried_hints is None:
            password = self._repository.password
            self._untried_hints = [key_file.name for key_file in self._key_files if key_file.opens_with(password)]
        if not self._untried_hints:
            raise error
        self._repository = replace(self._repository, key_hint=self._untried_hints.pop())


def difference(record: SnapshotRecord, files: int, size_bytes: int) -> list[str]:
    """What is in a folder against what restic counted when it made the snapshot, if it did."""
    if record.files is None or record.size_bytes is None or (files, size_bytes) == (record.files, record.size_bytes):
        return []
    return [
        f"the snapshot was made of {record.files} files with {record.size_bytes} bytes, "
        f"the folder has {files} with {size_bytes}"
    ]


def fault_lines(outcome: RestoreOutcome) -> list[str]:
    """The properties that could not be set, a line each."""
    return [f"{fault.item}: {fault.message}" for fault in outcome.faults]


def _literal(name: str) -> str:
    """A name as a restic pattern that matches it alone."""
    return "".join(f"\\{character}" if character in "\\*?[" else character for character in name)
