"""pre links to pages"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "7d20b5e9a4c6"
down_revision: str | None = "c41d7e02b95f"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "instance_links",
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of what is in the link"),
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_instance_links_instance_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_instance_links")),
    )
    op.create_index(op.f("ix_instance_links_instance_id"), "instance_links", ["instance_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_instance_links_instance_id"), table_name="instance_links")
    op.drop_table("instance_links")
