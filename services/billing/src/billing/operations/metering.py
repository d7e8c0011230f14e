"""Takes in what was measured: each sample once, in any order, onto the meter of its owner."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.meter import Level, Levels, Sample, add, integrate
from billing.domain.months import month
from billing.domain.prices import PriceBook
from billing.models import Account, Meter
from billing.operations import meters, periods, price_books, quota
from billing.queries import accounts as account_queries
from billing.queries import metering as queries
from billing.queries import periods as period_queries
from billing.queries import quota as quota_queries
from billing.queries.bulk import update_many
from shared.events.catalog import StorageMeasured


async def take_in(session: AsyncSession, events: Sequence[StorageMeasured], now: datetime) -> None:
    """Add samples to the meters: known ones change nothing, late ones correct what was reckoned without them."""
    book = await price_books.current(session)
    owner_ids = {event.owner_id for event in events}
    await account_queries.add_accounts(session, owner_ids, book.versions[-1].currency, now)
    accounts = await account_queries.lock_accounts(session, owner_ids)
    fresh = await _store(session, events)
    if not fresh:
        return
    known = await queries.find_meters(session, fresh)
    levels = await queries.find_levels(session, fresh)
    await queries.save_levels(session, _newest(fresh))
    for owner_id, samples in fresh.items():
        meter = known.get(owner_id) or _begin(session, accounts[owner_id], samples[0].measured_at)
        await _advance(session, accounts[owner_id], meter, levels.get(owner_id, {}), samples, book, now)
    await update_many(session, list(known.values()), "period_start", "metered_until", "accrued")
    await update_many(session, list(accounts.values()), "anchor_at", "close_due_at")
    await queries.settle_guesses(
        session, {sample.level.backup_id: sample.measured_at for each in fresh.values() for sample in each}, now
    )
    free = book.in_force(now).free_bytes_per_terminus
    used = await quota_queries.used_bytes(session, fresh)
    # Most owners are within what everybody has, and were before.
    touched = [each for each in sorted(used) if used[each] >= free or _is_watched(accounts[each])]
    if touched:
        await quota.reassess_all(session, [accounts[each] for each in touched], now)


def _is_watched(account: Account) -> bool:
    return account.quota_reason is not None or account.assess_due_at is not None


async def _store(session: AsyncSession, events: Sequence[StorageMeasured]) -> dict[UUID, list[Sample]]:
    """Store what is new, by owner and in order of time."""
    rows: dict[tuple[UUID, datetime], dict[str, Any]] = {}
    for event in events:
        rows.setdefault(
            (event.backup_id, event.measured_at),
            {
                "backup_id": event.backup_id,
                "measured_at": event.measured_at,
                "owner_id": event.owner_id,
                "terminus_id": event.terminus_id,
                "storage_bytes": event.storage_bytes,
                # A publisher of before this field knew bytes only; objects mean that something is there.
                "has_snapshot": bool(event.snapshots if event.snapshots is not None else event.objects),
            },
        )
    new = await queries.add_samples(session, list(rows.values()))
    found: dict[UUID, list[Sample]] = defaultdict(list)
    for key in sorted(new, key=lambda each: each[1]):
        row = rows[key]
        level = Level(row["backup_id"], row["terminus_id"], row["storage_bytes"], row["has_snapshot"])
        found[row["owner_id"]].append(Sample(row["measured_at"], level))
    return found


def _begin(session: AsyncSession, account: Account, at: datetime) -> Meter:
    """An owner's first sample: their months begin here, unless an instance was bought before."""
    start = at.replace(microsecond=0)
    if account.anchor_at is None:
        account.anchor_at = start
        account.close_due_at = month(start, 1)
    meter = Meter(owner_id=account.owner_id, period_start=start, metered_until=start, accrued=[])
    session.add(meter)
    return meter


async def _advance(
    session: AsyncSession,
    account: Account,
    meter: Meter,
    levels: Levels,
    samples: Sequence[Sample],
    book: PriceBook,
    now: datetime,
) -> None:
    if meter.period_start <= samples[0].measured_at < meter.metered_until:
        await meters.add_late(session, meter, samples, book)
        return
    if samples[0].measured_at < meter.metered_until:
        # The meter is a shortcut; what is in the table is the truth.
        await _begin_earlier(session, account, meter, samples[0].measured_at)
        meter.metered_until = max(meter.metered_until, samples[-1].measured_at)
        await meters.reckon_anew(session, meter, book)
        await periods.correct_storage(session, account, samples[0].measured_at, now)
        return
    until = samples[-1].measured_at
    before = [sample for sample in samples if sample.measured_at < until]
    accrual, _ = integrate(levels, before, meter.metered_until, until, book, book.place)
    meters.save(meter, add(meters.load(meter), accrual))
    meter.metered_until = until


async def _begin_earlier(session: AsyncSession, account: Account, meter: Meter, at: datetime) -> None:
    """The first samples may come in another order than they were taken: then the first month begins earlier."""
    start = at.replace(microsecond=0)
    if start >= meter.period_start or await period_queries.has_periods(session, account.owner_id):
        return
    if account.anchor_at == meter.period_start:
        account.anchor_at = start
        account.close_due_at = min(month(start, 1), account.close_due_at or month(start, 1))
    meter.period_start = start


def _newest(fresh: dict[UUID, list[Sample]]) -> list[dict[str, Any]]:
    """The last sample of each backup, as its level."""
    rows = {}
    for owner_id, samples in fresh.items():
        for sample in samples:
            rows[sample.level.backup_id] = {
                "backup_id": sample.level.backup_id,
                "owner_id": owner_id,
                "terminus_id": sample.level.terminus_id,
                "measured_at": sample.measured_at,
                "storage_bytes": sample.level.storage_bytes,
                "has_snapshot": sample.level.has_snapshot,
            }
    return sorted(rows.values(), key=lambda row: row["backup_id"])
