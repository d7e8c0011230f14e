"""The ledger."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from billing.domain.ledger import Account as LedgerAccount
from billing.models.base import Base, one_of


class LedgerTransaction(Base):
    """A movement of money: its entries sum to zero. Rows of the ledger are never changed."""

    __tablename__ = "ledger_transactions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source: Mapped[str] = mapped_column(comment="what it is about, as kind:id")
    purpose: Mapped[str]
    owner_id: Mapped[UUID]
    currency: Mapped[str]
    description: Mapped[str]
    recorded_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("source", "purpose"), Index(None, "owner_id", "id"))


class LedgerEntry(Base):
    """One side of a movement: positive is debit, negative credit."""

    __tablename__ = "ledger_entries"

    transaction_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(LedgerTransaction.id), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    amount_minor: Mapped[int]

    __table_args__ = (
        one_of("account", *LedgerAccount),
        CheckConstraint("amount_minor <> 0", name="moves"),
        Index(None, "owner_id", "account"),
    )
