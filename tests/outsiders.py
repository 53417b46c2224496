"""Validators that nobody here wrote: pdfsig (poppler with NSS), openssl, qpdf, PDFBox with BouncyCastle, MuPDF.

A test that asks an outsider is skipped where the tool is missing, and fails there in CI: an outsider that was not
asked proves nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Opinion:
    """What pdfsig says of one signature."""

    name: str
    signature: str
    certificate: str
    kind: str
    field: str

    @property
    def valid(self) -> bool:
        return self.signature == "Signature is Valid."

    @property
    def trusted(self) -> bool:
        return self.certificate == "Certificate is Trusted."


def need(*tools: str) -> None:
    """Skips the test where one of the tools is missing; in CI that is a failure."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"missing in CI: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def pdfsig(path: Path, roots: Sequence[bytes], *, at: datetime | None = None) -> list[Opinion]:
    """pdfsig's opinion of every signature (document time stamps excepted, which it does not know).

    It cannot be told a time: with `at` it is shown that clock.
    """
    need("pdfsig", "certutil", *(("faketime",) if at else ()))
    clock = ("faketime", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}") if at else ()
    with tempfile.TemporaryDirectory() as folder:
        _run("certutil", "-N", "--empty-password", "-d", folder)
        for n, root in enumerate(roots):
            pem = Path(folder, f"root{n}.pem")
            pem.write_bytes(root)
            _run("certutil", "-A", "-n", f"root{n}", "-t", "C,C,C", "-i", str(pem), "-d", folder)
        said = _run(*clock, "pdfsig", "-nssdir", folder, str(path)).stdout
    blocks = re.split(r"(?m)^Signature #\d+:", said)[1:]
    return [opinion for block in blocks if (opinion := _opinion(block)).kind == "ETSI.CAdES.detached"]


def _opinion(block: str) -> Opinion:
    def line(label: str) -> str:
        found = re.search(rf"- {label}: (.*)", block)
        return found.group(1).strip() if found else ""

    return Opinion(
        name=line("Signer Certificate Common Name"),
        signature=line("Signature Validation"),
        certificate=line("Certificate Validation"),
        kind=line("Signature Type"),
        field=line("Signature Field Name"),
    )


def openssl_cms(signature: bytes, signed: bytes, roots: Sequence[bytes], *, at: datetime | None = None) -> str:
    """`openssl cms -verify -cades` over a detached CMS; what it says, empty when it refuses."""
    need("openssl")
    with tempfile.TemporaryDirectory() as folder:
        files = _files(folder, signature=signature, signed=signed, roots=b"".join(roots))
        answer = subprocess.run(
            [
                *("openssl", "cms", "-verify", "-cades", "-binary", "-purpose", "any", "-inform", "DER"),
                *("-in", files["signature"], "-content", files["signed"], "-CAfile", files["roots"]),
                *("-out", os.devnull, *_attime(at)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.stderr if answer.returncode == 0 else ""


def openssl_ts(token: bytes, signed: bytes, roots: Sequence[bytes], *, at: datetime | None = None) -> bool:
    """`openssl ts -verify` of a time stamp token over these bytes."""
    need("openssl")
    with tempfile.TemporaryDirectory() as folder:
        files = _files(folder, token=token, signed=signed, roots=b"".join(roots))
        answer = subprocess.run(
            [
                *("openssl", "ts", "-verify", "-token_in", "-in", files["token"]),
                *("-data", files["signed"], "-CAfile", files["roots"], *_attime(at)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.returncode == 0 and "Verification: OK" in answer.stdout + answer.stderr


def stock_pyhanko(content: bytes, roots: Sequence[bytes], at: datetime) -> list[str]:
    """pyHanko's long-term verdict on each signature, in a process of its own whose clock stands at that time."""
    need("faketime")
    with tempfile.TemporaryDirectory() as folder:
        files = _files(folder, pdf=content, roots=b"".join(roots))
        clock = ("faketime", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
        said = _run(*clock, sys.executable, "-m", "tests.stock_pyhanko", files["pdf"], files["roots"]).stdout
    return said.split()


def _attime(at: datetime | None) -> tuple[str, ...]:
    return ("-attime", str(int(at.timestamp()))) if at else ()


def qpdf_check(path: Path) -> str:
    """`qpdf --check`: empty when it finds nothing wrong."""
    need("qpdf")
    answer = subprocess.run(["qpdf", "--check", str(path)], capture_output=True, text=True, check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


JARS = Path("/usr/share/java")
CLASSES = ("pdfbox2", "fontbox2", "commons-logging", "bcprov", "bcpkix", "bcutil")
JUDGE = Path(__file__).parent / "java" / "Judge.java"


@dataclass(frozen=True)
class JavaOpinion:
    """What PDFBox and BouncyCastle say of one signature or document time stamp (or of a file that they cannot read)."""

    kind: str
    verdict: str
    time: str

    @property
    def ok(self) -> bool:
        return self.verdict == "ok"


def pdfbox(
    files: Sequence[Path], roots: Sequence[bytes], *, at: datetime | None = None
) -> dict[Path, list[JavaOpinion]]:
    """Its opinion of each file, in the order of the signatures: mathematics, RFC 5035, time stamps, paths, revocation lists.

    The last document time stamp is judged at its own time; with `at` then, and the machine's clock shows it.
    """
    clock = ("faketime", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}") if at else ()
    now = (f"-Dnow={at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",) if at else ()
    need(*clock[:1], "java", "javac", *(f"{name}.jar" for name in CLASSES if not (JARS / f"{name}.jar").is_file()))
    with tempfile.TemporaryDirectory() as folder:
        trusted = _files(folder, roots=b"".join(roots))["roots"]
        classes = ":".join(str(JARS / f"{name}.jar") for name in CLASSES)
        said = _run(*clock, "java", *now, "-cp", classes, str(JUDGE), trusted, *map(str, files)).stdout
    opinions: dict[Path, list[JavaOpinion]] = {file: [] for file in files}
    for line in said.splitlines():
        file, kind, verdict, time = line.split("\t")
        opinions[Path(file)].append(JavaOpinion(kind, verdict, time))
    return opinions


def mutool(path: Path) -> list[bool]:
    """Whether each signature's digest holds for MuPDF, which knows neither our roots nor document time stamps."""
    need("mutool")
    said = _run("mutool", "sign", "-v", str(path)).stdout
    blocks = re.split(r"(?m)^Verifying signature \d+:", said)[1:]
    judged = [block for block in blocks if "Signature is not signed" not in block]
    return [any(line in block for line in HOLDS) and "Digest error" not in block for block in judged]


HOLDS = ("The signature is valid but there have been edits since signing.", "The document is unchanged since signing.")


def mutool_draws(path: Path) -> str:
    """What MuPDF complains of while it draws every page; empty when nothing."""
    need("mutool")
    with tempfile.TemporaryDirectory() as folder:
        command = ["mutool", "draw", "-q", "-F", "png", "-r", "20", "-o", f"{folder}/%d.png", str(path)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return "".join(line for line in answer.stderr.splitlines() if "ICC support" not in line) or "x" * answer.returncode


def signatures_in(content: bytes) -> list[tuple[bytes, bytes]]:
    """Each signature of a PDF as a pair: the CMS or token, and the bytes that it covers. Reads nothing but offsets."""
    pairs = []
    for found in re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", content):
        first, length, second, rest = (int(n) for n in found.groups())
        cms = bytes.fromhex(content[first + length + 1 : second - 1].decode("ascii"))
        pairs.append((_der(cms), content[first : first + length] + content[second : second + rest]))
    return pairs


def _der(padded: bytes) -> bytes:
    """A DER value without the zeros behind it."""
    if padded[1] < 0x80:
        return padded[: 2 + padded[1]]
    size = padded[1] & 0x7F
    return padded[: 2 + size + int.from_bytes(padded[2 : 2 + size])]


def _files(folder: str, **contents: bytes) -> dict[str, str]:
    for name, content in contents.items():
        Path(folder, name).write_bytes(content)
    return {name: str(Path(folder, name)) for name in contents}


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "TZ": "UTC", "DONT_FAKE_MONOTONIC": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
