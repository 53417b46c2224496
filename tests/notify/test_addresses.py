"""Addresses: one spelling each, and no number that takes no text messages."""

import pytest

from bff.core.errors import Refusal
from bff.notify.addresses import normal_email, normal_phone


@pytest.mark.parametrize(
    ("text", "region", "normal"),
    [
        ("138 0013 8000", "CN", "+8613800138000"),
        ("+86 138-0013-8000", None, "+8613800138000"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("+351 912 345 678", "CN", "+351912345678"),
    ],
)
def test_number_has_one_spelling(text: str, region: str | None, normal: str) -> None:
    assert normal_phone(text, region) == normal


@pytest.mark.parametrize("text", ["", "hello", "12", "13800138000", "+86138", "+999999999999", "+" + "1" * 300])
def test_number_that_is_none_is_unreadable(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        normal_phone(text, None)
    assert caught.value.code == "phone_unreadable"


@pytest.mark.parametrize("text", ["+44 800 1111", "+1 900 234 5678", "+1 800 234 5678", "+86 10 6234 5678"])
def test_toll_free_premium_and_fixed_numbers_are_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        normal_phone(text)
    assert caught.value.code == "phone_not_mobile"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" Ana.Li@Example.ORG ", "ana.li@example.org"),
        ("ana+sign@mail.example.org", "ana+sign@mail.example.org"),
        ("李雷@例子.公司", "李雷@xn--fsqu00a.xn--55qx5d"),
        ("ａｎａ＠example.org", "ana@example.org"),
    ],
)
def test_address_has_one_spelling(text: str, normal: str) -> None:
    assert normal_email(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "@example.org",
        "ana@",
        "ana@localhost",
        "a b@example.org",
        "ana@@example.org",
        "ana..li@example.org",
        ".ana@example.org",
        "ana@exa mple.org",
        "ana@example..org",
        "ana@-example.org",
        "ana@example.org\r\nBcc: x@example.org",
        "ana@example.org,b@example.org",
        "<ana@example.org>",
        "a\x00b@example.org",
        "ana@" + "a" * 70 + ".org",
        "a" * 65 + "@example.org",
        "ana@" + "a." * 130 + "org",
    ],
)
def test_address_that_is_none_is_unreadable(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        normal_email(text)
    assert caught.value.code == "email_unreadable"
