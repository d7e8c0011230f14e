"""Events come in here."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.operations import prices, wanting
from shared.events.billing import PricesChanged
from shared.events.restore import InstanceUnwanted, InstanceWanted
from shared.inbox import Subscription


async def queue_instance(session: AsyncSession, event: InstanceWanted) -> None:
    await wanting.want(session, event, datetime.now(UTC))


async def end_instance(session: AsyncSession, event: InstanceUnwanted) -> None:
    await wanting.unwant(session, event, datetime.now(UTC))


async def take_prices(session: AsyncSession, event: PricesChanged) -> None:
    await prices.take_prices(session, event, datetime.now(UTC))


SUBSCRIPTIONS = (
    Subscription(InstanceWanted, queue_instance),
    Subscription(InstanceUnwanted, end_instance),
    Subscription(PricesChanged, take_prices),
)
