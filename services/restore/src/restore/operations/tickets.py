"""Restores to a machine of the owner's: tickets, who redeems them, what their clients report."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from restore import errors, queries
from restore.catalog_client import CatalogClient, RestorableSnapshot, RestoreKeys
from restore.domain import lifecycle, ticket
from restore.domain.lifecycle import State, Trigger
from restore.domain.ticket import Redemption
from restore.domain.transitions import IllegalTransition
from restore.models import Restore, Ticket
from restore.operations.history import add_entry, announce_end, write_move
from restore.operations.progress import PROGRESS_EVERY, Progress, note
from shared.db import Database

TICKET_PREFIX = "srt_"
TICKET_BYTES = 32
DUE_BATCH = 100

REPORTS = MappingProxyType(
    {
        State.RESTORING: Trigger.START,
        State.VERIFYING: Trigger.VERIFY,
        State.COMPLETED: Trigger.COMPLETE,
        State.FAILED: Trigger.FAIL,
    }
)
"""What a client may report, and what that triggers."""


@dataclass(frozen=True)
class Issued:
    """A restore and its ticket, which is shown this once."""

    restore_id: UUID
    ticket: str
    expires_at: datetime


@dataclass(frozen=True)
class Redeemed:
    """What a redeemed ticket gives."""

    restore: Restore
    keys: RestoreKeys


async def issue_ticket(session: AsyncSession, owner_id: UUID, snapshot: RestorableSnapshot, now: datetime) -> Issued:
    """Make a restore of the snapshot and the ticket that its client will redeem."""
    secret = TICKET_PREFIX + secrets.token_urlsafe(TICKET_BYTES)
    expires_at = now + lifecycle.TICKET_LIFE
    restore = Restore(
        id=uuid4(),
        owner_id=owner_id,
        target="local",
        backup_id=snapshot.backup_id,
        snapshot_id=snapshot.snapshot_id,
        backup_name=snapshot.backup_name,
        terminus_name=snapshot.terminus_name,
        path=snapshot.path,
        restic_id=snapshot.restic_id,
        snapshot_taken_at=snapshot.taken_at,
        size_processed_bytes=snapshot.size_processed_bytes,
        state=State.READY,
        warnings=0,
        created_at=now,
        updated_at=now,
        due_at=expires_at,
        last_number=1,
    )
    session.add(restore)
    await session.flush()
    session.add(Ticket(restore_id=restore.id, ticket_hash=ticket.digest(secret), expires_at=expires_at))
    write_move(session, restore, now, None, None)
    return Issued(restore.id, secret, expires_at)


async def admit_redeemer(session: AsyncSession, address: str, limit: int, now: datetime) -> int | None:
    """Count an attempt to redeem.

    Returns:
        None if the address may go on, else how many seconds it should wait. It does not raise, so that the attempt
        stays counted.
    """
    attempts, since = await queries.count_attempt(session, address, now)
    if attempts <= limit:
        return None
    return max(1, round((since + queries.RATE_WINDOW - now).total_seconds()))


async def redeem_ticket(
    database: Database, catalog: CatalogClient, *, ticket_hash: bytes, redeemer_hash: bytes, now: datetime
) -> Redeemed:
    """Bind the ticket to its redeemer and fetch keys; the same redeemer may come again.

    The binding is committed before catalog is asked: whoever was first stays first, also when no keys can be had yet.

    Raises:
        TicketUnknown: If there is no such ticket.
        TicketSpent: If another secret redeemed it, or its restore is completed.
        TicketExpired: If its time is over, for the first redemption or for a later one.
        RestoreEnded: If the restore was cancelled or its backup deleted.
        ServiceUnavailable: If catalog does not answer in time; the same redeemer may try again.
    """
    async with database.transaction() as session:
        restore = await _claim(session, ticket_hash, redeemer_hash, now)
    try:
        keys = await catalog.issue_keys(restore.owner_id, restore.id, restore.snapshot_id)
    except (errors.BackupDeleted, errors.BackupNotFound, errors.SnapshotNotFound) as error:
        raise errors.RestoreEnded(error.detail) from error
    async with database.transaction() as session:
        current = await _locked(session, restore.id)
        state = State(current.state)
        if state in lifecycle.OVER:
            # It ended while catalog was making the keys: say so once more, so that these end as well.
            announce_end(session, current, now)
        else:
            add_entry(session, current, "keys_issued", now)
    if state in lifecycle.OVER:
        raise _ended(current)
    return Redeemed(current, keys)


async def _claim(session: AsyncSession, ticket_hash: bytes, redeemer_hash: bytes, now: datetime) -> Restore:
    found = await queries.find_ticket(session, ticket_hash)
    if found is None:
        raise errors.TicketUnknown("There is no such ticket. Check that it was copied whole, or ask for a new one.")
    restore = await _locked(session, found.restore_id)
    # Read again: whoever redeemed while we waited for the lock is the first.
    await session.refresh(found)
    verdict = ticket.judge(
        bound_to=found.redeemer_hash,
        redeemer=redeemer_hash,
        expires_at=found.expires_at,
        heard_at=restore.heard_at,
        now=now,
    )
    if verdict is Redemption.SPENT:
        raise _spent()
    if restore.state in (State.COMPLETED, State.CANCELLED):
        raise _ended(restore)
    if verdict is Redemption.TOO_LATE or restore.state == State.EXPIRED:
        raise errors.TicketExpired("The time of this ticket is over. Ask for a new one.")
    if verdict is Redemption.FIRST and not await queries.bind(session, restore.id, redeemer_hash):
        raise _spent()
    restore.redeemed_at = restore.redeemed_at or now
    restore.heard_at = now
    restore.reason = None
    return await _move(session, restore, Trigger.REDEEM, now)


async def record_report(
    session: AsyncSession,
    restore_id: UUID,
    *,
    redeemer_hash: bytes,
    state: State,
    progress: Progress,
    reason: str | None,
    now: datetime,
) -> None:
    """Act on what the restoring client says; a late or repeated report changes nothing.

    Raises:
        RestoreNotFound: If there is no such restore, or the secret is not its redeemer's.
        RestoreEnded: If the restore was cancelled or has expired, so that the client stops.
    """
    restore = await queries.lock(session, restore_id)
    found = await session.get(Ticket, restore_id)
    if restore is None or found is None or not ticket.is_bound_to(found.redeemer_hash, redeemer_hash):
        raise _not_found()
    current, trigger = State(restore.state), REPORTS[state]
    if current in (State.CANCELLED, State.EXPIRED):
        raise _ended(restore)
    if (current, trigger) in lifecycle.TRANSITIONS:
        restore.heard_at = now
        restore.reason = reason if state is State.FAILED else None
        note(restore, progress)
        await _move(session, restore, trigger, now)
    elif current is state and current not in lifecycle.OVER and now - restore.updated_at >= PROGRESS_EVERY:
        restore.heard_at = restore.updated_at = now
        restore.due_at = lifecycle.due_at(current, now)
        note(restore, progress)
        await queries.forget_last_progress(session, restore.id, restore.last_number)
        add_entry(session, restore, "progress", now)


async def cancel_restore(session: AsyncSession, owner_id: UUID, restore_id: UUID, now: datetime) -> None:
    """Call a restore off; cancelling a cancelled one changes nothing.

    Raises:
        RestoreNotFound: If the owner has no such restore.
        RestoreOver: If it is completed or expired.
    """
    restore = await queries.lock(session, restore_id, owner_id)
    if restore is None:
        raise _not_found()
    if restore.state == State.CANCELLED:
        return
    restore.reason = "cancelled by the owner"
    try:
        await _move(session, restore, Trigger.CANCEL, now)
    except IllegalTransition as error:
        raise errors.RestoreOver(f"This restore is {restore.state} and cannot be cancelled any more.") from error


async def end_restores_of_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> None:
    """The backup's objects are gone: end what still restores, or may still go on restoring, from it."""
    for restore in await queries.open_restores_of_backup(session, owner_id, backup_id, now - ticket.RESUME):
        restore.reason = "the backup was deleted"
        await _move(session, restore, Trigger.CANCEL, now)


async def expire_due(session: AsyncSession, now: datetime) -> int:
    """End restores whose ticket nobody redeemed in time and those whose client fell silent; how many."""
    due = await queries.claim_due(session, now, DUE_BATCH)
    for restore in due:
        unused = restore.state == State.READY
        restore.reason = "the ticket was not used in time" if unused else "nothing was heard of it for 7 days"
        await _move(session, restore, Trigger.EXPIRE, now)
    return len(due)


async def _locked(session: AsyncSession, restore_id: UUID) -> Restore:
    restore = await queries.lock(session, restore_id)
    if restore is None:
        raise _not_found()
    return restore


async def _move(session: AsyncSession, restore: Restore, trigger: Trigger, now: datetime) -> Restore:
    """The one way in which a restore changes its state: guarded, in the history, and announced if it ends."""
    source = State(restore.state)
    target = lifecycle.next_state(source, trigger)
    moved = await queries.move(session, restore.id, source, target, now)
    if moved is None:
        raise RuntimeError(f"restore {restore.id} was moved in spite of its lock")
    write_move(session, moved, now, source, trigger)
    if target in lifecycle.OVER:
        announce_end(session, moved, now)
    return moved


def _ended(restore: Restore) -> errors.TicketSpent | errors.RestoreEnded:
    if restore.state == State.COMPLETED:
        return errors.TicketSpent("This ticket has done its work: the restore is completed. Ask for a new ticket.")
    why = f": {restore.reason}" if restore.reason else ""
    return errors.RestoreEnded(f"This restore is {restore.state}{why}. To restore, ask for a new ticket.")


def _spent() -> errors.TicketSpent:
    return errors.TicketSpent(
        "This ticket was already used elsewhere. If that was not you, cancel the restore and ask for a new ticket."
    )


def _not_found() -> errors.RestoreNotFound:
    return errors.RestoreNotFound("You have no such restore.")
