"""A private key at a remote signing service: the API of the Cloud Signature Consortium, versions 1 (1.0.4.0) and 2 (2.0).

The service is asked for the credential and its certificates (`credentials/info`), to authorise one signature over one
digest (`credentials/authorize`), and for the signature (`signatures/signHash`); an access token comes from its OAuth 2.0
client credentials grant and is used until it ends. The two versions say the same with other words:

| | version 1 | version 2 |
|---|---|---|
| how to authorise | `authMode`, `PIN`, `OTP` | `auth` with `mode` and `objects` |
| to authorise | `hash`, `PIN` | `hashes`, `hashAlgorithmOID`, `authData` |
| to sign | `hash`, `hashAlgo` | `hashes`, `hashAlgorithmOID` |

A seal is put without a person at hand: credentials that want a one-time code or a browser cannot be used, and are refused in
those words.
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bff.signing.keys import away

SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
RSA_SHA256 = "1.2.840.113549.1.1.11"
RSA = "1.2.840.113549.1.1.1"
EARLY_SECONDS = 30.0
"""An access token is not used in the last moments of its life."""


@dataclass(frozen=True)
class Credential:
    """What the service says of it: certificates (DER, its own first), algorithms, and whether a PIN is asked for."""

    certificates: tuple[bytes, ...]
    algorithms: tuple[str, ...]
    authorised: bool
    """By the token alone: nothing has to be authorised for each signature."""
    wants_pin: bool


class Service:
    """Implements core.ports.RawSigner. `secrets`: client_id, client_secret and, where the credential asks for it, pin."""

    def __init__(self, url: str, secrets: Mapping[str, str], *, timeout: float) -> None:
        parts, asked = urlsplit(url), parse_qs(urlsplit(url).query)
        self._base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._credential_id = (asked.get("credential") or [""])[0]
        self._token_url = (asked.get("token") or [f"{self._base}/oauth2/token"])[0]
        self._version = (asked.get("version") or [self._base.rpartition("/v")[2]])[0]
        self._secrets = secrets
        self._timeout = timeout
        self._token, self._token_ends = "", 0.0
        self._known: Credential | None = None
        if not self._credential_id or self._version not in ("1", "2"):
            raise away("BFF_SEAL_KEY has to name the credential, and an address that ends in /v1 or /v2.")

    def public_key(self) -> bytes:
        certificate = x509.load_der_x509_certificate(self._credential().certificates[0])
        return certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def certificates(self) -> tuple[bytes, ...]:
        return self._credential().certificates

    def sign(self, data: bytes) -> bytes:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        credential = self._credential()
        asked: dict[str, Any] = {"credentialID": self._credential_id, "signAlgo": self._algorithm(credential)}
        asked |= self._digests(digest, "hashAlgo")
        if not credential.authorised:
            asked["SAD"] = self._authorise(credential, digest)
        answer = self._ask("signatures/signHash", asked)
        try:
            (value,) = answer["signatures"]
            return base64.b64decode(value, validate=True)
        except (KeyError, ValueError, TypeError) as error:
            raise away("The signing service answered without a signature.") from error

    def check(self) -> str:
        """Without a signature: services count and charge them."""
        self._known = None
        count = len(self._credential().certificates)
        return f"the signing service has the credential, enabled, with {count} certificates"

    def _digests(self, digest: str, algorithm: str) -> dict[str, Any]:
        if self._version == "1":
            return {"hash": [digest], algorithm: SHA256}
        return {"hashes": [digest], "hashAlgorithmOID": SHA256}

    def _authorise(self, credential: Credential, digest: str) -> str:
        asked: dict[str, Any] = {"credentialID": self._credential_id, "numSignatures": 1}
        asked |= {"hash": [digest]} if self._version == "1" else self._digests(digest, "")
        if credential.wants_pin:
            pin = self._secrets.get("pin", "")
            asked |= {"PIN": pin} if self._version == "1" else {"authData": [{"id": "PIN", "value": pin}]}
        given = self._ask("credentials/authorize", asked).get("SAD")
        if not isinstance(given, str) or not given:
            raise away("The signing service did not authorise the signature.")
        return given

    def _algorithm(self, credential: Credential) -> str:
        key = x509.load_der_x509_certificate(credential.certificates[0]).public_key()
        wanted = (RSA_SHA256, RSA) if isinstance(key, rsa.RSAPublicKey) else (ECDSA_SHA256,)
        for algorithm in wanted:
            if algorithm in credential.algorithms:
                return algorithm
        raise away("The credential signs neither ECDSA nor RSA (PKCS #1) with SHA-256.")

    # --- what the service says ---

    def _credential(self) -> Credential:
        if self._known is None:
            wanted = {"credentialID": self._credential_id, "certificates": "chain", "certInfo": True, "authInfo": True}
            told = self._ask("credentials/info", wanted)
            try:
                self._known = self._read(told)
            except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
                raise away("The signing service describes its credential in a way that is not understood.") from error
        return self._known

    def _read(self, told: Mapping[str, Any]) -> Credential:
        if told["key"]["status"] != "enabled" or told["cert"].get("status", "valid") != "valid":
            raise away("The credential is not enabled, or its certificate not valid.")
        certificates = tuple(base64.b64decode(c, validate=True) for c in told["cert"]["certificates"])
        x509.load_der_x509_certificate(certificates[0])
        mode, wants = (self._asked_1 if self._version == "1" else self._asked_2)(told)
        if mode not in ("explicit", "implicit") or wants - {"PIN"}:
            raise away(
                f"The credential has to be authorised by a person ({mode}), and nobody is there when a seal is put."
            )
        return Credential(certificates, tuple(told["key"]["algo"]), mode == "implicit", bool(wants))

    def _asked_1(self, told: Mapping[str, Any]) -> tuple[str, set[str]]:
        asked = {name for name in ("PIN", "OTP") if str(told.get(name, {}).get("presence", "false")) == "true"}
        return str(told["authMode"]), asked

    def _asked_2(self, told: Mapping[str, Any]) -> tuple[str, set[str]]:
        return str(told["auth"]["mode"]), {str(one["id"]) for one in told["auth"].get("objects", ())}

    # --- asking ---

    def _ask(self, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._access()}"}
        try:
            answer = httpx.post(f"{self._base}/{what}", json=dict(body), headers=headers, timeout=self._timeout)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._token = ""
            answer.raise_for_status()
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise away(f"The signing service does not do {what} ({_why(error)}).") from error
        if not isinstance(told, dict):
            raise away(f"The signing service answers {what} with something else.")
        return told

    def _access(self) -> str:
        if not self._token or time.monotonic() >= self._token_ends:
            wanted = {"grant_type": "client_credentials", "scope": "service"}
            wanted |= {name: self._secrets.get(name, "") for name in ("client_id", "client_secret")}
            try:
                answer = httpx.post(self._token_url, data=wanted, timeout=self._timeout)
                answer.raise_for_status()
                told = answer.json()
                self._token = str(told["access_token"])
                self._token_ends = time.monotonic() + float(told.get("expires_in", 300)) - EARLY_SECONDS
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                raise away(f"The signing service gives no access token ({_why(error)}).") from error
        return self._token


def _why(error: Exception) -> str:
    """The status, or what kind of failure: never what was sent."""
    return str(error.response.status_code) if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
