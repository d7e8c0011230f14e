"""A restic repository and the few things the command does with it; failures become the types of agent.errors."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Self

from agent.errors import (
    DiskFull,
    KeyMismatch,
    KeysExpired,
    PathNotInSnapshot,
    RepositoryExists,
    RepositoryHalfMade,
    RepositoryLocked,
    RepositoryMissing,
    ResticError,
    StoreRefused,
    StoreUnreachable,
    UploadsStopped,
    WrongPassword,
)
from agent.restic import process, texts
from agent.restic.binary import Binary
from agent.restic.messages import ItemError, Progress, Summary
from agent.restic.process import Outcome, Watch
from agent.restic.texts import Trouble

DEFAULT_PATIENCE_SECONDS = 120.0
# A request without a byte moving for this long is tried again by restic itself; only then does it say that anything
# is wrong, so this must be well within the patience.
LONGEST_STUCK_SECONDS = 60.0
SHORTEST_STUCK_SECONDS = 5.0
RETRY_LOCK = "2m"
PROGRESS_PER_SECOND = 4

EXIT_INCOMPLETE = 3
EXIT_NO_REPOSITORY = 10
EXIT_LOCKED = 11
EXIT_WRONG_PASSWORD = 12

_EXIT_TROUBLES = {
    EXIT_NO_REPOSITORY: Trouble.NO_REPOSITORY,
    EXIT_LOCKED: Trouble.LOCKED,
    EXIT_WRONG_PASSWORD: Trouble.WRONG_PASSWORD,
}


@dataclass(frozen=True)
class Keys:
    """Short-lived keys of the object store; an empty one (a repository on a local disk) adds nothing."""

    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    def environment(self) -> dict[str, str]:
        named = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class BackupOutcome:
    """A snapshot that was made; `skipped` are source files it lacks (none when restic read everything)."""

    summary: Summary
    skipped: list[ItemError]
    skipped_count: int

    @property
    def restic_id(self) -> str:
        return str(self.summary.fields["snapshot_id"])


@dataclass(frozen=True)
class RestoreOutcome:
    """All content is written and verified; `faults` are properties (owner, times, attributes) that could not be set."""

    summary: Summary | None
    faults: list[ItemError]
    fault_count: int


@dataclass(frozen=True)
class SnapshotRecord:
    """What restic itself recorded when it made the snapshot; counts are None for snapshots of restic before 0.17."""

    restic_id: str
    paths: list[str]
    files: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class Repository:
    """Where it is and how it is opened. The password goes to restic in the environment of that one child.

    A file or a descriptor (RESTIC_PASSWORD_FILE) would not do: restic trims white space there, and a password made
    elsewhere may begin or end with a blank. The environment of a process is readable by its own user only, like its
    memory, and nothing is left on disk; the store's keys travel the same way.
    """

    binary: Binary
    url: str
    keys: Keys
    password: bytes = field(repr=False)
    cache: Path
    ca_file: Path | None = None
    key_hint: str | None = None
    patience_seconds: float = DEFAULT_PATIENCE_SECONDS
    stop: threading.Event | None = field(default=None, repr=False, compare=False)
    """As in `Watch`."""

    def with_keys(self, keys: Keys) -> Self:
        return replace(self, keys=keys)

    def exists(self) -> bool:
        """Whether the repository is there; this opens it, so a wrong password shows here too."""
        try:
            self._checked(["cat", "config", "--no-lock"])
        except RepositoryMissing:
            return False
        return True

    def init(self) -> None:
        """Make the repository.

        Raises:
            RepositoryExists: Somebody else did, perhaps just now.
            RepositoryHalfMade: Somebody began to, and has not finished.
        """
        self._checked(["init"])

    def unlock(self) -> None:
        """Remove stale locks: those of dead processes of this machine, and those nobody renewed for half an hour."""
        self._checked(["unlock"])

    def repair_index(self) -> None:
        """Enter packs into the index that a run uploaded and did not live to enter; no other backup may be running.

        restic enters packs at the end, and every ten minutes: without this it would upload them once more, and those
        that are there already would count as used for ever.
        """
        self._checked(["repair", "index"])

    def backup(
        self,
        path: Path,
        *,
        tags: Sequence[str] = (),
        excludes: Sequence[str] = (),
        exclude_files: Sequence[Path] = (),
        on_progress: Callable[[Progress], None] | None = None,
    ) -> BackupOutcome:
        """Make a snapshot of a file or a folder; files that vanish or cannot be read are left out and listed."""
        arguments: list[str | bytes] = ["backup", "--retry-lock", RETRY_LOCK]
        for tag in tags:
            arguments += ["--tag", tag]
        for pattern in excludes:
            arguments += ["--exclude", pattern]
        for file in exclude_files:
            arguments += ["--exclude-file", os.fsencode(file)]
        outcome = self._run([*arguments, "--", os.fsencode(path)], on_progress=on_progress)
        if outcome.exit_code != EXIT_INCOMPLETE:
            self._raise_for(outcome)
        if outcome.summary is None or "snapshot_id" not in outcome.summary.fields:
            raise ResticError("restic_failed", "restic ended without making a snapshot.")
        skipped = [error for error in outcome.item_errors if error.during != "scan"]
        scans = len(outcome.item_errors) - len(skipped)
        return BackupOutcome(outcome.summary, skipped, outcome.item_error_count - scans)

    def snapshot(self, restic_id: str) -> SnapshotRecord:
        """What restic recorded about one snapshot."""
        outcome = self._checked(["snapshots", "--no-lock", restic_id])
        try:
            (found,) = json.loads(outcome.output)
        except ValueError as error:
            raise ResticError("snapshot_missing", "The repository does not have this snapshot.") from error
        summary = found.get("summary") or {}
        return SnapshotRecord(
            restic_id=found["id"],
            paths=list(found.get("paths") or []),
            files=summary.get("total_files_processed"),
            size_bytes=summary.get("total_bytes_processed"),
        )

    def restore(
        self,
        restic_id: str,
        target: Path,
        *,
        subfolder: str | None = None,
        include: str | None = None,
        exclude: str | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> RestoreOutcome:
        """Write a snapshot, or one folder of it, into a folder and verify what was written.

        Existing files are compared by content and only what differs is fetched, so running it again goes on where an
        interrupted run stopped.

        Raises:
            ResticError: `restore_incomplete` when the content of some file could not be written or verified.
        """
        source = restic_id if subfolder is None else f"{restic_id}:{subfolder}"
        arguments: list[str | bytes] = ["restore", source, "--target", os.fsencode(target), "--no-lock", "--verify"]
        arguments += ["--overwrite", "always"]
        if include is not None:
            arguments += ["--include", include]
        if exclude is not None:
            arguments += ["--exclude", exclude]
        outcome = self._run(arguments, on_progress=on_progress)
        if _remove_unexpected(outcome, target):
            outcome = self._run(arguments, on_progress=on_progress)
        faults = [error for error in outcome.item_errors if texts.is_about_properties(error.message)]
        only_properties = outcome.item_error_count > 0 and len(faults) == outcome.item_error_count
        if outcome.trouble is None and outcome.exit_code == 1 and outcome.item_errors and not only_properties:
            raise self._incomplete(outcome, faults)
        if outcome.trouble is not None or not only_properties:
            self._raise_for(outcome)
        return RestoreOutcome(outcome.summary, faults, len(faults))

    def _incomplete(self, outcome: Outcome, faults: list[ItemError]) -> ResticError:
        lost = [error for error in outcome.item_errors if error not in faults]
        shown = "; ".join(f"{error.item}: {error.message}" for error in lost[:5])
        return ResticError(
            "restore_incomplete",
            f"{outcome.item_error_count - len(faults)} files or folders could not be restored: {shown}",
            hint="Run the same command again: what is there already is kept.",
        )

    def _checked(self, arguments: Sequence[str | bytes]) -> Outcome:
        outcome = self._run(arguments)
        self._raise_for(outcome)
        return outcome

    def _run(
        self, arguments: Sequence[str | bytes], *, on_progress: Callable[[Progress], None] | None = None
    ) -> Outcome:
        command: list[str | bytes] = [
            self.binary.path,
            "--json",
            "--stuck-request-timeout",
            f"{self._stuck_seconds():.0f}s",
        ]
        if self.ca_file is not None:
            command += ["--cacert", os.fsencode(self.ca_file)]
        if self.key_hint is not None:
            command += ["--key-hint", self.key_hint]
        watch = Watch(patience_seconds=self.patience_seconds, on_progress=on_progress, stop=self.stop)
        return process.run([*command, *arguments], self._environment(), watch)

    def _stuck_seconds(self) -> float:
        return min(LONGEST_STUCK_SECONDS, max(SHORTEST_STUCK_SECONDS, self.patience_seconds / 2))

    def _environment(self) -> dict[bytes, bytes]:
        return process.child_environment(
            {
                **self.keys.environment(),
                "RESTIC_REPOSITORY": self.url,
                "RESTIC_PASSWORD": self.password,
                "RESTIC_CACHE_DIR": os.fsencode(self.cache),
                "RESTIC_PROGRESS_FPS": str(PROGRESS_PER_SECOND),
            }
        )

    def _raise_for(self, outcome: Outcome) -> None:
        if outcome.exit_code == 0 and not outcome.stopped:
            return
        trouble = outcome.trouble or _EXIT_TROUBLES.get(outcome.exit_code)
        raise _failure(trouble, texts.for_people(outcome.last_words))


@contextmanager
def certificate_file(pem: str | None) -> Iterator[Path | None]:
    """The store's certificate authority as a file for --cacert, removed afterwards; None when the system's do."""
    if pem is None:
        yield None
        return
    with NamedTemporaryFile("w", prefix="space-ca-", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield Path(file.name)


def _remove_unexpected(outcome: Outcome, target: Path) -> bool:
    """Remove files whose content is not the snapshot's although restic has just written them; whether there were any.

    restic 0.18 replaces an existing file that has hard links by a new one, yet writes only the parts that differed
    in the old one, so it never gets them right by itself; what is not there it restores as a whole.
    """
    unexpected = [Path(error.item) for error in outcome.item_errors if texts.is_about_content(error.message)]
    for file in unexpected:
        if file.is_relative_to(target):
            file.unlink(missing_ok=True)
    return bool(unexpected)


def _failure(trouble: Trouble | None, words: str) -> Exception:
    again = "Run the same command again: what was transferred already is kept."
    match trouble:
        case Trouble.WRONG_PASSWORD:
            return WrongPassword()
        case Trouble.NO_REPOSITORY:
            return RepositoryMissing("repository_missing", "There is no repository yet.")
        case Trouble.REPOSITORY_EXISTS:
            return RepositoryExists("repository_exists", "The repository exists already.")
        case Trouble.REPOSITORY_HALF_MADE:
            return RepositoryHalfMade("repository_half_made", "The repository has keys and no config.")
        case Trouble.LOCKED:
            return RepositoryLocked(
                "repository_locked",
                "The repository is locked by another restic that is cleaning it up.",
                hint="Try again when it is done.",
            )
        case Trouble.KEY_MISMATCH:
            return KeyMismatch("key_mismatch", f"The repository and its key do not fit: {words}")
        case Trouble.KEYS_EXPIRED:
            return KeysExpired("keys_expired", "The store's keys have expired.", hint=again)
        case Trouble.ARREARS | Trouble.OVER_LIMIT:
            return UploadsStopped(trouble.value, f"The object store refused: {words}", hint="`space quota` says why.")
        case Trouble.STORE_FULL:
            return StoreRefused("store_full", f"The object store refused: {words}")
        case Trouble.DENIED:
            return StoreRefused("store_denied", f"The object store refused: {words}")
        case Trouble.CERTIFICATE:
            return StoreRefused("store_certificate", f"The object store's certificate is not trusted: {words}")
        case Trouble.DISK_FULL:
            return DiskFull("disk_full", "There is no space left on the disk.", hint=f"Make room. {again}")
        case Trouble.STORE:
            return StoreUnreachable("store_unreachable", f"The object store does not answer: {words}", hint=again)
        case Trouble.NOT_IN_SNAPSHOT:
            return PathNotInSnapshot("path_not_in_snapshot", words)
        case Trouble.NO_SNAPSHOT:
            return ResticError("snapshot_missing", "The repository does not have this snapshot.")
    return ResticError("restic_failed", f"restic failed: {words or 'without saying why'}")
