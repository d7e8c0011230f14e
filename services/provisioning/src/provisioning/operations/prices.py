"""What plans cost, as billing tells it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.queries import offers as queries
from shared.events.billing import PricesChanged


async def take_prices(session: AsyncSession, event: PricesChanged, now: datetime) -> bool:
    """Put these prices in the place of all before; False when those in force are newer and nothing changes."""
    version, since = event.price_version, event.effective_from
    if not await queries.begin_prices(session, version, event.currency, since, now):
        return False
    rows = {(each.provider, each.region, each.plan): each for each in event.plans}
    common = {"currency": event.currency, "price_version": version, "effective_from": since}
    await queries.replace_prices(session, [{**each.model_dump(), **common} for each in rows.values()])
    return True
