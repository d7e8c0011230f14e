"""Snapshots, and which of them can be restored."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.snapshots import Status
from catalog.models import Backup, Snapshot, Terminus
from catalog.queries.rows import AnyRow, AnySelect


def snapshot_columns() -> AnySelect:
    return select(
        Snapshot.id.label("snapshot_id"),
        Snapshot.backup_id,
        Snapshot.restic_id,
        Snapshot.status,
        Snapshot.kind,
        Snapshot.taken_at,
        Snapshot.size_processed_bytes,
        Snapshot.size_added_bytes,
        Snapshot.version,
        Snapshot.reported,
        Snapshot.discovered,
    )


async def list_snapshots(
    session: AsyncSession,
    backup_id: UUID,
    *,
    statuses: Sequence[Status],
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[AnyRow]:
    """A backup's snapshots, newest first."""
    query = snapshot_columns().where(Snapshot.backup_id == backup_id, Snapshot.status.in_(statuses))
    if after is not None:
        query = query.where(tuple_(Snapshot.taken_at, Snapshot.id) < after)
    query = query.order_by(Snapshot.taken_at.desc(), Snapshot.id.desc()).limit(limit + 1)
    return (await session.execute(query)).all()


async def read_snapshot(session: AsyncSession, owner_id: UUID, snapshot_id: UUID) -> AnyRow | None:
    """A snapshot as the list shows it; another owner's is None."""
    query = snapshot_columns().where(Snapshot.id == snapshot_id, Snapshot.owner_id == owner_id)
    return (await session.execute(query)).one_or_none()


async def find_restorable(
    session: AsyncSession, owner_id: UUID, *, backup_id: UUID | None, snapshot_id: UUID | None
) -> AnyRow | None:
    """The snapshot with what its restore must know; the latest successful one when only a backup is named."""
    query = (
        select(
            Snapshot.id.label("snapshot_id"),
            Backup.id.label("backup_id"),
            Backup.name.label("backup_name"),
            Backup.state.label("backup_state"),
            Terminus.name.label("terminus_name"),
            Snapshot.status,
            Snapshot.restic_id,
            Snapshot.taken_at,
            Snapshot.size_processed_bytes,
            case((Backup.kind == "path", Backup.source)).label("path"),
            Backup.repository,
            case((Backup.measured_at.is_not(None), Backup.storage_bytes)).label("storage_bytes"),
        )
        .join(Backup, Backup.id == Snapshot.backup_id)
        .outerjoin(Terminus, Terminus.id == Backup.terminus_id)
        .where(Snapshot.owner_id == owner_id)
    )
    if snapshot_id is not None:
        query = query.where(Snapshot.id == snapshot_id)
    if backup_id is not None:
        query = query.where(Snapshot.backup_id == backup_id)
    if snapshot_id is None:
        query = query.where(Snapshot.status == Status.SUCCESSFUL)
    query = query.order_by(Snapshot.taken_at.desc(), Snapshot.id.desc()).limit(1)
    return (await session.execute(query)).one_or_none()
