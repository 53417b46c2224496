"""The main job behind the doors: two signers, two proofs, one sealed and archived file; and what is refused."""

from typing import Any

import pytest

from bff.core import evidence
from bff.core.contract import Contract, State
from bff.core.errors import Refusal
from bff.core.intent import read
from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_sent_contract, inbox, token_of, work
from tests.databases import ON_BOTH
from tests.soft_authenticator import SoftAuthenticator

TYPED = {"kind": "typed", "face": "auto"}
ORIGIN = "http://localhost:8000"


@pytest.fixture
def sent(home: House, owner: Person) -> Contract:
    return a_sent_contract(home, owner)


def chosen(home: House, contract: Contract, name: str) -> str:
    token = token_of(home, contract, name)
    home.ceremony.open(token)
    home.ceremony.choose(token, mark=TYPED, values={}, consented=True, language="en")
    return token


def code_for(home: House, token: str) -> tuple[str, str]:
    issued = home.ceremony.send_code(token, address="192.0.2.1")
    return issued.id, inbox(home, to="+4915112345678")[0].body.rsplit("#", 1)[1].strip()


def state_of(home: House, owner: Person, contract: Contract) -> State:
    return home.desk.details(owner, contract.id).contract.state


@ON_BOTH
def test_one_signs_by_code_one_by_passkey_and_the_file_is_sealed_and_archived(
    home: House, owner: Person, sent: Contract
) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    home.ceremony.sign_with_code(bob, *code_for(home, bob))
    work(home)
    li = chosen(home, sent, "李雷")
    phone = SoftAuthenticator(ORIGIN)
    asked = home.ceremony.ask_passkey(li)
    assert asked.flow == "create"
    confirm = home.ceremony.enrol(li, asked.intent_id, phone.create(asked.options))  # type: ignore[arg-type]
    answer = phone.get(confirm.options)  # type: ignore[arg-type]
    home.ceremony.sign_with_passkey(li, confirm.intent_id, answer)
    home.ceremony.sign_with_passkey(li, confirm.intent_id, answer)  # a double tap
    work(home)
    details = home.desk.details(owner, sent.id)
    assert (details.contract.state, details.contract.level) == (State.ARCHIVED, "B-LTA")
    assert {site for _, site, _ in details.copies} == {"A", "B"}
    assert evidence.check(details.evidence, contract_id=sent.id) is None
    kinds = [e.value["kind"] for e in details.evidence]
    assert (kinds.count("signed"), kinds.count("applied"), kinds.count("sealed")) == (2, 2, 1)
    assert all(v.ok for v in home.pades.check(home.desk.document(owner, sent.id)[1]))


def test_a_wrong_code_counts_and_the_fifth_voids_it(home: House, owner: Person, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    intent, right = code_for(home, bob)
    wrong = "000000" if right != "000000" else "111111"
    for left in (4, 3, 2, 1):
        with pytest.raises(Refusal) as refused:
            home.ceremony.sign_with_code(bob, intent, wrong)
        assert refused.value.params["left"] == left
    with pytest.raises(Refusal, match="code_void"):
        home.ceremony.sign_with_code(bob, intent, wrong)
    with pytest.raises(Refusal, match="code_void"):
        home.ceremony.sign_with_code(bob, intent, right)
    assert state_of(home, owner, sent) is State.SENT


def test_a_code_is_late_after_five_minutes(home: House, sent: Contract, clock: Clock) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    intent, right = code_for(home, bob)
    clock.forward(minutes=5)
    with pytest.raises(Refusal, match="code_late"):
        home.ceremony.sign_with_code(bob, intent, right)


def test_choosing_another_mark_voids_the_code(home: House, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    intent, right = code_for(home, bob)
    stroke = [[0, 0, 0, 500], [400, 400, 90, 500]]
    drawn: dict[str, Any] = {"kind": "drawn", "strokes": [stroke]}
    home.ceremony.choose(bob, mark=drawn, values={}, consented=True, language="en")
    with pytest.raises(Refusal, match="code_void"):
        home.ceremony.sign_with_code(bob, intent, right)


def test_a_code_of_one_signer_is_worthless_for_another(home: House, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    li = chosen(home, sent, "李雷")
    intent, right = code_for(home, bob)
    with pytest.raises(Refusal, match="intent_unknown"):
        home.ceremony.sign_with_code(li, intent, right)


def test_the_intent_names_the_document_that_was_shown(home: House, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    intent = read(issued.raw)
    assert sent.shown is not None
    assert (intent.document_sha256, intent.document_pages) == (sent.shown.sha256, sent.shown.pages)


def test_a_field_of_somebody_else_cannot_be_filled(home: House, sent: Contract) -> None:
    bob = token_of(home, sent, "Bob Buyer")
    home.ceremony.open(bob)
    with pytest.raises(Refusal, match="field_not_yours"):
        home.ceremony.choose(bob, mark=TYPED, values={"f-other": "x"}, consented=True, language="en")


def test_declining_ends_it_and_the_sender_is_told(home: House, owner: Person, sent: Contract) -> None:
    bob, li = chosen(home, sent, "Bob Buyer"), chosen(home, sent, "李雷")
    home.ceremony.decline(bob, "too dear")
    work(home)
    assert state_of(home, owner, sent) is State.DECLINED
    assert inbox(home, to="olga@example.org")[0].template == "declined"
    with pytest.raises(Refusal, match="contract_declined"):
        home.ceremony.send_code(li, address="192.0.2.1")


def test_correcting_an_address_kills_the_old_link(home: House, owner: Person, sent: Contract) -> None:
    old = token_of(home, sent, "Bob Buyer")
    signer = next(s for s in sent.signers if s.name == "Bob Buyer")
    changed = home.desk.correct(owner, sent.id, signer.id, email="robert@example.org", phone=None)
    work(home)
    with pytest.raises(Refusal, match="link_unknown"):
        home.ceremony.open(old)
    assert home.ceremony.open(token_of(home, changed, "Bob Buyer")).may_act
    assert inbox(home, to="robert@example.org")[0].template == "invitation"


def test_a_withdrawn_contract_cannot_be_signed(home: House, owner: Person, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    home.desk.withdraw(owner, sent.id)
    with pytest.raises(Refusal, match="contract_withdrawn"):
        home.ceremony.ask_passkey(bob)


def test_the_sealing_job_may_run_twice(home: House, owner: Person, sent: Contract) -> None:
    bob = chosen(home, sent, "Bob Buyer")
    home.ceremony.sign_with_code(bob, *code_for(home, bob))
    home.sealing.sign(sent.id)
    home.sealing.sign(sent.id)
    work(home)
    kinds = [e.value["kind"] for e in home.desk.details(owner, sent.id).evidence]
    assert kinds.count("applied") == 1


def test_a_contract_of_somebody_else_does_not_exist(home: House, sent: Contract, owner: Person) -> None:
    home.account.add_member(owner, name="Max", contact="max@example.org", language="en")
    member = next(p for p in home.account.members() if p.name == "Max")
    with pytest.raises(Refusal, match="no_such_contract"):
        home.desk.details(member, sent.id)
