"""What happens around sending: one's own signature on its way, a deadline that passed, two presses, and a member who left."""

from datetime import timedelta
from pathlib import Path

import pytest

from bff.core.contract import Contract, SignerState, State
from bff.core.errors import Fault, Refusal
from bff.core.ports import Timestamps
from bff.signing.desk import NewSigner
from bff.store.people import Person
from bff.wiring import House
from tests.builders import BOB, Clock, a_draft, a_pdf, a_sent_contract, inbox, token_of, work
from tests.databases import ON_BOTH

TYPED = {"kind": "typed", "face": "auto"}
MINE = "+4915112345670"


@pytest.fixture
def member(home: House, owner: Person) -> Person:
    home.account.add_member(owner, name="Max Member", contact="max@example.org", language="en")
    with home.store.begin() as unit:
        person = unit.people.by_contact("max@example.org")
        assert person is not None
        unit.people.verified(person.id, MINE)
        found = unit.people.get(person.id)
    assert found is not None
    return found


def prepared(home: House, sender: Person, *, deadline: object = None) -> Contract:
    """With Bob, and signed by the sender first; the signature is not in the document yet."""
    draft = a_draft(home, sender)
    mine = NewSigner(sender.name, sender.email, MINE, is_sender=True)
    home.desk.name_signers(sender, draft.id, [mine, BOB])
    home.desk.set_terms(
        sender,
        draft.id,
        title="Lease",
        message="",
        deadline=deadline,
        timezone="UTC",
        language="en",  # type: ignore[arg-type]
    )
    return home.desk.prepare(sender, draft.id)


def sign_first(home: House, sender: Person, contract: Contract) -> None:
    token = home.desk.own_link(sender, contract.id).rsplit("/", 1)[1]
    home.ceremony.choose(token, mark=TYPED, values={}, consented=True, language="en")
    issued = home.ceremony.send_code(token, address="192.0.2.1")
    code = inbox(home, to=MINE)[0].body.rsplit("#", 1)[1].strip()
    home.ceremony.sign_with_code(token, issued.id, code)


# --- sending while one's own signature is on its way ---


class Meanwhile:
    """A time stamp service in whose time the worker puts the sender's signature into the document."""

    def __init__(self, home: House, inner: Timestamps) -> None:
        self._home, self._inner, self.asked = home, inner, 0

    def timestamp(self, digest: bytes) -> bytes:
        self.asked += 1
        if self.asked == 1:
            work(self._home)
        return self._inner.timestamp(digest)


def test_sending_waits_for_ones_own_signature_by_itself(home: House, member: Person) -> None:
    contract = prepared(home, member)
    sign_first(home, member, contract)
    service = Meanwhile(home, home.timestamps)
    home.desk._timestamps = service
    sent = home.desk.send(member, contract.id)
    assert service.asked == 2
    assert (sent.state, sent.signers[0].applied) == (State.SENT, True)
    entry = next(e for e in home.desk.details(member, contract.id).evidence if e.value["kind"] == "sent")
    assert sent.document is not None
    assert sent.document.sha256 in entry.value["data"]["statement"]


# --- the deadline passed before sending ---


def test_after_a_missed_deadline_a_new_one_lets_it_be_sent(home: House, member: Person, clock: Clock) -> None:
    contract = prepared(home, member, deadline=clock.now() + timedelta(hours=1))
    sign_first(home, member, contract)
    work(home)
    clock.forward(hours=2)
    with pytest.raises(Refusal, match="deadline_in_the_past"):
        home.desk.send(member, contract.id)
    with pytest.raises(Refusal, match="deadline_in_the_past"):
        home.desk.postpone(member, contract.id, deadline=clock.now())
    later = clock.now() + timedelta(days=3)
    home.desk.postpone(member, contract.id, deadline=later)
    sent = home.desk.send(member, contract.id)
    assert (sent.state, sent.deadline, sent.signers[0].state) == (State.SENT, later, SignerState.SIGNED)
    kinds = [e.value["kind"] for e in home.desk.details(member, contract.id).evidence]
    assert "postponed" in kinds
    with pytest.raises(Refusal, match="not_now"):
        home.desk.postpone(member, contract.id, deadline=later + timedelta(days=1))


# --- pressed twice ---


def upload(home: House, owner: Person, path: Path, press: str) -> Contract:
    return home.desk.upload(owner, path, filename="Lease.pdf", press=press)


@ON_BOTH
def test_the_same_press_makes_one_draft(home: House, owner: Person, tmp_path: Path, clock: Clock) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(a_pdf())
    other.write_bytes(a_pdf(pages=3))
    first = upload(home, owner, path, "press-1")
    assert upload(home, owner, path, "press-1").id == first.id
    assert upload(home, owner, other, "press-1").id != first.id
    assert upload(home, owner, path, "press-2").id != first.id
    assert upload(home, owner, path, "").id != first.id
    clock.forward(hours=1)
    assert upload(home, owner, path, "press-1").id != first.id, "the same file again, on purpose"


@ON_BOTH
def test_of_two_drafts_under_one_id_the_second_is_not_added(home: House, owner: Person) -> None:
    draft = a_draft(home, owner)
    with home.store.begin() as unit:
        assert not unit.contracts.add_once(draft, pages=())
        assert unit.contracts.get(draft.id) == draft


# --- what a member left behind ---


def test_the_owner_takes_over_what_a_member_left(home: House, owner: Person, member: Person) -> None:
    sent = a_sent_contract(home, member, BOB)
    with pytest.raises(Refusal, match="still_a_member"):
        home.desk.take_over(owner, member.id)
    home.account.remove_member(owner, member.id)
    with pytest.raises(Refusal, match="no_such_contract"):
        home.desk.withdraw(owner, sent.id)
    (left,) = home.desk.left_behind(owner)
    assert (left.name, left.contracts, left.unfinished) == ("Max Member", 1, 1)
    assert home.desk.take_over(owner, member.id) == 1
    assert home.desk.left_behind(owner) == []
    assert home.desk.withdraw(owner, sent.id).state is State.WITHDRAWN
    entry = next(e for e in home.desk.details(owner, sent.id).evidence if e.value["kind"] == "taken_over")
    assert entry.value["actor"] == owner.id
    assert (entry.value["data"]["name"], entry.value["data"]["before_name"]) == ("Olga Owner", "Max Member")


def test_only_the_houses_owner_takes_over(home: House, owner: Person, member: Person) -> None:
    a_sent_contract(home, owner, BOB)
    for act in (lambda: home.desk.left_behind(member), lambda: home.desk.take_over(member, owner.id)):
        with pytest.raises(Refusal, match="owner_only"):
            act()


def test_a_sender_who_left_before_signing_is_asked_like_everybody_else(
    home: House, owner: Person, member: Person
) -> None:
    contract = prepared(home, member)
    home.desk.send(member, contract.id)
    work(home)
    home.account.remove_member(owner, member.id)
    home.desk.take_over(owner, member.id)
    work(home)
    taken = home.desk.look(owner, contract.id)
    assert not any(s.is_sender for s in taken.signers)
    letter = next(m for m in inbox(home, to="max@example.org") if m.template == "invitation")
    assert token_of(home, taken, "Max Member") in letter.body
    assert "Olga Owner" in letter.body


# --- the book of time stamps ---


def test_a_book_that_takes_nothing_means_no_time_stamp(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bff.signing.authority.secrets.randbits", lambda bits: 7)
    home.timestamps.timestamp(bytes(32))
    with pytest.raises(Fault, match="refused to write a time stamp") as caught:
        home.timestamps.timestamp(bytes(32))
    assert caught.value.code == "tsa_down"
