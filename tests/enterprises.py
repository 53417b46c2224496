"""Enterprises for tests: people whose identity stands, licences that a reader has read, and the ways to a proven one."""

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bff.core.enrolment import Check
from bff.core.enterprise import Enterprise, Facts, SealState
from bff.core.identity import Identity, Level
from bff.core.ports import LicenceReading
from bff.realname import registers
from bff.store.people import Person
from bff.wiring import House
from tests.builders import work

NUMBER = "91350100M000100Y43"
NAME = "示例科技（杭州）有限公司"
LICENCE = {"name": "示例科技(杭州)有限公司", "number": NUMBER, "representative": "李雷"}


def facts(**changed: str) -> Facts:
    typed = {"name": NAME, "register": "cn.uscc", "number": NUMBER, "country": "", "representative": "李雷"}
    return registers.facts(**{**typed, **changed})


def a_person(home: House, name: str, contact: str, *, role: str | None = None) -> Person:
    with home.store.begin() as unit:
        known = unit.people.by_contact(contact) or unit.people.add(name=name, language="en", role=role)
        unit.people.verified(known.id, contact)
        return unit.people.get(known.id) or known


def an_identity(home: House, person: Person, name: str, level: Level = Level.DOCUMENT_FACE) -> Identity:
    """As a check that passed leaves it in the store."""
    check_id, now = secrets.token_hex(8), home.clock.now()
    identity = Identity(person.id, check_id, level, name, "cn_id", now, now + timedelta(days=365))
    with home.store.begin() as unit:
        unit.identities.add_check(
            Check(id=check_id, person_id=person.id, needed=level, sourced=False), token=secrets.token_hex(16)
        )
        unit.identities.add(identity, media={})
    return identity


@dataclass
class Reader:
    """A licence's reader that says what it is told to."""

    found: dict[str, str] | None = field(default_factory=lambda: dict(LICENCE))
    doubts: tuple[str, ...] = ()

    def read_licence(self, photograph: bytes, *, today: date) -> LicenceReading:
        return LicenceReading(self.found, self.doubts, "test")


def look(home: House, person: Person, enterprise_id: str) -> Enterprise:
    return home.enterprises.view(person, enterprise_id).enterprise


def registered(home: House, person: Person, *, reader: Reader | None = None, of: Facts | None = None) -> str:
    """With a licence that was shown and read."""
    home.__dict__["documents"] = reader or Reader()
    enterprise_id = home.enterprises.register(person, of or facts())
    home.enterprises.show_licence(person, enterprise_id, b"a photograph")
    work(home)
    return enterprise_id


def proven(home: House, person: Person) -> str:
    """By the representative's face: the person is 李雷."""
    an_identity(home, person, "李雷")
    enterprise_id = registered(home, person)
    home.enterprises.prove_by_face(person, enterprise_id)
    return enterprise_id


def sealed(
    home: House, person: Person, *, member: Person | None = None, until: datetime | None = None
) -> tuple[str, str]:
    """A proven enterprise with an approved seal that the member (else the owner) may use; its id and the seal's."""
    enterprise_id = proven(home, person)
    home.enterprises.propose_round(person, enterprise_id, label="Contracts", middle="合同专用章")
    seal = look(home, person, enterprise_id).seals[0]
    home.enterprises.decide_seal(person, enterprise_id, seal.id, approved=True)
    if member is not None:
        home.enterprises.add_member(
            person, enterprise_id, name=member.name, contact=member.contacts[0], role="signer", language="en"
        )
    whose, end = (member or person).id, until or home.clock.now() + timedelta(days=30)
    home.enterprises.grant(person, enterprise_id, seal.id, member_id=whose, until=end)
    assert look(home, person, enterprise_id).seal(seal.id).state is SealState.APPROVED
    return enterprise_id, seal.id
