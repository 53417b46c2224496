"""One outside service over HTTP: what we ask is signed, what it answers is believed only when we know that it is its own.

A request carries four headers: `X-Countersign-Key` (the name of the shared key), `X-Countersign-Time` (seconds since
1970), `X-Countersign-Nonce` and `X-Countersign-Signature`, the hex HMAC-SHA256 of

    METHOD, path, time, nonce, hex SHA-256 of the body      (each on a line of its own)

An answer carries `X-Countersign-Signature` over the word `answer`, its status, the request's signature and its body's
SHA-256, in the same way, so that it belongs to this question alone. Over TLS a service may leave it out; a wrong one is
never forgiven. Without TLS only a service on this machine is asked: names and numbers do not travel openly.

Questions are repeated a few times where the line or the service fails. So every question has to bear being asked twice:
each carries an id of ours, the same in every repetition. Neither questions nor answers are ever logged.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from bff.core.errors import Fault

PAUSES = (0.3, 1.5)
"""Seconds before the second and the third attempt."""
LONGEST_ANSWER = 200_000
"""Bytes."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses after which the same question may be answered the next time."""
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Key:
    """A secret shared with one service, and the name by which it knows it."""

    name: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.name})"

    def sign(self, *parts: str) -> str:
        return hmac.new(self.secret, "\n".join(parts).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and the JSON object (empty where there is none)."""

    status: int
    value: Mapping[str, Any]


class Unanswered(Exception):
    """No answer that can be believed. `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Provider:
    """The address of one service with its key."""

    def __init__(
        self,
        url: str,
        key: Key,
        *,
        timeout_seconds: float,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if not parts.hostname or parts.query or parts.fragment or not _safe(parts.scheme, parts.hostname):
            raise Fault(
                "provider_address",
                what="The address of an outside service cannot be used.",
                do="Give an https address without a query (http is taken on this machine alone).",
            )
        self._url = url.rstrip("/")
        self._tls = parts.scheme == "https"
        self._key = key
        self._timeout = timeout_seconds
        self._now = now
        self._sleep = sleep
        self.host = parts.hostname

    def ask(self, method: str, path: str = "", body: Mapping[str, Any] | None = None) -> Answer:
        """The answer, whatever its status. Raises Unanswered."""
        content = b"" if body is None else json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
        reason = "unreachable"
        for pause in (0.0, *PAUSES):
            if pause:
                self._sleep(pause)
            try:
                answer = self._once(method, path, content)
            except httpx.HTTPError:
                reason = "unreachable"
                continue
            if answer.status not in PASSING:
                return answer
            reason = f"status_{answer.status}"
        raise Unanswered(reason)

    def _once(self, method: str, path: str, content: bytes) -> Answer:
        url = self._url + path
        moment, nonce = str(int(self._now())), secrets.token_hex(16)
        signature = self._key.sign(method, urlsplit(url).path or "/", moment, nonce, _digest(content))
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Countersign-Key": self._key.name,
            "X-Countersign-Time": moment,
            "X-Countersign-Nonce": nonce,
            "X-Countersign-Signature": signature,
        }
        status, raw, said = self._carried(method, url, content, headers)
        if status in PASSING:
            return Answer(status, {})
        self._check_signed(said, status, signature, raw)
        return Answer(status, _object(raw))

    def _carried(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, str]:
        """Status, body and signature; a body beyond reason is not read to its end. Redirects are not followed."""
        with httpx.stream(method, url, content=content, headers=headers, timeout=self._timeout) as response:
            raw = b""
            for piece in response.iter_bytes():
                raw += piece
                if len(raw) > LONGEST_ANSWER:
                    raise Unanswered("answer_too_long")
            return response.status_code, raw, response.headers.get("X-Countersign-Signature", "")

    def _check_signed(self, said: str, status: int, signature: str, raw: bytes) -> None:
        if not said and self._tls:
            return
        right = self._key.sign("answer", str(status), signature, _digest(raw))
        if not hmac.compare_digest(right.encode(), said.encode()):
            raise Unanswered("answer_not_signed")


def read_key(path: str) -> Key:
    """The key in a file whose first line is `NAME SECRET`. Raises Fault `provider_key_unreadable`."""
    try:
        name, _, secret = Path(path).read_text().splitlines()[0].strip().partition(" ")
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise _unreadable(path) from error
    if not name or len(secret.strip()) < SHORTEST_KEY:
        raise _unreadable(path)
    return Key(name, secret.strip().encode())


def short(value: Any, longest: int) -> str:
    """A word of the service's, if it is one: printable and not longer than that, else empty."""
    return value if isinstance(value, str) and len(value) <= longest and value.isprintable() else ""


def _unreadable(path: str) -> Fault:
    return Fault(
        "provider_key_unreadable",
        what=f"The key file {Path(path).name} is missing, or its first line is not NAME SECRET.",
        do=f"Write the service's key name and a secret of {SHORTEST_KEY} characters or more into it.",
    )


def _safe(scheme: str, host: str) -> bool:
    return scheme == "https" or (scheme == "http" and host in LOOPBACK)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
