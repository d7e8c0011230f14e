"""Quotes, orders, and the instances that come of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Integer,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from billing.domain.orders import OrderState
from billing.models.accounts import Account
from billing.models.base import Base, one_of
from billing.models.invoices import Invoice
from billing.models.payments import Payment


class Quote(Base):
    """What something would cost, promised for a while and signed."""

    __tablename__ = "quotes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    restore_id: Mapped[UUID | None] = mapped_column(comment="which restore asked for it")
    terms: Mapped[dict[str, Any]] = mapped_column(comment="everything that was promised, as signed")
    token: Mapped[str]
    total_minor: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    called_off_at: Mapped[datetime | None] = mapped_column(
        comment="when it was heard, before any order, that nothing is to come of it"
    )

    __table_args__ = (Index(None, "owner_id", "created_at", "id"), Index(None, "restore_id"))


class Order(Base):
    """A confirmed quote: what was set aside for it, and what came of it. Its id is the quote's."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(ForeignKey(Quote.id), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    restore_id: Mapped[UUID | None]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(
        Integer, comment="how often it was placed: once, and after each failure that was retried"
    )
    promotional_minor: Mapped[int] = mapped_column(comment="set aside from promotional balance")
    balance_minor: Mapped[int] = mapped_column(comment="set aside from balance")
    debt_minor: Mapped[int] = mapped_column(comment="carried sums that the card pays on top")
    card_minor: Mapped[int] = mapped_column(comment="to be held on the card, debt included")
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey(Payment.id))
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id))
    instance_id: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(comment="when the owner gave up; only the use until then is paid")
    code: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(comment="when what is held is let go if nobody takes it")

    __table_args__ = (
        one_of("state", *OrderState),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "restore_id"),
        Index(None, "invoice_id"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )


class OrderMove(Base):
    """A change of an order's state."""

    __tablename__ = "order_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id), index=True)
    source: Mapped[str]
    trigger: Mapped[str]
    target: Mapped[str]
    moved_at: Mapped[datetime]


class Instance(Base):
    """An instance that is paid by the month, and the month that is paid."""

    __tablename__ = "instances"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id))
    name: Mapped[str]
    provider: Mapped[str]
    region: Mapped[str]
    plan: Mapped[str]
    anchor_at: Mapped[datetime]
    months: Mapped[int] = mapped_column(Integer, comment="begun so far")
    period_start: Mapped[datetime] = mapped_column(comment="of the month that is paid")
    period_end: Mapped[datetime]
    price_version: Mapped[str] = mapped_column(comment="by which that month is priced")
    restored_bytes: Mapped[int] = mapped_column(comment="traffic of the first month that the order has paid")
    returned_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "owner_id", "anchor_at", "id"),)


class InstanceMonth(Base):
    """A month of an instance that was paid, or is to be, in advance."""

    __tablename__ = "instance_months"

    instance_id: Mapped[UUID] = mapped_column(ForeignKey(Instance.id), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    price_version: Mapped[str]
    monthly_minor: Mapped[int]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id), comment="null: its price came to nothing")


class ReturnedInstance(Base):
    """An instance that is gone, as heard; perhaps before it was heard that it was paid."""

    __tablename__ = "returned_instances"

    instance_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    returned_at: Mapped[datetime]


class InstanceSample(Base):
    """What an instance's agent counted at an instant."""

    __tablename__ = "instance_samples"

    instance_id: Mapped[UUID] = mapped_column(primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    traffic_bytes: Mapped[int]
    disk_bytes: Mapped[int]
