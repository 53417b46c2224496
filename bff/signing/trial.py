"""A trial at upload: the file is prepared, signed, sealed and judged with keys that are thrown away.

That a library can open a file and write on it does not say that what comes out is accepted: a form built strangely reads
as changed, a certification as broken. So everything that will be done is done once, in intake's cage, and thrown away.
What passes can be sealed; what does not is refused while its sender is still there.

A file that arrives signed must also keep its signatures as they were: the trial compares what is said of each before and
after.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rfc8785

from bff.core.contract import Field, FieldKind, Signer
from bff.core.errors import Fault
from bff.core.mark import Mark
from bff.core.ports import Act, EvidencePage, Verdict
from bff.signing import pades
from bff.signing.authority import Authority, EmbeddedTimestamps
from bff.signing.intake import TRIAL
from bff.signing.paper import HIDDEN_FONT, Paper

FONTS = Path(__file__).resolve().parents[2] / "web" / "vendor" / "fonts"
SIGNER = Signer(id="trial", name="Trial")
FIELD = Field("trial", SIGNER.id, FieldKind.SIGNATURE, 1, 1000, 1000, 3000, 800)
CONTRACT = "trial"


class NotAccepted(Exception):
    """It could be written on, and what came out was not accepted."""


def probe(path: str, strict: bool) -> None:
    """Raises whatever keeps this file from being sealed: what pyHanko raises on it, or `NotAccepted`.

    Raises Fault when that is not the file's doing."""
    pades.probe(path, strict)
    content = Path(path).read_bytes()
    before = _foreign(pades.judge(content, roots=(), at=_Now().now()))
    keys = Authority.create(
        Path(path + TRIAL), organisation="Trial", crl_url="https://trial.invalid", now=_Now().now() - timedelta(hours=1)
    )
    paper = Paper(FONTS, hidden_font=HIDDEN_FONT)
    hand = pades.PyhankoPades(keys, EmbeddedTimestamps(keys, _Now()), paper, _Now())
    prepared = pades.prepare(
        content, fields=(FIELD,), signers=(SIGNER,), evidence=None if before else _EVIDENCE, paper=paper
    )
    with _blaming_the_file():
        sealed = hand.seal(hand.sign(prepared, _act()).content, contract_id=CONTRACT, evidence_head="00" * 32)
    _check(hand.check(sealed.content), before)


@contextmanager
def _blaming_the_file() -> Iterator[None]:
    """Keys, clock and time stamps are our own and are there, so that a Fault can only come of the file."""
    try:
        yield
    except Fault as fault:
        if fault.code == "font_missing":
            raise
        raise NotAccepted from fault


def _check(verdicts: tuple[Verdict, ...], before: Mapping[str, frozenset[str]]) -> None:
    ours = [verdict for verdict in verdicts if verdict.kind != "foreign"]
    if len(ours) < 3 or not all(verdict.ok for verdict in ours):  # the signer's, the seal's and the time stamp
        raise NotAccepted
    if any(reasons - before.get(field, frozenset()) for field, reasons in _foreign(verdicts).items()):
        raise NotAccepted


def _foreign(verdicts: tuple[Verdict, ...]) -> dict[str, frozenset[str]]:
    """What is wrong with each signature of others, as far as the file itself is the cause."""
    return {
        str(verdict.facts.get("field")): frozenset(r for r in verdict.reasons if r.partition(":")[0] in _OF_THE_FILE)
        for verdict in verdicts
        if verdict.kind == "foreign"
    }


def _act() -> Act:
    return Act(
        signer=SIGNER,
        fields=(FIELD,),
        mark=Mark("typed", SIGNER.name),
        values={},
        intent=rfc8785.dumps({"contract_id": CONTRACT}),
        proof={},
        identity={},
        evidence_head="00" * 32,
        signed_at=_Now().now(),
        timezone="UTC",
    )


class _Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


_OF_THE_FILE = {
    "content_changed",
    "signature_not_valid",
    "changed_after_signing",
    "field_changed_after_signing",
    "does_not_cover_its_revision",
}
_EVIDENCE = EvidencePage(
    contract_id=CONTRACT,
    title="Trial",
    sender_name=SIGNER.name,
    document_sha256="00" * 32,
    pages=1,
    deadline="",
    language="en",
    signers=(),
    verify_url="https://trial.invalid",
    consent_version="1",
)
