"""Restore's tables."""

from datetime import datetime
from typing import Any
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
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from restore.domain import order
from restore.domain.axes import Compute, Data, Payment
from restore.domain.lifecycle import State, Trigger
from restore.domain.passwords import Asked
from shared.messaging import NAMING


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text(),
        UUID: Uuid(),
        int: BigInteger(),
        bytes: LargeBinary(),
        dict[str, Any]: JSONB(),
    }


OPEN_TO_CLOUD = "target = 'cloud' AND ended_at IS NULL"
STATES = sorted({str(state) for state in (*State, *order.State)})
TRIGGERS = sorted({str(trigger) for trigger in (*Trigger, *order.Trigger)})
"""Of restores to local and to the cloud."""


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
    code: Mapped[str | None] = mapped_column(comment="stable, beside the reason, where there is one")
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
        one_of("state", *STATES),
        one_of("target", "local", "cloud"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "backup_id"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
        # What workers look through again and again: the few restores to the cloud that are not over.
        Index(
            "ix_restores_open", "state", "updated_at", postgresql_where=text("target = 'cloud' AND ended_at IS NULL")
        ),
    )


class CloudRestore(Base):
    """What a restore to the cloud has beside: its order, its money, its machine and its password."""

    __tablename__ = "cloud_restores"

    restore_id: Mapped[UUID] = mapped_column(ForeignKey(Restore.id), primary_key=True)
    provider: Mapped[str]
    region: Mapped[str]
    plan: Mapped[str]
    instance_name: Mapped[str]
    # The order.
    quote_id: Mapped[UUID | None] = mapped_column(unique=True)
    quote: Mapped[dict[str, Any] | None] = mapped_column(comment="as billing made it")
    estimate_seconds: Mapped[int | None]
    payment_method_id: Mapped[UUID | None]
    # The saga.
    payment: Mapped[str]
    compute: Mapped[str]
    data: Mapped[str]
    ending: Mapped[str | None] = mapped_column(comment="why it is undone")
    machine: Mapped[int] = mapped_column(comment="which of its machines this is, from 1")
    asked: Mapped[int] = mapped_column(comment="how often others were asked again in this state")
    # The machine.
    instance_id: Mapped[UUID | None] = mapped_column(unique=True)
    address: Mapped[str | None]
    agent_key: Mapped[bytes | None] = mapped_column(comment="Ed25519, which its agent signs with")
    running_at: Mapped[datetime | None]
    used_until: Mapped[datetime | None] = mapped_column(comment="when its owner gave up the password")
    # The password: sealed for the agent, here only until its verdict.
    round: Mapped[int] = mapped_column(comment="of the newest key that the agent offered")
    round_key: Mapped[bytes | None] = mapped_column(comment="X25519; null while the agent has none to offer")
    asked_because: Mapped[str | None] = mapped_column(comment="why the password is asked for")
    sealed_password: Mapped[bytes | None]
    wrong_passwords: Mapped[int]
    password_not_before: Mapped[datetime | None]
    password_until: Mapped[datetime | None]

    __table_args__ = (
        one_of("payment", *Payment),
        one_of("compute", *Compute),
        one_of("data", *Data),
        one_of("ending", *order.Trigger),
        one_of("asked_because", *Asked),
        CheckConstraint("sealed_password IS NULL OR round_key IS NOT NULL", name="sealed_for_a_key"),
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
    code: Mapped[str | None] = mapped_column(comment="what is new, or why, as a stable word")
    reason: Mapped[str | None]
    bytes_restored: Mapped[int | None]
    files_restored: Mapped[int | None]
    total_bytes: Mapped[int | None]
    warnings: Mapped[int]

    __table_args__ = (
        one_of("kind", "moved", "progress", "keys_issued", "payment", "instance", "password"),
        one_of("source", *STATES),
        one_of("trigger", *TRIGGERS),
        one_of("state", *STATES),
        CheckConstraint("kind <> 'moved' OR number = 1 OR (source IS NOT NULL AND trigger IS NOT NULL)", name="moved"),
    )


class RedeemAttempts(Base):
    """How often one address tried to redeem a ticket in the current minute."""

    __tablename__ = "redeem_attempts"

    address: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    attempts: Mapped[int]

    __table_args__ = (Index(None, "since"),)
