"""Everything that biometrics can say has words, in both languages, and nothing else has."""

import pytest

from bff.biometrics.id_document import DOUBTS
from bff.biometrics.liveness import REASONS
from bff.biometrics.portrait import REFUSALS
from bff.core.errors import Refusal
from bff.realname.hints import DOCUMENT, HINTS, PHOTOGRAPH, VIDEO, hint
from bff.routes.refusals import SENTENCES
from bff.words import words


def test_every_code_has_its_words() -> None:
    assert set(VIDEO) == {*REASONS, "match_unsure_signing"}
    assert set(PHOTOGRAPH) == set(REFUSALS)
    assert set(DOCUMENT) == set(DOUBTS)


@pytest.mark.parametrize("code", HINTS)
def test_every_hint_is_chinese_for_chinese_readers(code: str) -> None:
    assert any("\u4e00" <= letter <= "\u9fff" for letter in hint(code, words("zh_Hans_CN")))


def test_an_unknown_code_has_plain_words() -> None:
    assert hint("nothing_like_it", words("en")).startswith("That did not work")


def test_a_photograph_that_is_refused_is_refused_in_words() -> None:
    for code in (*REFUSALS, "face_enrol_again", "face_media_gone", "gestures_unreadable"):
        assert Refusal(code).code in SENTENCES
