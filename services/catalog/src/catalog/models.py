"""Catalog's tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from catalog.domain.lifecycle import State
from shared.messaging import NAMING


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        bytes: LargeBinary(),
        datetime: DateTime(timezone=True),
        str: Text(),
        UUID: Uuid(),
        int: BigInteger(),
    }


def one_of(column: str, *values: str) -> CheckConstraint:
    """The column holds one of these and nothing else."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


class OwnerSpace(Base):
    """An owner's folder in the store."""

    __tablename__ = "owner_spaces"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    did: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str] = mapped_column(unique=True)
    catalog_key_id: Mapped[str] = mapped_column(unique=True, comment="with which catalog itself looks into the store")
    restriction: Mapped[str | None] = mapped_column(comment="billing's last word on why the owner may not upload")
    quota_number: Mapped[int] = mapped_column(server_default=text("0"), comment="rises with billing's words")
    operator_restriction: Mapped[str | None] = mapped_column(comment="an operator's; billing does not lift it")
    prepared: Mapped[bool] = mapped_column(default=False, comment="the store has the bucket that keys speak of")
    discover_due_at: Mapped[datetime]
    created_at: Mapped[datetime]

    __table_args__ = (
        one_of("restriction", "arrears", "over_limit"),
        one_of("operator_restriction", "arrears", "over_limit"),
        Index(None, "discover_due_at"),
    )


class Terminus(Base):
    """A home cloud of an owner."""

    __tablename__ = "terminus"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(OwnerSpace.owner_id))
    name: Mapped[str]
    cluster_id: Mapped[str | None]
    version: Mapped[str | None]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    metrics: Mapped[dict[str, Any] | None] = mapped_column(JSONB, comment="as its device told them last")
    metrics_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("owner_id", "name"),
        Index(None, "owner_id", "cluster_id"),
        Index(None, "owner_id", "created_at", "id"),
    )


class Backup(Base):
    """A backup task and what the store was last seen to hold of it.

    ``latest_snapshot_id`` to ``objects`` and ``overdue_at`` are derived from snapshots and measurements when those
    change, so that the list reads one table.
    """

    __tablename__ = "backups"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(OwnerSpace.owner_id))
    terminus_id: Mapped[UUID | None] = mapped_column(ForeignKey(Terminus.id))
    name: Mapped[str]
    kind: Mapped[str | None] = mapped_column(comment="path or app; null for one found in the store")
    source: Mapped[str | None] = mapped_column(comment="the path or the app's name")
    repository: Mapped[str]
    device_backup_id: Mapped[UUID | None] = mapped_column(comment="what an Olares device calls it")
    discovered: Mapped[bool]
    state: Mapped[str] = mapped_column(default=State.ACTIVE)
    created_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None] = mapped_column(comment="when its device gave the task up")

    first_snapshot_at: Mapped[datetime | None]
    latest_snapshot_at: Mapped[datetime | None]
    latest_snapshot_id: Mapped[UUID | None]
    snapshot_count: Mapped[int] = mapped_column(default=0)
    storage_bytes: Mapped[int] = mapped_column(default=0)
    objects: Mapped[int] = mapped_column(default=0)
    measured_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]

    initialised: Mapped[bool] = mapped_column(default=False, comment="config has been seen in the store")
    key_names: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, comment="restic key files seen")
    measure_due_at: Mapped[datetime | None]
    measuring_until: Mapped[datetime | None] = mapped_column(comment="somebody measures it, and has so long for it")
    delete_due_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("state", *State),
        one_of("kind", "path", "app"),
        Index(
            "uq_backups_live_repository",
            "owner_id",
            "repository",
            unique=True,
            postgresql_where=text("state <> 'deleted'"),
        ),
        # A name means one backup; what was found in the store, or a device named, may be called like one we made.
        Index(
            "uq_backups_live_name",
            "owner_id",
            "terminus_id",
            "name",
            unique=True,
            postgresql_where=text("state <> 'deleted' AND NOT discovered AND device_backup_id IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        Index(
            "uq_backups_live_device_backup",
            "owner_id",
            "device_backup_id",
            unique=True,
            postgresql_where=text("state <> 'deleted' AND device_backup_id IS NOT NULL"),
        ),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "measure_due_at"),
        # Of those that are being measured only, which are as many as there are jobs that do it.
        Index("ix_backups_measuring", "measuring_until", postgresql_where=text("measuring_until IS NOT NULL")),
        Index(None, "delete_due_at"),
    )


class BackupMove(Base):
    """A change of a backup's state: when, from what, to what, and by whom."""

    __tablename__ = "backup_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    backup_id: Mapped[UUID] = mapped_column(ForeignKey(Backup.id), index=True)
    source: Mapped[str]
    trigger: Mapped[str]
    target: Mapped[str]
    moved_at: Mapped[datetime]


class Snapshot(Base):
    """A snapshot that a device reported or that was found in the store."""

    __tablename__ = "snapshots"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    backup_id: Mapped[UUID] = mapped_column(ForeignKey(Backup.id))
    owner_id: Mapped[UUID]
    restic_id: Mapped[str]
    status: Mapped[str]
    kind: Mapped[str]
    taken_at: Mapped[datetime]
    size_processed_bytes: Mapped[int | None]
    size_added_bytes: Mapped[int | None]
    version: Mapped[str | None]
    reported: Mapped[bool]
    discovered: Mapped[bool]
    created_at: Mapped[datetime]
    object_bytes: Mapped[int | None] = mapped_column(comment="size of the snapshot's object when it was verified")
    object_modified_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("status", "pending", "successful", "damaged", "missing"),
        one_of("kind", "full", "incremental"),
        UniqueConstraint("backup_id", "restic_id"),
        Index(None, "backup_id", "taken_at", "id"),
    )


class StorageMeasurement(Base):
    """How many bytes a backup held at an instant; the level holds until the next row."""

    __tablename__ = "storage_measurements"

    backup_id: Mapped[UUID] = mapped_column(ForeignKey(Backup.id), primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    storage_bytes: Mapped[int]
    objects: Mapped[int]


class StorageKey(Base):
    """A key to an owner's objects; its secret is derived or the store's own, never kept.

    One without a backup is an Olares device's, which has one key for all of its owner's repositories. Only such a key
    has what follows ``revoked_at``.
    """

    __tablename__ = "storage_keys"

    access_key_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(OwnerSpace.owner_id))
    backup_id: Mapped[UUID | None] = mapped_column(ForeignKey(Backup.id))
    terminus_id: Mapped[UUID | None] = mapped_column(ForeignKey(Terminus.id))
    restore_id: Mapped[UUID | None] = mapped_column(index=True)
    access: Mapped[str]
    issuer: Mapped[str]
    declared_bytes: Mapped[int | None] = mapped_column(comment="what the device said it was about to write")
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    session_id: Mapped[UUID | None] = mapped_column(index=True, comment="of the device that asked for it")
    credential_hash: Mapped[bytes | None] = mapped_column(comment="of secret and session token: they renew it")
    renewable_until: Mapped[datetime | None] = mapped_column(comment="no new one is given for it from then on")
    first_key_id: Mapped[str | None] = mapped_column(comment="of those renewed one from another, the first")
    read_at: Mapped[datetime | None] = mapped_column(comment="about when something was last read with it")
    restriction: Mapped[str | None] = mapped_column(comment="why it may not upload: there was no room for it")

    __table_args__ = (
        one_of("access", "read", "write"),
        one_of("restriction", "arrears", "over_limit"),
        Index(None, "backup_id", "expires_at"),
        Index(None, "owner_id", "issued_at"),
    )


class Reservation(Base):
    """Room that billing was asked to keep for a write key: written before it is asked, gone when it is given back.

    It ends with its key by itself; ``due_at`` is when this row is to be dealt with at the latest.
    """

    __tablename__ = "reservations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(OwnerSpace.owner_id))
    access_key_id: Mapped[str | None] = mapped_column(
        ForeignKey(StorageKey.access_key_id), index=True, comment="null until the key is issued"
    )
    expires_at: Mapped[datetime]
    due_at: Mapped[datetime]

    __table_args__ = (Index(None, "due_at"),)


class RepositoryClaim(Base):
    """Which key may initialise a repository just now: of two that try at once, one would destroy the other's.

    For a week after that it says whose repository it is that is found in the store.
    """

    __tablename__ = "repository_claims"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey(OwnerSpace.owner_id), primary_key=True)
    repository: Mapped[str] = mapped_column(primary_key=True)
    access_key_id: Mapped[str]
    claimed_until: Mapped[datetime] = mapped_column(index=True)


class RestorePin(Base):
    """A restore to the cloud, until whose end its backup's objects stay.

    Its end may be heard before the pin is asked for: the row then says that it is too late.
    """

    __tablename__ = "restore_pins"

    restore_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    backup_id: Mapped[UUID] = mapped_column(ForeignKey(Backup.id))
    snapshot_id: Mapped[UUID]
    pinned_at: Mapped[datetime | None] = mapped_column(comment="null when its end came first")
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_restore_pins_live", "backup_id", postgresql_where=text("ended_at IS NULL")),)


class KeyFileRead(Base):
    """Who was given a backup's key files, and when: what the limit counts and an auditor reads."""

    __tablename__ = "key_file_reads"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    owner_id: Mapped[UUID]
    backup_id: Mapped[UUID] = mapped_column(ForeignKey(Backup.id))
    reader: Mapped[str] = mapped_column(comment="session:<id> or restore:<id>")
    read_at: Mapped[datetime]

    __table_args__ = (Index(None, "owner_id", "read_at"),)


class EndedSession(Base):
    """A session of Olares devices that was ended while its tokens are still good by themselves."""

    __tablename__ = "ended_sessions"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    tokens_end_at: Mapped[datetime] = mapped_column(index=True)
