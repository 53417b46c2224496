"""What a house states about a person and about a face video, held against itself and against the intent.

A file cannot prove that a face was real or that a document was looked at: that is the house's word. What anybody can see in
the file is whether the word fits together: that the video had to show what follows from this intent and from no other, that
the verdict passed by its own thresholds and in time, that the face was compared with the check which the signature names, and
that the check reached the level which it is called by and held at that time. `web/lib/verify/statements.js` asks the same.

Values come out of a file that anybody may have made: they are of any type and size, and nothing here raises for them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bff.core import gestures
from bff.core.gestures import Action, Challenge, Pace
from bff.core.identity import Level
from bff.core.intent import Intent
from bff.words import mark as _

Stated = Mapping[str, Any]

NONCE = re.compile(r"[0-9a-f]{32}")
DIGEST = re.compile(r"[0-9a-f]{64}")
MOMENT = re.compile(
    r"(?!0000)\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
LARGEST = 10_000_000
"""Of scores and thresholds, so that no product of two is inexact in any language."""
LONGEST_SHOWN = 120
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

REACHES = {
    "match": "match",
    "among_least": "among",
    "portrait_least": "review",
    "neighbour_least": "neighbour",
    "face_pixels": "face_pixels",
}
"""Score -> the threshold that it has to reach."""
THRESHOLDS = (*REACHES.values(), "glow", "eyes", "mouth", "lost", "turn_degrees")
CROWDED_MOST = 1
GLOW_VISIBLE_SURELY = 60
"""1.5 of 255 levels, in ten-thousandths and rounded up: from here on other colours than the screen's are a contradiction."""
ROUNDING = 1
TOLERANCE_MS = 120_000
"""How far the TSA's clock may lie before the house's."""


CHECKS: Mapping[str, str] = {
    "gestures": _("What the video had to show follows from this statement: it was asked for this document only."),
    "verdict": _("The platform says that the video showed it in time, with scores that reach its own thresholds."),
    "compared": _("The face was compared with the check of the person that the signature names."),
    "identity": _("What is said of the person fits together: the level, the check behind it, and until when it holds."),
}


# --- signing by face -------------------------------------------------------------------------------------------


def face_checks(proof: Stated, identity: Stated, intent: Intent, *, proven: str | None) -> Iterator[tuple[str, bool]]:
    """Each check's name and whether it holds. `proven`: the time of the signature, where one is proven."""
    verdict, asked = mapping(proof.get("verdict")), _asked(proof, intent)
    yield "gestures", asked is not None and _is_asked(proof, verdict, asked)
    actions = [step.action for step in asked.steps] if asked else []
    yield "verdict", _passed(verdict) and _reached(verdict, actions) and _in_time(proof, intent, proven)
    yield "compared", _compared(proof, verdict, identity)


def _asked(proof: Stated, intent: Intent) -> Challenge | None:
    """What the video had to show: derived anew, from the intent and what the proof says beside it."""
    nonce, pace, colours = proof.get("nonce"), proof.get("pace"), proof.get("colours")
    if not _is(NONCE, nonce) or pace not in ("normal", "slow") or not isinstance(colours, bool):
        return None
    return gestures.derived(intent.challenge(), bytes.fromhex(str(nonce)), pace=Pace(pace), colours=colours)


def _is_asked(proof: Stated, verdict: Stated, asked: Challenge) -> bool:
    written = asked.canonical().decode()
    return proof.get("gestures") == written and verdict.get("challenge_sha256") == asked.sha256()


def _passed(verdict: Stated) -> bool:
    return (
        verdict.get("outcome") == "pass"
        and verdict.get("reason") == "match"
        and _is(DIGEST, verdict.get("video_sha256"))
    )


def _reached(verdict: Stated, actions: list[Action]) -> bool:
    """Everything that the judge asks for, as far as the verdict's numbers tell it; one unit is left to rounding."""
    scores, thresholds = _numbers(verdict.get("scores")), _numbers(verdict.get("thresholds"))
    if not all(thresholds.get(name, 0) > 0 for name in THRESHOLDS) or thresholds["review"] > thresholds["match"]:
        return False
    try:
        return all(_followed(scores, thresholds)) and all(_ACTED[action](scores, thresholds) for action in actions)
    except KeyError:
        return False


def _followed(scores: Mapping[str, int], thresholds: Mapping[str, int]) -> Iterator[bool]:
    for score, threshold in REACHES.items():
        yield scores[score] >= thresholds[threshold]
    yield 0 <= 10_000 * scores["frames_lost"] <= thresholds["lost"] * scores["frames_looked_at"]
    yield 0 <= scores["frames_crowded"] <= CROWDED_MOST
    lit = scores.get("glow_visible", 0) >= GLOW_VISIBLE_SURELY
    yield not lit or scores["glow"] >= thresholds["glow"]


def _eyes_shut(scores: Mapping[str, int], thresholds: Mapping[str, int]) -> bool:
    return 10_000 * (scores["eyes_least"] - ROUNDING) <= thresholds["eyes"] * scores["eyes_calm"]


_ACTED: Mapping[Action, Callable[[Mapping[str, int], Mapping[str, int]], bool]] = {
    Action.TURN_LEFT: lambda s, t: s["yaw_most"] >= t["turn_degrees"],
    Action.TURN_RIGHT: lambda s, t: s["yaw_least"] <= -t["turn_degrees"],
    Action.OPEN_MOUTH: lambda s, t: s["mouth_most"] - s["mouth_calm"] >= t["mouth"] - ROUNDING,
    Action.CLOSE_EYES: _eyes_shut,
    Action.BLINK_TWICE: _eyes_shut,
}


def _in_time(proof: Stated, intent: Intent, proven: str | None) -> bool:
    """Recorded while the intent was good, judged after that and not after the time that is proven; and fixed before."""
    recorded, judged = moment(proof.get("recorded_at")), moment(proof.get("judged_at"))
    issued, expires = moment(intent.issued_at), moment(intent.expires_at)
    if recorded is None or judged is None or issued is None or expires is None:
        return False
    signed = moment(proven)
    good = issued <= recorded and recorded // 1000 * 1000 <= expires  # which is cut to its second
    fixed = "committed_at" not in proof or _between(issued, moment(proof["committed_at"]), recorded)
    return good and fixed and recorded <= judged and (signed is None or judged <= signed + TOLERANCE_MS)


def _between(first: float, moment: float | None, last: float) -> bool:
    return moment is not None and first <= moment <= last


def _compared(proof: Stated, verdict: Stated, identity: Stated) -> bool:
    """With the face of that very check, by the same recogniser."""
    checked = mapping(identity.get("checked"))
    recogniser = mapping(verdict.get("models")).get("recognition")
    known = mapping(mapping(checked.get("face")).get("models")).get("recognition")
    level = _level(identity)
    return (
        level is not None
        and level.rank >= Level.DOCUMENT_FACE.rank
        and _text(checked.get("check"))
        and proof.get("compared_with") == checked.get("check")
        and _is(DIGEST, recogniser)
        and recogniser == known
    )


# --- who the person is --------------------------------------------------------------------------------------------


def identity_holds(identity: Stated, proof: Stated, intent: Intent) -> bool:
    """The level is that of the check beside it, which held at that time. Without a check it is no more than an address."""
    level = _level(identity)
    if level is None or level.rank <= Level.CONTACT.rank:
        return level is not None and "checked" not in identity
    checked = mapping(identity.get("checked"))
    named = all(_text(value) for value in (checked.get("name"), checked.get("check")))
    kind = mapping(checked.get("document")).get("kind")
    return named and _text(kind) and _reaches(level, checked) and _held(checked, proof, intent)


def _reaches(level: Level, checked: Stated) -> bool:
    """What a level is called by is there."""
    reviewed = _texts(checked.get("reviewed_by"))
    outcome = mapping(checked.get("face")).get("outcome")
    seen = outcome == "pass" or (reviewed and outcome in (None, "review"))
    confirmed = checked.get("source_asked") is True and mapping(checked.get("source")).get("outcome") == "match"
    return (
        checked.get("level") == str(level)
        and (level is Level.DOCUMENT or seen)
        and (level is not Level.DOCUMENT_FACE_SOURCE or confirmed)
        and ("attended_by" not in checked or (level is Level.DOCUMENT and _text(checked["attended_by"])))
    )


def _held(checked: Stated, proof: Stated, intent: Intent) -> bool:
    """Its times are cut to seconds. A video may be judged after the intent has run out."""
    ended = proof.get("judged_at") if proof.get("method") == "face" else intent.expires_at
    since, until = moment(checked.get("checked_at")), moment(checked.get("valid_until"))
    issued, last = moment(intent.issued_at), moment(ended)
    if since is None or until is None or issued is None or last is None:
        return False
    return since <= last and until >= issued // 1000 * 1000


def _level(identity: Stated) -> Level | None:
    level = identity.get("level")
    return Level(level) if isinstance(level, str) and level in tuple(Level) else None


# --- in words --------------------------------------------------------------------------------------------------------

KNOWN: Mapping[str, str] = {
    "contact": _("Who they are was not checked. The link went to {address}."),
    "document": _("The identity document was checked on {date} ({document}, in the name of {name})."),
    "document+face": _("Identity document and face were checked on {date} ({document}, in the name of {name})."),
    "document+face+source": _(
        "Identity document and face were checked on {date} and confirmed by {source} ({document}, in the name of {name})."
    ),
    "computer": _("By computer."),
    "reviewed": _("By computer; what it left open a person decided."),
    "attended": _("Attended by {who}, who compared the document and its bearer."),
    "statement": _("This is the platform's statement."),
    "cn_id_front": _("Identity card of the PRC"),
    "passport": _("Passport"),
    "card": _("Identity card or residence permit"),
    "other": _("Other identity document"),
}
"""Sentences about a person, also for the page whose script knows only their names; then kinds of documents."""
LEVELS, KINDS = tuple(KNOWN)[:4], tuple(KNOWN)[-4:]


def known(identity: Stated, words: Callable[[str], str]) -> tuple[str, ...]:
    """What was checked about the person, in sentences; for an identity that holds."""
    level, checked = identity.get("level"), mapping(identity.get("checked"))
    if not isinstance(level, str) or level not in LEVELS:
        return ()
    said = {
        "address": shown(identity.get("link_address_masked")),
        "date": shown(checked.get("checked_at"))[:10],
        "document": _document(mapping(checked.get("document")), words),
        "name": shown(checked.get("name")),
        "source": shown(mapping(checked.get("source")).get("provider")),
        "who": shown(checked.get("attended_by")),
    }
    how = () if level == "contact" else (_how(checked), "statement")
    return tuple(_filled(words(KNOWN[part]), said) for part in (level, *how))


def _how(checked: Stated) -> str:
    if _text(checked.get("attended_by")):
        return "attended"
    return "reviewed" if _texts(checked.get("reviewed_by")) else "computer"


def _document(document: Stated, words: Callable[[str], str]) -> str:
    kind = document.get("kind")
    name = words(KNOWN[kind if isinstance(kind, str) and kind in KINDS else "other"])
    return f"{name} {shown(document.get('number_masked'))}"


def _filled(sentence: str, said: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: said.get(found[1], found[0]), sentence)


def shown(value: object) -> str:
    """A text of a file as it may stand on a screen: one line, not long, nothing that moves the cursor."""
    if not isinstance(value, str) or not value:
        return "?"
    clean = "".join(ch if ch.isprintable() else "\ufffd" for ch in value[: LONGEST_SHOWN + 1])
    return clean if len(clean) <= LONGEST_SHOWN else f"{clean[: LONGEST_SHOWN - 1]}…"


# --- values of any type -------------------------------------------------------------------------------------------------


def by_a_link(identity: Stated) -> bool:
    """Says no more of the device than that its holder had a link: its person has not called it theirs since."""
    return identity.get("passkey_set_up") in ("this_link", "another_link") and not identity.get("passkey_kept_at")


def mapping(value: object) -> Stated:
    return value if isinstance(value, dict) else {}


def moment(value: object) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 time."""
    if not _is(MOMENT, value):
        return None
    try:
        return (datetime.fromisoformat(str(value)) - EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        return None


def _numbers(value: object) -> dict[str, int]:
    """Whole numbers by name; whatever else is there counts as not there."""
    found = mapping(value).items()
    return {name: int(each) for name, each in found if _is_number(each) and abs(each) <= LARGEST and each == int(each)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _texts(value: object) -> bool:
    return isinstance(value, list) and value != [] and all(_text(each) for each in value)
