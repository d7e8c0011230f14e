"""Invoices, credit notes and notices as their owner sees them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.invoices import InvoiceState
from billing.models import CreditNote, Invoice, InvoiceLine, Notice
from billing.queries.invoices import open_amount

_INVOICES = select(
    Invoice.id.label("invoice_id"),
    Invoice.number,
    Invoice.kind,
    Invoice.state,
    Invoice.currency,
    Invoice.period_start,
    Invoice.period_end,
    Invoice.total_minor,
    open_amount().label("due_minor"),
    Invoice.finalised_at.label("issued_at"),
    func.coalesce(Invoice.finalised_at, Invoice.finalise_due_at).label("due_at"),
    Invoice.charge_due_at.label("next_charge_at"),
    Invoice.paid_at,
    Invoice.created_at,
)
_CREDIT_NOTES = select(CreditNote, Invoice.number.label("invoice_number")).join(
    Invoice, Invoice.id == CreditNote.invoice_id
)


async def list_invoices(
    session: AsyncSession,
    owner_id: UUID,
    *,
    state: InvoiceState | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """An owner's invoices, newest first, without drafts that came to nothing; one row more than the limit if any."""
    query = _INVOICES.where(Invoice.owner_id == owner_id)
    query = query.where((Invoice.state != InvoiceState.VOID) | Invoice.number.is_not(None))
    if state is not None:
        query = query.where(Invoice.state == state)
    if after is not None:
        query = query.where(tuple_(Invoice.created_at, Invoice.id) < after)
    query = query.order_by(Invoice.created_at.desc(), Invoice.id.desc()).limit(limit + 1)
    rows = (await (await session.connection()).execute(query)).all()
    return [
        {**row._mapping, "total": money(row.total_minor, row.currency), "due": money(row.due_minor, row.currency)}
        for row in rows
    ]


async def find_invoice(session: AsyncSession, owner_id: UUID, name: str) -> Invoice | None:
    """The owner's invoice of that id or number, or None; another owner's is None too."""
    query = select(Invoice).where(Invoice.owner_id == owner_id)
    return await session.scalar(query.where(_named(name, Invoice.id, Invoice.number)))


async def lines_of(session: AsyncSession, invoice_id: UUID) -> Sequence[InvoiceLine]:
    """An invoice's lines, in order."""
    query = select(InvoiceLine).where(InvoiceLine.invoice_id == invoice_id).order_by(InvoiceLine.number)
    return (await session.scalars(query)).all()


async def credit_notes_of(session: AsyncSession, invoice_id: UUID) -> Sequence[CreditNote]:
    """An invoice's credit notes, the first one first."""
    query = select(CreditNote).where(CreditNote.invoice_id == invoice_id).order_by(CreditNote.number)
    return (await session.scalars(query)).all()


async def list_credit_notes(
    session: AsyncSession, owner_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """An owner's credit notes, newest first; one more than the limit when there are more."""
    query = _CREDIT_NOTES.where(CreditNote.owner_id == owner_id)
    if after is not None:
        query = query.where(tuple_(CreditNote.issued_at, CreditNote.id) < after)
    query = query.order_by(CreditNote.issued_at.desc(), CreditNote.id.desc()).limit(limit + 1)
    return [shown_note(note, number) for note, number in (await session.execute(query)).all()]


async def find_credit_note(session: AsyncSession, owner_id: UUID, name: str) -> tuple[CreditNote, Invoice] | None:
    """The owner's credit note of that id or number with its invoice, or None; another owner's is None too."""
    query = select(CreditNote, Invoice).join(Invoice, Invoice.id == CreditNote.invoice_id)
    query = query.where(CreditNote.owner_id == owner_id, _named(name, CreditNote.id, CreditNote.number))
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def list_notices(
    session: AsyncSession, owner_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """What an owner was told, newest first; one more than the limit when there are more."""
    query = select(Notice.id.label("notice_id"), Notice.kind, Notice.text, Notice.created_at, Notice.invoice_id).where(
        Notice.owner_id == owner_id
    )
    if after is not None:
        query = query.where(tuple_(Notice.created_at, Notice.id) < after)
    query = query.order_by(Notice.created_at.desc(), Notice.id.desc()).limit(limit + 1)
    return [dict(row._mapping) for row in (await (await session.connection()).execute(query)).all()]


def shown_line(line: InvoiceLine, currency: str) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "description": line.description,
        "quantity": line.quantity,
        "unit": line.unit,
        "unit_price": line.unit_price,
        "amount": money(line.amount_minor, currency),
        "instance_id": line.instance_id,
    }


def shown_note(note: CreditNote, invoice_number: str | None) -> dict[str, Any]:
    return {
        "credit_note_id": note.id,
        "number": note.number,
        "invoice_id": note.invoice_id,
        "invoice_number": invoice_number,
        "reason": note.reason,
        "net": money(note.net_minor, note.currency),
        "tax": money(note.tax_minor, note.currency),
        "total": money(note.total_minor, note.currency),
        "to_promotional": money(note.to_promotional_minor, note.currency),
        "to_balance": money(note.to_balance_minor, note.currency),
        "to_card": money(note.to_card_minor, note.currency),
        "no_longer_owed": money(note.to_owed_minor, note.currency),
        "issued_at": note.issued_at,
    }


def money(amount_minor: int, currency: str) -> dict[str, Any]:
    """An amount as it goes over the wire."""
    return {"amount_minor": amount_minor, "currency": currency}


def _named(name: str, by_id: Any, by_number: Any) -> Any:
    try:
        return by_id == UUID(name)
    except ValueError:
        return by_number == name.upper()
