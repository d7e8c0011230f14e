"""The life of an invoice: drafted, finalised and numbered, paid, void or given up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain import ledger as movements
from billing.domain.invoices import (
    Allocation,
    InvoiceKind,
    InvoiceState,
    InvoiceTrigger,
    Line,
    LineKind,
    totals,
)
from billing.domain.payments import REASONS, FailureCode
from billing.errors import InvoiceFinal, InvoiceNotFound
from billing.models import Account, Invoice, InvoiceLine, Payment
from billing.operations import accounts, dunning, ledger, notices, price_books, settling
from billing.queries import invoices as queries
from shared.db import Database
from shared.events.billing import InvoiceFinalised
from shared.outbox import publish

BATCH = 50
LINE_ORDER = tuple(LineKind)


async def tax_rate_of(session: AsyncSession, account: Account) -> Decimal | None:
    """The tax of the owner's country as a decimal fraction; None where none is charged."""
    if account.country is None:
        return None
    return (await price_books.current(session)).tax_rates.get(account.country)


async def draft(
    session: AsyncSession,
    account: Account,
    kind: InvoiceKind,
    lines: Sequence[Line],
    period_start: datetime,
    period_end: datetime,
    finalise_at: datetime | None,
    now: datetime,
) -> Invoice | None:
    """An invoice without a number, whose lines may still change; None when they come to nothing or less.

    Args:
        finalise_at: When `finalise_due` does the rest; None when the caller does.
    """
    invoice = drafted(account, kind, lines, period_start, period_end, finalise_at, now)
    if invoice is not None:
        await save_drafts(session, {invoice: lines})
    return invoice


def drafted(
    account: Account,
    kind: InvoiceKind,
    lines: Sequence[Line],
    period_start: datetime,
    period_end: datetime,
    finalise_at: datetime | None,
    now: datetime,
) -> Invoice | None:
    """The same, not saved yet."""
    net = totals(lines, None).net_minor
    if net <= 0:
        return None
    return Invoice(
        id=uuid4(),
        owner_id=account.owner_id,
        kind=kind,
        state=InvoiceState.DRAFT,
        currency=account.currency,
        period_start=period_start,
        period_end=period_end,
        net_minor=net,
        tax_minor=0,
        total_minor=net,
        promotional_minor=0,
        balance_minor=0,
        card_minor=0,
        credited_minor=0,
        billed_to={},
        attempts=0,
        created_at=now,
        finalise_due_at=finalise_at,
    )


async def save_drafts(session: AsyncSession, drafts: Mapping[Invoice, Sequence[Line]]) -> None:
    """Save invoices with their lines, many as well as one."""
    session.add_all(drafts)
    await session.flush()
    rows = [row for invoice, lines in drafts.items() for row in _rows(invoice, lines)]
    if rows:
        await session.execute(insert(InvoiceLine), rows)


async def replace_lines(
    session: AsyncSession,
    account: Account,
    invoice: Invoice,
    kinds: set[LineKind],
    lines: Sequence[Line],
    now: datetime,
) -> None:
    """Exchange a draft's lines of these kinds; the draft is discarded (void) when it comes to nothing or less.

    Raises:
        ValueError: If it is no draft, or a line is of another kind.
    """
    if invoice.state != InvoiceState.DRAFT:
        raise ValueError(f"invoice {invoice.number} is {invoice.state}; only a draft's lines change")
    if not kinds.issuperset(line.kind for line in lines):
        raise ValueError(f"lines of other kinds than {sorted(kinds)}")
    kept = [_line(row) for row in await queries.lines_of(session, invoice.id) if row.kind not in kinds]
    everything = sorted([*kept, *lines], key=lambda line: LINE_ORDER.index(line.kind))
    net = totals(everything, None).net_minor
    if net <= 0:
        invoice.finalise_due_at = None
        invoice.ended_at = now
        await queries.move(session, invoice, InvoiceTrigger.DISCARD, now)
        return
    invoice.net_minor = invoice.total_minor = net
    await session.execute(delete(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id))
    await _write_lines(session, invoice, everything)


async def finalise(
    session: AsyncSession,
    account: Account,
    invoice: Invoice,
    now: datetime,
    *,
    tax_rate: Decimal | Literal["of_country"] | None = "of_country",
    tax_country: str | None = None,
    held: Allocation | None = None,
) -> None:
    """Give a draft its number; from then on it is owed and does not change. Balances pay first, then the card is due.

    Args:
        tax_rate: As an order's quote promised it; else what the owner's country has by now.
        tax_country: Whose tax that was; the owner's country when None.
        held: What an order has set aside, and its card has paid; while the card is being asked, nothing else pays.
    """
    if tax_rate == "of_country":
        tax_rate = await tax_rate_of(session, account)
    lines = [_line(row) for row in await queries.lines_of(session, invoice.id)]
    owed = totals(lines, tax_rate)
    invoice.number = await queries.next_number(session, "SP", now)
    invoice.net_minor, invoice.tax_minor, invoice.total_minor = owed.net_minor, owed.tax_minor, owed.total_minor
    invoice.tax_rate = None if tax_rate is None else str(tax_rate)
    invoice.tax_country = None if tax_rate is None else tax_country or account.country
    invoice.billed_to = _details(account)
    invoice.finalise_due_at = None
    invoice.finalised_at = now
    await queries.move(session, invoice, InvoiceTrigger.FINALISE, now)
    issue = movements.invoice(settling.source(invoice), owed.net_minor, owed.tax_minor, invoice.number)
    await ledger.post(session, account.owner_id, invoice.currency, issue, now)
    publish(session, _finalised(invoice, now))
    if held is not None:
        await settling.pay_from_order(session, account, invoice, held, now)
    is_card_asked = held is not None and held.card_minor > 0
    if invoice.open_minor and not is_card_asked and await settling.pay_from_balances(session, account, invoice, now):
        invoice.charge_due_at = now
    notices.issued(session, invoice, now)


async def finalise_due(database: Database, now: datetime, owner_id: UUID | None = None) -> int:
    """Finalise drafts whose time has come, each in a transaction of its own; of one owner when named.

    Returns:
        How many; fewer than there are when there are many, or others hold their accounts.
    """
    for done in range(BATCH):
        async with database.transaction() as session:
            claimed = await queries.claim_draft(session, now, owner_id)
            if claimed is None:
                return done
            account, invoice_id = claimed
            invoice = await queries.lock(session, invoice_id)
            if invoice.state == InvoiceState.DRAFT:
                await finalise(session, account, invoice, now)
    return BATCH


async def lock_by_id(session: AsyncSession, invoice_id: UUID, now: datetime) -> tuple[Account, Invoice]:
    """Any owner's invoice and its owner's account, both locked.

    Raises:
        InvoiceNotFound: If there is none of that id.
    """
    found = await session.get(Invoice, invoice_id)
    if found is None:
        raise InvoiceNotFound("There is no invoice of that id.")
    account = await accounts.lock(session, found.owner_id, now)
    return account, await queries.lock(session, invoice_id)


async def on_paid(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """A card paid an invoice; the account is locked."""
    assert payment.invoice_id is not None
    invoice = await queries.lock(session, payment.invoice_id)
    await settling.pay_by_card(session, account, invoice, payment, now)


async def on_failed(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """A card could not be charged for an invoice; the account is locked."""
    assert payment.invoice_id is not None
    invoice = await queries.lock(session, payment.invoice_id)
    if invoice.open_minor:
        reason = REASONS[FailureCode(payment.code)] if payment.code else "The card was not charged."
        await dunning.charge_failed(session, account, invoice, reason, now)


async def void(session: AsyncSession, account: Account, invoice: Invoice, now: datetime) -> None:
    """Take back an invoice of which nothing was paid.

    Raises:
        InvoiceFinal: If it is not owed, something of it was paid or credited, or a card is being charged for it.
    """
    if invoice.state != InvoiceState.FINALISED or invoice.open_minor < invoice.total_minor:
        raise InvoiceFinal("Only an issued invoice of which nothing was paid can be voided. Credit it instead.")
    await _refuse_while_charging(session, invoice)
    await _end(session, invoice, InvoiceTrigger.VOID, now)
    movement = movements.void(settling.source(invoice), invoice.net_minor, invoice.tax_minor, str(invoice.number))
    await ledger.post(session, account.owner_id, invoice.currency, movement, now)
    notices.tell(session, invoice, "invoice_voided", "it is void. You owe nothing for it.", now)
    await dunning.stand(session, account, f"invoice {invoice.number} is void", now)


async def give_up(session: AsyncSession, account: Account, invoice: Invoice, now: datetime) -> None:
    """Expect no money for an invoice any more; the account stands as before, and money that comes is still taken.

    Raises:
        InvoiceFinal: If it is not owed, or a card is being charged for it.
    """
    if invoice.state != InvoiceState.FINALISED:
        raise InvoiceFinal("Only an issued invoice that is not paid can be given up.")
    await _refuse_while_charging(session, invoice)
    movement = movements.give_up(settling.source(invoice), invoice.open_minor, str(invoice.number))
    await _end(session, invoice, InvoiceTrigger.GIVE_UP, now)
    await ledger.post(session, account.owner_id, invoice.currency, movement, now)


async def _end(session: AsyncSession, invoice: Invoice, trigger: InvoiceTrigger, now: datetime) -> None:
    invoice.charge_due_at = None
    invoice.ended_at = now
    await queries.move(session, invoice, trigger, now)


async def _refuse_while_charging(session: AsyncSession, invoice: Invoice) -> None:
    if await queries.has_payment_under_way(session, invoice.id):
        raise InvoiceFinal("A card is being charged for this invoice right now. Try again when that is decided.")


async def _write_lines(session: AsyncSession, invoice: Invoice, lines: Sequence[Line]) -> None:
    await session.execute(insert(InvoiceLine), _rows(invoice, lines))


def _rows(invoice: Invoice, lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [
        {
            "invoice_id": invoice.id,
            "number": number,
            "kind": line.kind.value,
            "description": line.description,
            "quantity": line.quantity,
            "unit": line.unit,
            "unit_price": line.unit_price,
            "amount_minor": line.amount_minor,
            "instance_id": line.instance_id,
        }
        for number, line in enumerate(lines, start=1)
    ]


def _line(row: InvoiceLine) -> Line:
    return Line(
        LineKind(row.kind), row.description, row.quantity, row.unit, row.unit_price, row.amount_minor, row.instance_id
    )


def _details(account: Account) -> dict[str, Any]:
    return {
        "name": account.billing_name,
        "country": account.country,
        "address_lines": list(account.address_lines),
        "tax_id": account.tax_id,
        "email": account.email,
    }


def _finalised(invoice: Invoice, now: datetime) -> InvoiceFinalised:
    return InvoiceFinalised(
        owner_id=invoice.owner_id,
        invoice_id=invoice.id,
        number=str(invoice.number),
        total_minor=invoice.total_minor,
        currency=invoice.currency,
        finalised_at=now,
    )
