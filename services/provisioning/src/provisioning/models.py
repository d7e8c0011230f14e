"""Provisioning's tables."""

from collections.abc import Collection
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
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from provisioning.domain.lifecycle import HEARD, TERMINAL, Cause, Status, Trigger
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


def quoted(statuses: Collection[Status]) -> str:
    return ", ".join(repr(str(status)) for status in sorted(statuses))


LIVE = text(f"status NOT IN ({quoted(TERMINAL)})")
"""The instance holds its name, and something may still become of it."""


class Instance(Base):
    """A home cloud in the cloud: what was wanted, the one machine made for it, and what its agent says.

    The row is the intent: it is committed before a machine is asked for, and its id is the machine's tag.
    """

    __tablename__ = "instances"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    restore_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(comment="in lower case; leased to it while it lives")
    provider: Mapped[str]
    region: Mapped[str]
    plan: Mapped[str]

    status: Mapped[str]
    code: Mapped[str | None] = mapped_column(comment="stable, why it failed or errs")
    reason: Mapped[str | None] = mapped_column(comment="the same for a person")
    last_number: Mapped[int] = mapped_column(default=0, comment="of its history")
    last_line: Mapped[int] = mapped_column(default=0, comment="of its log")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(comment="when its status changed last")
    requested_at: Mapped[datetime | None] = mapped_column(comment="when it was wanted for certain")
    cause: Mapped[str | None] = mapped_column(comment="why its return began; null for one of before this was kept")
    ended_at: Mapped[datetime | None]

    # The next thing to be done about it, and how often that was tried since its status changed.
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    unanswered_since: Mapped[datetime | None] = mapped_column(comment="since when its provider gives no certain answer")
    stuck_at: Mapped[datetime | None] = mapped_column(comment="since when an operator should look at it")
    trouble: Mapped[str | None] = mapped_column(comment="why it does not come on, for an operator")
    acted_at: Mapped[datetime | None] = mapped_column(comment="when its driver did what its owner asked for last")

    # The machine. Until `call_until` and the driver's settling time have passed, one may still come into being.
    call_until: Mapped[datetime | None] = mapped_column(comment="by when the last call to make it has ended")
    calls: Mapped[int] = mapped_column(default=0, comment="how often its machine was asked for")
    place: Mapped[str | None] = mapped_column(comment="the provider's own name of the region, from the first call on")
    machine: Mapped[str | None] = mapped_column(comment="the provider's reference")
    address: Mapped[str | None]
    started_at: Mapped[datetime | None] = mapped_column(comment="since when its machine runs, the first time")
    missing_since: Mapped[datetime | None] = mapped_column(comment="since when the provider does not list its machine")

    # Its agent.
    enrolment_expires_at: Mapped[datetime | None]
    public_key: Mapped[bytes | None] = mapped_column(comment="Ed25519, with which the agent signs")
    heard_at: Mapped[datetime | None]
    heartbeat: Mapped[int] = mapped_column(default=0, comment="number of the newest")
    agent_version: Mapped[str | None]
    olares_version: Mapped[str | None]
    measured_at: Mapped[datetime | None] = mapped_column(comment="when the counters below were read")
    counted_bytes: Mapped[int] = mapped_column(default=0, comment="traffic as the agent's counter stood")
    traffic_bytes: Mapped[int] = mapped_column(default=0, comment="traffic in all, over restarts of the counter")
    disk_bytes: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime | None] = mapped_column(comment="the newest reading that was told to others")

    __table_args__ = (
        one_of("status", *Status),
        one_of("cause", *Cause),
        Index("uq_instances_live_name", "owner_id", "name", unique=True, postgresql_where=LIVE),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index(None, "stuck_at", postgresql_where=text("stuck_at IS NOT NULL")),
        Index("ix_instances_live", "provider", "region", postgresql_where=LIVE),
        Index("ix_instances_heard", "heard_at", postgresql_where=text(f"status IN ({quoted(HEARD)})")),
    )


class Unwanted(Base):
    """An instance that was called off before it was heard of: what wants it may still be on its way."""

    __tablename__ = "unwanted"

    instance_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    heard_at: Mapped[datetime]


class HistoryEntry(Base):
    """Each move of an instance's status."""

    __tablename__ = "history"

    instance_id: Mapped[UUID] = mapped_column(ForeignKey(Instance.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]
    source: Mapped[str | None] = mapped_column(comment="the status before; null for the first entry")
    trigger: Mapped[str | None]
    status: Mapped[str] = mapped_column(comment="the status from then on")
    code: Mapped[str | None]
    reason: Mapped[str | None]

    __table_args__ = (
        one_of("source", *Status),
        one_of("trigger", *Trigger),
        one_of("status", *Status),
        CheckConstraint("number = 1 OR (source IS NOT NULL AND trigger IS NOT NULL)", name="moved"),
    )


class LogLine(Base):
    """A line of an instance's log: of its agent, or ours about its status.

    Numbers are given under the instance's row lock, so they become visible in their order.
    """

    __tablename__ = "log_lines"

    instance_id: Mapped[UUID] = mapped_column(ForeignKey(Instance.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    logged_at: Mapped[datetime] = mapped_column(comment="as its source says")
    source: Mapped[str]
    source_number: Mapped[int | None] = mapped_column(comment="of an agent's line, so that it is kept once")
    line: Mapped[str]

    __table_args__ = (one_of("source", "space", "agent"), UniqueConstraint("instance_id", "source_number"))


class AgentOrder(Base):
    """Something that an instance's agent is to do; it is told with every heartbeat until that says it is done."""

    __tablename__ = "agent_orders"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    instance_id: Mapped[UUID] = mapped_column(ForeignKey(Instance.id))
    kind: Mapped[str]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    __table_args__ = (one_of("kind", "finish"), UniqueConstraint("instance_id", "kind"))


class Orphan(Base):
    """A machine of this installation that no live instance is known for, and what became of it."""

    __tablename__ = "orphans"

    provider: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str]
    instance_id: Mapped[UUID] = mapped_column(comment="as its tag says")
    state: Mapped[str]
    found_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(comment="when it is returned unless an operator keeps it")
    ended_at: Mapped[datetime | None]

    __table_args__ = (one_of("state", "found", "kept", "returned"),)


class Availability(Base):
    """Whether a plan can be had, as its driver said last."""

    __tablename__ = "availability"

    provider: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str] = mapped_column(primary_key=True)
    plan: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str | None] = mapped_column(comment="for an operator")
    checked_at: Mapped[datetime]
    sold_out_until: Mapped[datetime | None] = mapped_column(comment="after a call that was refused for capacity")

    __table_args__ = (one_of("state", "available", "sold_out", "unusable"),)


class PriceVersion(Base):
    """Which prices the rows of `plan_prices` are; one row, so that a version that comes late is known as such."""

    __tablename__ = "price_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    price_version: Mapped[str]
    currency: Mapped[str]
    effective_from: Mapped[datetime]
    taken_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("id = 1", name="one"),)


class PlanPrice(Base):
    """What a plan costs, as billing said last. Plans that are not here are not sold."""

    __tablename__ = "plan_prices"

    provider: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str] = mapped_column(primary_key=True)
    plan: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str]
    monthly_minor: Mapped[int]
    included_traffic_bytes: Mapped[int]
    included_storage_bytes: Mapped[int]
    price_version: Mapped[str]
    effective_from: Mapped[datetime]


class InstanceLink(Base):
    """A one-time link to the page of an instance, until it is used or too old."""

    __tablename__ = "instance_links"

    digest: Mapped[bytes] = mapped_column(primary_key=True, comment="SHA-256 of what is in the link")
    instance_id: Mapped[UUID] = mapped_column(ForeignKey(Instance.id))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "instance_id"),)
