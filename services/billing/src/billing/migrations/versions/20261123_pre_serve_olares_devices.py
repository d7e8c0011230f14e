"""pre serve olares devices"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "a51e60455392"
down_revision: str | None = "e19a5c30d7b2"
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


def downgrade() -> None:
    op.drop_index(op.f("ix_ended_sessions_tokens_end_at"), table_name="ended_sessions")
    op.drop_table("ended_sessions")
