"""Samples, levels and meters."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.meter import Level, Sample
from billing.models import Meter, MeteredBackup, Reservation, StorageSample
from billing.queries.bulk import table_of


async def add_samples(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[tuple[UUID, datetime]]:
    """Store samples; the natural keys of those that were not there."""
    # Rows given apart from the statement: it is compiled once, and not for each number of rows anew.
    made = (
        insert(table_of(StorageSample))
        .on_conflict_do_nothing()
        .returning(StorageSample.backup_id, StorageSample.measured_at)
    )
    return {(row.backup_id, row.measured_at) for row in await session.execute(made, list(rows))}


async def find_meters(session: AsyncSession, owner_ids: Iterable[UUID]) -> dict[UUID, Meter]:
    rows = await session.scalars(select(Meter).where(Meter.owner_id.in_(list(owner_ids))))
    return {meter.owner_id: meter for meter in rows}


async def find_levels(session: AsyncSession, owner_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, Level]]:
    """What each backup of these owners holds, as last measured, by owner."""
    found = select(
        MeteredBackup.owner_id,
        MeteredBackup.backup_id,
        MeteredBackup.terminus_id,
        MeteredBackup.storage_bytes,
        MeteredBackup.has_snapshot,
    ).where(MeteredBackup.owner_id.in_(list(owner_ids)))
    levels: dict[UUID, dict[UUID, Level]] = defaultdict(dict)
    for row in await session.execute(found):
        level = Level(row.backup_id, row.terminus_id, row.storage_bytes, row.has_snapshot)
        levels[row.owner_id][row.backup_id] = level
    return levels


async def levels_before(session: AsyncSession, owner_id: UUID, at: datetime) -> dict[UUID, Level]:
    """What each backup of an owner held just before an instant, by its last sample then: a look-up for each backup."""
    last = (
        select(StorageSample.terminus_id, StorageSample.storage_bytes, StorageSample.has_snapshot)
        .where(StorageSample.backup_id == MeteredBackup.backup_id, StorageSample.measured_at < at)
        .order_by(StorageSample.measured_at.desc())
        .limit(1)
        .lateral()
    )
    found = (
        select(MeteredBackup.backup_id, last.c.terminus_id, last.c.storage_bytes, last.c.has_snapshot)
        .join(last, true())
        .where(MeteredBackup.owner_id == owner_id)
    )
    return {row.backup_id: Level(*row) for row in await session.execute(found)}


async def samples_between(session: AsyncSession, owner_id: UUID, start: datetime, end: datetime) -> list[Sample]:
    """An owner's samples from ``start`` on and before ``end``."""
    found = (
        select(
            StorageSample.measured_at,
            StorageSample.backup_id,
            StorageSample.terminus_id,
            StorageSample.storage_bytes,
            StorageSample.has_snapshot,
        )
        .where(StorageSample.owner_id == owner_id, StorageSample.measured_at >= start, StorageSample.measured_at < end)
        .order_by(StorageSample.measured_at)
    )
    rows = await (await session.connection()).execute(found)
    return [
        Sample(measured_at, Level(backup_id, terminus_id, size, has_snapshot))
        for measured_at, backup_id, terminus_id, size, has_snapshot in rows.all()
    ]


async def save_levels(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """What backups hold as last measured; an older word changes nothing but a name that was missing."""
    if not rows:
        return
    made = insert(table_of(MeteredBackup))
    newer: ColumnElement[bool] = (
        func.coalesce(MeteredBackup.measured_at, func.to_timestamp(0)) <= made.excluded.measured_at
    )
    columns = ("terminus_id", "measured_at", "storage_bytes", "has_snapshot")
    await session.execute(
        made.on_conflict_do_update(
            index_elements=["backup_id"],
            set_={name: case((newer, made.excluded[name]), else_=getattr(MeteredBackup, name)) for name in columns},
        ),
        list(rows),
    )


async def name_backup(
    session: AsyncSession, owner_id: UUID, backup_id: UUID, terminus_id: UUID | None, name: str
) -> None:
    """Remember what a backup is called; its level is left as it is."""
    made = insert(MeteredBackup).values(
        backup_id=backup_id, owner_id=owner_id, terminus_id=terminus_id, name=name, storage_bytes=0, has_snapshot=False
    )
    await session.execute(made.on_conflict_do_update(index_elements=["backup_id"], set_={"name": name}))


async def settle_guesses(session: AsyncSession, measured: Mapping[UUID, datetime], now: datetime) -> None:
    """End what was reserved by a guess for backups that were measured since."""
    open_ones = select(Reservation.id, Reservation.backup_id, Reservation.created_at).where(
        Reservation.backup_id.in_(list(measured)), Reservation.ended_at.is_(None), ~Reservation.declared
    )
    ended = [row.id for row in await session.execute(open_ones) if row.created_at < measured[row.backup_id]]
    if ended:
        await session.execute(update(Reservation).where(Reservation.id.in_(ended)).values(ended_at=now))


async def backup_names(session: AsyncSession, owner_id: UUID) -> dict[UUID, str | None]:
    """What an owner's backups are called."""
    found = select(MeteredBackup.backup_id, MeteredBackup.name).where(MeteredBackup.owner_id == owner_id)
    return {row.backup_id: row.name for row in await session.execute(found)}
