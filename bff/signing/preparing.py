"""Preparation in a cage: revision 0 is written where a hostile file can hurt nobody.

The web process asks; a limited child process reads the upload, draws and writes. Files travel as paths, the fields and
signers as JSON, and no key goes in: nothing is signed here. Whatever the file does to its reader becomes a Refusal.
"""

import json
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bff.cage import Cage, Caged
from bff.core.contract import Field, FieldKind, Signer, SignerState
from bff.core.errors import Fault, Refusal
from bff.core.ports import EvidencePage, EvidenceSigner
from bff.signing.paper import HIDDEN_FONT, Paper

PRELOAD = ("pikepdf", "pypdfium2", "bff.signing.intake", "bff.signing.preparing", "bff.signing.trial")
"""What a cage for uploads should have ready: intake's judgement and this."""
EXPLAINED = ("cannot_be_sealed", "signed_file_takes_signatures_only")
GIVING_UP = ("MemoryError", "RecursionError", "SIGABRT", "SIGTRAP", "SIGILL")


class CagedPreparation:
    """Implements `core.ports.Preparation`. `directory` holds the two files of a call while it lasts."""

    def __init__(self, cage: Cage, directory: Path, fonts: Path) -> None:
        self._cage = cage
        self._directory = directory.absolute()  # the child stands elsewhere
        self._fonts = fonts.absolute()

    def prepare(
        self, content: bytes, *, fields: Sequence[Field], signers: Sequence[Signer], evidence: EvidencePage | None
    ) -> bytes:
        """Revision 0. Raises Refusal `cannot_be_sealed`, `signed_file_takes_signatures_only` or `too_complex_to_prepare`."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        source = self._directory / f".{uuid.uuid4().hex}.source"
        target = source.with_suffix(".prepared")
        order = {
            "fields": [asdict(f) for f in fields],
            "signers": [asdict(s) for s in signers],
            "evidence": asdict(evidence) if evidence else None,
        }
        try:
            source.write_bytes(content)
            self._written(source=str(source), target=str(target), fonts=str(self._fonts), order=json.dumps(order))
            return target.read_bytes()
        finally:
            for file in (source, target):
                with suppress(FileNotFoundError):
                    file.unlink()

    def _written(self, **arguments: str) -> None:
        try:
            self._cage.run("bff.signing.preparing:prepare_file", **arguments)
        except Caged as end:
            if end.code == "font_missing":
                raise Fault("font_missing", what="A font is missing.", do="Run: make setup") from end
            raise Refusal(_why(end)) from end


def _why(end: Caged) -> str:
    """Out of time, memory or depth is the file's size or shape; anything else is what it is made of."""
    if end.detail == "Refusal" and end.code in EXPLAINED:
        return end.code
    gave_up = end.kind in ("out_of_time", "out_of_memory") or end.detail in GIVING_UP
    return "too_complex_to_prepare" if gave_up else "cannot_be_sealed"


# --- in the cage -----------------------------------------------------------------------------------------


def prepare_file(*, source: str, target: str, fonts: str, order: str) -> dict[str, Any]:
    """Revision 0 of the file `source` at `target`."""
    from bff.signing import pades  # large, and only the child needs it

    wanted = json.loads(order)
    content = pades.prepare(
        Path(source).read_bytes(),
        fields=[Field(**{**f, "kind": FieldKind(f["kind"])}) for f in wanted["fields"]],
        signers=[Signer(**{**s, "state": SignerState(s["state"])}) for s in wanted["signers"]],
        evidence=_evidence(wanted["evidence"]),
        paper=Paper(Path(fonts), hidden_font=HIDDEN_FONT),
    )
    return {"size": Path(target).write_bytes(content)}


def _evidence(value: dict[str, Any] | None) -> EvidencePage | None:
    if value is None:
        return None
    return EvidencePage(**{**value, "signers": tuple(EvidenceSigner(**s) for s in value["signers"])})
