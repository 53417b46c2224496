"""Signing by face: the movements are made from the intent, the verdict is the proof, and everybody can recompute why."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bff.core import gestures
from bff.core import intent as intents
from bff.core.contract import Contract, SignerState, State
from bff.core.enrolment import State as CheckState
from bff.core.enrolment import Way
from bff.core.errors import Refusal
from bff.core.gestures import Pace
from bff.core.identity import Level
from bff.signing.desk import NewSigner
from bff.store import Unit
from bff.store.people import Person
from bff.wiring import House
from tests.builders import BOB, Clock, a_sent_contract, token_of, work
from tests.outsiders import pdfsig
from tests.people import Actor, committed, send, shows_card, shows_face
from tests.realname.conftest import actor, eyes, somebody_else
from tests.realname.conftest import home as home
from tests.signing.browser import browser_verdicts
from tests.soft_authenticator import SoftAuthenticator

__all__ = ["actor", "eyes", "somebody_else"]

LI_LEI = NewSigner(name="李雷", email="lilei@example.org", phone=None, needs=Level.DOCUMENT_FACE)
ORIGIN = "http://localhost:8000"
MARK = {"kind": "typed", "face": "auto"}


@pytest.fixture
def sent(home: House, owner: Person) -> Contract:
    return a_sent_contract(home, owner, LI_LEI)


@pytest.fixture
def token(home: House, sent: Contract) -> str:
    token = token_of(home, sent, "李雷")
    home.ceremony.open(token)
    return token


def known(home: House, token: str, person: Actor) -> str:
    """The signer shows who they are, for this contract; the secret that their browser holds of it."""
    who, contract, signer = home.ceremony.identify(token)
    ticket = home.enrolment.begin(who.id, needed=signer.needs, contract_id=contract.id, signer_id=signer.id)
    shows_card(home, ticket)
    assert shows_face(home, ticket, person).state is CheckState.PASSED
    return ticket


def chosen(home: House, token: str) -> None:
    home.ceremony.choose(token, mark=MARK, values={}, consented=True, language="en")


def signs(home: House, token: str, person: Actor) -> None:
    video, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    send(home, video.id, person.video(challenge))
    home.ceremony.face_recorded(token, video.id, mime="video/mp4")
    work(home)


def test_a_contract_signed_by_face_holds_the_reason_for_every_movement(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor, tmp_path: Path
) -> None:
    known(home, token, actor)
    chosen(home, token)
    signs(home, token, actor)
    after = home.desk.look(owner, sent.id)
    assert after.signers[0].state is SignerState.SIGNED
    assert after.state in (State.SEALED, State.ARCHIVED)
    with home.store.read() as unit:
        act = unit.contracts.act(after.signers[0].id)
    assert act is not None
    intent = intents.read(act.intent)
    again = gestures.derived(
        intent.challenge(), bytes.fromhex(act.proof["nonce"]), pace=Pace(act.proof["pace"]), colours=True
    )
    assert act.proof["gestures"] == again.canonical().decode()
    assert act.proof["verdict"]["challenge_sha256"] == again.sha256()
    assert act.proof["verdict"]["outcome"] == "pass"
    assert intent.issued_at <= act.proof["committed_at"] <= act.proof["recorded_at"]
    assert act.identity["level"] == "document+face"
    assert act.identity["checked"]["name"] == "李雷"
    assert "vector" not in json.dumps(dict(act.proof))
    _, sealed = home.ceremony.sealed(token)
    proves_itself(sealed, home.authority.roots_pem(), tmp_path / "alone", at=home.clock.now() + timedelta(minutes=1))


def proves_itself(sealed: bytes, roots: Sequence[bytes], folder: Path, *, at: datetime) -> None:
    """From the PDF and the roots alone, by the operator's verifier, the browser's and pdfsig."""
    folder.mkdir()
    file, root = folder / "contract.pdf", folder / "roots.pem"
    file.write_bytes(sealed)
    said = browser_verdicts(folder, roots, at=at)["contract"]
    assert said["ok"], said["failed"]
    assert "signer:李雷" in said["held"]
    asked = [sys.executable, "-m", "bff", "verify", file, "--root", root, "--at", at.isoformat(), "--json"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
    (signer,) = json.loads(told.stdout)["signers"]
    assert {"gestures", "verdict", "compared", "identity"} <= {check["name"] for check in signer["checks"]}
    assert signer["known"][0].startswith("Identity document and face were checked on 2026-")
    assert signer["known"][1:] == ["By computer.", "This is the platform's statement."]
    assert all(opinion.valid and opinion.trusted for opinion in pdfsig(file, roots, at=at))


def test_a_face_that_is_checked_anew_meanwhile_signs_nothing_by_the_old_check(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor, clock: Clock
) -> None:
    """The signature would name another check than the one that the face was compared with."""
    known(home, token, actor)
    chosen(home, token)
    video, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    send(home, video.id, actor.video(challenge))
    home.ceremony.face_recorded(token, video.id, mime="video/mp4")
    with home.store.begin() as unit:
        standing = unit.identities.standing(video.person_id)
        assert standing is not None
        newer = replace(standing, check_id=again(unit, standing.check_id), checked_at=unit.now + timedelta(seconds=1))
        unit.identities.add(newer, media=unit.identities.media_of(standing.check_id))
    work(home)
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.OPENED
    attempt = home.ceremony.look(token).face_video
    assert attempt is not None
    assert attempt.verdict == {"reason": "face_enrol_again"}


def again(unit: Unit, check_id: str) -> str:
    """The same check once more, under another id."""
    check = unit.identities.check(check_id)
    assert check is not None
    unit.identities.add_check(replace(check, id="c" * 32), token="t" * 43)
    return "c" * 32


def test_who_is_not_known_cannot_sign_where_the_sender_wants_to_know(home: House, token: str) -> None:
    view = home.ceremony.look(token)
    assert view.lacking == "identity_needed"
    chosen(home, token)
    with pytest.raises(Refusal, match="identity_needed"):
        home.ceremony.ask_passkey(token)
    with pytest.raises(Refusal, match="face_not_enrolled"):
        home.ceremony.ask_face(token, colours=True, slow=False)


def test_a_video_made_for_one_contract_is_refused_on_another(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor
) -> None:
    known(home, token, actor)
    chosen(home, token)
    _, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    other = a_sent_contract(home, owner, LI_LEI)
    second = token_of(home, other, "李雷")
    home.ceremony.open(second)
    chosen(home, second)
    video, _ = home.ceremony.ask_face(second, colours=True, slow=False)
    send(home, video.id, actor.video(challenge))
    home.ceremony.face_recorded(second, video.id, mime="video/mp4")
    work(home)
    assert home.desk.look(owner, other.id).signers[0].state is SignerState.OPENED
    attempt = home.ceremony.look(second).face_video
    assert attempt is not None
    assert attempt.verdict is not None
    assert attempt.verdict["outcome"] == "retry"


def test_somebody_else_cannot_sign_with_their_face(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor, somebody_else: Actor
) -> None:
    known(home, token, actor)
    chosen(home, token)
    signs(home, token, somebody_else)
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.OPENED
    refused = [e.value["data"] for e in home.desk.details(owner, sent.id).evidence if "proof_refused" in str(e.value)]
    assert refused[-1]["code"] == "other_person"


def test_another_name_on_the_document_waits_for_the_sender(home: House, owner: Person, actor: Actor) -> None:
    other = NewSigner(name="Li Lei Trading", email="lilei@example.org", phone=None, needs=Level.DOCUMENT_FACE)
    contract = a_sent_contract(home, owner, other)
    token = token_of(home, contract, "Li Lei Trading")
    home.ceremony.open(token)
    known(home, token, actor)
    assert home.ceremony.look(token).lacking == "identity_name_differs"
    details = home.desk.details(owner, contract.id)
    (signer,) = contract.signers
    home.desk.accept_name(owner, contract.id, signer.id, details.identities[signer.id].check_id)
    assert home.ceremony.look(token).lacking is None


def test_a_link_alone_sets_up_no_device_for_who_was_checked_before(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor
) -> None:
    held = known(home, token, actor)
    other = a_sent_contract(home, owner, LI_LEI)
    second = token_of(home, other, "李雷")
    home.ceremony.open(second)
    assert home.ceremony.look(second).lacking is None
    chosen(home, second)
    with pytest.raises(Refusal, match="passkey_not_enrolled"):
        home.ceremony.ask_passkey(second, held=held)
    chosen(home, token)
    with pytest.raises(Refusal, match="passkey_not_enrolled"):  # the link was forwarded
        home.ceremony.ask_passkey(token)
    assert home.ceremony.ask_passkey(token, held=held).flow == "create"


def test_an_address_is_enough_where_nothing_more_is_wanted(home: House, owner: Person) -> None:
    contract = a_sent_contract(home, owner, BOB)
    token = token_of(home, contract, "Bob Buyer")
    home.ceremony.open(token)
    assert home.ceremony.look(token).lacking is None


def test_an_erased_face_signs_nothing(home: House, owner: Person, sent: Contract, token: str, actor: Actor) -> None:
    known(home, token, actor)
    chosen(home, token)
    video, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    send(home, video.id, actor.video(challenge))
    home.ceremony.face_recorded(token, video.id, mime="video/mp4")
    who, _, _ = home.ceremony.identify(token)
    home.enrolment.erase(who.id)
    work(home)
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.OPENED


def test_the_recording_is_judged_in_time_even_if_the_verdict_is_late(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor, clock: Clock
) -> None:
    known(home, token, actor)
    chosen(home, token)
    video, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    send(home, video.id, actor.video(challenge))
    home.ceremony.face_recorded(token, video.id, mime="video/mp4")
    clock.forward(minutes=20)
    work(home)
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.SIGNED


def test_another_recording_than_the_one_committed_to_signs_nothing(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor, clock: Clock
) -> None:
    """Whoever makes the video after the challenge's time has nothing to send it under."""
    known(home, token, actor)
    chosen(home, token)
    video, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    made, recordings = actor.video(challenge), home.enrolment.recordings
    recordings.add(video.id, offset=0, content=b"", commitment=committed(b"x" * len(made)))
    clock.forward(minutes=2)
    with pytest.raises(Refusal, match="video_recommitted"):
        recordings.add(video.id, offset=0, content=b"", commitment=committed(made))
    recordings.add(video.id, offset=0, content=made[:1_000_000])
    if made[1_000_000:]:
        recordings.add(video.id, offset=1_000_000, content=made[1_000_000:])
    with pytest.raises(Refusal, match="video_differs"):
        home.ceremony.face_recorded(token, video.id, mime="video/mp4")
    work(home)
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.OPENED


def test_signing_by_face_goes_on_where_it_was_after_the_line_was_down(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor, clock: Clock
) -> None:
    known(home, token, actor)
    chosen(home, token)
    video, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    made, recordings = actor.video(challenge), home.enrolment.recordings
    recordings.add(video.id, offset=0, content=made[:1000], commitment=committed(made))
    clock.forward(minutes=3)
    assert recordings.received(video.id).commitment == committed(made)
    recordings.add(video.id, offset=1000, content=made[1000:], commitment=committed(made))
    home.ceremony.face_recorded(token, video.id, mime="video/mp4")
    work(home)
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.SIGNED


def test_what_is_taken_back_between_question_and_proof_is_not_claimed(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor
) -> None:
    """The device was asked while they were known; when it answered, nothing was."""
    held = known(home, token, actor)
    chosen(home, token)
    authenticator = SoftAuthenticator(ORIGIN)
    asked = home.ceremony.ask_passkey(token, held=held)
    asked = home.ceremony.enrol(token, asked.intent_id, authenticator.create(asked.options))
    who, _, _ = home.ceremony.identify(token)
    home.enrolment.erase(who.id)
    with pytest.raises(Refusal, match="identity_needed"):
        home.ceremony.sign_with_passkey(token, asked.intent_id, authenticator.get(asked.options))
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.OPENED


def test_who_is_recognised_too_late_is_not_told_that_they_signed(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor
) -> None:
    """They chose anew while the video was judged: it was for what they chose before."""
    known(home, token, actor)
    chosen(home, token)
    video, challenge = home.ceremony.ask_face(token, colours=True, slow=False)
    send(home, video.id, actor.video(challenge))
    home.ceremony.face_recorded(token, video.id, mime="video/mp4")
    home.ceremony.choose(token, mark={"kind": "typed", "face": "caveat"}, values={}, consented=True, language="en")
    work(home)
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.OPENED
    attempt = home.ceremony.look(token).face_video
    assert attempt is not None
    assert attempt.verdict is not None
    assert attempt.verdict["reason"] == "intent_expired"


def test_a_face_of_another_name_signs_nothing_even_where_no_name_was_asked_for(
    home: House, owner: Person, sent: Contract, token: str, actor: Actor
) -> None:
    known(home, token, actor)
    other = a_sent_contract(home, owner, NewSigner(name="Han Meimei", email="lilei@example.org", phone=None))
    second = token_of(home, other, "Han Meimei")
    home.ceremony.open(second)
    assert home.ceremony.look(second).lacking is None
    assert not home.ceremony.look(second).face_ready
    chosen(home, second)
    with pytest.raises(Refusal, match="identity_name_differs"):
        home.ceremony.ask_face(second, colours=True, slow=False)


def test_the_sender_may_be_the_first_of_two_who_attended(home: House, owner: Person) -> None:
    object.__setattr__(home.enrolment._rules, "reviewers", 2)
    home.account.add_member(owner, name="Second", contact="second@example.org", language="en")
    with home.store.begin() as unit:
        second = unit.people.by_contact("second@example.org")
        assert second is not None
        unit.people.change(second.id, role="owner")
    second = next(p for p in home.account.members() if p.id == second.id)
    contract = a_sent_contract(home, owner, LI_LEI)
    token = token_of(home, contract, "李雷")
    home.ceremony.open(token)
    who, _, signer = home.ceremony.identify(token)
    ticket = home.enrolment.begin(who.id, needed=signer.needs, contract_id=contract.id, signer_id=signer.id)
    check = shows_card(home, ticket, way=Way.ATTENDED)
    home.enrolment.decide(owner, check.id, accepted=True, reason="Seen.", seen="in_person")
    home.enrolment.decide(second, check.id, accepted=True, reason="Seen too.", seen="in_person")
    assert home.ceremony.look(token).lacking is None
