"""People in both databases: contacts, passkeys, sessions, questions and marks."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import SQLAlchemyError

from bff.core.ports import NewPasskey
from bff.store import Store
from bff.store.people import Person
from tests.builders import Clock
from tests.databases import ON_BOTH
from tests.store.test_contracts import together

pytestmark = ON_BOTH
HOUR = timedelta(hours=1)


def test_an_address_belongs_to_whoever_verified_it_first(store: Store, olga: Person) -> None:
    with store.begin() as unit:
        other = unit.people.add(name="Max", language="en", role=None)
        unit.people.verified(olga.id, "olga@example.org")
        unit.people.verified(other.id, "olga@example.org")
        unit.people.verified(other.id, "+4915112345678")
    with store.read() as unit:
        assert unit.people.by_contact("olga@example.org").id == olga.id  # type: ignore[union-attr]
        assert unit.people.by_contact(None, "", "x@example.org", "+4915112345678").id == other.id  # type: ignore[union-attr]
        assert unit.people.by_contact("x@example.org") is None
        found = unit.people.get(olga.id)
    assert found is not None
    assert (found.email, found.phone) == ("olga@example.org", None)


def test_a_passkey_is_found_used_and_removed_by_its_owner_alone(store: Store, olga: Person) -> None:
    new = NewPasskey(credential_id=b"\x00id", public_key=b"key", sign_count=0, backed_up=True, transports=("internal",))
    with store.begin() as unit:
        unit.people.add_passkey(olga.id, new)
        unit.people.passkey_used(b"\x00id", sign_count=7)
        unit.people.remove_passkey("somebody else", b"\x00id")
    with store.read() as unit:
        [found] = unit.people.passkeys(olga.id)
        assert unit.people.by_handle(olga.handle) == olga
    assert (found.credential_id, found.sign_count, found.backed_up) == (b"\x00id", 7, True)
    with store.begin() as unit:
        unit.people.remove_passkey(olga.id, b"\x00id")
        assert unit.people.passkey(b"\x00id") is None


def test_a_session_ends_when_it_is_over_or_closed_by_its_owner(store: Store, olga: Person, clock: Clock) -> None:
    with store.begin() as unit:
        for token in ("one", "two"):
            unit.people.open_session(olga.id, token_hash=token, lifetime=HOUR, device="d" * 900, address="::1")
    with store.begin() as unit:
        one = unit.people.session("one")
        assert one is not None
        unit.people.close_session("somebody else", one.id)
        assert unit.people.session("one") is not None
        unit.people.close_session(olga.id, one.id)
        assert unit.people.session("one") is None
    clock.forward(hours=1)
    with store.read() as unit:
        assert unit.people.session("two") is None
        assert unit.people.sessions(olga.id) == []


def test_what_nobody_can_use_any_more_is_forgotten(store: Store, olga: Person, clock: Clock) -> None:
    with store.begin() as unit:
        question = unit.people.ask("code", secret=b"s", lifetime=HOUR, contact="o@example.org")
        unit.people.open_session(olga.id, token_hash="t", lifetime=HOUR, device="", address="")
    clock.forward(days=2)
    with store.begin() as unit:
        assert unit.people.questions_asked("o@example.org", since=unit.now - timedelta(days=3)) == 1
        unit.people.forget_expired()
        assert unit.people.questions_asked("o@example.org", since=unit.now - timedelta(days=3)) == 0
        assert unit.people.question(question, "code") is None


@pytest.mark.parametrize("kind", ["passkey", "enrol"])
def test_a_question_answers_only_to_its_kind_and_in_time(store: Store, clock: Clock, kind: str) -> None:
    with store.begin() as unit:
        question = unit.people.ask("code", secret=b"s", lifetime=HOUR, details={"语": 1})
    with store.read() as unit:  # readers ask as well: the errand that carries a code
        assert unit.people.question(question, kind) is None
        found = unit.people.question(question, "code")
    assert found is not None
    assert (found.secret, found.details, found.tries, found.used) == (b"s", {"语": 1}, 0, False)
    clock.forward(hours=1)
    with store.read() as unit:
        assert unit.people.question(question, "code") is None


def test_tries_at_the_same_moment_are_all_counted(store: Store) -> None:
    with store.begin() as unit:
        question = unit.people.ask("code", secret=b"s", lifetime=HOUR)
    seen: list[int] = []

    def attempt() -> None:
        with store.begin() as unit:
            found = unit.people.question(question, "code")
            assert found is not None
            seen.append(found.tries)
            unit.people.tried(question)

    assert together(*[attempt] * 6) == []
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]


def test_the_last_saved_mark_counts(store: Store, olga: Person) -> None:
    with store.begin() as unit:
        unit.people.save_mark(olga.id, {"kind": "typed"})
        unit.people.save_mark(olga.id, {"kind": "drawn"})
    with store.read() as unit:
        assert unit.people.saved_mark(olga.id) == {"kind": "drawn"}
        assert unit.people.saved_mark("nobody") is None


def test_a_failing_statement_is_told_without_what_it_carried(store: Store, olga: Person) -> None:
    """Such an error ends in a log, and no name or address may."""
    with store.begin() as unit:
        unit.people.verified(olga.id, "olga@example.org")
    with pytest.raises(SQLAlchemyError) as caught, store.begin() as unit:
        unit.people.change(olga.id, name=None, role="olga@example.org")
    assert "parameters hidden" in str(caught.value)
