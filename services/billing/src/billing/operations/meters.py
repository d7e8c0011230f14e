"""An owner's meter: what the open period has accrued, kept beside the samples it comes from."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.meter import Accrual, Levels, Sample, accrue, add, integrate, subtract
from billing.domain.prices import PriceBook
from billing.models import Meter
from billing.queries import metering as queries


def load(meter: Meter) -> Accrual:
    return {(version, tier): byte_seconds for version, tier, byte_seconds in meter.accrued}


def save(meter: Meter, accrual: Accrual) -> None:
    meter.accrued = [[version, tier, byte_seconds] for (version, tier), byte_seconds in sorted(accrual.items())]


async def reckon(session: AsyncSession, meter: Meter, start: datetime, end: datetime, book: PriceBook) -> Accrual:
    """What the meter's owner accrued from ``start``'s second to ``end``'s, by the samples."""
    start = start.replace(microsecond=0)
    levels = await queries.levels_before(session, meter.owner_id, start)
    samples = await queries.samples_between(session, meter.owner_id, start, end)
    return integrate(levels, samples, start, end, book, book.place)[0]


async def reckon_anew(session: AsyncSession, meter: Meter, book: PriceBook) -> None:
    """Set what the open period accrued to what the samples say."""
    save(meter, await reckon(session, meter, meter.period_start, meter.metered_until, book))


async def add_late(session: AsyncSession, meter: Meter, samples: Sequence[Sample], book: PriceBook) -> None:
    """Add new samples of the open period of which some are older than the meter's last.

    What was accrued since the first of them is exchanged, however long the period is: measurements of an owner's
    backups overtake each other all the time.

    Args:
        samples: In order of time; stored already.
    """
    since = samples[0].measured_at.replace(microsecond=0)
    until = max(meter.metered_until, samples[-1].measured_at)
    levels = await queries.levels_before(session, meter.owner_id, since)
    stored = await queries.samples_between(session, meter.owner_id, since, until)
    new = {(each.measured_at, each.level.backup_id) for each in samples}
    known = [
        each
        for each in stored
        if each.measured_at < meter.metered_until and (each.measured_at, each.level.backup_id) not in new
    ]
    before, _ = integrate(levels, known, since, meter.metered_until, book, book.place)
    after, _ = integrate(levels, stored, since, until, book, book.place)
    save(meter, add(subtract(load(meter), before), after))
    meter.metered_until = until


async def accrued_at(
    session: AsyncSession, meter: Meter, at: datetime, book: PriceBook, levels: Levels | None = None
) -> Accrual:
    """What the open period has accrued at an instant, mostly without a look at the samples.

    Args:
        levels: What its owner holds as last measured, where that is known already.
    """
    if at < meter.metered_until:
        return subtract(load(meter), await reckon(session, meter, at, meter.metered_until, book))
    if levels is None:
        levels = (await queries.find_levels(session, [meter.owner_id])).get(meter.owner_id, {})
    return add(load(meter), accrue(levels, meter.metered_until, at, book, book.place))


async def close(
    session: AsyncSession, meter: Meter, at: datetime, book: PriceBook, levels: Levels | None = None
) -> Accrual:
    """End the open period at an instant and begin the next; what the ended one accrued."""
    if at < meter.metered_until:
        later = await reckon(session, meter, at, meter.metered_until, book)
        accrual = subtract(load(meter), later)
        save(meter, later)
    else:
        accrual = await accrued_at(session, meter, at, book, levels)
        meter.accrued = []
        meter.metered_until = at
    meter.period_start = at
    return accrual
