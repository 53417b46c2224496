"""Preparation in its cage: the same revision 0 as ever, and whatever kills the child is a refusal with a sentence."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bff.cage import Cage
from bff.core.contract import State
from bff.core.errors import Fault, Refusal
from bff.routes.refusals import SENTENCES
from bff.signing.pades import prepare
from bff.signing.paper import HIDDEN_FONT, Paper
from bff.signing.preparing import CagedPreparation
from bff.store.people import Person
from bff.wiring import FONTS, House
from tests.builders import BOB, a_draft, a_pdf
from tests.signing.paperwork import Paperwork, blank_pdf


@pytest.fixture
def work(tmp_path: Path) -> Paperwork:
    return Paperwork(tmp_path)


@pytest.fixture
def cage() -> Iterator[Cage]:
    small = Cage(memory_megabytes=700, cpu_seconds=5, wall_seconds=6)
    yield small
    small.close()


def asked(tmp_path: Path, cage: Cage, work: Paperwork, content: bytes, fonts: Path = FONTS) -> bytes:
    caged = CagedPreparation(cage, tmp_path / "cage", fonts)
    try:
        return caged.prepare(content, fields=work.fields, signers=work.signers, evidence=work.evidence(content))
    finally:
        assert not list((tmp_path / "cage").iterdir())


def nested(depth: int) -> bytes:
    """A page whose resources are arrays in arrays in arrays."""
    deep = b"/Deep " + b"[" * depth + b"]" * depth
    return a_pdf(pages=1).replace(b"/Type /Page\n", b"/Type /Page " + deep + b"\n", 1)


def test_the_cage_writes_the_same_revision_as_we_would(tmp_path: Path, cage: Cage, work: Paperwork) -> None:
    upload = blank_pdf()
    ours = prepare(
        upload,
        fields=work.fields,
        signers=work.signers,
        evidence=work.evidence(upload),
        paper=Paper(FONTS, hidden_font=HIDDEN_FONT),
    )
    caged = asked(tmp_path, cage, work, upload)
    assert caged.startswith(upload)
    assert caged == ours
    assert caged.count(b"/FT/Sig") == len(work.signers) + 1


def test_what_is_no_pdf_cannot_be_sealed(tmp_path: Path, cage: Cage, work: Paperwork) -> None:
    with pytest.raises(Refusal, match="cannot_be_sealed"):
        asked(tmp_path, cage, work, b"%PDF-1.7 nothing else")


def test_a_file_nested_too_deep_is_refused_and_the_web_process_lives(
    tmp_path: Path, cage: Cage, work: Paperwork
) -> None:
    with pytest.raises(Refusal, match=r"too_complex_to_prepare|cannot_be_sealed"):
        asked(tmp_path, cage, work, nested(100_000))


@pytest.mark.parametrize(
    ("act", "arguments", "code"),
    [
        ("dies", {"by": signal.SIGSEGV}, "cannot_be_sealed"),
        ("raises", {"code": "something"}, "cannot_be_sealed"),
        ("dies", {"by": signal.SIGABRT}, "too_complex_to_prepare"),
        ("dies", {"by": signal.SIGKILL}, "too_complex_to_prepare"),
        ("sleeps", {"seconds": 60}, "too_complex_to_prepare"),
        ("takes_cpu", {}, "too_complex_to_prepare"),
        ("takes_memory", {}, "too_complex_to_prepare"),
        ("goes_too_deep", {}, "too_complex_to_prepare"),
    ],
)
def test_whatever_ends_the_child_is_a_refusal_with_a_sentence(
    tmp_path: Path, work: Paperwork, act: str, arguments: dict[str, Any], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cage = Cage(memory_megabytes=700, cpu_seconds=2, wall_seconds=4)
    befalls(cage, act, arguments, monkeypatch)
    with pytest.raises(Refusal) as refused:
        asked(tmp_path, cage, work, blank_pdf())
    assert refused.value.code == code
    assert SENTENCES[code][0] == 422


def befalls(cage: Cage, act: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of preparing, this happens to the child."""
    run = cage.run
    monkeypatch.setattr(cage, "run", lambda _call, **_: run(f"tests.caged_acts:{act}", **arguments))


def test_a_missing_font_is_the_operators_to_mend(tmp_path: Path, cage: Cage, work: Paperwork) -> None:
    with pytest.raises(Fault, match="font_missing"):
        asked(tmp_path, cage, work, blank_pdf(), fonts=tmp_path)


def test_a_refused_preparation_leaves_the_draft_as_it_was(
    home: House, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = a_draft(home, owner)
    home.desk.name_signers(owner, draft.id, [BOB])
    befalls(home.cage, "dies", {"by": signal.SIGSEGV}, monkeypatch)
    with pytest.raises(Refusal, match="cannot_be_sealed"):
        home.desk.prepare(owner, draft.id)
    monkeypatch.undo()
    assert home.desk.look(owner, draft.id).state is State.DRAFT
    assert home.desk.prepare(owner, draft.id).state is State.PREPARED
