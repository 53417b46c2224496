"""What people are told: who declined and why, what is stuck in a sentence, their own link to the copy, and receipts."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from bff.app import create_app
from bff.core.contract import Contract, State
from bff.core.errors import Refusal
from bff.notify.texts import SEGMENTS, segments
from bff.routes.telling import deliveries
from bff.store.models import MessageRow
from bff.store.people import Person
from bff.wiring import House, build
from tests.builders import BOB, CAROL, Away, Clock, a_sent_contract, inbox, token_of, work

TYPED = {"kind": "typed", "face": "auto"}
OLGA = "olga@example.org"


@pytest.fixture
def sent(home: House, owner: Person, clock: Clock) -> Contract:
    return a_sent_contract(home, owner, deadline=clock.now() + timedelta(days=5))


def chosen(home: House, contract: Contract, name: str) -> str:
    token = token_of(home, contract, name)
    home.ceremony.open(token)
    home.ceremony.choose(token, mark=TYPED, values={}, consented=True, language="en")
    return token


def newest(home: House, to: str) -> str:
    return inbox(home, to=to)[0].body


def test_declining_tells_who_and_why(home: House, sent: Contract) -> None:
    home.ceremony.decline(token_of(home, sent, "Bob Buyer"), "  too dear\nfor me ")
    work(home)
    for told in (newest(home, OLGA), newest(home, "carol@example.org")):
        assert "Bob Buyer" in told
        assert "too dear for me" in told
        assert sent.title in told


def test_declining_by_sms_names_who_within_two_segments(home: House, owner: Person) -> None:
    only_phone = replace(CAROL, email=None, phone="+4915112345679", name="Ann Other", language="en")
    sent = a_sent_contract(home, owner, BOB, only_phone)
    home.ceremony.decline(token_of(home, sent, "Bob Buyer"), "no")
    work(home)
    told = newest(home, "+4915112345679")
    assert "declined by Bob Buyer" in told
    assert segments(told) <= SEGMENTS


@pytest.mark.parametrize("again", [False, True], ids=["", "retried before the letter goes out"])
@pytest.mark.parametrize("reason", ["tsa_down", "job_killed", "KeyError"])
def test_stuck_is_a_sentence_and_no_code(home: House, owner: Person, sent: Contract, reason: str, again: bool) -> None:
    with home.store.begin() as unit:
        home.sealing.stuck(unit, sent.id, reason)
    if again:
        home.desk.retry(owner, sent.id)
    work(home)
    told = inbox(home, to=OLGA)[0]
    assert told.template == "stuck"
    assert f"/contracts/{sent.id}" in told.body
    assert "Reason: The" in told.body or "Reason: Sealing" in told.body
    assert reason not in told.body or reason == "KeyError"


@pytest.mark.parametrize(("end", "template"), [("withdraw", "withdrawn"), ("expire", "expired")])
def test_the_end_of_a_contract_names_it(
    home: House, owner: Person, sent: Contract, clock: Clock, end: str, template: str
) -> None:
    if end == "withdraw":
        home.desk.withdraw(owner, sent.id, "We found a mistake")
    else:
        clock.forward(days=6)
        home.desk.expire(sent.id)
    work(home)
    told = inbox(home, to="bob@example.org")[0]
    assert told.template == template
    assert sent.title in told.subject + told.body
    assert ("We found a mistake" in told.body) == (end == "withdraw")


def test_everybody_gets_a_link_of_their_own_to_the_copy(home: House, owner: Person) -> None:
    sent = a_sent_contract(home, owner, BOB)
    bob = chosen(home, sent, "Bob Buyer")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    code = newest(home, "+4915112345678").rsplit("#", 1)[1].strip()
    home.ceremony.sign_with_code(bob, issued.id, code)
    home.ceremony.sign_with_code(bob, issued.id, code)  # the answer was lost, the phone asks again
    work(home)
    assert f"/s/{bob}" in newest(home, "bob@example.org")
    assert f"/contracts/{sent.id}" in newest(home, OLGA)
    assert home.ceremony.sealed(bob)[1].startswith(b"%PDF")


def test_the_deadline_has_its_zone(home: House, owner: Person, clock: Clock) -> None:
    clock.moment = clock.moment.replace(year=2027, month=1, day=10, hour=9, minute=30)
    a_sent_contract(home, owner, deadline=clock.now() + timedelta(days=5))
    for to in ("bob@example.org", "carol@example.org"):
        assert "2027-01-15 10:30 CET (UTC+01:00)" in newest(home, to)


def test_link_and_code_share_no_channel_where_there_are_two_and_no_message(home: House, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    home.ceremony.send_code(bob, address="192.0.2.1")
    assert [m.template for m in inbox(home, to="+4915112345678")] == ["code"]
    assert bob not in newest(home, "+4915112345678")
    assert bob in newest(home, "bob@example.org")


def test_who_signs_after_others_hears_that_it_is_their_turn(home: House, owner: Person) -> None:
    sent = a_sent_contract(home, owner, replace(BOB, order=1), replace(CAROL, order=2))
    assert inbox(home, to=CAROL.email or "") == []
    bob = chosen(home, sent, "Bob Buyer")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    code = newest(home, BOB.phone or "").rsplit("#", 1)[1].strip()
    home.ceremony.sign_with_code(bob, issued.id, code)
    work(home)
    assert [m.template for m in inbox(home, to=BOB.email or "")][-1] == "invitation"
    assert [m.template for m in inbox(home, to=CAROL.email or "")] == ["your_turn"]


def test_a_reminder_comes_a_day_before_the_deadline_by_itself(home: House, sent: Contract, clock: Clock) -> None:
    clock.forward(days=3, hours=23)
    work(home)
    assert inbox(home, to="bob@example.org")[0].template == "invitation"
    clock.forward(hours=2)
    work(home)
    assert inbox(home, to="bob@example.org")[0].template == "reminder"


def test_a_link_ends_after_its_days(home: House, sent: Contract, clock: Clock) -> None:
    bob = token_of(home, sent, "Bob Buyer")
    clock.forward(days=home.settings.link_days, hours=1)
    with pytest.raises(Refusal, match="link_expired"):
        home.ceremony.open(bob)


def test_correcting_the_phone_voids_the_code_that_is_on_its_way(home: House, owner: Person, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    code = newest(home, "+4915112345678").rsplit("#", 1)[1].strip()
    signer = next(s for s in sent.signers if s.name == "Bob Buyer")
    changed = home.desk.correct(owner, sent.id, signer.id, email="bob@example.org", phone="+4915112345670")
    with pytest.raises(Refusal, match="link_unknown"):
        home.ceremony.sign_with_code(bob, issued.id, code)
    fresh = chosen(home, changed, "Bob Buyer")
    with pytest.raises(Refusal, match="code_void"):
        home.ceremony.sign_with_code(fresh, issued.id, code)
    assert home.desk.look(owner, sent.id).state is State.SENT


def test_the_evidence_of_a_correction_proves_the_address_without_telling_it(
    home: House, owner: Person, sent: Contract
) -> None:
    signer = next(s for s in sent.signers if s.name == "Bob Buyer")
    home.desk.correct(owner, sent.id, signer.id, email="robert@example.org", phone="+4915112345670")
    [entry] = [e for e in home.desk.details(owner, sent.id).evidence if e.value["kind"] == "corrected"]
    data = entry.value["data"]
    assert b"robert" not in entry.raw
    assert b"5112345670" not in entry.raw
    assert data["email_sha256"] == hashlib.sha256(b"robert@example.org").hexdigest()
    assert (data["email_masked"], data["phone_masked"]) == ("r•••@example.org", "•••• 5670")


def test_what_a_signer_sends_twice_happens_once(home: House, owner: Person, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    before = len(home.desk.details(owner, sent.id).evidence)
    home.ceremony.choose(bob, mark=TYPED, values={}, consented=True, language="en")
    assert len(home.desk.details(owner, sent.id).evidence) == before
    home.ceremony.send_code(bob, address="192.0.2.1")
    with pytest.raises(Refusal, match="code_sent_just_now"):
        home.ceremony.send_code(bob, address="192.0.2.1")
    assert len(inbox(home, to="+4915112345678")) == 1
    home.ceremony.decline(bob, "no")
    home.ceremony.decline(bob, "no")
    work(home)
    kinds = [e.value["kind"] for e in home.desk.details(owner, sent.id).evidence]
    assert kinds.count("declined") == 1
    assert [m.template for m in inbox(home, to=OLGA)].count("declined") == 1


# --- receipts ----------------------------------------------------------------------------------------

TOKEN = "a-token-of-the-account"
Post = Callable[..., int]


@pytest.fixture
def provider(home: House, sent: Contract) -> Post:
    """The SMS provider, which reports what became of a message of the sent contract."""
    settings = replace(
        home.settings, sms_url=f"twilio://AC1:{TOKEN}@sms.example/?from=+1555", public_url="https://sign.example"
    )
    other = build(settings, home.clock)
    other.__dict__.update(queue=Away(), feed=Away())
    browser: FlaskClient = create_app(settings, other).test_client()
    with home.store.begin() as unit:
        unit.errands.keep_message(
            errand_id=None,
            contract_id=sent.id,
            signer_id=None,
            channel="sms",
            template="code",
            to="+4915112345678",
            provider="twilio",
            provider_id="SM1",
        )

    def report(status: str, *, sid: str = "SM1", token: str = TOKEN) -> int:
        form = {"MessageSid": sid, "MessageStatus": status}
        url = "https://sign.example/receipts/sms"
        text = url + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
        answer = browser.post(
            "/receipts/sms", data=form, headers={"X-Twilio-Signature": signature, "Host": "sign.example"}
        )
        return answer.status_code

    return report


def told(home: House, owner: Person, contract: Contract) -> tuple[str, list[str]]:
    with home.store.read() as unit:
        [message] = [m for m in unit.errands.messages_of(contract.id) if m.provider_id == "SM1"]
        row: Any = unit.errands._session.get(MessageRow, message.id)
        return message.status, [r["status"] for r in row.receipts]


def test_receipts_go_forward_only_and_are_kept_once(home: House, owner: Person, sent: Contract, provider: Post) -> None:
    for status in ("queued", "delivered", "delivered", "sent", "failed"):
        assert provider(status) == 204
    assert told(home, owner, sent) == ("delivered", ["queued", "delivered", "sent", "failed"])


def test_a_message_that_arrives_after_all_counts(home: House, owner: Person, sent: Contract, provider: Post) -> None:
    provider("undelivered")
    assert told(home, owner, sent)[0] == "undelivered"
    provider("delivered")
    assert told(home, owner, sent)[0] == "delivered"


def test_a_receipt_with_a_foreign_signature_changes_nothing(
    home: House, owner: Person, sent: Contract, provider: Post
) -> None:
    assert provider("failed", token="guessed") == 403
    assert told(home, owner, sent) == ("taken", [])


def test_a_receipt_of_an_unknown_message_is_taken_and_forgotten(provider: Post) -> None:
    assert provider("delivered", sid="SM-unknown") == 204


def test_the_contracts_page_says_what_became_of_a_message(
    home: House, owner: Person, sent: Contract, provider: Post
) -> None:
    provider("undelivered")
    details = home.desk.details(owner, sent.id)
    with create_app(home.settings, home).test_request_context():
        lines = deliveries(details.contract, details.messages, masked=lambda to: to[-4:])
    [code] = [line for line in lines if line.what == "Code"]
    assert (code.status, code.failed, code.to) == ("could not be delivered", True, "5678")
