"""The word jobs: invitations, reminders and news, each carried once by the channel that the policy allows.

An errand that was carried before is not carried again: the message that a provider took is kept under the errand's id. Only
a crash between the provider's answer and our commit can send twice, never lose.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bff.core import contract as c
from bff.core.contract import Contract, Signer, SignerState
from bff.core.errors import Refusal
from bff.core.evidence import Entry
from bff.core.identity import Channel, masked, routes
from bff.core.intent import fingerprint
from bff.core.ports import Messenger
from bff.signing.links import LINKLESS, Links
from bff.signing.reasons import reason
from bff.store import Store
from bff.store.errands import Errand
from bff.store.people import Person
from bff.words import moment, words


class Courier:
    def __init__(self, *, store: Store, links: Links, messengers: Mapping[Channel, Messenger]) -> None:
        self._store = store
        self._links = links
        self._messengers = messengers

    def carry(self, errand: Errand) -> None:
        """Carry one errand of kind invite, remind or tell. Raises Fault when the provider does not take it."""
        with self._store.read() as unit:
            if unit.errands.message_of(errand.id) is not None or errand.contract_id is None:
                return
            contract = unit.contracts.get(errand.contract_id)
            sender = unit.people.get(contract.owner_id) if contract else None
            named = errand.signer_id if contract and errand.signer_id in {s.id for s in contract.signers} else None
            chosen = unit.contracts.choice(named) if named else None
            entries = unit.contracts.evidence(errand.contract_id) if errand.kind == "tell" else []
        if contract is None or sender is None or not self._still_wanted(errand, contract):
            return
        signer = contract.signer(errand.signer_id) if errand.signer_id else None
        channel, to = self._recipient(signer, sender, errand.details.get("to"))
        language = _language(contract, signer, sender, chosen)
        template = _template(errand, contract, signer)
        sent = self._messengers[channel].send(
            to=to,
            template=template,
            params={
                **self._params(contract, signer, sender, template),
                "reason": _why(entries, template, language),
            },
            language=language,
        )
        with self._store.begin() as unit:
            latest = unit.contracts.get(contract.id) or contract
            if unit.errands.message_of(errand.id) is not None:
                return  # another worker carried it at the same moment
            unit.errands.keep_message(
                errand_id=errand.id,
                contract_id=contract.id,
                signer_id=errand.signer_id,
                channel=channel.value,
                template=template,
                to=to,
                provider=sent.provider,
                provider_id=sent.provider_id,
            )
            details = {"template": template, "channel": channel.value, "to": masked(to), "id": sent.provider_id}
            unit.step(latest, c.Noted(unit.now, "message_taken", errand.signer_id, details))

    def _still_wanted(self, errand: Errand, contract: Contract) -> bool:
        if errand.kind == "tell":
            return True
        try:
            signer = contract.signer(errand.signer_id or "")
        except Refusal:
            return False
        return signer in contract.turn and not signer.is_sender

    def _recipient(self, signer: Signer | None, sender: Person, named: str | None) -> tuple[Channel, str]:
        """`named`: an address that is told whatever has been corrected since."""
        if named:
            return (Channel.EMAIL if "@" in named else Channel.SMS), named
        email, phone = (signer.email, signer.phone) if signer else (sender.email, sender.phone)
        reach = routes(email=email, phone=phone)
        if reach is None:
            raise Refusal("signer_unreachable", name=signer.name if signer else sender.name)
        to = email if reach.link is Channel.EMAIL else phone
        return reach.link, to or ""

    def _params(self, contract: Contract, signer: Signer | None, sender: Person, template: str) -> dict[str, str]:
        path = "/account#passkeys" if template == "passkey_enrolled" else f"/contracts/{contract.id}"
        own_link = signer is not None and template not in LINKLESS
        deadline = moment(contract.deadline, contract.timezone) if contract.deadline else ""
        decliner = next((s.name for s in contract.signers if s.state is SignerState.DECLINED), "")
        return {
            "name": signer.name if signer else sender.name,
            "title": contract.title,
            "sender": sender.name,
            "who": decliner,
            "message": contract.message,
            "deadline": deadline,
            "fingerprint": fingerprint(contract.document.sha256) if contract.document else "",
            "url": self._links.url(signer) if signer and own_link else f"{self._links.public_url.rstrip('/')}{path}",
        }


def _template(errand: Errand, contract: Contract, signer: Signer | None) -> str:
    """Which letter it is: who comes after others hears that it is their turn now."""
    if errand.kind == "invite" and signer is not None:
        others_first = any(s.order < signer.order and not s.is_sender for s in contract.signers)
        return "your_turn" if others_first else "invitation"
    return "reminder" if errand.kind == "remind" else str(errand.details.get("template", ""))


def _language(contract: Contract, signer: Signer | None, sender: Person, chosen: Mapping[str, Any] | None) -> str:
    """A signer's is the one they agreed in, else the one the sender chose for them, else the contract's."""
    if signer is None:
        return sender.language
    return str(chosen["language"]) if chosen else signer.language or contract.language


def _why(entries: Sequence[Entry], template: str, language: str) -> str:
    """What was given as the reason when somebody declined or the sender withdrew, or why the contract got stuck.

    From the log, not from the state: a letter may be carried when somebody has pressed retry already."""
    if template == "stuck":
        return reason(_last_reason(entries, c.Stuck.kind), words(language))
    return _last_reason(entries, c.DeclinedBy.kind, c.Withdrawn.kind)


def _last_reason(entries: Sequence[Entry], *kinds: str) -> str:
    ends = [e.value for e in entries if e.value["kind"] in kinds]
    return str(ends[-1]["data"].get("reason", "")) if ends else ""
