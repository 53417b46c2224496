"""The door of identity: every screen of a check, the pieces of a video, the review desk, and what strangers cannot reach."""

import hashlib
import io
import re
from base64 import b64encode
from typing import Any

import pytest
from flask.testing import FlaskClient

from bff.core.enrolment import State, Way
from bff.core.identity import Level
from bff.store.people import Person
from bff.wiring import House
from tests.biometrics import cards
from tests.builders import work
from tests.people import PIECE, Actor, photograph, shows_card, shows_face
from tests.realname.conftest import actor, eyes
from tests.realname.conftest import home as home
from tests.routes.conftest import Visit

__all__ = ["actor", "eyes"]
TUS = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}


@pytest.fixture
def li_lei(home: House) -> Person:
    with home.store.begin() as unit:
        person = unit.people.add(name="Li", language="en", role=None)
        unit.people.verified(person.id, "lilei@example.org")
    return person


@pytest.fixture
def token(home: House, li_lei: Person) -> str:
    return home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)


def state_of(page: str) -> str:
    found = re.search(r'<section id="step"[^>]*data-state="(\w+)"', page)
    assert found is not None
    return found[1]


def posted_photo(browser: FlaskClient, token: str, content: bytes) -> Any:
    return browser.post(f"/id/{token}/photo", data={"photo": (io.BytesIO(content), "card.jpg")})


def test_a_check_from_the_first_screen_to_the_last(
    home: House, stranger: FlaskClient, token: str, actor: Actor
) -> None:
    page = stranger.get(f"/id/{token}").text
    assert state_of(page) == "consent"
    assert "Without a face video" in page
    assert stranger.post(f"/id/{token}/consent", data={"way": "face"}).status_code == 303
    for side in (cards.cn_front(), cards.cn_back()):
        assert state_of(stranger.get(f"/id/{token}").text) == "document"
        assert posted_photo(stranger, token, photograph(side)).status_code == 303
        assert state_of(stranger.get(f"/id/{token}").text) == "reading"
        work(home)
    page = stranger.get(f"/id/{token}").text
    assert state_of(page) == "confirm"
    assert "李雷" in page
    fields = dict(home.enrolment.look(token).fields)
    assert stranger.post(f"/id/{token}/confirm", data=fields).status_code == 303
    assert state_of(stranger.get(f"/id/{token}").text) == "face"
    recorded(home, stranger, token, actor)
    assert state_of(stranger.get(f"/id/{token}").text) == "judging"
    work(home)
    assert state_of(stranger.get(f"/id/{token}").text) == "passed"


def recorded(home: House, browser: FlaskClient, token: str, actor: Actor) -> None:
    asked = browser.post(f"/id/{token}/challenge", data={"colours": "yes"}).get_json()
    assert [step["at_ms"] for step in asked["challenge"]["steps"]] == sorted(
        step["at_ms"] for step in asked["challenge"]["steps"]
    )
    with home.store.read() as unit:
        video = unit.identities.video(asked["id"])
    assert video is not None
    from bff.core import gestures

    content = actor.video(gestures.read(video.challenge))
    assert browser.head(asked["upload"]).headers["Upload-Defer-Length"] == "1"
    whole = {**TUS, "Upload-Offset": "0", **says(content)}
    assert browser.patch(asked["upload"], headers=whole).status_code == 204
    for start in range(0, len(content), PIECE):
        answer = browser.patch(
            asked["upload"], data=content[start : start + PIECE], headers={**TUS, "Upload-Offset": str(start)}
        )
        assert answer.status_code == 204
    told = browser.head(asked["upload"]).headers
    assert told["Upload-Offset"] == str(len(content))
    assert {name: told[name] for name in says(content)} == says(content)
    done = browser.post(f"/id/{token}/video", data={"challenge": asked["id"], "mime": "video/mp4"})
    assert done.status_code == 303


def says(content: bytes) -> dict[str, str]:
    """How a page commits to a recording."""
    digest = b64encode(hashlib.sha256(content).digest()).decode()
    return {"Upload-Length": str(len(content)), "Upload-Digest": f"sha-256=:{digest}:"}


def test_a_piece_that_does_not_fit_is_told_where_it_should_begin(
    home: House, stranger: FlaskClient, token: str
) -> None:
    shows_card(home, token)
    asked = stranger.post(f"/id/{token}/challenge").get_json()
    whole = {**TUS, **says(b"abcdef"), "Upload-Offset": "0"}
    assert stranger.patch(asked["upload"], data=b"abc", headers=whole).status_code == 204
    again = stranger.patch(asked["upload"], data=b"abc", headers={**TUS, "Upload-Offset": "0"})
    assert (again.status_code, again.headers["Upload-Offset"]) == (409, "3")
    for offset in ("-1", "x", "9" * 40, ""):
        answer = stranger.patch(asked["upload"], data=b"abc", headers={**TUS, "Upload-Offset": offset})
        assert answer.status_code == 400, offset


@pytest.mark.parametrize(
    "whole",
    [
        {"Upload-Digest": "sha-256=:AAAA:", "Upload-Length": "3"},
        {"Upload-Digest": f"sha-512=:{'A' * 43}=:", "Upload-Length": "3"},
        {"Upload-Digest": f"sha-256=:{'A' * 43}=:"},
        {"Upload-Digest": f"sha-256=:{'A' * 43}=:", "Upload-Length": "-3"},
    ],
)
def test_a_commitment_that_cannot_be_read_is_refused(
    home: House, stranger: FlaskClient, token: str, whole: dict[str, str]
) -> None:
    shows_card(home, token)
    asked = stranger.post(f"/id/{token}/challenge").get_json()
    answer = stranger.patch(asked["upload"], headers={**TUS, **whole, "Upload-Offset": "0"})
    assert answer.status_code == 400
    assert "Upload-Length" not in stranger.head(asked["upload"]).headers


def test_another_recording_than_the_one_announced_is_refused_in_words(
    home: House, stranger: FlaskClient, token: str
) -> None:
    shows_card(home, token)
    asked = stranger.post(f"/id/{token}/challenge").get_json()
    script = {**TUS, "Accept": "application/json", "Upload-Offset": "0"}
    unsaid = stranger.patch(asked["upload"], data=b"abc", headers=script)
    assert (unsaid.status_code, unsaid.get_json()["code"]) == (422, "video_uncommitted")
    whole = {**TUS, **says(b"abc"), "Upload-Offset": "0"}
    assert stranger.patch(asked["upload"], data=b"xyz", headers=whole).status_code == 204
    done = stranger.post(f"/id/{token}/video", data={"challenge": asked["id"], "mime": "video/mp4"})
    assert done.status_code == 422
    assert state_of(done.text) == "face"
    assert "What arrived is not the recording that this page had announced." in done.text


def test_a_piece_reaches_no_other_check(home: House, stranger: FlaskClient, token: str, owner: Person) -> None:
    shows_card(home, token)
    asked = stranger.post(f"/id/{token}/challenge").get_json()
    other = home.enrolment.begin(owner.id, needed=Level.DOCUMENT_FACE)
    path = asked["upload"].replace(token, other)
    assert stranger.patch(path, data=b"abc", headers={**TUS, "Upload-Offset": "0"}).status_code == 404
    assert stranger.head(path).status_code == 404


def test_a_wrong_field_comes_back_beside_it_with_what_was_typed(home: House, stranger: FlaskClient, token: str) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    for side in (cards.cn_front(), cards.cn_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    fields = {**home.enrolment.look(token).fields, "number": "123", "name": "Li Lei"}
    answer = stranger.post(f"/id/{token}/confirm", data=fields)
    assert answer.status_code == 422
    assert 'aria-describedby="e-number"' in answer.text
    assert 'value="Li Lei"' in answer.text


def test_a_language_button_keeps_what_was_typed(home: House, stranger: FlaskClient, token: str) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    for side in (cards.cn_front(), cards.cn_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    answer = stranger.post(f"/id/{token}/confirm", data={"name": "Somebody", "speak": "zh_Hans_CN"})
    assert 'value="Somebody"' in answer.text
    assert "内容正确吗" in answer.text
    assert home.enrolment.look(token).check.state is State.CONFIRM


def test_the_words_that_were_shown_are_the_words_that_are_recorded(home: House, stranger: FlaskClient) -> None:
    """The screen speaks the person's language, whatever their browser says."""
    with home.store.begin() as unit:
        person = unit.people.add(name="李雷", language="zh_Hans_CN", role=None)
    token = home.enrolment.begin(person.id, needed=Level.DOCUMENT_FACE)
    assert "面部" in stranger.get(f"/id/{token}").text
    stranger.post(f"/id/{token}/consent", data={"way": "face"})
    with home.store.read() as unit:
        consented = unit.chronicle.entries(f"person:{person.id}")[-1].value["data"]
    assert consented["language"] == "zh_Hans_CN"


@pytest.mark.parametrize("content", [b"", b"\x00" * 100])
def test_no_photograph_is_told(stranger: FlaskClient, token: str, content: bytes, home: House) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    answer = posted_photo(stranger, token, content)
    assert answer.status_code == (303 if content else 422)


def test_a_photograph_beyond_reason_is_refused_in_words(stranger: FlaskClient, token: str, home: House) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    said = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": "22000000"}
    answer = stranger.post(f"/id/{token}/photo", environ_overrides=said)
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_a_step_out_of_order_shows_where_one_is(stranger: FlaskClient, token: str) -> None:
    assert stranger.post(f"/id/{token}/type").status_code == 303
    assert stranger.post(f"/id/{token}/challenge", headers={"Accept": "application/json"}).status_code == 409
    assert state_of(stranger.get(f"/id/{token}").text) == "consent"


def test_the_phone_takes_over_by_a_qr_code(stranger: FlaskClient, token: str) -> None:
    answer = stranger.get(f"/id/{token}/qr.svg")
    assert answer.mimetype == "image/svg+xml"
    assert b"<path" in answer.data


def test_only_the_part_that_changed_is_sent_to_a_page_that_asks(stranger: FlaskClient, token: str) -> None:
    part = stranger.get(f"/id/{token}", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith("<section")


def test_a_human_decides_with_pictures_beside_each_other(
    home: House, desk: FlaskClient, stranger: FlaskClient, token: str
) -> None:
    check = shows_card(home, token, way=Way.ATTENDED)
    assert "李雷" not in desk.get("/reviews").text  # a list names the account, not the document
    page = desk.get(f"/reviews/{check.id}").text
    assert "李雷" in page
    assert desk.get(f"/reviews/{check.id}/portrait").mimetype == "image/jpeg"
    assert desk.get(f"/reviews/{check.id}/0").data[:2] == b"\xff\xd8"
    assert desk.get(f"/reviews/{check.id}/7").status_code == 404
    assert desk.post(f"/reviews/{check.id}", data={"decision": "accept", "reason": " "}).status_code == 422
    assert (
        desk.post(f"/reviews/{check.id}", data={"decision": "accept", "reason": "Seen.", "seen": "video"}).status_code
        == 303
    )
    assert state_of(stranger.get(f"/id/{token}").text) == "passed"
    assert desk.get(f"/reviews/{check.id}").status_code == 404


def test_a_member_sees_no_review_that_is_not_theirs(home: House, visit: Visit, owner: Person, token: str) -> None:
    home.account.add_member(owner, name="Max", contact="max@example.org", language="en")
    max_ = visit("max@example.org")
    check = shows_card(home, token, way=Way.ATTENDED)
    assert max_.get(f"/reviews/{check.id}").status_code == 404
    assert max_.get(f"/reviews/{check.id}/portrait").status_code == 404


def test_what_is_known_is_shown_and_taken_back(
    home: House, visit: Visit, li_lei: Person, token: str, actor: Actor
) -> None:
    shows_card(home, token)
    shows_face(home, token, actor)
    own = visit("lilei@example.org")
    page = own.get("/account/identity").text
    assert "李雷" in page
    assert cards.cn_number() not in page
    assert own.post("/account/identity/erase").status_code == 303
    assert "李雷" not in own.get("/account/identity").text


def test_a_link_that_is_unknown_says_so(stranger: FlaskClient) -> None:
    assert stranger.get("/id/" + "x" * 32).status_code == 404
    assert stranger.get("/id/x").status_code == 404
