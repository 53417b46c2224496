"""What the evidence report looks like: everything that the house knows about a finished contract, for people to read.

It invents nothing: every line comes from the log, the acts and the archive, and is handed in. Drawn with the same type and
rules as the certificate page; where the seal goes is a box on its last page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bff.core.intent import fingerprint
from bff.signing.paper import (
    ACCENT,
    LEFT,
    LINE,
    QUIET,
    RIGHT,
    SEAL_HEIGHT,
    SEAL_WIDTH,
    EvidencePaper,
    Layout,
    Paper,
)
from bff.words import mark as _
from bff.words import moment, words

METHODS = {
    "sms": _("Code by SMS: the platform's statement"),
    "passkey": _("Fingerprint, face or screen lock of the signer's own device, checked against its key"),
    "passkey_by_link": _("Fingerprint, face or screen lock of a device that was set up by whoever held the link"),
    "face": _("Face video: the platform's statement"),
}
LEVELS = {
    "none": _("Nothing was checked about this person"),
    "contact": _("The person holds the address that the link went to; nothing else was checked"),
    "document": _("An identity document was checked"),
    "document+face": _("An identity document was checked, and that the face is the one on it"),
    "document+face+source": _("Identity document, face, and an official source were checked"),
}
REVISIONS = {
    "upload": _("As it came in"),
    "prepared": _("Prepared: what the first signer saw"),
    "signer": _("With one more signature"),
    "seal": _("Sealed"),
    "raised": _("With the missing timestamps"),
    "renewed": _("With a new timestamp"),
}
WIDE = 132.0
"""Points from the left to where sentences beside a time begin."""


@dataclass(frozen=True)
class Happened:
    """One line of the timeline, in the reader's language."""

    at: datetime
    sentence: str
    remark: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Party:
    """A signer: who, how reached, what was signed and how it was confirmed, and what the browser told of their reading.

    `organisation`: name and number of the enterprise that they signed for; empty for themselves."""

    name: str
    organisation: tuple[str, ...]
    role: str
    contact: str
    signed_at: datetime
    method: str
    level: str
    shared_channel: bool
    shown_sha256: str
    challenge: str
    pages_read: int
    reading: int
    """Seconds."""


@dataclass(frozen=True)
class Revised:
    """A revision of the document."""

    kind: str
    sha256: str
    size: int
    level: str
    at: datetime


@dataclass(frozen=True)
class Account:
    """All that a report tells. Times are shown in `timezone`."""

    contract_id: str
    title: str
    sender: str
    asker: str
    language: str
    timezone: str
    made_at: datetime
    sent_at: datetime | None
    document_sha256: str
    pages: int
    level: str
    parties: Sequence[Party]
    timeline: Sequence[Happened]
    revisions: Sequence[Revised]
    copies: Sequence[tuple[str, datetime]]
    entries: int
    evidence_head: str
    tree: tuple[int, str, datetime] | None
    """Size, root and time of the newest signed head over this log."""
    verify_url: str


def told(account: Account) -> dict[str, Any]:
    """As JSON, for whoever makes the report later."""
    return dict(json.loads(json.dumps(asdict(account), default=datetime.isoformat)))


def read(said: Mapping[str, Any]) -> Account:
    """What `told` gave."""
    at = datetime.fromisoformat
    tree = said["tree"]
    return Account(
        **{
            **said,
            "made_at": at(said["made_at"]),
            "sent_at": at(said["sent_at"]) if said["sent_at"] else None,
            "parties": [Party(**{**one, "signed_at": at(one["signed_at"])}) for one in said["parties"]],
            "timeline": [
                Happened(**{**one, "at": at(one["at"]), "until": at(one["until"]) if one["until"] else None})
                for one in said["timeline"]
            ],
            "revisions": [Revised(**{**one, "at": at(one["at"])}) for one in said["revisions"]],
            "copies": [(site, at(moment)) for site, moment in said["copies"]],
            "tree": (tree[0], tree[1], at(tree[2])) if tree else None,
        }
    )


def drawn(account: Account, paper: Paper) -> EvidencePaper:
    """The pages, with a box for "seal"."""
    later = "".join(dict.fromkeys(account.title))
    return _Report(
        account, Layout(title=account.title, language=account.language, faces=paper.faces(), later=later)
    ).paper()


class _Report:
    """Section by section, from top to bottom."""

    def __init__(self, account: Account, page: Layout) -> None:
        self._of = account
        self._page = page
        self._say = words(account.language)

    def paper(self) -> EvidencePaper:
        say = self._say
        self._page.head(say(_("Evidence report")), self._of.verify_url)
        self._facts()
        self._page.heading(say(_("Signers")), followed_by=110)
        for party in self._of.parties:
            self._party(party)
        self._timeline()
        self._revisions()
        self._copies()
        self._log()
        self._closing()
        self._page.feet(say(_("Report page {number} of {total}")))
        return self._page.made(self._of.language)

    def _facts(self) -> None:
        say, of = self._say, self._of
        fact = self._page.fact
        fact(say(_("Contract number")), of.contract_id)
        fact(say(_("Sent by")), of.sender)
        if of.sent_at:
            fact(say(_("Sent")), self._time(of.sent_at))
        fact(
            say(_("Report made")), say(_("%(time)s, for %(name)s")) % {"time": self._time(of.made_at), "name": of.asker}
        )
        fact(say(_("Pages")), str(of.pages))
        fact(say(_("Level")), f"PAdES {of.level}")
        fact(say(_("Fingerprint")), fingerprint(of.document_sha256), bold=True)
        fact(say(_("SHA-256")), _grouped(of.document_sha256))
        note = say(
            _(
                "This report tells what the platform recorded about this contract; the platform's seal stands under it."
                " The signed document proves by itself who signed what and when: fingerprint and SHA-256 are the sealed file's."
            )
        )
        self._page.gap(4)
        self._page.paragraph(note, size=8, colour=QUIET)

    def _party(self, party: Party) -> None:
        say, page = self._say, self._page
        page.need(92)
        page.rule(LINE)
        page.gap(8)
        page.paragraph(party.name, size=11, bold=True, most=3)
        page.paragraph(
            "  ·  ".join(part for part in (party.role, party.contact) if part), size=8.5, colour=QUIET, most=2
        )
        page.gap(3)
        if party.organisation:
            page.fact(say(_("Signs for")), "  ·  ".join(party.organisation), size=8.5)
        for name, value in (
            (say(_("Time of signing")), self._time(party.signed_at)),
            (say(_("Confirmed by")), say(METHODS.get(party.method, party.method))),
            (say(_("Identity")), self._identity(party)),
            (say(_("Was shown")), _grouped(party.shown_sha256)),
            (say(_("Statement")), _grouped(party.challenge)),
            (say(_("Reading record")), self._reading(party)),
        ):
            page.fact(name, value, size=8.5)
        page.gap(6)

    def _identity(self, party: Party) -> str:
        told = self._say(LEVELS.get(party.level, party.level))
        if not party.shared_channel:
            return told
        return f"{told}. {self._say(_('Link and code went the same way.'))}"

    def _reading(self, party: Party) -> str:
        if not party.pages_read:
            return self._say(_("The browser told nothing about it."))
        told = self._say(_("The browser showed %(pages)s pages, together for %(minutes)s min %(seconds)s s."))
        minutes, seconds = divmod(party.reading, 60)
        return told % {"pages": party.pages_read, "minutes": minutes, "seconds": seconds}

    def _timeline(self) -> None:
        page = self._page
        page.heading(self._say(_("Timeline")), followed_by=40)
        zone = self._say(_("Times are those of the time zone %(zone)s."))
        page.paragraph(zone % {"zone": self._of.timezone}, size=8, colour=QUIET)
        page.gap(4)
        for line in self._of.timeline:
            told = line.sentence
            if line.until is not None:
                told += " " + self._say(_("(again until %(time)s)")) % {"time": self._clock(line.until)}
            page.entry(self._clock(line.at), f"{told}\n{line.remark}".strip(), indent=WIDE)

    def _revisions(self) -> None:
        page = self._page
        page.heading(self._say(_("The document, revision by revision")), followed_by=40)
        for one in self._of.revisions:
            kind = self._say(REVISIONS.get(one.kind, one.kind))
            level = f"  ·  {one.level}" if one.level else ""
            page.entry(self._clock(one.at), f"{kind}{level}  ·  {one.size:,} B\n{_grouped(one.sha256)}", indent=WIDE)

    def _copies(self) -> None:
        page = self._page
        page.heading(self._say(_("Copies")), followed_by=30)
        if not self._of.copies:
            page.paragraph(self._say(_("The document is being written to the archive.")), size=8.5)
        for site, at in self._of.copies:
            told = self._say(_("Written to the site %(site)s and read back")) % {"site": site}
            page.entry(self._clock(at), told, indent=WIDE)

    def _log(self) -> None:
        say, page, of = self._say, self._page, self._of
        page.heading(say(_("The log")), followed_by=60)
        page.fact(say(_("Entries")), str(of.entries), size=8.5)
        page.fact(say(_("Head")), _grouped(of.evidence_head), size=8.5)
        if of.tree is not None:
            size, root, at = of.tree
            page.fact(
                say(_("Tree")),
                say(_("Leaves: %(size)s; head of %(time)s")) % {"size": size, "time": self._time(at)},
                size=8.5,
            )
            page.fact(say(_("Root")), _grouped(root), size=8.5)
        note = say(
            _(
                "Each entry of the log is bound to all before it, and the log to a tree over all contracts whose heads are signed"
                " and timestamped. The evidence bundle holds the log and its proof; anybody can check them offline."
            )
        )
        page.gap(3)
        page.paragraph(note, size=8, colour=QUIET)

    def _closing(self) -> None:
        say, page = self._say, self._page
        page.heading(say(_("How to verify")), followed_by=SEAL_HEIGHT + 24)
        page.seal(say(_("Seal of the platform")))
        width = RIGHT - LEFT - SEAL_WIDTH - 28
        told = say(
            _(
                "Open this report or the signed document at the address below, or in any reader that checks signatures."
                " Files are checked on your own device, and never leave it."
            )
        )
        page.paragraph(told, size=8.5, width=width)
        page.gap(3)
        page.paragraph(self._of.verify_url, size=8.5, width=width, colour=ACCENT)

    def _time(self, at: datetime) -> str:
        return moment(at, self._of.timezone, seconds=True)

    def _clock(self, at: datetime) -> str:
        """Short, for a column: how far from UTC instead of the zone's letters."""
        local = at.astimezone(ZoneInfo(self._of.timezone))
        away = f"{local:%z}"
        return f"{local:%Y-%m-%d %H:%M:%S} {away[:3]}:{away[3:5]}"


def _grouped(digest: str) -> str:
    return " ".join(digest[i : i + 8] for i in range(0, len(digest), 8))
