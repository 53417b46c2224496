"""The main job behind the doors: two signers, two proofs, one sealed and archived file; and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from bff.core import evidence
from bff.core.contract import Contract, State
from bff.core.errors import Refusal
from bff.core.intent import read
from bff.signing.desk import NewSigner
from bff.store.contracts import Wanted
from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_draft, a_pdf, a_sent_contract, an_owner, inbox, token_of, work
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


def test_a_link_lives_as_long_as_it_is_handed_over_again(
    home: House, owner: Person, sent: Contract, clock: Clock
) -> None:
    token = token_of(home, sent, "Bob Buyer")
    clock.forward(days=home.settings.link_days + 1)
    with pytest.raises(Refusal, match="link_expired"):
        home.ceremony.open(token)
    home.desk.remind(owner, sent.id, sent.signers[0].id)
    work(home)
    assert home.ceremony.open(token).may_act


# --- links that a sender sees ---


def a_member(home: House) -> Person:
    owner = home.account.members()[0]
    home.account.add_member(owner, name="Mallory", contact="mallory@example.org", language="en")
    return next(p for p in home.account.members() if p.name == "Mallory")


def signing_too(home: House, sender: Person) -> Contract:
    return home.desk.sign_too(sender, a_draft(home, sender).id)


def test_a_sender_signs_at_no_address_but_their_own(home: House, owner: Person) -> None:
    """Whoever holds a link is taken for the person at its address: a sender with somebody else's would be them."""
    draft = signing_too(home, mallory := a_member(home))
    elsewhere = NewSigner("Bob Buyer", "bob@example.org", None, id=draft.signers[0].id)
    with pytest.raises(Refusal, match="sender_elsewhere"):
        home.desk.change_signer(mallory, draft.id, elsewhere)
    home.desk.prepare(mallory, draft.id)
    with pytest.raises(Refusal, match="sender_elsewhere"):
        home.desk.correct(mallory, draft.id, draft.signers[0].id, email="bob@example.org", phone=None)
    assert home.desk.own_link(mallory, draft.id).startswith("/s/")


def test_a_sender_may_add_a_number_for_codes_to_their_own_address(home: House, owner: Person) -> None:
    draft = signing_too(home, owner)
    with_number = NewSigner("Olga", owner.email, "+4915112345678", id=draft.signers[0].id)
    assert home.desk.change_signer(owner, draft.id, with_number).signers[0].is_sender


def test_the_link_of_an_older_release_to_another_address_stays_hidden(home: House, owner: Person) -> None:
    draft = signing_too(home, owner)
    home.desk.prepare(owner, draft.id)
    with home.store.begin() as unit:
        kept = unit.contracts.get(draft.id)
        assert kept is not None
        elsewhere = replace(kept.signers[0], email="bob@example.org")
        unit.contracts.put(replace(kept, signers=(elsewhere,)))
    with pytest.raises(Refusal, match="sender_elsewhere"):
        home.desk.own_link(owner, draft.id)


def test_a_sample_sent_elsewhere_shows_no_link(home: House, owner: Person) -> None:
    path = home.settings.data_dir / "work" / "sample.pdf"
    path.write_bytes(a_pdf())
    made = home.desk.send_sample(owner, path, title="Sample", phone="+4915112345678")
    assert "/s/" in home.desk.sample_link(owner, made.id)
    home.desk.correct(owner, made.id, made.signers[0].id, email="bob@example.org", phone=None)
    with pytest.raises(Refusal, match="sender_elsewhere"):
        home.desk.sample_link(owner, made.id)


def test_the_sample_of_an_owner_without_email_goes_to_their_own_number(home: House) -> None:
    by_phone = an_owner(home, contact="+4915199999999")
    path = home.settings.data_dir / "work" / "sample.pdf"
    path.write_bytes(a_pdf())
    made = home.desk.send_sample(by_phone, path, title="Sample", phone="+4915112345678")
    assert made.signers[0].phone == "+4915199999999"


def test_a_correction_gives_no_two_signers_one_address(home: House, owner: Person, sent: Contract) -> None:
    with pytest.raises(Refusal, match="same_address_twice"):
        home.desk.correct(owner, sent.id, sent.signers[1].id, email="bob@example.org", phone=None)


def test_nobody_sees_a_draft_that_names_them(home: House, owner: Person) -> None:
    """Not even one that its sender signs too, with a number that is somebody else's."""
    draft = signing_too(home, owner)
    home.desk.change_signer(owner, draft.id, NewSigner("Olga", owner.email, "+4915112345678", id=draft.signers[0].id))
    with home.store.begin() as unit:
        person = unit.people.add(name="Bob", language="en", role=None)
        unit.people.verified(person.id, "+4915112345678")
    with home.store.read() as unit:
        person = unit.people.get(person.id) or person
    assert home.shelf.find(person, Wanted()).contracts == ()
