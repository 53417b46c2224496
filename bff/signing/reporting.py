"""The evidence report of a finished contract: gathered, drawn in the asker's language, and sealed, on demand.

Whoever asks gathers what is recorded at that moment; a worker draws it and puts it under the house's seal and timestamps, so
that it can be checked like the contract itself. The same question (the same log, asker and language) finds the same report
as long as it is kept, so a reload, a second tap and a second device cost nothing.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bff.core import contract as c
from bff.core.contract import Contract
from bff.core.errors import Refusal
from bff.core.evidence import Entry
from bff.core.identity import masked
from bff.core.intent import read
from bff.core.ports import Clock, Pades
from bff.signing import report
from bff.signing.paper import Paper
from bff.signing.report import Account, Happened, Party, Revised
from bff.signing.statements import by_a_link
from bff.store import Store, Unit
from bff.store.contracts import ActOf
from bff.store.errands import Errand
from bff.throttle import Rule, Throttle

AN_HOUR = Rule("report", 30)
"""Reports about one contract; each costs a seal and two timestamps."""
KEPT = timedelta(days=7)


class Told(Protocol):
    """A line of the timeline, as the door words it."""

    @property
    def at(self) -> datetime: ...
    @property
    def sentence(self) -> str: ...
    @property
    def remark(self) -> str: ...
    @property
    def until(self) -> datetime | None: ...


Teller = Callable[..., Sequence[Told]]
"""Takes the contract, its log, and `owner_id` and `owner_name`."""


@dataclass(frozen=True)
class Made:
    """Where a report is: `content` once it is made; else it is `waiting` for a worker, or in work, or it `failed`."""

    content: bytes | None
    failed: bool
    waiting: bool


class Reporting:
    """The door sees to it that only the sender and the signers ask. Nothing is drawn or signed where it is asked for."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        pades: Callable[[], Pades],
        paper: Callable[[], Paper],
        throttle: Throttle,
        verify_url: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pades = pades
        self._paper = paper
        self._throttle = throttle
        self._verify_url = verify_url

    def ask(self, contract_id: str, *, asker: str, language: str, tell: Teller, again: bool = False) -> Made:
        """The report over all that is recorded now; asked for by the first who asks, found by the others.

        `again`: once more, if it could not be made. Raises Refusal `not_sealed_yet` or `slow_down`.
        """
        account = self._account(contract_id, asker=asker, language=language, tell=tell)
        named = _named(account)
        with self._store.read() as unit:
            known = unit.reports.get(named)
        if known is None or (again and known.reason):
            self._throttle.take(AN_HOUR, contract_id)
            self._wish(named, account)
        with self._store.read() as unit:
            return _where(unit, named)

    def _wish(self, named: str, account: Account) -> None:
        """The contract's row is held, so that a second tap finds what the first one wished."""
        with self._store.begin() as unit:
            unit.contracts.get(account.contract_id)
            known = unit.reports.get(named)
            if known is None:
                unit.reports.add(named, contract_id=account.contract_id, account=report.told(account))
            elif known.reason is None:
                return
            else:
                unit.reports.failed(named, None)
            unit.errand("report", contract_id=account.contract_id, details={"report": named})

    def make(self, errand: Errand) -> None:
        """Draw it and seal it. What is made already, or forgotten, is left alone. Raises Fault."""
        from bff.signing import pades  # brings pyHanko, which no process needs that only asks

        named = str(errand.details["report"])
        with self._store.read() as unit:
            asked = unit.reports.get(named)
        if asked is None or asked.content is not None:
            return
        account = report.read(asked.account)
        drawn = report.drawn(account, self._paper())
        page, *box = drawn.boxes["seal"]
        prepared = pades.prepare_report(drawn.content, page=page, box=(box[0], box[1], box[2], box[3]))
        sealed = self._pades().seal_report(
            prepared,
            contract_id=account.contract_id,
            document_sha256=account.document_sha256,
            evidence_head=account.evidence_head,
        )
        with self._store.begin() as unit:
            unit.reports.made(named, sealed.content)
            unit.announcement.topics.append(f"contract:{account.contract_id}")

    def given_up(self, errand: Errand, reason: str) -> None:
        """Whoever waits for it is told so."""
        with self._store.begin() as unit:
            unit.reports.failed(str(errand.details["report"]), reason[:80])
            unit.announcement.topics.append(f"contract:{errand.contract_id}")

    def forget(self) -> None:
        """What was made some days ago; whoever wants it again has it made anew."""
        with self._store.begin() as unit:
            unit.reports.forget(unit.now - KEPT)

    def _account(self, contract_id: str, *, asker: str, language: str, tell: Teller) -> Account:
        with self._store.read() as unit:
            contract = unit.contracts.get(contract_id)
            if contract is None or contract.state not in c.DONE or contract.document is None:
                raise Refusal("not_sealed_yet")
            entries = unit.contracts.evidence(contract_id)
            owner = unit.people.get(contract.owner_id)
            sender = owner.name if owner else ""
            lines = tell(contract, entries, owner_id=contract.owner_id, owner_name=sender)
            return Account(
                contract_id=contract.id,
                title=contract.title,
                sender=sender,
                asker=asker,
                language=language,
                timezone=contract.timezone,
                made_at=self._clock.now(),
                sent_at=contract.sent_at,
                document_sha256=contract.document.sha256,
                pages=contract.document.pages,
                level=contract.level or "",
                parties=_parties(contract, unit.contracts.acts(contract_id), entries),
                timeline=[Happened(line.at, line.sentence, line.remark, line.until) for line in lines],
                revisions=[
                    Revised(r.kind, r.sha256, r.size, r.level or "", r.created_at)
                    for r in sorted(unit.contracts.revisions(contract_id), key=lambda r: r.size)
                ],
                copies=_copies(unit, contract.id, contract.document.sha256),
                entries=len(entries),
                evidence_head=entries[-1].head.hex(),
                tree=_tree(unit, contract_id),
                verify_url=self._verify_url,
            )


def _named(account: Account) -> str:
    """By all that makes it another report: the log's head, whether a tree has it, who asks, and in which language. Which of
    the tree's heads it is does not matter: they come every few minutes, and each of them proves this log."""
    said = (account.contract_id, account.evidence_head, account.document_sha256, account.language, account.asker)
    rooted = "" if account.tree is None else "rooted"
    return hashlib.sha256("\0".join((*said, rooted)).encode()).hexdigest()[:40]


def _where(unit: Unit, named: str) -> Made:
    found = unit.reports.get(named)
    if found is None:
        return Made(None, failed=False, waiting=True)
    errands = [e for e in unit.errands.open_of(found.contract_id) if e.details.get("report") == named]
    return Made(found.content, failed=found.reason is not None, waiting=not any(e.attempts for e in errands))


def _copies(unit: Unit, contract_id: str, sha256: str) -> list[tuple[str, datetime]]:
    return [(site, at) for of, site, at in unit.contracts.replicas(contract_id) if of == sha256]


def _tree(unit: Unit, contract_id: str) -> tuple[int, str, datetime] | None:
    """The newest signed head, when the log is under it."""
    head = unit.history.last_head(finished=True)
    if head is None or unit.history.newest(contract_id, below=head.size) is None:
        return None
    return head.size, unit.history.root(head.size).hex(), head.created_at


def _parties(contract: Contract, acts: Sequence[ActOf], entries: Sequence[Entry]) -> list[Party]:
    read_by = _readings(entries)
    found = []
    for act in acts:
        signer = contract.signer(act.signer_id)
        intent = read(act.intent)
        pages = read_by.get(signer.id, {})
        found.append(
            Party(
                name=signer.name,
                organisation=tuple(part for part in (intent.organisation, intent.organisation_identifier) if part),
                role=signer.role,
                contact=masked(signer.email or signer.phone or ""),
                signed_at=act.signed_at,
                method="passkey_by_link" if act.method == "passkey" and by_a_link(act.identity) else act.method,
                level=str(act.identity.get("level", "none")),
                shared_channel=bool(act.identity.get("link_and_code_share_a_channel")),
                shown_sha256=intent.document_sha256,
                challenge=intent.challenge().hex(),
                pages_read=len(pages),
                reading=sum(pages.values()) // 1000,
            )
        )
    return found


def _readings(entries: Sequence[Entry]) -> Mapping[str, Mapping[str, int]]:
    """Signer -> page -> milliseconds that it was on the screen."""
    found: dict[str, dict[str, int]] = {}
    for entry in entries:
        value: dict[str, Any] = entry.value
        data = value["data"]
        if value["kind"] == "noted" and data.get("what") == "read":
            pages = found.setdefault(str(data.get("signer_id")), {})
            for page, ms in dict(data.get("pages_ms", {})).items():
                pages[page] = pages.get(page, 0) + int(ms)
    return found
