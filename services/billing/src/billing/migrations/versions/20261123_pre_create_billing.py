"""pre create billing"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing.ledger_guard import install

revision: str = "38d644c2a35f"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "anchor_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="from which its months are counted; null: nothing used yet",
        ),
        sa.Column(
            "close_due_at", sa.DateTime(timezone=True), nullable=True, comment="when what was used is invoiced next"
        ),
        sa.Column("promotional_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "balance_minor",
            sa.BigInteger(),
            nullable=False,
            comment="paid in; negative: owed, collected with the next charge",
        ),
        sa.Column("spend_limit_minor", sa.BigInteger(), nullable=True, comment="null: as the settings say"),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column(
            "quota_reason",
            sa.Text(),
            nullable=True,
            comment="why uploads are stopped, as last told; null: they are not",
        ),
        sa.Column("quota_number", sa.BigInteger(), nullable=False, comment="of the last word about it"),
        sa.Column(
            "assess_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when time alone may have changed what may be uploaded",
        ),
        sa.Column("provider_customer", sa.Text(), nullable=True),
        sa.Column("billing_name", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("address_lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quota_reason IN ('over_limit', 'arrears')", name=op.f("ck_accounts_quota_reason")),
        sa.CheckConstraint(
            "standing IN ('current', 'reminded', 'restricted', 'suspended')", name=op.f("ck_accounts_standing")
        ),
        sa.CheckConstraint("promotional_minor >= 0", name=op.f("ck_accounts_promotional")),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_accounts")),
    )
    op.create_index(op.f("ix_accounts_assess_due_at"), "accounts", ["assess_due_at"], unique=False)
    op.create_index(op.f("ix_accounts_close_due_at"), "accounts", ["close_due_at"], unique=False)
    op.create_table(
        "instance_samples",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("traffic_bytes", sa.BigInteger(), nullable=False),
        sa.Column("disk_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "measured_at", name=op.f("pk_instance_samples")),
    )
    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="what it is about, as kind:id"),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("source", "purpose", name=op.f("uq_ledger_transactions_source_purpose")),
    )
    op.create_index(op.f("ix_ledger_transactions_owner_id_id"), "ledger_transactions", ["owner_id", "id"], unique=False)
    op.create_table(
        "metered_backups",
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("terminus_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("has_snapshot", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("backup_id", name=op.f("pk_metered_backups")),
    )
    op.create_index(op.f("ix_metered_backups_owner_id"), "metered_backups", ["owner_id"], unique=False)
    op.create_table(
        "number_series",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_number_series")),
    )
    op.create_table(
        "price_books",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("document", sa.Text(), nullable=False, comment="YAML"),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_price_books")),
    )
    op.create_table(
        "returned_instances",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_returned_instances")),
    )
    op.create_table(
        "sandbox_charges",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=True, comment="null: the token is of no card"),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False, comment="how often it was asked about while undecided"),
        sa.Column("decide_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(code IS NOT NULL) = (standing = 'failed')", name=op.f("ck_sandbox_charges_code")),
        sa.CheckConstraint(
            "standing IN ('authorised', 'captured', 'voided', 'failed', 'expired', 'pending')",
            name=op.f("ck_sandbox_charges_standing"),
        ),
        sa.CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name=op.f("ck_sandbox_charges_captured")),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_sandbox_charges")),
        sa.UniqueConstraint("reference", name=op.f("uq_sandbox_charges_reference")),
    )
    op.create_index(
        op.f("ix_sandbox_charges_decide_at"),
        "sandbox_charges",
        ["decide_at"],
        unique=False,
        postgresql_where=sa.text("standing = 'pending'"),
    )
    op.create_index(
        op.f("ix_sandbox_charges_hold_until"),
        "sandbox_charges",
        ["hold_until"],
        unique=False,
        postgresql_where=sa.text("standing = 'authorised'"),
    )
    op.create_table(
        "sandbox_methods",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False, comment="which test card, and so how it behaves"),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("exp_month", sa.Integer(), nullable=False),
        sa.Column("exp_year", sa.Integer(), nullable=False),
        sa.Column("declines", sa.Integer(), nullable=False, comment="payments it has declined so far"),
        sa.Column(
            "lost_payment_id", sa.Uuid(), nullable=True, comment="the request that did not get through to it last"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(last4) = 4", name=op.f("ck_sandbox_methods_last4")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_sandbox_methods")),
    )
    op.create_table(
        "sandbox_webhooks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="null: sent, or given up"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_webhooks")),
    )
    op.create_index(
        op.f("ix_sandbox_webhooks_due_at_id"),
        "sandbox_webhooks",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_sandbox_webhooks_payment_id"), "sandbox_webhooks", ["payment_id"], unique=False)
    op.create_table(
        "storage_samples",
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("terminus_id", sa.Uuid(), nullable=True),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("has_snapshot", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("backup_id", "measured_at", name=op.f("pk_storage_samples")),
    )
    op.create_index(
        op.f("ix_storage_samples_owner_id_measured_at"), "storage_samples", ["owner_id", "measured_at"], unique=False
    )
    op.create_table(
        "webhook_events",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "event_id", name=op.f("pk_webhook_events")),
    )
    op.create_table(
        "account_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_account_moves_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_moves")),
    )
    op.create_index(op.f("ix_account_moves_owner_id"), "account_moves", ["owner_id"], unique=False)
    op.create_table(
        "invoices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_country", sa.Text(), nullable=True),
        sa.Column("tax_rate", sa.Text(), nullable=True, comment="a decimal fraction, as it was configured"),
        sa.Column("promotional_minor", sa.BigInteger(), nullable=False, comment="paid from promotional balance"),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False, comment="paid from balance, carried sums included"),
        sa.Column("card_minor", sa.BigInteger(), nullable=False, comment="paid by card"),
        sa.Column("credited_minor", sa.BigInteger(), nullable=False, comment="no longer owed, by credit notes"),
        sa.Column(
            "billed_to",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the owner's billing details when it was finalised",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finalise_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finalised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="when it was voided or given up"),
        sa.Column("attempts", sa.BigInteger(), nullable=False, comment="charges that failed"),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("charge_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('order', 'usage', 'settlement')", name=op.f("ck_invoices_kind")),
        sa.CheckConstraint(
            "state <> 'paid' OR promotional_minor + balance_minor + card_minor + credited_minor = total_minor",
            name=op.f("ck_invoices_paid_in_full"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'finalised', 'paid', 'void', 'uncollectible')", name=op.f("ck_invoices_state")
        ),
        sa.CheckConstraint("(number IS NOT NULL) = (finalised_at IS NOT NULL)", name=op.f("ck_invoices_numbered")),
        sa.CheckConstraint("net_minor + tax_minor = total_minor", name=op.f("ck_invoices_adds_up")),
        sa.CheckConstraint(
            "promotional_minor + balance_minor + card_minor + credited_minor <= total_minor",
            name=op.f("ck_invoices_not_overpaid"),
        ),
        sa.CheckConstraint("total_minor >= 0", name=op.f("ck_invoices_not_negative")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_invoices_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
    )
    op.create_index(
        op.f("ix_invoices_charge_due_at"),
        "invoices",
        ["charge_due_at"],
        unique=False,
        postgresql_where=sa.text("charge_due_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_invoices_finalise_due_at"),
        "invoices",
        ["finalise_due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'draft'"),
    )
    op.create_index(
        op.f("ix_invoices_owner_id_created_at_id"), "invoices", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "ledger_entries",
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "account IN ('card', 'receivable', 'balance', 'promotional', 'held', 'refundable', 'revenue', 'tax', 'promotions', 'bad_debt')",
            name=op.f("ck_ledger_entries_account"),
        ),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_ledger_entries_moves")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_entries_transaction_id")
        ),
        sa.PrimaryKeyConstraint("transaction_id", "account", name=op.f("pk_ledger_entries")),
    )
    op.create_index(op.f("ix_ledger_entries_owner_id_account"), "ledger_entries", ["owner_id", "account"], unique=False)
    op.create_table(
        "meters",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metered_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "accrued",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="[price version, tier, byte-seconds] each",
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_meters_owner_id")),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_meters")),
    )
    op.create_table(
        "payment_methods",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("exp_month", sa.Integer(), nullable=False),
        sa.Column("exp_year", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "forget_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the provider is told (again) to forget the card",
        ),
        sa.Column(
            "forgotten_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the provider confirmed that it forgot the card",
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_payment_methods_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_methods")),
    )
    op.create_index(
        op.f("ix_payment_methods_forget_due_at"),
        "payment_methods",
        ["forget_due_at"],
        unique=False,
        postgresql_where=sa.text("forget_due_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_payment_methods_owner_id_created_at_id"),
        "payment_methods",
        ["owner_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_payment_methods_default",
        "payment_methods",
        ["owner_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND removed_at IS NULL"),
    )
    op.create_index(
        "uq_payment_methods_token",
        "payment_methods",
        ["provider", "token"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "quotes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("restore_id", sa.Uuid(), nullable=True, comment="which restore asked for it"),
        sa.Column(
            "terms",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="everything that was promised, as signed",
        ),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_quotes_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotes")),
    )
    op.create_index(op.f("ix_quotes_owner_id_created_at_id"), "quotes", ["owner_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_quotes_restore_id"), "quotes", ["restore_id"], unique=False)
    op.create_table(
        "reservations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("terminus_id", sa.Uuid(), nullable=True),
        sa.Column("reserved_bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "base_bytes",
            sa.BigInteger(),
            nullable=False,
            comment="what the backup held then; growth since then is no longer reserved",
        ),
        sa.Column(
            "declared",
            sa.Boolean(),
            nullable=False,
            comment="a guess ends with the first measurement, a declared size does not",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_reservations_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index(
        op.f("ix_reservations_backup_id"),
        "reservations",
        ["backup_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_reservations_expires_at"), "reservations", ["expires_at"], unique=False)
    op.create_index(
        op.f("ix_reservations_owner_id_expires_at"), "reservations", ["owner_id", "expires_at"], unique=False
    )
    op.create_table(
        "sandbox_refunds",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("standing IN ('refunded', 'pending', 'failed')", name=op.f("ck_sandbox_refunds_standing")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_sandbox_refunds_positive")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["sandbox_charges.payment_id"], name=op.f("fk_sandbox_refunds_payment_id")
        ),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_sandbox_refunds")),
        sa.UniqueConstraint("reference", name=op.f("uq_sandbox_refunds_reference")),
    )
    op.create_index(op.f("ix_sandbox_refunds_payment_id"), "sandbox_refunds", ["payment_id"], unique=False)
    op.create_table(
        "adjustments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("period_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_adjustments_invoice_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_adjustments_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustments")),
    )
    op.create_index(
        op.f("ix_adjustments_owner_id"),
        "adjustments",
        ["owner_id"],
        unique=False,
        postgresql_where=sa.text("invoice_id IS NULL"),
    )
    op.create_table(
        "credit_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="what caused it; the same cause credits once"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("to_promotional_minor", sa.BigInteger(), nullable=False),
        sa.Column("to_balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("to_card_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "to_owed_minor", sa.BigInteger(), nullable=False, comment="what was not paid yet and is no longer owed"
        ),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("net_minor + tax_minor = total_minor", name=op.f("ck_credit_notes_adds_up")),
        sa.CheckConstraint(
            "to_promotional_minor + to_balance_minor + to_card_minor + to_owed_minor = total_minor",
            name=op.f("ck_credit_notes_all_given"),
        ),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_credit_notes_positive")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_credit_notes_invoice_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_credit_notes_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint("number", name=op.f("uq_credit_notes_number")),
        sa.UniqueConstraint("source", name=op.f("uq_credit_notes_source")),
    )
    op.create_index(op.f("ix_credit_notes_invoice_id"), "credit_notes", ["invoice_id"], unique=False)
    op.create_index(
        op.f("ix_credit_notes_owner_id_issued_at_id"), "credit_notes", ["owner_id", "issued_at", "id"], unique=False
    )
    op.create_table(
        "invoice_lines",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "quantity", sa.Text(), nullable=False, comment="a decimal number, for a person to check the amount by"
        ),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Text(), nullable=False, comment="in units of the currency"),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_lines_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "number", name=op.f("pk_invoice_lines")),
    )
    op.create_table(
        "invoice_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_moves_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_moves")),
    )
    op.create_index(op.f("ix_invoice_moves_invoice_id"), "invoice_moves", ["invoice_id"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_notices_invoice_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_notices_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(
        op.f("ix_notices_owner_id_created_at_id"), "notices", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("method_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True, comment="the provider's id of it"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("capture_minor", sa.BigInteger(), nullable=True, comment="how much of it is to be taken"),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="why it failed"),
        sa.Column("void_wanted", sa.Boolean(), nullable=False, comment="let go as soon as it is known to be held"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ask_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the provider is to be called or asked (again)",
        ),
        sa.Column(
            "asked", sa.BigInteger(), nullable=False, comment="calls without a certain answer since the last one"
        ),
        sa.Column(
            "tried_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the provider was last told, or may have been, to hold",
        ),
        sa.CheckConstraint("purpose IN ('order', 'invoice', 'top_up')", name=op.f("ck_payments_purpose")),
        sa.CheckConstraint(
            "state IN ('authorising', 'authorised', 'capturing', 'captured', 'voiding', 'voided', 'failed', 'expired')",
            name=op.f("ck_payments_state"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_positive")),
        sa.CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_captured")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_payments_invoice_id")),
        sa.ForeignKeyConstraint(["method_id"], ["payment_methods.id"], name=op.f("fk_payments_method_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_payments_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
    )
    op.create_index(
        op.f("ix_payments_ask_due_at"),
        "payments",
        ["ask_due_at"],
        unique=False,
        postgresql_where=sa.text("ask_due_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_payments_invoice_id"), "payments", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_payments_order_id"), "payments", ["order_id"], unique=False)
    op.create_index(
        op.f("ix_payments_owner_id_created_at_id"), "payments", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "uq_payments_open_invoice",
        "payments",
        ["invoice_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('failed', 'voided', 'expired')"),
    )
    op.create_index(
        "uq_payments_open_order",
        "payments",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('failed', 'voided', 'expired')"),
    )
    op.create_table(
        "usage_periods",
        sa.Column("subject_id", sa.Uuid(), nullable=False, comment="the owner, or the instance"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "billed_minor",
            sa.BigInteger(),
            nullable=False,
            comment="what lines, adjustments and credit notes have said of it so far",
        ),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind IN ('backup_storage', 'instance')", name=op.f("ck_usage_periods_kind")),
        sa.CheckConstraint("ended_at > started_at", name=op.f("ck_usage_periods_forward")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_usage_periods_invoice_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_usage_periods_owner_id")),
        sa.PrimaryKeyConstraint("subject_id", "started_at", name=op.f("pk_usage_periods")),
    )
    op.create_index(op.f("ix_usage_periods_owner_id"), "usage_periods", ["owner_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("restore_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "tries",
            sa.Integer(),
            nullable=False,
            comment="how often it was placed: once, and after each failure that was retried",
        ),
        sa.Column("promotional_minor", sa.BigInteger(), nullable=False, comment="set aside from promotional balance"),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False, comment="set aside from balance"),
        sa.Column("debt_minor", sa.BigInteger(), nullable=False, comment="carried sums that the card pays on top"),
        sa.Column("card_minor", sa.BigInteger(), nullable=False, comment="to be held on the card, debt included"),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("instance_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the owner gave up; only the use until then is paid",
        ),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when what is held is let go if nobody takes it",
        ),
        sa.CheckConstraint(
            "state IN ('placed', 'held', 'fulfilled', 'released', 'failed')", name=op.f("ck_orders_state")
        ),
        sa.ForeignKeyConstraint(["id"], ["quotes.id"], name=op.f("fk_orders_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_orders_invoice_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_orders_owner_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_orders_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_index(
        op.f("ix_orders_due_at"), "orders", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index(op.f("ix_orders_invoice_id"), "orders", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_orders_owner_id_created_at_id"), "orders", ["owner_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_orders_restore_id"), "orders", ["restore_id"], unique=False)
    op.create_table(
        "payment_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_moves_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_moves")),
    )
    op.create_index(op.f("ix_payment_moves_payment_id"), "payment_moves", ["payment_id"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("credit_note_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ask_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('wanted', 'refunded', 'failed')", name=op.f("ck_refunds_state")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refunds_positive")),
        sa.ForeignKeyConstraint(["credit_note_id"], ["credit_notes.id"], name=op.f("fk_refunds_credit_note_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_refunds_owner_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
    )
    op.create_index(
        op.f("ix_refunds_ask_due_at"),
        "refunds",
        ["ask_due_at"],
        unique=False,
        postgresql_where=sa.text("ask_due_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_refunds_credit_note_id"), "refunds", ["credit_note_id"], unique=False)
    op.create_index(op.f("ix_refunds_payment_id"), "refunds", ["payment_id"], unique=False)
    op.create_table(
        "instances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("anchor_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False, comment="begun so far"),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False, comment="of the month that is paid"),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_version", sa.Text(), nullable=False, comment="by which that month is priced"),
        sa.Column(
            "restored_bytes",
            sa.BigInteger(),
            nullable=False,
            comment="traffic of the first month that the order has paid",
        ),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_instances_order_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.owner_id"], name=op.f("fk_instances_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
    )
    op.create_index(
        op.f("ix_instances_owner_id_anchor_at_id"), "instances", ["owner_id", "anchor_at", "id"], unique=False
    )
    op.create_table(
        "order_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_moves_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_moves")),
    )
    op.create_index(op.f("ix_order_moves_order_id"), "order_moves", ["order_id"], unique=False)
    op.create_table(
        "instance_months",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_version", sa.Text(), nullable=False),
        sa.Column("monthly_minor", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True, comment="null: its price came to nothing"),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_instance_months_instance_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_instance_months_invoice_id")),
        sa.PrimaryKeyConstraint("instance_id", "started_at", name=op.f("pk_instance_months")),
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
    install(op.execute)


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_index(op.f("ix_inbox_received_at"), table_name="inbox")
    op.drop_table("inbox")
    op.drop_index(op.f("ix_idempotent_responses_created_at"), table_name="idempotent_responses")
    op.drop_table("idempotent_responses")
    op.drop_table("instance_months")
    op.drop_index(op.f("ix_order_moves_order_id"), table_name="order_moves")
    op.drop_table("order_moves")
    op.drop_index(op.f("ix_instances_owner_id_anchor_at_id"), table_name="instances")
    op.drop_table("instances")
    op.drop_index(op.f("ix_refunds_payment_id"), table_name="refunds")
    op.drop_index(op.f("ix_refunds_credit_note_id"), table_name="refunds")
    op.drop_index(
        op.f("ix_refunds_ask_due_at"), table_name="refunds", postgresql_where=sa.text("ask_due_at IS NOT NULL")
    )
    op.drop_table("refunds")
    op.drop_index(op.f("ix_payment_moves_payment_id"), table_name="payment_moves")
    op.drop_table("payment_moves")
    op.drop_index(op.f("ix_orders_restore_id"), table_name="orders")
    op.drop_index(op.f("ix_orders_owner_id_created_at_id"), table_name="orders")
    op.drop_index(op.f("ix_orders_invoice_id"), table_name="orders")
    op.drop_index(op.f("ix_orders_due_at"), table_name="orders", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("orders")
    op.drop_index(op.f("ix_usage_periods_owner_id"), table_name="usage_periods")
    op.drop_table("usage_periods")
    op.drop_index(
        "uq_payments_open_order",
        table_name="payments",
        postgresql_where=sa.text("state NOT IN ('failed', 'voided', 'expired')"),
    )
    op.drop_index(
        "uq_payments_open_invoice",
        table_name="payments",
        postgresql_where=sa.text("state NOT IN ('failed', 'voided', 'expired')"),
    )
    op.drop_index(op.f("ix_payments_owner_id_created_at_id"), table_name="payments")
    op.drop_index(op.f("ix_payments_order_id"), table_name="payments")
    op.drop_index(op.f("ix_payments_invoice_id"), table_name="payments")
    op.drop_index(
        op.f("ix_payments_ask_due_at"), table_name="payments", postgresql_where=sa.text("ask_due_at IS NOT NULL")
    )
    op.drop_table("payments")
    op.drop_index(op.f("ix_notices_owner_id_created_at_id"), table_name="notices")
    op.drop_table("notices")
    op.drop_index(op.f("ix_invoice_moves_invoice_id"), table_name="invoice_moves")
    op.drop_table("invoice_moves")
    op.drop_table("invoice_lines")
    op.drop_index(op.f("ix_credit_notes_owner_id_issued_at_id"), table_name="credit_notes")
    op.drop_index(op.f("ix_credit_notes_invoice_id"), table_name="credit_notes")
    op.drop_table("credit_notes")
    op.drop_index(
        op.f("ix_adjustments_owner_id"), table_name="adjustments", postgresql_where=sa.text("invoice_id IS NULL")
    )
    op.drop_table("adjustments")
    op.drop_index(op.f("ix_sandbox_refunds_payment_id"), table_name="sandbox_refunds")
    op.drop_table("sandbox_refunds")
    op.drop_index(op.f("ix_reservations_owner_id_expires_at"), table_name="reservations")
    op.drop_index(op.f("ix_reservations_expires_at"), table_name="reservations")
    op.drop_index(
        op.f("ix_reservations_backup_id"), table_name="reservations", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_table("reservations")
    op.drop_index(op.f("ix_quotes_restore_id"), table_name="quotes")
    op.drop_index(op.f("ix_quotes_owner_id_created_at_id"), table_name="quotes")
    op.drop_table("quotes")
    op.drop_index(
        "uq_payment_methods_token", table_name="payment_methods", postgresql_where=sa.text("removed_at IS NULL")
    )
    op.drop_index(
        "uq_payment_methods_default",
        table_name="payment_methods",
        postgresql_where=sa.text("is_default AND removed_at IS NULL"),
    )
    op.drop_index(op.f("ix_payment_methods_owner_id_created_at_id"), table_name="payment_methods")
    op.drop_index(
        op.f("ix_payment_methods_forget_due_at"),
        table_name="payment_methods",
        postgresql_where=sa.text("forget_due_at IS NOT NULL"),
    )
    op.drop_table("payment_methods")
    op.drop_table("meters")
    op.drop_index(op.f("ix_ledger_entries_owner_id_account"), table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index(op.f("ix_invoices_owner_id_created_at_id"), table_name="invoices")
    op.drop_index(
        op.f("ix_invoices_finalise_due_at"), table_name="invoices", postgresql_where=sa.text("state = 'draft'")
    )
    op.drop_index(
        op.f("ix_invoices_charge_due_at"), table_name="invoices", postgresql_where=sa.text("charge_due_at IS NOT NULL")
    )
    op.drop_table("invoices")
    op.drop_index(op.f("ix_account_moves_owner_id"), table_name="account_moves")
    op.drop_table("account_moves")
    op.drop_table("webhook_events")
    op.drop_index(op.f("ix_storage_samples_owner_id_measured_at"), table_name="storage_samples")
    op.drop_table("storage_samples")
    op.drop_index(op.f("ix_sandbox_webhooks_payment_id"), table_name="sandbox_webhooks")
    op.drop_index(
        op.f("ix_sandbox_webhooks_due_at_id"),
        table_name="sandbox_webhooks",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_table("sandbox_webhooks")
    op.drop_table("sandbox_methods")
    op.drop_index(
        op.f("ix_sandbox_charges_hold_until"),
        table_name="sandbox_charges",
        postgresql_where=sa.text("standing = 'authorised'"),
    )
    op.drop_index(
        op.f("ix_sandbox_charges_decide_at"),
        table_name="sandbox_charges",
        postgresql_where=sa.text("standing = 'pending'"),
    )
    op.drop_table("sandbox_charges")
    op.drop_table("returned_instances")
    op.drop_table("price_books")
    op.drop_table("number_series")
    op.drop_index(op.f("ix_metered_backups_owner_id"), table_name="metered_backups")
    op.drop_table("metered_backups")
    op.drop_index(op.f("ix_ledger_transactions_owner_id_id"), table_name="ledger_transactions")
    op.drop_table("ledger_transactions")
    op.drop_table("instance_samples")
    op.drop_index(op.f("ix_accounts_close_due_at"), table_name="accounts")
    op.drop_index(op.f("ix_accounts_assess_due_at"), table_name="accounts")
    op.drop_table("accounts")
