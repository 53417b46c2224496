"""Fingerprint and Face ID: the only door to WebAuthn.

The challenge comes from outside and is the intent's hash, so an accepted assertion is a signature over the document.
Everything that is kept as evidence is judged twice: first here, on the exact bytes, by the rules a stranger would apply
years later (origin, challenge, flags, embedding), then by py_webauthn, which also checks the signature itself.

Which credential belongs to whom is not known here: callers look it up by `credential_id` and refuse an unknown one. A
refusal names what was wrong in `detail`: challenge, origin, cross_origin, user_verification, signature, counter,
malformed (and, from callers, unknown).
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import options_to_json_dict, parse_cbor
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorAttachment,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialHint,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bff.core.errors import Refusal
from bff.core.ports import Assertion, NewPasskey

Answer = TypeVar("Answer")

ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
]
TRANSPORTS = [AuthenticatorTransport.INTERNAL, AuthenticatorTransport.HYBRID]
PROMPT_MILLISECONDS = 120_000
"""How long the phone may show its prompt; the intent behind it lives longer."""
LONGEST_PART = 16_384
"""Characters of one base64url part of a response; real ones stay under two thousand."""
LIBRARY_ERRORS = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What py_webauthn and its CBOR reader raise on bytes that no authenticator wrote."""

FLAGS_AT = 32
USER_PRESENT = 0x01
USER_VERIFIED = 0x04


class WebAuthnPasskeys:
    """Platform authenticators of one RP ID. `allowed_origins` are further exact origins besides `origin`."""

    def __init__(self, rp_id: str, rp_name: str, origin: str, allowed_origins: Sequence[str] = ()) -> None:
        self._rp_id = rp_id
        self._rp_name = rp_name
        self._origins = list(dict.fromkeys([origin, *allowed_origins]))

    def credential_id(self, response: Mapping[str, Any]) -> bytes:
        """Which credential a response claims to be from: the key to look it up by. Raises Refusal `passkey_refused`."""
        return _decoded(response.get("rawId"))

    def creation_options(
        self, *, user_id: bytes, user_name: str, challenge: bytes, exclude: Sequence[bytes] = ()
    ) -> dict[str, Any]:
        """What `navigator.credentials.create` is given, as JSON (`parseCreationOptionsFromJSON` reads it)."""
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._rp_name,
            user_id=user_id,
            user_name=user_name,
            challenge=challenge,
            timeout=PROMPT_MILLISECONDS,
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                authenticator_attachment=AuthenticatorAttachment.PLATFORM,
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_described(exclude),
            supported_pub_key_algs=ALGORITHMS,
            hints=[PublicKeyCredentialHint.CLIENT_DEVICE],
        )
        return {**options_to_json_dict(options), "extensions": {"credProps": True}}

    def check_creation(self, response: Mapping[str, Any], *, challenge: bytes) -> NewPasskey:
        """The passkey that was made for this challenge. Raises Refusal `passkey_refused` with a `detail` code."""
        parts = _parts(response, "clientDataJSON", "attestationObject")
        self._check_client_data(parts["clientDataJSON"], kind="webauthn.create", challenge=challenge)
        self._check_authenticator_data(_authenticator_data(parts["attestationObject"]))
        made = _judged_by_library(
            lambda: verify_registration_response(
                credential=dict(response),
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                require_user_verification=True,
                supported_pub_key_algs=ALGORITHMS,
            )
        )
        return NewPasskey(
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            backed_up=made.credential_backed_up,
            transports=_transports(response),
        )

    def request_options(self, *, challenge: bytes, allow: Sequence[bytes] = ()) -> dict[str, Any]:
        """What `navigator.credentials.get` is given; with no `allow` the person chooses among their own passkeys."""
        options = generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=PROMPT_MILLISECONDS,
            allow_credentials=_described(allow),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def check_assertion(
        self, response: Mapping[str, Any], *, challenge: bytes, public_key: bytes, sign_count: int
    ) -> Assertion:
        """The assertion, judged against this key and challenge.

        Raises Refusal `passkey_refused` with a `detail` code, or `passkey_cloned` when its counter ran backwards.
        """
        parts = _parts(response, "clientDataJSON", "authenticatorData", "signature")
        self._check_client_data(parts["clientDataJSON"], kind="webauthn.get", challenge=challenge)
        self._check_authenticator_data(parts["authenticatorData"])
        # The library is told 0: it would refuse a synced passkey whose provider stopped counting. Our rule is below.
        judged = _judged_by_library(
            lambda: verify_authentication_response(
                credential=dict(response),
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                credential_public_key=public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        )
        if sign_count and judged.new_sign_count and judged.new_sign_count <= sign_count:
            raise Refusal("passkey_cloned", detail="counter")
        verbatim = {
            "method": "passkey",
            "credential_id": _base64url(judged.credential_id),
            "client_data_json": _base64url(parts["clientDataJSON"]),
            "authenticator_data": _base64url(parts["authenticatorData"]),
            "signature": _base64url(parts["signature"]),
            "public_key": _base64url(public_key),
            "rp_id": self._rp_id,
        }
        return Assertion(credential_id=judged.credential_id, sign_count=judged.new_sign_count, verbatim=verbatim)

    def _check_client_data(self, raw: bytes, *, kind: str, challenge: bytes) -> None:
        """The browser's own words, read strictly: a key written twice could be read in two ways later."""
        try:
            said = json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise _refused("malformed") from error
        if not isinstance(said, dict) or said.get("type") != kind:
            raise _refused("malformed")
        if said.get("challenge") != _base64url(challenge):
            raise _refused("challenge")
        if said.get("origin") not in self._origins:
            raise _refused("origin")
        if said.get("crossOrigin", False) is not False or "topOrigin" in said:
            raise _refused("cross_origin")

    def _check_authenticator_data(self, raw: bytes) -> None:
        if len(raw) <= FLAGS_AT:
            raise _refused("malformed")
        if raw[:FLAGS_AT] != hashlib.sha256(self._rp_id.encode()).digest():
            raise _refused("origin")
        if not raw[FLAGS_AT] & USER_PRESENT or not raw[FLAGS_AT] & USER_VERIFIED:
            raise _refused("user_verification")


def _refused(detail: str) -> Refusal:
    return Refusal("passkey_refused", detail=detail)


def _described(credential_ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each, transports=TRANSPORTS) for each in credential_ids]


def _parts(response: Mapping[str, Any], *names: str) -> dict[str, bytes]:
    inner = response.get("response")
    if not isinstance(inner, Mapping):
        raise _refused("malformed")
    return {name: _decoded(inner.get(name)) for name in names}


def _decoded(text: Any) -> bytes:
    """Base64url without padding in its one spelling: other spellings of the same bytes are refused."""
    if not isinstance(text, str) or not text or len(text) > LONGEST_PART:
        raise _refused("malformed")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused("malformed") from error
    if _base64url(raw) != text:
        raise _refused("malformed")
    return raw


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is written twice")
    return found


def _authenticator_data(attestation_object: bytes) -> bytes:
    attested = _judged_by_library(lambda: parse_cbor(attestation_object))
    data = attested.get("authData") if isinstance(attested, dict) else None
    if not isinstance(data, bytes):
        raise _refused("malformed")
    return data


def _judged_by_library(judge: Callable[[], Answer]) -> Answer:
    try:
        return judge()
    except LIBRARY_ERRORS as error:
        raise _refused("signature" if isinstance(error.__context__, InvalidSignature) else "malformed") from error


def _transports(response: Mapping[str, Any]) -> tuple[str, ...]:
    named = response["response"].get("transports")
    known = {each.value for each in AuthenticatorTransport}
    return tuple(each for each in named if each in known) if isinstance(named, list) else ()
