"""Tells the others what instances cost, once for each version of the price book that comes into force."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.prices import NoPrice, Version
from billing.models import ToldPrices
from billing.operations import price_books
from shared.events.billing import PlanPrice, PricesChanged
from shared.outbox import publish


async def tell(session: AsyncSession, now: datetime) -> bool:
    """Tell of the version in force, unless that was done; one that was over before anybody looked is never told of."""
    book = await price_books.find_current(session)
    if book is None:
        return False
    try:
        version = book.in_force(now)
    except NoPrice:
        return False
    if not await _claim(session, version, now):
        return False
    publish(session, _event(version))
    return True


async def _claim(session: AsyncSession, version: Version, now: datetime) -> bool:
    """Whether nobody has told of this version or of a later one, and it is this transaction that does."""
    since = version.effective_from
    if await session.scalar(select(ToldPrices.version).where(ToldPrices.effective_from >= since).limit(1)) is not None:
        return False
    # Another worker that is telling at this moment is waited for.
    told = insert(ToldPrices).values(version=version.name, effective_from=since, told_at=now).on_conflict_do_nothing()
    return await session.scalar(told.returning(ToldPrices.version)) is not None


def _event(version: Version) -> PricesChanged:
    return PricesChanged(
        price_version=version.name,
        effective_from=version.effective_from,
        currency=version.currency,
        plans=[
            PlanPrice(
                provider=region.provider,
                region=region.name,
                plan=plan.name,
                monthly_minor=plan.monthly_minor,
                included_traffic_bytes=plan.included_traffic_bytes,
                included_storage_bytes=plan.included_storage_bytes,
            )
            for region in version.regions.values()
            for plan in region.plans.values()
        ],
    )
