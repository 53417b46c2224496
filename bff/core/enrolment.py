"""One check of who a person is: consent, document, face, a source where there is one, a human where nothing else decides.

`advance` is the only way from one state to the next and `TABLE` says which event is possible where, as for contracts. What
was asked for (`needed`) and how the person wants to be checked (`way`) are fixed by the first event; nobody is made to show
their face: the other way is a person who compares document and bearer, and the level that is reached says so. Where a source's
word is needed it is asked before that person looks: whichever way, nobody's acceptance stands in for it.

A verdict about a face ends nothing by itself except by name: pass, another try with a hint, a human, or refused. What a
person corrected is believed when an authoritative source says so, else when a human has looked. A number is somebody's own
when it stands beside the portrait: a source that compared no face proves no number that was typed in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from bff.core.errors import Refusal
from bff.core.identity import Level, serves

LIFETIME = timedelta(hours=3)
"""How long the link to a check leads anywhere, from the last step on."""
FACE_TRIES = 5
DOCUMENT_TRIES = 12
QUESTIONABLE = ("name", "number", "birth", "expiry")
"""A correction of these changes who or what the document is about."""
PORTRAIT_APART = "portrait_apart"
"""The doubt whether portrait and number stand on the same document."""
DIGITS = ("number_check_digit", "birth_check_digit", "expiry_check_digit", "zone_check_digit")
"""The doubts whether it was read right, or ever printed so."""


SEEN = ("in_person", "video")
"""How somebody who attends may have met the person: face to face, or in a conversation with moving pictures."""
OPERATOR = "operator:"
"""Whoever decides at the server itself, with the name that they gave."""


class State(StrEnum):
    CONSENT = "consent"
    DOCUMENT = "document"
    READING = "reading"
    CONFIRM = "confirm"
    FACE = "face"
    JUDGING = "judging"
    ASKING = "asking"
    REVIEW = "review"
    PASSED = "passed"
    REFUSED = "refused"
    ENDED = "ended"


OVER = (State.PASSED, State.REFUSED, State.ENDED)
WORKING = (State.READING, State.JUDGING, State.ASKING)
"""A job has the next word."""


class Way(StrEnum):
    FACE = "face"
    ATTENDED = "attended"
    PAPER = "paper"
    """The document alone; enough where no more is needed."""


class Begun(StrEnum):
    """What showed, when the check began, that it is its person who begins."""

    LINK = "link"
    """The link to a contract, which may have been forwarded: enough for somebody of whom nothing is known yet."""
    CODE = "code"
    """A code that was sent to the link's address."""
    SESSION = "session"


@dataclass(frozen=True)
class Decision:
    """What one reviewer said. `accepted` None: the person is asked to do it again."""

    by: str
    accepted: bool | None
    reason: str
    at: datetime


@dataclass(frozen=True)
class Check:
    """`hint` is the code of what to do better next (`realname/hints.py`); `step` the number of the action it is about."""

    id: str
    person_id: str
    needed: Level
    sourced: bool
    """An authoritative source is there to be asked."""
    reviewers: int = 1
    """How many people have to accept."""
    contract_id: str | None = None
    signer_id: str | None = None
    begun_by: Begun = Begun.SESSION
    state: State = State.CONSENT
    way: Way | None = None
    kind: str = ""
    photographs: int = 0
    manual: bool = False
    corrected: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    tries: int = 0
    hint: str | None = None
    step: int | None = None
    why_review: str | None = None
    source: str | None = None
    """match, no_match, unknown or not_available; None: not asked."""
    decisions: tuple[Decision, ...] = ()
    level: Level | None = None
    reason: str | None = None
    """Why it ended as it did."""

    @property
    def attended_by(self) -> str | None:
        accepted = [d.by for d in self.decisions if d.accepted]
        return accepted[-1] if self.way is Way.ATTENDED and accepted else None

    @property
    def enough(self) -> bool:
        """Whether what it reached, or would reach if it were accepted now, is what was asked for."""
        level = self.level or _accepted_level(self)
        return serves(level, attended=self.way is Way.ATTENDED, source=self.source).rank >= self.needed.rank

    @property
    def unproven(self) -> bool:
        """What the document says, or that it is theirs, rests on their word."""
        return self.manual or bool(set(self.corrected) & set(QUESTIONABLE)) or self._portrait_apart or self._unlikely

    @property
    def anybodys(self) -> bool:
        """Nothing but their word says that the number is theirs."""
        return self.manual or "number" in self.corrected or self._portrait_apart

    @property
    def _unlikely(self) -> bool:
        return bool(set(self.doubts) & set(DIGITS))

    @property
    def _portrait_apart(self) -> bool:
        return self.way is Way.FACE and PORTRAIT_APART in self.doubts


@dataclass(frozen=True)
class Event:
    """Something that happened. `kind` names it in the record, `data()` is what the record keeps of it."""

    kind: ClassVar[str]
    at: datetime

    def data(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Consented(Event):
    """`version` and `sha256` are those of the text that was shown."""

    kind: ClassVar[str] = "consented"
    way: Way
    version: str
    sha256: str
    language: str

    def data(self) -> dict[str, Any]:
        return {"way": str(self.way), "version": self.version, "sha256": self.sha256, "language": self.language}


@dataclass(frozen=True)
class Photographed(Event):
    kind: ClassVar[str] = "photographed"
    sha256: str

    def data(self) -> dict[str, Any]:
        return {"sha256": self.sha256}


@dataclass(frozen=True)
class Read(Event):
    """What was on it, by the names of its fields; `complete` when nothing is missing. `reading_sha256`: of what was read."""

    kind: ClassVar[str] = "read"
    document: str
    fields: tuple[str, ...]
    doubts: tuple[str, ...]
    complete: bool
    hint: str | None
    reading_sha256: str
    engine: str
    agreed: tuple[str, ...] = ()
    """What front and back of a card both say."""

    def data(self) -> dict[str, Any]:
        return {
            **({"sides_agree_on": list(self.agreed)} if self.agreed else {}),
            "document": self.document,
            "fields": list(self.fields),
            "doubts": list(self.doubts),
            "complete": self.complete,
            "reading_sha256": self.reading_sha256,
            "engine": self.engine,
        }


@dataclass(frozen=True)
class Unread(Event):
    kind: ClassVar[str] = "unread"
    hint: str

    def data(self) -> dict[str, Any]:
        return {"reason": self.hint}


@dataclass(frozen=True)
class Typed(Event):
    """The person wants to enter what the document says, because it could not be read."""

    kind: ClassVar[str] = "typed"


@dataclass(frozen=True)
class Confirmed(Event):
    """What holds from now on, by its digest; `corrected` names what differs from what was read."""

    kind: ClassVar[str] = "confirmed"
    document: str
    corrected: tuple[str, ...]
    fields_sha256: str

    def data(self) -> dict[str, Any]:
        return {
            "document": self.document,
            "corrected": list(self.corrected),
            "fields_sha256": self.fields_sha256,
        }


@dataclass(frozen=True)
class Recorded(Event):
    """`committed_at` is when the page had held itself to this recording, by its digest."""

    kind: ClassVar[str] = "recorded"
    challenge_sha256: str
    video_sha256: str = ""
    committed_at: datetime | None = None

    def data(self) -> dict[str, Any]:
        committed = self.committed_at.isoformat() if self.committed_at else ""
        return {
            "challenge_sha256": self.challenge_sha256,
            "video_sha256": self.video_sha256,
            "committed_at": committed,
        }


@dataclass(frozen=True)
class Judged(Event):
    """`verdict` is the judge's whole evidence: scores, thresholds, digests."""

    kind: ClassVar[str] = "judged"
    outcome: str
    reason: str
    step: int | None
    verdict: Mapping[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        return {"verdict": dict(self.verdict)}


@dataclass(frozen=True)
class Answered(Event):
    """What the authoritative source said."""

    kind: ClassVar[str] = "source_answered"
    answer: str
    source: str
    reference: str
    compared: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        return {
            "answer": self.answer,
            "source": self.source,
            "reference": self.reference,
            "compared": list(self.compared),
        }


@dataclass(frozen=True)
class Reviewed(Event):
    """`role`: owner, sender (of the contract that it is for) or operator; `seen` and `declaration_sha256`: how who attended met
    the person, and the words that they declared it in."""

    kind: ClassVar[str] = "reviewed"
    by: str
    accepted: bool | None
    reason: str
    role: str = "owner"
    seen: str = ""
    declaration_sha256: str = ""

    def data(self) -> dict[str, Any]:
        said = {True: "accepted", False: "refused", None: "again"}[self.accepted]
        declared = {"seen": self.seen, "declaration_sha256": self.declaration_sha256} if self.seen else {}
        return {"by": self.by, "as": self.role, "said": said, "reason": self.reason, **declared}


@dataclass(frozen=True)
class OtherWay(Event):
    """The person would rather be seen by a human than record a video."""

    kind: ClassVar[str] = "other_way"


@dataclass(frozen=True)
class Ended(Event):
    """Given up, run out, or its consent withdrawn."""

    kind: ClassVar[str] = "ended"
    reason: str

    def data(self) -> dict[str, Any]:
        return {"reason": self.reason}


def advance(check: Check, event: Event) -> Check:
    """The check after the event. Raises Refusal `check_over` or `check_not_now` when it is not possible."""
    if isinstance(event, Ended) and check.state not in OVER:
        return replace(check, state=State.ENDED, reason=event.reason, hint=None)
    step = TABLE.get((check.state, type(event)))
    if step is None:
        raise Refusal("check_over" if check.state in OVER else "check_not_now")
    return step(check, event)


def _consented(check: Check, event: Any) -> Check:
    if check.needed is Level.DOCUMENT and event.way is Way.FACE:
        return replace(check, way=Way.FACE, state=State.DOCUMENT)  # more than needed, by their own wish
    if event.way is Way.PAPER and check.needed is not Level.DOCUMENT:
        raise Refusal("check_needs_more")
    return replace(check, way=event.way, state=State.DOCUMENT)


def _photographed(check: Check, _: Any) -> Check:
    if check.photographs >= DOCUMENT_TRIES:
        raise Refusal("too_many_photographs")
    return replace(check, state=State.READING, photographs=check.photographs + 1, hint=None)


def _read(check: Check, event: Any) -> Check:
    state = State.CONFIRM if event.complete else State.DOCUMENT
    return replace(check, state=state, kind=event.document, doubts=event.doubts, hint=event.hint)


def _unread(check: Check, event: Any) -> Check:
    return replace(check, state=State.DOCUMENT, hint=event.hint)


def _typed(check: Check, _: Any) -> Check:
    """A photograph comes first: whoever looks later needs something to look at."""
    if check.photographs == 0:
        raise Refusal("photograph_first")
    return replace(check, state=State.CONFIRM, manual=True, hint=None)


def _confirmed(check: Check, event: Any) -> Check:
    known = replace(check, kind=event.document, corrected=event.corrected, hint=None)
    if check.way is Way.FACE:
        return replace(known, state=State.FACE)
    return _attended(known) if check.way is Way.ATTENDED else _without_face(known)


def _attended(check: Check) -> Check:
    if check.sourced and check.needed is Level.DOCUMENT_FACE_SOURCE:
        return replace(check, state=State.ASKING)
    return _to_review(check, "attended")


def _without_face(check: Check) -> Check:
    if check.sourced:
        return replace(check, state=State.ASKING)
    return _unproven(check) if check.unproven else _passed(check, Level.DOCUMENT, "document")


def _unproven(check: Check) -> Check:
    if check.manual or check.corrected:
        return _to_review(check, "corrected")
    return _to_review(check, PORTRAIT_APART if PORTRAIT_APART in check.doubts else "check_digits")


def _recorded(check: Check, _: Any) -> Check:
    if check.tries >= FACE_TRIES:
        raise Refusal("too_many_videos")
    return replace(check, state=State.JUDGING, tries=check.tries + 1, hint=None, step=None)


def _judged(check: Check, event: Any) -> Check:
    if event.outcome == "retry":
        again = replace(check, state=State.FACE, hint=event.reason, step=event.step)
        return _to_review(again, "too_many_videos") if check.tries >= FACE_TRIES else again
    if event.outcome == "refused":
        return replace(check, state=State.REFUSED, reason=event.reason)
    if event.outcome == "review":
        return _to_review(check, event.reason)
    if check.sourced:
        return replace(check, state=State.ASKING)
    return _unproven(check) if check.unproven else _passed(check, Level.DOCUMENT_FACE, "match")


def _answered(check: Check, event: Any) -> Check:
    """A match proves a name for a number, and whose number it is when the portrait was compared as well; silence proves
    nothing, and is not held against the person."""
    known = replace(check, source=event.answer)
    if check.way is Way.ATTENDED:
        return _to_review(known, "attended" if event.answer == "match" else f"source_{event.answer}")
    if event.answer == "match":
        if check.anybodys and "portrait" not in event.compared:
            return _unproven(known)
        level = Level.DOCUMENT_FACE_SOURCE if check.way is Way.FACE else Level.DOCUMENT
        return _passed(known, level, "match")
    if event.answer in ("no_match", "unknown"):
        return _to_review(known, f"source_{event.answer}")
    if check.unproven or check.needed is Level.DOCUMENT_FACE_SOURCE:
        return _to_review(known, "source_not_available")
    return _passed(known, Level.DOCUMENT_FACE if check.way is Way.FACE else Level.DOCUMENT, "match")


def _reviewed(check: Check, event: Any) -> Check:
    if event.by == check.person_id:
        raise Refusal("review_not_oneself")
    if any(_one_reviewer(d.by, event.by) and d.accepted for d in check.decisions):
        raise Refusal("review_by_another")
    if not event.reason.strip():
        raise Refusal("review_reason_missing")
    if check.way is Way.ATTENDED and event.accepted and event.seen not in SEEN:
        raise Refusal("declaration_missing")
    decided = replace(
        check, decisions=(*check.decisions, Decision(event.by, event.accepted, event.reason.strip()[:500], event.at))
    )
    if event.accepted is None:
        return replace(
            decided, state=State.DOCUMENT, hint="do_it_again", tries=0, decisions=(), manual=False, source=None
        )
    if not event.accepted:
        return replace(decided, state=State.REFUSED, reason="review")
    if sum(bool(d.accepted) for d in decided.decisions) < check.reviewers:
        return decided
    return _passed(decided, _accepted_level(decided), "review")


def _one_reviewer(one: str, other: str) -> bool:
    """Whoever operates the house is one, under whatever name."""
    return one == other or (one.startswith(OPERATOR) and other.startswith(OPERATOR))


def _accepted_level(check: Check) -> Level:
    if check.way is not Way.FACE:
        return Level.DOCUMENT
    return Level.DOCUMENT_FACE_SOURCE if check.source == "match" else Level.DOCUMENT_FACE


def _other_way(check: Check, _: Any) -> Check:
    if check.state is State.FACE:
        return _attended(replace(check, way=Way.ATTENDED))
    return replace(check, way=Way.ATTENDED)


def _to_review(check: Check, why: str) -> Check:
    return replace(check, state=State.REVIEW, why_review=why, hint=None, step=None)


def _passed(check: Check, level: Level, reason: str) -> Check:
    return replace(check, state=State.PASSED, level=level, reason=reason, hint=None, step=None)


TABLE: Mapping[tuple[State, type[Event]], Callable[[Check, Any], Check]] = {
    (State.CONSENT, Consented): _consented,
    (State.DOCUMENT, Photographed): _photographed,
    (State.DOCUMENT, Typed): _typed,
    (State.DOCUMENT, OtherWay): _other_way,
    (State.READING, Read): _read,
    (State.READING, Unread): _unread,
    (State.CONFIRM, Confirmed): _confirmed,
    (State.CONFIRM, Photographed): _photographed,
    (State.CONFIRM, OtherWay): _other_way,
    (State.FACE, Recorded): _recorded,
    (State.FACE, OtherWay): _other_way,
    (State.JUDGING, Judged): _judged,
    (State.ASKING, Answered): _answered,
    (State.REVIEW, Reviewed): _reviewed,
}
