"""An enterprise: the three ways, members, seals and rights, each rule by its name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bff.core import enterprise as e
from bff.core.enterprise import Enterprise, Facts, Role, SealState, State, Way
from bff.core.errors import Refusal
from bff.core.identity import Identity, Level

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FACTS = Facts("示例科技（杭州）有限公司", "CN", "cn.uscc", "91350100M000100Y43", "李雷")
FOUND = {"name": "示例科技(杭州)有限公司", "number": "91350100M000100Y43", "representative": "李雷"}
GERMAN = Facts("Beispiel GmbH", "DE", "eu.vat", "DE136695976", "Anna Beispiel")


def identity(person: str = "li", *, name: str = "李雷", level: Level = Level.DOCUMENT_FACE, days: int = 0) -> Identity:
    checked = NOW - timedelta(days=days)
    return Identity(person, "check-1", level, name, "cn_id", checked, checked + timedelta(days=365))


def vouched(role: str, by: str) -> Identity:
    """Whoever attended took them for the representative."""
    return replace(
        identity(level=Level.DOCUMENT), attended_by=by, facts={"attended": {"as": role}, "reviewed_by": [by]}
    )


def registered(facts: Facts = FACTS, *, by: str = "li") -> Enterprise:
    return e.begin("e1", e.Registered(NOW, by, facts))


def shown(enterprise: Enterprise, found: dict[str, str] | None = None, doubts: tuple[str, ...] = ()) -> Enterprise:
    """With a licence that was read."""
    pictured = e.advance(enterprise, e.LicenceShown(NOW, enterprise.registered_by, "a" * 64))
    return e.advance(pictured, e.LicenceRead(NOW, "", "a" * 64, FOUND if found is None else found, doubts, "paddle"))


def verified() -> Enterprise:
    """Owner li; admin ann, signer sam, viewer vic."""
    proven = e.advance(shown(registered()), e.RepresentativeSeen(NOW, "li", identity()))
    for person, role in (("ann", Role.ADMIN), ("sam", Role.SIGNER), ("vic", Role.VIEWER)):
        proven = e.advance(proven, e.MemberAdded(NOW, "li", person, role))
    return proven


def sealed(until: timedelta = timedelta(days=30)) -> Enterprise:
    """With an approved seal that sam may use."""
    proposed = e.advance(verified(), e.SealProposed(NOW, "ann", "s1", "Contracts", "round", "b" * 64))
    approved = e.advance(proposed, e.SealDecided(NOW, "li", "s1", True))
    return e.advance(approved, e.SealGranted(NOW, "ann", "g1", "s1", "sam", NOW + until))


def ordered() -> Enterprise:
    return e.advance(shown(registered()), e.TransferOrdered(NOW, "li", "r1", "•••• 0123", "c" * 64, "102100099996"))


def asked(enterprise: Enterprise, **answer: str) -> Enterprise:
    """With a register's answer; by default everything agrees."""
    question = e.advance(enterprise, e.RegisterAsked(NOW, enterprise.registered_by, "q1"))
    said = {"outcome": "active", "name": "agrees", "representative": "agrees", **answer}
    return e.advance(question, e.RegisterAnswered(NOW, "", "q1", said))


def refused(code: str, enterprise: Enterprise, event: e.Event) -> None:
    with pytest.raises(Refusal) as caught:
        e.advance(enterprise, event)
    assert caught.value.code == code


# --- registration and licence ---


@pytest.mark.parametrize(
    ("facts", "identifier"),
    [
        (FACTS, "NTRCN-91350100M000100Y43"),
        (GERMAN, "VATDE-136695976"),
        (replace(GERMAN, register="lei", number="529900T8BM49AURSDO55"), "LEIXG-529900T8BM49AURSDO55"),
        (replace(GERMAN, country="JP", register="jp.cn", number="5835678256246"), "NTRJP-5835678256246"),
    ],
)
def test_identifier_is_the_one_of_the_standard(facts: Facts, identifier: str) -> None:
    assert facts.identifier == identifier


def test_a_licence_that_says_the_same_agrees_whatever_its_brackets() -> None:
    licence = shown(registered()).licence
    assert licence is not None
    assert licence.agrees


def test_what_a_licence_says_otherwise_is_named() -> None:
    licence = shown(registered(), {**FOUND, "name": "别的公司", "representative": "韩梅梅"}).licence
    assert licence is not None
    assert licence.differs == ("name", "representative")


def test_a_misread_number_accuses_nobody() -> None:
    licence = shown(registered(), {**FOUND, "number": "91350100M000100Y48"}, ("number_check_digit",)).licence
    assert licence is not None
    assert licence.agrees


def test_correcting_the_facts_is_held_against_the_licence_again() -> None:
    wrong = shown(registered(replace(FACTS, name="示例科技公司")))
    assert wrong.licence is not None
    assert wrong.licence.differs == ("name",)
    mended = e.advance(wrong, e.Amended(NOW, "li", FACTS))
    assert mended.licence is not None
    assert mended.licence.agrees


def test_a_chinese_enterprise_shows_its_licence_first() -> None:
    refused("licence_missing", registered(), e.RepresentativeSeen(NOW, "li", identity()))
    reading = e.advance(registered(), e.LicenceShown(NOW, "li", "a" * 64))
    refused("licence_being_read", reading, e.RepresentativeSeen(NOW, "li", identity()))
    unread = e.advance(reading, e.LicenceRead(NOW, "", "a" * 64, None, ("document_unknown",), "paddle"))
    refused("licence_missing", unread, e.RepresentativeSeen(NOW, "li", identity()))


def test_each_way_refuses_a_licence_that_contradicts_what_it_rests_on() -> None:
    transfer = e.TransferOrdered(NOW, "li", "r1", "•••• 0123", "c" * 64, "1")
    face, letter = e.RepresentativeSeen(NOW, "li", identity()), e.LetterSent(NOW, "li", "c1")
    for event in (transfer, face, letter):
        refused("licence_says_otherwise", shown(registered(), {**FOUND, "number": "91110000600037341L"}), event)
    other = shown(registered(), {**FOUND, "representative": "韩梅梅"})
    for event in (face, letter):
        refused("licence_says_otherwise", other, event)
    assert e.advance(other, transfer).transfer is not None
    refused("licence_says_otherwise", shown(registered(), {**FOUND, "name": "别的公司"}), transfer)


# --- way one: the representative's face ---


def test_the_representative_proves_it_with_their_face() -> None:
    proven = e.advance(shown(registered()), e.RepresentativeSeen(NOW, "li", identity()))
    assert (proven.state, proven.role("li")) == (State.VERIFIED, Role.OWNER)
    assert proven.proof is not None
    assert (proven.proof.way, proven.proof.facts["licence"]) == (Way.REPRESENTATIVE, "agrees")
    assert proven.proof.facts["level"] == "document+face"


def test_without_a_licence_the_proof_says_so() -> None:
    proven = e.advance(registered(GERMAN), e.RepresentativeSeen(NOW, "li", identity(name="BEISPIEL, Anna")))
    assert proven.proof is not None
    assert proven.proof.facts["licence"] == "none"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (identity(name="韩梅梅"), "representative_another"),
        (identity(level=Level.DOCUMENT), "representative_not_checked"),
        (identity(days=366), "representative_not_checked"),
        (vouched("sender", "mia"), "representative_vouched"),
        (identity("somebody"), "enterprise_not_allowed"),
    ],
)
def test_nobody_else_is_taken_for_the_representative(who: Identity, code: str) -> None:
    refused(code, shown(registered()), e.RepresentativeSeen(NOW, "li", who))


# --- way two: what the bank statement says ---


def test_sum_and_code_prove_the_account() -> None:
    paid = e.advance(ordered(), e.TransferPaid(NOW, "", "r1", "bank", "B-1"))
    proven = e.advance(paid, e.StatementEntered(NOW + timedelta(days=2), "li", "r1", True))
    assert proven.state is State.VERIFIED
    assert proven.proof is not None
    assert (proven.proof.way, proven.proof.facts["tries"]) == (Way.ACCOUNT, 1)


def test_three_wrong_answers_void_the_transfer() -> None:
    tried = ordered()
    for _ in range(3):
        tried = e.advance(tried, e.StatementEntered(NOW, "li", "r1", False))
    assert (tried.transfer, tried.trouble, tried.state) == (None, "transfer_void", State.REGISTERED)
    refused("no_transfer", tried, e.StatementEntered(NOW, "li", "r1", True))


def test_after_seven_days_the_right_answer_is_too_late() -> None:
    last = e.StatementEntered(NOW + timedelta(days=7, seconds=-1), "li", "r1", True)
    assert e.advance(ordered(), last).state is State.VERIFIED
    refused("transfer_too_late", ordered(), e.StatementEntered(NOW + timedelta(days=7), "li", "r1", True))


def test_a_failed_transfer_makes_room_for_another_until_there_were_three() -> None:
    again = ordered()
    for number in (2, 3):
        again = e.advance(
            again, e.TransferFailed(NOW, "", again.transfer.reference if again.transfer else "", "closed")
        )
        assert again.trouble == "transfer_failed"
        again = e.advance(again, e.TransferOrdered(NOW, "li", f"r{number}", "•••• 0123", "c" * 64, "1"))
    over = e.advance(again, e.TransferFailed(NOW, "", "r3", "closed"))
    refused("too_many_transfers", over, e.TransferOrdered(NOW, "li", "r4", "•••• 0123", "c" * 64, "1"))


def test_while_one_way_is_under_way_no_other_begins_and_no_fact_changes() -> None:
    for event in (
        e.LetterSent(NOW, "li", "c1"),
        e.RepresentativeSeen(NOW, "li", identity()),
        e.Amended(NOW, "li", FACTS),
        e.LicenceShown(NOW, "li", "d" * 64),
    ):
        refused("proving_already", ordered(), event)
    free = e.advance(ordered(), e.Abandoned(NOW, "li", "given_up"))
    assert e.advance(free, e.LetterSent(NOW, "li", "c1")).letter is not None


# --- way three: the letter ---


def lettered() -> Enterprise:
    return e.advance(shown(registered(by="agent")), e.LetterSent(NOW, "agent", "c1"))


def test_a_letter_signed_by_the_representative_makes_its_agent_the_owner() -> None:
    proven = e.advance(lettered(), e.LetterSigned(NOW, "", "c1", "d" * 64, identity("li")))
    assert (proven.state, proven.role("agent"), proven.role("li")) == (State.VERIFIED, Role.OWNER, None)
    assert proven.proof is not None
    assert proven.proof.facts["document_sha256"] == "d" * 64


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (identity("x", name="韩梅梅"), "representative_another"),
        (identity("li", level=Level.CONTACT), "representative_not_checked"),
        (vouched("sender", "mia"), "representative_vouched"),
        (vouched("owner", "agent"), "representative_vouched"),
        (replace(identity(), facts={"reviewed_by": ["agent"]}), "representative_vouched"),
    ],
)
def test_a_letter_signed_by_anybody_else_proves_nothing(who: Identity, code: str) -> None:
    refused(code, lettered(), e.LetterSigned(NOW, "", "c1", "d" * 64, who))


def test_an_owner_without_a_part_in_it_may_have_seen_the_representative() -> None:
    for who in (vouched("owner", "olga"), replace(identity(), facts={"reviewed_by": ["olga"]})):
        proven = e.advance(lettered(), e.LetterSigned(NOW, "", "c1", "d" * 64, who))
        assert proven.state is State.VERIFIED


def test_another_contract_is_no_letter() -> None:
    refused("no_letter", lettered(), e.LetterSigned(NOW, "", "c2", "d" * 64, identity("li")))


# --- members ---


def test_admins_give_the_roles_that_govern_nothing() -> None:
    assert e.advance(verified(), e.MemberAdded(NOW, "ann", "new", Role.SIGNER)).role("new") is Role.SIGNER
    for role in (Role.OWNER, Role.ADMIN):
        refused("enterprise_not_allowed", verified(), e.MemberAdded(NOW, "ann", "new", role))
        refused("enterprise_not_allowed", verified(), e.RoleChanged(NOW, "ann", "sam", role))
    refused("enterprise_not_allowed", verified(), e.RoleChanged(NOW, "ann", "li", Role.VIEWER))
    refused("enterprise_not_allowed", verified(), e.MemberRemoved(NOW, "ann", "li"))


@pytest.mark.parametrize("by", ["sam", "vic", "stranger"])
def test_others_change_nothing(by: str) -> None:
    for event in (
        e.MemberAdded(NOW, by, "new", Role.VIEWER),
        e.RoleChanged(NOW, by, "vic", Role.SIGNER),
        e.SealProposed(NOW, by, "s2", "x", "round", "b" * 64),
        e.SealGranted(NOW, by, "g2", "s1", "sam", NOW + timedelta(days=1)),
        e.GrantRevoked(NOW, by, "g1"),
        e.SealRetired(NOW, by, "s1"),
        e.Ended(NOW, by),
    ):
        refused("enterprise_not_allowed", sealed(), event)


def test_the_last_owner_stays() -> None:
    refused("last_owner", verified(), e.MemberRemoved(NOW, "li", "li"))
    refused("last_owner", verified(), e.RoleChanged(NOW, "li", "li", Role.ADMIN))
    two = e.advance(verified(), e.RoleChanged(NOW, "li", "ann", Role.OWNER))
    assert e.advance(two, e.MemberRemoved(NOW, "li", "li")).role("li") is None


def test_nobody_is_a_member_twice() -> None:
    refused("member_already", verified(), e.MemberAdded(NOW, "li", "sam", Role.ADMIN))


# --- seals and rights ---


def test_a_member_uses_the_seal_until_the_day_that_was_given() -> None:
    seal, grant = e.right(sealed(), "sam", now=NOW + timedelta(days=29))
    assert (seal.id, grant.id) == ("s1", "g1")
    with pytest.raises(Refusal, match="right_to_seal_over"):
        e.right(sealed(), "sam", now=NOW + timedelta(days=30))


@pytest.mark.parametrize(
    ("person", "code"), [("stranger", "not_a_member"), ("vic", "no_right_to_seal"), ("li", "no_right_to_seal")]
)
def test_without_a_grant_nobody_seals_not_even_the_owner(person: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        e.right(sealed(), person, now=NOW)


def test_a_removed_member_seals_no_more_even_when_added_again() -> None:
    gone = e.advance(sealed(), e.MemberRemoved(NOW, "li", "sam"))
    back = e.advance(gone, e.MemberAdded(NOW, "li", "sam", Role.SIGNER))
    with pytest.raises(Refusal, match="right_to_seal_over"):
        e.right(back, "sam", now=NOW)


def test_a_member_who_became_a_viewer_seals_no_more() -> None:
    with pytest.raises(Refusal, match="no_right_to_seal"):
        e.right(e.advance(sealed(), e.RoleChanged(NOW, "li", "sam", Role.VIEWER)), "sam", now=NOW)


def test_retired_seal_and_revoked_grant_end_the_right() -> None:
    with pytest.raises(Refusal, match="no_right_to_seal"):
        e.right(e.advance(sealed(), e.SealRetired(NOW, "li", "s1")), "sam", now=NOW)
    with pytest.raises(Refusal, match="right_to_seal_over"):
        e.right(e.advance(sealed(), e.GrantRevoked(NOW, "ann", "g1")), "sam", now=NOW)


def test_an_enterprise_whose_proof_is_a_year_old_acts_no_more_until_it_is_renewed() -> None:
    later = NOW + timedelta(days=366)
    forever = sealed(timedelta(days=1000))
    with pytest.raises(Refusal, match="enterprise_proof_old"):
        e.right(forever, "sam", now=later)
    fresh = replace(identity(), checked_at=later, valid_until=later + timedelta(days=365))
    renewed = e.advance(forever, e.RepresentativeSeen(later, "li", fresh))
    assert e.right(renewed, "sam", now=later)[1].id == "g1"


def test_an_owner_alone_approves_and_only_what_was_proposed() -> None:
    proposed = e.advance(verified(), e.SealProposed(NOW, "ann", "s1", "Contracts", "round", "b" * 64))
    refused("enterprise_not_allowed", proposed, e.SealDecided(NOW, "ann", "s1", True))
    refused("seal_not_approved", proposed, e.SealGranted(NOW, "li", "g1", "s1", "sam", NOW + timedelta(days=1)))
    rejected = e.advance(proposed, e.SealDecided(NOW, "li", "s1", False))
    assert rejected.seal("s1").state is SealState.REJECTED
    refused("seal_decided_already", rejected, e.SealDecided(NOW, "li", "s1", True))


def test_a_viewer_is_given_no_seal_and_no_right_is_for_ever() -> None:
    refused("viewers_do_not_seal", sealed(), e.SealGranted(NOW, "li", "g2", "s1", "vic", NOW + timedelta(days=1)))
    for until in (NOW, NOW + timedelta(days=6 * 366)):
        refused("grant_until_unreadable", sealed(), e.SealGranted(NOW, "li", "g2", "s1", "sam", until))


def test_using_a_seal_is_recorded_only_by_whom_it_was_given_to() -> None:
    assert e.advance(sealed(), e.SealUsed(NOW, "sam", "g1", "c1", "x", "f" * 64)) == sealed()
    refused("no_right_to_seal", sealed(), e.SealUsed(NOW, "ann", "g1", "c1", "x", "f" * 64))


def test_an_ended_enterprise_does_nothing_more() -> None:
    ended = e.advance(sealed(), e.Ended(NOW, "li"))
    refused("enterprise_ended", ended, e.MemberAdded(NOW, "li", "new", Role.VIEWER))
    with pytest.raises(Refusal, match="enterprise_not_proven"):
        e.right(ended, "sam", now=NOW)


def test_before_it_is_proven_it_has_neither_members_nor_seals() -> None:
    refused("enterprise_not_now", registered(), e.MemberAdded(NOW, "li", "new", Role.VIEWER))
    refused("enterprise_not_now", registered(), e.SealProposed(NOW, "li", "s1", "x", "round", "b" * 64))


def test_events_hold_neither_account_number_nor_face() -> None:
    text = str(e.TransferOrdered(NOW, "li", "r1", "•••• 0123", "c" * 64, "1").data())
    text += str(e.RepresentativeSeen(NOW, "li", replace(identity(), facts={"portrait": "x"})).data())
    assert "portrait" not in text
    assert "•••• 0123" in text


# --- the trade register ---


def test_a_register_that_is_being_asked_is_waited_for() -> None:
    waiting = e.advance(shown(registered()), e.RegisterAsked(NOW, "li", "q1"))
    refused("register_being_asked", waiting, e.RepresentativeSeen(NOW, "li", identity()))
    refused("enterprise_not_now", waiting, e.RegisterAnswered(NOW, "", "another", {"outcome": "active"}))
    assert e.advance(asked(shown(registered())), e.RepresentativeSeen(NOW, "li", identity())).state is State.VERIFIED


def test_only_an_owner_asks_and_not_while_a_way_is_under_way() -> None:
    refused("enterprise_not_allowed", verified(), e.RegisterAsked(NOW, "ann", "q1"))
    refused("proving_already", ordered(), e.RegisterAsked(NOW, "li", "q1"))


def test_facts_that_change_have_not_been_asked_about() -> None:
    assert e.advance(asked(registered()), e.Amended(NOW, "li", replace(FACTS, name="别的公司"))).asked is None


def test_a_register_that_is_silent_takes_nothing_back() -> None:
    """Asking again while it is away makes nobody forget what it said."""
    unknown = asked(shown(registered()), outcome="unknown")
    again = e.advance(e.advance(unknown, e.Amended(NOW, "li", FACTS)), e.RegisterAsked(NOW, "li", "q2"))
    silent = e.advance(again, e.RegisterAnswered(NOW, "", "q2", {"outcome": "not_available"}))
    refused("register_says_otherwise", silent, e.RepresentativeSeen(NOW, "li", identity()))
    third = asked(e.advance(silent, e.RegisterAsked(NOW, "li", "q3")), outcome="not_available")
    refused("register_says_otherwise", third, e.RepresentativeSeen(NOW, "li", identity()))
    assert e.advance(asked(third), e.RepresentativeSeen(NOW, "li", identity())).state is State.VERIFIED


def test_nobody_signs_for_what_the_register_has_struck_off() -> None:
    gone = asked(sealed(), outcome="inactive")
    with pytest.raises(Refusal, match="enterprise_struck_off"):
        e.right(gone, "sam", now=NOW)
    for again in (e.advance(gone, e.RegisterAsked(NOW, "li", "q2")), asked(gone, outcome="not_available")):
        with pytest.raises(Refusal, match="enterprise_struck_off"):
            e.right(again, "sam", now=NOW)
    assert e.right(asked(gone), "sam", now=NOW)
    assert e.right(asked(sealed(), representative="differs"), "sam", now=NOW)
    assert e.right(asked(sealed(), outcome="not_available"), "sam", now=NOW)
