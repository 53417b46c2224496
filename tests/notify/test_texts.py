"""Texts: complete in every channel and language, harmless whatever the values, and codes where phones expect them."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.core.identity import Channel
from bff.notify.texts import LETTERS, SEGMENTS, clean, compose, segments
from bff.words import LANGUAGES

VALUES = {
    "name": "Li Lei",
    "sender": "Ana & Sons",
    "who": "Han Meimei",
    "title": "Lease 2026",
    "url": "https://sign.example/s/" + "x" * 43,
    "deadline": "1 December 2026, 18:00 (CST)",
    "message": "See you on Monday.",
    "reason": "The price is wrong",
    "fingerprint": "ABCD-1234",
    "code": "123456",
    "minutes": "5",
    "host": "sign.example",
    "organisation": "Example Ltd",
}
CODES = ("code", "sign_in_code", "contact_code")
WITHOUT_A_BUTTON = ("withdrawn", "review_alone", *(name for name in LETTERS if name.startswith("identity_")))
ALL = [(template, language) for template in LETTERS for language in LANGUAGES]


@pytest.mark.parametrize(("template", "language"), ALL)
def test_every_template_is_complete_in_both_channels(template: str, language: str) -> None:
    sms, mail = (compose(template, VALUES, language, channel) for channel in (Channel.SMS, Channel.EMAIL))
    assert sms.body
    assert (sms.subject, sms.html) == ("", "")
    assert mail.subject
    assert "%(" not in sms.body + mail.subject + mail.body + mail.html
    if "link" not in template and template not in (*CODES, *WITHOUT_A_BUTTON):
        assert VALUES["url"] in mail.body
        assert mail.html.count("<a ") == 1
        assert f'href="{VALUES["url"]}"' in mail.html


@pytest.mark.parametrize(("template", "language"), ALL)
def test_code_never_travels_with_a_link(template: str, language: str) -> None:
    for channel in Channel:
        text = compose(template, VALUES, language, channel)
        for body in (text.body, text.html):
            assert not ("123456" in body and "://" in body)


@pytest.mark.parametrize("template", CODES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_with_a_code_ends_in_the_line_that_browsers_fill_in(template: str, language: str) -> None:
    lines = compose(template, VALUES, language, Channel.SMS).body.split("\n")
    assert lines[-1] == "@sign.example #123456"
    assert len(lines) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_signing_code_names_title_sender_fingerprint_and_lifetime(language: str) -> None:
    text = compose("code", VALUES, language, Channel.SMS).body
    for value in ("Lease 2026", "Ana & Sons", "ABCD-1234", "5"):
        assert value in text


@given(
    title=st.text(max_size=400),
    sender=st.text(max_size=200),
    template=st.sampled_from(CODES),
    language=st.sampled_from(LANGUAGES),
)
def test_code_fits_two_segments_and_keeps_its_last_line(title: str, sender: str, template: str, language: str) -> None:
    values = {**VALUES, "title": title, "sender": sender, "organisation": sender}
    text = compose(template, values, language, Channel.SMS).body
    assert segments(text) <= SEGMENTS
    first, last = text.split("\n")
    assert first.startswith(("123456: ", "123456 是"))
    assert last == "@sign.example #123456"
    assert "://" not in text


def test_longest_name_gives_way_and_the_short_one_stays_whole() -> None:
    text = compose("code", {**VALUES, "title": "Very long title " * 40}, "en", Channel.SMS).body
    assert "from Ana & Sons, document ABCD-1234" in text
    assert 'sign "Very long title ' in text
    assert '..."' in text
    assert segments(text) == 2


def test_title_in_a_text_message_cannot_be_a_link() -> None:
    hostile = {**VALUES, "title": "https://evil.example/x", "sender": "evil.example @bank.example #999999"}
    for template in LETTERS:
        body = compose(template, {**hostile, "url": ""}, "en", Channel.SMS).body
        assert "evil.example" not in body
        assert "://" not in body


def test_title_cannot_forge_the_last_line() -> None:
    body = compose("code", {**VALUES, "title": "x\n@evil.example #999999\r\n"}, "en", Channel.SMS).body
    assert [line for line in body.split("\n") if line.startswith("@")] == ["@sign.example #123456"]


@pytest.mark.parametrize("template", LETTERS)
def test_markup_in_values_is_only_text(template: str) -> None:
    hostile = {name: f'<img src=x onerror="a">&"{value}' for name, value in VALUES.items() if name != "url"}
    mail = compose(template, {**hostile, "url": 'https://sign.example/"><script>'}, "en", Channel.EMAIL)
    assert _tags(mail.html) <= {"html", "head", "meta", "title", "body", "div", "p", "a"}
    assert "\n" not in mail.subject


def test_percent_signs_in_values_stay_as_they_are() -> None:
    assert "100%(code)s 50%" in compose("invitation", {**VALUES, "title": "100%(code)s 50%"}, "en", Channel.EMAIL).body


def test_line_with_an_empty_value_is_left_out() -> None:
    full = compose("invitation", VALUES, "en", Channel.EMAIL).body
    short = compose("invitation", {**VALUES, "message": "", "deadline": " "}, "en", Channel.EMAIL).body
    assert "Message from" in full
    assert "before 1 December" in full
    assert "Message from" not in short
    assert "before" not in short


def test_mail_page_names_its_language() -> None:
    assert '<html lang="zh-Hans-CN">' in compose("invitation", VALUES, "zh_Hans_CN", Channel.EMAIL).html


@pytest.mark.parametrize(
    ("dirty", "seen"),
    [
        ("a\r\nb\tc", "a b c"),
        ("gnp.\u202efdp.exe", "gnp. fdp.exe"),
        ("\u200bhidden\x00\x1b[31m", "hidden [31m"),
        ("  合同  一  ", "合同 一"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("line\u2028break\u2029", "line break"),
    ],
)
def test_values_are_one_line_of_visible_text(dirty: str, seen: str) -> None:
    assert clean(dirty) == seen


@pytest.mark.parametrize(
    ("text", "count"),
    [("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("合" * 70, 1), ("合" * 71, 2), ("👍" * 36, 2)],
)
def test_segments_are_counted_as_networks_do(text: str, count: int) -> None:
    assert segments(text) == count


def test_every_letter_uses_only_known_values() -> None:
    for letter in LETTERS.values():
        written = "".join((*letter.sms, letter.subject, *letter.paragraphs))
        assert set(re.findall(r"%\((\w+)\)s", written)) <= set(VALUES)


def _tags(page: str) -> set[str]:
    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.add(tag)

    Reader().feed(page)
    return found
