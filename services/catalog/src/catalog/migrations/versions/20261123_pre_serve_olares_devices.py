"""pre serve olares devices"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "75e4eb236140"
down_revision: str | None = "d83f1b6c4e07"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("tokens_end_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_ended_sessions")),
    )
    op.create_index(op.f("ix_ended_sessions_tokens_end_at"), "ended_sessions", ["tokens_end_at"], unique=False)
    op.add_column(
        "backups", sa.Column("device_backup_id", sa.Uuid(), nullable=True, comment="what an Olares device calls it")
    )
    op.add_column(
        "backups",
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True, comment="when its device gave the task up"),
    )
    op.add_column(
        "backups",
        sa.Column(
            "measuring_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="somebody measures it, and has so long for it",
        ),
    )
    op.create_index(
        "ix_backups_measuring",
        "backups",
        ["measuring_until"],
        unique=False,
        postgresql_where=sa.text("measuring_until IS NOT NULL"),
    )
    op.create_index(op.f("ix_repository_claims_claimed_until"), "repository_claims", ["claimed_until"], unique=False)
    op.create_index(
        "uq_backups_live_device_backup",
        "backups",
        ["owner_id", "device_backup_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'deleted' AND device_backup_id IS NOT NULL"),
    )
    op.add_column(
        "storage_keys", sa.Column("session_id", sa.Uuid(), nullable=True, comment="of the device that asked for it")
    )
    op.add_column(
        "storage_keys",
        sa.Column(
            "credential_hash", sa.LargeBinary(), nullable=True, comment="of secret and session token: they renew it"
        ),
    )
    op.add_column(
        "storage_keys",
        sa.Column(
            "renewable_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="no new one is given for it from then on",
        ),
    )
    op.add_column(
        "storage_keys",
        sa.Column("first_key_id", sa.Text(), nullable=True, comment="of those renewed one from another, the first"),
    )
    op.add_column(
        "storage_keys",
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=True, comment="about when something was last read with it"
        ),
    )
    op.add_column(
        "storage_keys",
        sa.Column("restriction", sa.Text(), nullable=True, comment="why it may not upload: there was no room for it"),
    )
    op.create_index(op.f("ix_storage_keys_session_id"), "storage_keys", ["session_id"], unique=False)
    op.add_column(
        "terminus",
        sa.Column(
            "metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="as its device told them last"
        ),
    )
    op.add_column("terminus", sa.Column("metrics_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_terminus_owner_id_cluster_id"), "terminus", ["owner_id", "cluster_id"], unique=False)
    op.create_check_constraint(
        op.f("ck_storage_keys_restriction"), "storage_keys", "restriction IN ('arrears', 'over_limit')"
    )
    op.drop_index("uq_backups_live_name", table_name="backups")
    op.create_index(
        "uq_backups_live_name",
        "backups",
        ["owner_id", "terminus_id", "name"],
        unique=True,
        postgresql_where=sa.text("state <> 'deleted' AND NOT discovered AND device_backup_id IS NULL"),
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    op.drop_index("uq_backups_live_name", table_name="backups")
    op.create_index(
        "uq_backups_live_name",
        "backups",
        ["owner_id", "terminus_id", "name"],
        unique=True,
        postgresql_where=sa.text("state <> 'deleted' AND NOT discovered"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_terminus_owner_id_cluster_id"), table_name="terminus")
    op.drop_column("terminus", "metrics_at")
    op.drop_column("terminus", "metrics")
    op.drop_index(op.f("ix_storage_keys_session_id"), table_name="storage_keys")
    op.drop_column("storage_keys", "restriction")
    op.drop_column("storage_keys", "read_at")
    op.drop_column("storage_keys", "first_key_id")
    op.drop_column("storage_keys", "renewable_until")
    op.drop_column("storage_keys", "credential_hash")
    op.drop_column("storage_keys", "session_id")
    op.drop_index(
        "uq_backups_live_device_backup",
        table_name="backups",
        postgresql_where=sa.text("state <> 'deleted' AND device_backup_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_repository_claims_claimed_until"), table_name="repository_claims")
    op.drop_index("ix_backups_measuring", table_name="backups", postgresql_where=sa.text("measuring_until IS NOT NULL"))
    op.drop_column("backups", "measuring_until")
    op.drop_column("backups", "stopped_at")
    op.drop_column("backups", "device_backup_id")
    op.drop_index(op.f("ix_ended_sessions_tokens_end_at"), table_name="ended_sessions")
    op.drop_table("ended_sessions")
