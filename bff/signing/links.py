"""A signer's link: 256 bits that only this house can make and that only their hash is kept of.

The token is HMAC-SHA256 over the signer and the link's generation, so that a reminder can carry the same link without
the link being stored anywhere; correcting an address raises the generation, and the old link is dead.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from bff.core.contract import Contract, Signer, SignerState
from bff.store import Unit

LINKLESS = ("code", "passkey_enrolled")
"""Messages to a signer that do not carry their link."""


@dataclass(frozen=True)
class Links:
    key: bytes
    public_url: str

    def token(self, signer: Signer) -> str:
        """43 characters, base64url without padding."""
        statement = f"link|{signer.id}|{signer.link_generation}".encode()
        digest = hmac.new(self.key, statement, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def url(self, signer: Signer) -> str:
        return f"{self.public_url.rstrip('/')}/s/{self.token(signer)}"

    def open_for(self, unit: Unit, signer: Signer) -> str:
        """Make the signer's link work from now on; the path of it."""
        token = self.token(signer)
        unit.contracts.set_link(signer.id, token)
        return f"/s/{token}"

    def invite(self, unit: Unit, before: Contract, after: Contract) -> None:
        """Those whose turn has come between the two get their link, and an errand that carries it to them."""
        waiting = {s.id for s in before.signers if s.state is SignerState.WAITING}
        for signer in after.signers:
            if signer.id in waiting and signer.state is SignerState.INVITED:
                self.open_for(unit, signer)
                unit.errand("invite", contract_id=after.id, signer_id=signer.id)
