"""Validators that nobody here wrote, asked about the conformance vectors: PDFBox with BouncyCastle, MuPDF, qpdf.

They know no intent and no proof, so a vector that is bad for those alone is fine for them. What touches the bytes they refuse.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.outsiders import JavaOpinion, mutool, mutool_draws, pdfbox, qpdf_check
from tests.signing.vectors import FOLDER

VECTORS: Mapping[str, Mapping[str, Any]] = {
    entry["name"]: entry
    for entry in json.loads((FOLDER / "index.json").read_bytes())["vectors"]
    if entry["file"].endswith(".pdf")
}
GOOD = [name for name, entry in VECTORS.items() if entry["ok"]]
AHEAD = ("renewed",)
"""Renewed years from now, where BouncyCastle does not judge."""
TOUCHED = [
    *(name for name in VECTORS if name.startswith(("flipped_", "shadow_", "mark_"))),
    *("cut_in_half", "cut_by_one", "appended", "appended_blanks", "prefixed", "another_tag", "twin_in_the_gap"),
    *("evil_annotation", "open_action", "attachment", "sneaky_visible_field", "forgery_without_range"),
    *("signature_removed", "seal_removed", "form_removed", "foreign_house", "renewed_too_late"),
]


def file(name: str) -> Path:
    return FOLDER / VECTORS[name]["file"]


@pytest.fixture(scope="module")
def opinions() -> Mapping[str, list[JavaOpinion]]:
    """PDFBox's, all in one go for each set of roots."""
    said: dict[Path, list[JavaOpinion]] = {}
    for roots in {entry["roots"] for entry in VECTORS.values()}:
        files = [file(name) for name, entry in VECTORS.items() if entry["roots"] == roots]
        said |= pdfbox(files, [(FOLDER / roots).read_bytes()])
    return {name: said[file(name)] for name in VECTORS}


@pytest.mark.parametrize("name", GOOD)
def test_pdfbox_accepts_every_signature_and_time_stamp(name: str, opinions: Mapping[str, list[JavaOpinion]]) -> None:
    judged = [o for o in opinions[name] if not (name in AHEAD and "in future" in o.verdict)]
    assert [o.verdict for o in judged] == ["ok"] * len(judged)
    assert sum(o.kind == "signature" for o in judged) == len(VECTORS[name]["signers"]) + 1


@pytest.mark.parametrize("name", TOUCHED)
def test_pdfbox_refuses_what_was_touched(name: str, opinions: Mapping[str, list[JavaOpinion]]) -> None:
    assert opinions[name]
    assert not all(o.ok for o in opinions[name])


@pytest.mark.parametrize("name", GOOD)
def test_mupdf_accepts_every_signature_and_draws_every_page(name: str) -> None:
    assert mutool(file(name)) == [True] * (len(VECTORS[name]["signers"]) + 1)
    assert mutool_draws(file(name)) == ""


@pytest.mark.parametrize("name", ["flipped_in_the_words", "flipped_in_an_act", "flipped_in_the_seal"])
def test_mupdf_refuses_a_flipped_byte(name: str) -> None:
    assert not all(mutool(file(name)))


@pytest.mark.parametrize("name", GOOD)
def test_qpdf_finds_nothing_wrong(name: str) -> None:
    assert qpdf_check(file(name)) == ""
