"""What no signature protects inside a signature: versions, lists of algorithms, unknown attributes, tags, lengths."""

import json
import random
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from bff.core.errors import Refusal
from bff.signing import cms, pades
from bff.signing.verify import verify
from tests.signing.vectors import AT, FOLDER

ROOT = Path(__file__).resolve().parents[2]
GOOD = (FOLDER / "good" / "sms.pdf").read_bytes()
ROOTS = [(FOLDER / "roots.pem").read_bytes()]


def der(kind: str) -> bytes:
    """The signature of that kind in the file."""
    found = next(f for f in pades.find(GOOD) if f.kind == kind)
    octets = bytes.fromhex(GOOD[slice(*found.gap)][1:-1].decode())
    return octets[: 4 + int.from_bytes(octets[2:4])]


@pytest.mark.parametrize("kind", ["signer", "seal", "timestamp"])
def test_ours_are_in_order(kind: str) -> None:
    assert cms.orderly(der(kind))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("060b2a864886f70d010910020e", "060b2a864886f70d010910020f"),  # the timestamp is another attribute
        ("300b06092a864886f70d010701", "300b06092a864886f70d010702"),  # what is signed is not data
        ("020101310f300d0609608648016503040201", "020103310f300d0609608648016503040201"),  # another version
        ("310f300d06096086480165030402010500", "310f300d06096086480165030402030500"),  # another digest is listed
        ("a18204", "a28204"),  # unsigned attributes become something else
    ],
)
def test_what_readers_overlook_is_not_in_order(before: str, after: str) -> None:
    signature = der("signer").hex()
    assert before in signature
    assert not cms.orderly(bytes.fromhex(signature.replace(before, after, 1)))


@pytest.mark.parametrize("broken", [b"", b"0", b"\x30\x80\x00\x00", b"\x30\x00", b"\x31\x03\x02\x01\x00"])
def test_what_is_no_signature_is_not_in_order(broken: bytes) -> None:
    assert not cms.orderly(broken)


def test_no_digit_of_a_signature_can_be_changed_unnoticed(tmp_path: Path) -> None:
    """Some of them, chosen anew never: all were tried with bench.tamper. Both verifiers, and the part is named."""
    chance = random.Random(1)
    gaps = [(f.kind, f.gap) for f in pades.find(GOOD)]
    changed = {}
    for n in range(60):
        kind, (begin, end) = gaps[n % len(gaps)]
        octets = bytearray(GOOD)
        octets[chance.randrange(begin + 1, end - 1)] ^= 1 << chance.randrange(4)
        changed[f"{n:02} {kind}"] = bytes(octets)
    for n, (kind, (_, end)) in enumerate(gaps):  # white space among the digits means nothing, and is a change
        for wide in (1, 2):
            changed[f"{n}-{wide} {kind}"] = GOOD[: end - 1 - wide] + b" " * wide + GOOD[end - 1 :]
    for name, content in changed.items():
        (tmp_path / f"{name}.pdf").write_bytes(content)
    assert [name for name, content in changed.items() if _still_held(name, content)] == []
    said = _browser(tmp_path)
    assert [n for n in changed if said[f"{n}.pdf"]["ok"]] == []
    held = {n: {one.split(":")[0] for one in said[f"{n}.pdf"]["held"]} for n in changed}
    assert [n for n in changed if n.split()[1] in held[n]] == []


def _still_held(name: str, content: bytes) -> bool:
    try:
        report = verify(content, roots=ROOTS, at=AT)
    except Refusal:
        return False
    kind = name.split()[1]
    signers = [s.ok for s in report.signers] if kind == "signer" else []
    return report.ok or any(signers) or any(v.ok for v in report.verdicts if v.kind == kind)


def _browser(folder: Path) -> dict[str, dict[str, list[str]]]:
    node = subprocess.run(
        [sys.executable, ROOT / "tools" / "set_up.py", "--which-node"], capture_output=True, text=True, check=True
    ).stdout.strip()
    judge = ROOT / "tests" / "web" / "judge_files.mjs"
    at = datetime.isoformat(AT)
    command = [node, "--no-warnings", judge, folder, FOLDER / "roots.pem", at]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    said: dict[str, dict[str, list[str]]] = json.loads(answer.stdout)
    return said
