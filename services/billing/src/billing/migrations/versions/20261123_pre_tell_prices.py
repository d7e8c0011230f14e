"""pre tell prices"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "a4d07c91be36"
down_revision: str | None = "38d644c2a35f"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Empty: the version in force is told of when the worker starts, so that readers of this event begin with it.
    op.create_table(
        "told_prices",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_told_prices")),
    )


def downgrade() -> None:
    op.drop_table("told_prices")
