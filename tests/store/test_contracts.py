"""Contracts in both databases: what is written comes back, one unit at a time changes one, and everything is found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bff.core import contract as c
from bff.core import evidence
from bff.core.contract import Document, SignerState, State
from bff.core.errors import Refusal
from bff.store import Store
from bff.store.contracts import ActOf, Wanted
from bff.store.people import Person
from bff.store.unit import Announcement
from tests.builders import Clock
from tests.databases import ON_BOTH
from tests.store.papers import PAGES, a_contract, a_signer, bob, kept
from tests.together import together

pytestmark = ON_BOTH


# --- what is written comes back ---


def test_a_contract_comes_back_as_it_was_written(store: Store, olga: Person, clock: Clock) -> None:
    shanghai = timezone(timedelta(hours=8))
    contract = a_contract(
        olga,
        bob(),
        a_signer("李雷", "li@example.org", order=2, is_sender=False, language="zh_Hans_CN"),
        title="房屋租赁合同 “A/B” \\ 100% _x_",
        deadline=datetime(2030, 2, 3, 18, 30, tzinfo=shanghai),
        timezone="Asia/Shanghai",
        message="Zeile\nzwei",
        stuck_reason="tsa_down",
        resume=State.SIGNED,
        level="B-B",
        created_at=clock.now(),
    )
    kept(store, contract)
    with store.read() as unit:
        found = unit.contracts.get(contract.id)
        assert found == contract
        assert found.deadline is not None
        assert found.deadline.tzinfo is UTC
        assert unit.contracts.page_sizes(contract.id) == PAGES
        assert unit.contracts.notes(contract.id) == ("repaired",)
        assert unit.contracts.get("no-such-contract") is None


def test_signers_and_fields_keep_their_order_and_go_when_removed(store: Store, olga: Person) -> None:
    first, second, third = (a_signer(n, f"{n}@example.org") for n in ("zoe", "adam", "mia"))
    contract = kept(store, a_contract(olga, first, second, third))
    shuffled = replace(contract, signers=(third, first), fields=(contract.fields[2], contract.fields[0]))
    with store.begin() as unit:
        unit.contracts.put(shuffled)
    with store.read() as unit:
        assert unit.contracts.get(contract.id) == replace(
            shuffled, created_at=unit.contracts.get(contract.id).created_at
        )  # type: ignore[union-attr]


def test_only_the_hash_of_a_link_is_kept_and_a_new_one_replaces_it(store: Store, olga: Person) -> None:
    contract = kept(store, a_contract(olga, bob()))
    signer = contract.signers[0]
    with store.begin() as unit:
        unit.contracts.set_link(signer.id, "first")
        unit.contracts.set_link(signer.id, "second")
    with store.read() as unit:
        assert unit.contracts.by_link("first") is None
        found = unit.contracts.by_link("second")
    assert found is not None
    assert (found[0].id, found[1]) == (contract.id, signer)


def test_choices_intents_acts_revisions_and_copies_come_back(store: Store, olga: Person, clock: Clock) -> None:
    contract = kept(store, a_contract(olga, bob()))
    signer = contract.signers[0]
    with store.begin() as unit:
        unit.contracts.choose(signer.id, {"mark": {"名": "鲍勃"}})
        old = _issued(unit, contract, signer, expires_at=unit.now)
        unit.contracts.void_intents(signer.id, method="sms")
        clock.forward(seconds=1)
    with store.begin() as unit:
        new = _issued(unit, contract, signer, expires_at=unit.now)
        unit.contracts.change_intent(new, tries=2, details={"verifier": "v"})
        act = ActOf(
            signer_id=signer.id,
            contract_id=contract.id,
            intent=b"\x00raw",
            method="sms",
            proof={"p": 1},
            identity={"i": ["x"]},
            mark={"m": None},
            values={"f": "值"},
            language="en",
            evidence_head="00" * 32,
            signed_at=unit.now,
        )
        unit.contracts.add_act(act)
        for _ in range(2):
            unit.contracts.add_revision(contract.id, sha256="cd" * 32, kind="seal", size=9, level="B-LTA")
            unit.contracts.add_replicas(contract.id, sha256="cd" * 32, sites=("A", "B"))
    with store.read() as unit:
        assert unit.contracts.choice(signer.id) == {"mark": {"名": "鲍勃"}}
        assert [i.id for i in unit.contracts.intents_of(signer.id)] == [new, old]
        assert [(i.state, i.tries, i.raw) for i in unit.contracts.intents_of(signer.id, method="sms")] == [
            ("open", 2, b"\x00raw"),
            ("void", 0, b"\x00raw"),
        ]
        assert unit.contracts.act(signer.id) == act
        assert unit.contracts.acts(contract.id) == [act]
        assert [(r.kind, r.level) for r in unit.contracts.revisions(contract.id)] == [("seal", "B-LTA")]
        assert [site for _, site, _ in unit.contracts.replicas(contract.id)] == ["A", "B"]


def _issued(unit, contract, signer, *, expires_at) -> str:  # type: ignore[no-untyped-def]
    made: str = unit.contracts.issue(
        contract_id=contract.id,
        signer_id=signer.id,
        method="sms",
        raw=b"\x00raw",
        details={},
        expires_at=expires_at,
    )
    return made


# --- one commit ---


def test_state_evidence_and_errand_are_committed_together(store: Store, olga: Person, told: list[Announcement]) -> None:
    contract = kept(store, a_contract(olga, bob()))
    with store.begin() as unit:
        unit.step(contract, c.Withdrawn(unit.now), actor=olga.id)
        unit.errand("tell", contract_id=contract.id)
    with store.read() as unit:
        assert unit.contracts.get(contract.id).state is State.WITHDRAWN  # type: ignore[union-attr]
        assert [e.value["kind"] for e in unit.contracts.evidence(contract.id)] == ["withdrawn"]
        assert [e.kind for e in unit.errands.open_of(contract.id)] == ["tell"]
    assert [(e.kind, news.topics) for news in told for e in news.errands] == [("tell", [f"contract:{contract.id}"])]


@pytest.mark.parametrize("failure", [RuntimeError("the machine stops"), Refusal("not_now"), KeyboardInterrupt()])
def test_a_unit_that_raises_leaves_nothing_and_tells_nobody(
    store: Store, olga: Person, told: list[Announcement], failure: BaseException
) -> None:
    contract = kept(store, a_contract(olga, bob()))
    with pytest.raises(type(failure)), store.begin() as unit:  # noqa: PT012 - the block is the unit
        unit.step(contract, c.Withdrawn(unit.now), actor=olga.id)
        unit.errand("tell", contract_id=contract.id)
        raise failure
    with store.read() as unit:
        assert unit.contracts.get(contract.id).state is State.SENT  # type: ignore[union-attr]
        assert unit.contracts.evidence(contract.id) == []
        assert unit.errands.open_of(contract.id) == []
    assert told == []


def test_an_impossible_event_writes_nothing(store: Store, olga: Person) -> None:
    contract = kept(store, a_contract(olga, bob(), state=State.WITHDRAWN))
    with pytest.raises(Refusal, match="contract_withdrawn"), store.begin() as unit:
        unit.step(contract, c.Stuck(unit.now, "x"))
    with store.read() as unit:
        assert unit.contracts.evidence(contract.id) == []


def test_a_reader_has_one_picture_of_everything(store: Store, olga: Person) -> None:
    contract = kept(store, a_contract(olga, bob()))
    with store.read() as reader:
        assert reader.contracts.evidence(contract.id) == []
        with store.begin() as unit:
            unit.step(contract, c.Withdrawn(unit.now))
        assert reader.contracts.evidence(contract.id) == []
        assert reader.contracts.get(contract.id).state is State.SENT  # type: ignore[union-attr]


# --- two writers ---


def test_two_writers_on_one_contract_make_one_unbroken_chain(store: Store, olga: Person) -> None:
    contract = kept(store, a_contract(olga, bob()))

    def write() -> None:
        for _ in range(15):
            with store.begin() as unit:
                found = unit.contracts.get(contract.id)
                assert found is not None
                unit.step(found, c.Noted(unit.now, "read"))

    assert together(write, write, write) == []
    with store.read() as unit:
        entries = unit.contracts.evidence(contract.id)
    assert len(entries) == 45
    assert evidence.check(entries, contract_id=contract.id) is None


def test_who_waited_for_the_lock_sees_what_the_other_wrote(store: Store, olga: Person) -> None:
    """Found by the link, as a signer's request finds it: the second must see the first one's signature."""
    contract = kept(store, a_contract(olga, bob(SignerState.OPENED)))
    signer = contract.signers[0]
    with store.begin() as unit:
        unit.contracts.set_link(signer.id, "token")
    seen: list[SignerState] = []

    def sign() -> None:
        with store.begin() as unit:
            found = unit.contracts.by_link("token")
            assert found is not None
            seen.append(found[1].state)
            signed = replace(found[1], state=SignerState.SIGNED)
            unit.contracts.put(replace(found[0], signers=(signed,)))

    assert together(sign, sign) == []
    assert sorted(seen) == [SignerState.OPENED, SignerState.SIGNED]


# --- finding again ---


def find(store: Store, person: Person, *contacts: str, **wanted: object) -> list[str]:
    with store.read() as unit:
        return [f.title for f in unit.contracts.seen_by(person.id, contacts, Wanted(**wanted))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ({"text": "采购"}, ["设备采购合同 2026"]),
        ({"text": "合同"}, ["房屋租赁合同", "设备采购合同 2026"]),
        ({"text": "韩梅"}, ["房屋租赁合同"]),
        ({"text": "购合"}, ["设备采购合同 2026"]),
        ({"text": "合同 2026"}, ["设备采购合同 2026"]),
        ({"text": "LEASE"}, ["Lease 100%"]),
        ({"text": "100%"}, ["Lease 100%"]),
        ({"text": "%"}, ["Lease 100%"]),
        ({"text": "_"}, []),
        ({"text": "\\"}, []),
        ({"text": "élodie"}, ["Lease 100%"]),
        ({"text": "no such thing"}, []),
        ({"party": "buyer"}, ["设备采购合同 2026"]),
        ({"party": "lease"}, []),
        ({"states": (State.WITHDRAWN,)}, ["房屋租赁合同"]),
        ({"label": "urgent"}, ["Lease 100%"]),
        ({"folder": "Flats"}, ["房屋租赁合同"]),
        ({"limit": 1}, ["Lease 100%"]),
        ({"limit": 1, "offset": 2}, ["设备采购合同 2026"]),
    ],
)
def test_contracts_are_found_in_chinese_and_latin(
    store: Store, olga: Person, clock: Clock, wanted: dict[str, object], titles: list[str]
) -> None:
    kept(store, a_contract(olga, bob(), title="设备采购合同 2026"))
    clock.forward(minutes=1)
    two = kept(
        store, a_contract(olga, a_signer("韩梅梅", "han@example.org"), title="房屋租赁合同", state=State.WITHDRAWN)
    )
    clock.forward(minutes=1)
    three = kept(store, a_contract(olga, a_signer("Élodie", "elodie@example.org"), title="Lease 100%"))
    with store.begin() as unit:
        unit.contracts.set_labels(three.id, olga.id, ["urgent", "urgent", "2026"])
        unit.contracts.set_folder(two.id, "Flats")
    assert find(store, olga, **wanted) == titles


def test_days_bound_a_search(store: Store, olga: Person, clock: Clock) -> None:
    kept(store, a_contract(olga, bob()))
    day = timedelta(days=1)
    assert find(store, olga, since=clock.now(), until=clock.now() + day) == ["Purchase agreement"]
    assert find(store, olga, since=clock.now() + day) == []
    assert find(store, olga, until=clock.now()) == []


def test_who_signs_finds_what_was_sent_to_a_verified_address_and_nothing_else(store: Store, olga: Person) -> None:
    kept(store, a_contract(olga, bob(SignerState.WAITING), title="Not yet their turn"))
    kept(store, a_contract(olga, bob(), title="Theirs"))
    kept(
        store, a_contract(olga, a_signer("Eve", "eve@example.org", state=SignerState.INVITED), title="Somebody else's")
    )
    with store.begin() as unit:
        guest = unit.people.add(name="Bob", language="en", role=None)
    assert find(store, guest, "bob@example.org") == ["Theirs"]
    assert find(store, guest, "+4915112345678") == ["Theirs"]
    assert find(store, guest) == []


def test_overdue_are_only_sent_contracts_past_their_deadline(store: Store, olga: Person, clock: Clock) -> None:
    soon = clock.now() + timedelta(hours=1)
    late = kept(store, a_contract(olga, bob(), deadline=soon))
    for state in (State.PREPARED, State.SIGNED, State.STUCK, State.ARCHIVED):
        kept(store, a_contract(olga, a_signer("Eve", "eve@example.org"), deadline=soon, state=state))
    kept(store, a_contract(olga, a_signer("Eve", "eve@example.org"), deadline=soon + timedelta(seconds=1)))
    with store.read() as unit:
        assert unit.contracts.overdue() == []
    clock.forward(hours=1)
    with store.read() as unit:
        assert unit.contracts.overdue() == [late.id]


def test_a_revision_belongs_to_its_contract(store: Store, olga: Person) -> None:
    one, two = (kept(store, a_contract(olga, a_signer("Eve", "eve@example.org"))) for _ in range(2))
    same = Document(sha256="ef" * 32, pages=1, size=1)
    with store.begin() as unit:
        for each in (one, two):
            unit.contracts.add_revision(each.id, sha256=same.sha256, kind="upload", size=1)
    with store.read() as unit:
        assert [len(unit.contracts.revisions(each.id)) for each in (one, two)] == [1, 1]
