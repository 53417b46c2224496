"""Passkeys: a soft authenticator that behaves is believed, and every way to misbehave has its own refusal."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.core.errors import Refusal
from bff.core.ports import NewPasskey
from bff.passkeys import WebAuthnPasskeys
from tests.soft_authenticator import (
    EDDSA,
    ES256,
    GOOD,
    RS256,
    Misbehaviour,
    SoftAuthenticator,
    base64url,
    unpadded,
)

ORIGIN = "https://sign.example"
CHALLENGE = hashlib.sha256(b"the intent").digest()
PASSKEYS = WebAuthnPasskeys("sign.example", "Countersign", ORIGIN, ("https://www.sign.example",))


def made(phone: SoftAuthenticator) -> NewPasskey:
    options = PASSKEYS.creation_options(user_id=b"person-1", user_name="Ana", challenge=CHALLENGE, exclude=())
    return PASSKEYS.check_creation(phone.create(options), challenge=CHALLENGE)


def asserted(phone: SoftAuthenticator, passkey: NewPasskey, wrong: Misbehaviour = GOOD) -> dict[str, Any]:
    return phone.get(PASSKEYS.request_options(challenge=CHALLENGE, allow=[passkey.credential_id]), wrong)


def refusal(response: dict[str, Any], passkey: NewPasskey, *, sign_count: int = 0) -> Refusal:
    with pytest.raises(Refusal) as caught:
        PASSKEYS.check_assertion(response, challenge=CHALLENGE, public_key=passkey.public_key, sign_count=sign_count)
    return caught.value


@pytest.fixture
def phone() -> SoftAuthenticator:
    return SoftAuthenticator(ORIGIN)


def test_creation_asks_for_a_verified_platform_passkey_without_attestation() -> None:
    options = PASSKEYS.creation_options(user_id=b"p", user_name="Ana", challenge=CHALLENGE, exclude=[b"old"])
    assert options["rp"] == {"id": "sign.example", "name": "Countersign"}
    assert options["challenge"] == base64url(CHALLENGE)
    assert options["attestation"] == "none"
    assert [p["alg"] for p in options["pubKeyCredParams"]] == [ES256, RS256, EDDSA]
    assert options["authenticatorSelection"] == {
        "authenticatorAttachment": "platform",
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert [unpadded(each["id"]) for each in options["excludeCredentials"]] == [b"old"]
    json.dumps(options)


def test_request_names_the_allowed_passkeys_and_requires_verification() -> None:
    options = PASSKEYS.request_options(challenge=CHALLENGE, allow=[b"one"])
    assert options["userVerification"] == "required"
    assert options["allowCredentials"] == [
        {"id": base64url(b"one"), "type": "public-key", "transports": ["internal", "hybrid"]}
    ]


@pytest.mark.parametrize("algorithm", [ES256, RS256, EDDSA])
def test_passkey_that_was_made_signs_the_challenge(algorithm: int) -> None:
    phone = SoftAuthenticator(ORIGIN, algorithm=algorithm)
    passkey = made(phone)
    response = asserted(phone, passkey)
    assertion = PASSKEYS.check_assertion(
        response, challenge=CHALLENGE, public_key=passkey.public_key, sign_count=passkey.sign_count
    )
    assert assertion.credential_id == passkey.credential_id == PASSKEYS.credential_id(response)
    assert assertion.sign_count == 2
    assert assertion.verbatim == {
        "method": "passkey",
        "credential_id": response["id"],
        "client_data_json": response["response"]["clientDataJSON"],
        "authenticator_data": response["response"]["authenticatorData"],
        "signature": response["response"]["signature"],
        "public_key": base64url(passkey.public_key),
        "rp_id": "sign.example",
    }


def test_new_passkey_tells_transports_and_backup(phone: SoftAuthenticator) -> None:
    assert made(phone).transports == ("internal", "hybrid")
    assert not made(phone).backed_up
    assert made(SoftAuthenticator(ORIGIN, counts=False)).backed_up


def test_sign_in_without_a_list_finds_the_person_by_their_own_passkey(phone: SoftAuthenticator) -> None:
    passkey = made(phone)
    options = PASSKEYS.request_options(challenge=CHALLENGE, allow=())
    assert options["allowCredentials"] == []
    response = phone.get(options)
    assert PASSKEYS.credential_id(response) == passkey.credential_id
    PASSKEYS.check_assertion(response, challenge=CHALLENGE, public_key=passkey.public_key, sign_count=0)


def test_further_allowed_origin_is_accepted(phone: SoftAuthenticator) -> None:
    passkey = made(phone)
    response = asserted(phone, passkey, Misbehaviour(origin="https://www.sign.example"))
    PASSKEYS.check_assertion(response, challenge=CHALLENGE, public_key=passkey.public_key, sign_count=0)


WRONG = [
    ("challenge", Misbehaviour(challenge=hashlib.sha256(b"another contract").digest())),
    ("challenge", Misbehaviour(client_data={"challenge": base64url(CHALLENGE) + "="})),
    ("challenge", Misbehaviour(client_data={"challenge": 7})),
    ("origin", Misbehaviour(origin="https://sign.example.evil.test")),
    ("origin", Misbehaviour(origin="http://sign.example")),
    ("origin", Misbehaviour(origin="https://sign.example:8443")),
    ("origin", Misbehaviour(rp_id="evil.test")),
    ("cross_origin", Misbehaviour(client_data={"crossOrigin": True})),
    ("cross_origin", Misbehaviour(client_data={"crossOrigin": "false"})),
    ("cross_origin", Misbehaviour(client_data={"topOrigin": "https://evil.test"})),
    ("user_verification", Misbehaviour(user_verified=False)),
    ("user_verification", Misbehaviour(user_present=False)),
    ("malformed", Misbehaviour(raw_client_data=b"not json")),
    ("malformed", Misbehaviour(raw_client_data=b"[]")),
    ("malformed", Misbehaviour(raw_client_data=b"\xff\xfe")),
    ("malformed", Misbehaviour(raw_client_data=b"[" * 5000)),
]


@pytest.mark.parametrize(("detail", "wrong"), WRONG)
def test_misbehaving_assertion_is_refused_by_name(phone: SoftAuthenticator, detail: str, wrong: Misbehaviour) -> None:
    passkey = made(phone)
    caught = refusal(asserted(phone, passkey, wrong), passkey)
    assert (caught.code, caught.params) == ("passkey_refused", {"detail": detail})


@pytest.mark.parametrize(("detail", "wrong"), WRONG)
def test_misbehaving_creation_is_refused_by_name(phone: SoftAuthenticator, detail: str, wrong: Misbehaviour) -> None:
    options = PASSKEYS.creation_options(user_id=b"p", user_name="Ana", challenge=CHALLENGE, exclude=())
    with pytest.raises(Refusal) as caught:
        PASSKEYS.check_creation(phone.create(options, wrong), challenge=CHALLENGE)
    assert (caught.value.code, caught.value.params) == ("passkey_refused", {"detail": detail})


@pytest.mark.parametrize("kind", ["webauthn.create", "payment.get", "WEBAUTHN.GET"])
def test_client_data_of_another_kind_is_not_an_assertion(phone: SoftAuthenticator, kind: str) -> None:
    passkey = made(phone)
    assert refusal(asserted(phone, passkey, Misbehaviour(kind=kind)), passkey).params == {"detail": "malformed"}


def test_challenge_written_twice_is_refused(phone: SoftAuthenticator) -> None:
    passkey = made(phone)
    twice = (
        f'{{"type":"webauthn.get","challenge":"{base64url(bytes(32))}",'
        f'"challenge":"{base64url(CHALLENGE)}","origin":"{ORIGIN}"}}'
    )
    response = asserted(phone, passkey, Misbehaviour(raw_client_data=twice.encode()))
    assert refusal(response, passkey).params == {"detail": "malformed"}


def test_unknown_members_of_client_data_are_tolerated(phone: SoftAuthenticator) -> None:
    passkey = made(phone)
    response = asserted(phone, passkey, Misbehaviour(client_data={"other_keys_can_be_added_here": "do not compare"}))
    PASSKEYS.check_assertion(response, challenge=CHALLENGE, public_key=passkey.public_key, sign_count=0)


def test_signature_over_something_else_is_refused(phone: SoftAuthenticator) -> None:
    passkey = made(phone)
    response = asserted(phone, passkey, Misbehaviour(bad_signature=True))
    assert refusal(response, passkey).params == {"detail": "signature"}


def test_assertion_of_another_passkey_is_refused(phone: SoftAuthenticator) -> None:
    mine, theirs = made(phone), made(SoftAuthenticator(ORIGIN))
    assert refusal(asserted(phone, mine), theirs).params == {"detail": "signature"}


@pytest.mark.parametrize("given", [5, 4])
def test_counter_that_does_not_grow_means_a_cloned_passkey(phone: SoftAuthenticator, given: int) -> None:
    passkey = made(phone)
    caught = refusal(asserted(phone, passkey, Misbehaviour(sign_count=given)), passkey, sign_count=5)
    assert (caught.code, caught.params) == ("passkey_cloned", {"detail": "counter"})


@pytest.mark.parametrize(("kept", "given"), [(0, 0), (5, 0), (0, 5), (5, 6)])
def test_counter_is_judged_only_where_both_sides_count(phone: SoftAuthenticator, kept: int, given: int) -> None:
    passkey = made(phone)
    response = asserted(phone, passkey, Misbehaviour(sign_count=given))
    assertion = PASSKEYS.check_assertion(response, challenge=CHALLENGE, public_key=passkey.public_key, sign_count=kept)
    assert assertion.sign_count == given


@pytest.mark.parametrize("response", [{}, {"response": []}, {"response": {"clientDataJSON": 5}}, {"rawId": "a b"}])
def test_response_without_its_parts_is_malformed(response: dict[str, Any], phone: SoftAuthenticator) -> None:
    assert refusal(response, made(phone)).params == {"detail": "malformed"}
    with pytest.raises(Refusal):
        PASSKEYS.credential_id(response)


def test_part_in_another_spelling_is_malformed(phone: SoftAuthenticator) -> None:
    passkey = made(phone)
    for spoilt in ("{}==", "{}\n", " {}", "{}" + "A" * 20_000):
        response = asserted(phone, passkey)
        response["response"]["signature"] = spoilt.format(response["response"]["signature"])
        assert refusal(response, passkey).params == {"detail": "malformed"}


PHONE = SoftAuthenticator(ORIGIN)
PASSKEY = made(PHONE)


@given(
    part=st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]),
    at=st.integers(0, 10_000),
    flip=st.integers(1, 255),
    cut=st.booleans(),
)
def test_no_altered_byte_survives(part: str, at: int, flip: int, cut: bool) -> None:
    response = asserted(PHONE, PASSKEY)
    raw = bytearray(unpadded(response["response"][part]))
    at %= len(raw)
    if cut:
        del raw[at:]
    else:
        raw[at] ^= flip
    response["response"][part] = base64url(bytes(raw))
    assert refusal(response, PASSKEY).code == "passkey_refused"


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_altered_attestation_is_refused_or_makes_another_passkey(at: int, flip: int) -> None:
    options = PASSKEYS.creation_options(user_id=b"p", user_name="Ana", challenge=CHALLENGE, exclude=())
    phone = replace(PHONE, passkeys=[])
    response = phone.create(options)
    raw = bytearray(unpadded(response["response"]["attestationObject"]))
    raw[at % len(raw)] ^= flip
    response["response"]["attestationObject"] = base64url(bytes(raw))
    try:
        PASSKEYS.check_creation(response, challenge=CHALLENGE)
    except Refusal as refused:
        assert refused.code == "passkey_refused"  # noqa: PT017 - either way is right; any other error is not
