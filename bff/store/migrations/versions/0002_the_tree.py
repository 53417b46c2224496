"""The tree over all contracts' chains: leaves, complete subtrees, heads."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release still running writes contracts without this column: the database fills it in.
    with op.batch_alter_table("contracts") as contracts:
        contracts.add_column(sa.Column("logged_seq", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "tree_leaves",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("contract_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name="fk_tree_leaves_contract_id_contracts"),
        sa.PrimaryKeyConstraint("position", name="pk_tree_leaves"),
    )
    op.create_index("ix_tree_leaves_contract_id", "tree_leaves", ["contract_id"])
    op.create_table(
        "tree_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name="pk_tree_nodes"),
    )
    op.create_table(
        "tree_heads",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("tokens", sa.JSON(), nullable=False),
        sa.Column("sites", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_tree_heads"),
    )


def downgrade() -> None:
    for table in ("tree_heads", "tree_nodes", "tree_leaves"):
        op.drop_table(table)
    with op.batch_alter_table("contracts") as contracts:
        contracts.drop_column("logged_seq")
