"""What an operator sees of the authority and does with it: `python -m bff authority …`.

`show` lists every certificate of the house with the days that it has left, where its key is, and how many time stamps it
has signed. `rotate` makes the next generation of the seal's and the time stamps' certificates under the same roots.
`export-root` writes the root certificates for those who check; `take-root-key` moves the time stamps' root key away.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from bff.signing.authority import GENERATIONS, KEYS

if TYPE_CHECKING:
    from bff.wiring import House

ELSEWHERE = "seal-elsewhere"
NAMES = {
    "signing-root": "root of signers and seal",
    "tsa-root": "root of time stamps",
    "tsa": "time stamps",
    "seal": "seal",
    ELSEWHERE: "seal of contracts",
}


@dataclass(frozen=True)
class Line:
    """One certificate. `key` is encrypted, plain, away (not in the house), elsewhere (with `BFF_SEAL_KEY`) or destroyed."""

    name: str
    generation: int
    serial: str
    sha256: str
    begins: str
    ends: str
    days_left: int
    key: str
    time_stamps: int | None


def lines(home: "House") -> Iterator[Line]:
    with home.store.read() as unit:
        given = unit.time_book.count()
    for what in KEYS:
        every = home.authority.certificates(what)
        for number, certificate in enumerate(every, 1):
            key = _key(home, what, number, last=number == len(every))
            stamps = given.get(certificate.serial_number, 0) if what == "tsa" else None
            yield _line(home, what, number, certificate, key, stamps)


def elsewhere(home: "House") -> Iterator[Line]:
    """The certificate of the seal whose key is not here. Raises Fault `seal_key_away`."""
    if (sealer := home.sealer) is not None:
        yield _line(home, ELSEWHERE, 1, sealer.certificate, "elsewhere", None)


def _line(home: "House", what: str, number: int, certificate: x509.Certificate, key: str, stamps: int | None) -> Line:
    return Line(
        name=what,
        generation=number,
        serial=f"{certificate.serial_number:x}",
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        begins=_day(certificate.not_valid_before_utc),
        ends=_day(certificate.not_valid_after_utc),
        days_left=(certificate.not_valid_after_utc - home.clock.now()).days,
        key=key,
        time_stamps=stamps,
    )


def show(home: "House", *, as_json: bool) -> None:
    found = [*lines(home), *elsewhere(home)]
    if as_json:
        print(json.dumps([asdict(line) for line in found]))
        return
    for line in found:
        which = f", generation {line.generation}" if line.name in GENERATIONS else ""
        stamps = "" if line.time_stamps is None else f", {line.time_stamps} tokens in the book"
        print(
            f"{NAMES[line.name]}{which}: {line.begins} to {line.ends}, {line.days_left} days left, key {line.key}{stamps}"
        )
        print(f"      SHA-256 {line.sha256}, serial number {line.serial}")


def rotate(home: "House", *, tsa_root_key: Path | None, only: str | None) -> None:
    """Running units notice by themselves; what is archived keeps its proof and is renewed when its time comes."""
    home.authority.rotate(home.clock.now(), only=(only,) if only else GENERATIONS, tsa_root_key=tsa_root_key)
    show(home, as_json=False)


def export_root(home: "House", target: Path | None) -> None:
    """Certificates only: there is nothing secret in it."""
    pem = b"".join(home.roots)
    if target is None:
        print(pem.decode(), end="")
    else:
        target.write_bytes(pem)


def _key(home: "House", what: str, number: int, *, last: bool) -> str:
    keys = home.authority.keys
    name = what if number == 1 else f"{what}-{number}"
    if keys.has(name):
        return "encrypted" if keys.encrypted(name) else "plain"
    return "destroyed" if what in GENERATIONS and not last else "away"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
