"""What an owner looks at: this period so far, by backup, by instance and by day, and what it will come to."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.counters import traffic_bytes
from billing.domain.invoices import Line
from billing.domain.meter import Levels, Pool, accrue, add, charge
from billing.domain.money import round_minor, share_out
from billing.domain.months import month, month_containing, month_number
from billing.domain.prices import GB, PriceBook
from billing.domain.usage import by_backup, by_day
from billing.models import Account, Instance, Meter
from billing.operations import lines, meters, periods, price_books
from billing.queries import metering as queries
from billing.queries import periods as period_queries
from billing.schemas.money import Money

LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Traffic:
    """An owner's instances together, each in the month of its own that is paid.

    Args:
        included_bytes: By their plans.
        above_bytes: What went beyond, instance by instance: what one leaves unused is none of another's.
    """

    included_bytes: int = 0
    used_bytes: int = 0
    above_bytes: int = 0


async def read(session: AsyncSession, owner_id: UUID, now: datetime) -> dict[str, Any]:
    """This period's use and charges so far, and the forecast of the next invoice."""
    book = await price_books.current(session)
    account = await session.get(Account, owner_id)
    currency = account.currency if account is not None else book.in_force(now).currency
    meter = await session.get(Meter, owner_id)
    start, end = _period(account, meter, now)
    levels = (await queries.find_levels(session, [owner_id])).get(owner_id, {})
    pool, version = Pool(levels), book.in_force(now)
    storage = await _storage(session, owner_id, meter, now, book)
    ahead = accrue(levels, now, end, book, book.place) if end is not None and end > now else {}
    instances = [await _instance(session, each, now, book, currency) for each in await _live(session, account)]
    adjustments = sum(each.amount_minor for each in await period_queries.open_adjustments(session, owner_id))
    used_minor = sum(each["charge"].amount_minor for each in instances)
    so_far = round_minor(storage["exact"]) + used_minor + adjustments
    renewals = await _renewals(session, account, end, book)
    total = add(storage["accrual"], ahead)
    stored = sum(line.amount_minor for line in (lines.for_storage(total, start, end, book) if start and end else []))
    counted = sum(
        [
            await _expected(session, each, now, book)
            for each in await _live(session, account)
            if end is not None and each.period_end <= end
        ]
    )
    forecast = stored + counted + adjustments + renewals
    return {
        "period_start": start,
        "period_end": end,
        "storage": {
            "used_bytes": pool.used_bytes,
            "allowance_bytes": pool.allowance_bytes(version),
            "byte_hours": lines.decimal(Fraction(sum(each.byte_seconds for each in storage["parts"]), 3600), 3),
            "charged_gb_hours": lines.decimal(Fraction(sum(storage["accrual"].values()), GB * 3600)),
            "charge": _money(storage["exact"], currency),
        },
        "by_backup": await _by_backup(session, owner_id, storage["parts"], currency),
        "instances": instances,
        "adjustments": Money(amount_minor=adjustments, currency=currency),
        "so_far": Money(amount_minor=so_far, currency=currency),
        "forecast": Money(amount_minor=forecast, currency=currency),
        "forecast_in_words": _in_words(end, forecast, currency),
    }


async def read_days(
    session: AsyncSession, owner_id: UUID, first: date | None, last: date | None, now: datetime
) -> list[dict[str, Any]]:
    """Backup storage by day of UTC, from the first to the last, or of the open period."""
    book = await price_books.current(session)
    account, meter = await session.get(Account, owner_id), await session.get(Meter, owner_id)
    opened, _ = _period(account, meter, now)
    start = _midnight(first) if first else opened
    # Compared as days: the calendar's first and last have none before and after them.
    until = _midnight(last) + timedelta(days=1) if last and last < now.date() else now
    if start is None or meter is None or account is None or until <= book.versions[0].effective_from:
        return []
    start = max(start, book.versions[0].effective_from, until - LONGEST)
    if start >= until:
        return []
    levels = await queries.levels_before(session, owner_id, start)
    samples = await queries.samples_between(session, owner_id, start, until)
    days = await asyncio.to_thread(by_day, levels, samples, start, until, book, book.place)
    return [
        {
            "day": each.day,
            "average_bytes": each.byte_seconds // each.held_seconds if each.held_seconds else 0,
            "peak_bytes": each.peak_bytes,
            "charged_gb_hours": lines.decimal(Fraction(each.charged_byte_seconds, GB * 3600)),
            "charge": _money(each.charge, account.currency),
        }
        for each in days
    ]


async def read_traffic(session: AsyncSession, owner_id: UUID, now: datetime) -> Traffic:
    """What the owner's instances sent and received: as many statements for all as for one."""
    live = await period_queries.live_instances(session, owner_id)
    if not live:
        return Traffic()
    book = await price_books.current(session)
    counts = await period_queries.month_counts(session, owner_id, now)
    included = used = above = 0
    for instance in live:
        place = (instance.provider, instance.region)
        free = book.named(instance.price_version).region(place).plans[instance.plan].included_traffic_bytes
        passed = traffic_bytes(*counts.get(instance.id, (None, [])))
        included, used, above = included + free, used + passed, above + max(0, passed - free)
    return Traffic(included, used, above)


def _period(account: Account | None, meter: Meter | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    if account is None or account.anchor_at is None:
        return None, None
    start = meter.period_start if meter is not None else month_containing(account.anchor_at, now)[0]
    return start, account.close_due_at or month(account.anchor_at, month_number(account.anchor_at, now) + 1)


async def _storage(
    session: AsyncSession, owner_id: UUID, meter: Meter | None, now: datetime, book: PriceBook
) -> dict[str, Any]:
    """The open period's accrual, its exact charge, and each backup's part, for which the samples are read."""
    if meter is None or now <= meter.period_start:
        return {"accrual": {}, "exact": Fraction(0), "parts": []}
    levels: Levels = await queries.levels_before(session, owner_id, meter.period_start)
    samples = await queries.samples_between(session, owner_id, meter.period_start, now)
    # There may be very many: others are served meanwhile.
    parts = await asyncio.to_thread(by_backup, levels, samples, meter.period_start, now, book, book.place)
    accrual = await meters.accrued_at(session, meter, now, book)
    return {"accrual": accrual, "exact": charge(accrual, book, book.place), "parts": parts}


async def _by_backup(session: AsyncSession, owner_id: UUID, parts: list[Any], currency: str) -> list[dict[str, Any]]:
    names = await queries.backup_names(session, owner_id)
    whole = sum(each.byte_seconds for each in parts)
    parts = sorted(parts, key=lambda part: -part.byte_seconds)
    # Each rounded by itself they would miss the total by cents.
    charges = share_out(round_minor(sum(each.charge for each in parts)), [each.charge for each in parts])
    return [
        {
            "backup_id": each.backup_id,
            "name": names.get(each.backup_id),
            "byte_hours": lines.decimal(Fraction(each.byte_seconds, 3600), 3),
            "charge": Money(amount_minor=charge_minor, currency=currency),
            "share": lines.decimal(Fraction(each.byte_seconds, whole), 4) if whole else "0",
        }
        for each, charge_minor in zip(parts, charges, strict=True)
    ]


async def _live(session: AsyncSession, account: Account | None) -> list[Instance]:
    return [] if account is None else list(await period_queries.live_instances(session, account.owner_id))


async def _instance(
    session: AsyncSession, instance: Instance, now: datetime, book: PriceBook, currency: str
) -> dict[str, Any]:
    until = min(max(now, instance.period_start), instance.period_end)
    paid = await period_queries.month_at(session, instance.id, instance.period_start)
    before = await period_queries.count_before(session, instance.id, instance.period_start)
    counts = await period_queries.counts_between(session, instance.id, instance.period_start, until)
    version = book.named(paid.price_version)
    plan = version.region((instance.provider, instance.region)).plans[instance.plan]
    found: list[Line] = lines.for_counters(instance, paid, version, before, counts, until)
    last = counts[-1] if counts else before
    return {
        "instance_id": instance.id,
        "name": instance.name,
        "plan": instance.plan,
        "period_start": instance.period_start,
        "period_end": instance.period_end,
        "traffic_bytes": traffic_bytes(before, counts),
        "included_traffic_bytes": plan.included_traffic_bytes,
        "disk_bytes": last.disk_bytes if last is not None else 0,
        "included_storage_bytes": plan.included_storage_bytes,
        "charge": Money(amount_minor=sum(line.amount_minor for line in found), currency=currency),
    }


async def _expected(session: AsyncSession, instance: Instance, now: datetime, book: PriceBook) -> int:
    """What an instance's month will have used when it ends, if its disk stays as it is and nothing more passes."""
    until = min(max(now, instance.period_start), instance.period_end)
    paid = await period_queries.month_at(session, instance.id, instance.period_start)
    before = await period_queries.count_before(session, instance.id, instance.period_start)
    counts = await period_queries.counts_between(session, instance.id, instance.period_start, until)
    version = book.named(paid.price_version)
    found = lines.for_counters(instance, paid, version, before, counts, instance.period_end)
    return sum(line.amount_minor for line in found)


async def _renewals(session: AsyncSession, account: Account | None, end: datetime | None, book: PriceBook) -> int:
    """What the months cost that begin when the period ends."""
    total = 0
    for instance in await _live(session, account):
        if end is not None and instance.period_end <= end:
            version = periods.version_of(instance, book)
            total += version.region((instance.provider, instance.region)).plans[instance.plan].monthly_minor
    return total


def _in_words(end: datetime | None, forecast: int, currency: str) -> str:
    if end is None:
        return "Nothing was used yet, so nothing will be charged."
    day = f"{end:%Y-%m-%d}"
    if forecast == 0:
        return f"If everything stays as it is, nothing will be charged on {day}."
    return f"If everything stays as it is, the invoice of {day} will be {lines.units(forecast)} {currency} before tax."


def _money(exact: Fraction, currency: str) -> Money:
    return Money(amount_minor=round_minor(exact), currency=currency)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
