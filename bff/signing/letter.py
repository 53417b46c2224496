"""The authorisation letter: an enterprise's legal representative appoints an agent, in a contract of ours that only they sign.

It is made from our own words, with what was typed at registration, and goes the way of every contract: link, reading, proof.
Whoever signs it has to have shown document and face first, for the letter says who they are.
"""

import tempfile
from pathlib import Path

from bff.core import contract as c
from bff.core.enterprise import LETTER_LIFETIME, Facts
from bff.core.errors import Refusal
from bff.core.identity import Level, link_address
from bff.core.ports import Clock
from bff.signing.desk import Desk, NewSigner
from bff.store import Store
from bff.store.people import Person
from bff.words import mark as _
from bff.words import words

TITLE = _("Letter of authorisation: %(enterprise)s")
PARTS = (
    (
        _("1. The enterprise"),
        _("%(enterprise)s, registered under the number %(number)s. Its legal representative is %(representative)s."),
    ),
    (
        _("2. The agent"),
        _("%(agent)s, reached at %(contact)s, on the platform of %(organisation)s."),
    ),
    (
        _("3. What is authorised"),
        _(
            "The enterprise authorises the agent to register it on this platform, to manage its members and its electronic"
            " seals there, and to say which member may use which seal and until when. What members sign with a seal"
            " within what was given to them binds the enterprise."
        ),
    ),
    (
        _("4. Until when"),
        _(
            "The authorisation ends a year after it is signed, or earlier when the enterprise revokes it on this platform."
            " What was signed before stays valid."
        ),
    ),
    (
        _("5. How it is signed"),
        _(
            "The legal representative signs this letter personally, after showing an identity document and their face."
            " The sealed letter names what was checked; it is kept with the enterprise's record."
        ),
    ),
)
FOOT = _("Letter of authorisation, %(organisation)s")
FIELDS = (("signature", 1160, 3900, 760), ("date", 5900, 2300, 320))
"""Kind, left, width, height, in ten-thousandths of the page: on the line of the last page."""
FIELDS_Y = 7300


class LetterDesk:
    """Implements core.ports.Letters."""

    def __init__(self, *, store: Store, clock: Clock, desk: Desk, fonts: Path, work: Path, organisation: str) -> None:
        self._store = store
        self._clock = clock
        self._desk = desk
        self._fonts = fonts
        self._work = work
        self._organisation = organisation

    def send(self, agent_id: str, facts: Facts, *, email: str | None, phone: str | None, language: str) -> str:
        agent = self._person(agent_id)
        if link_address(email=email, phone=phone) is None:
            raise Refusal("signer_unreachable", name=facts.representative)
        say = words(language)
        contract = self._draft(agent, facts, language)
        title = (say(TITLE) % {"enterprise": facts.name})[:200]
        self._desk.set_terms(
            agent,
            contract.id,
            title=title,
            message="",
            deadline=self._clock.now() + LETTER_LIFETIME,
            timezone="UTC",
            language=language,
        )
        signer = NewSigner(facts.representative, email, phone, language=language, needs=Level.DOCUMENT_FACE)
        named = self._desk.name_signers(agent, contract.id, [signer])
        self._desk.place_fields(agent, contract.id, _places(named))
        self._desk.prepare(agent, contract.id)
        return self._desk.send(agent, contract.id).id

    def withdraw(self, agent_id: str, contract_id: str) -> None:
        agent = self._person(agent_id)
        if self._desk.look(agent, contract_id).state in c.OPEN:
            self._desk.withdraw(agent, contract_id)

    def _draft(self, agent: Person, facts: Facts, language: str) -> c.Contract:
        with tempfile.TemporaryDirectory(dir=self._work.absolute()) as folder:
            path = Path(folder) / "letter"
            path.write_bytes(self._letter(agent, facts, language))
            return self._desk.upload(agent, path, filename="letter")

    def _letter(self, agent: Person, facts: Facts, language: str) -> bytes:
        from bff.signing.sample import SIGN_HERE, typeset  # rare, and it brings a typesetter with it

        say = words(language)
        named = {
            "enterprise": facts.name,
            "number": facts.identifier,
            "representative": facts.representative,
            "agent": agent.name,
            "contact": ", ".join(agent.contacts[:2]),
            "organisation": self._organisation,
        }
        return typeset(
            self._fonts,
            title=say(TITLE) % named,
            parts=[(say(heading), say(body) % named) for heading, body in PARTS],
            foot=say(FOOT) % named,
            line=say(SIGN_HERE),
            author=self._organisation,
            language=language,
        )

    def _person(self, person_id: str) -> Person:
        with self._store.read() as unit:
            person = unit.people.get(person_id)
        if person is None:
            raise Refusal("no_such_enterprise")
        return person


def _places(contract: c.Contract) -> list[dict[str, object]]:
    page = contract.upload.pages if contract.upload else 1
    whose = {"signer_id": contract.signers[0].id, "page": page, "y": FIELDS_Y, "required": True}
    return [{**whose, "kind": kind, "x": x, "w": w, "h": h} for kind, x, w, h in FIELDS]
