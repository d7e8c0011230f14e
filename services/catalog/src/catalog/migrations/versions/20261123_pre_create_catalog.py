"""pre create catalog"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "91be39a1ce23"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "owner_spaces",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column(
            "catalog_key_id", sa.Text(), nullable=False, comment="with which catalog itself looks into the store"
        ),
        sa.Column("restriction", sa.Text(), nullable=True),
        sa.Column("prepared", sa.Boolean(), nullable=False, comment="the store has the bucket that keys speak of"),
        sa.Column("discover_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("restriction IN ('arrears', 'over_limit')", name=op.f("ck_owner_spaces_restriction")),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_owner_spaces")),
        sa.UniqueConstraint("catalog_key_id", name=op.f("uq_owner_spaces_catalog_key_id")),
        sa.UniqueConstraint("did", name=op.f("uq_owner_spaces_did")),
        sa.UniqueConstraint("prefix", name=op.f("uq_owner_spaces_prefix")),
    )
    op.create_index(op.f("ix_owner_spaces_discover_due_at"), "owner_spaces", ["discover_due_at"], unique=False)
    op.create_table(
        "repository_claims",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["owner_spaces.owner_id"], name=op.f("fk_repository_claims_owner_id")),
        sa.PrimaryKeyConstraint("owner_id", "repository", name=op.f("pk_repository_claims")),
    )
    op.create_table(
        "terminus",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["owner_spaces.owner_id"], name=op.f("fk_terminus_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminus")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_terminus_owner_id_name")),
    )
    op.create_index(
        op.f("ix_terminus_owner_id_created_at_id"), "terminus", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "backups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("terminus_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True, comment="path or app; null for one found in the store"),
        sa.Column("source", sa.Text(), nullable=True, comment="the path or the app's name"),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("discovered", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_snapshot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("latest_snapshot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("latest_snapshot_id", sa.Uuid(), nullable=True),
        sa.Column("snapshot_count", sa.BigInteger(), nullable=False),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("initialised", sa.Boolean(), nullable=False, comment="config has been seen in the store"),
        sa.Column("key_names", sa.ARRAY(sa.Text()), nullable=False, comment="restic key files seen"),
        sa.Column("measure_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delete_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('path', 'app')", name=op.f("ck_backups_kind")),
        sa.CheckConstraint("state IN ('active', 'deleting', 'removing', 'deleted')", name=op.f("ck_backups_state")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner_spaces.owner_id"], name=op.f("fk_backups_owner_id")),
        sa.ForeignKeyConstraint(["terminus_id"], ["terminus.id"], name=op.f("fk_backups_terminus_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_index(op.f("ix_backups_delete_due_at"), "backups", ["delete_due_at"], unique=False)
    op.create_index(op.f("ix_backups_measure_due_at"), "backups", ["measure_due_at"], unique=False)
    op.create_index(
        op.f("ix_backups_owner_id_created_at_id"), "backups", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "uq_backups_live_name",
        "backups",
        ["owner_id", "terminus_id", "name"],
        unique=True,
        postgresql_where=sa.text("state <> 'deleted' AND NOT discovered"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "uq_backups_live_repository",
        "backups",
        ["owner_id", "repository"],
        unique=True,
        postgresql_where=sa.text("state <> 'deleted'"),
    )
    op.create_table(
        "backup_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_backup_moves_backup_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_moves")),
    )
    op.create_index(op.f("ix_backup_moves_backup_id"), "backup_moves", ["backup_id"], unique=False)
    op.create_table(
        "key_file_reads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False, comment="session:<id> or restore:<id>"),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_key_file_reads_backup_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_file_reads")),
    )
    op.create_index(op.f("ix_key_file_reads_owner_id_read_at"), "key_file_reads", ["owner_id", "read_at"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("restic_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size_processed_bytes", sa.BigInteger(), nullable=True),
        sa.Column("size_added_bytes", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("reported", sa.Boolean(), nullable=False),
        sa.Column("discovered", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "object_bytes", sa.BigInteger(), nullable=True, comment="size of the snapshot's object when it was verified"
        ),
        sa.Column("object_modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('full', 'incremental')", name=op.f("ck_snapshots_kind")),
        sa.CheckConstraint(
            "status IN ('pending', 'successful', 'damaged', 'missing')", name=op.f("ck_snapshots_status")
        ),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_snapshots_backup_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
        sa.UniqueConstraint("backup_id", "restic_id", name=op.f("uq_snapshots_backup_id_restic_id")),
    )
    op.create_index(
        op.f("ix_snapshots_backup_id_taken_at_id"), "snapshots", ["backup_id", "taken_at", "id"], unique=False
    )
    op.create_table(
        "storage_keys",
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=True),
        sa.Column("terminus_id", sa.Uuid(), nullable=True),
        sa.Column("restore_id", sa.Uuid(), nullable=True),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column(
            "declared_bytes", sa.BigInteger(), nullable=True, comment="what the device said it was about to write"
        ),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("access IN ('read', 'write')", name=op.f("ck_storage_keys_access")),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_storage_keys_backup_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner_spaces.owner_id"], name=op.f("fk_storage_keys_owner_id")),
        sa.ForeignKeyConstraint(["terminus_id"], ["terminus.id"], name=op.f("fk_storage_keys_terminus_id")),
        sa.PrimaryKeyConstraint("access_key_id", name=op.f("pk_storage_keys")),
    )
    op.create_index(
        op.f("ix_storage_keys_backup_id_expires_at"), "storage_keys", ["backup_id", "expires_at"], unique=False
    )
    op.create_index(op.f("ix_storage_keys_owner_id_issued_at"), "storage_keys", ["owner_id", "issued_at"], unique=False)
    op.create_index(op.f("ix_storage_keys_restore_id"), "storage_keys", ["restore_id"], unique=False)
    op.create_table(
        "storage_measurements",
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_storage_measurements_backup_id")),
        sa.PrimaryKeyConstraint("backup_id", "measured_at", name=op.f("pk_storage_measurements")),
    )
    op.create_table(
        "idempotent_responses",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_idempotent_responses")),
    )
    op.create_index(op.f("ix_idempotent_responses_created_at"), "idempotent_responses", ["created_at"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("queue", "event_id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_received_at"), "inbox", ["received_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False, comment="The CloudEvents document as it goes over the wire."),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_index(op.f("ix_inbox_received_at"), table_name="inbox")
    op.drop_table("inbox")
    op.drop_index(op.f("ix_idempotent_responses_created_at"), table_name="idempotent_responses")
    op.drop_table("idempotent_responses")
    op.drop_table("storage_measurements")
    op.drop_index(op.f("ix_storage_keys_restore_id"), table_name="storage_keys")
    op.drop_index(op.f("ix_storage_keys_owner_id_issued_at"), table_name="storage_keys")
    op.drop_index(op.f("ix_storage_keys_backup_id_expires_at"), table_name="storage_keys")
    op.drop_table("storage_keys")
    op.drop_index(op.f("ix_snapshots_backup_id_taken_at_id"), table_name="snapshots")
    op.drop_table("snapshots")
    op.drop_index(op.f("ix_key_file_reads_owner_id_read_at"), table_name="key_file_reads")
    op.drop_table("key_file_reads")
    op.drop_index(op.f("ix_backup_moves_backup_id"), table_name="backup_moves")
    op.drop_table("backup_moves")
    op.drop_index("uq_backups_live_repository", table_name="backups", postgresql_where=sa.text("state <> 'deleted'"))
    op.drop_index(
        "uq_backups_live_name",
        table_name="backups",
        postgresql_where=sa.text("state <> 'deleted' AND NOT discovered"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_backups_owner_id_created_at_id"), table_name="backups")
    op.drop_index(op.f("ix_backups_measure_due_at"), table_name="backups")
    op.drop_index(op.f("ix_backups_delete_due_at"), table_name="backups")
    op.drop_table("backups")
    op.drop_index(op.f("ix_terminus_owner_id_created_at_id"), table_name="terminus")
    op.drop_table("terminus")
    op.drop_table("repository_claims")
    op.drop_index(op.f("ix_owner_spaces_discover_due_at"), table_name="owner_spaces")
    op.drop_table("owner_spaces")
