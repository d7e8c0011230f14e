"""What is written of every restore, wherever it goes to: its timeline, and the event that says it is over."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from restore.models import Restore, TimelineEntry
from shared.events.base import Event
from shared.events.restore import RestoreCancelled, RestoreCompleted, RestoreFailed
from shared.outbox import publish


def write_move(session: AsyncSession, restore: Restore, now: datetime, source: str | None, trigger: str | None) -> None:
    """The history of a move that has just been made, which also gave it its number."""
    session.add(_entry(restore, "moved", now, source=source, trigger=trigger, code=restore.code, reason=restore.reason))


def add_entry(
    session: AsyncSession,
    restore: Restore,
    kind: str,
    now: datetime,
    *,
    code: str | None = None,
    reason: str | None = None,
) -> None:
    """Something that happened to a locked restore without a move."""
    restore.last_number += 1
    session.add(_entry(restore, kind, now, code=code, reason=reason))


def announce_end(session: AsyncSession, restore: Restore, now: datetime) -> None:
    """The event of a restore that is over; catalog ends the restore's keys when it reads it."""
    publish(session, _ending(restore, now))


def _entry(restore: Restore, kind: str, now: datetime, **rest: Any) -> TimelineEntry:
    return TimelineEntry(
        restore_id=restore.id,
        number=restore.last_number,
        recorded_at=now,
        kind=kind,
        state=restore.state,
        bytes_restored=restore.bytes_restored,
        files_restored=restore.files_restored,
        total_bytes=restore.total_bytes,
        warnings=restore.warnings,
        **rest,
    )


def _ending(restore: Restore, now: datetime) -> Event:
    which = {
        "owner_id": restore.owner_id,
        "restore_id": restore.id,
        "backup_id": restore.backup_id,
        "snapshot_id": restore.snapshot_id,
        "target": restore.target,
    }
    match restore.state:
        case "completed":
            said = {"bytes_restored": restore.bytes_restored, "warnings": restore.warnings, "completed_at": now}
            return RestoreCompleted.model_validate(which | said)
        case "failed":
            reason = restore.reason or "the client gave no reason"
            return RestoreFailed.model_validate(which | {"reason": reason, "failed_at": now})
        case _:
            return RestoreCancelled.model_validate(which | {"cancelled_at": now})
