"""What an owner is told about their bill."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.price_words import money
from billing.domain.words import day
from billing.models import Invoice, Notice


def tell(session: AsyncSession, invoice: Invoice, kind: str, text: str, now: datetime) -> None:
    """Note a sentence for the invoice's owner to read."""
    session.add(
        Notice(
            id=uuid4(),
            owner_id=invoice.owner_id,
            kind=kind,
            text=f"{name_of(invoice)}: {text}",
            invoice_id=invoice.id,
            created_at=now,
        )
    )


def name_of(invoice: Invoice) -> str:
    return f"Invoice {invoice.number} of {money(invoice.total_minor, invoice.currency)}"


def issued(session: AsyncSession, invoice: Invoice, now: datetime) -> None:
    """A bill is there, and how it is or will be paid."""
    due = invoice.open_minor
    text = f"{money(due, invoice.currency)} of it is to be paid by card now." if due else "it is paid."
    tell(session, invoice, "invoice_issued", text, now)


def carried(session: AsyncSession, invoice: Invoice, carried_minor: int, now: datetime) -> None:
    text = (
        f"{money(carried_minor, invoice.currency)} of it is too little to charge to a card. Your balance is below zero "
        "by that much, and your next charge collects it."
    )
    tell(session, invoice, "sum_carried", text, now)


def charge_failed(
    session: AsyncSession, invoice: Invoice, reason: str, tries_at: datetime | None, now: datetime
) -> None:
    """A charge did not succeed; ``tries_at`` is when it is tried again by itself, null when it is not."""
    what = f"{money(invoice.open_minor, invoice.currency)} could not be charged. {reason}"
    next_step = (
        f"We try again on {day(tries_at)}; you can also pay it now."
        if tries_at is not None
        else "We do not try again by ourselves: pay it with a card of your choice."
    )
    tell(session, invoice, "charge_failed", f"{what} {next_step}", now)


def paid_after_failure(session: AsyncSession, invoice: Invoice, now: datetime) -> None:
    tell(session, invoice, "invoice_paid", "it is paid now. Thank you.", now)
