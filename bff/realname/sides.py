"""Whether the front of a card is the front of the card whose back was photographed.

Cards of the size TD1 have their portrait on one side and the machine-readable zone on the other. They are taken for one card only
where number, birth and every name of the zone stand on the front as well, and nothing there speaks of another card: no second
number of that form, no other date that can be a birth or an end. Whatever cannot be read, or is written otherwise than ICAO 9303
transliterates it, is left to a human. This finds two cards that were mixed; it does not find a card that was made up.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

AGREED = ("birth", "name", "number")
SHORTEST_NUMBER, SHORTEST_CUT = 6, 3
NAME_SIGNS = 30
"""How many signs the zone has for a name; one that fills them may be cut off."""
ADULT_YEARS = 18
UNLIKE = str.maketrans("OQDISBZG", "00015826")
"""Signs that readers take for each other; in numbers only."""
ICAO = str.maketrans(
    {"Ä": "AE", "Ö": "OE", "Ü": "UE", "ß": "SS", "Å": "AA", "Æ": "AE", "Ø": "OE", "Œ": "OE", "Þ": "TH", "Ð": "D"}
    | {"Đ": "D", "Ł": "L", "Ħ": "H", "Ŧ": "T", "Ŋ": "N", "ı": "I", "İ": "I"}
)
"""ICAO 9303, part 3, section 6: what does not fall apart into a letter and a mark."""
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "JAN GEN ENE",
            "FEB FEV",
            "MAR MRT",
            "APR AVR ABR",
            "MAY MAI MAG MEI MAJ",
            "JUN GIU JUIN",
            "JUL LUG JUIL",
            "AUG AOU AGO",
            "SEP SET",
            "OCT OKT OTT OUT",
            "NOV",
            "DEC DEZ DIC",
        ),
        1,
    )
    for name in names.split()
}
NUMERIC = re.compile(r"(?<![\d])(\d{1,4})\s?[.\-/ ]\s?(\d{1,2})\s?[.\-/ ]\s?(\d{4}|\d{1,2})(?![\d])")
NAMED = re.compile(r"(?<!\d)(\d{1,2})[. ]{0,2}([^\W\d_]{3,9})[^\d]{0,12}?(\d{4})(?!\d)")


def agree(front: str, zone: Mapping[str, str], *, today: date) -> tuple[str, ...]:
    """`AGREED` where these are two sides of one card, else nothing. `front`: lines as they were read; `zone`: its fields, whose
    check digits hold."""
    text = unicodedata.normalize("NFC", front)
    dates = list(_dates(text))
    birth, expiry = _date(zone.get("birth", "")), _date(zone.get("expiry", ""))
    known = {day for day in (birth, expiry) if day}
    same = (
        birth is not None
        and any(birth in one for one in dates)
        and _has_number(text, zone.get("number", ""))
        and _has_names(text, zone.get("surname", ""), zone.get("given_names", ""))
    )
    return AGREED if same and not any(_speaks_of_another(one, known, today) for one in dates) else ()


# --- numbers ---


def _has_number(text: str, number: str) -> bool:
    """It stands there whole, and no other one of its form."""
    wanted = number.translate(UNLIKE)
    found = list(_numbers(text))
    others = [one for one in _tokens(text.upper()) if _of_one_form(one, number) and one.translate(UNLIKE) != wanted]
    return len(number) >= SHORTEST_NUMBER and wanted in found and not others


def _numbers(text: str) -> Iterator[str]:
    """Every run of signs, also over one or two gaps in its line."""
    for line in text.upper().split("\n"):
        tokens = _tokens(line)
        for count in (1, 2, 3):
            yield from ("".join(tokens[n : n + count]).translate(UNLIKE) for n in range(len(tokens) - count + 1))


def _of_one_form(token: str, number: str) -> bool:
    """As long, and with digits; it begins with a letter or a digit like the other."""
    digits = sum(ch.isdigit() for ch in token)
    return len(token) == len(number) and digits >= 3 and token[0].isdigit() == number[0].isdigit()


def _tokens(text: str) -> Sequence[str]:
    return re.findall(r"[^\W_]+", text)


# --- names ---


def _has_names(text: str, surname: str, given: str) -> bool:
    """Every part of both, in their transliteration; of a name that was cut off, its beginning."""
    words = {_plain(word) for word in _tokens(re.sub(r"['’`´]", "", text))}
    cut = len(surname) + 2 + len(given) >= NAME_SIGNS
    return bool(surname and given) and _stands(surname, words, cut=False) and _stands(given, words, cut=cut)


def _stands(name: str, words: set[str], *, cut: bool) -> bool:
    parts = [_plain(part) for part in name.split()]
    if "".join(parts) in words:
        return True
    *whole, last = parts
    begins = cut and len(last) >= SHORTEST_CUT and any(word.startswith(last) for word in words)
    return words.issuperset(whole) and (last in words or begins)


def _plain(word: str) -> str:
    """One form for `Müller`, `MUELLER` and `Muller`, as readers lose marks."""
    letters = unicodedata.normalize("NFKD", word.upper().translate(ICAO))
    bare = "".join(ch for ch in letters if not unicodedata.combining(ch))
    return re.sub("([AOU])E", r"\1", bare).replace("AA", "A")


# --- dates ---


def _speaks_of_another(day: set[date], known: set[date], today: date) -> bool:
    """A date that is neither of the zone's, and can only be the birth of a grown-up or an end to come."""
    grown = today.replace(year=today.year - ADULT_YEARS, day=min(today.day, 28))
    return not day & known and (all(one > today for one in day) or all(one <= grown for one in day))


def _dates(text: str) -> Iterator[set[date]]:
    """What each date on it can mean: where day and month could be either, both."""
    for found in NUMERIC.finditer(text):
        one, two, three = found.groups()
        if days := {day for day in (_made(one, two, three), _made(three, two, one), _made(three, one, two)) if day}:
            yield days
    for found in NAMED.finditer(text.upper()):
        name = _plain(found[2])
        month = MONTHS.get(name[:4]) or MONTHS.get(name[:3])
        if month and (day := _made(found[3], str(month), found[1])):
            yield {day}


def _made(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day)) if len(year) == 4 else None
    except ValueError:
        return None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
