"""What waits for a human: who may decide, what they declare, what accepting reaches, and where nobody in the house may."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bff import reviewing
from bff.core.contract import Contract
from bff.core.enrolment import Check, State, Way
from bff.core.errors import Fault, Refusal
from bff.core.identity import Level
from bff.core.ports import SourceAnswer, SourceOutcome
from bff.realname.person import operating
from bff.signing.desk import NewSigner
from bff.store.people import Person
from bff.wiring import House
from tests.biometrics import cards
from tests.builders import Clock, a_sent_contract, inbox, token_of, work
from tests.databases import ON_BOTH

FIELDS = {"name": "李雷", "number": cards.cn_number(), "birth": "1990-03-07", "expiry": "2039-05-06"}
LI_LEI = NewSigner(name="李雷", email="lilei@example.org", phone=None, needs=Level.DOCUMENT_FACE, language="en")
Attend = Callable[..., Check]


class Reader:
    """A reader of documents that says what stands on the card of 李雷."""

    def read(self, photograph: bytes, *, today: date) -> Any:
        return SimpleNamespace(kind="cn_id_front", fields=FIELDS, doubts=(), engine="test", portrait=None)


class Source:
    configured = True

    def __init__(self, outcome: SourceOutcome) -> None:
        self.outcome = outcome

    def ask(self, **_: object) -> SourceAnswer:
        return SourceAnswer(self.outcome, "registry", "ref-1", ("name", "number"))


@pytest.fixture
def li_lei(home: House) -> Person:
    with home.store.begin() as unit:
        person = unit.people.add(name="Li", language="en", role=None)
        unit.people.verified(person.id, LI_LEI.email or "")
    return person


@pytest.fixture
def max_(home: House, owner: Person) -> Person:
    home.account.add_member(owner, name="Max", contact="max@example.org", language="en")
    return member(home, "max@example.org")


def member(home: House, contact: str) -> Person:
    return next(one for one in home.account.members() if contact in one.contacts)


@pytest.fixture
def attend(home: House) -> Attend:
    """Brings a check of this person to the human that they asked for."""
    home.enrolment._documents = lambda: Reader()  # type: ignore[assignment,return-value]

    def attended(who: Person, *, needed: Level = Level.DOCUMENT_FACE, contract: Contract | None = None) -> Check:
        signer = next(s for s in contract.signers if not s.is_sender).id if contract else None
        about = {"contract_id": contract.id if contract else None, "signer_id": signer}
        token = home.enrolment.begin(who.id, needed=needed, **about)
        home.enrolment.consent(token, way=Way.ATTENDED, language="en")
        home.enrolment.photograph(token, b"a photograph")
        work(home)
        home.enrolment.confirm(token, FIELDS)
        return home.enrolment.look(token).check

    return attended


def asks_source(home: House, clock: Clock) -> None:
    for _ in range(5):
        work(home)
        clock.forward(minutes=20)


def now(home: House, check: Check) -> Check:
    with home.store.read() as unit:
        found = unit.identities.check(check.id)
    assert found is not None
    return found


def accepts(home: House, reviewer: Person, check: Check, **more: str) -> Check:
    said = {"reason": "Seen at our office.", "seen": "in_person", **more}
    return home.enrolment.decide(reviewer, check.id, accepted=True, **said)


# --- what is reached ---


@ON_BOTH
def test_who_shows_no_face_reaches_the_highest_level_where_a_source_confirms(
    home: House, owner: Person, li_lei: Person, attend: Attend, clock: Clock
) -> None:
    home.enrolment._source = Source(SourceOutcome.MATCH)
    check = attend(li_lei, needed=Level.DOCUMENT_FACE_SOURCE)
    assert check.state is State.ASKING
    asks_source(home, clock)
    assert (now(home, check).why_review, now(home, check).enough) == ("attended", True)
    accepts(home, owner, check)
    identity = home.enrolment.standing(li_lei.id)
    assert identity is not None
    assert identity.satisfies(Level.DOCUMENT_FACE_SOURCE, now=clock.now())
    assert (identity.level, identity.facts["source"]["outcome"]) == (Level.DOCUMENT, "match")


@pytest.mark.parametrize("outcome", [SourceOutcome.NO_MATCH, SourceOutcome.UNKNOWN, SourceOutcome.NOT_AVAILABLE])
def test_no_acceptance_stands_in_for_a_source_and_the_person_is_told(
    home: House, owner: Person, li_lei: Person, attend: Attend, clock: Clock, outcome: SourceOutcome
) -> None:
    home.enrolment._source = Source(outcome)
    check = attend(li_lei, needed=Level.DOCUMENT_FACE_SOURCE)
    asks_source(home, clock)
    assert (now(home, check).why_review, now(home, check).enough) == (f"source_{outcome}", False)
    accepts(home, owner, check)
    work(home)
    identity = home.enrolment.standing(li_lei.id)
    assert identity is not None
    assert not identity.satisfies(Level.DOCUMENT_FACE_SOURCE, now=clock.now())
    assert identity.satisfies(Level.DOCUMENT_FACE, now=clock.now())
    assert [m.template for m in inbox(home, to="lilei@example.org")] == ["identity_not_enough"]


def test_what_no_source_here_can_confirm_is_not_begun(home: House, li_lei: Person) -> None:
    with pytest.raises(Refusal, match="source_gone"):
        home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE_SOURCE)


# --- who may, and what they declare ---


def test_nobody_is_vouched_for_without_a_declaration(
    home: House, owner: Person, li_lei: Person, attend: Attend
) -> None:
    check = attend(li_lei)
    for seen in ("", "by telephone"):
        with pytest.raises(Refusal, match="declaration_missing"):
            accepts(home, owner, check, seen=seen)
    assert home.enrolment.decide(owner, check.id, accepted=False, reason="Never came.").state is State.REFUSED


@ON_BOTH
def test_a_declaration_stands_in_the_record_and_in_what_a_signature_carries(
    home: House, owner: Person, li_lei: Person, attend: Attend
) -> None:
    check = attend(li_lei)
    accepts(home, owner, check, seen="video")
    with home.store.read() as unit:
        entry = unit.chronicle.entries(f"person:{li_lei.id}")[-1].value["data"]
    identity = home.enrolment.standing(li_lei.id)
    assert identity is not None
    declared = identity.facts["attended"]
    assert (declared["as"], declared["seen"], len(declared["declaration_sha256"])) == ("owner", "video", 64)
    assert {name: entry[name] for name in declared} == declared


def test_the_sender_meets_their_own_signer_and_decides_about_nothing_else(
    home: House, owner: Person, max_: Person, li_lei: Person, attend: Attend
) -> None:
    theirs = attend(li_lei, contract=a_sent_contract(home, max_, LI_LEI))
    work(home)
    assert [r.check.id for r in home.enrolment.pending(max_)] == [theirs.id]
    assert any(m.template == "review_waits" for m in inbox(home, to="max@example.org"))
    with home.store.begin() as unit:
        unit.identities.put(replace(theirs, way=Way.FACE, why_review="match_unsure"))
    assert home.enrolment.pending(max_) == []
    assert home.enrolment.waiting(max_) == 0
    with pytest.raises(Refusal, match="review_unknown"):
        accepts(home, max_, theirs)
    assert [r.check.id for r in home.enrolment.pending(owner)] == [theirs.id]


def test_where_the_sender_has_left_the_house_its_owners_are_told(
    home: House, owner: Person, max_: Person, li_lei: Person, attend: Attend
) -> None:
    contract = a_sent_contract(home, max_, LI_LEI)
    home.account.remove_member(owner, max_.id)
    attend(li_lei, contract=contract)
    work(home)
    assert not any(m.template == "review_waits" for m in inbox(home, to="max@example.org"))
    assert any(m.template == "review_waits" for m in inbox(home, to=owner.contacts[0]))
    assert home.enrolment.waiting(owner) == 1


@ON_BOTH
def test_what_a_sender_saw_serves_the_senders_own_contracts_only(
    home: House, owner: Person, max_: Person, li_lei: Person, attend: Attend
) -> None:
    first = a_sent_contract(home, max_, LI_LEI)
    accepts(home, max_, attend(li_lei, contract=first))
    paper = replace(LI_LEI, needs=Level.DOCUMENT)
    lacking = {}
    for whose in (max_, owner):
        for asked in (LI_LEI, paper):
            sent = a_sent_contract(home, whose, asked)
            lacking[whose.name, asked.needs] = home.ceremony.look(token_of(home, sent, "李雷")).lacking
    assert lacking == {
        ("Max", Level.DOCUMENT_FACE): None,
        ("Max", Level.DOCUMENT): None,
        ("Olga Owner", Level.DOCUMENT_FACE): "identity_needed",
        ("Olga Owner", Level.DOCUMENT): "identity_needed",
    }


# --- where nobody may ---


@ON_BOTH
def test_the_only_owner_is_told_who_may_decide_about_them(home: House, owner: Person, attend: Attend) -> None:
    check = attend(owner)
    work(home)
    (letter,) = (m for m in inbox(home, to="olga@example.org") if m.template.startswith("review"))
    assert letter.template == "review_alone"
    assert "python -m bff review" in letter.body
    home.account.add_member(owner, name="Second", contact="second@example.org", language="en")
    home.account.make_owner(owner, member(home, "second@example.org").id)
    assert accepts(home, member(home, "second@example.org"), check).state is State.PASSED


def test_only_an_owner_makes_a_member_an_owner(home: House, owner: Person, max_: Person, li_lei: Person) -> None:
    with pytest.raises(Refusal, match="owner_only"):
        home.account.make_owner(max_, max_.id)
    with pytest.raises(Refusal, match="no_such_member"):
        home.account.make_owner(owner, li_lei.id)


@ON_BOTH
def test_whoever_operates_the_house_decides_under_a_name_that_stays(
    home: House, owner: Person, attend: Attend, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check = attend(owner)
    reviewing.waiting(home)
    assert check.id in capsys.readouterr().out
    reviewing.show(home, check.id, tmp_path / "compare")
    assert "name: 李雷" in capsys.readouterr().out
    (picture,) = (tmp_path / "compare").iterdir()
    assert (picture.read_bytes(), picture.stat().st_mode & 0o777) == (b"a photograph", 0o600)
    reviewing.decide(home, check.id, accepted=True, name="Ida Operator", reason="Seen.", seen="in_person")
    identity = home.enrolment.standing(owner.id)
    assert identity is not None
    assert identity.attended_by == "operator:Ida Operator"
    assert (identity.facts["attended"]["as"], identity.facts["reviewed_by"]) == ("operator", ["operator:Ida Operator"])


def test_the_operator_is_not_the_person_and_is_one_person(home: House, owner: Person, attend: Attend) -> None:
    object.__setattr__(home.enrolment._rules, "reviewers", 2)
    check = attend(owner)
    says = {"accepted": True, "reason": "Seen.", "seen": "in_person"}
    for name, code in (("李雷", "review_not_oneself"), (" ", "name_missing")):
        with pytest.raises((Fault, Refusal), match=code):
            reviewing.decide(home, check.id, name=name, **says)  # type: ignore[arg-type]
    reviewing.decide(home, check.id, name="Ida", **says)  # type: ignore[arg-type]
    with pytest.raises(Fault, match="review_by_another"):
        reviewing.decide(home, check.id, name="Ada", **says)  # type: ignore[arg-type]
    assert now(home, check).state is State.REVIEW
    assert operating("Ida").role == "operator"


def test_who_waited_in_vain_is_told(home: House, owner: Person, li_lei: Person, attend: Attend, clock: Clock) -> None:
    check = attend(li_lei)
    clock.forward(days=31)
    home.enrolment.sweep()
    work(home)
    assert now(home, check).state is State.ENDED
    assert inbox(home, to="lilei@example.org")[0].template == "identity_lapsed"
