"""Enterprises, their members and seals, and for which of them a signer signs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The release still running writes signers without these columns: they sign for themselves.
    with op.batch_alter_table("signers") as signers:
        signers.add_column(sa.Column("organisation", sa.String(200), nullable=False, server_default=""))
        signers.add_column(sa.Column("organisation_id", sa.String(80), nullable=False, server_default=""))
    op.create_table(
        "enterprises",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("identifier", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("proving", sa.Boolean(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("private", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_enterprises"),
    )
    for column in ("identifier", "proving"):
        op.create_index(f"ix_enterprises_{column}", "enterprises", [column])
    op.create_table(
        "enterprise_members",
        sa.Column("enterprise_id", sa.String(40), nullable=False),
        sa.Column("person_id", sa.String(40), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("enterprise_id", "person_id", name="pk_enterprise_members"),
        sa.ForeignKeyConstraint(
            ["enterprise_id"], ["enterprises.id"], name="fk_enterprise_members_enterprise_id_enterprises"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_enterprise_members_person_id_people"),
    )
    op.create_index("ix_enterprise_members_person_id", "enterprise_members", ["person_id"])
    op.create_table(
        "enterprise_seals",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("enterprise_id", sa.String(40), nullable=False),
        sa.Column("mark", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_enterprise_seals"),
        sa.ForeignKeyConstraint(
            ["enterprise_id"], ["enterprises.id"], name="fk_enterprise_seals_enterprise_id_enterprises"
        ),
    )
    op.create_index("ix_enterprise_seals_enterprise_id", "enterprise_seals", ["enterprise_id"])


def downgrade() -> None:
    for table in ("enterprise_seals", "enterprise_members", "enterprises"):
        op.drop_table(table)
    with op.batch_alter_table("signers") as signers:
        signers.drop_column("organisation_id")
        signers.drop_column("organisation")
