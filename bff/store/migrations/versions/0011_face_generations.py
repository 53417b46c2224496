"""The generation of each person's key in the vault of faces, and what was erased before leaves no trace of movements.

Until now the trace of a recording outlived the erasure of the recording.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BEFORE_AN_ERASURE = (
    "created_at <= (SELECT max(ended_at) FROM identities WHERE identities.person_id = face_videos.person_id)"
)
OF_A_CHECK_THAT_IT_ENDED = "check_id IN (SELECT id FROM checks WHERE CAST(value AS TEXT) LIKE '%consent_withdrawn%')"


def upgrade() -> None:
    # The release still running writes people without it: their key is the first. What it keeps in the meantime has no
    # generation in its name, which is the first too.
    with op.batch_alter_table("people") as people:
        people.add_column(sa.Column("face_generation", sa.Integer(), nullable=False, server_default="0"))
    for erased in (BEFORE_AN_ERASURE, OF_A_CHECK_THAT_IT_ENDED):
        op.execute(f"UPDATE face_videos SET trace = '' WHERE {erased}")


def downgrade() -> None:
    with op.batch_alter_table("people") as people:
        people.drop_column("face_generation")
