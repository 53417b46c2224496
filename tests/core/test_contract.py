"""The contract's table: every state with every event, and the rules about turns."""

from datetime import UTC, datetime, timedelta

import pytest

from bff.core import contract as c
from bff.core.errors import Refusal

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DOCUMENT = c.Document("a" * 64, 2, 100)
EVENTS = {
    c.Prepared: c.Prepared(NOW, DOCUMENT),
    c.Reopened: c.Reopened(NOW),
    c.Sent: c.Sent(NOW, "{}", "token"),
    c.Opened: c.Opened(NOW, "s1"),
    c.SignedBy: c.SignedBy(NOW, "s1", "sms", "00", DOCUMENT.sha256),
    c.Applied: c.Applied(NOW, "s1", DOCUMENT, "B-T"),
    c.DeclinedBy: c.DeclinedBy(NOW, "s1", "no"),
    c.Withdrawn: c.Withdrawn(NOW),
    c.Expired: c.Expired(NOW),
    c.Corrected: c.Corrected(NOW, "s1", "new@example.org", None),
    c.Postponed: c.Postponed(NOW, NOW + timedelta(days=1), None),
    c.TakenOver: c.TakenOver(NOW, "p2", "Olga", "p", "Max"),
    c.Sealed: c.Sealed(NOW, DOCUMENT, "B-LTA"),
    c.Raised: c.Raised(NOW, DOCUMENT, "B-LTA"),
    c.Renewed: c.Renewed(NOW, DOCUMENT, "B-LTA", NOW, ("A", "B")),
    c.Archived: c.Archived(NOW, ("A", "B")),
    c.Stuck: c.Stuck(NOW, "tsa_down"),
    c.Retried: c.Retried(NOW),
    c.Noted: c.Noted(NOW, "read"),
}


def a_contract(state: c.State, **changes: object) -> c.Contract:
    signer = c.Signer(id="s1", name="Bob", email="b@example.org", state=c.SignerState.OPENED, shown_sha256="a" * 64)
    given: dict[str, object] = {"signers": (signer,), "document": DOCUMENT, "shown": DOCUMENT, **changes}
    return c.Contract(id="c", owner_id="p", title="T", state=state, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", list(c.State))
@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda e: type(e).__name__)
def test_an_event_that_is_not_in_the_table_is_refused(state: c.State, event: c.Event) -> None:
    if (state, type(event)) in c.TABLE:
        pytest.skip("possible")
    with pytest.raises(Refusal):
        c.advance(a_contract(state), event)


def test_every_event_is_in_this_table() -> None:
    assert set(EVENTS) == {kind for _, kind in c.TABLE}


def test_the_last_signature_makes_it_signed_and_applied_signatures_can_be_sealed() -> None:
    signed = c.advance(a_contract(c.State.SENT), EVENTS[c.SignedBy])
    assert signed.state is c.State.SIGNED
    with pytest.raises(Refusal, match="signatures_missing"):
        c.advance(signed, EVENTS[c.Sealed])
    sealed = c.advance(c.advance(signed, EVENTS[c.Applied]), EVENTS[c.Sealed])
    assert (sealed.state, sealed.level) == (c.State.SEALED, "B-LTA")
    assert c.advance(sealed, EVENTS[c.Archived]).state is c.State.ARCHIVED


def test_another_document_than_the_one_shown_cannot_be_signed() -> None:
    other = c.SignedBy(NOW, "s1", "sms", "00", "b" * 64)
    with pytest.raises(Refusal, match="document_changed"):
        c.advance(a_contract(c.State.SENT), other)


def test_nobody_signs_or_sends_after_the_deadline_and_nothing_expires_before_it() -> None:
    late = a_contract(c.State.SENT, deadline=NOW)
    with pytest.raises(Refusal, match="contract_expired"):
        c.advance(late, EVENTS[c.SignedBy])
    assert c.advance(late, EVENTS[c.Expired]).state is c.State.EXPIRED
    with pytest.raises(Refusal, match="deadline_in_the_past"):
        c.advance(a_contract(c.State.PREPARED, deadline=NOW), EVENTS[c.Sent])
    with pytest.raises(Refusal, match="not_now"):
        c.advance(a_contract(c.State.SENT, deadline=NOW + timedelta(days=1)), EVENTS[c.Expired])


def test_the_second_turn_comes_when_the_first_signature_is_in_the_document() -> None:
    first = c.Signer(id="s1", name="A", email="a@x.org", state=c.SignerState.OPENED, shown_sha256="a" * 64)
    second = c.Signer(id="s2", name="B", email="b@x.org", order=2)
    sent = a_contract(c.State.SENT, signers=(first, second))
    assert [s.id for s in sent.turn] == ["s1"]
    signed = c.advance(sent, EVENTS[c.SignedBy])
    assert signed.turn == ()
    applied = c.advance(signed, EVENTS[c.Applied])
    assert [(s.id, s.state) for s in applied.turn] == [("s2", c.SignerState.INVITED)]


def test_stuck_goes_back_to_where_it_was_and_a_signed_contract_cannot_be_withdrawn() -> None:
    signed = c.advance(a_contract(c.State.SENT), EVENTS[c.SignedBy])
    stuck = c.advance(signed, EVENTS[c.Stuck])
    assert c.advance(stuck, EVENTS[c.Retried]).state is c.State.SIGNED
    with pytest.raises(Refusal, match="already_signed_by_everybody"):
        c.advance(stuck, EVENTS[c.Withdrawn])
