"""Numbers under which enterprises are registered, by country: what they are called, and whether one can exist.

A check digit proves that a number was typed right, not that anybody has it.
"""

import importlib
import re
from dataclasses import dataclass

from bff.core.enterprise import Facts
from bff.core.errors import Refusal
from bff.words import mark as _

LONGEST_NAME, LONGEST_NUMBER = 120, 40
OTHER = "other"


@dataclass(frozen=True)
class Register:
    """One kind of number. `country` is empty where the number itself tells, or anybody may have it."""

    code: str
    country: str
    label: str


REGISTERS = (
    Register("cn.uscc", "CN", _("China: unified social credit code")),
    Register("lei", "", _("Legal entity identifier (LEI)")),
    Register("eu.vat", "", _("European Union: VAT number")),
    Register("au.abn", "AU", _("Australia: business number (ABN)")),
    Register("br.cnpj", "BR", _("Brazil: CNPJ")),
    Register("ca.bn", "CA", _("Canada: business number")),
    Register("fr.siren", "FR", _("France: SIREN")),
    Register("gb.vat", "GB", _("United Kingdom: VAT number")),
    Register("in_.gstin", "IN", _("India: GSTIN")),
    Register("jp.cn", "JP", _("Japan: corporate number")),
    Register("kr.brn", "KR", _("Korea: business registration number")),
    Register("no.orgnr", "NO", _("Norway: organisation number")),
    Register("ru.ogrn", "RU", _("Russia: OGRN")),
    Register("sg.uen", "SG", _("Singapore: UEN")),
    Register("ch.uid", "CH", _("Switzerland: UID")),
    Register("tw.ubn", "TW", _("Taiwan: unified business number")),
    Register("tr.vkn", "TR", _("Turkey: tax identification number")),
    Register("us.ein", "US", _("United States: employer identification number (EIN)")),
    Register("vn.mst", "VN", _("Vietnam: tax code")),
    Register(OTHER, "", _("Another register (its form is not checked)")),
)
_BY_CODE = {register.code: register for register in REGISTERS}


def facts(*, name: str, register: str, number: str, country: str, representative: str) -> Facts:
    """What was typed, in its normal form. Raises Refusal, named for what is wrong with it."""
    known = _BY_CODE.get(register)
    if known is None:
        raise Refusal("register_unknown")
    clean, who = _line(name), _line(representative)
    if not 2 <= len(clean) <= LONGEST_NAME:
        raise Refusal("enterprise_name_unreadable")
    if not 2 <= len(who) <= LONGEST_NAME:
        raise Refusal("representative_unreadable")
    normal = _number(known, number)
    return Facts(clean, _country(known, normal, country), register, normal, who)


def party(*, name: str, register: str, number: str, country: str) -> tuple[str, str]:
    """An enterprise's name and identifier, of which no more is said. Raises Refusal like `facts`."""
    known = facts(name=name, register=register, number=number, country=country, representative="--")
    return known.name, known.identifier


def _number(register: Register, number: str) -> str:
    if register.code == OTHER:
        free = "".join(number.upper().split())
        if not re.fullmatch(rf"[A-Z0-9][A-Z0-9./-]{{1,{LONGEST_NUMBER - 1}}}", free):
            raise Refusal("register_number_wrong")
        return free
    module = importlib.import_module(f"stdnum.{register.code}")
    try:
        return str(module.validate(number))
    except Exception as error:  # stdnum's modules raise their own kinds, and some of Python's for odd letters
        raise Refusal("register_number_wrong") from error


def _country(register: Register, number: str, country: str) -> str:
    if register.country:
        return register.country
    if register.code == "eu.vat":
        return number[:2]
    asked = country.strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", asked):
        raise Refusal("country_unreadable")
    return asked


def _line(text: str) -> str:
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())
