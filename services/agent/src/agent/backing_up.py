"""Backing up: from a path to a snapshot that the service lists as successful."""

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

from agent import api, config, keyfile, limits, lookup, store
from agent.api import Client
from agent.backup_report import BackupReport, report_to_service
from agent.config import JsonObject
from agent.errors import (
    KeyMismatch,
    KeysExpired,
    RepositoryExists,
    RepositoryHalfMade,
    RepositoryLocked,
    RepositoryMissing,
    ResticError,
    ServerRefused,
    SpaceError,
    StoreUnreachable,
    UploadsStopped,
    UsageError,
    WrongPassword,
)
from agent.keyfile import BadKeyFile, KeyFile
from agent.output import Output, path_text
from agent.passwords import PasswordSource, checker
from agent.restic import binary
from agent.restic.repository import BackupOutcome, Repository, certificate_file
from agent.wire import Backup, KeyFileAnswer, KeyFiles, Terminus

MAX_STEPS = 100
# How long to leave another device's init before looking again.
INIT_ELSEWHERE_SECONDS = 1.0
# Longer than the half minute for which the store gate lets one device alone make a repository.
LOST_AFTER_SECONDS = 40.0
# The service removes what an interrupted init left at its next measurement, within two minutes.
HALF_MADE_SECONDS = 150.0
HALF_MADE_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class BackupRequest:
    path: Path
    name: str
    terminus: str | None = None
    tags: Sequence[str] = ()
    excludes: Sequence[str] = ()
    exclude_files: Sequence[Path] = ()
    moved: bool = False
    wait_seconds: float = 60.0


def check_source(path: Path) -> Path:
    """The folder or file to back up, with symbolic links on the way followed.

    Raises:
        UsageError: It does not exist, cannot be read, or is neither a file nor a folder.
    """
    shown = path_text(path)
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "it is a loop of links"
        raise UsageError("path_unusable", f"{shown} cannot be backed up: {reason}.") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise UsageError("path_unusable", f"{shown} is neither a file nor a folder.")
    if not os.access(real, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        raise UsageError("path_unusable", f"{shown} cannot be backed up: you may not read it.")
    return real


def back_up(client: Client, request: BackupRequest, passwords: PasswordSource, out: Output) -> BackupReport:
    """Make a snapshot and see it listed. Whatever ends this early, running it again goes on from what was uploaded."""
    source = check_source(request.path)
    program = binary.find()
    terminus = None if request.terminus is None else lookup.terminus(client, request.terminus)
    task = lookup.backup_of(client, request.name, terminus)
    password: bytes | None = None
    is_first = task is None or task.snapshot_count == 0
    declared_bytes = limits.prepare_first_backup(client, source, out) if is_first else None
    if task is None:
        password = passwords.choose()
        task = _create(client, request, terminus)
        if terminus is None and task.terminus_name is not None:
            out.say(f"{task.name} belongs to your Terminus {task.terminus_name}.")
    _check_same_source(task, request)

    with store.write_keys(client, task, declared_bytes) as keys:
        store.check_reachable(keys.current.repository_url, keys.current.ca_certificate)
        with certificate_file(keys.current.ca_certificate) as ca_file:
            repository = Repository(
                binary=program,
                url=keys.current.repository_url,
                keys=store.keys_of(keys.current),
                password=password or b"",
                cache=config.cache_directory(),
                ca_file=ca_file,
                patience_seconds=store.patience_seconds(),
            )
            started_at = datetime.now(UTC)
            try:
                outcome = _Upload(client, task, keys, repository, passwords, out).run(source, request)
            except UploadsStopped as error:
                raise limits.stopped(client, error) from error
            return report_to_service(client, task, outcome, started_at, request.wait_seconds, out)


def fetch_key_files(client: Client, task: Backup) -> list[KeyFile] | None:
    """The repository's key files; empty before its first backup, None when this token may not see them."""
    try:
        answer = api.parse(KeyFiles, client.get(f"/backups/{task.backup_id}/key-files"))
    except ServerRefused as error:
        if error.code == "repository_missing":
            return []
        # Not allowed with this token, or asked too often: restic then checks the password itself.
        if error.status in (403, 429):
            return None
        raise
    return usable_key_files(answer.key_files)


def usable_key_files(answers: Sequence[KeyFileAnswer]) -> list[KeyFile]:
    try:
        return keyfile.parse_all((answer.name, answer.content) for answer in answers)
    except BadKeyFile as error:
        raise SpaceError("key_file_unusable", f"The repository's key file is not usable: {error}.") from error


class _Step(Enum):
    INIT = auto()
    TAKE_UP = auto()
    UNLOCK = auto()
    BACK_UP = auto()


class _Upload:
    """restic's part: begins with a backup, and each expected failure says what to do before trying again."""

    def __init__(
        self,
        client: Client,
        task: Backup,
        keys: store.WriteKeys,
        repository: Repository,
        passwords: PasswordSource,
        out: Output,
    ) -> None:
        self._client = client
        self._task = task
        self._keys = keys
        self._repository = repository
        self._passwords = passwords
        self._out = out
        self._has_unlocked = False
        self._missing_since: float | None = None
        self._half_made_since: float | None = None
        self._untried_hints: list[str] | None = None

    def run(self, source: Path, request: BackupRequest) -> BackupOutcome:
        self._settle_password()
        unfinished = config.directory() / f"unfinished-{self._task.backup_id}"
        step = _Step.TAKE_UP if unfinished.exists() else _Step.BACK_UP
        unfinished.touch(mode=0o600)
        outcome = self._steps(step, source, request)
        unfinished.unlink(missing_ok=True)
        return outcome

    def _steps(self, step: _Step, source: Path, request: BackupRequest) -> BackupOutcome:
        for _ in range(MAX_STEPS):
            try:
                match step:
                    case _Step.INIT:
                        self._init()
                    case _Step.TAKE_UP:
                        self._take_up()
                    case _Step.UNLOCK:
                        self._repository.unlock()
                    case _Step.BACK_UP:
                        return self._back_up(source, request)
                step = _Step.BACK_UP
            except SpaceError as error:
                step = self._next_step(step, error)
        raise SpaceError("backup_failed", "The backup was begun too many times without coming to an end.")

    def _back_up(self, source: Path, request: BackupRequest) -> BackupOutcome:
        with self._out.progress("Backing up") as on_progress:
            return self._repository.backup(
                source,
                tags=request.tags,
                excludes=request.excludes,
                exclude_files=request.exclude_files,
                on_progress=on_progress,
            )

    def _settle_password(self) -> None:
        """Check the password here where key files are known; otherwise restic is the first to tell."""
        key_files = fetch_key_files(self._client, self._task)
        password = self._repository.password
        if key_files:
            is_right = checker(key_files)
            if not password or not is_right(password):
                password = self._passwords.ask_until(is_right)
        elif not password:
            password = self._passwords.ask() if key_files is None else self._passwords.choose()
        self._repository = replace(self._repository, password=password)

    def _init(self) -> None:
        """Make the repository, unless another device is making it: two inits at once would spoil each other.

        On this machine they take turns; between machines the store gate lets one through and tells the others that
        the config exists already.
        """
        with config.locked(f"init-{self._task.backup_id}"):
            try:
                self._repository.init()
            except RepositoryExists:
                time.sleep(INIT_ELSEWHERE_SECONDS)

    def _take_up(self) -> None:
        """Make what an unfinished run uploaded count; where that cannot be done, the backup itself says why or goes on
        without."""
        try:
            self._repository.unlock()
            self._repository.repair_index()
        except (KeyMismatch, KeysExpired, StoreUnreachable, UploadsStopped):
            raise
        except ResticError:
            return

    def _next_step(self, step: _Step, error: SpaceError) -> _Step:
        match error:
            case RepositoryMissing():
                self._give_up_when_lost(error)
                return _Step.INIT
            case RepositoryHalfMade():
                self._wait_until_swept(error)
                return _Step.BACK_UP
            case KeysExpired():
                self._out.say("The store's keys have expired; going on with new ones.")
                self._keys.renew(error)
                self._repository = self._repository.with_keys(store.keys_of(self._keys.current))
                return _Step.UNLOCK if step is _Step.BACK_UP else step
            case RepositoryLocked() if not self._has_unlocked:
                self._has_unlocked = True
                return _Step.UNLOCK
            case KeyMismatch():
                self._try_another_key(error)
                return step
            case WrongPassword() if self._passwords.is_a_person:
                self._out.say("This password is wrong. Please try again (Ctrl-C stops).")
                self._repository = replace(self._repository, password=self._passwords.ask())
                return step
        raise error

    def _give_up_when_lost(self, error: RepositoryMissing) -> None:
        """A repository that is missing is made; one that had snapshots is not silently begun anew.

        Raises:
            SpaceError: `repository_lost`: there were snapshots, or init is refused and no other device is making it.
        """
        now = time.monotonic()
        if self._missing_since is None:
            self._missing_since = now
            is_lost = self._has_had_snapshots()
        else:
            is_lost = now - self._missing_since > LOST_AFTER_SECONDS
        if is_lost:
            raise SpaceError(
                "repository_lost",
                f"The repository of the backup task {self._task.name} was there and is not in the store any more.",
                hint="Tell whoever runs the store. To begin anew, use another --name.",
            ) from error

    def _has_had_snapshots(self) -> bool:
        path = f"/backups/{self._task.backup_id}/snapshots"
        statuses = ("successful", "missing", "damaged")
        return any(True for status in statuses for _ in self._client.items(path, {"status": status}))

    def _wait_until_swept(self, error: RepositoryHalfMade) -> None:
        """Give the service time to remove the keys of an interrupted init, or another device time to finish its own.

        Raises:
            SpaceError: `first_backup_interrupted`: the keys are there still.
        """
        now = time.monotonic()
        if self._half_made_since is None:
            self._half_made_since = now
            self._out.say("An earlier first backup of this task was interrupted, and what it left is being removed.")
            self._out.say(f"Trying again by itself for up to {HALF_MADE_SECONDS:.0f} seconds …")
        if now - self._half_made_since > HALF_MADE_SECONDS:
            raise SpaceError(
                "first_backup_interrupted",
                "An earlier first backup of this task was interrupted, and what it left is not removed yet.",
                hint="Run the same command again in two minutes.",
            ) from error
        time.sleep(HALF_MADE_POLL_SECONDS)
        # What was half made is not lost.
        self._missing_since = None

    def _try_another_key(self, error: KeyMismatch) -> None:
        """Of several key files that the password opens, one belongs to the repository: another init lost a race."""
        if self._untried_hints is None:
            key_files = fetch_key_files(self._client, self._task) or []
            password = self._repository.password
            self._untried_hints = [key_file.name for key_file in key_files if key_file.opens_with(password)]
        if not self._untried_hints:
            raise SpaceError(
                "key_mismatch",
                "Another device set this backup task up at the same moment, with another password.",
                hint="Run the command again with that password, or use another --name.",
            ) from error
        self._repository = replace(self._repository, key_hint=self._untried_hints.pop())


def _create(client: Client, request: BackupRequest, terminus: Terminus | None) -> Backup:
    body: JsonObject = {"name": request.name, "source": {"kind": "path", "path": path_text(request.path)}}
    if terminus is not None:
        body["terminus_id"] = str(terminus.terminus_id)
    try:
        return api.parse(Backup, client.post("/backups", body))
    except ServerRefused as error:
        taken_by = error.extra.get("backup_id")
        if error.code != "backup_name_taken" or taken_by is None:
            raise
        task = api.parse(Backup, client.get(f"/backups/{taken_by}"))
        if task.state != "active":
            raise SpaceError(
                "backup_deleting",
                f"The backup task {task.name} is being deleted.",
                hint=f"Keep it with `space undelete {task.name}`, or use another --name.",
            ) from error
        return task


def _check_same_source(task: Backup, request: BackupRequest) -> None:
    """Two folders under one name would take turns as its latest snapshot."""
    if request.moved or task.path is None or task.path == path_text(request.path):
        return
    raise SpaceError(
        "backup_of_another_path",
        f"The backup task {task.name} is of {task.path}, not of {path_text(request.path)}.",
        hint="Use another --name; or add --moved if the folder was moved.",
    )
