"""Named reads and guarded writes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import RowMapping, case, delete, func, inspect, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from restore.domain import lifecycle, order
from restore.domain.lifecycle import State
from restore.models import CloudRestore, RedeemAttempts, Restore, Ticket, TimelineEntry

RATE_WINDOW = timedelta(minutes=1)

OPEN = (Restore.target == "cloud", Restore.ended_at.is_(None))
"""Restores to the cloud that are not over, as their index has them."""

# What an owner sees of a restore, and how it is called outside.
SHOWN = (
    Restore.id.label("restore_id"),
    Restore.target,
    Restore.state,
    Restore.code,
    Restore.reason,
    Restore.backup_id,
    Restore.backup_name,
    Restore.terminus_name,
    Restore.path,
    Restore.snapshot_id,
    Restore.restic_id,
    Restore.snapshot_taken_at,
    Restore.size_processed_bytes,
    Restore.bytes_restored,
    Restore.files_restored,
    Restore.total_bytes,
    Restore.warnings,
    Restore.created_at,
    Restore.updated_at,
    Restore.redeemed_at,
    Restore.ended_at,
    Restore.due_at.label("expires_at"),
    CloudRestore.provider,
    CloudRestore.region,
    CloudRestore.plan,
    CloudRestore.instance_name,
    CloudRestore.instance_id,
    CloudRestore.address,
    CloudRestore.payment,
    CloudRestore.compute,
    CloudRestore.data,
    CloudRestore.estimate_seconds,
)
# Beside that, what only the detail of a restore to the cloud has.
DETAIL = (
    CloudRestore.quote,
    CloudRestore.round,
    CloudRestore.round_key,
    CloudRestore.asked_because,
    CloudRestore.wrong_passwords,
    CloudRestore.password_not_before,
    CloudRestore.password_until,
)
ENTRY = (
    TimelineEntry.number,
    TimelineEntry.recorded_at,
    TimelineEntry.kind,
    TimelineEntry.source.label("previous_state"),
    TimelineEntry.state,
    TimelineEntry.code,
    TimelineEntry.reason,
    TimelineEntry.bytes_restored,
    TimelineEntry.files_restored,
    TimelineEntry.total_bytes,
    TimelineEntry.warnings,
)


async def list_restores(
    session: AsyncSession,
    owner_id: UUID,
    *,
    state: str | None,
    target: str | None,
    live: bool | None,
    backup_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[RowMapping]:
    """The owner's restores, newest first, and one row more than ``limit`` if there is one."""
    found = select(*SHOWN).outerjoin(CloudRestore).where(Restore.owner_id == owner_id)
    if target is not None:
        found = found.where(Restore.target == target)
    if state is not None:
        found = found.where(Restore.state == state)
    if live is not None:
        found = found.where(Restore.ended_at.is_(None) if live else Restore.ended_at.is_not(None))
    if backup_id is not None:
        found = found.where(Restore.backup_id == backup_id)
    if after is not None:
        found = found.where(tuple_(Restore.created_at, Restore.id) < after)
    found = found.order_by(Restore.created_at.desc(), Restore.id.desc()).limit(limit + 1)
    return (await session.execute(found)).mappings().all()


async def show(session: AsyncSession, owner_id: UUID, restore_id: UUID) -> RowMapping | None:
    """The owner's restore as it is shown, or None; another owner's restore is None too."""
    found = select(*SHOWN, *DETAIL).outerjoin(CloudRestore)
    found = found.where(Restore.id == restore_id, Restore.owner_id == owner_id)
    return (await session.execute(found)).mappings().one_or_none()


async def timeline(session: AsyncSession, restore_id: UUID, *, after: int, limit: int) -> Sequence[RowMapping]:
    """Entries with a number above ``after``, oldest first, and one more than ``limit`` if there is one."""
    found = (
        select(*ENTRY)
        .where(TimelineEntry.restore_id == restore_id, TimelineEntry.number > after)
        .order_by(TimelineEntry.number)
        .limit(limit + 1)
    )
    return (await session.execute(found)).mappings().all()


async def target_of(session: AsyncSession, owner_id: UUID, restore_id: UUID) -> str | None:
    """Where the owner's restore goes to; None when there is none."""
    return await session.scalar(select(Restore.target).where(Restore.id == restore_id, Restore.owner_id == owner_id))


async def state_of(session: AsyncSession, restore_id: UUID) -> str:
    return (await session.scalars(select(Restore.state).where(Restore.id == restore_id))).one()


async def lock(session: AsyncSession, restore_id: UUID, owner_id: UUID | None = None) -> Restore | None:
    """The restore, unchanged by others until the transaction ends; None also when it is not the given owner's."""
    found = select(Restore).where(Restore.id == restore_id)
    if owner_id is not None:
        found = found.where(Restore.owner_id == owner_id)
    return await session.scalar(found.with_for_update(), execution_options={"populate_existing": True})


async def is_new(session: AsyncSession, restore_id: UUID) -> bool:
    """Whether there is no such restore, of whatever owner; until the transaction ends nobody else finds that out."""
    lock = func.pg_advisory_xact_lock(func.hashtext("restores"), func.hashtext(str(restore_id)))
    await session.execute(select(lock))
    return await session.scalar(select(Restore.id).where(Restore.id == restore_id)) is None


async def find_ticket(session: AsyncSession, ticket_hash: bytes) -> Ticket | None:
    return await session.scalar(select(Ticket).where(Ticket.ticket_hash == ticket_hash))


async def bind(session: AsyncSession, restore_id: UUID, redeemer_hash: bytes) -> bool:
    """Compare-and-set the ticket's redeemer; False means that somebody redeemed it first."""
    bound = await session.scalar(
        update(Ticket)
        .where(Ticket.restore_id == restore_id, Ticket.redeemer_hash.is_(None))
        .values(redeemer_hash=redeemer_hash)
        .returning(Ticket.restore_id)
    )
    return bound is not None


async def move(session: AsyncSession, restore_id: UUID, source: State, target: State, now: datetime) -> Restore | None:
    """Compare-and-set the state; None means that another moved it first.

    Returns:
        The restore with ``last_number`` advanced: the number of the history row that goes with the move.
    """
    return await session.scalar(
        update(Restore)
        .where(Restore.id == restore_id, Restore.state == source)
        .values(
            state=target,
            updated_at=now,
            due_at=lifecycle.due_at(target, now),
            ended_at=now if target in lifecycle.OVER else None,
            last_number=Restore.last_number + 1,
        )
        .returning(Restore),
        execution_options={"populate_existing": True},
    )


async def forget_last_progress(session: AsyncSession, restore_id: UUID, number: int) -> None:
    """Make room for newer progress: drop the entry of that number if it is progress."""
    await session.execute(
        delete(TimelineEntry).where(
            TimelineEntry.restore_id == restore_id, TimelineEntry.number == number, TimelineEntry.kind == "progress"
        )
    )


async def claim_due(session: AsyncSession, now: datetime, limit: int) -> Sequence[Restore]:
    """Restores to local whose time is over, most overdue first; those another replica deals with are left to it."""
    return (
        await session.scalars(
            select(Restore)
            .where(Restore.due_at <= now, Restore.target == "local")
            .order_by(Restore.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()


async def open_restores_of_backup(
    session: AsyncSession, owner_id: UUID, backup_id: UUID, failed_since: datetime
) -> Sequence[Restore]:
    """The backup's restores to local that go on, or failed not long ago and may still go on; locked."""
    return (
        await session.scalars(
            select(Restore)
            .where(
                Restore.owner_id == owner_id,
                Restore.backup_id == backup_id,
                Restore.target == "local",
                Restore.state.not_in(lifecycle.TERMINAL),
                or_(Restore.state != State.FAILED, Restore.ended_at > failed_since),
            )
            .order_by(Restore.id)
            .with_for_update()
        )
    ).all()


async def lock_cloud(
    session: AsyncSession, restore_id: UUID, owner_id: UUID | None = None
) -> tuple[Restore, CloudRestore] | None:
    """A restore to the cloud, for this transaction alone; None also when it is not the given owner's, or to local."""
    found = select(Restore, CloudRestore).join(CloudRestore).where(Restore.id == restore_id)
    if owner_id is not None:
        found = found.where(Restore.owner_id == owner_id)
    # Both rows: after a wait PostgreSQL reads again only what it locks, and the other would be as it was before.
    locked = await session.execute(found.with_for_update(), execution_options={"populate_existing": True})
    row = locked.one_or_none()
    return None if row is None else (row[0], row[1])


async def find_cloud(session: AsyncSession, restore_id: UUID) -> tuple[Restore, CloudRestore] | None:
    """A restore to the cloud as it is now, for reading."""
    found = select(Restore, CloudRestore).join(CloudRestore).where(Restore.id == restore_id)
    row = (await session.execute(found)).one_or_none()
    return None if row is None else (row[0], row[1])


async def find_agent(session: AsyncSession, restore_id: UUID) -> tuple[UUID, bytes] | None:
    """The instance of a restore and the key that its agent signs with; None while there is none."""
    found = select(CloudRestore.instance_id, CloudRestore.agent_key).where(CloudRestore.restore_id == restore_id)
    row = (await session.execute(found)).one_or_none()
    return None if row is None or row[0] is None or row[1] is None else (row[0], row[1])


async def move_cloud(
    session: AsyncSession, restore: Restore, source: order.State, target: order.State, now: datetime
) -> bool:
    """Compare-and-set the state, advance ``last_number``, and write what else is new of the row by the same statement.

    Returns:
        False if another moved it first.
    """
    columns = inspect(restore).attrs
    values = {column.key: column.value for column in columns if column.history.has_changes()} | {
        "state": target,
        "updated_at": now,
        "due_at": order.due_at(target, now),
        "ended_at": now if target in order.TERMINAL else None,
        "last_number": restore.last_number + 1,
    }
    moved = await session.scalar(
        update(Restore).where(Restore.id == restore.id, Restore.state == source).values(values).returning(Restore.id),
        execution_options={"autoflush": False, "synchronize_session": False},
    )
    for name, value in values.items():
        set_committed_value(restore, name, value)
    return moved is not None


async def claim_due_cloud(session: AsyncSession, now: datetime, limit: int) -> Sequence[UUID]:
    """Restores to the cloud whose time is over, most overdue first, locked."""
    due = select(Restore.id).where(Restore.due_at <= now, Restore.target == "cloud").order_by(Restore.due_at)
    return (await session.scalars(due.limit(limit).with_for_update(skip_locked=True))).all()


async def claim_unquoted(session: AsyncSession, now: datetime, idle: timedelta, limit: int) -> Sequence[UUID]:
    """Restores that nobody has been getting a quote for lately; they are the claimer's for as long."""
    idle_ones = (
        select(Restore.id)
        .where(*OPEN, Restore.state == order.State.QUOTING, Restore.updated_at <= now - idle)
        .order_by(Restore.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = update(Restore).where(Restore.id.in_(idle_ones)).values(updated_at=now).returning(Restore.id)
    return (await session.scalars(claimed)).all()


async def open_cloud_restores_of_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID) -> Sequence[UUID]:
    """The backup's restores to the cloud that are not over."""
    found = select(Restore.id).where(
        Restore.owner_id == owner_id,
        Restore.backup_id == backup_id,
        *OPEN,
    )
    return (await session.scalars(found.order_by(Restore.id))).all()


async def parked(session: AsyncSession) -> Sequence[tuple[Restore, CloudRestore]]:
    """Restores that wait for an operator, the longest first."""
    found = select(Restore, CloudRestore).join(CloudRestore)
    found = found.where(*OPEN, Restore.state == order.State.NEEDS_OPERATOR).order_by(Restore.updated_at).limit(500)
    return [(row[0], row[1]) for row in await session.execute(found)]


async def count_open(session: AsyncSession) -> dict[str, int]:
    """How many restores to the cloud are in each state that is no end."""
    counted = select(Restore.state, func.count()).where(*OPEN)
    return {row[0]: row[1] for row in await session.execute(counted.group_by(Restore.state))}


async def count_attempt(session: AsyncSession, address: str, now: datetime) -> tuple[int, datetime]:
    """Count one more attempt from an address; how many there were in its current minute, and when that began."""
    over = RedeemAttempts.since <= now - RATE_WINDOW
    counted = (
        insert(RedeemAttempts)
        .values(address=address, since=now, attempts=1)
        .on_conflict_do_update(
            index_elements=[RedeemAttempts.address],
            set_={
                "since": case((over, now), else_=RedeemAttempts.since),
                "attempts": case((over, 1), else_=RedeemAttempts.attempts + 1),
            },
        )
        .returning(RedeemAttempts.attempts, RedeemAttempts.since)
    )
    attempts, since = (await session.execute(counted)).one()
    return attempts, since


async def forget_attempts(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(RedeemAttempts).where(RedeemAttempts.since <= now - RATE_WINDOW))
