"""The end of a backup: telling the service of the snapshot, and seeing it listed."""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent import api
from agent.api import Client
from agent.config import JsonObject
from agent.errors import ExitCode, ServerRefused, SpaceError, Unreachable
from agent.output import Output
from agent.restic.messages import ItemError
from agent.restic.repository import BackupOutcome
from agent.wire import Backup, Snapshot

FIRST_POLL_SECONDS = 0.1
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class BackupReport:
    """A snapshot in the store; `status` is what the service says of it, or `unreported` when it could not be told."""

    backup: Backup
    restic_id: str
    snapshot_id: str | None
    status: str
    files: int
    bytes_processed: int
    bytes_added: int
    skipped: list[ItemError] = field(default_factory=list)
    skipped_count: int = 0

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.WARNINGS if self.skipped_count or self.status == "unreported" else ExitCode.OK


def report_to_service(
    client: Client, task: Backup, outcome: BackupOutcome, started_at: datetime, wait_seconds: float, out: Output
) -> BackupReport:
    summary = outcome.summary
    report = BackupReport(
        backup=task,
        restic_id=outcome.restic_id,
        snapshot_id=None,
        status="unreported",
        files=summary.count("total_files_processed"),
        bytes_processed=summary.count("total_bytes_processed"),
        bytes_added=summary.count("data_added_packed"),
        skipped=outcome.skipped,
        skipped_count=outcome.skipped_count,
    )
    body: JsonObject = {
        "restic_id": report.restic_id,
        "taken_at": str(summary.fields.get("backup_start") or started_at.isoformat()),
        "size_processed_bytes": report.bytes_processed,
        "size_added_bytes": report.bytes_added,
    }
    try:
        posted = api.parse(Snapshot, client.post(f"/backups/{task.backup_id}/snapshots", body))
        seen = _await_listing(client, posted, wait_seconds, out)
    except (Unreachable, ServerRefused) as error:
        out.warn(f"The snapshot is in the store, but the service could not be told: {error.message} It will find it.")
        return report
    if seen.status == "damaged":
        raise SpaceError(
            "snapshot_damaged", "The service found the snapshot damaged in the store.", hint="Back up again."
        )
    return replace(report, snapshot_id=str(seen.snapshot_id), status=seen.status)


def _await_listing(client: Client, posted: Snapshot, wait_seconds: float, out: Output) -> Snapshot:
    """The snapshot once the service has seen it in the store, or as it is when the time is up."""
    deadline = time.monotonic() + wait_seconds
    seen, pause = posted, FIRST_POLL_SECONDS
    while seen.status not in ("successful", "damaged") and time.monotonic() < deadline:
        time.sleep(min(pause, POLL_SECONDS, max(0.0, deadline - time.monotonic())))
        pause *= 2
        seen = api.parse(Snapshot, client.get(f"/snapshots/{posted.snapshot_id}"))
    return seen


def report_document(report: BackupReport) -> JsonObject:
    return {
        "backup_id": str(report.backup.backup_id),
        "name": report.backup.name,
        "snapshot_id": report.snapshot_id,
        "restic_id": report.restic_id,
        "status": report.status,
        "files": report.files,
        "size_processed_bytes": report.bytes_processed,
        "size_added_bytes": report.bytes_added,
        "skipped_count": report.skipped_count,
        "skipped": [{"path": error.item, "reason": error.message} for error in report.skipped],
    }
