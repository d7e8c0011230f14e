"""pre keep why it was returned"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c41d7e02b95f"
down_revision: str | None = "92917e5d2ba1"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "instances",
        sa.Column(
            "cause",
            sa.Text(),
            nullable=True,
            comment="why its return began; null for one of before this was kept",
        ),
    )
    op.create_check_constraint(op.f("ck_instances_cause"), "instances", "cause IN ('owner', 'unwanted', 'lost')")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_instances_cause"), "instances")
    op.drop_column("instances", "cause")
