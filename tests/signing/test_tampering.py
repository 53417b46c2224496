"""Both verifiers, the operator's and the browser's, on a sealed file and on everything that was done to it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bff.core.errors import Refusal
from bff.signing.verify import verify
from tests.builders import a_house, a_sealed_contract, an_owner
from tests.signing.tampering import attacks

ROOT = Path(__file__).resolve().parents[2]
JUDGE = ROOT / "tests" / "web" / "judge_files.mjs"


class Sealed:
    """One sealed contract, and its tampered relatives with what the browser's verifier says of each."""

    def __init__(self, folder: Path) -> None:
        home = a_house(folder)
        owner = an_owner(home)
        contract = a_sealed_contract(home, owner)
        self.content = home.desk.document(owner, contract.id)[1]
        self.roots = home.authority.roots_pem()
        self.now = home.clock.now()
        self.tampered = dict(attacks(self.content))
        home.store.close()
        files = folder / "files"
        files.mkdir()
        for name, content in {"good": self.content, **self.tampered}.items():
            (files / f"{name}.pdf").write_bytes(content)
        (folder / "roots.pem").write_bytes(b"".join(self.roots))
        (folder / "other.pem").write_bytes(a_house(folder / "other").authority.roots_pem()[0])
        self.browser = _asked(files, folder / "roots.pem")
        self.strangers = _asked(files, folder / "other.pem")["good.pdf"]

    def holds(self, content: bytes) -> bool:
        try:
            return verify(content, roots=self.roots, at=self.now).ok
        except Refusal:
            return False


def _asked(files: Path, roots: Path) -> Mapping[str, Any]:
    node = subprocess.run(
        [sys.executable, ROOT / "tools" / "set_up.py", "--which-node"], capture_output=True, text=True, check=True
    ).stdout.strip()
    answer = subprocess.run([node, "--no-warnings", JUDGE, files, roots], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    verdicts: Mapping[str, Any] = json.loads(answer.stdout)
    return verdicts


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return Sealed(tmp_path_factory.mktemp("sealed"))


def test_the_sealed_file_holds_for_both(sealed: Sealed) -> None:
    assert sealed.holds(sealed.content)
    good = sealed.browser["good.pdf"]
    assert (good["ok"], good["signers"], good["failed"]) == (True, 2, [])


def test_without_the_houses_roots_nobody_is_trusted(sealed: Sealed) -> None:
    assert not sealed.strangers["ok"]
    assert {"signer:certificate", "timestamp:timestamp"} <= set(sealed.strangers["failed"])


def test_the_browser_detects_every_attack(sealed: Sealed) -> None:
    assert len(sealed.tampered) > 35
    assert [name for name in sealed.tampered if sealed.browser[f"{name}.pdf"]["ok"]] == []


def test_the_operators_verifier_detects_every_attack(sealed: Sealed) -> None:
    assert [name for name, content in sealed.tampered.items() if sealed.holds(content)] == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("evil_annotation", "changed_after"),
        ("shadow_replace_contents", "changed_after"),
        ("shadow_replace_in_place", "changed_after"),
        ("sneaky_visible_field", "changed_after"),
        ("mark_moved", "changed_after"),
        ("forgery_without_range", "signer:coverage"),
        ("hidden_in_the_padding", "timestamp:coverage"),
    ],
)
def test_the_browser_names_the_part(sealed: Sealed, name: str, part: str) -> None:
    assert any(part in failed for failed in sealed.browser[f"{name}.pdf"]["failed"])
