"""Addresses as they are kept: one spelling each, so that the same person is found again and limits count one number.

A number that cannot take a text message, or that costs its owner or us a premium, is refused before anything is sent.
"""

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumberType

from bff.core.errors import Refusal

TAKES_TEXTS = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
LONGEST_EMAIL = 254
LONGEST_LOCAL_PART = 64
LOCAL_PART = re.compile(r"""[^\s@"(),:;<>\[\]\\.]+(\.[^\s@"(),:;<>\[\]\\.]+)*""")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]*[a-z0-9]")


def normal_phone(text: str, region: str | None = None) -> str:
    """E.164, e.g. `+8613800138000`. `region` (ISO 3166, e.g. "CN") reads numbers written without a country code.

    Raises Refusal `phone_unreadable`, or `phone_not_mobile` for a number that takes no text messages.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise Refusal("phone_unreadable") from error
    if not phonenumbers.is_valid_number(number):
        raise Refusal("phone_unreadable")
    if phonenumbers.number_type(number) not in TAKES_TEXTS:
        raise Refusal("phone_not_mobile")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normal_email(text: str) -> str:
    """Lower case, the domain in its ASCII form. Raises Refusal `email_unreadable`."""
    local, at, domain = unicodedata.normalize("NFKC", text).strip().lower().rpartition("@")
    domain = _ascii(domain)
    fits = len(local.encode()) <= LONGEST_LOCAL_PART and len(local.encode()) + 1 + len(domain) <= LONGEST_EMAIL
    if not at or not fits or not local.isprintable() or not LOCAL_PART.fullmatch(local) or not DOMAIN.fullmatch(domain):
        raise Refusal("email_unreadable")
    return f"{local}@{domain}"


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise Refusal("email_unreadable") from error
