"""Renewal by the archive's own clock: once, in time, by whoever comes first, and with nothing lost when it fails."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bff import clock as clock_unit
from bff.core import evidence
from bff.core.contract import RENEW_AHEAD, Contract, State
from bff.core.errors import Fault
from bff.core.ports import Kept
from bff.signing import judging
from bff.signing.authority import Authority
from bff.store.people import Person
from bff.wiring import House
from tests.builders import a_sealed_contract, work
from tests.databases import ON_BOTH

DUE = timedelta(days=8 * 365 + 30)
"""After this a ten years' certificate is in its last fifth."""


@pytest.fixture
def archived(home: House, owner: Person) -> Contract:
    return a_sealed_contract(home, owner)


def now(home: House, owner: Person, contract: Contract) -> Contract:
    return home.desk.look(owner, contract.id)


def events(home: House, contract: Contract, kind: str) -> list[dict[str, Any]]:
    with home.store.read() as unit:
        return [e.value["data"] for e in unit.contracts.evidence(contract.id) if e.value["kind"] == kind]


def age(home: House, by: timedelta) -> None:
    home.clock.moment += by  # type: ignore[attr-defined]


def test_a_sealed_contract_knows_until_when_it_proves_and_when_it_is_renewed(home: House, archived: Contract) -> None:
    ends = home.authority.tsa.certificate.not_valid_after_utc
    assert archived.stamped_until == ends
    assert archived.renew_at is not None
    assert timedelta() < ends - archived.renew_at <= RENEW_AHEAD
    (sealed,) = events(home, archived, "sealed")
    assert sealed["stamped_until"] == ends.isoformat()


def test_nothing_is_renewed_before_its_time(home: House, owner: Person, archived: Contract) -> None:
    age(home, timedelta(days=7 * 365))
    assert home.renewal.look() == 0
    home.renewal.renew(archived.id)
    assert now(home, owner, archived).document == archived.document
    assert len(home.authority.certificates("tsa")) == 1


@ON_BOTH
def test_a_contract_is_renewed_once_and_stays_archived(home: House, owner: Person, archived: Contract) -> None:
    age(home, DUE)
    assert (home.renewal.look(), home.renewal.look()) == (1, 0)
    work(home)
    after = now(home, owner, archived)
    assert (after.state, after.level) == (State.ARCHIVED, "B-LTA")
    assert after.document != archived.document
    assert archived.document is not None
    assert after.document is not None
    old, new = home.archive.read(archived.document.sha256), home.archive.read(after.document.sha256)
    assert new.startswith(old)
    assert home.archive.sites_of(after.document.sha256) == ("A", "B")
    ends = home.authority.certificates("tsa")[-1].not_valid_after_utc
    assert after.stamped_until == ends > home.clock.now() + timedelta(days=3600)
    (renewed,) = events(home, archived, "renewed")
    assert renewed == {
        "level": "B-LTA",
        "document_sha256": after.document.sha256,
        "pages": after.document.pages,
        "bytes": len(new),
        "stamped_until": ends.isoformat(),
        "sites": ["A", "B"],
    }
    home.renewal.renew(archived.id)
    assert (home.renewal.look(), events(home, archived, "renewed")) == (0, [renewed])
    with home.store.read() as unit:
        assert evidence.check(unit.contracts.evidence(archived.id), contract_id=archived.id) is None
        assert [r.kind for r in unit.contracts.revisions(archived.id)].count("renewed") == 1


def test_the_clock_has_it_done(home: House, owner: Person, archived: Contract) -> None:
    age(home, DUE)
    clock_unit.look_at_time_stamps(home)
    work(home)
    assert len(events(home, archived, "renewed")) == 1


def test_a_renewed_contract_proves_itself_after_the_first_certificates_have_ended(
    home: House, owner: Person, archived: Contract
) -> None:
    age(home, DUE)
    home.renewal.look()
    work(home)
    age(home, timedelta(days=9 * 365))
    roots = home.authority.roots_pem()
    verdict = judging.judge(home.history.bundle(archived.id), roots=roots, at=home.clock.now())
    assert [check.name for check in verdict.checks if not check.ok] == []
    assert archived.document is not None
    unrenewed = home.archive.read(archived.document.sha256)
    assert not any(v.ok for v in home.pades.check(unrenewed) if v.kind != "timestamp")


def test_two_workers_at_once_leave_one_renewal(home: House, owner: Person, archived: Contract) -> None:
    age(home, DUE)
    home.authority.rotate_if_old(home.clock.now())
    pades, slow = home.pades, home.renewal
    calls: list[int] = []

    def renew(content: bytes) -> Any:
        calls.append(1)
        if len(calls) == 1:
            slow.renew(archived.id)  # the other worker, from beginning to end
        return pades.renew(content)

    slow._pades = lambda: SimpleNamespace(renew=renew, stamped_until=pades.stamped_until)  # type: ignore[assignment, return-value]
    slow.renew(archived.id)
    assert len(calls) == 2
    (renewed,) = events(home, archived, "renewed")
    document = now(home, owner, archived).document
    assert document is not None
    assert renewed["document_sha256"] == document.sha256


def test_while_the_sites_are_away_nothing_changes_and_the_errand_waits(
    home: House, owner: Person, archived: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(home, DUE)
    home.renewal.look()

    def away(content: bytes) -> Kept:
        raise Fault("archive_quorum", what="One site only.", do="Mount the other.")

    with monkeypatch.context() as patch:
        patch.setattr(type(home.archive), "keep", lambda self, content: away(content))
        for _ in range(8):
            work(home, rounds=1)
            age(home, timedelta(hours=1))
    same = now(home, owner, archived)
    assert (same.state, same.document, same.stuck_reason) == (State.ARCHIVED, archived.document, None)
    work(home)
    assert len(events(home, archived, "renewed")) == 1


def test_without_a_newer_certificate_there_is_no_renewal_and_doctor_says_so(
    home: House, owner: Person, archived: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bff import doctor

    monkeypatch.setattr(Authority, "rotate_if_old", lambda self, now: ())
    home.__dict__.pop("renewal", None)
    age(home, DUE)
    assert home.renewal.look() == 0
    home.renewal.renew(archived.id)
    assert events(home, archived, "renewed") == []

    def line() -> doctor.Check:
        return next(check for check in doctor.run(home) if check.name == "renewal")

    assert (line().state, "tsa, seal" in line().said) == ("warn", True)
    age(home, timedelta(days=2 * 365))
    assert line().state == "fail"


def test_a_file_of_the_release_before_is_looked_into_once(home: House, owner: Person, archived: Contract) -> None:
    with home.store.begin() as unit:
        unit.contracts.put_times(archived.id, stamped_until=None, renew_at=None)
    assert home.renewal.look() == 1
    work(home)
    after = now(home, owner, archived)
    assert after.stamped_until == archived.stamped_until
    assert after.renew_at is not None
    assert archived.renew_at is not None
    assert abs(after.renew_at - archived.renew_at) < timedelta(days=1)
    assert after == dataclasses.replace(archived, renew_at=after.renew_at)
    assert (home.renewal.look(), events(home, archived, "renewed")) == (0, [])


@pytest.mark.parametrize("make", [lambda home: home.own_timestamps.timestamp(b"d" * 32)])
def test_every_token_of_the_house_is_in_the_book(home: House, make: Callable[[House], bytes]) -> None:
    from rfc3161_client import decode_timestamp_response

    from bff.signing.authority import _granted

    token = decode_timestamp_response(_granted(make(home))).tst_info
    with home.store.read() as unit:
        given = unit.time_book.find(token.serial_number)
        counted = unit.time_book.count()
    assert given is not None
    assert (given.digest, given.at) == (b"d" * 32, home.clock.now())
    assert given.certificate == home.authority.tsa.certificate.serial_number
    assert counted[given.certificate] >= 1


def test_a_token_that_cannot_be_written_down_is_not_given(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    home.store.migrate()
    monkeypatch.setattr("bff.signing.authority.secrets.randbits", lambda bits: 5)
    home.own_timestamps.timestamp(b"d" * 32)
    with pytest.raises(Fault, match="refused to write") as caught:
        home.own_timestamps.timestamp(b"e" * 32)
    assert caught.value.code == "tsa_down"
