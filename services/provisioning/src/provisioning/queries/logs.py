"""Logs: the lines that owners read, and the end of old ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import Status
from provisioning.models import Instance, LogLine

SHOWN = (LogLine.number, LogLine.logged_at, LogLine.source, LogLine.line)


@dataclass(frozen=True)
class Head:
    """Where a log stands: its instance's status, and the number of its newest line."""

    status: Status
    last_line: int


async def head(session: AsyncSession, owner_id: UUID, instance_id: UUID) -> Head | None:
    """None for an instance that there is not, or that is another owner's."""
    found = select(Instance.status, Instance.last_line).where(Instance.id == instance_id, Instance.owner_id == owner_id)
    row = (await session.execute(found)).one_or_none()
    return None if row is None else Head(Status(row.status), row.last_line)


async def lines(session: AsyncSession, instance_id: UUID, *, after: int, limit: int) -> Sequence[RowMapping]:
    """Lines with a number above ``after``, oldest first, and one more than ``limit`` if there is one."""
    found = (
        select(*SHOWN)
        .where(LogLine.instance_id == instance_id, LogLine.number > after)
        .order_by(LogLine.number)
        .limit(limit + 1)
    )
    return (await session.execute(found)).mappings().all()


async def last_source_number(session: AsyncSession, instance_id: UUID) -> int:
    """The agent's own number of its newest line; 0 before its first."""
    found = select(func.max(LogLine.source_number)).where(LogLine.instance_id == instance_id)
    return await session.scalar(found) or 0


async def add(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    await session.execute(insert(LogLine), rows)


async def forget_up_to(session: AsyncSession, instance_id: UUID, number: int) -> None:
    await session.execute(delete(LogLine).where(LogLine.instance_id == instance_id, LogLine.number <= number))


async def forget_beyond(session: AsyncSession, kept: int) -> int:
    """Forget what is older than the newest ``kept`` lines of each log; how many lines."""
    long = (Instance.id == LogLine.instance_id) & (Instance.last_line > kept)
    return await _forget(session, long & (LogLine.number <= Instance.last_line - kept))


async def forget_ended(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forget the whole logs of at most ``limit`` instances that ended before then; how many lines."""
    has_lines = select(LogLine.number).where(LogLine.instance_id == Instance.id).exists()
    ended = select(Instance.id).where(Instance.ended_at <= before, has_lines).limit(limit)
    return await _forget(session, LogLine.instance_id.in_(ended))


async def _forget(session: AsyncSession, lines: ColumnElement[bool]) -> int:
    gone = delete(LogLine).where(lines).returning(LogLine.number).execution_options(synchronize_session=False)
    return len((await session.execute(gone)).all())
