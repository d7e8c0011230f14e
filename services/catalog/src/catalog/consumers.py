"""Events come in here."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.domain.gate import Restriction
from catalog.operations import restrictions, sessions, terminus
from shared.events.billing import QuotaCleared, QuotaExceeded
from shared.events.identity import OwnerRegistered, SessionEnded
from shared.events.provisioning import InstanceRunning
from shared.events.restore import RestoreCancelled, RestoreCompleted, RestoreFailed
from shared.inbox import Subscription


async def make_space(session: AsyncSession, event: OwnerRegistered) -> None:
    await queries.spaces.ensure_space(session, event.owner_id, event.did, datetime.now(UTC))


async def end_session(session: AsyncSession, event: SessionEnded) -> None:
    """What a device was given ends with its session."""
    await sessions.end(session, event.owner_id, event.session_id, event.tokens_end_at, datetime.now(UTC))


async def register_terminus(session: AsyncSession, event: InstanceRunning) -> None:
    """An instance is a Terminus of its owner's, with an allowance of its own once it is backed up."""
    await terminus.register_instance(session, event.owner_id, event.instance_name, event.running_at)


async def end_restore_keys(session: AsyncSession, event: RestoreCompleted | RestoreCancelled) -> None:
    """The keys of a restore end with it, and what keeps its backup's objects."""
    now = datetime.now(UTC)
    await _end_pin(session, event, now)
    await queries.storage_keys.revoke_keys(session, now, restore_id=event.restore_id)


async def end_failed_restore_keys(session: AsyncSession, event: RestoreFailed) -> None:
    """The keys of the failed attempt end; a client that has begun another, which only one to local can, keeps its."""
    now = datetime.now(UTC)
    await _end_pin(session, event, now)
    until = None if event.target == "cloud" else event.failed_at
    await queries.storage_keys.revoke_keys(session, now, restore_id=event.restore_id, issued_until=until)


async def restrict(session: AsyncSession, event: QuotaExceeded) -> None:
    """No more uploads: the gate knows within five seconds."""
    reason = Restriction(event.reason)
    await restrictions.heed_billing(session, event.owner_id, event.number, reason, datetime.now(UTC))


async def lift_restriction(session: AsyncSession, event: QuotaCleared) -> None:
    await restrictions.heed_billing(session, event.owner_id, event.number, None, datetime.now(UTC))


async def _end_pin(
    session: AsyncSession, event: RestoreCompleted | RestoreFailed | RestoreCancelled, now: datetime
) -> None:
    # Before its keys: one that is being issued is waited for. A restore to local pins nothing, and may be begun again.
    if event.target == "cloud":
        await queries.pins.end(session, event.restore_id, event.owner_id, event.backup_id, event.snapshot_id, now)


SUBSCRIPTIONS = (
    Subscription(OwnerRegistered, make_space),
    Subscription(SessionEnded, end_session),
    Subscription(RestoreCompleted, end_restore_keys),
    Subscription(RestoreFailed, end_failed_restore_keys),
    Subscription(RestoreCancelled, end_restore_keys),
    Subscription(InstanceRunning, register_terminus),
    Subscription(QuotaExceeded, restrict),
    Subscription(QuotaCleared, lift_restriction),
)
