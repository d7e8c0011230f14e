"""Instances: the lists their owners see, and the rows that work is done on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, RowMapping, Select, Uuid, any_, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.lifecycle import HEARD, TERMINAL, Status
from provisioning.models import Instance, PlanPrice, Unwanted

# What an owner sees of an instance, and how it is called outside.
SHOWN = (
    Instance.id.label("instance_id"),
    Instance.name,
    Instance.status,
    Instance.code,
    Instance.reason,
    Instance.stuck_at.is_not(None).label("needs_operator"),
    Instance.provider,
    Instance.region,
    Instance.plan,
    Instance.address,
    Instance.restore_id,
    Instance.created_at,
    Instance.updated_at,
    Instance.started_at,
    Instance.ended_at,
    Instance.heard_at,
    Instance.agent_version,
    Instance.olares_version,
    Instance.traffic_bytes,
    Instance.disk_bytes,
    Instance.measured_at,
    PlanPrice.included_traffic_bytes,
    PlanPrice.included_storage_bytes,
)

SWEPT = (
    Instance.id,
    Instance.status,
    Instance.code,
    Instance.place,
    Instance.machine,
    Instance.missing_since,
    Instance.ended_at,
)
"""Rows of the ORM would cost a sweep many times as much."""


def _shown(owner_id: UUID) -> "Select[*tuple[Any, ...]]":
    priced = (
        (PlanPrice.provider == Instance.provider)
        & (PlanPrice.region == Instance.region)
        & (PlanPrice.plan == Instance.plan)
    )
    return select(*SHOWN).outerjoin(PlanPrice, priced).where(Instance.owner_id == owner_id)


async def list_instances(
    session: AsyncSession,
    owner_id: UUID,
    *,
    status: Status | None,
    name: str | None,
    live: bool | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[RowMapping]:
    """The owner's instances, newest first, and one row more than ``limit`` if there is one."""
    found = _shown(owner_id)
    if status is not None:
        found = found.where(Instance.status == status)
    if name is not None:
        found = found.where(Instance.name == name)
    if live is not None:
        found = found.where(Instance.status.not_in(TERMINAL) if live else Instance.status.in_(TERMINAL))
    if after is not None:
        found = found.where(tuple_(Instance.created_at, Instance.id) < after)
    found = found.order_by(Instance.created_at.desc(), Instance.id.desc()).limit(limit + 1)
    return (await session.execute(found)).mappings().all()


async def show(session: AsyncSession, owner_id: UUID, instance_id: UUID) -> RowMapping | None:
    """The owner's instance as it is shown, or None; another owner's instance is None too."""
    found = _shown(owner_id).where(Instance.id == instance_id)
    return (await session.execute(found)).mappings().one_or_none()


async def lock(session: AsyncSession, instance_id: UUID, owner_id: UUID | None = None) -> Instance | None:
    """The instance, locked until the transaction ends; with an owner, only theirs."""
    found = select(Instance).where(Instance.id == instance_id)
    if owner_id is not None:
        found = found.where(Instance.owner_id == owner_id)
    return await session.scalar(found.with_for_update(), execution_options={"populate_existing": True})


async def hold(session: AsyncSession, instance_id: UUID) -> None:
    """Until the transaction ends, nobody else who holds it makes or calls off this instance, known or not."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(instance_id.hex, 0))))


async def holder_of(session: AsyncSession, owner_id: UUID, name: str) -> Instance | None:
    """The owner's live instance of that name."""
    return await session.scalar(
        select(Instance).where(Instance.owner_id == owner_id, Instance.name == name, Instance.status.not_in(TERMINAL))
    )


async def move(session: AsyncSession, instance: Instance, target: Status, now: datetime, **values: Any) -> bool:
    """Compare-and-set the status and its history's number; False means that another moved it first."""
    moved = await session.scalar(
        update(Instance)
        .where(Instance.id == instance.id, Instance.status == instance.status)
        .values(status=target, updated_at=now, last_number=Instance.last_number + 1, **values)
        .returning(Instance),
        execution_options={"populate_existing": True},
    )
    return moved is not None


async def claim_due(
    session: AsyncSession, now: datetime, until: datetime, limit: int, among: ColumnElement[bool] | None = None
) -> Sequence[UUID]:
    """Instances with something to be done, longest due first; nobody else claims them before ``until``.

    Those that another replica deals with are left to it.
    """
    due = select(Instance.id).where(Instance.due_at <= now).order_by(Instance.due_at).limit(limit)
    if among is not None:
        due = due.where(among)
    claimed = (await session.scalars(due.with_for_update(skip_locked=True))).all()
    if claimed:
        await session.execute(update(Instance).where(Instance.id.in_(claimed)).values(due_at=until))
    return claimed


async def claim_silent(session: AsyncSession, before: datetime, limit: int) -> Sequence[Instance]:
    """Instances whose agent should be heard and was not since ``before``."""
    return (
        await session.scalars(
            select(Instance)
            # Whatever has such a status was heard once.
            .where(Instance.status.in_(HEARD), Instance.heard_at < before, Instance.updated_at < before)
            .order_by(Instance.heard_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()


async def live_of_provider(session: AsyncSession, provider: str) -> Mapping[UUID, RowMapping]:
    """What a sweep must know of a provider's instances that are not over."""
    found = select(*SWEPT).where(Instance.provider == provider, Instance.status.not_in(TERMINAL))
    return {row["id"]: row for row in (await session.execute(found)).mappings()}


async def swept(session: AsyncSession, instance_ids: Collection[UUID]) -> Mapping[UUID, RowMapping]:
    """The same of these instances, whatever has become of them; those that are not known are left out."""
    # One array: as parameters of their own they would be too many for the protocol.
    ids = literal(list(instance_ids), ARRAY(Uuid()))
    rows = await session.execute(select(*SWEPT).where(Instance.id == any_(ids)))
    return {row["id"]: row for row in rows.mappings()}


async def stuck(session: AsyncSession) -> Sequence[Instance]:
    found = select(Instance).where(Instance.stuck_at.is_not(None)).order_by(Instance.stuck_at)
    return (await session.scalars(found)).all()


async def call_off(session: AsyncSession, instance_id: UUID, owner_id: UUID, now: datetime) -> bool:
    """Remember an instance nobody has heard of as unwanted; False when that is known already."""
    heard = insert(Unwanted).values(instance_id=instance_id, owner_id=owner_id, heard_at=now)
    return await session.scalar(heard.on_conflict_do_nothing().returning(Unwanted.instance_id)) is not None


async def is_called_off(session: AsyncSession, instance_id: UUID) -> bool:
    return await session.get(Unwanted, instance_id) is not None
