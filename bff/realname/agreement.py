"""The consent to being checked: versioned words for each way, and the hash of exactly what was shown.

Biometric processing has a consent of its own, apart from signing, with its purpose, how long what is kept, how it is taken
back and that there is another way (PIPL articles 13, 14, 29 and 47; GDPR articles 7 and 9).
"""

import hashlib

from bff.core.enrolment import Way
from bff.words import words

VERSION = "2026-11b"


def paragraphs(way: Way, language: str, *, days: int) -> tuple[str, ...]:
    """The text as shown, one string a paragraph. `days`: how long pictures and videos are kept."""
    _ = words(language)
    paper = (
        _(
            "I agree that my identity document is photographed, that what it says is read by this service's own programs, "
            "and that it is used only to establish who I am."
        ),
        _(
            "Photographs are encrypted with a key of my own and deleted after {days} days. What stays is what was concluded: "
            "my name, the kind of document, its number with most digits hidden, and when it was checked."
        ),
    )
    face = (
        _(
            "I agree that my face is recorded in a short video and compared with the portrait on my document, by programs "
            "that run on this service's own computers. The video is not given to anybody else for that."
        ),
        _(
            "So that I need not do this every time, a description of my face is kept for one year, encrypted with a key of "
            "my own. The video itself is deleted after {days} days."
        ),
    )
    unsure = (
        _(
            "Where these programs are unsure, a person who is responsible for this service looks at what I have shown, and "
            "decides."
        ),
    )
    attended = (
        _(
            "Instead of a face video, a person who is responsible for this contract compares me with my document, in person "
            "or in a conversation with pictures, and writes down that they did."
        ),
    )
    end = (
        _(
            "I can take this agreement back at any time, here or by writing to the sender. Pictures, videos and the "
            "description of my face are then destroyed at once; contracts that I have signed stay valid."
        ),
    )
    chosen = {Way.FACE: (*paper, *face, *unsure, *end), Way.ATTENDED: (*paper, *attended, *end)}
    chosen[Way.PAPER] = (*paper, *unsure, *end)
    return tuple(text.format(days=days) for text in chosen[way])


def declaration(seen: str, language: str) -> str:
    """What somebody who attended a check declares, and takes on with their name. `seen`: one of `core.enrolment.SEEN`."""
    _ = words(language)
    met = {
        "in_person": _(
            "I met this person face to face and compared them with the original of their identity document."
        ),
        "video": _(
            "I spoke with this person in a conversation with moving pictures, and compared them with the original of their "
            "identity document, which they held beside their face."
        ),
    }[seen]
    end = _("It is their document, as it is shown here. My name and this declaration become part of the evidence.")
    return f"{met} {end}"


def sha256(way: Way, language: str, *, days: int) -> str:
    """Hex SHA-256 over the paragraphs joined by a line feed, UTF-8."""
    return hashlib.sha256("\n".join(paragraphs(way, language, days=days)).encode()).hexdigest()
