"""The sandbox's tables: what a provider elsewhere would keep. Nothing of ours refers to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from billing.models import Base, one_of
from billing.ports import RefundStanding, Standing


class SandboxMethod(Base):
    """A test card that was saved. Its number is not here: the card is known by its name in the table of test cards."""

    __tablename__ = "sandbox_methods"

    token: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    card: Mapped[str] = mapped_column(comment="which test card, and so how it behaves")
    brand: Mapped[str]
    last4: Mapped[str]
    exp_month: Mapped[int] = mapped_column(Integer)
    exp_year: Mapped[int] = mapped_column(Integer)
    declines: Mapped[int] = mapped_column(Integer, default=0, comment="payments it has declined so far")
    lost_payment_id: Mapped[UUID | None] = mapped_column(comment="the request that did not get through to it last")
    created_at: Mapped[datetime]
    forgotten_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("length(last4) = 4", name="last4"),)


class SandboxCharge(Base):
    """A payment as the sandbox knows it, under our id."""

    __tablename__ = "sandbox_charges"

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    token: Mapped[str]
    card: Mapped[str | None] = mapped_column(comment="null: the token is of no card")
    standing: Mapped[str]
    amount_minor: Mapped[int]
    captured_minor: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    code: Mapped[str | None]
    asked: Mapped[int] = mapped_column(Integer, default=0, comment="how often it was asked about while undecided")
    decide_at: Mapped[datetime | None]
    hold_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        one_of("standing", *Standing),
        CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name="captured"),
        CheckConstraint("(code IS NOT NULL) = (standing = 'failed')", name="code"),
        Index(None, "decide_at", postgresql_where=text("standing = 'pending'")),
        Index(None, "hold_until", postgresql_where=text("standing = 'authorised'")),
    )


class SandboxRefund(Base):
    """Money given back, under our id."""

    __tablename__ = "sandbox_refunds"

    refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(SandboxCharge.payment_id), index=True)
    reference: Mapped[str] = mapped_column(unique=True)
    standing: Mapped[str]
    amount_minor: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (one_of("standing", *RefundStanding), CheckConstraint("amount_minor > 0", name="positive"))


class SandboxWebhook(Base):
    """A webhook to be sent; one that is sent twice is here twice."""

    __tablename__ = "sandbox_webhooks"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[str]
    kind: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(index=True)
    body: Mapped[str]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(comment="null: sent, or given up")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "due_at", "id", postgresql_where=text("due_at IS NOT NULL")),)
