"""Hostile bytes for the verifiers: nothing crashes, every failure has a name, and nothing that was changed holds."""

import json
import random
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bff.core.errors import Refusal
from bff.signing import bundle, cms, judging, pades
from bff.signing.verify import Report, verify
from bff.words import words
from tests.signing.mutations import drawn, edits, mutated
from tests.signing.vectors import AT, FOLDER

ROOT = Path(__file__).resolve().parents[2]
ROOTS = [(FOLDER / "roots.pem").read_bytes()]
SMS = (FOLDER / "good" / "sms.pdf").read_bytes()
STREAMS = (FOLDER / "good" / "cross_reference_streams.pdf").read_bytes()
BUNDLE = (FOLDER / "good" / "evidence_bundle.zip").read_bytes()
PARTS = bundle.unpack(BUNDLE)
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]
"""A smaller example is not worth the minutes that it costs to find."""
bounded = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
cheap = settings(max_examples=400, deadline=None, phases=UNSHRUNK)
IN_THE_BROWSER = 150

anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@cache
def signatures() -> tuple[bytes, ...]:
    """The DER of each signature of a good file."""
    hexadecimal = (SMS[slice(*f.gap)][1:-1] for f in pades.find(SMS))
    found = (bytes.fromhex(digits.decode()) for digits in hexadecimal)
    return tuple(octets[: 4 + int.from_bytes(octets[2:4])] for octets in found)


def refused(work: Callable[[], bool], *, by: Sequence[str]) -> bool:
    """What it gives; False where it refuses, which it may only do by one of these names."""
    code = ""
    try:
        return work()
    except Refusal as refusal:
        code = refusal.code
    assert code in by
    return False


def holds(content: bytes) -> bool:
    return refused(lambda: verify(content, roots=ROOTS, at=AT).ok, by=["pdf_unreadable"])


def unchanged(content: bytes, base: bytes) -> bool:
    """The file itself, or its beginning up to a revision that was whole: that holds at a lower level."""
    return base.startswith(content)


@bounded
@given(st.sampled_from([SMS, STREAMS]), edits)
def test_no_changed_file_holds(base: bytes, how: list[Any]) -> None:
    content = mutated(base, how)
    assert not holds(content) or unchanged(content, base)


@bounded
@given(edits, st.integers(0, 2))
def test_no_changed_signature_holds(how: list[Any], which: int) -> None:
    """The edits are where they matter most: in the octets of a signature, set back into its place."""
    found = pades.find(SMS)[which]
    begin, end = found.gap
    der = mutated(signatures()[which], how)
    digits = der.hex().encode()[: end - begin - 2].ljust(end - begin - 2, b"0")
    content = SMS[: begin + 1] + digits + SMS[end - 1 :]
    assert not holds(content) or content == SMS


@cheap
@given(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, 2), edits)))
def test_a_signatures_order_is_judged_whatever_it_is(given_: Any) -> None:
    der = given_ if isinstance(given_, bytes) else mutated(signatures()[given_[0]], given_[1])
    assert cms.orderly(der) in (True, False)
    with suppress(ValueError, IndexError):
        cms.opened(der)


def judged(content: bytes) -> bool:
    return refused(lambda: judging.judge(content, roots=ROOTS, at=AT).ok, by=["bundle_unreadable", "pdf_unreadable"])


@bounded
@given(edits)
def test_no_bundle_whose_parts_were_changed_holds(how: list[Any]) -> None:
    content = mutated(BUNDLE, how)
    if judged(content):
        assert proving(bundle.unpack(content)) == proving(PARTS)


@cache
def said_of_the_document() -> Report:
    return verify(PARTS[bundle.PDF], roots=ROOTS, at=AT)


def rest_holds(parts: dict[str, bytes]) -> bool:
    """What is judged besides the document, which these tests leave as it is."""
    return all(check.ok for check in judging._checks(parts, said_of_the_document(), roots=ROOTS, _=words("en")))


@cheap
@given(st.sampled_from([bundle.LOG, bundle.HISTORY]), edits)
def test_no_changed_log_and_no_changed_proof_holds(name: str, how: list[Any]) -> None:
    parts = {**PARTS, name: mutated(PARTS[name], how)}
    if rest_holds(parts):
        assert proving(parts) == proving(PARTS)


def proving(parts: dict[str, bytes]) -> tuple[bytes, bytes, Any]:
    """What a bundle proves with; how JSON is laid out, README and roots prove nothing."""
    return parts[bundle.PDF], parts[bundle.LOG].removesuffix(b"\n"), json.loads(parts[bundle.HISTORY])


@bounded
@given(
    st.sampled_from(["leaf", "position", "path", "head", "signature", "certificate", "timestamps", "format"]), anything
)
def test_a_proof_of_any_shape_is_judged(key: str, value: Any) -> None:
    proof = json.loads(PARTS[bundle.HISTORY])
    altered = {**proof, key: value}
    parts = {**PARTS, bundle.HISTORY: json.dumps(altered).encode()}
    assert not rest_holds(parts) or altered == proof


def test_a_certificate_of_no_known_version_is_read_by_nobody() -> None:
    proof = json.loads(PARTS[bundle.HISTORY])
    known = ssl.PEM_cert_to_DER_cert(proof["certificate"])
    strange = known.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42", 1)
    assert strange != known
    altered = json.dumps({**proof, "certificate": ssl.DER_cert_to_PEM_cert(strange)}).encode()
    assert not rest_holds({**PARTS, bundle.HISTORY: altered})
    assert not pades.named("anybody", strange)
    assert pades.acts_for(strange) == ("", "")


@cheap
@given(st.one_of(st.binary(max_size=300), edits.map(lambda how: mutated(BUNDLE, how))))
def test_whatever_is_no_bundle_is_refused_by_name(content: bytes) -> None:
    read = refused(lambda: bundle.PDF in bundle.unpack(content), by=["bundle_unreadable"])
    assert not read or bundle.is_bundle(content)


def test_the_browsers_verifier_stands_all_of_this(tmp_path: Path) -> None:
    """Files, bundles and bare signatures, bent by a seed and judged in one run."""
    chance = random.Random(2026)
    bent = {}
    for n in range(IN_THE_BROWSER):
        for base, ending in ((SMS, "pdf"), (STREAMS, "pdf"), (BUNDLE, "zip"), (signatures()[n % 3], "der")):
            content = mutated(base, drawn(chance))
            if not unchanged(content, base):
                bent[f"{len(bent):04}.{ending}"] = content
    for name, content in bent.items():
        (tmp_path / name).write_bytes(content)
    said = _browser(tmp_path)
    assert sorted(said) == sorted(bent)
    names = {
        one.split(":")[1] for verdict in said.values() for one in verdict["failed"] if one.startswith("unreadable")
    }
    assert names <= {"PdfError", "ZipError", "DerError"}
    assert [name for name, verdict in said.items() if verdict["ok"] and _proves(bent[name])] == []


def _proves(content: bytes) -> bool:
    """Whether what was changed is something that a bundle proves with."""
    return not bundle.is_bundle(content) or proving(bundle.unpack(content)) != proving(PARTS)


def _browser(folder: Path) -> dict[str, dict[str, Any]]:
    node = subprocess.run(
        [sys.executable, ROOT / "tools" / "set_up.py", "--which-node"], capture_output=True, text=True, check=True
    ).stdout.strip()
    judge = ROOT / "tests" / "web" / "judge_files.mjs"
    command = [node, "--no-warnings", judge, folder, FOLDER / "roots.pem", AT.isoformat()]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    said: dict[str, dict[str, Any]] = json.loads(answer.stdout)
    return said
