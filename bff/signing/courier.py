"""The word jobs: invitations, reminders and news, each carried once by the channel that the policy allows.

An errand that was carried before is not carried again: the message that a provider took is kept under the errand's id. Only
a crash between the provider's answer and our commit can send twice, never lose.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bff.core import contract as c
from bff.core.contract import Contract, Signer
from bff.core.errors import Refusal
from bff.core.identity import Channel, masked, routes
from bff.core.intent import fingerprint
from bff.core.ports import Messenger
from bff.signing.links import Links
from bff.store import Store
from bff.store.errands import Errand
from bff.store.people import Person


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
        if contract is None or sender is None or not self._still_wanted(errand, contract):
            return
        signer = contract.signer(errand.signer_id) if errand.signer_id else None
        channel, to, language = self._recipient(signer, sender)
        template = {"invite": "invitation", "remind": "reminder"}.get(errand.kind, errand.details.get("template", ""))
        sent = self._messengers[channel].send(
            to=to, template=template, params=self._params(contract, signer, sender), language=language
        )
        with self._store.begin() as unit:
            latest = unit.contracts.get(contract.id) or contract
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

    def _recipient(self, signer: Signer | None, sender: Person) -> tuple[Channel, str, str]:
        email, phone = (signer.email, signer.phone) if signer else (sender.email, sender.phone)
        reach = routes(email=email, phone=phone)
        if reach is None:
            raise Refusal("signer_unreachable", name=signer.name if signer else sender.name)
        to = email if reach.link is Channel.EMAIL else phone
        return reach.link, to or "", signer.language if signer else sender.language

    def _params(self, contract: Contract, signer: Signer | None, sender: Person) -> dict[str, str]:
        zone = ZoneInfo(contract.timezone)
        path = f"/contracts/{contract.id}"
        deadline = contract.deadline.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z") if contract.deadline else ""
        return {
            "name": signer.name if signer else sender.name,
            "title": contract.title,
            "sender": sender.name,
            "message": contract.message,
            "deadline": deadline,
            "fingerprint": fingerprint(contract.document.sha256) if contract.document else "",
            "reason": contract.stuck_reason or "",
            "url": self._links.url(signer) if signer else f"{self._links.public_url.rstrip('/')}{path}",
        }
