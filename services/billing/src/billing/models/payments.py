"""Cards, what was asked of them, and what goes back."""

from datetime import datetime
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

from billing.domain.payments import PaymentState, RefundState
from billing.models.accounts import Account
from billing.models.base import Base, one_of
from billing.models.invoices import CreditNote, Invoice


class PaymentMethod(Base):
    """A card as far as we keep it."""

    __tablename__ = "payment_methods"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    provider: Mapped[str]
    customer: Mapped[str | None]
    token: Mapped[str]
    brand: Mapped[str]
    last4: Mapped[str]
    exp_month: Mapped[int] = mapped_column(Integer)
    exp_year: Mapped[int] = mapped_column(Integer)
    is_default: Mapped[bool]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    forget_due_at: Mapped[datetime | None] = mapped_column(
        comment="when the provider is told (again) to forget the card"
    )
    forgotten_at: Mapped[datetime | None] = mapped_column(comment="when the provider confirmed that it forgot the card")

    __table_args__ = (
        Index(
            "uq_payment_methods_default",
            "owner_id",
            unique=True,
            postgresql_where=text("is_default AND removed_at IS NULL"),
        ),
        Index(None, "owner_id", "created_at", "id"),
        Index(
            "uq_payment_methods_token", "provider", "token", unique=True, postgresql_where=text("removed_at IS NULL")
        ),
        Index(None, "forget_due_at", postgresql_where=text("forget_due_at IS NOT NULL")),
    )


class Payment(Base):
    """Money asked of a card once. Its row is the intent: it stands before the provider is called."""

    __tablename__ = "payments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    purpose: Mapped[str]
    order_id: Mapped[UUID | None]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id))
    method_id: Mapped[UUID] = mapped_column(ForeignKey(PaymentMethod.id))
    provider: Mapped[str]
    reference: Mapped[str | None] = mapped_column(comment="the provider's id of it")
    state: Mapped[str]
    amount_minor: Mapped[int]
    capture_minor: Mapped[int | None] = mapped_column(comment="how much of it is to be taken")
    captured_minor: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    description: Mapped[str]
    code: Mapped[str | None] = mapped_column(comment="why it failed")
    void_wanted: Mapped[bool] = mapped_column(default=False, comment="let go as soon as it is known to be held")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ask_due_at: Mapped[datetime | None] = mapped_column(comment="when the provider is to be called or asked (again)")
    asked: Mapped[int] = mapped_column(default=0, comment="calls without a certain answer since the last one")
    tried_at: Mapped[datetime | None] = mapped_column(
        comment="when the provider was last told, or may have been, to hold"
    )

    __table_args__ = (
        one_of("purpose", "order", "invoice", "top_up"),
        one_of("state", *PaymentState),
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name="captured"),
        # At most one payment of an order or an invoice may still come true or has.
        Index(
            "uq_payments_open_invoice",
            "invoice_id",
            unique=True,
            postgresql_where=text("state NOT IN ('failed', 'voided', 'expired')"),
        ),
        Index(
            "uq_payments_open_order",
            "order_id",
            unique=True,
            postgresql_where=text("state NOT IN ('failed', 'voided', 'expired')"),
        ),
        # Those that failed are looked for too.
        Index(None, "invoice_id"),
        Index(None, "order_id"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "ask_due_at", postgresql_where=text("ask_due_at IS NOT NULL")),
    )


class PaymentMove(Base):
    """A change of a payment's state."""

    __tablename__ = "payment_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id), index=True)
    source: Mapped[str]
    trigger: Mapped[str]
    target: Mapped[str]
    moved_at: Mapped[datetime]


class Refund(Base):
    """Money to go back to a card; the intent stands before the provider is called."""

    __tablename__ = "refunds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id), index=True)
    credit_note_id: Mapped[UUID] = mapped_column(ForeignKey(CreditNote.id), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    state: Mapped[str]
    amount_minor: Mapped[int]
    reference: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ask_due_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        one_of("state", *RefundState),
        CheckConstraint("amount_minor > 0", name="positive"),
        Index(None, "ask_due_at", postgresql_where=text("ask_due_at IS NOT NULL")),
    )


class WebhookEvent(Base):
    """A provider's word that something happened; stored once, then asked about."""

    __tablename__ = "webhook_events"

    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    payment_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
