"""The evidence report: what it tells, in whose language, and that it can be checked."""

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pypdfium2
import pytest

from bff.core.contract import Contract
from bff.core.errors import Fault, Refusal
from bff.signing import bundle, judging
from bff.signing.report import Happened, read
from bff.signing.report import told as report_told
from bff.signing.reporting import Made
from bff.signing.verify import verify
from bff.store.errands import Errand
from bff.store.people import Person
from bff.wiring import House
from tests.builders import a_house, a_sealed_contract, a_sent_contract, an_owner, work


class Finished:
    """One sealed contract, and reports about it."""

    def __init__(self, folder: Path) -> None:
        self.home: House = a_house(folder)
        self.owner: Person = an_owner(self.home)
        self.contract: Contract = a_sealed_contract(self.home, self.owner)

    def ask(self, language: str = "en", asker: str = "Olga Owner", *, again: bool = False) -> Made:
        return self.home.reporting.ask(self.contract.id, asker=asker, language=language, tell=told, again=again)

    def report(self, language: str = "en") -> bytes:
        self.ask(language)
        work(self.home)
        made = self.ask(language).content
        assert made is not None
        return made

    def errands(self) -> list[Errand]:
        with self.home.store.read() as unit:
            return [e for e in unit.errands.open_of(self.contract.id) if e.kind == "report"]


def told(contract: Contract, entries: object, *, owner_id: str, owner_name: str) -> list[Happened]:
    assert (owner_id, owner_name) == (contract.owner_id, "Olga Owner")
    at = contract.sent_at
    assert at is not None
    return [Happened(at, "Olga Owner sent the contract", "a remark", until=at)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return Finished(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def english(finished: Finished) -> bytes:
    return finished.report()


def text(content: bytes) -> str:
    pdf = pypdfium2.PdfDocument(content)
    return "\n".join(page.get_textpage().get_text_bounded() for page in pdf)


def test_it_tells_who_signed_what_when_and_how(finished: Finished, english: bytes) -> None:
    said = " ".join(text(english).split())
    acts = {s.name for s in finished.contract.signers}
    assert {"Bob Buyer", "李雷"} == acts
    for words in (
        "Evidence report",
        "Purchase agreement",
        "Bob Buyer",
        "李雷",
        "Code by SMS: the platform's statement",
        "a device that was set up by whoever held the link",
        "Olga Owner sent the contract (again until",
        "a remark",
        "for Olga Owner",
        "Written to the site A and read back",
        "PAdES B-LTA",
    ):
        assert words in said, words
    digits = said.replace(" ", "")
    assert finished.contract.document is not None
    assert finished.contract.document.sha256 in digits
    with finished.home.store.read() as unit:
        entries = unit.contracts.evidence(finished.contract.id)
        challenges = [e.value["data"]["challenge"] for e in entries if e.value["kind"] == "signed"]
    assert entries[-1].head.hex() in digits
    assert len(challenges) == 2
    assert all(challenge in digits for challenge in challenges)


def test_times_carry_their_zone(finished: Finished, english: bytes) -> None:
    assert f"those of the time zone {finished.contract.timezone}" in " ".join(text(english).split())


def test_it_is_in_the_language_of_whoever_asks(finished: Finished) -> None:
    said = "".join(text(finished.report("zh_Hans_CN")).split())
    for words in ("证据报告", "李雷", "签署方", "时间线"):
        assert words in said, words
    assert "Evidence report" not in said


def test_our_verifier_says_what_it_is(finished: Finished, english: bytes) -> None:
    judged = verify(english, roots=finished.home.authority.roots_pem(), at=finished.home.clock.now())
    assert judged.ok, judged.lines()
    assert judged.sentences == (
        "This is a report of the platform about a contract, under its seal. Nobody signs it; it is its statement.",
    )
    assert [v.kind for v in judged.verdicts] == ["seal", "timestamp"]


def test_a_changed_report_does_not_hold(finished: Finished, english: bytes) -> None:
    changed = bytearray(english)
    changed[english.index(b"/BaseFont") + 12] ^= 1
    assert not verify(bytes(changed), roots=finished.home.authority.roots_pem(), at=finished.home.clock.now()).ok


def test_poppler_accepts_it(english: bytes, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(english)
    said = subprocess.run(["pdfsig", file], capture_output=True, text=True, check=False).stdout
    assert "Signature Validation: Signature is Valid." in said
    assert "Total document signed" in said


def test_its_seal_closes_no_contract(finished: Finished, english: bytes) -> None:
    """Put beside a bundle's log, a report is not the document."""
    parts = bundle.unpack(finished.home.history.bundle(finished.contract.id))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in {**parts, bundle.PDF: english}.items():
            archive.writestr(name, part)
    verdict = judging.judge(packed.getvalue(), roots=finished.home.authority.roots_pem(), at=finished.home.clock.now())
    assert not verdict.ok


def test_it_names_the_log_that_the_bundle_holds(finished: Finished) -> None:
    proof = json.loads(bundle.unpack(finished.home.history.bundle(finished.contract.id))[bundle.HISTORY])
    root = json.loads(proof["head"])["root"]
    said = text(finished.report()).replace(" ", "").replace("\r", "").replace("\n", "")
    assert root in said
    assert proof["leaf"]["head"] in said


def test_before_the_seal_there_is_none(finished: Finished) -> None:
    sent = a_sent_contract(finished.home, finished.owner)
    with pytest.raises(Refusal, match="not_sealed_yet"):
        finished.home.reporting.ask(sent.id, asker="x", language="en", tell=told)


def test_two_taps_ask_once_and_find_the_same_file(finished: Finished) -> None:
    first, second = finished.ask(asker="Twice"), finished.ask(asker="Twice")
    assert (first.content, second.content, first.waiting) == (None, None, True)
    assert len(finished.errands()) == 1
    work(finished.home)
    made = finished.ask(asker="Twice").content
    assert made is not None
    assert finished.errands() == []
    assert finished.ask(asker="Twice").content == made


def test_another_asker_or_language_gets_their_own(finished: Finished) -> None:
    for asker, language in (("Ada", "en"), ("Bo", "en"), ("Bo", "zh_Hans_CN")):
        assert finished.ask(language, asker).content is None
    assert len(finished.errands()) == 3
    work(finished.home)
    made = {finished.ask(language, asker).content for asker, language in (("Ada", "en"), ("Bo", "en"))}
    assert len(made) == 2
    assert None not in made


def test_a_longer_log_is_another_report(finished: Finished) -> None:
    before = finished.report()
    with finished.home.store.begin() as unit:
        unit.contracts.record(finished.contract.id, kind="noted", at=unit.now, actor="platform", data={"what": "test"})
    assert finished.ask().content is None
    assert finished.report() != before


def test_a_job_that_runs_twice_makes_it_once(finished: Finished) -> None:
    finished.ask(asker="Job")
    (errand,) = finished.errands()
    finished.home.reporting.make(errand)
    made = finished.ask(asker="Job").content
    finished.home.reporting.make(errand)
    assert finished.ask(asker="Job").content == made


def test_what_cannot_be_made_is_said_and_asked_for_again(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise Fault("seal_key_away", what="The key is away.", do="Wait.")

    with monkeypatch.context() as patched:
        patched.setattr(finished.home.pades, "seal_report", down)
        finished.ask(asker="Later")
        for _ in range(4):
            work(finished.home, rounds=1)
            finished.home.clock.forward(minutes=2)  # type: ignore[attr-defined]
    assert finished.ask(asker="Later").failed
    assert finished.ask(asker="Later").content is None
    assert not finished.ask(asker="Later", again=True).failed
    assert not finished.ask(asker="Later", again=True).failed
    work(finished.home)
    assert finished.ask(asker="Later").content is not None


def test_it_is_forgotten_after_a_week_and_made_anew(finished: Finished) -> None:
    before = finished.report("en")
    finished.home.reporting.forget()
    assert finished.ask().content == before
    finished.home.clock.forward(days=8)  # type: ignore[attr-defined]
    finished.home.reporting.forget()
    assert finished.ask().content is None


def test_what_is_asked_for_is_read_back_whole(finished: Finished) -> None:
    account = finished.home.reporting._account(finished.contract.id, asker="A", language="en", tell=told)
    back = read(json.loads(json.dumps(report_told(account))))
    assert report_told(back) == report_told(account)
    assert back.timeline == list(account.timeline)
