"""A private key in a cloud's key management, through its raw-sign call: AWS KMS (`TrentService.Sign`, `GetPublicKey`).

Requests are signed as AWS wants it (Signature Version 4). Other clouds' calls differ in names only; the port that they would
have to fill is core.ports.RawSigner. Only the digest leaves this house, never the document.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bff.signing.keys import away

ECDSA, RSA = "ECDSA_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"


class Kms:
    """Implements core.ports.RawSigner. `secrets`: access_key_id, secret_access_key and perhaps session_token."""

    def __init__(
        self, url: str, secrets: Mapping[str, str], *, timeout: float, now: Callable[[], datetime] | None = None
    ) -> None:
        parts, asked = urlsplit(url), parse_qs(urlsplit(url).query)
        self._url = f"{parts.scheme}://{parts.netloc}/"
        self._key_id = (asked.get("key") or [""])[0]
        self._region = (asked.get("region") or [_region(parts.hostname or "")])[0]
        self._secrets = secrets
        self._timeout = timeout
        self._now = now or (lambda: datetime.now(UTC))
        self._public = b""
        if not self._key_id or not self._region:
            raise away("BFF_SEAL_KEY has to name the key, and the region where the address does not.")

    def public_key(self) -> bytes:
        if not self._public:
            told = self._ask("GetPublicKey", {"KeyId": self._key_id})
            if told.get("KeyUsage") != "SIGN_VERIFY":
                raise away("The key in the cloud is not one that signs.")
            self._public = _bytes(told, "PublicKey")
        return self._public

    def certificates(self) -> tuple[bytes, ...]:
        """A key management knows keys, no certificates."""
        return ()

    def sign(self, data: bytes) -> bytes:
        try:
            of_rsa = isinstance(load_der_public_key(self.public_key()), rsa.RSAPublicKey)
        except ValueError as error:
            raise away("The key in the cloud is of no kind that is known.") from error
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        wanted = {"KeyId": self._key_id, "Message": digest, "MessageType": "DIGEST"}
        return _bytes(self._ask("Sign", {**wanted, "SigningAlgorithm": RSA if of_rsa else ECDSA}), "Signature")

    def check(self) -> str:
        self._public = b""
        self.sign(b"countersign: is the seal's key there?")
        return f"the key in the cloud ({self._region}) signed a trial"

    def _ask(self, what: str, body: Mapping[str, str]) -> dict[str, Any]:
        content = json.dumps(body).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": urlsplit(self._url).netloc,
            "x-amz-date": f"{self._now():%Y%m%dT%H%M%SZ}",
            "x-amz-target": f"TrentService.{what}",
        }
        if token := self._secrets.get("session_token"):
            headers["x-amz-security-token"] = token
        headers["authorization"] = authorization(
            "POST", self._url, headers, content, region=self._region, service="kms", secrets=self._secrets
        )
        try:
            answer = httpx.post(self._url, content=content, headers=headers, timeout=self._timeout)
            answer.raise_for_status()
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
            raise away(f"The cloud's key management does not do {what} ({status}).") from error
        if not isinstance(told, dict):
            raise away(f"The cloud's key management answers {what} with something else.")
        return told


def authorization(
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    *,
    region: str,
    service: str,
    secrets: Mapping[str, str],
) -> str:
    """The Authorization header of AWS Signature Version 4 over all these headers (lower case; `x-amz-date` among them)."""
    parts, moment = urlsplit(url), headers["x-amz-date"]
    names = sorted(headers)
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    request = "\n".join(
        [
            method,
            quote(parts.path or "/"),
            query,
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(content).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    statement = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secrets.get('secret_access_key', '')}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, statement.encode(), hashlib.sha256).hexdigest()
    who = f"Credential={secrets.get('access_key_id', '')}/{scope}"
    return f"AWS4-HMAC-SHA256 {who}, SignedHeaders={';'.join(names)}, Signature={signature}"


def _region(host: str) -> str:
    """kms.eu-central-1.amazonaws.com"""
    parts = host.split(".")
    return parts[1] if len(parts) > 3 and host.endswith(("amazonaws.com", "amazonaws.com.cn")) else ""


def _bytes(told: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(told[name], validate=True)
    except (KeyError, ValueError, TypeError) as error:
        raise away(f"The cloud's key management answers without {name}.") from error
