"""What several photographs of one document say together, what is still missing, and what a person may correct.

A card has two sides and each is a photograph of its own; a passport shows everything at once. What was read is kept as it was
read, beside what the person then confirmed, so that a correction is never mistaken for a reading. Sides of two documents are
never taken for one, and where the portrait is on another photograph than the number, that is a doubt of its own, unless both say
the same of their bearer (`sides.py`).
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from stdnum.cn import ric

from bff.core.enrolment import DIGITS, PORTRAIT_APART, Way
from bff.core.errors import Refusal
from bff.realname.sides import agree

CARD_OF_THE_PRC = "cn_id_front"
KINDS = (CARD_OF_THE_PRC, "passport", "card", "other")
"""What a confirmed document can be; `other` was entered by hand."""
RECOGNISED = ("cn_id_front", "cn_id_back", "passport", "card")
"""What a side can be; any other photograph is worth something for its portrait alone."""
TEXT = "text"
"""Among the fields of a side that was not recognised: its lines as they were read."""
ZONE_DOUBTS = {*DIGITS, "name_missing"}
"""With one of these a zone is compared with nothing."""
CONFIRMED = ("name", "number", "birth", "expiry")
ADULT_YEARS = 18
LONGEST = {"name": 120, "number": 40}


@dataclass(frozen=True)
class Side:
    """One photograph as it was read."""

    kind: str
    fields: Mapping[str, str]
    doubts: tuple[str, ...]
    engine: str
    photograph_sha256: str


@dataclass(frozen=True)
class Papers:
    """All sides of one document so far; a newer photograph of the same side takes the older one's place."""

    sides: tuple[Side, ...] = ()
    portrait_on: str = ""
    """SHA-256 of the photograph that the portrait was cut from."""
    agreed: tuple[str, ...] = ()
    """What front and back of a card both say, where that shows that they are of one card."""

    def with_side(self, side: Side, *, portrait: bool) -> "Papers":
        if side.kind not in RECOGNISED and not portrait:
            return self
        kept = tuple(s for s in self.sides if _one_document(s.kind, side.kind))
        return Papers((*kept, side), side.photograph_sha256 if portrait else self.portrait_on)

    def compared(self, *, today: date) -> "Papers":
        """The same, with what front and back have been found to agree on."""
        fronts = [s for s in self.sides if s.kind == "unknown" and s.photograph_sha256 == self.portrait_on]
        backs = [s for s in self.sides if s.kind == "card" and not set(s.doubts) & ZONE_DOUBTS]
        both = [agree(f.fields.get(TEXT, ""), b.fields, today=today) for f in fronts for b in backs]
        return replace(self, agreed=next(iter(both), ()))

    @property
    def portrait(self) -> bool:
        return any(side.photograph_sha256 == self.portrait_on for side in self.sides)

    @property
    def portrait_apart(self) -> bool:
        """Nothing shows that portrait and number stand on the same document."""
        beside = [s for s in self.sides if s.photograph_sha256 == self.portrait_on and "number" in s.fields]
        return self.portrait and not beside and not self.agreed

    @property
    def kind(self) -> str:
        """The document's, not the side's; empty while none was recognised."""
        kinds = {side.kind for side in self.sides}
        if kinds & {"cn_id_front", "cn_id_back"}:
            return CARD_OF_THE_PRC
        return next((kind for kind in ("passport", "card") if kind in kinds), "")

    @property
    def fields(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for side in self.sides:
            if side.kind != "unknown":
                merged |= side.fields
        return merged

    @property
    def doubts(self) -> tuple[str, ...]:
        of_sides = dict.fromkeys(doubt for side in self.sides for doubt in side.doubts if side.kind != "unknown")
        return (*of_sides, PORTRAIT_APART) if self.portrait_apart else tuple(of_sides)

    def missing(self, way: Way) -> str | None:
        """What to photograph next, as a hint's code; None when it is all there."""
        fields, kinds = self.fields, {side.kind for side in self.sides}
        if not self.kind:
            return "show_other_side" if self.portrait else "document_unknown"
        for doubt in ("expired", "under_age"):
            if doubt in self.doubts:
                return doubt
        if "number" not in fields:
            return "show_front" if kinds == {"cn_id_back"} else "number_missing"
        if way is Way.FACE and not self.portrait:
            return "show_portrait"
        if "expiry" not in fields:
            return "show_back" if self.kind == CARD_OF_THE_PRC else "expiry_missing"
        return None

    def dump(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode()


def _one_document(one: str, other: str) -> bool:
    """Whether photographs of these kinds can be two sides of one document."""
    kinds = {one, other}
    return len(kinds) == 2 and ("unknown" in kinds or kinds == {"cn_id_front", "cn_id_back"})


def read_papers(raw: bytes) -> Papers:
    value: dict[str, Any] = json.loads(raw)
    read = tuple(Side(**{**side, "doubts": tuple(side["doubts"])}) for side in value["sides"])
    return Papers(read, value.get("portrait_on", ""), tuple(value.get("agreed", ())))


@dataclass(frozen=True)
class Fields:
    """What holds from now on. `salt` makes the digests worthless to who only guesses a number."""

    kind: str
    name: str
    number: str
    birth: str
    expiry: str
    issuer: str = ""
    salt: str = field(default_factory=lambda: secrets.token_hex(16))

    def dump(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def sha256(self) -> str:
        return hashlib.sha256(self.dump()).hexdigest()

    @property
    def number_masked(self) -> str:
        """Two signs at either end, of a short number fewer."""
        shown = 2 if len(self.number) > 6 else 1
        return f"{self.number[:shown]}{'•' * max(3, len(self.number) - 2 * shown)}{self.number[-shown:]}"

    @property
    def number_commitment(self) -> str:
        """Hex SHA-256 of salt and number: whoever is later given both can see that this was the number."""
        return hashlib.sha256(f"{self.salt}|{self.number}".encode()).hexdigest()

    def __repr__(self) -> str:
        return f"Fields({self.kind})"


def read_fields(raw: bytes) -> Fields:
    return Fields(**json.loads(raw))


def confirmed(papers: Papers, given: Mapping[str, str], *, today: date, manual: bool) -> Fields:
    """What the person says the document says. Raises Refusal `document_…` naming the field."""
    clean = {name: " ".join(given.get(name, "").split()) for name in CONFIRMED}
    kind = papers.kind or "other"
    if manual and kind == "other":
        kind = given.get("kind", "other") if given.get("kind") in KINDS else "other"
    clean["number"] = clean["number"].replace(" ", "").upper()
    _check_text(clean)
    if kind == CARD_OF_THE_PRC and not ric.is_valid(clean["number"]):
        raise Refusal("document_number_wrong", field_id="number")
    if kind == CARD_OF_THE_PRC:
        clean["birth"] = ric.get_birth_date(clean["number"]).isoformat()
    _check_dates(clean, today)
    read = papers.fields
    return Fields(kind=kind, issuer=read.get("issuer") or read.get("nationality", ""), **clean)


def corrected(papers: Papers, fields: Fields) -> tuple[str, ...]:
    """Which of them are not what was read."""
    read = papers.fields
    return tuple(name for name in CONFIRMED if getattr(fields, name) != read.get(name, ""))


def _check_text(clean: Mapping[str, str]) -> None:
    for name, longest in LONGEST.items():
        text = clean[name]
        if not text or len(text) > longest or not text.isprintable():
            raise Refusal(f"document_{name}_missing", field_id=name)


def _check_dates(clean: Mapping[str, str], today: date) -> None:
    birth = _date(clean["birth"])
    if birth is None or birth >= today:
        raise Refusal("document_birth_wrong", field_id="birth")
    if _years(birth, today) < ADULT_YEARS:
        raise Refusal("document_under_age", field_id="birth")
    if clean["expiry"] == "never":
        return
    expiry = _date(clean["expiry"])
    if expiry is None:
        raise Refusal("document_expiry_wrong", field_id="expiry")
    if expiry < today:
        raise Refusal("document_expired", field_id="expiry")


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _years(birth: date, today: date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def names_of(read: Sequence[Side]) -> tuple[str, ...]:
    """The names of the fields that were read, for the record."""
    return tuple(sorted({name for side in read for name in side.fields if name != TEXT}))
