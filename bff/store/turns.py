"""Turns: what has no row to lock yet is done by one unit after the other.

Locks of rows come first, turns after them, the chronicle's last: so two units never wait for each other.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session


def in_turn(session: Session, purpose: str) -> None:
    """Wait until no other unit is doing this; holds until the transaction ends. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:purpose, 0))"), {"purpose": purpose})
