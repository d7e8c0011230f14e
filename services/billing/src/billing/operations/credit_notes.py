"""Gives back what an invoice said: never more than it was, and the way the money came."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain import credits as domain
from billing.domain import ledger as movements
from billing.domain.invoices import OWED, InvoiceState
from billing.domain.price_words import money
from billing.models import Account, CreditNote, Invoice
from billing.operations import ledger, notices, refunds, settling
from billing.queries import invoices as queries


async def credit(
    session: AsyncSession,
    account: Account,
    invoice: Invoice,
    net_minor: int,
    reason: str,
    source: str,
    now: datetime,
    *,
    keep_as_balance_minor: int = 0,
) -> CreditNote | None:
    """Take back so much of a finalised invoice, and the tax on it; the account is locked.

    What was not paid yet is no longer owed. Of what was paid, real money goes back first: ``keep_as_balance_minor`` of
    it stays as balance, the rest goes back to the card as far as it came from there, else to the balance. Promotional
    balance is given back as such and never paid out.

    Args:
        net_minor: Before tax; at most what earlier credit notes have left of the invoice is taken.
        source: What caused it; the same cause credits once.

    Returns:
        None when this cause has credited before, or nothing is left to credit.

    Raises:
        ValueError: If the invoice was never owed.
    """
    if InvoiceState(invoice.state) not in (*OWED, InvoiceState.PAID):
        raise ValueError(f"invoice {invoice.number} is {invoice.state}; it says nothing to credit")
    if await session.scalar(select(CreditNote.id).where(CreditNote.source == source)) is not None:
        return None
    await session.flush()
    refundable = await queries.refundable(session, invoice.id)
    wanted = domain.credit(
        domain.Invoiced(
            invoice.net_minor, invoice.tax_minor, invoice.open_minor, invoice.balance_minor, invoice.card_minor
        ),
        await queries.credited(session, invoice.id),
        net_minor,
        keep_as_balance_minor,
        sum(left for _, left in refundable),
    )
    if wanted is None:
        return None
    note = CreditNote(
        id=uuid4(),
        owner_id=account.owner_id,
        invoice_id=invoice.id,
        number=await queries.next_number(session, "CN", now),
        source=source,
        reason=reason,
        currency=invoice.currency,
        net_minor=wanted.net,
        tax_minor=wanted.tax,
        total_minor=wanted.total,
        to_promotional_minor=wanted.promotional,
        to_balance_minor=wanted.balance,
        to_card_minor=wanted.card,
        to_owed_minor=wanted.owed,
        issued_at=now,
    )
    session.add(note)
    await session.flush()
    await _book(session, account, invoice, note, now)
    to_card = wanted.card
    for payment, left in refundable:
        if part := min(left, to_card):
            await refunds.ask(session, account, note, payment, part, now)
            to_card -= part
    return note


async def _book(session: AsyncSession, account: Account, invoice: Invoice, note: CreditNote, now: datetime) -> None:
    movement = movements.credit(
        f"credit_note:{note.id}",
        note.net_minor,
        note.tax_minor,
        note.number,
        promotional=note.to_promotional_minor,
        balance=note.to_balance_minor,
        refundable=note.to_card_minor,
        receivable=note.to_owed_minor,
    )
    await settling.reopen(session, invoice, note.to_owed_minor, now)
    await ledger.post(session, account.owner_id, note.currency, movement, now)
    account.promotional_minor += note.to_promotional_minor
    account.balance_minor += note.to_balance_minor
    invoice.credited_minor += note.to_owed_minor
    text = f"{money(note.total_minor, note.currency)} of it is credited ({note.number}): {note.reason}."
    notices.tell(session, invoice, "credit_note", text, now)
    await settling.settle(session, account, invoice, now)
