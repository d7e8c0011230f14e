"""Measured levels, running totals, closed periods and what is reserved."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from billing.models.accounts import Account
from billing.models.base import Base, one_of


class Meter(Base):
    """What an owner's open period has accrued so far, and since when nothing was added."""

    __tablename__ = "meters"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id), primary_key=True)
    period_start: Mapped[datetime]
    metered_until: Mapped[datetime]
    accrued: Mapped[list[Any]] = mapped_column(comment="[price version, tier, byte-seconds] each")


class MeteredBackup(Base):
    """A backup's level as last measured."""

    __tablename__ = "metered_backups"

    backup_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(index=True)
    terminus_id: Mapped[UUID | None]
    name: Mapped[str | None]
    measured_at: Mapped[datetime | None]
    storage_bytes: Mapped[int] = mapped_column(default=0)
    has_snapshot: Mapped[bool] = mapped_column(default=False)


class StorageSample(Base):
    """A measured level of a backup; it holds until the next."""

    __tablename__ = "storage_samples"

    backup_id: Mapped[UUID] = mapped_column(primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    terminus_id: Mapped[UUID | None]
    storage_bytes: Mapped[int]
    has_snapshot: Mapped[bool]

    __table_args__ = (Index(None, "owner_id", "measured_at"),)


class UsagePeriod(Base):
    """A closed stretch of metering, of an owner's backup storage or of an instance, and what was billed of it."""

    __tablename__ = "usage_periods"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True, comment="the owner, or the instance")
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id), index=True)
    kind: Mapped[str]
    billed_minor: Mapped[int] = mapped_column(comment="what lines, adjustments and credit notes have said of it so far")
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoices.id"))

    __table_args__ = (
        one_of("kind", "backup_storage", "instance"),
        CheckConstraint("ended_at > started_at", name="forward"),
    )


class Adjustment(Base):
    """A correction of a finalised period, waiting for the owner's next invoice."""

    __tablename__ = "adjustments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    subject_id: Mapped[UUID]
    period_started_at: Mapped[datetime]
    period_ended_at: Mapped[datetime]
    amount_minor: Mapped[int]
    created_at: Mapped[datetime]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoices.id"))

    __table_args__ = (Index(None, "owner_id", postgresql_where=text("invoice_id IS NULL")),)


class Reservation(Base):
    """Room that a write key may fill, until its backup is measured or the key ends."""

    __tablename__ = "reservations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    backup_id: Mapped[UUID]
    terminus_id: Mapped[UUID | None]
    reserved_bytes: Mapped[int]
    base_bytes: Mapped[int] = mapped_column(
        comment="what the backup held then; growth since then is no longer reserved"
    )
    declared: Mapped[bool] = mapped_column(comment="a guess ends with the first measurement, a declared size does not")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "owner_id", "expires_at"),
        Index(None, "backup_id", postgresql_where=text("ended_at IS NULL")),
        Index(None, "expires_at"),
    )
