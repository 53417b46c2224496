"""The chronicles of persons and enterprises are leaves of the tree too: each of their entries waits until it is one."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tree_leaves") as leaves:  # a chronicle is no contract
        leaves.drop_constraint("fk_tree_leaves_contract_id_contracts", type_="foreignkey")
    op.create_table(
        "chronicle_waiting",
        sa.Column("subject", sa.String(60), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "seq", name="pk_chronicle_waiting"),
    )
    op.create_index("ix_chronicle_head", "chronicle", ["head"])
    op.execute("INSERT INTO chronicle_waiting (subject, seq) SELECT subject, seq FROM chronicle")
    # A trigger, so that what the release still running writes waits as well.
    for statement in _wait(op.get_bind().dialect.name):
        op.execute(statement)


def _wait(dialect: str) -> list[str]:
    insert = "INSERT INTO chronicle_waiting (subject, seq) VALUES (NEW.subject, NEW.seq);"
    if dialect == "sqlite":
        return [f"CREATE TRIGGER chronicle_waits AFTER INSERT ON chronicle BEGIN {insert} END"]
    return [
        f"CREATE FUNCTION chronicle_wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {insert} RETURN NULL; END $$",
        "CREATE TRIGGER chronicle_waits AFTER INSERT ON chronicle FOR EACH ROW EXECUTE FUNCTION chronicle_wait()",
    ]


def downgrade() -> None:
    """The foreign key does not come back: leaves of chronicles stay in the tree."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER chronicle_waits ON chronicle")
        op.execute("DROP FUNCTION chronicle_wait()")
    else:
        op.execute("DROP TRIGGER chronicle_waits")
    op.drop_index("ix_chronicle_head", "chronicle")
    op.drop_table("chronicle_waiting")
