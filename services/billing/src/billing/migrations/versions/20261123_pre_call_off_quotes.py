"""pre call off quotes"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "e19a5c30d7b2"
down_revision: str | None = "a4d07c91be36"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "quotes",
        sa.Column(
            "called_off_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it was heard, before any order, that nothing is to come of it",
        ),
    )


def downgrade() -> None:
    op.drop_column("quotes", "called_off_at")
