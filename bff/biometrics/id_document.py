"""What an identity document says: the lines of text on its photograph, read as fields and held against their check digits.

Known are the two sides of the identity card of the PRC, machine-readable zones of three sizes (ICAO 9303: passports TD3,
cards TD1 and TD2) and the Chinese business licence. What is read is a proposal: the person sees it and corrects it, and
both are kept. A check digit proves that a number was read right, not that it was ever given to anybody.

Nothing here decides: a reading lists its `doubts` by name and the use case knows which of them are enough to say no.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from stdnum.cn import ric, uscc

from bff.biometrics import portrait as portraits
from bff.biometrics.faces import Eyes
from bff.biometrics.media import Media, Unusable
from bff.biometrics.ocr import Line, Ocr
from bff.core.errors import Refusal
from bff.core.ports import LicenceReading, Portrait

ADULT_YEARS = 18
SURE = 0.80
"""A line that its engine is less sure of than this is doubted."""


class Kind(StrEnum):
    CN_ID_FRONT = "cn_id_front"
    CN_ID_BACK = "cn_id_back"
    PASSPORT = "passport"
    CARD = "card"
    """An identity card or residence permit with a machine-readable zone of two or three lines."""
    CN_LICENCE = "cn_licence"
    UNKNOWN = "unknown"


DOUBTS = (
    "document_unknown",
    "number_missing",
    "number_check_digit",
    "name_missing",
    "name_latin_only",
    "expiry_missing",
    "expired",
    "under_age",
    "birth_check_digit",
    "expiry_check_digit",
    "zone_check_digit",
    "read_unsure",
    "portrait_missing",
)


@dataclass(frozen=True)
class Reading:
    """Fields by name: name, surname, given_names, number, nationality, sex, birth, expiry, address, authority,
    representative; dates are ISO 8601. Of what is not recognised, its `text`: it may be a card's front.
    `engine` is which reader saw them."""

    kind: Kind
    fields: Mapping[str, str]
    doubts: tuple[str, ...]
    engine: str = ""
    portrait: Portrait | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """What stands on a document does not stand in a log."""
        return f"Reading({self.kind}, {sorted(self.fields)}, {self.doubts})"


class DocumentReader:
    """Reads photographs of documents in a worker."""

    def __init__(self, eyes: Eyes, media: Media, ocr: Ocr) -> None:
        self._eyes, self._media, self._ocr = eyes, media, ocr

    def read(self, photograph: bytes, *, today: date) -> Reading:
        """Raises Refusal `photo_unreadable` or `photo_too_large`; everything else is a reading with its doubts."""
        try:
            image = self._media.photo(photograph)
        except Unusable as reason:
            raise Refusal(reason.code) from reason
        lines = self._ocr.read(image)
        read = understood(lines.lines, today=today)
        if read.kind is Kind.UNKNOWN:
            text = "\n".join(line.text for line in lines.lines)
            return Reading(read.kind, {"text": text} if text else {}, read.doubts, lines.engine)
        if read.kind in (Kind.CN_ID_BACK, Kind.CN_LICENCE):
            return Reading(read.kind, read.fields, read.doubts, lines.engine)
        try:
            portrait, doubts = portraits.of(self._eyes, image), read.doubts
        except Refusal as reason:
            portrait, doubts = None, (*read.doubts, "portrait_missing", reason.code)
        return Reading(read.kind, read.fields, doubts, lines.engine, portrait)

    def read_licence(self, photograph: bytes, *, today: date) -> LicenceReading:
        """Implements core.ports.Licences."""
        read = self.read(photograph, today=today)
        if read.kind is not Kind.CN_LICENCE:
            return LicenceReading(None, ("document_unknown",), read.engine)
        found = {n: v for n, v in read.fields.items() if n in ("name", "number", "representative")}
        return LicenceReading(found, read.doubts, read.engine)


def understood(lines: Sequence[Line], *, today: date) -> Reading:
    """The first kind of document that these lines can be."""
    texts = [line.text for line in lines]
    zone = _zone(texts)
    if zone:
        return _with_unsure(_of_zone(zone, today), [line for line in lines if "<<" in line.text])
    flat = "".join(texts).replace(" ", "")
    for signs, reader in _CHINESE:
        if any(sign in flat for sign in signs):
            return _with_unsure(reader(lines, today), lines)
    return Reading(Kind.UNKNOWN, {}, ("document_unknown",))


def _with_unsure(reading: Reading, lines: Iterable[Line]) -> Reading:
    if any(line.confidence < SURE for line in lines):
        return Reading(reading.kind, reading.fields, (*reading.doubts, "read_unsure"))
    return reading


# --- the identity card of the PRC --------------------------------------------------------------------


def _cn_front(lines: Sequence[Line], today: date) -> Reading:
    flat = [line.text.replace(" ", "") for line in lines]
    fields, doubts = {"nationality": "CHN"}, []
    found = re.search(r"\d{17}[\dXx]", "".join(flat))
    if found is None:
        doubts.append("number_missing")
    else:
        number = found[0].upper()
        fields["number"] = number
        if ric.is_valid(number):
            birth = ric.get_birth_date(number)
            fields |= {"birth": birth.isoformat(), "sex": "M" if int(number[16]) % 2 else "F"}
            doubts += ["under_age"] if _years(birth, today) < ADULT_YEARS else []
        else:
            doubts.append("number_check_digit")
    name = _after(flat, "姓名", r"[\u3400-\u9fff·]{2,20}")
    fields |= {"name": name} if name else {}
    doubts += [] if name else ["name_missing"]
    if address := _address(flat):
        fields["address"] = address
    return Reading(Kind.CN_ID_FRONT, fields, tuple(doubts))


def _cn_back(lines: Sequence[Line], today: date) -> Reading:
    flat = [line.text.replace(" ", "") for line in lines]
    fields: dict[str, str] = {}
    doubts = []
    found = re.search(
        r"(\d{4})[.\-年](\d\d)[.\-月](\d\d)日?[-—–~至]+(长期|(\d{4})[.\-年](\d\d)[.\-月](\d\d))", "".join(flat)
    )
    if found is None:
        doubts.append("expiry_missing")
    elif found[4] == "长期":
        fields["expiry"] = "never"
    else:
        expiry = _date(found[5], found[6], found[7])
        fields |= {"expiry": expiry.isoformat()} if expiry else {}
        doubts += _expiry_doubts(expiry, today)
    if authority := _after(flat, "签发机关", r"[\u3400-\u9fff]{4,40}"):
        fields["authority"] = authority
    return Reading(Kind.CN_ID_BACK, fields, tuple(doubts))


def _address(flat: Sequence[str]) -> str:
    """From its label to the number's, over several lines; other labels are not part of it."""
    text = "\n".join(flat)
    found = re.search(r"住址(.*?)(公民身份|\d{17}[\dXx]|$)", text, re.DOTALL)
    parts = found[1].split("\n") if found else []
    return "".join(p for p in parts if p and not re.match(r"(姓名|性别|民族|出生|住址)", p))


def _cn_licence(lines: Sequence[Line], _: date) -> Reading:
    flat = [line.text.replace(" ", "") for line in lines]
    fields: dict[str, str] = {"nationality": "CHN"}
    doubts = []
    found = next((m[0] for t in flat for m in [re.search(r"[0-9A-HJ-NPQRTUWXY]{18}", t)] if m), None)
    if found is None:
        doubts.append("number_missing")
    else:
        fields["number"] = found
        doubts += [] if uscc.is_valid(found) else ["number_check_digit"]
    wanted = {
        "name": ("名称", r"[\u3400-\u9fffA-Za-z0-9()（）·&]{4,80}"),
        "representative": ("法定代表人", r"[\u3400-\u9fff·]{2,20}"),
        "address": ("住所", r".{4,120}"),
    }
    for name, (label, pattern) in wanted.items():
        if value := _after(flat, label, pattern):
            fields[name] = value
    doubts += [] if "name" in fields else ["name_missing"]
    return Reading(Kind.CN_LICENCE, fields, tuple(doubts))


LABELS = re.compile(
    r"姓名|性别|民族|出生|住址|公民身份|签发机关|有效期限|名称|类型|法定代表人|住所|注册资本|成立日期|经营"
)


def _after(flat: Sequence[str], label: str, pattern: str) -> str:
    """What stands behind a label, on its own line or, where nothing does, on the next one that is no label itself."""
    for number, text in enumerate(flat):
        _, found, rest = text.partition(label)
        if not found:
            continue
        following = flat[number + 1] if number + 1 < len(flat) else ""
        below = None if rest or LABELS.match(following) else re.match(pattern, following)
        match = re.match(pattern, rest.lstrip(":：")) or below
        if match:
            return match[0]
    return ""


_CHINESE: tuple[tuple[tuple[str, ...], Callable[[Sequence[Line], date], Reading]], ...] = (
    (("统一社会信用代码", "营业执照", "法定代表人"), _cn_licence),
    (("签发机关", "有效期限", "居民身份证"), _cn_back),
    (("公民身份", "姓名", "住址"), _cn_front),
)

# --- machine-readable zones --------------------------------------------------------------------------

SIZES = {44: 2, 36: 2, 30: 3}
"""How long the lines of each format are, and how many there are: TD3, TD2, TD1."""
TO_DIGITS = str.maketrans("OQDIZSBG", "00012586")
TO_LETTERS = str.maketrans("015826", "OISBZG")


def check_digit(text: str) -> str:
    """ICAO 9303, part 3: weights 7, 3, 1; letters count from 10, fillers nothing."""
    values = (0 if c == "<" else int(c, 36) for c in text)
    return str(sum(value * (7, 3, 1)[n % 3] for n, value in enumerate(values)) % 10)


def _zone(texts: Sequence[str]) -> list[str]:
    """The lines of the zone, cleaned and of equal length; empty where there is none."""
    cleaned = [_cleaned(text) for text in texts]
    for length, count in SIZES.items():
        fitting = [_fitted(text, length) for text in cleaned]
        lines = [text for text in fitting if text]
        if len(lines) >= count and any("<<" in line for line in lines[-count:]):
            return lines[-count:]
    return []


def _cleaned(text: str) -> str:
    text = text.upper().replace("|", "I").replace("«", "<<").replace("《", "<<").replace("〈", "<").replace("＜", "<")
    return re.sub(r"[^A-Z0-9<]", "", text)


def _fitted(text: str, length: int) -> str:
    """As long as it has to be: readers miscount the fillers at the end of a name, never the rest."""
    if len(text) == length:
        return text
    core = text.rstrip("<")
    if "<" in text and abs(len(text) - length) <= 4 and len(core) <= length and text != core:
        return core.ljust(length, "<")
    return ""


def _of_zone(zone: Sequence[str], today: date) -> Reading:
    fields, checks = {44: _td3, 36: _td2, 30: _td1}[len(zone[0])](zone)
    doubts = [name for name, held in checks.items() if not held]
    birth, expiry = _short_date(fields["birth"], today, past=True), _short_date(fields["expiry"], today, past=False)
    fields |= {"birth": birth.isoformat() if birth else "", "expiry": expiry.isoformat() if expiry else ""}
    doubts += _expiry_doubts(expiry, today)
    doubts += ["under_age"] if birth and _years(birth, today) < ADULT_YEARS else []
    doubts += ["name_latin_only"] if fields.get("name") else ["name_missing"]
    kind = Kind.PASSPORT if zone[0][0] == "P" else Kind.CARD
    return Reading(kind, {name: value for name, value in fields.items() if value}, tuple(doubts))


def _td3(zone: Sequence[str]) -> tuple[dict[str, str], dict[str, bool]]:
    second = zone[1]
    numeric = second[:9], *(_digits(part) for part in (second[9], second[13:20], second[21:28], second[42:44]))
    number, number_digit, birth, expiry, last = numeric
    number, whole = _number(number, number_digit), second[28:42]
    composite = number + number_digit + birth + expiry + whole + last[0]
    checks = _checks(number, number_digit, birth, expiry)
    checks["zone_check_digit"] = check_digit(composite) == last[1]
    return _fields(zone[0][2:5], zone[0][5:], number, second[10:13], birth, second[20], expiry), checks


def _td2(zone: Sequence[str]) -> tuple[dict[str, str], dict[str, bool]]:
    second = zone[1]
    number_digit, birth, expiry, last = (_digits(p) for p in (second[9], second[13:20], second[21:28], second[35]))
    number = _number(second[:9], number_digit)
    checks = _checks(number, number_digit, birth, expiry)
    checks["zone_check_digit"] = check_digit(number + number_digit + birth + expiry + second[28:35]) == last
    return _fields(zone[0][2:5], zone[0][5:], number, second[10:13], birth, second[20], expiry), checks


def _td1(zone: Sequence[str]) -> tuple[dict[str, str], dict[str, bool]]:
    first, second, names = zone
    number_digit, birth, expiry, last = (_digits(p) for p in (first[14], second[:7], second[8:15], second[29]))
    number = _number(first[5:14], number_digit)
    checks = _checks(number, number_digit, birth, expiry)
    composite = number + number_digit + first[15:30] + birth + expiry + second[18:29]
    checks["zone_check_digit"] = check_digit(composite) == last
    return _fields(first[2:5], names, number, second[15:18], birth, second[7], expiry), checks


def _checks(number: str, digit: str, birth: str, expiry: str) -> dict[str, bool]:
    return {
        "number_check_digit": check_digit(number) == digit,
        "birth_check_digit": check_digit(birth[:6]) == birth[6],
        "expiry_check_digit": check_digit(expiry[:6]) == expiry[6],
    }


def _fields(
    issuer: str, names: str, number: str, nationality: str, birth: str, sex: str, expiry: str
) -> dict[str, str]:
    surname, _, given = _letters(names).partition("<<")
    surname, given = (" ".join(part.replace("<", " ").split()) for part in (surname, given))
    return {
        "name": f"{given} {surname}".strip(),
        "surname": surname,
        "given_names": given,
        "number": number.rstrip("<"),
        "issuer": _letters(issuer).rstrip("<"),
        "nationality": _letters(nationality).rstrip("<"),
        "birth": birth[:6],
        "sex": sex if sex in "MF" else "",
        "expiry": expiry[:6],
    }


def _number(text: str, digit: str) -> str:
    """Letters and digits may both stand in it, so a swap is mended only where that makes the check digit right."""
    if check_digit(text) == digit:
        return text
    swaps = {"O": "0", "0": "O", "I": "1", "1": "I", "B": "8", "8": "B", "S": "5", "5": "S", "Z": "2", "2": "Z"}
    mended = [text[:n] + swaps[c] + text[n + 1 :] for n, c in enumerate(text) if c in swaps]
    right = [m for m in mended if check_digit(m) == digit]
    return right[0] if len(right) == 1 else text


def _digits(text: str) -> str:
    return text.translate(TO_DIGITS)


def _letters(text: str) -> str:
    return text.translate(TO_LETTERS)


# --- dates -------------------------------------------------------------------------------------------


def _short_date(text: str, today: date, *, past: bool) -> date | None:
    """A date of two-digit years: births are not to come, and nothing expires more than fifty years from now."""
    if not text.isdigit():
        return None
    year = today.year // 100 * 100 + int(text[:2])
    if year > today.year + (0 if past else 50):
        year -= 100
    made = _date(str(year), text[2:4], text[4:6])
    return _date(str(year - 100), text[2:4], text[4:6]) if past and made and made > today else made


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _expiry_doubts(expiry: date | None, today: date) -> list[str]:
    if expiry is None:
        return ["expiry_missing"]
    return ["expired"] if expiry < today else []


def _years(birth: date, today: date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
