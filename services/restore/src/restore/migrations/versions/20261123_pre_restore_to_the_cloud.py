"""pre restore to the cloud"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "669300090a1d"
down_revision: str | None = "31e83883256d"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

STATES = (
    "authorising",
    "awaiting_password",
    "cancelled",
    "capturing",
    "completed",
    "expired",
    "failed",
    "installing",
    "needs_operator",
    "provisioning",
    "quoted",
    "quoting",
    "ready",
    "redeemed",
    "restoring",
    "returned",
    "undoing",
    "validating",
    "verifying",
    "verifying_password",
)
TRIGGERS = (
    "ask_password",
    "boot",
    "cancel",
    "capture_again",
    "complete",
    "confirm",
    "decline",
    "expire",
    "fail",
    "finish",
    "give_up",
    "hold",
    "open",
    "park",
    "quote",
    "redeem",
    "replace",
    "seal",
    "settle",
    "start",
    "undo_again",
    "validate",
    "verify",
)
KINDS = ("moved", "progress", "keys_issued", "payment", "instance", "password")
LOCAL_STATES = (
    "ready",
    "redeemed",
    "restoring",
    "verifying",
    "completed",
    "failed",
    "cancelled",
    "expired",
)
LOCAL_TRIGGERS = (
    "redeem",
    "start",
    "verify",
    "complete",
    "fail",
    "cancel",
    "expire",
)
LOCAL_KINDS = ("moved", "progress", "keys_issued")


def allow(table: str, column: str, values: Sequence[str]) -> None:
    """Let the column hold these and nothing else."""
    name = op.f(f"ck_{table}_{column}")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"{column} IN ({', '.join(map(repr, values))})")


def upgrade() -> None:
    op.create_table(
        "cloud_restores",
        sa.Column("restore_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("instance_name", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.Uuid(), nullable=True),
        sa.Column("quote", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="as billing made it"),
        sa.Column("estimate_seconds", sa.BigInteger(), nullable=True),
        sa.Column("payment_method_id", sa.Uuid(), nullable=True),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("compute", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=True, comment="why it is undone"),
        sa.Column("machine", sa.BigInteger(), nullable=False, comment="which of its machines this is, from 1"),
        sa.Column("asked", sa.BigInteger(), nullable=False, comment="how often others were asked again in this state"),
        sa.Column("instance_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("agent_key", sa.LargeBinary(), nullable=True, comment="Ed25519, which its agent signs with"),
        sa.Column("running_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "used_until", sa.DateTime(timezone=True), nullable=True, comment="when its owner gave up the password"
        ),
        sa.Column("round", sa.BigInteger(), nullable=False, comment="of the newest key that the agent offered"),
        sa.Column(
            "round_key", sa.LargeBinary(), nullable=True, comment="X25519; null while the agent has none to offer"
        ),
        sa.Column("asked_because", sa.Text(), nullable=True, comment="why the password is asked for"),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=True),
        sa.Column("wrong_passwords", sa.BigInteger(), nullable=False),
        sa.Column("password_not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "asked_because IN ('first', 'wrong', 'agent_restarted', 'agent_silent')",
            name=op.f("ck_cloud_restores_asked_because"),
        ),
        sa.CheckConstraint(
            "compute IN ('none', 'reserved', 'wanted', 'running', 'enrolled', 'unwanted', 'gone')",
            name=op.f("ck_cloud_restores_compute"),
        ),
        sa.CheckConstraint("data IN ('none', 'partial', 'whole')", name=op.f("ck_cloud_restores_data")),
        sa.CheckConstraint(
            "ending IN ('quote', 'confirm', 'decline', 'hold', 'boot', 'replace', 'ask_password', 'seal', 'open', 'validate', 'finish', 'settle', 'fail', 'cancel', 'expire', 'give_up', 'park', 'undo_again', 'capture_again')",
            name=op.f("ck_cloud_restores_ending"),
        ),
        sa.CheckConstraint(
            "payment IN ('none', 'asked', 'held', 'refused', 'void_asked', 'released', 'capture_asked', 'captured', 'billed')",
            name=op.f("ck_cloud_restores_payment"),
        ),
        sa.CheckConstraint(
            "sealed_password IS NULL OR round_key IS NOT NULL", name=op.f("ck_cloud_restores_sealed_for_a_key")
        ),
        sa.ForeignKeyConstraint(["restore_id"], ["restores.id"], name=op.f("fk_cloud_restores_restore_id")),
        sa.PrimaryKeyConstraint("restore_id", name=op.f("pk_cloud_restores")),
        sa.UniqueConstraint("instance_id", name=op.f("uq_cloud_restores_instance_id")),
        sa.UniqueConstraint("quote_id", name=op.f("uq_cloud_restores_quote_id")),
    )
    op.add_column(
        "restores", sa.Column("code", sa.Text(), nullable=True, comment="stable, beside the reason, where there is one")
    )
    op.add_column(
        "timeline", sa.Column("code", sa.Text(), nullable=True, comment="what is new, or why, as a stable word")
    )
    allow("restores", "target", ["local", "cloud"])
    allow("restores", "state", STATES)
    op.create_index(
        "ix_restores_open",
        "restores",
        ["state", "updated_at"],
        unique=False,
        postgresql_where=sa.text("target = 'cloud' AND ended_at IS NULL"),
    )
    allow("timeline", "kind", KINDS)
    allow("timeline", "source", STATES)
    allow("timeline", "trigger", TRIGGERS)
    allow("timeline", "state", STATES)


def downgrade() -> None:
    op.drop_index(
        "ix_restores_open", table_name="restores", postgresql_where=sa.text("target = 'cloud' AND ended_at IS NULL")
    )
    op.execute("DELETE FROM timeline WHERE restore_id IN (SELECT restore_id FROM cloud_restores)")
    op.drop_table("cloud_restores")
    op.execute("DELETE FROM restores WHERE target = 'cloud'")
    allow("timeline", "state", LOCAL_STATES)
    allow("timeline", "trigger", LOCAL_TRIGGERS)
    allow("timeline", "source", LOCAL_STATES)
    allow("timeline", "kind", LOCAL_KINDS)
    allow("restores", "state", LOCAL_STATES)
    allow("restores", "target", ["local"])
    op.drop_column("timeline", "code")
    op.drop_column("restores", "code")
