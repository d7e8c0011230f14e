"""Events come in here."""

from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.orders import OrderState
from billing.errors import OrderFinal, QuoteConfirmed
from billing.operations import accounts, instances, metering, orders, sessions
from billing.queries import metering as queries
from shared.errors import Kind, ServiceError
from shared.events.catalog import BackupRegistered, StorageMeasured
from shared.events.identity import OwnerRegistered, SessionEnded
from shared.events.provisioning import InstanceReturned, InstanceUsageMeasured
from shared.events.restore import CaptureWanted, PaymentWanted, VoidWanted
from shared.inbox import Subscription

log = structlog.get_logger(__name__)

REFUSED = frozenset({Kind.INVALID, Kind.NOT_FOUND, Kind.CONFLICT, Kind.GONE})
"""Failures of placing an order that asking again would not change."""


async def open_account(session: AsyncSession, event: OwnerRegistered) -> None:
    await accounts.lock(session, event.owner_id, datetime.now(UTC))


async def end_session(session: AsyncSession, event: SessionEnded) -> None:
    await sessions.end(session, event.session_id, event.tokens_end_at)


async def name_backup(session: AsyncSession, event: BackupRegistered) -> None:
    await queries.name_backup(session, event.owner_id, event.backup_id, event.terminus_id, event.backup_name)


async def meter_storage(session: AsyncSession, events: list[StorageMeasured]) -> None:
    await metering.take_in(session, events, datetime.now(UTC))


async def meter_instances(session: AsyncSession, events: list[InstanceUsageMeasured]) -> None:
    await instances.take_in(session, events, datetime.now(UTC))


async def settle_instance(session: AsyncSession, event: InstanceReturned) -> None:
    await instances.settle(session, event.owner_id, event.instance_id, event.returned_at, datetime.now(UTC))


async def place_order(session: AsyncSession, event: PaymentWanted) -> None:
    """An order that cannot be placed is answered by event, so that nobody waits for it."""
    now = datetime.now(UTC)
    try:
        async with session.begin_nested():
            order = await orders.place(session, event.owner_id, event.quote_id, event.payment_method_id, now)
            if order.state == OrderState.RELEASED:
                raise OrderFinal("What was held for this order was let go; nothing was charged. Ask for a new quote.")
    except QuoteConfirmed:
        # Another card has the money, or is being asked for it; what becomes of that is told.
        log.info("an order is asked for again, with another card", quote_id=str(event.quote_id))
    except ServiceError as error:
        if error.kind not in REFUSED:
            raise
        await orders.refuse(session, event, error.code, error.detail, now)


async def fulfil_order(session: AsyncSession, event: CaptureWanted) -> None:
    await orders.fulfil(session, event, datetime.now(UTC))


async def void_order(session: AsyncSession, event: VoidWanted) -> None:
    await orders.void(session, event.owner_id, event.quote_id, datetime.now(UTC))


SUBSCRIPTIONS = (
    Subscription(OwnerRegistered, open_account),
    Subscription(SessionEnded, end_session),
    Subscription(BackupRegistered, name_backup),
    Subscription(StorageMeasured, meter_storage, batched=True, group="metering"),
    Subscription(InstanceUsageMeasured, meter_instances, batched=True, group="metering"),
    Subscription(InstanceReturned, settle_instance),
    Subscription(PaymentWanted, place_order),
    Subscription(CaptureWanted, fulfil_order),
    Subscription(VoidWanted, void_order),
)
