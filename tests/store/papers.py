"""Contracts as the store sees them, without any paper behind them."""

import secrets
from dataclasses import replace
from typing import Any

from bff.core.contract import Contract, Document, Field, FieldKind, Signer, SignerState, State
from bff.core.ports import PageSize
from bff.store import Store
from bff.store.people import Person

DOCUMENT = Document(sha256="ab" * 32, pages=2, size=1234)
PAGES = (PageSize(595.0, 842.0), PageSize(842.0, 595.0))


def a_signer(name: str, email: str, **more: Any) -> Signer:
    return Signer(id=secrets.token_hex(8), name=name, email=email, **more)


def a_contract(owner: Person, *signers: Signer, **more: Any) -> Contract:
    """Sent, with one signature field a signer, unless told otherwise."""
    fields = tuple(
        Field(f"f{s.id}", s.id, FieldKind.SIGNATURE, page=1, x=100, y=200, w=900, h=300, label=f"for {s.name}")
        for s in signers
    )
    made = Contract(
        id=secrets.token_hex(10),
        owner_id=owner.id,
        title="Purchase agreement",
        state=State.SENT,
        signers=signers,
        fields=fields,
        upload=DOCUMENT,
        shown=DOCUMENT,
        document=DOCUMENT,
    )
    return replace(made, **more)


def kept(store: Store, contract: Contract) -> Contract:
    with store.begin() as unit:
        unit.contracts.add(contract, pages=PAGES, notes=("repaired",))
    return contract


def bob(state: SignerState = SignerState.INVITED) -> Signer:
    return a_signer("Bob Buyer", "bob@example.org", phone="+4915112345678", state=state, role="Buyer")
