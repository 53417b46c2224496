"""A contract outlives its certificates: the matrix of times, validators and files, and the controls that must fail.

One contract, signed by two people and sealed, is written by our own Pades under a time stamping certificate of a hundred
days. It is renewed in time with the next generation, and again years later with the one after. Each validator is then
asked at many moments. Where a validator lets itself be told the time, it is; pdfsig and stock pyHanko (which looks at the
machine's clock whatever it is told) are shown another clock instead (faketime).
What each of them cannot do is written down in docs/decisions/0005-long-term-validity.md, and held here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from bff.__main__ import main
from bff.core.errors import Fault, Refusal
from bff.signing import authority as authority_module
from bff.signing.pades import judge
from bff.signing.verify import verify
from tests.outsiders import openssl_cms, openssl_ts, pdfbox, pdfsig, signatures_in, stock_pyhanko
from tests.signing.browser import browser_verdicts
from tests.signing.paperwork import ANA, LI, START, Paperwork, blank_pdf

ROOT = Path(__file__).resolve().parents[2]
SHORT = timedelta(days=100)
LONG = timedelta(days=3650)
RENEWED, RENEWED_AGAIN = 90, 3705
SIGNERS_END = 3650
"""Days until the signers' and the seal's certificates end; the first TSA's ends after 99, the second's after 3740."""


@dataclass
class Years:
    """One contract through the years: the file as it was sealed, renewed, and renewed again."""

    work: Paperwork
    sealed: bytes
    renewed: bytes
    again: bytes

    @property
    def roots(self) -> tuple[bytes, ...]:
        return self.work.authority.roots_pem()

    def kept(self, day: int) -> bytes:
        """What the archive holds on that day."""
        return self.sealed if day < RENEWED else self.renewed if day < RENEWED_AGAIN else self.again


def sealed_paper(folder: Path) -> Paperwork:
    work = Paperwork(folder, signers=(LI, ANA))
    work.fields = tuple(f for f in work.fields if f.signer_id in ("s1", "s2"))
    work.prepare(blank_pdf())
    for signer in (LI, ANA):
        work.sign(signer)
        work.clock.wait(hours=20)
    work.seal()
    return work


def renewed_on(work: Paperwork, day: int, *, lifetime: timedelta = LONG) -> bytes:
    """The next generation of the TSA is made and the file renewed with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authority_module, "TSA_LIFETIME", lifetime)
        work.clock.moment = START + timedelta(days=day)
        work.authority.rotate(work.clock.now(), only=("tsa",))
        return work.pades.renew(work.content).content


@pytest.fixture(scope="module")
def short_tsa() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authority_module, "TSA_LIFETIME", SHORT)
        yield


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory, short_tsa: None) -> Years:
    work = sealed_paper(tmp_path_factory.mktemp("years"))
    sealed = work.content
    renewed = work.content = renewed_on(work, RENEWED)
    return Years(work, sealed, renewed, again=renewed_on(work, RENEWED_AGAIN))


# --- who is asked ----------------------------------------------------------------------------------------------------


def ours(content: bytes, roots: Sequence[bytes], at: datetime) -> list[bool]:
    """From the file alone, as somebody who never knew the house."""
    return [v.ok for v in judge(content, roots=roots, at=at)]


def day(number: int) -> datetime:
    return START + timedelta(days=number)


TIMES = (2, 91, 110, 400, 3000, 3700, 3800, 7000)


# --- the matrix --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", TIMES)
def test_stock_pyhanko_accepts_the_archived_file(years: Years, when: int) -> None:
    assert stock_pyhanko(years.kept(when), years.roots, day(when)) == ["OK", "OK", "OK"]


@pytest.mark.parametrize("when", TIMES)
def test_we_accept_the_archived_file(years: Years, when: int) -> None:
    content = years.kept(when)
    verdicts = judge(content, roots=years.roots, at=day(when))
    assert [(v.who, v.reasons) for v in verdicts if not v.ok] == []
    assert {v.level for v in verdicts} == {"B-LTA"}
    assert verify(content, roots=years.roots, at=day(when)).ok


@pytest.mark.parametrize(
    ("when", "good"),
    [
        (2, {"sealed"}),
        (91, {"sealed", "renewed"}),
        (110, {"renewed"}),
        (3000, {"renewed"}),
        (3800, {"again"}),
        (7000, {"again"}),
    ],
)
def test_the_browsers_verifier_says_the_same(years: Years, tmp_path: Path, when: int, good: set[str]) -> None:
    """A renewal from the future proves nothing yet, one that is missing nothing any more."""
    for name in ("sealed", "renewed", "again"):
        (tmp_path / f"{name}.pdf").write_bytes(getattr(years, name))
    said = browser_verdicts(tmp_path, years.roots, at=day(when))
    assert {name for name, verdict in said.items() if verdict["ok"]} == good
    assert {name for name in said if all(ours(getattr(years, name), years.roots, day(when)))} == good


@pytest.mark.parametrize(("when", "code"), [("2027-02-01", 0), ("2027-02-19T12:00:00+01:00", 1)])
def test_the_operators_verifier_is_told_the_time(years: Years, tmp_path: Path, when: str, code: int) -> None:
    """The file that was never renewed, before and after its time stamp's certificate ended."""
    (tmp_path / "sealed.pdf").write_bytes(years.sealed)
    (tmp_path / "roots.pem").write_bytes(b"".join(years.roots))
    command = ["verify", str(tmp_path / "sealed.pdf"), "--root", str(tmp_path / "roots.pem"), "--at"]
    assert main([*command, when]) == code
    with pytest.raises(SystemExit, match="2"):
        main([*command, "soon"])


def test_the_time_of_signing_stays_what_it_was(years: Years) -> None:
    def times(content: bytes, at: int) -> list[str | None]:
        return [v.time for v in judge(content, roots=years.roots, at=day(at)) if v.kind in ("signer", "seal")]

    first = times(years.sealed, 2)
    assert times(years.renewed, 110) == times(years.again, 7000) == first
    assert first[0] == START.isoformat()


def test_each_renewal_only_adds_to_the_file(years: Years) -> None:
    assert years.renewed.startswith(years.sealed)
    assert years.again.startswith(years.renewed)
    assert len(signatures_in(years.again)) == len(signatures_in(years.sealed)) + 2


@pytest.mark.parametrize("when", TIMES)
def test_openssl_accepts_each_signature_at_the_time_that_its_token_proves(years: Years, when: int) -> None:
    """openssl knows no proof of existence: it has to be told the time of the token."""
    for der, signed in signatures_in(years.kept(when))[:3]:
        assert "successful" in openssl_cms(der, signed, years.roots, at=_token_time(der))


def test_openssl_without_the_tokens_time_ends_with_the_signers_certificate(years: Years) -> None:
    der, signed = signatures_in(years.renewed)[0]
    assert "successful" in openssl_cms(der, signed, years.roots, at=day(SIGNERS_END - 10))
    assert openssl_cms(der, signed, years.roots, at=day(SIGNERS_END + 10)) == ""


@pytest.mark.parametrize(
    ("stamp", "when", "holds"),
    [
        (0, 50, True),
        (0, 110, False),
        (1, 110, True),
        (1, 3000, True),
        (1, 3800, False),
        (2, 3800, True),
        (2, 7000, True),
    ],
)
def test_openssl_ts_accepts_a_document_time_stamp_as_long_as_its_certificate_lives(
    years: Years, stamp: int, when: int, holds: bool
) -> None:
    """The newest one holds whenever the archive renewed in time; older ones are under it."""
    token, signed = signatures_in(years.again)[3 + stamp]
    assert openssl_ts(token, signed, years.roots, at=day(when)) is holds
    assert openssl_ts(token, signed, years.roots, at=_gen_time(token))


@pytest.mark.parametrize(("when", "held"), [(2, 0), (110, 1), (3000, 1), (7000, 2)])
def test_pdfbox_accepts_the_archived_file_and_only_one_that_was_renewed(
    years: Years, tmp_path: Path, when: int, held: int
) -> None:
    """PDFBox with BouncyCastle, its clock at that day: every signature of what the archive holds, every stamp under the last."""
    files = [tmp_path / name for name in ("sealed.pdf", "renewed.pdf", "again.pdf")]
    for file, content in zip(files, (years.sealed, years.renewed, years.again), strict=True):
        file.write_bytes(content)
    said = pdfbox(files[: held + 1], years.roots, at=day(when))
    assert {opinion.verdict for opinion in said[files[held]]} == {"ok"}
    assert [len(said[file]) for file in files[: held + 1]] == [4, 5, 6][: held + 1]
    for old in files[:held]:
        assert said[old][-1].verdict != "ok"


@pytest.mark.parametrize(("when", "said"), [(50, "Trusted"), (400, "Trusted"), (3000, "Trusted"), (3700, "Expired")])
def test_pdfsig_finds_every_signature_valid_and_its_certificate_as_old_as_it_is(
    years: Years, tmp_path: Path, when: int, said: str
) -> None:
    """pdfsig looks at no time stamp: a signer's certificate has to be alive, which ours are for ten years."""
    path = tmp_path / "kept.pdf"
    path.write_bytes(years.kept(when))
    opinions = pdfsig(path, years.roots, at=day(when))
    assert len(opinions) == 3
    assert all(o.valid for o in opinions)
    wanted = "Certificate is Trusted." if said == "Trusted" else "Certificate has Expired"
    assert {o.certificate for o in opinions} == {wanted}


def _token_time(der: bytes) -> datetime:
    (info,) = asn1_cms.ContentInfo.load(der)["content"]["signer_infos"]
    (attribute,) = [a for a in info["unsigned_attrs"] if a["type"].native == "signature_time_stamp_token"]
    return _gen_time(attribute["values"][0].dump())


def _gen_time(token: bytes) -> datetime:
    content = asn1_cms.ContentInfo.load(token)["content"]
    moment: datetime = content["encap_content_info"]["content"].parsed["gen_time"].native
    return moment


# --- the controls: what must not be accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("when", [110, 3000])
def test_a_file_that_was_never_renewed_ends_with_its_time_stamp(years: Years, when: int) -> None:
    assert "OK" not in stock_pyhanko(years.sealed, years.roots, day(when))
    assert not all(ours(years.sealed, years.roots, day(when)))
    assert not verify(years.sealed, roots=years.roots, at=day(when)).ok


@pytest.mark.parametrize("when", [3800])
def test_one_renewal_is_not_enough_for_two_generations(years: Years, when: int) -> None:
    assert "OK" not in stock_pyhanko(years.renewed, years.roots, day(when))
    assert not all(ours(years.renewed, years.roots, day(when)))


@pytest.mark.parametrize("when", [102, 3000])
def test_a_renewal_that_comes_too_late_proves_nothing(tmp_path: Path, short_tsa: None, when: int) -> None:
    work = sealed_paper(tmp_path)
    late = renewed_on(work, 101)
    assert "OK" not in stock_pyhanko(late, work.authority.roots_pem(), day(when))
    assert not all(ours(late, work.authority.roots_pem(), day(when)))


@pytest.mark.parametrize("when", [400])
def test_under_another_house_nothing_holds(years: Years, tmp_path: Path, when: int) -> None:
    others = Paperwork(tmp_path).authority.roots_pem()
    assert "OK" not in stock_pyhanko(years.kept(when), others, day(when))
    assert not any(ours(years.kept(when), others, day(when)))


@pytest.mark.parametrize("when", [50, 400, 3800])
@pytest.mark.parametrize("which", ["the document", "the first time stamp", "the newest"])
def test_a_changed_byte_is_found_in_every_year(years: Years, which: str, when: int) -> None:
    content = bytearray(years.kept(when))
    stamps = [m.start() for m in re.finditer(rb"/ETSI.RFC3161", content)]
    around = {"the document": content.index(b"/MediaBox"), "the first time stamp": stamps[0], "the newest": stamps[-1]}
    place = re.compile(rb"/MediaBox ?\[ ?|/Contents ?<").search(content, around[which] - 50).end() + 600 * (
        which != "the document"
    )
    content[place] = ord("1") if content[place] != ord("1") else ord("2")
    try:
        verdicts = ours(bytes(content), years.roots, day(when))
    except Refusal:
        return  # not even a signature any more
    assert not all(verdicts)


@pytest.mark.parametrize(
    ("revoked", "when", "holds"),
    [(-1, 50, False), (-1, 400, False), (-1, 3800, False), (200, 400, True), (200, 3800, True)],
)
def test_a_certificate_revoked_before_signing_never_holds(
    tmp_path: Path, short_tsa: None, monkeypatch: pytest.MonkeyPatch, revoked: int, holds: bool, when: int
) -> None:
    """Our lists are final from the first day, so the test makes the list that an honest house would have made."""
    monkeypatch.setattr(authority_module, "_crl", revoking("李雷", START + timedelta(days=revoked)))
    work = sealed_paper(tmp_path)
    content = work.content = renewed_on(work, RENEWED)
    if when >= RENEWED_AGAIN:
        content = renewed_on(work, RENEWED_AGAIN)
    roots = work.authority.roots_pem()
    assert (stock_pyhanko(content, roots, day(when))[0] == "OK") is holds
    assert judge(content, roots=roots, at=day(when))[0].ok is holds


def revoking(name: str, since: datetime):  # type: ignore[no-untyped-def]
    """The authority's maker of lists, which puts this person's certificate on its own list."""
    plain = authority_module._crl

    def make(root, certificate, point, now):  # type: ignore[no-untyped-def]
        made = x509.load_der_x509_crl(plain(root, certificate, point, now))
        if name not in certificate.subject.rfc4514_string():
            return made.public_bytes(serialization.Encoding.DER)
        entry = x509.RevokedCertificateBuilder(certificate.serial_number, since).build()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(made.issuer)
            .last_update(made.last_update_utc)
            .next_update(made.next_update_utc)
            .add_revoked_certificate(entry)
        )
        for extension in made.extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
        return builder.sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    return make


def test_a_renewal_whose_lists_cannot_be_had_is_none(years: Years, tmp_path: Path) -> None:
    for crl in (years.work.authority.keys.folder / "crls").glob("*.crl"):
        (tmp_path / crl.name).write_bytes(crl.read_bytes())
        crl.unlink()
    try:
        with pytest.raises(Fault, match="tsa_down"):
            years.work.pades.renew(years.sealed)
    finally:
        for crl in tmp_path.glob("*.crl"):
            (years.work.authority.keys.folder / "crls" / crl.name).write_bytes(crl.read_bytes())
