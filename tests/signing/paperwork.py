"""A contract on paper for the tests of signing: a throwaway authority, a clock that stands, a plain hand."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bff.core import gestures
from bff.core.contract import Field, FieldKind, Signer
from bff.core.errors import Fault
from bff.core.gestures import Pace
from bff.core.intent import Intent, values_sha256
from bff.core.mark import Mark
from bff.core.ports import Act, EvidencePage, EvidenceSigner, Written
from bff.signing.authority import Authority, EmbeddedTimestamps
from bff.signing.objects import NULL, Dict
from bff.signing.pades import PyhankoPades, prepare
from bff.signing.paper import Binder, KnownFont

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
HOST = "sign.example.org"


@dataclass
class StandingClock:
    """Time passes only when a test says so."""

    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def wait(self, **how: float) -> None:
        self.moment += timedelta(**how)


class DownTimestamps:
    """A TSA that does not answer."""

    def timestamp(self, digest: bytes) -> bytes:
        raise Fault("tsa_down", what="It is switched off for the test.", do="Switch it on.")


@dataclass(frozen=True)
class PlainEvidence:
    """Two empty pages."""

    boxes: Mapping[str, tuple[int, float, float, float, float]]

    def bind(self, binder: Binder) -> tuple[list[Dict], bytes]:
        box = b"[0 0 400 600]"
        page = {b"Type": b"/Page", b"MediaBox": box, b"CropBox": box, b"Rotate": b"0", b"Resources": b"<<>>"}
        return [page, {**page}], NULL


class PlainPaper:
    """Draws a red box with a blue upper left quarter, so that a rendering shows where it is and which way is up."""

    def mark(self, mark: Mark, *, width: float, height: float, caption: tuple[str, ...], language: str) -> bytes:
        return _boxes(width, height)

    def text(self, text: str, *, width: float, height: float, language: str) -> bytes:
        return _boxes(width, height)

    def check(self, *, width: float, height: float) -> bytes:
        return _boxes(width, height)

    def seal(self, lines: tuple[str, str], *, width: float, height: float) -> bytes:
        return _boxes(width, height)

    def with_type(self, known: KnownFont | None) -> "PlainPaper":
        return self

    def evidence(self, page: EvidencePage, *, slots: tuple[str, ...]) -> PlainEvidence:
        boxes = {who: (1, 50.0, 500.0 - 80 * n, 250.0, 560.0 - 80 * n) for n, who in enumerate((*slots, "seal"))}
        return PlainEvidence(boxes)


def _boxes(width: float, height: float) -> bytes:
    whole = f"1 0 0 rg 0 0 {width:.2f} {height:.2f} re f"
    corner = f"0 0 1 rg 0 {height / 2:.2f} {width / 2:.2f} {height / 2:.2f} re f"
    return f"q {whole} {corner} Q".encode()


def blank_pdf(
    *, pages: int = 1, rotate: int = 0, crop: Sequence[float] = (), object_streams: bool = False, inherit: bool = False
) -> bytes:
    pdf = pikepdf.new()
    for _ in range(pages):
        page = pdf.add_blank_page(page_size=(400, 600))
        if inherit:
            del page.obj["/MediaBox"]
        else:
            page.obj["/Rotate"] = rotate
            if crop:
                page.obj["/CropBox"] = pikepdf.Array(list(crop))
    if inherit:
        pdf.Root.Pages["/MediaBox"] = pikepdf.Array([0, 0, 400, 600])
        pdf.Root.Pages["/Rotate"] = rotate
        if crop:
            pdf.Root.Pages["/CropBox"] = pikepdf.Array(list(crop))
    output = BytesIO()
    mode = pikepdf.ObjectStreamMode.generate if object_streams else pikepdf.ObjectStreamMode.disable
    pdf.save(output, object_stream_mode=mode, deterministic_id=True)
    return output.getvalue()


LI = Signer(id="s1", name="李雷", role="Seller", language="zh_Hans_CN")
ANA = Signer(id="s2", name="Ana Pérez-Ñandú", role="Buyer", order=2)
BO = Signer(id="s3", name="Bo", order=3)
FIELDS = (
    Field("f1", "s1", FieldKind.SIGNATURE, 1, 1000, 1000, 3000, 800),
    Field("f2", "s1", FieldKind.DATE, 1, 5000, 1000, 2000, 300),
    Field("f3", "s2", FieldKind.SIGNATURE, 1, 1000, 3000, 3000, 800),
    Field("f4", "s2", FieldKind.CHECKBOX, 1, 5000, 3000, 300, 200),
    Field("f5", "s2", FieldKind.TEXT, 1, 6000, 3000, 2000, 300),
    Field("f6", "s2", FieldKind.SIGNATURE, 1, 1000, 5000, 3000, 800),
    Field("f7", "s2", FieldKind.TEXT, 1, 6000, 4000, 2000, 300, required=False),
)
VALUES: Mapping[str, dict[str, str]] = {
    "s1": {"f2": "2026-11-01"},
    "s2": {"f4": "yes", "f5": "Madrid"},
    "s3": {},
    "s9": {},
}


@dataclass
class Paperwork:
    """One contract on its way: `content` is its newest revision."""

    directory: Path
    clock: StandingClock = field(default_factory=StandingClock)
    signers: tuple[Signer, ...] = (LI, ANA, BO)
    fields: tuple[Field, ...] = FIELDS
    contract_id: str = "k1"
    content: bytes = b""
    device: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.authority = Authority.create(
            self.directory / "authority",
            organisation="Contoso 公司",
            crl_url="https://sign.example.org/authority/crl",
            now=START - timedelta(days=1),
        )
        self.timestamps = EmbeddedTimestamps(self.authority, self.clock)
        self.pades = self.with_timestamps(self.timestamps)

    def with_timestamps(self, timestamps: Any) -> PyhankoPades:
        return PyhankoPades(self.authority, timestamps, PlainPaper(), self.clock)

    def prepare(self, upload: bytes, *, evidence: bool = True) -> bytes:
        page = self.evidence(upload) if evidence else None
        self.content = prepare(upload, fields=self.fields, signers=self.signers, evidence=page, paper=PlainPaper())
        return self.content

    def evidence(self, upload: bytes) -> EvidencePage:
        return EvidencePage(
            contract_id=self.contract_id,
            title="Sale of a bicycle",
            sender_name="李雷",
            document_sha256=hashlib.sha256(upload).hexdigest(),
            pages=1,
            deadline="",
            language="en",
            signers=tuple(EvidenceSigner(s.id, s.name, s.role, "•••• 8000", s.order) for s in self.signers),
            verify_url="https://sign.example.org/verify",
            consent_version="1",
        )

    def intent(self, signer: Signer, *, shown: bytes | None = None, method: str = "sms") -> Intent:
        now = self.clock.now()
        return Intent(
            contract_id=self.contract_id,
            contract_title="Sale of a bicycle",
            document_sha256=hashlib.sha256(self.content if shown is None else shown).hexdigest(),
            document_pages=3,
            signer_id=signer.id,
            signer_name=signer.name,
            signer_role=signer.role,
            mark_sha256=Mark("typed", signer.name).sha256(),
            values_sha256=values_sha256(VALUES[signer.id]),
            consent_version="1",
            consent_sha256="00" * 32,
            language=signer.language,
            method=method,
            host=HOST,
            nonce="n",
            issued_at=now.isoformat(),
            expires_at=(now + timedelta(minutes=5)).isoformat(),
        )

    def act(self, signer: Signer, intent: Intent, proof: Mapping[str, Any] | None = None) -> Act:
        return Act(
            signer=signer,
            fields=tuple(f for f in self.fields if f.signer_id == signer.id),
            mark=Mark("typed", signer.name),
            values=VALUES[signer.id],
            intent=intent.canonical(),
            proof=proof or self.proof(intent),
            identity=checked() if intent.method == "face" else {"level": "contact"},
            evidence_head="ab" * 32,
            signed_at=self.clock.now(),
            timezone="UTC",
            caption=(f"Signed by {signer.name}",),
        )

    def sign(self, signer: Signer, *, method: str = "sms", shown: bytes | None = None, **changed: Any) -> Written:
        act = self.act(signer, self.intent(signer, shown=shown, method=method))
        written = self.pades.sign(self.content, replace(act, **changed))
        self.content = written.content
        return written

    def seal(self) -> Written:
        written = self.pades.seal(self.content, contract_id=self.contract_id, evidence_head="cd" * 32)
        self.content = written.content
        return written

    def proof(self, intent: Intent) -> dict[str, Any]:
        if intent.method == "passkey":
            return self.passkey(intent)
        return face_proof(intent) if intent.method == "face" else sms_proof()

    def passkey(self, intent: Intent, **changed: Any) -> dict[str, Any]:
        """What a platform authenticator answers; `changed` lies about one thing."""
        said = {
            "type": "webauthn.get",
            "challenge": b64(intent.challenge()),
            "origin": f"https://{HOST}",
            "crossOrigin": False,
            **{k: v for k, v in changed.items() if k in ("type", "challenge", "origin", "crossOrigin")},
        }
        client = json.dumps(said).encode()
        data = hashlib.sha256(HOST.encode()).digest() + bytes([changed.get("flags", 0x05)]) + bytes(4)
        signed = data + hashlib.sha256(client).digest()
        signature = changed.get("key", self.device).sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        return {
            "method": "passkey",
            "credential_id": b64(b"credential"),
            "client_data_json": b64(client),
            "authenticator_data": b64(data),
            "signature": b64(signature),
            "public_key": b64(cose(self.device)),
            "rp_id": HOST,
        }


def cose(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    point = [b"\x58\x20" + n.to_bytes(32) for n in (numbers.x, numbers.y)]
    return b"\xa5\x01\x02\x03\x26\x20\x01\x21" + point[0] + b"\x22" + point[1]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sms_proof() -> dict[str, Any]:
    return {
        "method": "sms",
        "phone_masked": "•••• 8000",
        "phone_sha256": "11" * 32,
        "sent_at": START.isoformat(),
        "confirmed_at": START.isoformat(),
        "provider_id": "m1",
        "tries": 1,
        "verifier": "22" * 32,
    }


CHECK = "c1"
SCORES = {
    "video_milliseconds": 9100,
    "frames_looked_at": 110,
    "frames_lost": 0,
    "frames_crowded": 0,
    "face_pixels": 240,
    "brightness": 131,
    "sharpness": 88,
    "match": 6012,
    "among_least": 8400,
    "portrait_least": 5120,
    "neighbour_least": 9031,
    "frames_described": 9,
    "actions_seen": 3,
    "yaw_most": 31,
    "yaw_least": -29,
    "mouth_calm": 400,
    "mouth_most": 5200,
    "eyes_calm": 2900,
    "eyes_least": 300,
    "glow": 8100,
    "glow_visible": 120,
    "glow_milliseconds": 150,
    "glow_seen": 1,
}
"""Of a video in which everything was done."""
THRESHOLDS = {
    "match": 4000,
    "review": 3300,
    "among": 6000,
    "neighbour": 5000,
    "glow": 6000,
    "eyes": 5500,
    "mouth": 1500,
    "lost": 1500,
    "face_pixels": 100,
    "turn_degrees": 20,
}


def verdict(challenge_sha256: str) -> dict[str, Any]:
    """The judge's, on a video that passed."""
    return {
        "outcome": "pass",
        "reason": "match",
        "step": None,
        "scores": dict(SCORES),
        "thresholds": dict(THRESHOLDS),
        "models": {"detection": "d1" * 32, "recognition": "d2" * 32, "mesh": "d3" * 32, "iris": "d4" * 32},
        "video_sha256": "33" * 32,
        "challenge_sha256": challenge_sha256,
    }


def face_proof(
    intent: Intent, *, nonce: bytes = b"\x5e" * 16, pace: str = "normal", colours: bool = True
) -> dict[str, Any]:
    """What the house says of a video for this intent, recorded twenty seconds after it was asked for."""
    asked = gestures.derived(intent.challenge(), nonce, pace=Pace(pace), colours=colours)
    issued = datetime.fromisoformat(intent.issued_at)
    return {
        "method": "face",
        "nonce": nonce.hex(),
        "pace": pace,
        "colours": colours,
        "gestures": asked.canonical().decode(),
        "recorded_at": (issued + timedelta(seconds=20)).isoformat(),
        "judged_at": (issued + timedelta(seconds=22)).isoformat(),
        "compared_with": CHECK,
        "verdict": verdict(asked.sha256()),
    }


def checked(level: str = "document+face", **changed: Any) -> dict[str, Any]:
    """The identity of somebody who was checked three weeks ago; `changed` are members of the check, None removes one."""
    check = {
        "level": level,
        "name": LI.name,
        "check": CHECK,
        "checked_at": "2026-10-10T09:30:00+00:00",
        "valid_until": "2027-10-10T09:30:00+00:00",
        "document": {
            "kind": "passport",
            "issuer": "D",
            "number_masked": "L8•••••C3",
            "number_sha256_salted": "44" * 32,
            "read_by_machine": True,
            "corrected": [],
        },
        "source_asked": False,
        "record_head": "55" * 32,
        **({} if level == "document" else {"face": verdict("66" * 32)}),
        **changed,
    }
    kept = {name: value for name, value in check.items() if value is not None}
    return {"level": level, "link_address_masked": "l•••@example.org", "checked": kept}


def canonical(value: Any) -> bytes:
    return rfc8785.dumps(value)
