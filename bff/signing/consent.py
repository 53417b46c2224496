"""The consent to electronic signing: versioned words, and the hash of exactly what was shown.

ESIGN 15 U.S.C. 7001(c) and UETA section 8 want affirmative consent after plain disclosure; the intent carries the version and
the SHA-256 of the text in the language in which it was read.
"""

import hashlib

from bff.words import words

VERSION = "2026-11"


def paragraphs(language: str) -> tuple[str, ...]:
    """The text as shown, one string a paragraph."""
    _ = words(language)
    return (
        _("I agree to sign this document electronically, and that my electronic signature binds me like one on paper."),
        _("I have read the document shown to me. I can download a copy, and I may ask the sender for a paper copy."),
        _("I may decline to sign, and I may withdraw this agreement before I sign, without any fee."),
    )


def sha256(language: str) -> str:
    """Hex SHA-256 over the paragraphs joined by a line feed, UTF-8."""
    return hashlib.sha256("\n".join(paragraphs(language)).encode()).hexdigest()
