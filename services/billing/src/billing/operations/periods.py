"""Closes what was used into invoices, at each owner's own dates, and corrects what was closed too early."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.invoices import InvoiceKind, InvoiceState, Line, LineKind, tax_on
from billing.domain.meter import Levels
from billing.domain.months import month, month_number
from billing.domain.prices import PriceBook, Version
from billing.models import Account, Adjustment, CreditNote, Instance, InstanceMonth, Invoice, Meter, UsagePeriod
from billing.operations import credit_notes, invoices, lines, meters, price_books
from billing.queries import metering as metering_queries
from billing.queries import periods as queries
from billing.queries.bulk import update_many
from shared.db import Database

GRACE = timedelta(hours=1)
"""How long an invoice stays a draft, so that measurements still on their way are in it."""
BATCH = 50


@dataclass(frozen=True)
class Settled:
    """What the end of an instance came to: its last invoice, if it cost anything more, and what was given back."""

    invoice: Invoice | None
    notes: Sequence[CreditNote]


@dataclass
class Closing:
    """What goes onto one invoice, and the rows that are to say on which."""

    lines: list[Line] = field(default_factory=list)
    periods: list[UsagePeriod] = field(default_factory=list)
    months: list[InstanceMonth] = field(default_factory=list)
    adjustments: Sequence[Adjustment] = ()


async def close_due(database: Database, now: datetime) -> int:
    """Invoice what is due, a batch of owners in one transaction; how many there were."""
    async with database.transaction() as session:
        due = await queries.claim_due(session, now, BATCH)
        owner_ids = [account.owner_id for account in due]
        more = await queries.owners_with_more(session, owner_ids)
        plain = [account for account in due if account.owner_id not in more]
        await _close_storage_only(session, plain, now)
        for account in due:
            if account.owner_id in more:
                assert account.close_due_at is not None
                await close(session, account, account.close_due_at, now)
    return len(due)


async def _close_storage_only(session: AsyncSession, due: Sequence[Account], now: datetime) -> None:
    """The same as `close` for those without an instance and without corrections that wait: most, and all at once."""
    owner_ids = [account.owner_id for account in due]
    book = await price_books.current(session)
    known = await metering_queries.find_meters(session, owner_ids)
    levels = await metering_queries.find_levels(session, owner_ids)
    drafts: dict[Invoice, Sequence[Line]] = {}
    for account in due:
        assert account.close_due_at is not None
        assert account.anchor_at is not None
        at, closing = account.close_due_at, Closing()
        if (meter := known.get(account.owner_id)) is not None:
            await _add_storage(session, meter, at, book, closing, levels.get(account.owner_id, {}))
        start = min((each.started_at for each in closing.periods), default=at)
        invoice = invoices.drafted(account, InvoiceKind.USAGE, closing.lines, start, at, now + GRACE, now)
        if invoice is not None:
            drafts[invoice] = closing.lines
            for period in closing.periods:
                period.invoice_id = invoice.id
        account.close_due_at = month(account.anchor_at, month_number(account.anchor_at, at) + 1)
    await update_many(session, list(known.values()), "period_start", "metered_until", "accrued")
    await update_many(session, due, "close_due_at")
    await invoices.save_drafts(session, drafts)


async def close(session: AsyncSession, account: Account, at: datetime, now: datetime) -> Invoice | None:
    """Draft the invoice of everything a locked account used up to an instant, and renew the instances due then."""
    book = await price_books.current(session)
    closing = Closing()
    await _close_storage(session, account, at, book, closing)
    for instance in await queries.live_instances(session, account.owner_id):
        if instance.period_end <= at:
            await _close_counters(session, instance, instance.period_end, book, closing)
            _renew(session, instance, book, closing)
    invoice = await _draft(session, account, closing, InvoiceKind.USAGE, at, now)
    account.close_due_at = await next_close(session, account, at)
    return invoice


async def next_close(session: AsyncSession, account: Account, after: datetime) -> datetime | None:
    """When the account is invoiced next: at the first renewal of an instance, else at its own month's end."""
    renewal = await queries.next_renewal(session, account.owner_id)
    if renewal is not None or account.anchor_at is None:
        return renewal
    return month(account.anchor_at, month_number(account.anchor_at, after) + 1)


async def settle(
    session: AsyncSession, account: Account, instance: Instance, returned_at: datetime, now: datetime
) -> Settled:
    """A locked account's instance is gone: what was used is invoiced, what was paid ahead is given back against it."""
    end = max(returned_at.replace(microsecond=0), instance.anchor_at)
    while account.close_due_at is not None and account.close_due_at <= end:
        await close(session, account, account.close_due_at, now)
    book = await price_books.current(session)
    closing = Closing()
    await _close_counters(session, instance, end, book, closing)
    await _close_storage(session, account, end, book, closing)
    instance.returned_at = end
    invoice = await _draft(session, account, closing, InvoiceKind.SETTLEMENT, end, now)
    owed = 0
    if invoice is not None:
        # A draft has no tax on it yet, and what the owner has with us pays first.
        owed = invoice.net_minor + tax_on(invoice.net_minor, await invoices.tax_rate_of(session, account))
        owed -= account.promotional_minor + max(account.balance_minor, 0)
    notes = []
    for paid in await queries.months_after(session, instance.id, end):
        note = await _give_back(session, account, instance, paid, end, owed, now)
        if note is not None:
            notes.append(note)
            owed -= note.to_balance_minor
    if invoice is not None:
        await invoices.finalise(session, account, invoice, now)
    account.close_due_at = await next_close(session, account, end)
    return Settled(invoice, notes)


async def correct_storage(session: AsyncSession, account: Account, since: datetime, now: datetime) -> None:
    """A sample came late: set right what closed periods after it say."""
    closed = await queries.ended_periods(session, account.owner_id, since)
    if not closed:
        return
    book = await price_books.current(session)
    meter = await session.get_one(Meter, account.owner_id)
    for period in closed:
        accrual = await meters.reckon(session, meter, period.started_at, period.ended_at, book)
        found = lines.for_storage(accrual, period.started_at, period.ended_at, book)
        if not await _redraft(session, account, period, {LineKind.BACKUP_STORAGE}, found, now):
            await _correct(session, account, period, sum(line.amount_minor for line in found), now)


async def correct_counters(
    session: AsyncSession, account: Account, instance: Instance, since: datetime, now: datetime
) -> None:
    """A reading came late: set right what the instance's closed months after it say."""
    for period in await queries.ended_periods(session, instance.id, since):
        book = await price_books.current(session)
        found = await _lines_of(session, instance, period, book)
        others: list[Line] = []
        for other in await queries.instance_periods_of(session, period):
            others += await _lines_of(session, await session.get_one(Instance, other.subject_id), other, book)
        if not await _redraft(session, account, period, {LineKind.TRAFFIC, LineKind.CLOUD_STORAGE}, found, now, others):
            await _correct(session, account, period, sum(line.amount_minor for line in found), now)


async def _lines_of(session: AsyncSession, instance: Instance, period: UsagePeriod, book: PriceBook) -> list[Line]:
    paid = await queries.month_at(session, instance.id, period.started_at)
    return await _counter_lines(session, instance, paid, period.ended_at, book)


async def _redraft(
    session: AsyncSession,
    account: Account,
    period: UsagePeriod,
    kinds: set[LineKind],
    found: list[Line],
    now: datetime,
    others: Sequence[Line] = (),
) -> bool:
    """Put what a period comes to now into its draft; False when its invoice has been finalised, or its time is over.

    Args:
        others: What lines of these kinds the draft has of other periods.
    """
    invoice = await session.get(Invoice, period.invoice_id) if period.invoice_id else None
    if invoice is not None and invoice.state == InvoiceState.DRAFT:
        await invoices.replace_lines(session, account, invoice, kinds, [*found, *others], now)
    elif now < period.ended_at + GRACE and (invoice is None or invoice.finalised_at is None):
        start, end = period.started_at, period.ended_at
        made = await invoices.draft(session, account, InvoiceKind.USAGE, found, start, end, end + GRACE, now)
        period.invoice_id = None if made is None else made.id
    else:
        return False
    period.billed_minor = sum(line.amount_minor for line in found)
    return True


async def _correct(session: AsyncSession, account: Account, period: UsagePeriod, amount: int, now: datetime) -> None:
    """Bring what was billed to what is right: more on the next invoice, less by a credit note."""
    difference = amount - period.billed_minor
    period.billed_minor = amount
    if difference > 0:
        session.add(
            Adjustment(
                id=uuid4(),
                owner_id=account.owner_id,
                subject_id=period.subject_id,
                period_started_at=period.started_at,
                period_ended_at=period.ended_at,
                amount_minor=difference,
                created_at=now,
            )
        )
    elif difference < 0:
        await _take_back(session, account, period, -difference, now)


async def _take_back(session: AsyncSession, account: Account, period: UsagePeriod, amount: int, now: datetime) -> None:
    invoice_ids = [period.invoice_id]
    for adjustment in await queries.adjustments_of(session, period.subject_id, period.started_at):
        if adjustment.invoice_id is not None:
            invoice_ids.append(adjustment.invoice_id)
            continue
        taken = min(adjustment.amount_minor, amount)
        adjustment.amount_minor -= taken
        amount -= taken
    for invoice_id in invoice_ids:
        invoice = await session.get(Invoice, invoice_id) if invoice_id and amount else None
        # Of one that was taken back nothing is owed, and so nothing is to be given back.
        if invoice is None or invoice.state == InvoiceState.VOID:
            continue
        note = await credit_notes.credit(
            session, account, await _final(session, account, invoice, now), amount,
            "Measurements that arrived after the invoice", f"usage_period:{uuid4()}", now,
            keep_as_balance_minor=amount * 2,
        )  # fmt: skip
        amount -= note.net_minor if note is not None else 0


async def _final(session: AsyncSession, account: Account, invoice: Invoice, now: datetime) -> Invoice:
    if invoice.state == InvoiceState.DRAFT:
        await invoices.finalise(session, account, invoice, now)
    return invoice


async def _give_back(
    session: AsyncSession,
    account: Account,
    instance: Instance,
    paid: InstanceMonth,
    end: datetime,
    owed: int,
    now: datetime,
) -> CreditNote | None:
    """The unused part of a month paid ahead; of it stays as balance what is owed."""
    invoice = await session.get(Invoice, paid.invoice_id) if paid.invoice_id else None
    unused = lines.unused(paid, end)
    if invoice is None or invoice.state == InvoiceState.VOID or unused == 0:
        return None
    return await credit_notes.credit(
        session, account, await _final(session, account, invoice, now), unused,
        f"{instance.name} was returned; {lines.span(max(end, paid.started_at), paid.ended_at)} was not used",
        f"instance:{instance.id}:{paid.started_at.isoformat()}", now, keep_as_balance_minor=max(owed, 0),
    )  # fmt: skip


async def _close_storage(
    session: AsyncSession, account: Account, at: datetime, book: PriceBook, closing: Closing
) -> None:
    meter = await session.get(Meter, account.owner_id)
    if meter is not None:
        await _add_storage(session, meter, at, book, closing)


async def _add_storage(
    session: AsyncSession, meter: Meter, at: datetime, book: PriceBook, closing: Closing, levels: Levels | None = None
) -> None:
    if at <= meter.period_start:
        return
    start, owner_id = meter.period_start, meter.owner_id
    found = lines.for_storage(await meters.close(session, meter, at, book, levels), start, at, book)
    _add(session, closing, owner_id, owner_id, "backup_storage", start, at, found)


async def _close_counters(
    session: AsyncSession, instance: Instance, end: datetime, book: PriceBook, closing: Closing
) -> None:
    if end <= instance.period_start:
        return
    paid = await queries.month_at(session, instance.id, instance.period_start)
    found = await _counter_lines(session, instance, paid, end, book)
    _add(session, closing, instance.id, instance.owner_id, "instance", instance.period_start, end, found)


async def _counter_lines(
    session: AsyncSession, instance: Instance, paid: InstanceMonth, end: datetime, book: PriceBook
) -> list[Line]:
    before = await queries.count_before(session, instance.id, paid.started_at)
    counts = await queries.counts_between(session, instance.id, paid.started_at, end)
    return lines.for_counters(instance, paid, book.named(paid.price_version), before, counts, end)


def _add(
    session: AsyncSession,
    closing: Closing,
    subject_id: UUID,
    owner_id: UUID,
    kind: str,
    start: datetime,
    end: datetime,
    found: list[Line],
) -> None:
    period = UsagePeriod(
        subject_id=subject_id,
        started_at=start,
        ended_at=end,
        owner_id=owner_id,
        kind=kind,
        billed_minor=sum(line.amount_minor for line in found),
    )
    session.add(period)
    closing.periods.append(period)
    closing.lines += found


def version_of(instance: Instance, book: PriceBook) -> Version:
    """The prices of an instance's next month: those in force then, or its own where its plan is offered no more."""
    version = book.in_force(instance.period_end)
    region = version.regions.get((instance.provider, instance.region))
    return version if region and instance.plan in region.plans else book.named(instance.price_version)


def _renew(session: AsyncSession, instance: Instance, book: PriceBook, closing: Closing) -> None:
    """Begin an instance's next month at the prices in force then."""
    start = instance.period_end
    version = version_of(instance, book)
    monthly = version.region((instance.provider, instance.region)).plans[instance.plan].monthly_minor
    instance.months += 1
    instance.period_start, instance.period_end = start, month(instance.anchor_at, instance.months)
    instance.price_version = version.name
    renewed = InstanceMonth(
        instance_id=instance.id,
        started_at=start,
        ended_at=instance.period_end,
        price_version=version.name,
        monthly_minor=monthly,
    )
    session.add(renewed)
    closing.months.append(renewed)
    if monthly:
        closing.lines.append(lines.for_month(instance, start, instance.period_end, monthly))


async def _draft(
    session: AsyncSession,
    account: Account,
    closing: Closing,
    kind: InvoiceKind,
    at: datetime,
    now: datetime,
) -> Invoice | None:
    adjustments = [each for each in await queries.open_adjustments(session, account.owner_id) if each.amount_minor]
    every = [*closing.lines, *(lines.for_adjustment(each) for each in adjustments)]
    start = min((each.started_at for each in closing.periods), default=at)
    invoice = await invoices.draft(session, account, kind, every, start, at, now + GRACE, now)
    if invoice is not None:
        await session.flush()
        rows: list[UsagePeriod | InstanceMonth | Adjustment] = [*closing.periods, *closing.months, *adjustments]
        for row in rows:
            row.invoice_id = invoice.id
    return invoice
