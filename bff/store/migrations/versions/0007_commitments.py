"""What a page holds itself to before it sends a recording: digest, length and when it said so."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release still running writes none of them: what it began is refused by this one, and recorded again.
    with op.batch_alter_table("face_videos") as videos:
        videos.add_column(sa.Column("committed_sha256", sa.String(64), nullable=True))
        videos.add_column(sa.Column("committed_bytes", sa.Integer(), nullable=True))
        videos.add_column(sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("face_videos") as videos:
        for column in ("committed_at", "committed_bytes", "committed_sha256"):
            videos.drop_column(column)
