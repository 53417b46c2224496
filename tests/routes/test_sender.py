"""The sender's door: every page of a contract's life, what is refused there, and what others cannot reach."""

import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from bff.core.contract import SignerState, State
from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_pdf, a_sent_contract, work
from tests.routes.conftest import Visit
from tests.soft_authenticator import SoftAuthenticator

ORIGIN = "http://localhost:8000"

BOB = {"name": "Bob Buyer", "email": "bob@example.org", "phone": "+4915112345678", "language": "en"}
LI = {"name": "李雷", "email": "li@example.org", "phone": "", "role": "乙方", "language": "zh_Hans_CN"}


def uploaded(desk: FlaskClient, content: bytes | None = None, **headers: str) -> Any:
    data = {"file": (io.BytesIO(content if content is not None else a_pdf()), "Lease.pdf"), "zone": "Asia/Shanghai"}
    return desk.post("/contracts/new", data=data, headers=headers)


def a_draft(desk: FlaskClient, *signers: dict[str, str]) -> str:
    """The path of a fresh draft with these signers."""
    path = uploaded(desk).location.removesuffix("/signers")
    for signer in signers:
        assert desk.post(f"{path}/signers", data=signer).status_code == 303
    return str(path)


def prepared(desk: FlaskClient, *signers: dict[str, str]) -> str:
    path = a_draft(desk, *(signers or (BOB,)))
    assert desk.post(f"{path}/prepare").status_code == 303
    return path


def contract_of(home: House, owner: Person, path: str) -> Any:
    return home.desk.look(owner, path.rsplit("/", 1)[1])


@pytest.fixture
def set_up_device(desk: FlaskClient) -> None:
    """The owner's device can confirm by fingerprint."""
    asked = desk.post("/account/passkeys/options").get_json()
    credential = SoftAuthenticator(ORIGIN).create(asked["publicKey"])
    assert desk.post("/account/passkeys", json={"intent": asked["intent"], "credential": credential}).status_code == 200


# --- the list ---


def test_a_stranger_is_led_to_sign_in(stranger: FlaskClient) -> None:
    assert stranger.get("/").location == "/sign-in"
    assert stranger.get("/contracts/abc").location.startswith("/sign-in?next=/contracts/abc")


def test_an_empty_list_offers_what_to_do(desk: FlaskClient) -> None:
    page = desk.get("/").text
    assert "/contracts/new" in page
    assert "Nothing here yet" in page


def test_the_list_finds_by_title_party_and_state(desk: FlaskClient) -> None:
    path = a_draft(desk, LI)
    for query, there in (("q=lease", True), ("q=李雷", True), ("q=nothing", False), ("group=drafts", True)):
        assert (path in desk.get(f"/?{query}").text) is there, query
    assert path not in desk.get("/?group=done").text
    assert path not in desk.get("/?since=2999-01-01").text


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "soon"])
def test_the_list_survives_any_day(desk: FlaskClient, day: str) -> None:
    assert desk.get(f"/?since={day}&until={day}").status_code == 200


def test_typing_fetches_only_the_found_part(desk: FlaskClient) -> None:
    a_draft(desk, BOB)
    part = desk.get("/?q=lease", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<section id="found"')
    assert "<html" not in part.text
    assert "HX-Request" in part.headers["Vary"]


def test_more_lines_are_offered_and_shown(desk: FlaskClient, home: House, owner: Person) -> None:
    first = home.desk.look(owner, a_draft(desk).rsplit("/", 1)[1])
    assert first.upload is not None
    for number in range(51):
        home.desk.draft(owner, title=f"Copy {number:02}", document=first.upload, pages=())
    page = desk.get("/").text
    assert page.count('class="row"') == 50
    more = re.search(r'href="(/\?n=100)"', page)
    assert more is not None
    assert desk.get(more[1]).text.count('class="row"') == 52


def test_what_waits_for_me_is_listed_when_it_is_my_turn(desk: FlaskClient, visit: Visit, home: House) -> None:
    path = prepared(desk)
    assert path not in desk.get("/?group=waiting").text
    desk.post(f"{path}/send")
    assert path in visit("bob@example.org").get("/?group=waiting").text


# --- upload ---


def test_an_upload_becomes_a_draft_in_the_browsers_zone(desk: FlaskClient, home: House, owner: Person) -> None:
    path = uploaded(desk).location.removesuffix("/signers")
    contract = contract_of(home, owner, path)
    assert (contract.title, contract.timezone, contract.state) == ("Lease", "Asia/Shanghai", State.DRAFT)


def test_an_upload_by_script_is_told_where_to_go(desk: FlaskClient) -> None:
    answer = uploaded(desk, Accept="application/json")
    assert re.fullmatch(r"/contracts/\w+/signers", answer.json["location"])


def a_picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (60, 90), "navy").save(content, "PNG")
    return content.getvalue()


def test_pictures_become_one_document_which_the_sender_reads_first(
    desk: FlaskClient, home: House, owner: Person
) -> None:
    files = [(io.BytesIO(a_picture()), "Page one.png"), (io.BytesIO(a_picture()), "Page two.png")]
    path = desk.post("/contracts/new", data={"file": files}).location.removesuffix("/signers")
    contract = contract_of(home, owner, path)
    assert (contract.title, contract.document.pages) == ("Page one", 2)
    page = desk.get(f"{path}/signers").text
    assert "This PDF was made from your pictures" in page
    assert f"{path}/document.pdf" in page
    assert desk.get(f"{path}/document.pdf").data.startswith(b"%PDF-")


def test_too_many_pictures_are_refused_with_their_number(desk: FlaskClient) -> None:
    files = [(io.BytesIO(a_picture()), f"{n}.png") for n in range(51)]
    answer = desk.post("/contracts/new", data={"file": files})
    assert answer.status_code == 422
    assert "Up to 50 pictures" in answer.text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_file_that_is_no_pdf_is_refused_where_it_was_chosen(desk: FlaskClient, accept: str) -> None:
    answer = uploaded(desk, b"MZ not a pdf", Accept=accept)
    assert answer.status_code == 422
    assert "This is neither a PDF nor a Word file" in (
        answer.json["message"] if accept.endswith("json") else answer.text
    )
    assert desk.get("/").text.count('class="row"') == 0


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_file_of_two_gigabytes_is_413_before_it_is_read(desk: FlaskClient, accept: str) -> None:
    answer = desk.post(
        "/contracts/new",
        input_stream=io.BytesIO(b""),
        environ_overrides={"CONTENT_LENGTH": "2000000000"},
        content_type="multipart/form-data; boundary=x",
        headers={"Accept": accept},
    )
    assert answer.status_code == 413
    assert "too large" in (answer.json["message"] if accept.endswith("json") else answer.text)


def test_an_upload_without_a_file_is_refused(desk: FlaskClient) -> None:
    assert desk.post("/contracts/new", data={}).status_code == 422


# --- the draft ---


def test_signers_are_added_changed_moved_and_removed(desk: FlaskClient, home: House, owner: Person) -> None:
    path = a_draft(desk, BOB, LI)
    bob, li = contract_of(home, owner, path).signers
    desk.post(f"{path}/signers/{bob.id}", data={**BOB, "name": "Bob B. Buyer"})
    desk.post(f"{path}/signers/{li.id}/earlier")
    assert [s.name for s in contract_of(home, owner, path).signers] == ["李雷", "Bob B. Buyer"]
    desk.post(f"{path}/signers/{bob.id}/remove")
    assert [s.id for s in contract_of(home, owner, path).signers] == [li.id]


def test_one_after_another_follows_the_list(desk: FlaskClient, home: House, owner: Person) -> None:
    path = a_draft(desk, BOB, LI)
    desk.post(f"{path}/order", data={"order": "turns"})
    li = contract_of(home, owner, path).signers[1]
    desk.post(f"{path}/signers/{li.id}/earlier")
    assert [(s.name, s.order) for s in contract_of(home, owner, path).signers] == [("李雷", 1), ("Bob Buyer", 2)]
    desk.post(f"{path}/order", data={"order": "once"})
    assert {s.order for s in contract_of(home, owner, path).signers} == {1}


def test_the_sender_signs_too_at_their_own_address(desk: FlaskClient, home: House, owner: Person) -> None:
    path = a_draft(desk, BOB)
    desk.post(f"{path}/sign-too")
    desk.post(f"{path}/sign-too")
    mine = [s for s in contract_of(home, owner, path).signers if s.is_sender]
    assert [(s.name, s.email) for s in mine] == [("Olga Owner", "olga@example.org")]
    assert "I sign too" not in desk.get(f"{path}/signers").text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "Bob", "email": "", "phone": ""}, "Enter an e-mail address or a mobile number"),
        ({"name": "Bob", "email": "bob@", "phone": ""}, "does not look like an e-mail address"),
        ({"name": "Bob", "email": "", "phone": "12"}, "does not look like a phone number"),
        ({"name": " ", "email": "b@example.org", "phone": ""}, "Every signer needs a name"),
        (LI | {"name": "Twin"}, "Two signers have the same address"),
    ],
)
def test_a_wrong_signer_is_refused_and_what_was_typed_stays(
    desk: FlaskClient, wrong: dict[str, str], sentence: str
) -> None:
    path = a_draft(desk, LI)
    answer = desk.post(f"{path}/signers", data={**wrong, "role": "typed role"})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="typed role"' in answer.text


@pytest.mark.parametrize(
    ("wrong", "beside"),
    [({"phone": "12"}, "phone-new"), ({"email": "bob@"}, "email-new"), ({"email": "", "phone": ""}, "email-new")],
)
def test_the_reason_stands_beside_the_field_it_is_about(desk: FlaskClient, wrong: dict[str, str], beside: str) -> None:
    path = a_draft(desk)
    page = desk.post(f"{path}/signers", data={**BOB, **wrong}).text
    field = re.search(rf'<input id="{beside}".*?</div>', page, re.S)
    assert field is not None
    assert 'aria-invalid="true"' in field[0]
    assert f'id="wrong-{beside}"' in field[0]
    assert page.count('role="alert"') == 1
    assert f'data-address="{path}/signers"' in page


def test_the_channel_of_each_signer_is_said_in_words(desk: FlaskClient) -> None:
    path = a_draft(desk, BOB, LI, {"name": "Phone Only", "phone": "+4915112345679", "email": ""})
    page = desk.get(f"{path}/review").text
    for sentence in ("Link by e-mail, code by SMS", "only fingerprint or face can confirm", "they share a channel"):
        assert sentence in page


def test_terms_are_kept_with_the_deadline_in_its_zone(desk: FlaskClient, home: House, owner: Person) -> None:
    path = a_draft(desk, BOB)
    typed = {"title": "Lease", "message": "Hi", "day": "2999-02-03", "time": "18:30", "zone": "Asia/Shanghai"}
    assert desk.post(f"{path}/terms", data={**typed, "language": "en"}).location == f"{path}/fields"
    assert contract_of(home, owner, path).deadline.isoformat() == "2999-02-03T10:30:00+00:00"
    page = desk.get(f"{path}/terms").text
    assert 'value="2999-02-03"' in page
    assert 'value="18:30"' in page


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"title": " "}, "Give the contract a title"),
        ({"title": "T", "day": "2001-01-01"}, "The deadline is in the past"),
        ({"title": "T", "day": "soon"}, "could not read the deadline"),
        ({"title": "T", "day": "9999-12-31", "zone": "America/New_York"}, "could not read the deadline"),
    ],
)
def test_wrong_terms_are_refused_beside_the_form(desk: FlaskClient, wrong: dict[str, str], sentence: str) -> None:
    path = a_draft(desk, BOB)
    answer = desk.post(f"{path}/terms", data=wrong)
    assert answer.status_code == 422
    assert sentence in answer.text


@pytest.mark.parametrize("method", ["post", "put"])
def test_the_field_board_saves_and_shows_what_it_saved(
    desk: FlaskClient, home: House, owner: Person, method: str
) -> None:
    path = a_draft(desk, BOB)
    signer = contract_of(home, owner, path).signers[0].id
    field = {
        "id": "new-1",
        "signer_id": signer,
        "kind": "signature",
        "page": 2,
        "x": 100,
        "y": 200,
        "w": 2000,
        "h": 500,
    }
    answer = getattr(desk, method)(f"{path}/fields", json={"fields": [field]} if method == "put" else [field])
    assert answer.status_code == 200
    saved = contract_of(home, owner, path).fields
    assert [(f.page, f.x, f.kind.value) for f in saved] == [(2, 100, "signature")]
    board = re.search(r"data-board>(.*?)</script>", desk.get(f"{path}/fields").text, re.S)
    assert board is not None
    assert json.loads(board[1])["fields"][0]["id"] == saved[0].id


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"page": 9}, "field_off_the_page"),
        ({"signer_id": "x"}, "field_without_signer"),
        ({"x": "1"}, "field_unreadable"),
        ({"kind": ["text"]}, "field_unreadable"),
        ({"signer_id": ["x"]}, "field_unreadable"),
        ({"id": ["x"]}, "field_unreadable"),
    ],
)
def test_a_bad_field_is_refused_to_the_board_in_json(
    desk: FlaskClient, home: House, owner: Person, change: dict[str, Any], code: str
) -> None:
    path = a_draft(desk, BOB)
    signer = contract_of(home, owner, path).signers[0].id
    field = {"signer_id": signer, "kind": "date", "page": 1, "x": 1, "y": 1, "w": 900, "h": 300}
    answer = desk.post(f"{path}/fields", json=[field | change])
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert answer.json["message"]
    assert contract_of(home, owner, path).fields == ()


def test_a_draft_without_signers_is_not_prepared(desk: FlaskClient) -> None:
    path = a_draft(desk)
    answer = desk.post(f"{path}/prepare")
    assert answer.status_code == 422
    assert "Add at least one signer" in answer.text


def test_html_in_names_is_shown_as_text(desk: FlaskClient) -> None:
    evil = "<img src=x onerror=alert(1)>"
    path = a_draft(desk, {**BOB, "name": evil, "role": evil})
    desk.post(f"{path}/terms", data={"title": evil, "message": evil})
    for page in ("signers", "terms", "fields", "review", "withdraw"):
        assert "<img src=x" not in desk.get(f"{path}/{page}").text, page
    desk.post(f"{path}/prepare")
    assert "<img src=x" not in desk.get(path).text
    assert "<img src=x" not in desk.get("/").text
    assert "&lt;img src=x" in desk.get(path).text


# --- prepared, sent and after ---


def test_a_prepared_contract_is_sent_with_one_tap_and_only_once(desk: FlaskClient, home: House, owner: Person) -> None:
    path = prepared(desk, BOB, LI)
    assert "Send now" in desk.get(path).text
    for _ in range(2):
        assert desk.post(f"{path}/send").location == path
    page = desk.get(path).text
    assert 'data-state="sent"' in page
    assert "It is the turn of Bob Buyer, 李雷" in page
    assert page.count('data-kind="sent"') == 1


def test_a_prepared_contract_can_be_edited_again(desk: FlaskClient) -> None:
    path = prepared(desk)
    desk.post(f"{path}/reopen")
    assert desk.get(path).location == f"{path}/review"


def signing_too(desk: FlaskClient) -> str:
    path = a_draft(desk, BOB)
    desk.post(f"{path}/sign-too")
    desk.post(f"{path}/prepare")
    return path


def test_a_sender_who_could_not_confirm_is_led_to_set_up_their_device_first(desk: FlaskClient) -> None:
    answer = desk.post(f"{signing_too(desk)}/sign")
    assert answer.location == "/account?first=sign#passkeys"
    assert "set up this device first" in desk.get(answer.location).text


def test_a_refusal_to_a_script_of_ours_is_json(desk: FlaskClient) -> None:
    answer = desk.post("/s/unknown/passkey/options", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "link_unknown")


def test_sign_first_leads_into_the_senders_own_ceremony(desk: FlaskClient, set_up_device: None) -> None:
    path = signing_too(desk)
    answer = desk.post(f"{path}/sign")
    assert re.fullmatch(r"/s/[\w-]{43}", answer.location)
    assert "Olga Owner" in desk.get(answer.location).text


def test_the_page_says_exactly_when_and_which_bytes(desk: FlaskClient, home: House, owner: Person) -> None:
    path = prepared(desk)
    desk.post(f"{path}/send")
    page = desk.get(path).text
    sha256 = contract_of(home, owner, path).document.sha256
    assert sha256 in page
    assert f"{sha256[:4]}-{sha256[4:8]}".upper() in page
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d CST \(UTC\+08:00\)", page)


def test_messages_are_shown_with_what_became_of_them(desk: FlaskClient, home: House) -> None:
    path = prepared(desk)
    desk.post(f"{path}/send")
    work(home)
    page = desk.get(path).text
    assert "handed to the provider" in page
    assert "b•••@example.org" in page


def test_a_second_reminder_comes_too_soon(desk: FlaskClient, home: House, owner: Person) -> None:
    path = prepared(desk)
    desk.post(f"{path}/send")
    work(home)
    signer = contract_of(home, owner, path).signers[0].id
    assert desk.post(f"{path}/signers/{signer}/remind").status_code == 429


def test_a_corrected_address_kills_the_old_link(desk: FlaskClient, home: House, owner: Person) -> None:
    path = prepared(desk)
    desk.post(f"{path}/send")
    signer = contract_of(home, owner, path).signers[0]
    old = home.links.token(signer)
    assert desk.get(f"/s/{old}").status_code == 200
    where = f"{path}/signers/{signer.id}/correct"
    assert desk.get(where).status_code == 200
    assert desk.post(where, data={"email": "", "phone": ""}).status_code == 422
    assert desk.post(where, data={"email": "robert@example.org"}).location == path
    assert desk.get(f"/s/{old}").status_code == 404
    assert contract_of(home, owner, path).signers[0].email == "robert@example.org"


def test_withdrawing_asks_first_and_then_ends_it(desk: FlaskClient) -> None:
    path = prepared(desk)
    desk.post(f"{path}/send")
    assert "cannot be undone" in desk.get(f"{path}/withdraw").text
    desk.post(f"{path}/withdraw", data={"reason": "Changed my mind"})
    page = desk.get(path).text
    assert 'data-state="withdrawn"' in page
    assert "Changed my mind" in page


def test_a_refusal_after_the_end_has_its_status_and_sentence(desk: FlaskClient) -> None:
    path = prepared(desk)
    desk.post(f"{path}/withdraw")
    answer = desk.post(f"{path}/send")
    assert answer.status_code == 409
    assert "has withdrawn this contract" in answer.text


def test_live_refresh_fetches_only_the_contracts_part(desk: FlaskClient) -> None:
    path = prepared(desk)
    part = desk.get(path, headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<div id="contract"')
    assert "live-status" not in part


def test_folder_and_labels_are_kept_and_found(desk: FlaskClient) -> None:
    path = prepared(desk)
    desk.post(f"{path}/file", data={"folder": "Leases", "labels": "urgent，2026"})
    assert path in desk.get("/?folder=Leases&label=urgent").text
    assert path not in desk.get("/?folder=Leases&label=other").text


# --- documents ---


def test_pages_are_kept_only_under_their_digest(desk: FlaskClient, home: House, owner: Person) -> None:
    path = a_draft(desk, BOB)
    sha256 = contract_of(home, owner, path).document.sha256
    with desk.get(f"{path}/pages/1?w=480&v={sha256[:16]}") as kept:
        assert kept.status_code == 200
        assert kept.mimetype.startswith("image/")
        assert "private" in kept.headers["Cache-Control"]
        assert "immutable" in kept.headers["Cache-Control"]
    with desk.get(f"{path}/pages/1") as loose:
        assert "no-cache" in loose.headers["Cache-Control"]
    assert "agreement" in desk.get(f"{path}/pages/1/words").text
    assert desk.get(f"{path}/pages/99").status_code == 404


def test_downloads_have_a_safe_name_and_are_not_kept(desk: FlaskClient) -> None:
    path = a_draft(desk, BOB)
    desk.post(f"{path}/terms", data={"title": '房屋租赁合同 "A/B"\r\nX: y'})
    answer = desk.get(f"{path}/document.pdf")
    assert answer.data.startswith(b"%PDF-")
    said = answer.headers["Content-Disposition"]
    assert "filename*=UTF-8''%E6%88%BF" in said
    assert "/" not in said.split("filename*", 1)[1]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_is_sealed_before_everybody_has_signed(desk: FlaskClient) -> None:
    assert desk.get(f"{prepared(desk)}/signed.pdf").status_code == 409


# --- others ---


OTHERS = (
    "",
    "/signers",
    "/terms",
    "/fields",
    "/review",
    "/share",
    "/withdraw",
    "/document.pdf",
    "/pages/1",
    "/share.svg",
)


@pytest.mark.parametrize("page", OTHERS)
def test_another_members_contract_does_not_exist(
    desk: FlaskClient, visit: Visit, home: House, owner: Person, page: str
) -> None:
    path = a_draft(desk, BOB)
    home.account.add_member(owner, name="Max", contact="max@example.org", language="en")
    other = visit("max@example.org")
    answer = other.get(path + page)
    assert answer.status_code == 404
    assert "Lease" not in answer.text


def test_somebody_who_only_signs_sees_their_part_and_cannot_send(visit: Visit, home: House, owner: Person) -> None:
    contract = a_sent_contract(home, owner)
    bob = visit("bob@example.org")
    page = bob.get(f"/contracts/{contract.id}").text
    assert "Olga Owner" in page
    assert "li@example.org" not in page
    assert "Timeline" not in page
    assert bob.get("/contracts/new").status_code == 403
    assert bob.post(f"/contracts/{contract.id}/withdraw").status_code == 403
    assert home.desk.look(owner, contract.id).state is State.SENT


def test_a_foreign_form_changes_nothing(desk: FlaskClient, home: House, owner: Person) -> None:
    path = prepared(desk)
    answer = desk.post(f"{path}/send", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert contract_of(home, owner, path).state is State.PREPARED


# --- the sample ---


def test_the_sample_shows_its_link_as_a_picture_and_nobody_elses(desk: FlaskClient, home: House, owner: Person) -> None:
    share = desk.post("/sample", data={"phone": "+4915112345678"}).location
    path = share.removesuffix("/share")
    contract = contract_of(home, owner, path)
    assert contract.state is State.SENT
    assert contract.signers[0].state is SignerState.INVITED
    assert {f.kind.value for f in contract.fields} == {"signature", "date"}
    link = home.links.url(contract.signers[0])
    assert link in desk.get(share).text
    assert desk.get(f"{share}.svg").mimetype == "image/svg+xml"
    assert desk.get(link.removeprefix(home.settings.public_url)).status_code == 200
    assert desk.get(f"{prepared(desk)}/share").status_code == 404


def test_the_sample_speaks_chinese(desk: FlaskClient) -> None:
    desk.set_cookie("language", "zh_Hans_CN")
    assert desk.post("/sample", data={}).status_code == 303


def test_a_wrong_number_for_the_sample_is_refused_on_the_page(desk: FlaskClient) -> None:
    answer = desk.post("/sample", data={"phone": "12"})
    assert answer.status_code == 422
    assert "does not look like a phone number" in answer.text


# --- pressed twice, and a deadline that was missed ---


def test_the_upload_form_sent_twice_makes_one_draft(desk: FlaskClient) -> None:
    press = re.search(r'name="press" value="(\w{32})"', desk.get("/contracts/new").text)
    assert press is not None
    content = a_pdf()
    made = [
        desk.post("/contracts/new", data={"file": (io.BytesIO(content), "Lease.pdf"), "press": press[1]}).location
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert press[1] not in desk.get("/contracts/new").text


def test_a_missed_deadline_asks_for_a_new_one(desk: FlaskClient, home: House, owner: Person, clock: Clock) -> None:
    path = a_draft(desk, BOB)
    due = clock.now() + timedelta(hours=1)
    terms = {"title": "Lease", "day": due.date().isoformat(), "time": due.strftime("%H:%M"), "zone": "UTC"}
    assert desk.post(f"{path}/terms", data=terms).status_code == 303
    assert desk.post(f"{path}/prepare").status_code == 303
    clock.forward(hours=2)
    assert desk.post(f"{path}/send").location == path
    page = desk.get(path).text
    assert "The deadline passed before it was sent" in page
    assert "Send now" not in page
    wrong = desk.post(f"{path}/deadline", data={"day": "2020-01-01", "time": "10:00"})
    assert wrong.status_code == 422
    assert "The deadline is in the past" in wrong.text
    later = (clock.now() + timedelta(days=2)).date().isoformat()
    assert desk.post(f"{path}/deadline", data={"day": later, "time": "10:00"}).status_code == 303
    assert f"set a new deadline before sending: {later} 10:00 UTC" in desk.get(path).text
    desk.post(f"{path}/send")
    assert contract_of(home, owner, path).state is State.SENT


def test_contracts_of_a_former_member_are_taken_over(desk: FlaskClient, visit: Visit, home: House) -> None:
    desk.post("/members", data={"name": "Max Member", "contact": "max@example.org"})
    path = prepared(visit("max@example.org"))
    assert "Contracts that nobody looks after" not in desk.get("/members").text
    remove = re.search(r"/members/\w+/remove", desk.get("/members").text)
    assert remove is not None
    desk.post(remove[0])
    page = desk.get("/members").text
    assert "Contracts that nobody looks after" in page
    assert desk.get(path).status_code == 404
    assert desk.post(remove[0].replace("/remove", "/take-over")).status_code == 303
    shown = desk.get(path).text
    assert "Olga Owner took this contract over from Max Member" in shown
    assert "Max Member uploaded the document" in shown
    assert "Contracts that nobody looks after" not in desk.get("/members").text
