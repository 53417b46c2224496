"""The paper jobs: put each signer's act into the PDF, seal it, raise its level, see that it is archived.

Each method takes a contract's id, asks the state first and may run twice, in two workers at once, or die anywhere. The
slow part (pyHanko, the TSA, the disks) happens between two short transactions; the second one compares the document
that it started from with the one the contract has now, so only one writer's revision ever counts.
"""

from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from bff.core import contract as c
from bff.core import mark as marks
from bff.core.contract import Contract, Document, SignerState, State
from bff.core.errors import Fault
from bff.core.identity import Level, Method
from bff.core.ports import Act, Archive, Pades, Verdict, Written
from bff.signing.desk import FULL_LEVEL, tell_invited, tell_sender
from bff.signing.links import Links
from bff.store import Store, Unit
from bff.store.contracts import ActOf
from bff.words import words


class Sealing:
    def __init__(self, *, store: Store, archive: Archive, pades: Pades, links: Links) -> None:
        self._store = store
        self._archive = archive
        self._pades = pades
        self._links = links

    # --- one signer's revision ---

    def sign(self, contract_id: str) -> None:
        """Add the revisions of all signers whose act is recorded and not yet in the PDF, in the order of signing."""
        while (pending := self._next_act(contract_id)) is not None:
            contract, act = pending
            base = _document(contract)
            written = self._pades.sign(self._archive.read(base.sha256), _act(contract, act))
            self._applied(contract_id, act, base, self._keep(written, base.pages), written)

    def _next_act(self, contract_id: str) -> tuple[Contract, ActOf] | None:
        with self._store.read() as unit:
            contract = unit.contracts.get(contract_id)
            if contract is None or contract.state not in (State.PREPARED, State.SENT, State.SIGNED):
                return None
            waiting = {s.id for s in contract.signers if s.state is SignerState.SIGNED and not s.applied}
            acts = [a for a in unit.contracts.acts(contract_id) if a.signer_id in waiting]
            return (contract, acts[0]) if acts else None

    def _applied(self, contract_id: str, act: ActOf, base: Document, document: Document, written: Written) -> None:
        with self._store.begin() as unit:
            before = unit.contracts.get(contract_id)
            if before is None or before.document != base or before.signer(act.signer_id).applied:
                return  # somebody else wrote a revision first: look again
            if before.state not in (State.PREPARED, State.SENT, State.SIGNED):
                return
            self._add_revision(unit, contract_id, document, "signer", written.level)
            after = unit.step(before, c.Applied(unit.now, act.signer_id, document, written.level))
            self._links.invite(unit, before, after)
            if after.state is State.SIGNED and after.all_applied:
                unit.errand("seal", contract_id=contract_id)

    # --- the seal ---

    def seal(self, contract_id: str) -> None:
        """Close the document: the platform's seal, validation data, document timestamp; checked before it counts."""
        with self._store.read() as unit:
            contract = unit.contracts.get(contract_id)
            if contract is None or contract.state is not State.SIGNED or not contract.all_applied:
                return
            head = unit.contracts.evidence_head(contract_id)
        base = _document(contract)
        content = self._archive.read(base.sha256)
        written = self._pades.seal(content, contract_id=contract_id, evidence_head=head)
        self.check(written, contract)
        until = self._pades.stamped_until(written.content)
        document = self._keep(written, base.pages)
        with self._store.begin() as unit:
            before = unit.contracts.get(contract_id)
            if before is None or before.state is not State.SIGNED or before.document != base:
                return
            self._add_revision(unit, contract_id, document, "seal", written.level)
            unit.step(before, c.Sealed(unit.now, document, written.level, until))
            unit.errand("archive", contract_id=contract_id)
            if written.level != FULL_LEVEL:
                unit.errand("raise", contract_id=contract_id)

    def check(self, written: Written, contract: Contract) -> None:
        """Our own validator has to accept what we wrote, before anybody is told that it is sealed."""
        verdicts = [
            v
            for v in self._pades.check(written.content)
            if v.kind not in ("signer", "seal") or v.facts.get("contract_id") == contract.id
        ]
        bad = [v for v in verdicts if not v.ok and v.kind != "foreign"]
        if bad or _count(verdicts, "signer") != len(contract.signers) or _count(verdicts, "seal") != 1:
            reasons = "; ".join(f"{v.who}: {', '.join(v.reasons)}" for v in bad) or "signatures are missing"
            raise Fault("seal_check_failed", what=f"The sealed file does not validate ({reasons}).", do="Press retry.")

    def raise_level(self, contract_id: str) -> None:
        """Add the timestamps that were missing. Raises Fault `tsa_down` as long as they are."""
        with self._store.read() as unit:
            contract = unit.contracts.get(contract_id)
        if contract is None or contract.state not in c.DONE or contract.level == FULL_LEVEL:
            return
        base = _document(contract)
        written = self._pades.raise_level(self._archive.read(base.sha256))
        self.check(written, contract)
        until = self._pades.stamped_until(written.content)
        document = self._keep(written, base.pages)
        with self._store.begin() as unit:
            before = unit.contracts.get(contract_id)
            if before is None or before.state not in c.DONE or before.document != base:
                return
            self._add_revision(unit, contract_id, document, "raised", written.level)
            unit.step(before, c.Raised(unit.now, document, written.level, until))
            unit.errand("archive", contract_id=contract_id)

    def archive(self, contract_id: str) -> None:
        """Read the sealed file back from every site; archived when enough of them agree. Then everybody is told."""
        with self._store.read() as unit:
            contract = unit.contracts.get(contract_id)
        if contract is None or contract.state is not State.SEALED:
            return
        document = _document(contract)
        kept = self._archive.keep(self._archive.read(document.sha256))
        with self._store.begin() as unit:
            before = unit.contracts.get(contract_id)
            if before is None or before.state is not State.SEALED or before.document != document:
                return
            unit.contracts.add_replicas(contract_id, sha256=kept.sha256, sites=kept.sites)
            first = not any(e.value["kind"] == c.Archived.kind for e in unit.contracts.evidence(contract_id))
            after = unit.step(before, c.Archived(unit.now, kept.sites))
            if first:
                tell_sender(unit, after, "completed")
                tell_invited(unit, after, "completed")

    # --- when it does not work ---

    def stuck(self, unit: Unit, contract_id: str, reason: str) -> None:
        """A job gave up. The sender and the operator see it; nothing that was signed is lost."""
        contract = unit.contracts.get(contract_id)
        if contract is None or contract.state in (State.STUCK, State.DRAFT, *c.ENDED, State.ARCHIVED):
            return
        after = unit.step(contract, c.Stuck(unit.now, reason))
        tell_sender(unit, after, "stuck")

    def _keep(self, written: Written, pages: int) -> Document:
        kept = self._archive.keep(written.content)
        return Document(sha256=kept.sha256, pages=pages, size=kept.size)

    def _add_revision(self, unit: Unit, contract_id: str, document: Document, kind: str, level: str) -> None:
        unit.contracts.add_revision(contract_id, sha256=document.sha256, kind=kind, size=document.size, level=level)


def _act(contract: Contract, act: ActOf) -> Act:
    """What the paper needs; it speaks the language in which the signer agreed."""
    signer = replace(contract.signer(act.signer_id), language=act.language)
    return Act(
        signer=signer,
        fields=contract.fields_of(signer.id),
        mark=marks.kept(dict(act.mark), name=act.mark["name"]),
        values=act.values,
        intent=act.intent,
        proof=act.proof,
        identity=act.identity,
        evidence_head=act.evidence_head,
        signed_at=act.signed_at,
        timezone=contract.timezone,
        caption=_caption(contract, act),
    )


def _caption(contract: Contract, act: ActOf) -> tuple[str, ...]:
    """Who, when with the zone, and how, in the signer's language."""
    _ = words(act.language)
    local = act.signed_at.astimezone(ZoneInfo(contract.timezone))
    how: Mapping[str, str] = {
        Method.SMS.value: _("Confirmed by SMS code"),
        Method.PASSKEY.value: _("Confirmed by fingerprint, face or screen lock"),
        Method.FACE.value: _("Confirmed by face video"),
    }
    known: Mapping[str, str] = {
        Level.DOCUMENT.value: _("identity document checked"),
        Level.DOCUMENT_FACE.value: _("identity document and face checked"),
        Level.DOCUMENT_FACE_SOURCE.value: _("identity document and face checked, confirmed by a source"),
    }
    level = known.get(str(act.identity.get("level")))
    signer = contract.signer(act.signer_id)
    said = _("Signed by %(name)s for %(organisation)s") if signer.organisation else _("Signed by %(name)s")
    return (
        said % {"name": signer.name, "organisation": signer.organisation},
        local.strftime("%Y-%m-%d %H:%M:%S %z"),
        " · ".join(part for part in (how.get(act.method, ""), level) if part),
    )


def _document(contract: Contract) -> Document:
    if contract.document is None:
        raise Fault("document_missing", what="The contract has no document.", do="Restore it from the backup.")
    return contract.document


def _count(verdicts: list[Verdict], kind: str) -> int:
    return sum(1 for v in verdicts if v.kind == kind)
