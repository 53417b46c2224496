"""What showed, when a check of identity began, that it is its person who begins."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release still running writes checks without this column: they count as begun by whoever held a link.
    with op.batch_alter_table("checks") as checks:
        checks.add_column(sa.Column("begun_by", sa.String(20), nullable=False, server_default="link"))
    op.execute("UPDATE checks SET begun_by = 'session' WHERE signer_id IS NULL")


def downgrade() -> None:
    with op.batch_alter_table("checks") as checks:
        checks.drop_column("begun_by")
