"""Checks of who people are, what they led to, face videos, and the chronicle of people and enterprises."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

REFUSE = "the chronicle is append-only"
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The release still running writes signers without this column.
    with op.batch_alter_table("signers") as signers:
        signers.add_column(sa.Column("needs", sa.String(30), nullable=False, server_default="contact"))
    op.create_table(
        "chronicle",
        sa.Column("subject", sa.String(60), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "seq", name="pk_chronicle"),
    )
    for statement in _guard(op.get_bind().dialect.name):
        op.execute(statement)
    _checks()
    _identities()
    _videos()


def _checks() -> None:
    op.create_table(
        "checks",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("person_id", sa.String(40), nullable=False),
        sa.Column("contract_id", sa.String(40), nullable=True),
        sa.Column("signer_id", sa.String(40), nullable=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checks"),
        sa.UniqueConstraint("token_hash", name="uq_checks_token_hash"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_checks_person_id_people"),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name="fk_checks_contract_id_contracts"),
    )
    for column in ("person_id", "contract_id", "state", "expires_at"):
        op.create_index(f"ix_checks_{column}", "checks", [column])


def _identities() -> None:
    op.create_table(
        "identities",
        sa.Column("check_id", sa.String(40), nullable=False),
        sa.Column("person_id", sa.String(40), nullable=False),
        sa.Column("level", sa.String(30), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("document", sa.String(30), nullable=False),
        sa.Column("attended_by", sa.String(40), nullable=True),
        sa.Column("checked_at", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("check_id", name="pk_identities"),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name="fk_identities_check_id_checks"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_identities_person_id_people"),
    )
    op.create_index("ix_identities_person_id", "identities", ["person_id"])


def _videos() -> None:
    op.create_table(
        "face_videos",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("person_id", sa.String(40), nullable=False),
        sa.Column("check_id", sa.String(40), nullable=True),
        sa.Column("intent_id", sa.String(40), nullable=True),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("mime", sa.String(60), nullable=False),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_face_videos"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_face_videos_person_id_people"),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name="fk_face_videos_check_id_checks"),
    )
    for column in ("person_id", "check_id", "intent_id", "sha256"):
        op.create_index(f"ix_face_videos_{column}", "face_videos", [column])


def _guard(dialect: str) -> list[str]:
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER chronicle_no_{act.lower()} BEFORE {act} ON chronicle "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSE}'); END"
            for act in ("UPDATE", "DELETE")
        ]
    return [
        "CREATE FUNCTION chronicle_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSE}'; END $$",
        "CREATE TRIGGER chronicle_append_only BEFORE UPDATE OR DELETE ON chronicle "
        "FOR EACH ROW EXECUTE FUNCTION chronicle_refuse()",
    ]


def downgrade() -> None:
    for table in ("face_videos", "identities", "checks", "chronicle"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION chronicle_refuse()")
    with op.batch_alter_table("signers") as signers:
        signers.drop_column("needs")
