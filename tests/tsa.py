"""A time stamp service beside the house: RFC 3161 over HTTP on the loopback, with keys of its own, that goes down and up."""

import http.server
import threading
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import tsp

from bff.core.ports import Clock
from bff.signing.authority import Authority, EmbeddedTimestamps


class Tsa:
    """Not up yet. Its address stays the same, whatever becomes of it."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self._port = port
        self.url = f"http://127.0.0.1:{port}/"
        self._authority = Authority.create(
            folder / "authority", organisation="Fabrikam Time", crl_url=f"{self.url}crl", now=datetime.now(UTC)
        )
        self.roots = folder / "tsa-roots.pem"
        self.roots.write_bytes(b"".join(self._authority.roots_pem()[1:]))
        self._server: http.server.ThreadingHTTPServer | None = None

    def up(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), _door(self._authority))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        """From now on nobody listens there."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._server = None


def _door(authority: Authority) -> type[http.server.BaseHTTPRequestHandler]:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer("application/timestamp-reply", reply(authority, query, clock=_Now()))

        def do_GET(self) -> None:
            self._answer("application/pkix-crl", authority.crl(Path(self.path).stem) or b"")

        def _answer(self, kind: str, content: bytes) -> None:
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Nothing: the house says what it asked for."""

    return Door


class _Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


def reply(
    authority: Authority, query: bytes, *, clock: Clock, nonce: int | None = None, digest: bytes | None = None
) -> bytes:
    """What an honest service answers, or one that lies about the nonce or the digest."""
    asked = tsp.TimeStampReq.load(query)
    token = EmbeddedTimestamps(authority, clock).timestamp(
        digest or asked["message_imprint"]["hashed_message"].native,
        nonce=asked["nonce"].native if nonce is None else nonce,
    )
    content = tsp.ContentInfo.load(token)
    return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": content}).dump())
