"""pre serve olares devices"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "9bec5580401a"
down_revision: str | None = "f9b1e2e23214"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "olares_logins",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.session_id"], name=op.f("fk_olares_logins_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_olares_logins")),
    )
    op.create_index(op.f("ix_olares_logins_expires_at"), "olares_logins", ["expires_at"], unique=False)
    op.create_index(op.f("ix_olares_logins_session_id"), "olares_logins", ["session_id"], unique=False)
    op.add_column("invites", sa.Column("did", sa.Text(), nullable=True, comment="Who alone may use it."))
    op.add_column(
        "invites", sa.Column("olares_name", sa.Text(), nullable=True, comment="By what name, when a DID is named.")
    )
    op.create_index(op.f("ix_invites_did"), "invites", ["did"], unique=False)
    op.add_column(
        "sessions",
        sa.Column(
            "kind", sa.Text(), server_default="native", nullable=False, comment="native, or olares: of Olares devices"
        ),
    )
    op.create_check_constraint(op.f("ck_sessions_kind"), "sessions", "kind IN ('native', 'olares')")


def downgrade() -> None:
    op.drop_column("sessions", "kind")
    op.drop_index(op.f("ix_invites_did"), table_name="invites")
    op.drop_column("invites", "olares_name")
    op.drop_column("invites", "did")
    op.drop_index(op.f("ix_olares_logins_session_id"), table_name="olares_logins")
    op.drop_index(op.f("ix_olares_logins_expires_at"), table_name="olares_logins")
    op.drop_table("olares_logins")
