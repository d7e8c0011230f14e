"""Restoring to this machine: from a ticket to a verified folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx

from agent import api, config, lookup, session, store
from agent.api import TIMEOUT, Client
from agent.backing_up import usable_key_files
from agent.config import JsonObject
from agent.errors import (
    ExitCode,
    KeysExpired,
    ServerRefused,
    SpaceError,
    UsageError,
)
from agent.output import Output, path_text, size_text, time_text
from agent.passwords import PasswordSource
from agent.reporting import REPORT_TIMEOUT, Reporter
from agent.restic import binary, messages
from agent.restic.repository import Repository, RestoreOutcome, SnapshotRecord, certificate_file
from agent.restore_target import NOTE_NAME, Note, Target
from agent.retrieval import Retrieval, difference, fault_lines
from agent.wire import Backup, Redeemed, Snapshot, Ticket

MAX_RUNS = 50

ResultT = TypeVar("ResultT")
_TICKET_IS_OVER = frozenset({"ticket_expired", "ticket_spent", "ticket_unknown", "restore_ended", "restore_not_found"})


@dataclass(frozen=True)
class RestoreRequest:
    """Exactly one of `ticket` and `backup` is given; `snapshot` refines the latter."""

    target: Path
    ticket: str | None = None
    backup: str | None = None
    snapshot: str | None = None
    origin: str | None = None
    overwrite: bool = False
    ca_file: Path | None = None


@dataclass(frozen=True)
class RestoreReport:
    restore_id: str
    backup_name: str
    restic_id: str
    target: Path
    folder: Path
    files: int
    bytes_restored: int
    warnings: list[str]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.WARNINGS if self.warnings else ExitCode.OK


def restore(request: RestoreRequest, source: PasswordSource, out: Output) -> RestoreReport:
    """Restore into a folder and verify it; an interrupted restore goes on when the same command is run again."""
    program = binary.find()
    target = Target(request.target, overwrite=request.overwrite)
    began_before = target.note is not None
    redemption = _begin(request, target, out)
    if began_before:
        out.say(f"Going on with the unfinished restore in {target}.")
    redeemed = redemption.answer
    out.say(f"{redeemed.backup_name}, snapshot of {time_text(redeemed.snapshot.taken_at.isoformat())}.")
    store.check_reachable(redeemed.repository_url, redeemed.ca_certificate)
    with certificate_file(redeemed.ca_certificate) as ca_file, redemption.client(REPORT_TIMEOUT) as client:
        secret = redemption.note.redeemer_secret.get_secret_value()
        reporter = Reporter(client, redeemed.restore_id, secret, out)
        repository = Repository(
            binary=program,
            url=redeemed.repository_url,
            keys=store.keys_of(redeemed),
            password=b"",
            cache=config.cache_directory(),
            ca_file=ca_file,
            patience_seconds=store.patience_seconds(),
        )
        try:
            report = _Download(redemption, repository, source, reporter, out).run()
        except SpaceError as error:
            reporter.failed(error)
            raise
        reporter.completed(files=report.files, size_bytes=report.bytes_restored, warnings=len(report.warnings))
    target.forget()
    return report


class Redemption:
    """The right to read one snapshot; bound to the secret in the target's note, so it can be used again."""

    def __init__(self, target: Target, note: Note, ca_file: Path | None) -> None:
        self.target = target
        self._ca_file = ca_file
        self.note = note
        self._renewals = store.Renewals()
        self.answer = self._redeem()

    def renew(self, error: KeysExpired) -> None:
        self._renewals.note(error)
        self.answer = self._redeem()

    def client(self, timeout: httpx.Timeout = TIMEOUT) -> Client:
        """To the origin that the ticket is of, not signed in."""
        return Client(
            self.note.origin, ca_file=self._ca_file or session.kept_ca_file(self.note.origin), timeout=timeout
        )

    def _redeem(self) -> Redeemed:
        body: JsonObject = {
            "ticket": self.note.ticket.get_secret_value(),
            "redeemer_secret": self.note.redeemer_secret.get_secret_value(),
        }
        with self.client() as client:
            return api.parse(Redeemed, client.post("/tickets/redeem", body, authorised=False))


def report_document(report: RestoreReport) -> JsonObject:
    return {
        "restore_id": report.restore_id,
        "backup_name": report.backup_name,
        "restic_id": report.restic_id,
        "target": path_text(report.target),
        "folder": path_text(report.folder),
        "files": report.files,
        "bytes_restored": report.bytes_restored,
        "verified": True,
        "warnings": report.warnings,
    }


def _begin(request: RestoreRequest, target: Target, out: Output) -> Redemption:
    if request.ticket is not None:
        return _begin_with_ticket(request, request.ticket, target)
    return _begin_signed_in(request, target, out)


def _begin_with_ticket(request: RestoreRequest, ticket: str, target: Target) -> Redemption:
    before = target.note
    if before is not None and before.ticket.get_secret_value() == ticket:
        return Redemption(target, before, request.ca_file)
    began_empty = target.is_empty if before is None else before.began_empty
    note = Note.fresh(session.origin(request.origin), ticket, backup_id=None, began_empty=began_empty)
    return _redeem_first(request, target, note, before)


def _begin_signed_in(request: RestoreRequest, target: Target, out: Output) -> Redemption:
    assert request.backup is not None
    with session.open_client(request.origin, request.ca_file) as client:
        task = api.parse(Backup, lookup.backup(client, request.backup))
        before = target.note
        snapshot_id = _unfinished_snapshot(client, request, task, before)
        if before is not None and snapshot_id is not None:
            try:
                return Redemption(target, before, request.ca_file)
            except ServerRefused as error:
                if error.code not in _TICKET_IS_OVER:
                    raise
                out.say("The ticket of the unfinished restore is over; going on with a new one.")
        if snapshot_id is None:
            wanted = lookup.snapshot(client, task.backup_id, request.snapshot or lookup.LATEST)
            snapshot_id = str(wanted.snapshot_id)
        ticket = api.parse(Ticket, client.post("/tickets", {"snapshot_id": snapshot_id}))
        note = Note.fresh(
            client.origin,
            ticket.ticket.get_secret_value(),
            backup_id=str(task.backup_id),
            began_empty=target.is_empty if before is None else before.began_empty,
        )
        return _redeem_first(request, target, note, before)


def _unfinished_snapshot(client: Client, request: RestoreRequest, task: Backup, before: Note | None) -> str | None:
    """The snapshot of the unfinished restore in the target if this command means the same one; None to begin anew."""
    if before is None or before.snapshot_id is None:
        return None
    if request.snapshot in (None, lookup.LATEST):
        listed = client.items(f"/backups/{task.backup_id}/snapshots", {"status": "successful"})
        found = [api.parse(Snapshot, item) for item in listed]
        if any(str(candidate.snapshot_id) == before.snapshot_id for candidate in found):
            return before.snapshot_id
        wanted = None
    else:
        assert request.snapshot is not None
        wanted = str(lookup.snapshot(client, task.backup_id, request.snapshot).snapshot_id)
    if wanted != before.snapshot_id and not request.overwrite:
        raise _another_restore()
    return wanted if wanted == before.snapshot_id else None


def _redeem_first(request: RestoreRequest, target: Target, note: Note, before: Note | None) -> Redemption:
    """Bind a ticket to a new secret, which is on disk before it is sent: the answer may get lost."""
    target.keep(note)
    try:
        redemption = Redemption(target, note, request.ca_file)
    except ServerRefused as error:
        if error.code in _TICKET_IS_OVER:
            _put_back(target, before)
        raise
    snapshot_id = str(redemption.answer.snapshot.snapshot_id)
    if before is not None and before.snapshot_id not in (None, snapshot_id) and not request.overwrite:
        _put_back(target, before)
        raise _another_restore()
    redemption.note = note.model_copy(update={"snapshot_id": snapshot_id})
    target.keep(redemption.note)
    return redemption


def _put_back(target: Target, before: Note | None) -> None:
    if before is None:
        target.abandon()
    else:
        target.keep(before)


def _another_restore() -> SpaceError:
    return UsageError(
        "target_of_another_restore",
        "The folder holds an unfinished restore of another snapshot.",
        hint="Choose another folder with --to, or add --overwrite.",
    )


class _Download:
    """restic's part: the password, where in the folder things land, and what is done when keys expire."""

    def __init__(
        self, redemption: Redemption, repository: Repository, source: PasswordSource, reporter: Reporter, out: Output
    ) -> None:
        self._redemption = redemption
        self._source = source
        self._reporter = reporter
        self._out = out
        self._target = redemption.target
        # A backed-up folder may hold such a note of its own; it must not replace ours.
        self._retrieval = Retrieval(
            repository, usable_key_files(redemption.answer.key_files), self._target.path, kept_name=NOTE_NAME
        )

    def run(self) -> RestoreReport:
        self._retrieval.use_password(self._source.ask_until(self._retrieval.is_right))
        restic_id = self._redemption.answer.snapshot.restic_id
        record = self._recovering(lambda: self._retrieval.snapshot(restic_id))
        self._warn_if_too_large(record)
        self._reporter.restoring()
        folder, outcome = self._recovering(lambda: self._restore(record))
        return self._report(record, folder, outcome)

    def _restore(self, record: SnapshotRecord) -> tuple[Path, RestoreOutcome]:
        with self._out.progress("Restoring") as on_progress:
            return self._retrieval.restore(record, self._reporter.watching(on_progress))

    def _recovering(self, run: Callable[[], ResultT]) -> ResultT:
        """Run until it succeeds, with new keys when they expire."""
        for _ in range(MAX_RUNS):
            try:
                return run()
            except KeysExpired as error:
                self._out.say("The store's keys have expired; going on with new ones.")
                self._redemption.renew(error)
                self._retrieval.use_keys(store.keys_of(self._redemption.answer))
                self._reporter.restoring()
        raise SpaceError("restore_failed", "The restore was begun too many times without coming to an end.")

    def _warn_if_too_large(self, record: SnapshotRecord) -> None:
        free_bytes = self._target.free_bytes()
        if self._target.is_empty and record.size_bytes is not None and record.size_bytes > free_bytes:
            self._out.warn(
                f"The snapshot holds {size_text(record.size_bytes)}, the disk has {size_text(free_bytes)} left."
            )

    def _report(self, record: SnapshotRecord, folder: Path, outcome: RestoreOutcome) -> RestoreReport:
        summary = outcome.summary or messages.Summary({})
        answer = self._redemption.answer
        return RestoreReport(
            restore_id=str(answer.restore_id),
            backup_name=answer.backup_name,
            restic_id=record.restic_id,
            target=self._target.path,
            folder=folder,
            files=record.files if record.files is not None else self._target.count()[0] - 1,
            bytes_restored=summary.count("bytes_restored") + summary.count("bytes_skipped"),
            warnings=fault_lines(outcome) + self._difference(record),
        )

    def _difference(self, record: SnapshotRecord) -> list[str]:
        if not self._redemption.note.began_empty:
            return []
        note_bytes = (self._target.path / NOTE_NAME).lstat().st_size
        files, size_bytes = self._target.count()
        return difference(record, files - 1, size_bytes - note_bytes)
