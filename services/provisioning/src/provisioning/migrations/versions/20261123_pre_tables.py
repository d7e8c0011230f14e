"""pre tables"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "92917e5d2ba1"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "availability",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="for an operator"),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "sold_out_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="after a call that was refused for capacity",
        ),
        sa.CheckConstraint("state IN ('available', 'sold_out', 'unusable')", name=op.f("ck_availability_state")),
        sa.PrimaryKeyConstraint("provider", "region", "plan", name=op.f("pk_availability")),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("restore_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False, comment="in lower case; leased to it while it lives"),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="stable, why it failed or errs"),
        sa.Column("reason", sa.Text(), nullable=True, comment="the same for a person"),
        sa.Column("last_number", sa.BigInteger(), nullable=False, comment="of its history"),
        sa.Column("last_line", sa.BigInteger(), nullable=False, comment="of its log"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, comment="when its status changed last"),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True, comment="when it was wanted for certain"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column(
            "unanswered_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when its provider gives no certain answer",
        ),
        sa.Column(
            "stuck_at", sa.DateTime(timezone=True), nullable=True, comment="since when an operator should look at it"
        ),
        sa.Column("trouble", sa.Text(), nullable=True, comment="why it does not come on, for an operator"),
        sa.Column(
            "acted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when its driver did what its owner asked for last",
        ),
        sa.Column(
            "call_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="by when the last call to make it has ended",
        ),
        sa.Column("calls", sa.BigInteger(), nullable=False, comment="how often its machine was asked for"),
        sa.Column(
            "place", sa.Text(), nullable=True, comment="the provider's own name of the region, from the first call on"
        ),
        sa.Column("machine", sa.Text(), nullable=True, comment="the provider's reference"),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when its machine runs, the first time",
        ),
        sa.Column(
            "missing_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when the provider does not list its machine",
        ),
        sa.Column("enrolment_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True, comment="Ed25519, with which the agent signs"),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat", sa.BigInteger(), nullable=False, comment="number of the newest"),
        sa.Column("agent_version", sa.Text(), nullable=True),
        sa.Column("olares_version", sa.Text(), nullable=True),
        sa.Column(
            "measured_at", sa.DateTime(timezone=True), nullable=True, comment="when the counters below were read"
        ),
        sa.Column("counted_bytes", sa.BigInteger(), nullable=False, comment="traffic as the agent's counter stood"),
        sa.Column(
            "traffic_bytes", sa.BigInteger(), nullable=False, comment="traffic in all, over restarts of the counter"
        ),
        sa.Column("disk_bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "published_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the newest reading that was told to others",
        ),
        sa.CheckConstraint(
            "status IN ('unpaid', 'queuing', 'fetching', 'pending', 'installing', 'restoring', 'restore_error', 'pending_activation', 'running', 'stopping', 'stopped', 'starting', 'restarting', 'errored', 'destroying', 'destroyed', 'canceled')",
            name=op.f("ck_instances_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
    )
    op.create_index(
        op.f("ix_instances_due_at"),
        "instances",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_instances_heard",
        "instances",
        ["heard_at"],
        unique=False,
        postgresql_where=sa.text(
            "status IN ('installing', 'pending_activation', 'restore_error', 'restoring', 'running')"
        ),
    )
    op.create_index(
        "ix_instances_live",
        "instances",
        ["provider", "region"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('canceled', 'destroyed')"),
    )
    op.create_index(
        op.f("ix_instances_owner_id_created_at_id"), "instances", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_instances_stuck_at"),
        "instances",
        ["stuck_at"],
        unique=False,
        postgresql_where=sa.text("stuck_at IS NOT NULL"),
    )
    op.create_index(
        "uq_instances_live_name",
        "instances",
        ["owner_id", "name"],
        unique=True,
        postgresql_where=sa.text("status NOT IN ('canceled', 'destroyed')"),
    )
    op.create_table(
        "orphans",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=False, comment="as its tag says"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it is returned unless an operator keeps it",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('found', 'kept', 'returned')", name=op.f("ck_orphans_state")),
        sa.PrimaryKeyConstraint("provider", "reference", name=op.f("pk_orphans")),
    )
    op.create_table(
        "plan_prices",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("monthly_minor", sa.BigInteger(), nullable=False),
        sa.Column("included_traffic_bytes", sa.BigInteger(), nullable=False),
        sa.Column("included_storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("price_version", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "region", "plan", name=op.f("pk_plan_prices")),
    )
    op.create_table(
        "price_versions",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("price_version", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_price_versions_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_versions")),
    )
    op.create_table(
        "unwanted",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_unwanted")),
    )
    op.create_table(
        "agent_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('finish')", name=op.f("ck_agent_orders_kind")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_agent_orders_instance_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_orders")),
        sa.UniqueConstraint("instance_id", "kind", name=op.f("uq_agent_orders_instance_id_kind")),
    )
    op.create_table(
        "history",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=True, comment="the status before; null for the first entry"),
        sa.Column("trigger", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False, comment="the status from then on"),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "source IN ('unpaid', 'queuing', 'fetching', 'pending', 'installing', 'restoring', 'restore_error', 'pending_activation', 'running', 'stopping', 'stopped', 'starting', 'restarting', 'errored', 'destroying', 'destroyed', 'canceled')",
            name=op.f("ck_history_source"),
        ),
        sa.CheckConstraint(
            "status IN ('unpaid', 'queuing', 'fetching', 'pending', 'installing', 'restoring', 'restore_error', 'pending_activation', 'running', 'stopping', 'stopped', 'starting', 'restarting', 'errored', 'destroying', 'destroyed', 'canceled')",
            name=op.f("ck_history_status"),
        ),
        sa.CheckConstraint(
            "trigger IN ('want', 'call', 'wait', 'obtain', 'give_up', 'install', 'restore', 'fail_restore', 'await_activation', 'run', 'stop', 'confirm_stop', 'start', 'restart', 'break', 'return', 'confirm_end', 'lose')",
            name=op.f("ck_history_trigger"),
        ),
        sa.CheckConstraint("number = 1 OR (source IS NOT NULL AND trigger IS NOT NULL)", name=op.f("ck_history_moved")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_history_instance_id")),
        sa.PrimaryKeyConstraint("instance_id", "number", name=op.f("pk_history")),
    )
    op.create_table(
        "log_lines",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False, comment="as its source says"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "source_number", sa.BigInteger(), nullable=True, comment="of an agent's line, so that it is kept once"
        ),
        sa.Column("line", sa.Text(), nullable=False),
        sa.CheckConstraint("source IN ('space', 'agent')", name=op.f("ck_log_lines_source")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_log_lines_instance_id")),
        sa.PrimaryKeyConstraint("instance_id", "number", name=op.f("pk_log_lines")),
        sa.UniqueConstraint("instance_id", "source_number", name=op.f("uq_log_lines_instance_id_source_number")),
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
    op.drop_table("log_lines")
    op.drop_table("history")
    op.drop_table("agent_orders")
    op.drop_table("unwanted")
    op.drop_table("price_versions")
    op.drop_table("plan_prices")
    op.drop_table("orphans")
    op.drop_index(
        "uq_instances_live_name",
        table_name="instances",
        postgresql_where=sa.text("status NOT IN ('canceled', 'destroyed')"),
    )
    op.drop_index(
        op.f("ix_instances_stuck_at"), table_name="instances", postgresql_where=sa.text("stuck_at IS NOT NULL")
    )
    op.drop_index(op.f("ix_instances_owner_id_created_at_id"), table_name="instances")
    op.drop_index(
        "ix_instances_live", table_name="instances", postgresql_where=sa.text("status NOT IN ('canceled', 'destroyed')")
    )
    op.drop_index(
        "ix_instances_heard",
        table_name="instances",
        postgresql_where=sa.text(
            "status IN ('installing', 'pending_activation', 'restore_error', 'restoring', 'running')"
        ),
    )
    op.drop_index(op.f("ix_instances_due_at"), table_name="instances", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("instances")
    op.drop_table("availability")
