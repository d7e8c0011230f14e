"""Events come in here."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from restore.operations import machines, money, tickets
from shared.events.billing import (
    OrderFulfilled,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentVoided,
)
from shared.events.catalog import BackupDeleted
from shared.events.provisioning import InstanceEnrolled, InstanceFailed, InstanceReturned, InstanceRunning
from shared.inbox import Subscription


async def end_restores(session: AsyncSession, event: BackupDeleted) -> None:
    """There is nothing left to restore from."""
    now = datetime.now(UTC)
    await tickets.end_restores_of_backup(session, event.owner_id, event.backup_id, now)
    await machines.end_restores_of_backup(session, event.owner_id, event.backup_id, now)


async def hear_of_money(
    session: AsyncSession,
    event: PaymentAuthorised | PaymentFailed | PaymentCaptured | PaymentVoided | OrderFulfilled,
) -> None:
    await money.hear(session, event, datetime.now(UTC))


async def hear_of_machine(
    session: AsyncSession, event: InstanceRunning | InstanceEnrolled | InstanceFailed | InstanceReturned
) -> None:
    await machines.hear(session, event, datetime.now(UTC))


SUBSCRIPTIONS = (
    Subscription(BackupDeleted, end_restores),
    Subscription(PaymentAuthorised, hear_of_money),
    Subscription(PaymentFailed, hear_of_money),
    Subscription(PaymentCaptured, hear_of_money),
    Subscription(PaymentVoided, hear_of_money),
    Subscription(OrderFulfilled, hear_of_money),
    Subscription(InstanceRunning, hear_of_machine),
    Subscription(InstanceEnrolled, hear_of_machine),
    Subscription(InstanceFailed, hear_of_machine),
    Subscription(InstanceReturned, hear_of_machine),
)
