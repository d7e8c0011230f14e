"""Invoices and credit notes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from billing.domain.invoices import OWED, InvoiceKind, InvoiceState
from billing.models.accounts import Account
from billing.models.base import Base, one_of

SETTLED_MINOR = "promotional_minor + balance_minor + card_minor + credited_minor"


class Invoice(Base):
    """What an owner owes for something; frozen once it has a number."""

    __tablename__ = "invoices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    number: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str]
    state: Mapped[str]
    currency: Mapped[str]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    total_minor: Mapped[int]
    tax_country: Mapped[str | None]
    tax_rate: Mapped[str | None] = mapped_column(comment="a decimal fraction, as it was configured")
    promotional_minor: Mapped[int] = mapped_column(default=0, comment="paid from promotional balance")
    balance_minor: Mapped[int] = mapped_column(default=0, comment="paid from balance, carried sums included")
    card_minor: Mapped[int] = mapped_column(default=0, comment="paid by card")
    credited_minor: Mapped[int] = mapped_column(default=0, comment="no longer owed, by credit notes")
    billed_to: Mapped[dict[str, Any]] = mapped_column(comment="the owner's billing details when it was finalised")
    created_at: Mapped[datetime]
    finalise_due_at: Mapped[datetime | None]
    finalised_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(comment="when it was voided or given up")
    attempts: Mapped[int] = mapped_column(default=0, comment="charges that failed")
    first_failed_at: Mapped[datetime | None]
    charge_due_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("kind", *InvoiceKind),
        one_of("state", *InvoiceState),
        CheckConstraint("net_minor + tax_minor = total_minor", name="adds_up"),
        CheckConstraint("total_minor >= 0", name="not_negative"),
        CheckConstraint("(number IS NOT NULL) = (finalised_at IS NOT NULL)", name="numbered"),
        CheckConstraint(f"{SETTLED_MINOR} <= total_minor", name="not_overpaid"),
        CheckConstraint(f"state <> 'paid' OR {SETTLED_MINOR} = total_minor", name="paid_in_full"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "finalise_due_at", postgresql_where=text("state = 'draft'")),
        Index(None, "charge_due_at", postgresql_where=text("charge_due_at IS NOT NULL")),
    )

    @property
    def open_minor(self) -> int:
        """What is still to be paid; 0 of a draft and of what is void."""
        if self.state not in OWED:
            return 0
        return self.total_minor - self.promotional_minor - self.balance_minor - self.card_minor - self.credited_minor


class InvoiceMove(Base):
    """A change of an invoice's state."""

    __tablename__ = "invoice_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey(Invoice.id), index=True)
    source: Mapped[str]
    trigger: Mapped[str]
    target: Mapped[str]
    moved_at: Mapped[datetime]


class InvoiceLine(Base):
    """One charge of an invoice, rounded once."""

    __tablename__ = "invoice_lines"

    invoice_id: Mapped[UUID] = mapped_column(ForeignKey(Invoice.id), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str]
    description: Mapped[str]
    quantity: Mapped[str] = mapped_column(comment="a decimal number, for a person to check the amount by")
    unit: Mapped[str]
    unit_price: Mapped[str] = mapped_column(comment="in units of the currency")
    amount_minor: Mapped[int]
    instance_id: Mapped[UUID | None]


class CreditNote(Base):
    """Money given back for what an invoice said; together never more than the invoice."""

    __tablename__ = "credit_notes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey(Invoice.id), index=True)
    number: Mapped[str] = mapped_column(unique=True)
    source: Mapped[str] = mapped_column(unique=True, comment="what caused it; the same cause credits once")
    reason: Mapped[str]
    currency: Mapped[str]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    total_minor: Mapped[int]
    to_promotional_minor: Mapped[int]
    to_balance_minor: Mapped[int]
    to_card_minor: Mapped[int]
    to_owed_minor: Mapped[int] = mapped_column(comment="what was not paid yet and is no longer owed")
    issued_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("net_minor + tax_minor = total_minor", name="adds_up"),
        CheckConstraint(
            "to_promotional_minor + to_balance_minor + to_card_minor + to_owed_minor = total_minor", name="all_given"
        ),
        CheckConstraint("total_minor > 0", name="positive"),
        Index(None, "owner_id", "issued_at", "id"),
    )


class NumberSeries(Base):
    """The last number of a series; taken in the transaction that uses it, so that there are no gaps."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class Notice(Base):
    """What an owner was told about their bill."""

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    kind: Mapped[str]
    text: Mapped[str]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id))
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "owner_id", "created_at", "id"),)
