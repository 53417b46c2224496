"""Words for people outside a web request: PDF marks, messages, reports.

The catalogue is the one Flask-Babel uses in pages (`bff/translations`), read with the standard library's gettext, so
a sentence is translated once. Text is marked with `_` from `mark` where it is written down and looked up with `words`.
"""

import gettext
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

LANGUAGES = ("en", "zh_Hans_CN")
TAGS = {"en": "en", "zh_Hans_CN": "zh-Hans"}
"""The languages as a browser and a voice name them (BCP 47)."""
TRANSLATIONS = Path(__file__).parent / "translations"


def mark(text: str) -> str:
    """Marks a sentence for the catalogue without translating it yet (`_` in modules that keep tables of text)."""
    return text


def words(language: str) -> Callable[[str], str]:
    """The look-up for one language; an unknown language reads English, the text as written."""
    return _catalogue(language).gettext


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("messages", TRANSLATIONS, languages=[language], fallback=True)


def moment(at: datetime, zone: str, *, seconds: bool = False) -> str:
    """An exact time, the same in every language, with its zone: 2026-11-24 18:00 CST (UTC+08:00).

    The letters alone would not do: CST is in Shanghai and in Chicago.
    """
    local = at.astimezone(ZoneInfo(zone))
    name, away = local.tzname() or "", f"UTC{local:%z}"
    told = "UTC" if name == "UTC" else f"{away[:6]}:{away[6:]}"
    named = f"{name} ({told})" if name.isalpha() and name != told else told
    return f"{local:{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}} {named}"


def best(*wanted: str | None) -> str:
    """The first language of `wanted` that we speak: "zh", "zh-CN", "zh_Hans_CN" are Simplified Chinese; else English."""
    for tag in wanted:
        if tag and tag.lower().startswith("zh"):
            return "zh_Hans_CN"
        if tag and tag.lower().startswith("en"):
            return "en"
    return "en"
