"""pre create restore"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "31e83883256d"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "redeem_attempts",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_redeem_attempts")),
    )
    op.create_index(op.f("ix_redeem_attempts_since"), "redeem_attempts", ["since"], unique=False)
    op.create_table(
        "restores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False, comment="where it is restored to"),
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("backup_name", sa.Text(), nullable=False),
        sa.Column("terminus_name", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("restic_id", sa.Text(), nullable=False),
        sa.Column("snapshot_taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size_processed_bytes", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it failed or ended, for a person"),
        sa.Column("bytes_restored", sa.BigInteger(), nullable=True),
        sa.Column("files_restored", sa.BigInteger(), nullable=True),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("warnings", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True, comment="the last word of its client"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="when its time in this state is over"),
        sa.Column("last_number", sa.BigInteger(), nullable=False, comment="of its timeline"),
        sa.CheckConstraint(
            "state IN ('ready', 'redeemed', 'restoring', 'verifying', 'completed', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_restores_state"),
        ),
        sa.CheckConstraint("target IN ('local')", name=op.f("ck_restores_target")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
    )
    op.create_index(op.f("ix_restores_backup_id"), "restores", ["backup_id"], unique=False)
    op.create_index(
        op.f("ix_restores_due_at"), "restores", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index(
        op.f("ix_restores_owner_id_created_at_id"), "restores", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "tickets",
        sa.Column("restore_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("redeemer_hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["restore_id"], ["restores.id"], name=op.f("fk_tickets_restore_id")),
        sa.PrimaryKeyConstraint("restore_id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("ticket_hash", name=op.f("uq_tickets_ticket_hash")),
    )
    op.create_table(
        "timeline",
        sa.Column("restore_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True, comment="the state before; null for the first entry"),
        sa.Column("trigger", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False, comment="the state from then on"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("bytes_restored", sa.BigInteger(), nullable=True),
        sa.Column("files_restored", sa.BigInteger(), nullable=True),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("warnings", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'moved' OR number = 1 OR (source IS NOT NULL AND trigger IS NOT NULL)",
            name=op.f("ck_timeline_moved"),
        ),
        sa.CheckConstraint("kind IN ('moved', 'progress', 'keys_issued')", name=op.f("ck_timeline_kind")),
        sa.CheckConstraint(
            "source IN ('ready', 'redeemed', 'restoring', 'verifying', 'completed', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_timeline_source"),
        ),
        sa.CheckConstraint(
            "state IN ('ready', 'redeemed', 'restoring', 'verifying', 'completed', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_timeline_state"),
        ),
        sa.CheckConstraint(
            "trigger IN ('redeem', 'start', 'verify', 'complete', 'fail', 'cancel', 'expire')",
            name=op.f("ck_timeline_trigger"),
        ),
        sa.ForeignKeyConstraint(["restore_id"], ["restores.id"], name=op.f("fk_timeline_restore_id")),
        sa.PrimaryKeyConstraint("restore_id", "number", name=op.f("pk_timeline")),
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
    op.drop_table("timeline")
    op.drop_table("tickets")
    op.drop_index(op.f("ix_restores_owner_id_created_at_id"), table_name="restores")
    op.drop_index(op.f("ix_restores_due_at"), table_name="restores", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_index(op.f("ix_restores_backup_id"), table_name="restores")
    op.drop_table("restores")
    op.drop_index(op.f("ix_redeem_attempts_since"), table_name="redeem_attempts")
    op.drop_table("redeem_attempts")
