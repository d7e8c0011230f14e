"""Owners as far as money goes, and the prices that hold for them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
)
from sqlalchemy.orm import Mapped, mapped_column

from billing.domain.dunning import Standing
from billing.models.base import Base, one_of


class PriceBookDocument(Base):
    """A price book as it was loaded; the last one is in use. What is past in it never differs from the one before."""

    __tablename__ = "price_books"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    document: Mapped[str] = mapped_column(comment="YAML")
    loaded_at: Mapped[datetime]


class ToldPrices(Base):
    """A version of the price book that the others were told of when it came into force."""

    __tablename__ = "told_prices"

    version: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[datetime]
    told_at: Mapped[datetime]


class Account(Base):
    """An owner as far as money goes. Its row is locked by whatever moves their money."""

    __tablename__ = "accounts"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str]
    anchor_at: Mapped[datetime | None] = mapped_column(
        comment="from which its months are counted; null: nothing used yet"
    )
    close_due_at: Mapped[datetime | None] = mapped_column(comment="when what was used is invoiced next")
    promotional_minor: Mapped[int] = mapped_column(default=0)
    balance_minor: Mapped[int] = mapped_column(
        default=0, comment="paid in; negative: owed, collected with the next charge"
    )
    spend_limit_minor: Mapped[int | None] = mapped_column(comment="null: as the settings say")
    standing: Mapped[str] = mapped_column(default=Standing.CURRENT)
    quota_reason: Mapped[str | None] = mapped_column(
        comment="why uploads are stopped, as last told; null: they are not"
    )
    quota_number: Mapped[int] = mapped_column(default=0, comment="of the last word about it")
    assess_due_at: Mapped[datetime | None] = mapped_column(
        comment="when time alone may have changed what may be uploaded"
    )
    provider_customer: Mapped[str | None]
    billing_name: Mapped[str | None]
    country: Mapped[str | None]
    address_lines: Mapped[list[Any]] = mapped_column(default=list)
    tax_id: Mapped[str | None]
    email: Mapped[str | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        one_of("standing", *Standing),
        one_of("quota_reason", "over_limit", "arrears"),
        CheckConstraint("promotional_minor >= 0", name="promotional"),
        Index(None, "close_due_at"),
        Index(None, "assess_due_at"),
    )


class AccountMove(Base):
    """A change of an account's standing."""

    __tablename__ = "account_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id), index=True)
    source: Mapped[str]
    target: Mapped[str]
    reason: Mapped[str]
    moved_at: Mapped[datetime]


class EndedSession(Base):
    """A session of Olares devices that was ended while its tokens are still good by themselves."""

    __tablename__ = "ended_sessions"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    tokens_end_at: Mapped[datetime] = mapped_column(index=True)
