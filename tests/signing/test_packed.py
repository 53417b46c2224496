"""A packed statement is what it was, for readers in both languages, and cannot be made to burst either of them."""

import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.core.ports import Act
from bff.signing import packed, pades
from tests.signing.packing import deflated
from tests.signing.paperwork import LI, Paperwork

ROOT = Path(__file__).resolve().parents[2]
SAYS_WHAT_IT_READS = """
import { unpacked } from "./web/lib/verify/packed.js";
for (const line of process.argv.slice(1)) {
  console.log(Buffer.from(await unpacked(Uint8Array.from(Buffer.from(line, "hex")))).toString("hex"));
}
"""


def in_javascript(script: str, *words: str) -> str:
    """What a script prints, in the Node that the set-up found or brought."""
    asked = [sys.executable, str(ROOT / "tools" / "set_up.py"), "--which-node"]
    node = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    command = [node, "--input-type=module", "-e", script, "--", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT).stdout


def in_the_browsers_words(*octets: bytes) -> list[bytes]:
    said = in_javascript(SAYS_WHAT_IT_READS, *(each.hex() for each in octets))
    return [bytes.fromhex(line) for line in said.split("\n")[: len(octets)]]


def packed_by(statement: bytes, dictionary: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=dictionary)
    return packed.VERSION + packer.compress(statement) + packer.flush()


@given(st.binary(max_size=2000))
@settings(max_examples=60, deadline=None)
def test_what_was_packed_is_unpacked(statement: bytes) -> None:
    assert packed.unpack(packed.pack(statement)) == statement
    assert packed.unpack(packed.VERSION + deflated(statement, packed.DICTIONARY)) == statement


def test_json_of_the_earlier_format_is_left_as_it_is() -> None:
    assert packed.unpack(b'{"format":"countersign-act/1"}') == b'{"format":"countersign-act/1"}'


@pytest.fixture
def act(tmp_path: Path) -> Act:
    work = Paperwork(tmp_path)
    return work.act(LI, work.intent(LI, shown=b"x"))


def test_an_act_takes_half_of_what_it_took(act: Act) -> None:
    octets = pades.act_bytes(act)
    said = packed.unpack(octets)
    assert 2 * len(octets) < len(said)
    assert pades.intent_of(json.loads(said)) == act.intent


def test_both_readers_read_the_same(act: Act) -> None:
    said = packed.unpack(pades.act_bytes(act))
    octets = (
        packed.pack(said),
        packed.VERSION + deflated(said, packed.DICTIONARY),
        said,
        packed.pack(said)[:-1],
        packed.VERSION,
        packed.VERSION + b"\xff" * 20,
        packed_by(said, b"z" * 300 + said),
    )
    here = [packed.unpack(each) for each in octets]
    assert here[:-1] == [said, said, said, b"", b"", b""]
    assert here[-1] != said
    assert in_the_browsers_words(*octets) == here


def test_a_statement_that_would_burst_is_nothing() -> None:
    bomb = packed_by(b" " * (packed.LARGEST + 1), b"")
    assert len(bomb) < 10_000
    assert packed.unpack(bomb) == b""
    assert in_the_browsers_words(bomb) == [b""]


def test_what_stands_behind_the_packed_octets_makes_them_unreadable() -> None:
    longer = packed.pack(b"{}") + b"\0"
    assert packed.unpack(longer) == b""
    assert in_the_browsers_words(longer) == [b""]


def test_the_dictionary_is_the_specifications_and_the_browsers() -> None:
    told = (ROOT / "docs" / "evidence-format.md").read_text()
    (block,) = re.findall(r"^```dictionary\n(.*?)^```$", told, re.M | re.S)
    assert "".join(block.splitlines()).encode() == packed.DICTIONARY
    script = (ROOT / "web" / "lib" / "verify" / "packed.js").read_text()
    said = in_javascript(f"{script}\nconsole.log(DICTIONARY);")
    assert said.rstrip("\n").encode() == packed.DICTIONARY
