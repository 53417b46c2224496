"""A source, a trade register and a bank on the loopback, for tests: they speak our protocol and check our signatures."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

KEY_NAME = "house-1"
SECRET = "a secret of the two of us"


def key_file(folder: Path) -> str:
    path = folder / "provider.key"
    path.write_text(f"{KEY_NAME} {SECRET}\n")
    return str(path)


def hmac_of(*parts: str) -> str:
    return hmac.new(SECRET.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()


@dataclass
class Outside:
    """What the services answer, and what they were asked. `failures`: statuses of the next answers; 0 hangs up."""

    port: int = 0
    failures: list[int] = field(default_factory=list)
    signs: bool = True
    forged: bool = False
    people: dict[str, str] = field(default_factory=dict)
    """Number -> name, as the register has them."""
    answer: dict[str, Any] | None = None
    """Instead of what would be said of a person."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    companies: dict[str, dict[str, str]] = field(default_factory=dict)
    """Number -> name, representative and, where it is struck off, status, as the trade register has them."""
    paid: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed_accounts: set[str] = field(default_factory=set)
    nonces: set[str] = field(default_factory=set)

    @property
    def source_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/register/v1"

    @property
    def trade_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/trade"

    @property
    def bank_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bank"

    def said(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/register/v1":
            return self._register(method, body)
        if path == "/trade":
            return self._trade(method, body)
        if path.startswith("/bank"):
            return self._bank(method, path.removeprefix("/bank"), body)
        return 404, {}

    def _register(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            return 200, {"format": "countersign-source/1", "provider": "Loopback register"}
        self.asked.append(body)
        if self.answer is not None:
            return 200, self.answer
        known = self.people.get(body["number"])
        outcome = "unknown" if known is None else "match" if known == body["name"] else "no_match"
        compared = ["name", "number", *(n for n, k in (("phone", "phone"), ("portrait", "portrait_jpeg")) if k in body)]
        return 200, {"outcome": outcome, "reference": f"R-{len(self.asked)}", "compared": compared}

    def _trade(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            return 200, {"format": "countersign-register/1", "provider": "Loopback trade register"}
        self.asked.append(body)
        if self.answer is not None:
            return 200, self.answer
        reference, known = f"T-{len(self.asked)}", self.companies.get(body["number"])
        if known is None:
            return 200, {"outcome": "unknown", "reference": reference}
        agreed = {n: "agrees" if known[n] == body[n] else "differs" for n in ("name", "representative") if n in known}
        return 200, {"outcome": known.get("status", "active"), "reference": reference, **agreed}

    def _bank(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "GET" and path == "":
            return 200, {"format": "countersign-payout/1", "provider": "Loopback bank"}
        if method == "GET":
            known = self.paid.get(path.removeprefix("/transfers/"))
            return (200, _receipt(known)) if known else (404, {})
        known = self.paid.get(body["reference"])
        if known is not None and known["asked"] != body:
            return 409, {"reference": body["reference"]}
        if known is None:
            state = "failed" if body["account_number"] in self.closed_accounts else "paid"
            known = {"asked": body, "state": state, "bank": f"B-{len(self.paid) + 1}"}
            self.paid[body["reference"]] = known
        return 200, _receipt(known)


def _receipt(known: dict[str, Any]) -> dict[str, Any]:
    reason = "account_closed" if known["state"] == "failed" else ""
    return {
        "reference": known["asked"]["reference"],
        "provider_reference": known["bank"],
        "state": known["state"],
        "reason": reason,
    }


@contextmanager
def outside() -> Iterator[Outside]:
    kept = Outside()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            signature = self.headers["X-Countersign-Signature"]
            moment, nonce = self.headers["X-Countersign-Time"], self.headers["X-Countersign-Nonce"]
            right = hmac_of(method, self.path, moment, nonce, hashlib.sha256(raw).hexdigest())
            fresh = abs(time.time() - int(moment)) < 300 and nonce not in kept.nonces
            kept.nonces.add(nonce)
            failure = kept.failures.pop(0) if kept.failures else None
            if failure == 0:
                self.connection.close()
                return
            if failure:
                self._send(failure, {}, signature)
            elif self.headers["X-Countersign-Key"] != KEY_NAME or signature != right or not fresh:
                self._send(401, {}, signature)
            else:
                self._send(*kept.said(method, self.path, json.loads(raw) if raw else {}), signature)

        def _send(self, status: int, value: dict[str, Any], signature: str) -> None:
            raw = json.dumps(value).encode()
            self.send_response(status)
            if kept.signs:
                text = raw + b" " if kept.forged else raw
                self.send_header(
                    "X-Countersign-Signature",
                    hmac_of("answer", str(status), signature, hashlib.sha256(text).hexdigest()),
                )
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    kept.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
