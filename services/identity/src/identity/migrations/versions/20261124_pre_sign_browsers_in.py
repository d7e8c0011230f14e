"""pre sign browsers in"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "adf8363624df"
down_revision: str | None = "9bec5580401a"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "console_links",
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False, comment="That made it."),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_console_links_device_id")),
        sa.PrimaryKeyConstraint("link_hash", name=op.f("pk_console_links")),
    )
    op.create_index(op.f("ix_console_links_expires_at"), "console_links", ["expires_at"], unique=False)
    op.create_table(
        "qr_sign_ins",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False, comment="Of the cookie that alone may take it."),
        sa.Column("client_name", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True, comment="That signed it."),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_qr_sign_ins_device_id")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_qr_sign_ins")),
        sa.UniqueConstraint("browser_hash", name=op.f("uq_qr_sign_ins_browser_hash")),
    )
    op.create_index(op.f("ix_qr_sign_ins_expires_at"), "qr_sign_ins", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_qr_sign_ins_expires_at"), table_name="qr_sign_ins")
    op.drop_table("qr_sign_ins")
    op.drop_index(op.f("ix_console_links_expires_at"), table_name="console_links")
    op.drop_table("console_links")
