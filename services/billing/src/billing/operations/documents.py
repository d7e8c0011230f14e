"""What an owner reads of their bills: an invoice or credit note with all that belongs to it, as data or as a PDF."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing import pdf
from billing.domain.invoices import allocate
from billing.domain.payments import PaymentState
from billing.errors import CreditNoteNotFound, InvoiceNotFound
from billing.models import Account, CreditNote, Invoice
from billing.operations import accounts, settling
from billing.queries import documents as queries
from billing.queries.invoices import has_payment_under_way
from billing.queries.payments import list_of_invoice
from billing.settings import Seller
from shared.db import Database


async def find_invoice(session: AsyncSession, owner_id: UUID, name: str) -> Invoice:
    """The owner's invoice of that id or number; raises InvoiceNotFound."""
    invoice = await queries.find_invoice(session, owner_id, name)
    if invoice is None:
        raise InvoiceNotFound("You have no invoice of that id or number. GET /api/v1/invoices lists yours.")
    return invoice


async def find_credit_note(session: AsyncSession, owner_id: UUID, name: str) -> tuple[CreditNote, Invoice]:
    """The owner's credit note of that id or number, and its invoice; raises CreditNoteNotFound."""
    found = await queries.find_credit_note(session, owner_id, name)
    if found is None:
        raise CreditNoteNotFound("You have no credit note of that id or number. GET /api/v1/credit-notes lists yours.")
    return found


async def read_invoice(session: AsyncSession, owner_id: UUID, name: str) -> dict[str, Any]:
    """An invoice whole; raises InvoiceNotFound."""
    invoice = await find_invoice(session, owner_id, name)
    currency = invoice.currency
    return {
        "invoice_id": invoice.id,
        "number": invoice.number,
        "kind": invoice.kind,
        "state": invoice.state,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "net": queries.money(invoice.net_minor, currency),
        "tax": queries.money(invoice.tax_minor, currency),
        "tax_country": invoice.tax_country,
        "tax_rate": invoice.tax_rate,
        "total": queries.money(invoice.total_minor, currency),
        "due": queries.money(invoice.open_minor, currency),
        "paid": {
            "promotional": queries.money(invoice.promotional_minor, currency),
            "balance": queries.money(invoice.balance_minor, currency),
            "card": queries.money(invoice.card_minor, currency),
            "credited": queries.money(invoice.credited_minor, currency),
        },
        "pay_now": await _pay_now(session, invoice),
        "issued_at": invoice.finalised_at,
        "due_at": invoice.finalised_at or invoice.finalise_due_at,
        "next_charge_at": invoice.charge_due_at,
        "paid_at": invoice.paid_at,
        "billed_to": invoice.billed_to,
        "lines": [queries.shown_line(line, currency) for line in await queries.lines_of(session, invoice.id)],
        "payments": await list_of_invoice(session, invoice.id),
        "credit_notes": [
            queries.shown_note(note, invoice.number) for note in await queries.credit_notes_of(session, invoice.id)
        ],
    }


async def _pay_now(session: AsyncSession, invoice: Invoice) -> dict[str, Any] | None:
    if not invoice.open_minor or await has_payment_under_way(session, invoice.id):
        return None
    account = await session.get_one(Account, invoice.owner_id)
    balance_minor = await settling.usable_balance(session, account)
    given = allocate(invoice.open_minor, account.promotional_minor, balance_minor)
    amounts = {
        "promotional": given.promotional_minor,
        "balance": given.balance_minor,
        "card": given.card_minor,
        "carried": given.debt_minor,
    }
    return {name: queries.money(amount, invoice.currency) for name, amount in amounts.items()}


async def invoice_pdf(database: Database, owner_id: UUID, name: str, seller: Seller) -> tuple[str, bytes]:
    """A file name and the document; raises InvoiceNotFound."""
    async with database.reading() as session:
        invoice = await find_invoice(session, owner_id, name)
        lines = await queries.lines_of(session, invoice.id)
        notes = await queries.credit_notes_of(session, invoice.id)
        cards = [
            pdf.CardPaid(
                each["method"]["brand"], each["method"]["last4"], each["captured"]["amount_minor"], each["created_at"]
            )
            for each in await list_of_invoice(session, invoice.id)
            if each["state"] == PaymentState.CAPTURED
        ]
    content = await asyncio.to_thread(pdf.render_invoice, invoice, lines, cards, notes, seller)
    return f"{invoice.number or 'draft'}.pdf", content


async def credit_note_pdf(database: Database, owner_id: UUID, name: str, seller: Seller) -> tuple[str, bytes]:
    """A file name and the document; raises CreditNoteNotFound."""
    async with database.reading() as session:
        note, invoice = await find_credit_note(session, owner_id, name)
    return f"{note.number}.pdf", await asyncio.to_thread(pdf.render_credit_note, note, invoice, seller)


async def write_details(session: AsyncSession, owner_id: UUID, details: dict[str, Any], now: datetime) -> Account:
    """To whom invoices are addressed from now on, and by whose tax."""
    account = await accounts.lock(session, owner_id, now)
    account.billing_name = details["name"]
    account.country = details["country"]
    account.address_lines = details["address_lines"]
    account.tax_id = details["tax_id"]
    account.email = details["email"]
    return account
