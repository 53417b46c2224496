"""What a unit's log holds: our own lines at the chosen level, and of libraries only what is wrong."""

import logging

CHATTY = ("alembic", "pikepdf", "rq", "httpx", "PIL", "fontTools")
"""Libraries that tell of every step at INFO."""
INDISCREET = ("pyhanko", "pyhanko_certvalidator")
"""They name people and show pieces of documents in what they log: only that something failed outright is told."""


def begin(level: str, *, form: str = "%(message)s") -> None:
    """Once, by an entrance, before anything else is imported that may talk."""
    logging.basicConfig(level=level, format=form)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    for name in INDISCREET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
