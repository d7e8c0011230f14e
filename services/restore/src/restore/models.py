"""Restore's tables."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from restore.domain.lifecycle import State, Trigger
from shared.messaging import NAMING


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text(),
        UUID: Uuid(),
        int: BigInteger(),
        bytes: LargeBinary(),
    }


def one_of(column: str, *values: str) -> CheckConstraint:
    """The column holds one of these and nothing else."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


class Restore(Base):
    """One snapshot on its way back to its owner, and how far it has come."""

    __tablename__ = "restores"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    target: Mapped[str] = mapped_column(comment="where it is restored to")
    backup_id: Mapped[UUID]
    snapshot_id: Mapped[UUID]
    # As catalog said when the restore was asked for.
    backup_name: Mapped[str]
    terminus_name: Mapped[str | None]
    path: Mapped[str | None]
    restic_id: Mapped[str]
    snapshot_taken_at: Mapped[datetime]
    size_processed_bytes: Mapped[int | None]

    state: Mapped[str]
    reason: Mapped[str | None] = mapped_column(comment="why it failed or ended, for a person")
    bytes_restored: Mapped[int | None]
    files_restored: Mapped[int | None]
    total_bytes: Mapped[int | None]
    warnings: Mapped[int] = mapped_column(default=0)

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    redeemed_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None] = mapped_column(comment="the last word of its client")
    ended_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(comment="when its time in this state is over")
    last_number: Mapped[int] = mapped_column(default=0, comment="of its timeline")

    __table_args__ = (
        one_of("state", *State),
        one_of("target", "local"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "backup_id"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )


class Ticket(Base):
    """The one-time credential of a restore to local; of it and of its redeemer's secret only digests are kept."""

    __tablename__ = "tickets"

    restore_id: Mapped[UUID] = mapped_column(ForeignKey(Restore.id), primary_key=True)
    ticket_hash: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    redeemer_hash: Mapped[bytes | None]


class TimelineEntry(Base):
    """What happened to a restore, numbered; an entry of kind ``moved`` is the history of its state.

    Numbers are given under the restore's row lock, so they become visible in their order. Successive entries of kind
    ``progress`` are folded into the newest, so numbers rise and have gaps.
    """

    __tablename__ = "timeline"

    restore_id: Mapped[UUID] = mapped_column(ForeignKey(Restore.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]
    kind: Mapped[str]
    source: Mapped[str | None] = mapped_column(comment="the state before; null for the first entry")
    trigger: Mapped[str | None]
    state: Mapped[str] = mapped_column(comment="the state from then on")
    reason: Mapped[str | None]
    bytes_restored: Mapped[int | None]
    files_restored: Mapped[int | None]
    total_bytes: Mapped[int | None]
    warnings: Mapped[int]

    __table_args__ = (
        one_of("kind", "moved", "progress", "keys_issued"),
        one_of("source", *State),
        one_of("trigger", *Trigger),
        one_of("state", *State),
        CheckConstraint("kind <> 'moved' OR number = 1 OR (source IS NOT NULL AND trigger IS NOT NULL)", name="moved"),
    )


class RedeemAttempts(Base):
    """How often one address tried to redeem a ticket in the current minute."""

    __tablename__ = "redeem_attempts"

    address: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    attempts: Mapped[int]

    __table_args__ = (Index(None, "since"),)
