"""Events come in here."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from restore import operations
from shared.events.catalog import BackupDeleted
from shared.inbox import Subscription


async def end_restores(session: AsyncSession, event: BackupDeleted) -> None:
    """There is nothing left to restore from."""
    await operations.end_restores_of_backup(session, event.owner_id, event.backup_id, datetime.now(UTC))


SUBSCRIPTIONS = (Subscription(BackupDeleted, end_restores),)
