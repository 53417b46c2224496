"""What is known of a signer beyond the address that their link went to, and what is lacking for this contract.

Somebody may have been checked more than once, also by a stranger who held a forwarded link. What serves here is taken: a check
that serves nothing, or is under another name, is in nobody's way.
"""

from bff.core import evidence
from bff.core.contract import Contract, Signer
from bff.core.errors import Refusal
from bff.core.identity import Identity, Level, best_for, link_address, same_name
from bff.store import Unit


def address_of(signer: Signer) -> str:
    """Where the link goes. Raises Refusal `link_unknown` where there is no way to the signer."""
    address = link_address(email=signer.email, phone=signer.phone)
    if address is None:
        raise Refusal("link_unknown")
    return address


def standing(unit: Unit, contract: Contract, signer: Signer) -> Identity | None:
    """What serves here best: enough and with a face to sign by, enough, else what is nearest."""
    person = unit.people.by_contact(address_of(signer))
    known = unit.identities.known_of(person.id) if person else []
    enough = [one for one in known if lacking(unit, contract, signer, one) is None]
    if not enough:
        return best_for(known, signer.name)
    faces = [one for one in enough if without_face(unit, contract, signer, one) is None]
    return next(iter(faces), None) or best_for(enough, signer.name)


def lacking(unit: Unit, contract: Contract, signer: Signer, identity: Identity | None) -> str | None:
    """Why the signer may not sign yet, where the sender wants to know more of them than an address."""
    if signer.needs.rank <= Level.CONTACT.rank:
        return None
    if identity is None or not identity.satisfies(signer.needs, now=unit.now):
        return "identity_needed"
    if _on_somebodys_word(identity, signer.needs) and not _attended_here(unit, contract, identity):
        return "identity_needed"  # not this sender's
    return None if _name_fits(unit, contract, signer, identity) else "identity_name_differs"


def _on_somebodys_word(identity: Identity, needed: Level) -> bool:
    """Who attended stands in for a face; and what a member saw for a contract of their own serves their own contracts only."""
    return identity.level.rank < needed.rank or identity.on_a_senders_word


def _attended_here(unit: Unit, contract: Contract, identity: Identity) -> bool:
    """This sender was among those who saw document and bearer; or it was for this contract that the house had it done."""
    if identity.decided_by(contract.owner_id):
        return True
    check = unit.identities.check(identity.check_id)
    return check is not None and check.contract_id == contract.id


def without_face(unit: Unit, contract: Contract, signer: Signer, identity: Identity | None) -> str | None:
    """Why the signer may not sign by face: a face is somebody's whose name is known, also where no name was asked for."""
    if identity is None or "face" not in unit.identities.media_of(identity.check_id):
        return "face_not_enrolled"
    return None if _name_fits(unit, contract, signer, identity) else "identity_name_differs"


def _name_fits(unit: Unit, contract: Contract, signer: Signer, identity: Identity) -> bool:
    return same_name(identity.name, signer.name) or _name_accepted(unit, contract, signer, identity)


def _name_accepted(unit: Unit, contract: Contract, signer: Signer, identity: Identity) -> bool:
    entries = unit.contracts.evidence(contract.id)
    return evidence.has(entries, what="name_accepted", signer_id=signer.id, check=identity.check_id)
