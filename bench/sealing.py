# mypy: allow-untyped-calls
"""The sealing engine beside its peers: the same PDFs, one run, CPU medians.

`python -m bench.sealing [--json] [--times 15] [--rounds 2] [--large 100]` signs each PDF with everything that is
installed, in turn, a round after another. A peer that is missing is said to be missing (`make bench-peers` fetches the
Node ones; PDFBox and mutool come from the system's packages). What is compared:

- **one signature**: a P-256 signature at level B-B that is visible on the first page, certificate and key given, the file
  and its result in memory. Where a peer cannot do that, its row says what it does instead: RSA for those without elliptic
  curves, invisible for those that draw nothing.
- **the ceremony**: ten pages; two signers, the platform's seal, validation data and document time stamp (B-LTA), with the
  house's own certificates and time stamps. Ours does what the product does, besides: a certificate a signer, its
  revocation list on disk, the intent and the proof in the signature, the certificate page with its fonts.
- **a large file**: signed from file to file, in a process of its own, whose peak memory is told.
- **the floor**: SHA-256 over the file and one P-256 signature; nobody can be faster.

The last result of every peer is shown to pdfsig: a time counts for nothing when what came out is not valid. CPU time is the
process's own (user and system), so a busy machine blurs the figures less than it would blur a clock; ratios are of medians.
"""

import argparse
import hashlib
import json
import logging
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import metadata
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from bench.report import Goal, Report, machine, versions
from bff.core.contract import Field, FieldKind, Signer
from bff.core.intent import Intent
from bff.core.mark import Mark
from bff.core.ports import Act, EvidencePage, EvidenceSigner
from bff.signing import cms
from bff.signing.authority import Authority, EmbeddedTimestamps
from bff.signing.form import Form, Preparation
from bff.signing.increment import Increment
from bff.signing.objects import File
from bff.signing.pades import PyhankoPades, prepare
from bff.signing.paper import HIDDEN_FONT, Paper

HERE = Path(__file__).resolve().parent
FONTS = HERE.parent / "web" / "vendor" / "fonts"
PASSWORD = b"bench"
JARS = ("pdfbox2", "fontbox2", "bcpkix", "bcprov", "bcutil", "commons-logging")
SIGNERS = (Signer("s1", "Ada Lovelace"), Signer("s2", "Grace Hopper", order=2))
FIELDS = (
    Field("f1", "s1", FieldKind.SIGNATURE, 1, 1000, 1000, 3000, 800),
    Field("f2", "s2", FieldKind.SIGNATURE, 1, 1000, 3000, 3000, 800),
)
LIMIT = 600
"""Seconds that a peer may take for one file."""


# --- what is signed, and with what ---------------------------------------------------------------------------------


def made(pages: int, *, packed: bool = False, megabytes: int = 0) -> bytes:
    """A PDF with words on each page; `packed`: with object and cross-reference streams."""
    pdf = pikepdf.new()
    for number in range(pages):
        page = pdf.add_blank_page(page_size=(595, 842))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        words = "".join(
            f"1 0 0 1 60 {760 - 14 * n} Tm (Page {number + 1}, line {n}: the parties agree.) Tj " for n in range(48)
        )
        page.obj.Contents = pdf.make_stream(f"BT /F 11 Tf {words}ET".encode())
    if megabytes:
        pdf.Root.Ballast = pikepdf.Array([pdf.make_stream(os.urandom(2**20)) for _ in range(megabytes)])
    output = BytesIO()
    mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable
    pdf.save(output, object_stream_mode=mode, compress_streams=not megabytes)
    return output.getvalue()


@dataclass(frozen=True)
class Keys:
    """Self-signed: a certificate with its key for each kind, as an object and as a PKCS #12 file."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    elliptic: Path
    rsa: Path

    @classmethod
    def make(cls, folder: Path) -> "Keys":
        curve, number = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
        certificate = _certificate(curve)
        (folder / "elliptic.p12").write_bytes(_p12(curve, certificate))
        (folder / "rsa.p12").write_bytes(_p12(number, _certificate(number)))
        return cls(certificate, curve, folder / "elliptic.p12", folder / "rsa.p12")


def _certificate(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Bench")])
    now = datetime.now(UTC)
    usage = {"digital_signature": True, "content_commitment": True, "key_cert_sign": True, "crl_sign": True}
    others = ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage, **dict.fromkeys(others, False)), critical=True)
        .sign(key, hashes.SHA256())
    )


def _p12(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    """In the old encryption, which every peer can read."""
    how = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2048)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(PASSWORD)
    )
    return pkcs12.serialize_key_and_certificates(b"bench", key, certificate, None, how)


def _paper() -> Paper:
    return Paper(FONTS, hidden_font=HIDDEN_FONT)


# --- one signature -------------------------------------------------------------------------------------------------

Sign = Callable[[bytes], bytes]


def ours(keys: Keys, *, names: Callable[[], str] = lambda: SIGNERS[0].name) -> Sign:
    """A new visible field and its signature in one revision."""
    hand = cms.Hand.of(keys.certificate.public_bytes(serialization.Encoding.DER), keys.key)
    paper = _paper()

    def sign(content: bytes) -> bytes:
        now = datetime.now(UTC)
        signer = Signer("s1", names())
        caption = (f"Signed by {signer.name}", f"{now:%Y-%m-%d %H:%M:%S} +0000")
        increment = Increment(File(content))
        preparation = Preparation(increment, "countersign-00000000")
        preparation.place(signer, FIELDS[:1], None, paper)
        preparation.enter()
        form = Form(increment, paper)
        name = form.empty_signature("signer", signer.id)
        entries = {
            b"Type": b"/Sig",
            b"Filter": b"/Adobe.PPKLite",
            b"SubFilter": b"/ETSI.CAdES.detached",
            b"M": f"(D:{now:%Y%m%d%H%M%S}Z)".encode(),
        }
        form.sign(
            name,
            lambda own, w, h: own.mark(Mark("typed", signer.name), width=w, height=h, caption=caption, language="en"),
            entries,
            room=cms.longest_signature(hand),
        )
        return content + increment.signed(lambda digest: cms.signature(hand, digest))

    return sign


def _strangers() -> Callable[[], str]:
    """A name that nobody had before, each time: nothing that was drawn for one helps the next."""
    chance = random.Random(1)
    return lambda: " ".join("".join(chance.sample("abcdefghijklmnopqrstuvwxyz", 6)).title() for _ in range(2))


def pyhanko(keys: Keys) -> Sign:
    """As its documentation begins: SimpleSigner, sign_pdf, a text stamp in a new field."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers
    from pyhanko.stamp import TextStampStyle

    signer = signers.SimpleSigner.load_pkcs12(str(keys.elliptic), passphrase=PASSWORD)
    meta = signers.PdfSignatureMetadata(
        field_name="bench", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
    )
    style = TextStampStyle(stamp_text="Signed by %(signer)s\n%(ts)s")

    def sign(content: bytes) -> bytes:
        place = fields.SigFieldSpec("bench", on_page=0, box=(40, 700, 220, 760))
        stamped = signers.PdfSigner(meta, signer, stamp_style=style, new_field_spec=place)
        output: BytesIO = stamped.sign_pdf(IncrementalPdfFileWriter(BytesIO(content)))
        return output.getvalue()

    return sign


def floor(keys: Keys) -> Sign:
    def sign(content: bytes) -> bytes:
        return keys.key.sign(hashlib.sha256(content).digest(), ec.ECDSA(hashes.SHA256()))

    return sign


@dataclass
class Peer:
    """One who signs. `run` gives the CPU milliseconds of each time, and leaves the last result in a file."""

    name: str
    does: str
    run: Callable[[Path, Path, int], list[float]]
    missing: str = ""
    added: dict[str, float] = field(default_factory=dict)


def peers(keys: Keys, folder: Path) -> list[Peer]:
    node, java = shutil.which("node"), shutil.which("java")
    libraries = HERE / "peers" / "node_modules"
    fetched = "" if node and libraries.is_dir() else "not installed (make bench-peers)"
    jars = [Path("/usr/share/java", f"{jar}.jar") for jar in JARS]
    boxed = (
        "" if java and shutil.which("javac") and all(j.is_file() for j in jars) else "not installed (libpdfbox2-java)"
    )
    return [
        Peer("ours", "visible, P-256", _here(ours(keys))),
        Peer("ours, a new name each time", "visible, P-256", _here(ours(keys, names=_strangers()))),
        Peer("pyHanko as it comes", "visible, P-256", _here(pyhanko(keys))),
        Peer("@libpdf/core", "invisible, P-256", _node("libpdf", keys.elliptic), fetched),
        Peer("@signpdf/signpdf", "invisible, RSA-2048", _node("signpdf", keys.rsa), fetched),
        Peer("PDFBox", "visible, P-256", _java(jars, keys.elliptic, folder), boxed),
        Peer("mutool", "visible, RSA-2048, process", _mutool(keys), "" if shutil.which("mutool") else "not installed"),
        Peer("SHA-256 + P-256", "the floor", _here(floor(keys))),
    ]


def _here(sign: Sign) -> Callable[[Path, Path, int], list[float]]:
    def run(source: Path, target: Path, times: int) -> list[float]:
        content = source.read_bytes()
        sign(content)
        spent = []
        signed = b""
        for _ in range(times):
            before = time.process_time()
            signed = sign(content)
            spent.append(1e3 * (time.process_time() - before))
        target.write_bytes(signed)
        return spent

    return run


def _node(library: str, p12: Path) -> Callable[[Path, Path, int], list[float]]:
    def run(source: Path, target: Path, times: int) -> list[float]:
        script = HERE / "peers" / "sign.mjs"
        return _told("node", script, library, source, p12, target, times + WARM_UP)[WARM_UP:]

    return run


def _java(jars: Sequence[Path], p12: Path, folder: Path) -> Callable[[Path, Path, int], list[float]]:
    path = os.pathsep.join(map(str, [folder, *jars]))

    def run(source: Path, target: Path, times: int) -> list[float]:
        if not (folder / "Sign.class").is_file():
            _done("javac", "-cp", path, "-d", folder, HERE / "peers" / "Sign.java")
        return _told("java", "-cp", path, "Sign", source, p12, target, times + WARM_UP)[WARM_UP:]

    return run


WARM_UP = 10
"""Times that engines which compile as they run are given first; they do not count."""


def _mutool(keys: Keys) -> Callable[[Path, Path, int], list[float]]:
    """It signs fields that are there: ours prepares one."""
    paper = _paper()

    def run(source: Path, target: Path, times: int) -> list[float]:
        increment = Increment(File(source.read_bytes()))
        preparation = Preparation(increment, "countersign-00000000")
        preparation.place(SIGNERS[0], FIELDS[:1], None, paper)
        prepared = target.with_suffix(".prepared.pdf")
        prepared.write_bytes(source.read_bytes() + preparation.finish())
        with pikepdf.open(prepared) as pdf:
            number = pdf.Root.AcroForm.Fields[0].objgen[0]
        spent = []
        for _ in range(times):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            _done("mutool", "sign", "-s", keys.rsa, "-P", PASSWORD.decode(), "-o", target, prepared, number)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
        return spent

    return run


class Refused(Exception):
    """A peer could not do it; the text is its own last words."""


def _told(*command: object) -> list[float]:
    times: list[float] = json.loads(_done(*command).splitlines()[-1])
    return times


def _done(*command: object) -> str:
    ran = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=LIMIT, check=False)
    if ran.returncode:
        said = [line for line in (ran.stderr or ran.stdout).splitlines() if "rror" in line] or ["it failed"]
        raise Refused(said[0].strip()[:120])
    return ran.stdout


def valid(path: Path) -> str:
    """What pdfsig says of the signature in a file."""
    if not shutil.which("pdfsig"):
        return "not asked (no pdfsig)"
    said = subprocess.run(
        ["pdfsig", "-nocert", str(path)], capture_output=True, text=True, timeout=LIMIT, check=False
    ).stdout
    found = [line.split(":", 1)[1].strip() for line in said.splitlines() if "Signature Validation:" in line]
    judged = {line for line in found if "not yet been verified" not in line}  # document time stamps: it knows none
    return "; ".join(sorted(judged)) or "no signature found"


# --- the ceremony --------------------------------------------------------------------------------------------------


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Ceremony:
    """Two signers, the seal, validation data and document time stamp, as the product writes them."""

    folder: Path
    paper: Paper = field(init=False)

    def __post_init__(self) -> None:
        self.authority = Authority.create(
            self.folder / "authority",
            organisation="Countersign",
            crl_url="https://sign.example.org/authority/crl",
            now=datetime.now(UTC),
        )
        self.paper = _paper()
        self.pades = PyhankoPades(self.authority, EmbeddedTimestamps(self.authority, Now()), self.paper, Now())

    def ours(self, upload: bytes) -> list[tuple[str, bytes]]:
        """The file after each step."""
        evidence = self._evidence(upload)
        content = prepare(upload, fields=FIELDS, signers=SIGNERS, evidence=evidence, paper=self.paper)
        steps = [("prepared", content)]
        for signer in SIGNERS:
            content = self.pades.sign(content, self._act(signer, content)).content
            steps.append((f"signed by {signer.name}", content))
        sealed = self.pades.seal(content, contract_id="k1", evidence_head=_digest("closing head"))
        return [*steps, ("sealed", sealed.content)]

    def judged(self, content: bytes) -> bool:
        verdicts = self.pades.check(content)
        return len(verdicts) == 4 and all(v.ok and v.level == "B-LTA" for v in verdicts)

    def pyhanko(self) -> Sign:
        """The same levels with the same certificates and time stamps; no evidence, no page of its own."""
        from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]  # ships no types
        from asn1crypto import crl as asn1_crl
        from asn1crypto import keys as asn1_keys
        from asn1crypto import x509 as asn1_x509
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers
        from pyhanko.sign.timestamps import TimeStamper
        from pyhanko.stamp import TextStampStyle
        from pyhanko_certvalidator import ValidationContext
        from pyhanko_certvalidator.registry import SimpleCertificateStore

        stamps = EmbeddedTimestamps(self.authority, Now())

        class Stamper(TimeStamper):
            async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> asn1_cms.ContentInfo:
                return asn1_cms.ContentInfo.load(stamps.timestamp(message_digest))

        def load(certificate: x509.Certificate) -> asn1_x509.Certificate:
            return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))

        roots = [load(x509.load_pem_x509_certificate(pem)) for pem in self.authority.roots_pem()]
        style = TextStampStyle(stamp_text="Signed by %(signer)s\n%(ts)s")

        def sign(content: bytes) -> bytes:
            leaves = [
                self.authority.issue_signer(s.name, contract_id="k1", signer_id=s.id, now=datetime.now(UTC))
                for s in SIGNERS
            ]
            leaves.append(self.authority.seal)
            crls = [asn1_crl.CertificateList.load(leaf.crl) for leaf in (*leaves, self.authority.tsa)]
            for number, leaf in enumerate(leaves):
                last = leaf is leaves[-1]
                context = ValidationContext(
                    trust_roots=roots, crls=crls, allow_fetching=False, revocation_mode="hard-fail"
                )
                meta = signers.PdfSignatureMetadata(
                    field_name=f"s{number}",
                    md_algorithm="sha256",
                    subfilter=fields.SigSeedSubFilter.PADES,
                    validation_context=context if last else None,
                    embed_validation_info=last,
                    use_pades_lta=last,
                )
                key = leaf.key.private_bytes(
                    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
                hand = signers.SimpleSigner(
                    load(leaf.certificate),
                    asn1_keys.PrivateKeyInfo.load(key),
                    SimpleCertificateStore.from_certs([load(leaf.root)]),
                )
                box = (40, 700 - 80 * number, 220, 760 - 80 * number)
                place = fields.SigFieldSpec(f"s{number}", on_page=0, box=box)
                stamped = signers.PdfSigner(meta, hand, timestamper=Stamper(), stamp_style=style, new_field_spec=place)
                output: BytesIO = stamped.sign_pdf(IncrementalPdfFileWriter(BytesIO(content)))
                content = output.getvalue()
            return content

        return sign

    def _evidence(self, upload: bytes) -> EvidencePage:
        return EvidencePage(
            contract_id="k1",
            title="Sale of a bicycle",
            sender_name="Ada Lovelace",
            document_sha256=hashlib.sha256(upload).hexdigest(),
            pages=10,
            deadline="",
            language="en",
            signers=tuple(EvidenceSigner(s.id, s.name, s.role, "•••• 8000", s.order) for s in SIGNERS),
            verify_url="https://sign.example.org/verify",
            consent_version="1",
        )

    def _act(self, signer: Signer, content: bytes) -> Act:
        now = datetime.now(UTC)
        mark = Mark("typed", signer.name)
        intent = Intent(
            contract_id="k1",
            contract_title="Sale of a bicycle",
            document_sha256=hashlib.sha256(content).hexdigest(),
            document_pages=11,
            signer_id=signer.id,
            signer_name=signer.name,
            signer_role=signer.role,
            mark_sha256=mark.sha256(),
            values_sha256=hashlib.sha256(b"{}").hexdigest(),
            consent_version="1",
            consent_sha256=_digest("consent"),
            language="en",
            method="sms",
            host="sign.example.org",
            nonce=_digest("nonce", signer.id)[:32],
            issued_at=now.isoformat(),
            expires_at=(now + timedelta(minutes=5)).isoformat(),
        )
        proof = {
            "method": "sms",
            "phone_masked": "•••• 8000",
            "phone_sha256": _digest("phone", signer.id),
            "sent_at": now.isoformat(),
            "confirmed_at": now.isoformat(),
            "provider_id": _digest("message", signer.id)[:16],
            "tries": 1,
            "verifier": _digest("verifier", signer.id),
        }
        return Act(
            signer=signer,
            fields=tuple(f for f in FIELDS if f.signer_id == signer.id),
            mark=mark,
            values={},
            intent=intent.canonical(),
            proof=proof,
            identity={
                "level": "contact",
                "name_given_by": "sender",
                "link_channel": "email",
                "link_address_masked": "s•••@example.org",
                "link_address_sha256": _digest("address", signer.id),
                "link_and_code_share_a_channel": False,
                "person_id": None,
            },
            evidence_head=_digest("head", signer.id),
            signed_at=now,
            timezone="UTC",
            caption=(f"Signed by {signer.name}", f"{now:%Y-%m-%d %H:%M:%S} +0000", "Confirmed by SMS code"),
        )


def _digest(*what: str) -> str:
    """As real ones: nothing in them to pack."""
    return hashlib.sha256(" ".join(what).encode()).hexdigest()


# --- a large file --------------------------------------------------------------------------------------------------


def large_child(name: str, folder: Path) -> None:
    """In a process of its own: signs `large.pdf` once, tells CPU and peak memory."""
    source, target = folder / "large.pdf", folder / f"large-{name}.pdf"
    if name == "ours":
        ceremony = Ceremony(folder / "own")
        act = ceremony._act(SIGNERS[0], b"")
        before = time.process_time()
        ceremony.pades.sign_file(source, target, act)
    else:
        spent = _large_pyhanko(source, target, folder)
        before = time.process_time() - spent
    spent = time.process_time() - before
    # Not ru_maxrss: that remembers the parent's size at the fork.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:", 1)[1].split()[0]) / 1024
    print(json.dumps({"cpu_s": spent, "rss_mb": peak}))


def _large_pyhanko(source: Path, target: Path, folder: Path) -> float:
    """From file to file as well: its writer takes streams."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    signer = signers.SimpleSigner.load_pkcs12(str(folder / "elliptic.p12"), passphrase=PASSWORD)
    meta = signers.PdfSignatureMetadata(
        field_name="bench", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
    )
    before = time.process_time()
    with source.open("rb") as file, target.open("w+b") as output:
        signers.PdfSigner(meta, signer).sign_pdf(IncrementalPdfFileWriter(file), output=output)
    return time.process_time() - before


# --- the report ----------------------------------------------------------------------------------------------------


def run(*, times: int, rounds: int, large: int) -> Report:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = Keys.make(folder)
        files = {
            "1 page": made(1),
            "10 pages": made(10),
            "300 pages": made(300),
            "300 pages, packed": made(300, packed=True),
        }
        for title, content in files.items():
            (folder / f"{title}.pdf").write_bytes(content)
        all_peers = peers(keys, folder)
        rows = list(_signature_rows(all_peers, files, folder, times, rounds))
        ceremony_rows, whole, added = _ceremony_rows(folder, files["10 pages"], times, rounds)
        prepared = prepare(made(1, megabytes=large), fields=FIELDS, signers=SIGNERS, evidence=None, paper=_paper())
        (folder / "large.pdf").write_bytes(prepared)
        large_rows = list(_large_rows(folder, large))
    one = next(r["cpu_ms"] for r in rows if (r["by"], r["file"]) == ("ours", "1 page"))
    mine = large_rows[0]
    goals = [
        Goal("one visible P-256 signature, 1 page", one, "ms CPU", 1.0),
        Goal("whole ceremony, 2 signers, seal, B-LTA, 10 pages", whole, "ms CPU", 20.0),
        Goal("added by the whole ceremony", added, "KB", 30.0),
        Goal(f"{large} MB from file to file", mine["cpu_ms"] / 1e3, "s CPU", 0.5),
        Goal(f"{large} MB from file to file, peak memory", mine["rss_mb"], "MB", 100.0),
    ]
    every = [{**EMPTY, **row} for row in [*rows, *ceremony_rows, *large_rows]]
    return Report("sealing", machine(), _versions(), every, goals)


COLUMNS = ("task", "file", "by", "does", "cpu_ms", "times_ours", "added_kb", "rss_mb", "result")
EMPTY: Mapping[str, Any] = dict.fromkeys(COLUMNS, "")


def _versions() -> dict[str, str]:
    found = versions("pyhanko", "cryptography", "uharfbuzz", "pikepdf")
    for package in ("@libpdf/core", "@signpdf/signpdf"):
        path = HERE / "peers" / "node_modules" / package / "package.json"
        found[package] = json.loads(path.read_text())["version"] if path.is_file() else "missing"
    for tool, command in (
        ("node", ["node", "--version"]),
        ("java", ["java", "--version"]),
        ("mutool", ["mutool", "-v"]),
    ):
        ran = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which(tool) else None
        found[tool] = (ran.stdout or ran.stderr).splitlines()[0].strip() if ran else "missing"
    box = next(iter(sorted(Path("/usr/share/java").glob("pdfbox2-2*.jar"))), None)
    return found | {"pdfbox": box.stem.removeprefix("pdfbox2-") if box else "missing", "openssl": _openssl()}


def _openssl() -> str:
    from cryptography.hazmat.backends.openssl import backend

    return f"{backend.openssl_version_text()} (cryptography {metadata.version('cryptography')})"


def _signature_rows(
    all_peers: Sequence[Peer], files: Mapping[str, bytes], folder: Path, times: int, rounds: int
) -> Iterator[dict[str, Any]]:
    for title, content in files.items():
        spent: dict[str, list[float]] = {}
        ends: dict[str, str] = {}
        for _ in range(rounds):
            for peer in all_peers:
                if peer.missing or (peer.name in ends and peer.name not in spent):
                    continue
                target = folder / "signed.pdf"
                target.unlink(missing_ok=True)
                try:
                    spent.setdefault(peer.name, []).extend(peer.run(folder / f"{title}.pdf", target, times))
                    ends[peer.name] = valid(target) if peer.does != "the floor" else ""
                    peer.added[title] = round((target.stat().st_size - len(content)) / 1024, 1)
                except (Refused, subprocess.TimeoutExpired) as refusal:
                    spent.pop(peer.name, None)
                    ends[peer.name] = f"refused: {refusal}"
        mine = median(spent["ours"])
        for peer in all_peers:
            row: dict[str, Any] = {"task": "one signature", "file": title, "by": peer.name, "does": peer.does}
            if peer.name in spent:
                took = median(spent[peer.name])
                row |= {"cpu_ms": round(took, 3), "times_ours": round(took / mine, 2), "result": ends[peer.name]}
                row |= {"added_kb": peer.added[title]} if peer.does != "the floor" else {}
            else:
                row |= {"result": peer.missing or ends.get(peer.name, "")}
            yield row


def _ceremony_rows(folder: Path, upload: bytes, times: int, rounds: int) -> tuple[list[dict[str, Any]], float, float]:
    ceremony = Ceremony(folder / "ceremony")
    theirs = ceremony.pyhanko()
    steps = ceremony.ours(upload)
    spent: dict[str, list[float]] = {"ours": [], "pyHanko as it comes": []}
    last = theirs(upload)
    for _ in range(rounds):
        for name, work in (("ours", ceremony.ours), ("pyHanko as it comes", theirs)):
            for _ in range(max(times // 2, 3)):
                before = time.process_time()
                work(upload)
                spent[name].append(1e3 * (time.process_time() - before))
    mine = median(spent["ours"])
    sizes = [len(upload), *(len(content) for _, content in steps)]
    whole = (sizes[-1] - sizes[0]) / 1024
    base = {"task": "ceremony", "file": "10 pages"}
    judged = "every signature B-LTA" if ceremony.judged(steps[-1][1]) else "NOT VALID"
    rows = [
        {
            **base,
            "by": "ours",
            "does": "with certificate page and evidence",
            "cpu_ms": round(mine, 2),
            "times_ours": 1.0,
        }
        | {"added_kb": round(whole, 1), "result": judged}
    ]
    for (name, _), before, after in zip(steps, sizes, sizes[1:], strict=False):
        rows.append({**base, "by": "ours", "does": f"of which {name}", "added_kb": round((after - before) / 1024, 1)})
    (folder / "theirs.pdf").write_bytes(last)
    other = median(spent["pyHanko as it comes"])
    rows.append(
        {**base, "by": "pyHanko as it comes", "does": "no certificate page, no evidence", "cpu_ms": round(other, 2)}
        | {"times_ours": round(other / mine, 2), "added_kb": round((len(last) - len(upload)) / 1024, 1)}
        | {"result": valid(folder / "theirs.pdf")}
    )
    return rows, round(mine, 2), round(whole, 1)


def _large_rows(folder: Path, megabytes: int) -> Iterator[dict[str, Any]]:
    mine = 0.0
    for name, does in (("ours", "file to file, B-T, with evidence"), ("pyhanko", "file to file, B-B, invisible")):
        command = (sys.executable, "-m", "bench.sealing", "--large-child", name, "--folder", folder)
        told = json.loads(_done(*command).splitlines()[-1])
        took = 1e3 * told["cpu_s"]
        mine = mine or took
        yield {
            "task": "large file",
            "file": f"{megabytes} MB",
            "by": "ours" if name == "ours" else "pyHanko as it comes",
            "does": does,
            "cpu_ms": round(took, 1),
            "times_ours": round(took / mine, 2),
            "rss_mb": round(told["rss_mb"], 1),
            "result": valid(folder / f"large-{name}.pdf"),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sealing", description="Sign and seal beside the peers.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--times", type=int, default=15, help="signatures a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--large", type=int, default=100, help="megabytes of the large file")
    parser.add_argument("--large-child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.large_child:
        large_child(chosen.large_child, chosen.folder)
        return 0
    logging.disable(logging.WARNING)  # pyHanko warns that nothing will be fetched, each time
    report = run(times=chosen.times, rounds=chosen.rounds, large=chosen.large)
    print(report.json() if chosen.json else report.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
