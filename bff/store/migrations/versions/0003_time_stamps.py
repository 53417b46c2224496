"""Renewal of time stamps, and the append-only book of those that the embedded authority gave out."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REFUSE = "time stamps are append-only"


def upgrade() -> None:
    # The release still running leaves both empty; the clock looks into such files once.
    with op.batch_alter_table("contracts") as contracts:
        contracts.add_column(sa.Column("stamped_until", sa.DateTime(timezone=True), nullable=True))
        contracts.add_column(sa.Column("renew_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_contracts_renew_at", "contracts", ["renew_at"])
    op.create_table(
        "time_stamps",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("certificate", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_time_stamps"),
    )
    op.create_index("ix_time_stamps_at", "time_stamps", ["at"])
    op.create_index("ix_time_stamps_certificate", "time_stamps", ["certificate"])
    for statement in _guard(op.get_bind().dialect.name):
        op.execute(statement)


def _guard(dialect: str) -> list[str]:
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER time_stamps_no_{act.lower()} BEFORE {act} ON time_stamps "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSE}'); END"
            for act in ("UPDATE", "DELETE")
        ]
    return [
        "CREATE FUNCTION time_stamps_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSE}'; END $$",
        "CREATE TRIGGER time_stamps_append_only BEFORE UPDATE OR DELETE ON time_stamps "
        "FOR EACH ROW EXECUTE FUNCTION time_stamps_refuse()",
    ]


def downgrade() -> None:
    op.drop_table("time_stamps")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION time_stamps_refuse()")
    op.drop_index("ix_contracts_renew_at", "contracts")
    with op.batch_alter_table("contracts") as contracts:
        contracts.drop_column("renew_at")
        contracts.drop_column("stamped_until")
