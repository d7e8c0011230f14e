"""An owner's meter: what the open period has accrued, kept beside the samples it comes from."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.meter import Accrual, accrue, add, integrate
from billing.domain.prices import PriceBook
from billing.models import Meter
from billing.queries import metering as queries


def load(meter: Meter) -> Accrual:
    return {(version, tier): byte_seconds for version, tier, byte_seconds in meter.accrued}


def save(meter: Meter, accrual: Accrual) -> None:
    meter.accrued = [[version, tier, byte_seconds] for (version, tier), byte_seconds in sorted(accrual.items())]


async def reckon(session: AsyncSession, meter: Meter, start: datetime, end: datetime, book: PriceBook) -> Accrual:
    """What the meter's owner accrued from ``start`` to ``end``, by the samples."""
    levels = await queries.levels_before(session, meter.owner_id, start)
    samples = await queries.samples_between(session, meter.owner_id, start, end)
    return integrate(levels, samples, start, end, book, book.place)[0]


async def reckon_anew(session: AsyncSession, meter: Meter, book: PriceBook) -> None:
    """Set what the open period accrued to what the samples say."""
    save(meter, await reckon(session, meter, meter.period_start, meter.metered_until, book))


async def accrued_at(session: AsyncSession, meter: Meter, at: datetime, book: PriceBook) -> Accrual:
    """What the open period has accrued at an instant, mostly without a look at the samples."""
    if at < meter.metered_until:
        return await reckon(session, meter, meter.period_start, at, book)
    levels = (await queries.find_levels(session, [meter.owner_id])).get(meter.owner_id, {})
    return add(load(meter), accrue(levels, meter.metered_until, at, book, book.place))


async def close(session: AsyncSession, meter: Meter, at: datetime, book: PriceBook) -> Accrual:
    """End the open period at an instant and begin the next; what the ended one accrued."""
    accrual = await accrued_at(session, meter, at, book)
    if at < meter.metered_until:
        save(meter, await reckon(session, meter, at, meter.metered_until, book))
    else:
        meter.accrued = []
        meter.metered_until = at
    meter.period_start = at
    return accrual
