"""A phone's authenticator in software: makes real passkeys and real assertions, and misbehaves when told to.

`create` and `get` take the options that the server sends (as JSON) and answer what a browser's `toJSON()` answers.
Every knob of `Misbehaviour` breaks one thing; whatever is not named is done right.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ES256, RS256, EDDSA = -7, -257, -8
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Misbehaviour:
    """What goes wrong this time."""

    user_verified: bool = True
    user_present: bool = True
    origin: str | None = None
    rp_id: str | None = None
    challenge: bytes | None = None
    kind: str | None = None
    bad_signature: bool = False
    sign_count: int | None = None
    client_data: dict[str, Any] = field(default_factory=dict)
    """Further members of clientDataJSON, e.g. {"crossOrigin": True}."""
    raw_client_data: bytes | None = None
    """These bytes instead of any clientDataJSON of ours (still signed properly)."""


GOOD = Misbehaviour()


@dataclass
class Passkey:
    credential_id: bytes
    user_handle: bytes
    key: Key
    sign_count: int = 0


@dataclass
class SoftAuthenticator:
    """One phone. `counts` is False for a synced passkey, whose counter stays 0."""

    origin: str
    algorithm: int = ES256
    counts: bool = True
    passkeys: list[Passkey] = field(default_factory=list)

    def create(self, options: dict[str, Any], wrong: Misbehaviour = GOOD) -> dict[str, Any]:
        assert self.algorithm in [p["alg"] for p in options["pubKeyCredParams"]]
        passkey = Passkey(secrets.token_bytes(32), unpadded(options["user"]["id"]), _new_key(self.algorithm))
        self.passkeys.append(passkey)
        attested = bytes(16) + len(passkey.credential_id).to_bytes(2, "big") + passkey.credential_id
        data = self._authenticator_data(options["rp"]["id"], ATTESTED, self._count(passkey, wrong), wrong)
        data += attested + cbor2.dumps(cose(passkey.key))
        return _credential(
            passkey,
            {
                "clientDataJSON": base64url(self._client_data("webauthn.create", options, wrong)),
                "attestationObject": base64url(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
                "transports": ["internal", "hybrid"],
            },
        )

    def get(self, options: dict[str, Any], wrong: Misbehaviour = GOOD) -> dict[str, Any]:
        passkey = self._chosen([unpadded(each["id"]) for each in options.get("allowCredentials", [])])
        client_data = self._client_data("webauthn.get", options, wrong)
        data = self._authenticator_data(options["rpId"], 0, self._count(passkey, wrong), wrong)
        signature = _sign(passkey.key, data + hashlib.sha256(client_data).digest())
        if wrong.bad_signature:
            signature = _sign(passkey.key, data + hashlib.sha256(client_data + b" ").digest())
        return _credential(
            passkey,
            {
                "clientDataJSON": base64url(client_data),
                "authenticatorData": base64url(data),
                "signature": base64url(signature),
                "userHandle": base64url(passkey.user_handle),
            },
        )

    def _chosen(self, allowed: list[bytes]) -> Passkey:
        return next(p for p in reversed(self.passkeys) if not allowed or p.credential_id in allowed)

    def _client_data(self, kind: str, options: dict[str, Any], wrong: Misbehaviour) -> bytes:
        if wrong.raw_client_data is not None:
            return wrong.raw_client_data
        said = {
            "type": wrong.kind or kind,
            "challenge": base64url(wrong.challenge) if wrong.challenge is not None else options["challenge"],
            "origin": wrong.origin or self.origin,
            "crossOrigin": False,
            **wrong.client_data,
        }
        return json.dumps(said, separators=(",", ":")).encode()

    def _authenticator_data(self, rp_id: str, flags: int, sign_count: int, wrong: Misbehaviour) -> bytes:
        flags |= PRESENT if wrong.user_present else 0
        flags |= VERIFIED if wrong.user_verified else 0
        flags |= 0 if self.counts else ELIGIBLE | BACKED_UP
        rp_id_hash = hashlib.sha256((wrong.rp_id or rp_id).encode()).digest()
        return rp_id_hash + bytes([flags]) + sign_count.to_bytes(4, "big")

    def _count(self, passkey: Passkey, wrong: Misbehaviour) -> int:
        passkey.sign_count += 1 if self.counts else 0
        return passkey.sign_count if wrong.sign_count is None else wrong.sign_count


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unpadded(text: str) -> bytes:
    """The bytes of base64url text without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cose(key: Key) -> dict[int, Any]:
    """The COSE_Key of a private key's public half."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        return {1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {1: 3, 3: RS256, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}
    return {1: 1, 3: EDDSA, -1: 6, -2: key.public_key().public_bytes_raw()}


def _new_key(algorithm: int) -> Key:
    if algorithm == RS256:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ed25519.Ed25519PrivateKey.generate() if algorithm == EDDSA else ec.generate_private_key(ec.SECP256R1())


def _sign(key: Key, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data)


def _credential(passkey: Passkey, response: dict[str, Any]) -> dict[str, Any]:
    identifier = base64url(passkey.credential_id)
    return {
        "id": identifier,
        "rawId": identifier,
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    }
