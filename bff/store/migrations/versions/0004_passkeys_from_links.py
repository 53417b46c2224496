"""Passkeys that were set up through a contract's link: which address it was, and whether their person kept them.

Those that are there already and came by a link are found by the evidence of their setting up, and lose nothing but the
right to sign in, until their person keeps them.
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SET_UP = b'"passkey_enrolled"'


def upgrade() -> None:
    # The release still running writes neither column: a passkey that it takes through a link in that minute signs in.
    with op.batch_alter_table("passkeys") as passkeys:
        passkeys.add_column(sa.Column("link_address", sa.String(length=320), nullable=True))
        passkeys.add_column(sa.Column("link_signer", sa.String(length=40), nullable=True))
        passkeys.add_column(sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("contacts") as contacts:
        contacts.add_column(sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    _find_those_from_links(op.get_bind())


def _find_those_from_links(bind: sa.Connection) -> None:
    by_digest = {
        hashlib.sha256(bytes(row.credential_id)).hexdigest(): bytes(row.credential_id)
        for row in bind.execute(sa.text("SELECT credential_id FROM passkeys"))
    }
    if not by_digest:
        return
    entries = (bytes(row.raw) for row in bind.execute(sa.text("SELECT raw FROM evidence")))
    for data in [json.loads(raw)["data"] for raw in entries if SET_UP in raw]:
        credential = by_digest.get(data.get("credential_sha256", ""))
        if data.get("what") == "passkey_enrolled" and credential is not None:
            _mark(bind, credential, str(data["signer_id"]), str(data["link_channel"]))


def _mark(bind: sa.Connection, credential: bytes, signer: str, channel: str) -> None:
    address = "email" if channel == "email" else "phone"
    bind.execute(
        sa.text(
            "UPDATE passkeys SET link_signer = :signer, "
            f"link_address = COALESCE((SELECT {address} FROM signers WHERE id = :whose), '') "
            "WHERE credential_id = :credential"
        ),
        {"signer": signer, "whose": signer, "credential": credential},
    )


def downgrade() -> None:
    with op.batch_alter_table("contacts") as contacts:
        contacts.drop_column("confirmed_at")
    with op.batch_alter_table("passkeys") as passkeys:
        for column in ("kept_at", "link_signer", "link_address"):
            passkeys.drop_column(column)
