"""The tree and the bundle: what they carry, and what no change of either survives."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bff.core import tree
from bff.core.contract import Contract
from bff.core.errors import Fault, Refusal
from bff.signing import bundle, judging
from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_sealed_contract, a_sent_contract
from tests.enterprises import a_person, proven
from tests.signing.browser import browser_verdicts


@pytest.fixture
def sealed(home: House, owner: Person) -> Contract:
    return a_sealed_contract(home, owner)


def roots(home: House) -> list[bytes]:
    return list(home.authority.roots_pem())


def judged(home: House, content: bytes) -> judging.Verdict:
    return judging.judge(content, roots=roots(home), at=home.clock.now())


def failed(verdict: judging.Verdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.ok}


def changed(content: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    parts = bundle.unpack(content)
    change(parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def test_a_bundle_proves_the_document_its_log_and_the_logs_place_in_the_tree(home: House, sealed: Contract) -> None:
    verdict = judged(home, home.history.bundle(sealed.id))
    assert failed(verdict) == set()
    assert verdict.ok
    assert {"log", "signed", "seal", "document", "leaf", "inclusion", "head", "head_time"} <= {
        check.name for check in verdict.checks
    }


def test_the_bundle_covers_the_log_to_its_last_entry(home: House, sealed: Contract) -> None:
    parts = bundle.unpack(home.history.bundle(sealed.id))
    leaf = json.loads(parts[bundle.HISTORY])["leaf"]
    assert leaf["seq"] + 1 == parts[bundle.LOG].count(b"\n")


def test_a_bundle_of_a_contract_that_is_not_sealed_is_refused(home: House, owner: Person) -> None:
    sent = a_sent_contract(home, owner)
    with pytest.raises(Refusal, match="not_sealed_yet"):
        home.history.bundle(sent.id)


def _alter_log(parts: dict[str, bytes]) -> None:
    parts[bundle.LOG] = parts[bundle.LOG].replace(b'"opened"', b'"Opened"', 1)


def _drop_line(parts: dict[str, bytes]) -> None:
    lines = parts[bundle.LOG].splitlines(keepends=True)
    parts[bundle.LOG] = b"".join(lines[:-1])


def _other_path(parts: dict[str, bytes]) -> None:
    proof = json.loads(parts[bundle.HISTORY])
    proof["position"] += 1
    parts[bundle.HISTORY] = json.dumps(proof).encode()


def _other_head(parts: dict[str, bytes]) -> None:
    proof = json.loads(parts[bundle.HISTORY])
    proof["head"] = proof["head"].replace('"size":', '"size": ')
    parts[bundle.HISTORY] = json.dumps(proof).encode()


def _no_times(parts: dict[str, bytes]) -> None:
    proof = json.loads(parts[bundle.HISTORY])
    proof["timestamps"] = []
    parts[bundle.HISTORY] = json.dumps(proof).encode()


def _no_proof(parts: dict[str, bytes]) -> None:
    del parts[bundle.HISTORY]


def _proof_of_nothing(parts: dict[str, bytes]) -> None:
    parts[bundle.HISTORY] = b'{"leaf": []}'


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (_alter_log, {"seal"}),
        (_drop_line, {"leaf"}),
        (_other_path, {"inclusion"}),
        (_other_head, {"head", "head_time"}),
        (_no_times, {"head_time"}),
        (_no_proof, {"tree"}),
        (_proof_of_nothing, {"tree"}),
    ],
)
def test_whatever_is_changed_is_named(
    home: House, sealed: Contract, change: Callable[[dict[str, bytes]], None], names: set[str]
) -> None:
    verdict = judged(home, changed(home.history.bundle(sealed.id), change))
    assert not verdict.ok
    assert names <= failed(verdict)


def test_another_contracts_document_does_not_fit_this_log(home: House, owner: Person, sealed: Contract) -> None:
    other = bundle.unpack(home.history.bundle(a_sealed_contract(home, owner).id))

    def swap(parts: dict[str, bytes]) -> None:
        parts[bundle.PDF] = other[bundle.PDF]

    verdict = judged(home, changed(home.history.bundle(sealed.id), swap))
    assert "log" in failed(verdict)


def test_a_head_signed_by_another_house_is_not_taken(home: House, sealed: Contract) -> None:
    content = home.history.bundle(sealed.id)
    verdict = judging.judge(content, roots=roots(home)[1:], at=home.clock.now())
    assert "head" in failed(verdict)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"%PDF-1.7"])
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    with pytest.raises(Refusal, match="bundle_unreadable"):
        bundle.unpack(content)


def test_a_zip_bomb_or_a_foreign_name_is_refused() -> None:
    for name, part in ((bundle.README, b" " * 30_000), ("../evil", b"x")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(bundle.PDF, b"%PDF")
            archive.writestr(bundle.LOG, b"{}")
            archive.writestr(name, part)
        with pytest.raises(Refusal, match="bundle_unreadable"):
            bundle.unpack(buffer.getvalue())


def test_a_later_head_extends_an_earlier_one(home: House, owner: Person, sealed: Contract, clock: Clock) -> None:
    home.history.bundle(sealed.id)
    first = json.loads(home.history.newest()["head"])
    a_sent_contract(home, owner)
    clock.forward(hours=2)
    assert home.history.due()
    home.history.grow()
    home.history.finish()
    second = json.loads(home.history.newest()["head"])
    assert second["size"] > first["size"]
    path = [bytes.fromhex(step) for step in home.history.consistency(first["size"], second["size"])["path"]]
    before, after = bytes.fromhex(first["root"]), bytes.fromhex(second["root"])
    assert tree.extends(first["size"], before, second["size"], after, path)
    assert not tree.extends(first["size"], after, second["size"], after, path)


def test_nothing_new_makes_no_head(home: House, owner: Person, clock: Clock) -> None:
    a_sent_contract(home, owner)
    home.history.grow()
    home.history.finish()
    newest = home.history.newest()
    clock.forward(hours=2)
    assert not home.history.due()
    home.history.grow()
    assert home.history.newest() == newest


def test_a_head_waits_for_its_timestamp_and_is_finished_later(home: House, owner: Person, sealed: Contract) -> None:
    service = home.history._timestamps[0]
    down = _Down()
    home.history._timestamps = (down,)
    home.history.grow()
    with pytest.raises(Fault, match="tsa_down"):
        home.history.finish()
    assert home.history.due()
    assert failed(judged(home, home.history.bundle(sealed.id))) == {"tree"}
    home.history._timestamps = (service,)
    home.history.finish()
    assert judged(home, home.history.bundle(sealed.id)).ok


class _Down:
    def timestamp(self, digest: bytes) -> bytes:
        raise Fault("tsa_down", what="It is down.", do="Wait.")


def test_a_signed_head_is_kept_at_every_site(home: House, sealed: Contract) -> None:
    home.history.bundle(sealed.id)
    with home.store.read() as unit:
        head = unit.history.last_head(finished=True)
    assert head is not None
    assert set(head.sites) == {"A", "B"}
    copy = json.dumps(home.history.newest(), sort_keys=True).encode()
    assert home.archive.sites_of(hashlib.sha256(copy).hexdigest()) == ("A", "B")


def test_the_operator_writing_history_anew_is_noticed(home: House, owner: Person, sealed: Contract) -> None:
    """Whoever holds the database can write a fresh, whole chain; who kept an old head sees that it is another tree."""
    home.history.bundle(sealed.id)
    kept = json.loads(home.history.newest()["head"])
    nodes: dict[tuple[int, int], bytes] = {}
    forged = [tree.Leaf(sealed.id, 3, "00" * 32).hash()] * (kept["size"] + 1)
    for level, index, node in tree.grown(0, forged, lambda lv, ix: nodes[lv, ix]):
        nodes[level, index] = node

    def lookup(level: int, index: int) -> bytes:
        return nodes[level, index]

    root = tree.root(len(forged), lookup)
    path = tree.consistency(kept["size"], len(forged), lookup)
    assert not tree.extends(kept["size"], bytes.fromhex(kept["root"]), len(forged), root, path)


def test_heads_rest_between_two_hours(home: House, owner: Person, clock: Clock) -> None:
    a_sent_contract(home, owner)
    home.history.grow()
    home.history.finish()
    a_sent_contract(home, owner)
    assert not home.history.due()
    clock.forward(seconds=timedelta(hours=1).total_seconds())
    assert home.history.due()


# --- chronicles ---


def test_every_entry_of_a_chronicle_is_a_leaf(home: House) -> None:
    li = a_person(home, "李雷", "li@example.org")
    enterprise_id = proven(home, li)
    content = home.history.record(f"enterprise:{enterprise_id}", title="Record")
    assert failed(judged(home, content)) == set()
    entries = home.enterprises.view(li, enterprise_id).entries
    with home.store.read() as unit:
        size = unit.history.size
        placed = [unit.history.placed(f"enterprise:{enterprise_id}", x.seq, below=size) for x in entries]
        assert [p.leaf.head for p in placed if p] == [x.head.hex() for x in entries]
        assert not unit.history.behind(1)
    assert not home.history.due()


def test_a_chronicle_that_grows_is_due(home: House, clock: Clock) -> None:
    li = a_person(home, "李雷", "li@example.org")
    enterprise_id = proven(home, li)
    home.history.record(f"enterprise:{enterprise_id}", title="Record")
    home.enterprises.propose_round(li, enterprise_id, label="Seal", middle="")
    clock.forward(hours=2)
    assert home.history.due()


def _another_enterprise(parts: dict[str, bytes]) -> None:
    parts[bundle.RECORD] = parts[bundle.RECORD].replace(b'"enterprise:', b'"enterprisE:')


def _a_line_more(parts: dict[str, bytes]) -> None:
    parts[bundle.RECORD] += b"{}\n"


def _no_lines(parts: dict[str, bytes]) -> None:
    parts[bundle.RECORD] = b""


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (_another_enterprise, {"leaf"}),
        (_a_line_more, {"log"}),
        (_no_lines, {"log"}),
        (_other_path, {"inclusion"}),
        (_no_times, {"head_time"}),
        (_no_proof, {"tree"}),
    ],
)
def test_whatever_is_changed_in_a_record_is_named_by_both_verifiers(
    home: House, tmp_path: Path, change: Callable[[dict[str, bytes]], None], names: set[str]
) -> None:
    enterprise_id = proven(home, a_person(home, "李雷", "li@example.org"))
    content = home.history.record(f"enterprise:{enterprise_id}", title="Record")
    (tmp_path / "bad.zip").write_bytes(changed(content, change))
    (tmp_path / "good.zip").write_bytes(content)
    verdict = judged(home, (tmp_path / "bad.zip").read_bytes())
    assert failed(verdict) == names
    assert not verdict.ok
    browsers = browser_verdicts(tmp_path, home.authority.roots_pem(), at=home.clock.now())
    assert browsers["good"]["ok"]
    assert browsers["bad"]["failed"] == [f"bundle:{name}" for name in names]


def test_a_record_beside_a_document_is_no_file_of_ours(home: House, sealed: Contract) -> None:
    both = changed(home.history.bundle(sealed.id), lambda parts: parts.update({bundle.RECORD: b"{}\n"}))
    with pytest.raises(Refusal, match="bundle_unreadable"):
        judged(home, both)
