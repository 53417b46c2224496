"""A private key in a hardware module (PKCS #11): the only door to its library.

The key is named as RFC 7512 has it: `pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/….so`; its PIN lies in a file. A session
is opened for each signature and closed again, and again in a process that was forked: a module's state does not cross.
A PIN that was refused is not tried again by this process, because modules lock themselves after a few wrong ones.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

import pkcs11
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked, PKCS11Error
from pkcs11.util.ec import encode_ec_public_key

from bff.signing.keys import away

WRONG_PIN = (PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked)

_alone = threading.Lock()
_opened_by: dict[str, int] = {}
"""Which process has opened which library."""


class Module:
    """Implements core.ports.RawSigner."""

    def __init__(self, uri: str, pin: str) -> None:
        self._library, self._token, self._wanted = _named(uri)
        self._pin = pin
        self._pin_refused = False

    def public_key(self) -> bytes:
        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, **self._wanted)
            if key.key_type == KeyType.EC:
                return bytes(encode_ec_public_key(key))
            numbers = [int.from_bytes(key[name], "big") for name in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS)]
            return (
                rsa.RSAPublicNumbers(*numbers)
                .public_key()
                .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            )

    def certificates(self) -> tuple[bytes, ...]:
        """Those that lie beside the key under its name."""
        with self._session() as session:
            asked = {Attribute.CLASS: ObjectClass.CERTIFICATE, **_attributes(self._wanted)}
            return tuple(bytes(found[Attribute.VALUE]) for found in session.get_objects(asked))

    def sign(self, data: bytes) -> bytes:
        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, **self._wanted)
            if key.key_type == KeyType.RSA:
                return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
            plain = bytes(key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))
        half = len(plain) // 2
        return encode_dss_signature(int.from_bytes(plain[:half], "big"), int.from_bytes(plain[half:], "big"))

    def check(self) -> str:
        value = self.sign(b"countersign: is the seal's key there?")
        load_der_public_key(self.public_key())
        return f"the module's token {self._token} signed a trial ({len(value)} bytes)"

    @contextmanager
    def _session(self) -> Iterator[Any]:
        """Raises Fault `seal_key_away`, whatever went wrong in there."""
        if self._pin_refused:
            raise away("The module refused the PIN; it is not tried again, because modules lock themselves.")
        try:
            with _alone, _opened(self._library).get_token(token_label=self._token).open(user_pin=self._pin) as session:
                yield session
        except WRONG_PIN as error:
            self._pin_refused = True
            raise away(f"The module refused the PIN ({type(error).__name__}).") from error
        except (PKCS11Error, RuntimeError, OSError) as error:
            raise away(f"The module does not do it ({type(error).__name__}).") from error


def _opened(library: str) -> Any:
    found = pkcs11.lib(library)
    before = _opened_by.setdefault(library, os.getpid())
    if before != os.getpid():
        found.reinitialize()
        _opened_by[library] = os.getpid()
    return found


def _named(uri: str) -> tuple[str, str, dict[str, Any]]:
    """Library, token and which key. Raises Fault."""
    parts = urlsplit(uri)
    path = {n: unquote_to_bytes(v) for n, _, v in (part.partition("=") for part in parts.path.split(";"))}
    library = (parse_qs(parts.query).get("module-path") or [""])[0]
    wanted: dict[str, Any] = {"label": path["object"].decode()} if "object" in path else {}
    wanted |= {"id": path["id"]} if "id" in path else {}
    if not library or not wanted or "token" not in path:
        raise away("BFF_SEAL_KEY has to name token, object (or id) and module-path.")
    return library, path["token"].decode(), wanted


def _attributes(wanted: dict[str, Any]) -> dict[Attribute, Any]:
    return {{"label": Attribute.LABEL, "id": Attribute.ID}[name]: value for name, value in wanted.items()}
