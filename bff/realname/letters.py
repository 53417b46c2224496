"""Words about who people are here: to whoever has to look at a check, to its person when it is decided, and to new members.

No document or face is in them: only that something waits, and for which contract.
"""

from collections.abc import Mapping

from bff.core.enrolment import Check, State, Way
from bff.core.enterprise import Enterprise
from bff.core.errors import Fault, Refusal
from bff.core.identity import Channel
from bff.core.ports import Messenger
from bff.store import Store, Unit
from bff.store.errands import Errand
from bff.store.people import Person

DECIDED = {
    State.PASSED: "identity_accepted",
    State.REFUSED: "identity_refused",
    State.DOCUMENT: "identity_again",
    State.ENDED: "identity_lapsed",
}


class Letters:
    def __init__(self, *, store: Store, messengers: Mapping[Channel, Messenger], public_url: str) -> None:
        self._store = store
        self._messengers = messengers
        self._house = public_url.rstrip("/")

    def carry(self, errand: Errand) -> None:
        """The errand: everybody who can act on it gets one message; one address that fails keeps the others not waiting."""
        with self._store.read() as unit:
            check = unit.identities.check(str(errand.details["check"]))
            if check is None:
                raise Refusal("check_unknown")
            contract = unit.contracts.get(check.contract_id) if check.contract_id else None
            title = contract.title if contract else ""
            people = self._reviewers(unit, check) if errand.kind == "review_waits" else self._person(unit, check)
            if errand.kind == "review_waits" and not people:
                people, errand_template = self._person(unit, check), "review_alone"
            else:
                errand_template = "review_waits"
        template = errand_template if errand.kind == "review_waits" else _decided(check)
        if template is None or (errand.kind == "review_waits" and check.state is not State.REVIEW):
            return
        values = {"title": title, "reason": str(errand.details.get("reason", ""))}
        values |= {"url": f"{self._house}/reviews"} if template == "review_waits" else {}
        failed = [p for p in people if not self._told(p, template, values)]
        if people and len(failed) == len(people):
            raise Fault("message_not_taken", what="No message about a review was taken.", do="See doctor's lines.")

    def name_differs(self, errand: Errand) -> None:
        """The sender has to say whether the name on a document is the signer's."""
        with self._store.read() as unit:
            check = unit.identities.check(str(errand.details["check"]))
            contract = unit.contracts.get(errand.contract_id or "")
            sender = unit.people.get(contract.owner_id) if contract else None
        if check is None or contract is None or sender is None or check.signer_id is None:
            raise Refusal("check_unknown")
        who = contract.signer(check.signer_id).name
        url = f"{self._house}/contracts/{contract.id}"
        if not self._told(sender, "name_differs", {"title": contract.title, "who": who, "url": url}):
            raise Fault("message_not_taken", what="A message about a name was not taken.", do="See doctor's lines.")

    def member_added(self, errand: Errand) -> None:
        """Somebody may act for an enterprise, or send from this house, from now on; unless that has ended meanwhile."""
        told = errand.details
        with self._store.read() as unit:
            person, by = unit.people.get(str(told["person"])), unit.people.get(str(told["by"]))
            enterprise = unit.enterprises.get(str(told["enterprise"])) if "enterprise" in told else None
        if person is None or by is None or not _belongs(person, enterprise, told):
            return
        template, path = ("member_added", f"/enterprises/{enterprise.id}") if enterprise else ("may_send", "/")
        values = {"sender": by.name, "who": enterprise.facts.name if enterprise else "", "url": f"{self._house}{path}"}
        if not self._told(person, template, values, address=str(told["to"])):
            raise Fault("message_not_taken", what="A message to a new member was not taken.", do="See doctor's lines.")

    def _reviewers(self, unit: Unit, check: Check) -> list[Person]:
        """The sender of the contract that it is for, where they may decide; else the owners."""
        contract = unit.contracts.get(check.contract_id) if check.contract_id else None
        sender = unit.people.get(contract.owner_id) if contract else None
        decides = sender and (sender.role == "owner" or (sender.role and check.way is Way.ATTENDED))
        if sender and decides and sender.id != check.person_id:
            return [sender]
        return [p for p in unit.people.with_roles() if p.role == "owner" and p.id != check.person_id]

    def _person(self, unit: Unit, check: Check) -> list[Person]:
        person = unit.people.get(check.person_id)
        return [person] if person else []

    def _told(self, person: Person, template: str, values: Mapping[str, str], *, address: str | None = None) -> bool:
        address = address or person.email or person.phone
        if address is None:
            return True
        channel = Channel.EMAIL if "@" in address else Channel.SMS
        params = {"name": person.name, **values}
        try:
            self._messengers[channel].send(to=address, template=template, params=params, language=person.language)
        except Fault:
            return False
        return True


def _decided(check: Check) -> str | None:
    if check.state is State.PASSED and not check.enough:
        return "identity_not_enough"
    return DECIDED.get(check.state)


def _belongs(person: Person, enterprise: Enterprise | None, told: Mapping[str, object]) -> bool:
    if "enterprise" not in told:
        return person.role is not None
    return enterprise is not None and enterprise.role(person.id) is not None
