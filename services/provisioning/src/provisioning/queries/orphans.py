"""Machines that no live instance is known for."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import TERMINAL
from provisioning.models import Instance, Orphan
from provisioning.ports import Machine


async def record(session: AsyncSession, provider: str, machine: Machine, due_at: datetime, now: datetime) -> bool:
    """Write an orphan down; one that is known and not yet gone stays as it is. False when it was known."""
    found = insert(Orphan).values(
        provider=provider,
        reference=machine.reference,
        region=machine.region,
        instance_id=machine.instance_id,
        state="found",
        found_at=now,
        due_at=due_at,
    )
    again = found.on_conflict_do_update(
        index_elements=[Orphan.provider, Orphan.reference],
        set_={"state": "found", "found_at": now, "due_at": due_at, "ended_at": None},
        where=Orphan.state == "returned",
    ).returning(Orphan.reference)
    return await session.scalar(again) is not None


async def due(session: AsyncSession, provider: str, now: datetime) -> Sequence[Orphan]:
    found = select(Orphan).where(Orphan.provider == provider, Orphan.state == "found", Orphan.due_at <= now)
    return (await session.scalars(found)).all()


async def list_orphans(session: AsyncSession) -> Sequence[Orphan]:
    return (await session.scalars(select(Orphan).order_by(Orphan.found_at.desc()).limit(500))).all()


async def lock(session: AsyncSession, provider: str, reference: str) -> Orphan | None:
    found = select(Orphan).where(Orphan.provider == provider, Orphan.reference == reference)
    return await session.scalar(found.with_for_update(), execution_options={"populate_existing": True})


async def in_use(session: AsyncSession, orphan: Orphan) -> bool:
    """Whether it is the machine of a live instance by now, or what such a one is looking for."""
    found = select(Instance.machine).where(Instance.id == orphan.instance_id, Instance.status.not_in(TERMINAL))
    row = (await session.execute(found)).one_or_none()
    return row is not None and row.machine in (None, orphan.reference)
