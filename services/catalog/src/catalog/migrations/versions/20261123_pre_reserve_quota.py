"""pre reserve quota"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "5b0c2f7ad914"
down_revision: str | None = "91be39a1ce23"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("access_key_id", sa.Text(), nullable=True, comment="null until the key is issued"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["access_key_id"], ["storage_keys.access_key_id"], name=op.f("fk_reservations_access_key_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["owner_spaces.owner_id"], name=op.f("fk_reservations_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index(op.f("ix_reservations_access_key_id"), "reservations", ["access_key_id"], unique=False)
    op.create_index(op.f("ix_reservations_due_at"), "reservations", ["due_at"], unique=False)
    op.add_column(
        "owner_spaces",
        sa.Column(
            "quota_number",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="rises with billing's words",
        ),
    )
    op.add_column(
        "owner_spaces",
        sa.Column("operator_restriction", sa.Text(), nullable=True, comment="an operator's; billing does not lift it"),
    )
    op.create_check_constraint(
        op.f("ck_owner_spaces_operator_restriction"),
        "owner_spaces",
        "operator_restriction IN ('arrears', 'over_limit')",
    )
    # Until now only operators restricted. The old column keeps the word for an older catalog's gate.
    op.execute("UPDATE owner_spaces SET operator_restriction = restriction WHERE restriction IS NOT NULL")
    op.alter_column(
        "owner_spaces", "restriction", comment="billing's last word on why the owner may not upload", nullable=True
    )


def downgrade() -> None:
    op.alter_column("owner_spaces", "restriction", comment=None)
    op.execute("UPDATE owner_spaces SET restriction = coalesce(operator_restriction, restriction)")
    op.drop_constraint(op.f("ck_owner_spaces_operator_restriction"), "owner_spaces")
    op.drop_column("owner_spaces", "operator_restriction")
    op.drop_column("owner_spaces", "quota_number")
    op.drop_index(op.f("ix_reservations_due_at"), table_name="reservations")
    op.drop_index(op.f("ix_reservations_access_key_id"), table_name="reservations")
    op.drop_table("reservations")
