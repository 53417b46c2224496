"""A passkey that was set up through a contract's link signs at that link's address and does nothing else, until it is kept."""

import re

import pytest

from bff.core.contract import Contract
from bff.core.errors import Refusal
from bff.realname.account import Client
from bff.signing.desk import NewSigner
from bff.store.people import Person
from bff.wiring import House
from tests.builders import CAROL, Clock, a_sent_contract, inbox, token_of, work
from tests.databases import ON_BOTH
from tests.soft_authenticator import SoftAuthenticator

ORIGIN = "http://localhost:8000"
TYPED = {"kind": "typed", "face": "auto"}
HERE = Client("test", "127.0.0.1")
ADDRESS = CAROL.email or ""


def chosen(home: House, contract: Contract) -> str:
    token = token_of(home, contract, CAROL.name)
    home.ceremony.open(token)
    home.ceremony.choose(token, mark=TYPED, values={}, consented=True, language="en")
    return token


def enrol(home: House, contract: Contract, phone: SoftAuthenticator) -> None:
    """Set up through the link, and sign with it."""
    token = chosen(home, contract)
    asked = home.ceremony.ask_passkey(token)
    assert asked.flow == "create"
    confirm = home.ceremony.enrol(token, asked.intent_id, phone.create(dict(asked.options)))
    home.ceremony.sign_with_passkey(token, confirm.intent_id, phone.get(dict(confirm.options)))
    work(home)


def sign_again(home: House, contract: Contract, phone: SoftAuthenticator) -> None:
    token = chosen(home, contract)
    asked = home.ceremony.ask_passkey(token)
    assert asked.flow == "get"
    home.ceremony.sign_with_passkey(token, asked.intent_id, phone.get(dict(asked.options)))
    work(home)


def sign_in(home: House, phone: SoftAuthenticator) -> Person:
    question, options = home.account.ask_passkey(client=HERE)
    return home.account.enter_with_passkey(question, phone.get(options), client=HERE).person


def enter(home: House, contact: str) -> Person:
    question = home.account.ask_code(contact, client=HERE, language="en")
    work(home)
    code = re.search(r"\b\d{6}\b", inbox(home, to=contact)[0].body)
    assert code is not None
    return home.account.enter_with_code(question, code[0], client=HERE).person


def identity(home: House, contract: Contract) -> dict[str, object]:
    with home.store.read() as unit:
        act = unit.contracts.act(next(s.id for s in contract.signers if s.name == CAROL.name))
    assert act is not None
    return dict(act.identity)


@pytest.fixture
def phone() -> SoftAuthenticator:
    return SoftAuthenticator(ORIGIN)


@pytest.fixture
def sent(home: House, owner: Person, phone: SoftAuthenticator) -> Contract:
    contract = a_sent_contract(home, owner, CAROL)
    enrol(home, contract, phone)
    return contract


@ON_BOTH
def test_it_signs_at_its_address_but_does_not_sign_in(
    home: House, owner: Person, sent: Contract, phone: SoftAuthenticator
) -> None:
    with pytest.raises(Refusal, match="passkey_signs_only"):
        sign_in(home, phone)
    again = a_sent_contract(home, owner, CAROL)
    sign_again(home, again, phone)
    assert identity(home, sent)["passkey_set_up"] == "this_link"
    assert identity(home, sent)["passkey_link_channel"] == "email"
    assert identity(home, again)["passkey_set_up"] == "another_link"
    assert identity(home, again)["passkey_kept_at"] is None


@ON_BOTH
def test_kept_after_a_code_to_that_address_it_signs_in(
    home: House, owner: Person, sent: Contract, phone: SoftAuthenticator, clock: Clock
) -> None:
    person = enter(home, ADDRESS)
    (key,) = home.account.passkeys(person)
    with pytest.raises(Refusal, match="passkey_signs_only"):
        sign_in(home, phone)
    home.account.keep_passkey(person, key.credential_id)
    assert sign_in(home, phone).id == person.id
    again = a_sent_contract(home, owner, CAROL)
    sign_again(home, again, phone)
    assert identity(home, again)["passkey_set_up"] == "another_link"
    assert identity(home, again)["passkey_kept_at"] == clock.now().isoformat()


def test_one_that_was_set_up_while_signed_in_says_so(home: House, owner: Person, phone: SoftAuthenticator) -> None:
    a_sent_contract(home, owner, CAROL)
    person = enter(home, ADDRESS)
    question, options = home.account.offer_passkey(person)
    home.account.add_passkey(person, question, phone.create(options))
    contract = a_sent_contract(home, owner, CAROL)
    sign_again(home, contract, phone)
    assert identity(home, contract)["passkey_set_up"] == "signed_in"
    assert "passkey_link_channel" not in identity(home, contract)


def test_it_signs_nothing_that_is_sent_to_another_address_of_the_same_person(
    home: House, owner: Person, sent: Contract, phone: SoftAuthenticator
) -> None:
    with home.store.begin() as unit:
        person = unit.people.by_contact(ADDRESS)
        assert person is not None
        unit.people.confirmed(person.id, "second@example.org")
    other = a_sent_contract(home, owner, NewSigner(name=CAROL.name, email="second@example.org", phone=None))
    token = chosen(home, other)
    asked = home.ceremony.ask_passkey(token)
    assert asked.flow == "create"
    rp_id = asked.options["rp"]["id"]
    stolen = phone.get({"challenge": asked.options["challenge"], "rpId": rp_id, "allowCredentials": []})
    with pytest.raises(Refusal, match="passkey_refused"):
        home.ceremony.sign_with_passkey(token, asked.intent_id, stolen)


def test_it_cannot_be_kept_by_whoever_confirmed_another_address_only(
    home: House, sent: Contract, phone: SoftAuthenticator
) -> None:
    with home.store.begin() as unit:
        person = unit.people.by_contact(ADDRESS)
        assert person is not None
        unit.people.confirmed(person.id, "second@example.org")
    (key,) = home.account.passkeys(person)
    with pytest.raises(Refusal, match="address_not_confirmed"):
        home.account.keep_passkey(person, key.credential_id)
    assert not home.account.passkeys(person)[0].signs_in


def test_nobody_keeps_the_passkey_of_somebody_else(home: House, owner: Person, sent: Contract) -> None:
    with home.store.read() as unit:
        person = unit.people.by_contact(ADDRESS)
        assert person is not None
        (key,) = unit.people.passkeys(person.id)
    with pytest.raises(Refusal, match="no_such_passkey"):
        home.account.keep_passkey(owner, key.credential_id)


def test_the_address_is_told_and_the_letter_holds_no_link_to_sign(home: House, sent: Contract) -> None:
    told = [m for m in inbox(home, to=ADDRESS) if m.template == "passkey_enrolled"]
    assert len(told) == 1
    assert "/account#passkeys" in told[0].body
    assert token_of(home, sent, CAROL.name) not in told[0].body


def test_the_old_address_is_told_even_when_it_was_corrected_before_the_letter_left(
    home: House, owner: Person, phone: SoftAuthenticator
) -> None:
    contract = a_sent_contract(home, owner, CAROL)
    token = chosen(home, contract)
    asked = home.ceremony.ask_passkey(token)
    home.ceremony.enrol(token, asked.intent_id, phone.create(dict(asked.options)))
    signer = home.desk.look(owner, contract.id).signers[0]
    home.desk.correct(owner, contract.id, signer.id, email="new@example.org", phone=None)
    work(home)
    assert any(m.template == "passkey_enrolled" for m in inbox(home, to=ADDRESS))
    assert not any(m.template == "passkey_enrolled" for m in inbox(home, to="new@example.org"))
