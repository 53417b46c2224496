"""Keys elsewhere, on the loopback: a signing service that speaks the CSC API, a cloud's key management, an authority above them.

Each is strict about its protocol: where something is missing that the specification asks for, it answers with an error.
"""

import base64
import hashlib
import hmac
import http.server
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from bff.signing.authority import DOCUMENT_SIGNING

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SHA256 = "2.16.840.1.101.3.4.2.1"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key(kind: str) -> Key:
    return rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())


def by_key(key: Key, digest: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    return key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))


# --- an authority of somebody else ---


@dataclass
class Ca:
    """A root, an authority under it, and what that issues; their revocation lists are served on the loopback."""

    url: str
    now: datetime
    lists: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root_key, self.middle_key = new_key("P-256"), new_key("RSA")
        self.root = self._issue("Fabrikam Root", self.root_key, "Fabrikam Root", self.root_key, ca=True)
        self.middle = self._issue("Fabrikam Issuing", self.middle_key, "Fabrikam Root", self.root_key, ca=True)
        self._list(self.root, self.root_key, "root")
        self._list(self.middle, self.middle_key, "middle")

    def seal(self, key: Any, *, lifetime: timedelta = timedelta(days=365)) -> x509.Certificate:
        return self._issue("Contoso Seal", key, "Fabrikam Issuing", self.middle_key, lifetime=lifetime)

    def chain_pem(self, *certificates: x509.Certificate) -> bytes:
        return b"".join(c.public_bytes(PEM) for c in (*certificates, self.middle, self.root))

    def _issue(
        self, name: str, key: Any, by: str, by_key: Key, *, ca: bool = False, lifetime: timedelta = timedelta(days=3650)
    ) -> x509.Certificate:
        public = key if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) else key.public_key()
        where = f"{self.url}{'root' if by == 'Fabrikam Root' else 'middle'}.crl"
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(where)], None, None, None)
        usage = dict.fromkeys(
            ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(by))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=2))
            .not_valid_after(self.now - timedelta(days=2) + lifetime)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca, content_commitment=not ca, key_cert_sign=ca, crl_sign=ca, **usage
                ),
                critical=True,
            )
        )
        if name != by:
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if not ca:
            purposes = [DOCUMENT_SIGNING, x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        return builder.sign(by_key, hashes.SHA256())

    def _list(self, issuer: x509.Certificate, key: Key, name: str) -> None:
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(self.now - timedelta(hours=1))
            .next_update(self.now + timedelta(days=300))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.lists[f"/{name}.crl"] = made.public_bytes(DER)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


# --- a signing service (CSC API) ---


class Wrong(Exception):
    """What is answered with an error."""


@dataclass
class Csc:
    """One credential. `pin`: asked for at each authorisation; None: the token is enough ("implicit")."""

    version: int
    key: Key
    chain: tuple[x509.Certificate, ...]
    pin: str | None = "271828"
    otp: bool = False
    status: str = "enabled"
    plain: bool = False
    """Answers ECDSA as r and s side by side."""
    lies: bool = False
    down: bool = False
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    authorised: dict[str, str] = field(default_factory=dict)

    def answer(self, path: str, headers: Any, content: bytes) -> dict[str, Any]:
        base = f"/csc/v{self.version}/"
        if self.down or not path.startswith(base):
            raise Wrong("down")
        what = path.removeprefix(base)
        self.asked.append(what)
        if what == "oauth2/token":
            return self._token(parse_qs(content.decode()))
        if headers["Authorization"].removeprefix("Bearer ") not in self.tokens:
            raise Wrong("invalid_token")
        body = json.loads(content)
        if body["credentialID"] != "seal-1":
            raise Wrong("invalid credentialID")
        acts = {
            "credentials/info": self._info,
            "credentials/authorize": self._authorise,
            "signatures/signHash": self._sign,
        }
        return acts[what](body)

    def _token(self, form: dict[str, list[str]]) -> dict[str, Any]:
        given = {name: values[0] for name, values in form.items()}
        if given != {
            "grant_type": "client_credentials",
            "client_id": "contoso",
            "client_secret": "sesame",
            "scope": "service",
        }:
            raise Wrong("invalid_client")
        token = secrets.token_hex(8)
        self.tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600}

    def _info(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["certificates"] == "chain"
        algorithm = "1.2.840.113549.1.1.11" if isinstance(self.key, rsa.RSAPrivateKey) else "1.2.840.10045.4.3.2"
        told: dict[str, Any] = {
            "key": {"status": self.status, "algo": [algorithm], "len": 2048},
            "cert": {
                "status": "valid",
                "certificates": [base64.b64encode(c.public_bytes(DER)).decode() for c in self.chain],
            },
            "multisign": 1,
        }
        mode = "implicit" if self.pin is None else "explicit"
        if self.version == 1:
            presence = {True: "true", False: "false"}
            told |= {"authMode": mode, "SCAL": "2", "PIN": {"presence": presence[self.pin is not None]}}
            told |= {"OTP": {"presence": presence[self.otp], "type": "online"}}
        else:
            objects = [{"type": "Password", "id": "PIN"}] if self.pin else []
            objects += [{"type": "Challenge", "id": "OTP"}] if self.otp else []
            told |= {"auth": {"mode": mode, "expression": "PIN", "objects": objects}, "SCAL": "2"}
        return told

    def _digest(self, body: dict[str, Any], *, algorithm: str | None) -> str:
        mine, other = ("hash", "hashes") if self.version == 1 else ("hashes", "hash")
        named = algorithm if self.version == 1 else "hashAlgorithmOID"
        if other in body or (named and body[named] != SHA256) or len(body[mine]) != 1:
            raise Wrong("invalid_request")
        return str(body[mine][0])

    def _authorise(self, body: dict[str, Any]) -> dict[str, Any]:
        digest = self._digest(body, algorithm=None)
        given = body.get("PIN") if self.version == 1 else {d["id"]: d["value"] for d in body["authData"]}.get("PIN")
        if body["numSignatures"] != 1 or given != self.pin:
            raise Wrong("invalid_pin")
        sad = secrets.token_hex(8)
        self.authorised[sad] = digest
        return {"SAD": sad, "expiresIn": 300}

    def _sign(self, body: dict[str, Any]) -> dict[str, Any]:
        digest = self._digest(body, algorithm="hashAlgo")
        if self.pin is not None and self.authorised.pop(body.get("SAD", ""), "") != digest:
            raise Wrong("invalid SAD")
        value = by_key(self.key, hashlib.sha256(b"another").digest() if self.lies else base64.b64decode(digest))
        if self.plain:
            value = b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(value))
        return {"signatures": [base64.b64encode(value).decode()]}


# --- a cloud's key management (AWS KMS) ---


@dataclass
class Kms:
    """One key. It checks Signature Version 4 by its own reckoning."""

    key: Key
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: Any, content: bytes) -> dict[str, Any]:
        if self.down:
            raise Wrong("down")
        self._check(path, headers, content)
        what, body = headers["X-Amz-Target"].removeprefix("TrentService."), json.loads(content)
        self.asked.append(what)
        if body["KeyId"] != "alias/seal":
            raise Wrong("NotFoundException")
        spki = self.key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if what == "GetPublicKey":
            return {"PublicKey": base64.b64encode(spki).decode(), "KeyUsage": "SIGN_VERIFY"}
        wanted = "RSASSA_PKCS1_V1_5_SHA_256" if isinstance(self.key, rsa.RSAPrivateKey) else "ECDSA_SHA_256"
        if body["MessageType"] != "DIGEST" or body["SigningAlgorithm"] != wanted:
            raise Wrong("InvalidKeyUsageException")
        value = by_key(self.key, base64.b64decode(body["Message"]))
        return {"Signature": base64.b64encode(value).decode(), "SigningAlgorithm": wanted}

    def _check(self, path: str, headers: Any, content: bytes) -> None:
        told = dict(part.split("=", 1) for part in headers["Authorization"].split(" ", 1)[1].split(", "))
        who, day, region, service, end = told["Credential"].split("/")
        names = told["SignedHeaders"].split(";")
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
        request = f"POST\n{path}\n\n{lines}\n{';'.join(names)}\n{hashlib.sha256(content).hexdigest()}"
        text = f"AWS4-HMAC-SHA256\n{headers['X-Amz-Date']}\n{day}/{region}/{service}/{end}\n"
        key = b"AWS4sesame"
        for part in (day, region, service, end):
            key = hmac.digest(key, part.encode(), "sha256")
        good = hmac.new(key, (text + hashlib.sha256(request.encode()).hexdigest()).encode(), "sha256").hexdigest()
        if (who, service, end) != ("AKIDCONTOSO", "kms", "aws4_request") or told["Signature"] != good:
            raise Wrong("IncompleteSignatureException")


# --- on the loopback ---


@contextmanager
def served(told: Any) -> Iterator[str]:
    """The address where a `Csc` or `Kms` answers, or where a dict of lists (`Ca.lists`) lies."""

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = told.get(self.path) if isinstance(told, dict) else None
            self._say(200 if found else 404, found or b"")

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                self._say(200, json.dumps(told.answer(self.path, self.headers, content)).encode())
            except (Wrong, KeyError) as error:
                self._say(400, json.dumps({"error": str(error)}).encode())

        def _say(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
