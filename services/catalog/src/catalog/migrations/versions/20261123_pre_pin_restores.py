"""pre pin restores"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "d83f1b6c4e07"
down_revision: str | None = "5b0c2f7ad914"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "restore_pins",
        sa.Column("restore_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=True, comment="null when its end came first"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_restore_pins_backup_id")),
        sa.PrimaryKeyConstraint("restore_id", name=op.f("pk_restore_pins")),
    )
    op.create_index("ix_restore_pins_live", "restore_pins", ["backup_id"], postgresql_where=sa.text("ended_at IS NULL"))


def downgrade() -> None:
    op.drop_table("restore_pins")
