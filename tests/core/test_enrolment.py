"""What a check may conclude, and from what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bff.core import enrolment as e
from bff.core.enrolment import Check, State, Way
from bff.core.identity import Level

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ASKING = Check(
    id="c", person_id="p", needed=Level.DOCUMENT_FACE, sourced=True, state=State.ASKING, way=Way.FACE, kind="card"
)
TYPED = replace(ASKING, manual=True)


def answered(check: Check, *, compared: tuple[str, ...] = ("name", "number")) -> Check:
    return e.advance(check, e.Answered(NOW, "match", "registry", "ref", compared))


def accepted(check: Check) -> Check:
    return e.advance(check, e.Reviewed(NOW, "reviewer", True, "Seen.", seen="in_person"))


@pytest.mark.parametrize(
    "check",
    [TYPED, replace(ASKING, corrected=("number",)), replace(ASKING, doubts=("portrait_apart",))],
    ids=["typed", "number corrected", "portrait apart"],
)
def test_a_number_that_is_not_beside_the_portrait_may_be_anybodys(check: Check) -> None:
    """Names and numbers of others are for sale: that they belong together says nothing about who is in the video."""
    waiting = answered(check)
    assert waiting.state is State.REVIEW
    assert accepted(waiting).level is Level.DOCUMENT_FACE_SOURCE


@pytest.mark.parametrize("check", [TYPED, replace(ASKING, doubts=("portrait_apart",))])
def test_a_source_that_knows_the_face_proves_a_number_that_was_typed(check: Check) -> None:
    after = answered(check, compared=("name", "number", "portrait"))
    assert (after.state, after.level) == (State.PASSED, Level.DOCUMENT_FACE_SOURCE)


def test_a_source_proves_a_name_that_was_corrected() -> None:
    assert answered(replace(ASKING, corrected=("name",))).state is State.PASSED


def test_a_portrait_apart_from_the_number_is_looked_at_by_a_human() -> None:
    judging = replace(ASKING, sourced=False, state=State.JUDGING, tries=1, doubts=("portrait_apart",))
    after = e.advance(judging, e.Judged(NOW, "pass", "match", None))
    assert (after.state, after.why_review) == (State.REVIEW, "portrait_apart")


def test_a_check_by_paper_needs_no_portrait() -> None:
    confirm = replace(ASKING, sourced=False, state=State.CONFIRM, way=Way.PAPER, doubts=("portrait_apart",))
    assert e.advance(confirm, e.Confirmed(NOW, "card", (), "00")).state is State.PASSED


ATTENDED = replace(ASKING, needed=Level.DOCUMENT_FACE_SOURCE, way=Way.ATTENDED)


def test_rather_a_human_than_a_video_asks_the_source_first_where_its_word_is_needed() -> None:
    at_the_camera = replace(ATTENDED, state=State.FACE, way=Way.FACE)
    assert e.advance(at_the_camera, e.OtherWay(NOW)).state is State.ASKING
    assert e.advance(replace(at_the_camera, sourced=False), e.OtherWay(NOW)).state is State.REVIEW


def test_what_accepting_reaches_is_known_before() -> None:
    assert answered(ATTENDED).enough
    assert not e.advance(ATTENDED, e.Answered(NOW, "no_match", "registry", "ref", ())).enough
    by_face = replace(ATTENDED, way=Way.FACE, state=State.REVIEW, why_review="source_unknown", source="unknown")
    assert not by_face.enough
    assert not accepted(by_face).enough


def test_check_digits_that_do_not_add_up_are_for_a_human_or_a_source() -> None:
    """Verifiers are told that they hold."""
    misread = replace(
        ASKING, sourced=False, state=State.JUDGING, tries=1, doubts=("zone_check_digit", "name_latin_only")
    )
    after = e.advance(misread, e.Judged(NOW, "pass", "match", None))
    assert (after.state, after.why_review) == (State.REVIEW, "check_digits")
    assert answered(replace(ASKING, doubts=("zone_check_digit",))).state is State.PASSED
