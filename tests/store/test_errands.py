"""Errands and messages in both databases: handed over once while the lease runs, again afterwards, never after the end."""

from datetime import timedelta

from bff.store import Store
from bff.store.people import Person
from tests.builders import Clock
from tests.databases import ON_BOTH
from tests.store.papers import a_contract, bob, kept
from tests.store.test_contracts import together

pytestmark = ON_BOTH
LEASE = timedelta(seconds=60)


def wished(store: Store, kind: str = "seal", **more: object) -> str:
    with store.begin() as unit:
        made = unit.errands.add(
            kind,
            contract_id=None,
            signer_id=None,
            details={"n": 1},
            due_at=unit.now + timedelta(seconds=int(str(more.get("seconds", 0)))),
        )
        return made.id


def claimed(store: Store) -> list[str]:
    with store.begin() as unit:
        return [e.id for e in unit.errands.claim_due(lease=LEASE)]


def test_an_errand_is_handed_over_when_due_and_again_when_its_lease_is_over(store: Store, clock: Clock) -> None:
    errand = wished(store, seconds=10)
    assert claimed(store) == []
    clock.forward(seconds=10)
    assert claimed(store) == [errand]
    assert claimed(store) == []
    clock.forward(seconds=61)
    assert claimed(store) == [errand]


def test_what_is_due_at_once_counts_as_handed_over(store: Store, clock: Clock) -> None:
    errand = wished(store)
    assert claimed(store) == []
    clock.forward(seconds=61)
    assert claimed(store) == [errand]


def test_a_failed_errand_waits_its_pause_and_keeps_the_reason(store: Store, clock: Clock) -> None:
    errand = wished(store)
    with store.begin() as unit:
        unit.errands.start(errand)
        unit.errands.again(errand, error="tsa_down", after=timedelta(seconds=5))
    assert claimed(store) == []
    clock.forward(seconds=5)
    assert claimed(store) == [errand]
    with store.read() as unit:
        found = unit.errands.get(errand)
    assert found is not None
    assert (found.attempts, found.last_error, found.done, found.parked) == (1, "tsa_down", False, False)


def test_what_is_done_parked_or_dropped_is_not_handed_over(store: Store, olga: Person, clock: Clock) -> None:
    done, parked = wished(store), wished(store)
    contract = kept(store, a_contract(olga, bob()))
    with store.begin() as unit:
        unit.errands.finish(done)
        unit.errands.park(parked, error="x")
        unit.errand("remind", contract_id=contract.id)
        unit.errand("tell", contract_id=contract.id)
        unit.errands.drop(contract.id, ["remind"])
    clock.forward(hours=1)
    with store.begin() as unit:
        assert [e.kind for e in unit.errands.claim_due(lease=LEASE)] == ["tell"]
        assert [e.id for e in unit.errands.parked()] == [parked]


def test_two_clocks_never_claim_the_same_errand(store: Store, clock: Clock) -> None:
    errands = sorted(wished(store, seconds=1) for _ in range(30))
    clock.forward(seconds=1)
    taken: list[str] = []

    def claim() -> None:
        for _ in range(6):
            with store.begin() as unit:
                taken.extend(e.id for e in unit.errands.claim_due(lease=LEASE, limit=5))

    assert together(claim, claim, claim) == []
    assert sorted(taken) == errands


def test_a_receipt_finds_its_message_and_a_foreign_one_finds_nothing(store: Store) -> None:
    with store.begin() as unit:
        unit.errands.keep_message(
            errand_id=None,
            contract_id=None,
            signer_id=None,
            channel="sms",
            template="code",
            to="+4915112345678",
            provider="twilio",
            provider_id="SM1",
        )
    with store.begin() as unit:
        assert unit.errands.receipt("SM2", status="delivered") is None
        found = unit.errands.receipt("SM1", status="delivered")
    assert found is not None
    assert found.status == "delivered"
