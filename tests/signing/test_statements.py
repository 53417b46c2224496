"""What a house states about faces and people: both verifiers say the same of it, and whatever stands there, neither stumbles."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bff.core.intent import Intent
from bff.signing import statements
from bff.signing.verify import verify
from bff.words import LANGUAGES, words
from tests.signing.browser import ROOT
from tests.signing.paperwork import LI, START, Paperwork, blank_pdf, checked, face_proof

INTENT = Intent(
    contract_id="k1",
    contract_title="Sale of a bicycle",
    document_sha256="00" * 32,
    document_pages=3,
    signer_id="s1",
    signer_name=LI.name,
    signer_role="Seller",
    mark_sha256="11" * 32,
    values_sha256="22" * 32,
    consent_version="1",
    consent_sha256="33" * 32,
    language="en",
    method="face",
    host="sign.example.org",
    nonce="5e" * 16,
    issued_at=START.isoformat(),
    expires_at=(START + timedelta(minutes=5)).isoformat(),
)
PROVEN = (START + timedelta(minutes=1)).isoformat()
HOSTILE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    10**12,
    10**300,
    1.5,
    "",
    "x" * 100_000,
    "\ud800",
    "٣" * 32,
    [],
    [[]],
    {},
    {"toString": 1, "__proto__": 7, "constructor": None},
)


def judged(case: Mapping[str, Any]) -> dict[str, bool]:
    proof, identity = statements.mapping(case["proof"]), statements.mapping(case["identity"])
    intent = Intent(**case["intent"])
    checks = dict(statements.face_checks(proof, identity, intent, proven=case["proven"]))
    for language in LANGUAGES:
        assert all(len(said) < 1000 for said in statements.known(identity, words(language)))
    return {**checks, "identity": statements.identity_holds(identity, proof, intent)}


def case(**changed: Any) -> dict[str, Any]:
    true = {"proof": face_proof(INTENT), "identity": checked(), "intent": INTENT.members(), "proven": PROVEN}
    return deepcopy({**true, **changed})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member, however deep."""
    for name in value if isinstance(value, dict) else ():
        yield (*path, name)
        yield from places(value[name], (*path, name))


def changed_at(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    spoilt: Any = case()
    place = spoilt
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return dict(spoilt)


def hostile() -> list[dict[str, Any]]:
    """The true statements with each member in turn being something else; with the sources' and reviewers' too."""
    true = case(identity=checked("document+face+source", source_asked=True, source={"outcome": "match"}))
    spoilt = [case(), true]
    for part in ("proof", "identity"):
        for path in (*((part, *p) for p in places(case()[part])), (part,)):
            spoilt += [changed_at(path, value) for value in HOSTILE]
    more = ("reviewed_by", "attended_by", "source", "source_asked")
    spoilt += [changed_at(("identity", "checked", name), value) for name in more for value in HOSTILE]
    times = (
        "2026-11-01T12:00:20.1Z",
        "2026-11-01T12:05:00.9+00:00",
        "2026-11-01T12:05:01+00:00",
        "2026-02-30T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
    )
    spoilt += [changed_at(("proof", "recorded_at"), at) for at in times]
    spoilt += [
        changed_at(("proof", "committed_at"), value) for value in (*times, "2026-11-01T12:00:10+00:00", *HOSTILE)
    ]
    return spoilt + [changed_at(("identity", "checked", "valid_until"), at) for at in times]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bool]]:
    file = tmp_path_factory.mktemp("statements") / "cases.json"
    file.write_text(json.dumps(hostile()))
    which = [sys.executable, ROOT / "tools" / "set_up.py", "--which-node"]
    node = subprocess.run(which, capture_output=True, text=True, check=True).stdout.strip()
    judge = ROOT / "tests" / "web" / "judge_statements.mjs"
    said = subprocess.run([node, "--no-warnings", judge, file], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-2000:]
    answers: list[dict[str, bool]] = json.loads(said.stdout)
    return answers


def test_whatever_stands_there_both_verifiers_say_the_same(browser: list[dict[str, bool]]) -> None:
    cases = json.loads(json.dumps(hostile()))
    assert len(cases) > 1000
    for told, answer in zip(cases, browser, strict=True):
        assert judged(told) == answer, json.dumps(told)[:3000]
    assert browser[0] == {"gestures": True, "verdict": True, "compared": True, "identity": True}
    assert sum(not all(answer.values()) for answer in browser) > 800


@pytest.mark.parametrize("path", [("proof", "nonce"), ("proof", "gestures"), ("proof", "colours"), ("proof", "pace")])
def test_nothing_else_than_what_was_derived_passes_for_the_gestures(path: tuple[str, ...]) -> None:
    others = [value for value in HOSTILE if value is not case()[path[0]][path[1]]]
    assert not any(judged(changed_at(path, value))["gestures"] for value in others)


def test_numbers_may_be_off_by_their_rounding_only() -> None:
    scores, thresholds = ("proof", "verdict", "scores"), ("proof", "verdict", "thresholds")
    for score, least in (("match", 4000), ("among_least", 6000), ("portrait_least", 3300), ("neighbour_least", 5000)):
        assert judged(changed_at((*scores, score), least))["verdict"]
        assert not judged(changed_at((*scores, score), least - 1))["verdict"]
    assert judged(changed_at((*thresholds, "lost"), 1))["verdict"]
    assert judged(changed_at((*scores, "glow"), 1))["verdict"] is False
    dim = changed_at((*scores, "glow"), 1)
    dim["proof"]["verdict"]["scores"]["glow_visible"] = 59
    assert judged(dim)["verdict"]


def test_a_recording_is_in_time_until_the_second_in_which_the_intent_runs_out() -> None:
    for after, ok in ((0, True), (300.9, True), (301, False), (-0.001, False)):
        at = (START + timedelta(seconds=after)).isoformat()
        late = changed_at(("proof", "recorded_at"), at)
        late["proof"]["judged_at"] = late["proven"] = (START + timedelta(minutes=6)).isoformat()
        assert judged(late)["verdict"] is ok, after


def test_a_recording_was_fixed_between_question_and_arrival_where_that_is_said() -> None:
    """Files that were sealed before this was said say nothing of it."""
    assert judged(case())["verdict"]
    for after, ok in ((0, True), (20, True), (20.001, False), (-0.001, False)):
        at = (START + timedelta(seconds=after)).isoformat()
        assert judged(changed_at(("proof", "committed_at"), at))["verdict"] is ok, after


@pytest.mark.parametrize("action", list(statements._ACTED))
def test_each_action_that_was_asked_for_has_left_its_trace(action: statements.Action) -> None:
    still = {"yaw_most": 19, "yaw_least": -19, "mouth_most": 1800, "eyes_least": 1700}
    moved = {"yaw_most": 20, "yaw_least": -20, "mouth_most": 1900, "eyes_least": 1595}
    verdict = face_proof(INTENT)["verdict"]
    for scores, reached in ((still, False), (moved, True)):
        told = {**verdict, "scores": {**verdict["scores"], **scores}}
        assert statements._reached(told, [action]) is reached


def test_what_is_known_is_said_in_plain_words() -> None:
    def said(identity: dict[str, Any]) -> str:
        return " ".join(statements.known(identity, words("en")))

    assert said(checked()) == (
        "Identity document and face were checked on 2026-10-10 (Passport L8•••••C3, in the name of 李雷). By computer. "
        "This is the platform's statement."
    )
    attended = checked("document", reviewed_by=["p7"], attended_by="p7")
    assert "Attended by p7, who compared the document and its bearer." in said(attended)
    assert "what it left open a person decided" in said(checked(reviewed_by=["p7"]))
    source = checked("document+face+source", source={"provider": "Example register"})
    assert "confirmed by Example register" in said(source)
    assert said({"level": "contact", "link_address_masked": "a•••@example.org"}) == (
        "Who they are was not checked. The link went to a•••@example.org."
    )
    assert said({"level": "none"}) == ""


def test_a_statement_that_is_nested_without_end_is_none(tmp_path: Path) -> None:
    work = Paperwork(tmp_path, signers=(LI,))
    work.prepare(blank_pdf())
    nested: Any = []
    for _ in range(200):
        nested = [nested]
    act = replace(work.act(LI, work.intent(LI)), identity={"level": nested})
    work.content = work.pades.sign(work.content, act).content
    (signer,) = (judgement := verify(work.content, roots=work.authority.roots_pem(), at=work.clock.now())).signers
    assert [check.name for check in signer.checks if not check.ok] == ["intent"]
    assert json.dumps(judgement.to_dict())


@pytest.mark.parametrize("member", ["signer_name", "host", "issued_at", "document_pages", "document_sha256"])
@pytest.mark.parametrize("value", [None, [], {"a": 1}, True, "0001-01-01T00:00:00+00:00"])
def test_an_intent_of_other_types_is_named(tmp_path: Path, member: str, value: Any) -> None:
    work = Paperwork(tmp_path, signers=(LI,))
    work.prepare(blank_pdf())
    intent = replace(work.intent(LI), **{member: value})
    work.content = work.pades.sign(work.content, work.act(LI, intent)).content
    (signer,) = verify(work.content, roots=work.authority.roots_pem(), at=work.clock.now()).signers
    assert not signer.ok or (member, value) in (("host", "0001-01-01T00:00:00+00:00"),)
