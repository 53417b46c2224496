"""The catalogue: complete, without leftovers, and every word that a person reads is in it."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from bff.signing import consent
from bff.words import LANGUAGES, TRANSLATIONS, best, words
from tools import words as catalogue

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "web" / "pages").glob("**/*.html"))
SPEAKING = sorted(
    [
        *(ROOT / "bff" / "routes").glob("*.py"),
        *(ROOT / "bff" / "notify").glob("*.py"),
        *(ROOT / "bff" / "signing").glob("*.py"),
    ]
)

THE_SAME = {"SHA-256"}
"""Sentences that read alike in English and Chinese."""
NOT_WORDS = {"English", "SHA-256"}
"""What stands in a page as it is in every language."""
READ_ATTRIBUTES = ("alt", "title", "placeholder", "aria-label", "aria-description", "label")


def all_messages(language: str) -> list[Message]:
    return [message for message in catalogue.known(language) if message.id]


def forms(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, tuple | list) else (message.string,)


def english(message: Message) -> str:
    """The sentence; of two forms the one for many."""
    return message.id if isinstance(message.id, str) else message.id[-1]


@pytest.fixture(params=catalogue.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- the catalogue and the code ---


def test_catalogue_has_exactly_the_sentences_of_the_code(language: str) -> None:
    wanted = {str(m.id) for m in catalogue.marked() if m.id}
    there = {str(m.id) for m in all_messages(language)}
    assert sorted(wanted - there) == [], "run `make words` and translate what it names"
    assert sorted(there - wanted) == [], "run `make words`: these are not in the code any more"


def test_file_is_as_make_words_writes_it(language: str) -> None:
    renewed = catalogue.renewed(catalogue.marked(), catalogue.known(language))
    assert catalogue.file(language).read_bytes() == catalogue.written(renewed), "run `make words`"


def test_every_language_but_the_source_has_a_catalogue() -> None:
    assert {file.parts[-3] for file in TRANSLATIONS.glob("*/LC_MESSAGES/*.po")} == set(LANGUAGES) - {"en"}


def test_new_sentence_is_added_empty_and_a_gone_one_goes() -> None:
    wanted, old = catalogue.Catalog(), catalogue.Catalog(locale="zh_Hans_CN")
    wanted.add("Sign")
    wanted.add("Sign now!")
    old.add("Sign", "签署")
    old.add("Sign now", "立即签署")
    fresh = catalogue.renewed(wanted, old)
    assert {m.id: m.string for m in fresh if m.id} == {"Sign": "签署", "Sign now!": None}
    assert list(catalogue.untranslated(fresh)) == ["Sign now!"]


def test_file_holds_nothing_that_changes_by_itself(language: str) -> None:
    text = catalogue.file(language).read_text(encoding="utf-8")
    for churn in ("-Date:", "\n#: ", "\n#~", "fuzzy", "Translator", "/work", "/tmp"):
        assert churn not in text


# --- the translations ---


def test_every_sentence_is_translated(language: str) -> None:
    bare = [m.id for m in all_messages(language) if not all(forms(m)) or m.fuzzy]
    assert bare == []


def test_no_translation_is_the_english_again(language: str) -> None:
    assert {m.id for m in all_messages(language) if english(m) in forms(m)} <= THE_SAME


def test_translations_keep_the_placeholders(language: str) -> None:
    for message in all_messages(language):
        for form in forms(message):
            assert placeholders(form) == placeholders(english(message)), english(message)


def placeholders(sentence: str) -> set[str]:
    """What is filled in, and doubled percent signs; a lone one would break the sentence."""
    found = set(re.findall(r"%\(\w+\)[sd]|\{\w+\}|%%", sentence))
    rest = re.sub(r"%\(\w+\)[sd]|%%", "", sentence)
    assert "%" not in rest, sentence
    return found


def test_chinese_has_full_width_punctuation() -> None:
    halves = re.compile(r"[一-鿿》”][,;:!?.(]|[,;:!?)][一-鿿《“]|\.\.\.")
    assert [form for m in all_messages("zh_Hans_CN") for form in forms(m) if halves.search(form)] == []


def test_fingerprint_of_a_document_and_of_a_finger_are_told_apart() -> None:
    """数字指纹 is the document's, 指纹 the finger's."""
    for message in all_messages("zh_Hans_CN"):
        sentence, said = english(message), "".join(forms(message))
        fingers = "指纹" in said.replace("数字指纹", "")
        if "ingerprint" in sentence:
            assert fingers == bool(re.search(r"ingerprint(,| or) ", sentence)), sentence
            assert fingers or "数字指纹" in said, sentence


GLOSSARY = {
    "你": "您",
    "签署人": "签署方",
    "签约方": "签署方",
    "发送方": "发起方",
    "证据页": "签署证明页",
    "本站": "本平台",
    "登陆": "登录",
    "帐号": "账号",
    "校验码": "验证码",
    "手印": "指纹",
    "电子指纹": "数字指纹",
    "拒绝签字": "拒绝签署",
}
"""One word for one thing: what is not said, and what is said instead."""


def test_chinese_has_one_word_for_one_thing() -> None:
    said = [form for m in all_messages("zh_Hans_CN") for form in forms(m)]
    assert [(other, form) for other in GLOSSARY for form in said if other in form] == []


# --- what a person reads ---


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_no_words_outside_the_catalogue(page: Path) -> None:
    assert list(bare_words(page.read_text(encoding="utf-8"))) == []


def test_bare_words_are_found() -> None:
    page = """<p class="x">{{ _('Fine') }} <b>Not fine</b></p><img alt="A picture"><p>{% if a %}yes{% endif %}</p>
    <x-y data-text-done="Done" data-state="open"></x-y><script>const a = "Fine";</script><p>·</p>{# Fine #}"""
    assert list(bare_words(page)) == ["Not fine", "A picture", "yes", "Done"]


def bare_words(page: str) -> Iterator[str]:
    """Latin words in text or in an attribute that is read, once what Jinja puts in is taken out."""
    reader = _Reader()
    names = r"\{% block (?:main_class|about|address) %\}.*?\{% endblock %\}"
    reader.feed(re.sub(names + r"|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", " ", page, flags=re.S))
    reader.close()
    for text in reader.found:
        if re.search(r"[A-Za-z]{2}", text) and text.strip() not in NOT_WORDS:
            yield text.strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = tag if tag in ("script", "style") else ""
        for name, value in attrs:
            if value and (name in READ_ATTRIBUTES or name.startswith("data-text")) and not value.startswith("+"):
                self.found.append(value)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


@pytest.mark.parametrize("file", SPEAKING, ids=lambda file: file.name)
def test_module_has_no_sentence_outside_the_catalogue(file: Path) -> None:
    assert list(bare_sentences(file.read_text(encoding="utf-8"))) == []


def test_bare_sentences_are_found() -> None:
    module = '''"""Prose is fine."""
log.warning("This is for the operator.")
raise Fault("x", what="This is too.", do="So.")
say(_("This is translated."))
say("This is not translated.")
'''
    assert list(bare_sentences(module)) == ["This is not translated."]


MARKING = ("_", "gettext", "ngettext", "mark", "_say")
FOR_OPERATORS = (
    "Fault",
    "ValueError",
    "add_argument",
    "ArgumentParser",
    "warning",
    "info",
    "error",
    "exception",
    "away",
)
FAULTS = ("what", "do")


def bare_sentences(module: str) -> Iterator[str]:
    """Strings that read like sentences and are neither marked nor prose nor for the operator."""
    tree = ast.parse(module)
    fine = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in FAULTS:
            fine |= {id(part) for part in ast.walk(node.value)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in (*MARKING, *FOR_OPERATORS):
            fine |= {id(node) for node in ast.walk(call)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in fine else None
        if isinstance(text, str) and re.match(r"[A-Z][a-z']* [a-z].*[a-z][.!?…]$", text.strip(), flags=re.S):
            yield text


SCRIPTS = sorted(file for room in ("elements", "lib", "sw") for file in (ROOT / "web" / room).glob("**/*.js"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_script_brings_no_words_of_its_own(script: Path) -> None:
    """A script fills what the page gave it in the reader's language."""
    assert list(words_in_script(script.read_text(encoding="utf-8"))) == []


def test_words_in_a_script_are_found() -> None:
    script = """/** Prose is "Fine here". */
    say("Please try again"); // "Fine too"
    throw new Error("This is for the console");
    const a = ["GET", "Content-Type", `Not fine ${here} either`];"""
    assert list(words_in_script(script)) == ["Please try again", "Not fine ${here} either"]


def words_in_script(script: str) -> Iterator[str]:
    code = re.sub(r"/\*.*?\*/|(?<![:\w])//[^\n]*|new \w*Error\([^)]*\)", " ", script, flags=re.S)
    for text in re.findall(r'"([^"\n]*)"|`([^`]*)`', code):
        if re.match(r"[A-Z][a-z]+ \S*[a-z$]", text[0] or text[1]):
            yield text[0] or text[1]


# --- the look-up ---


def test_words_outside_a_request_come_from_the_same_catalogue() -> None:
    assert words("zh_Hans_CN")("Read and sign") == "阅读并签署"
    assert words("en")("Read and sign") == "Read and sign"
    assert words("tlh")("Read and sign") == "Read and sign"


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (("zh-CN",), "zh_Hans_CN"),
        (("zh",), "zh_Hans_CN"),
        ((None, "en-GB"), "en"),
        (("de", "zh_Hans_CN"), "zh_Hans_CN"),
        ((), "en"),
    ],
)
def test_best_language_is_the_first_that_we_speak(wanted: tuple[str | None, ...], chosen: str) -> None:
    assert best(*wanted) == chosen


@pytest.mark.parametrize(
    ("language", "sha256"),
    [
        ("en", "6ce3c95b7b23ef0b6a405ea1b9d487602369af5e8814d67417d3eed3108f0787"),
        ("zh_Hans_CN", "b0f90055f25d109cc51445d0cbd375f1c1ca7e7025ef4530267e56a88b4bc770"),
    ],
)
def test_consent_is_the_text_that_its_version_names(language: str, sha256: str) -> None:
    """Whoever changes a word of it, in whichever language, gives it a new VERSION, and its new hash here."""
    assert (consent.VERSION, consent.sha256(language)) == ("2026-11", sha256)
