"""The proxies of docs/operating.md, as they stand there, before a real house: TLS, uploads, the live socket, addresses."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import WebSocket, expect

from tests.journeys.house import ROOT, RunningHouse, free_port, until
from tests.journeys.phone import Phones
from tests.journeys.walks import claim

DOCS = (ROOT / "docs" / "operating.md").read_text("utf-8")
LARGE = 3_000_000
"""Bytes; more than nginx takes by itself."""


def snippet(after: str, *, indent: int = 4) -> str:
    """The first indented block of the docs behind this line."""
    found = re.search(rf"{re.escape(after)}\n\n((?: {{{indent}}}.*\n|\n)+)", DOCS)
    assert found, after
    return re.sub(f"^ {{{indent}}}", "", found[1], flags=re.MULTILINE)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate and key for localhost, in PEM."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = (
        made.not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, False)
    )
    pem, secret = folder / "tls.pem", folder / "tls.key"
    pem.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return pem, secret


def caddy(folder: Path, front: int, port: int) -> list[str]:
    pem, key = certificate(folder)
    site = snippet("unit and all else to web. Caddy:").replace("8000", str(port)).replace("8001", str(port + 1))
    site = site.replace("sign.example.org {", f"https://localhost:{front} {{\n    tls {pem} {key}", 1)
    ours = "{\n    admin off\n    auto_https disable_redirects\n    default_bind 127.0.0.1\n}\n"
    (folder / "Caddyfile").write_text(ours + site)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def nginx(folder: Path, front: int, port: int) -> list[str]:
    pem, key = certificate(folder)
    site = snippet("nginx:").replace("8000", str(port)).replace("8001", str(port + 1))
    changes = {
        "443": f"127.0.0.1:{front}",
        "sign.example.org;": "localhost;",
        "/etc/nginx/countersign-headers.conf": str(folder / "headers.conf"),
        "/etc/ssl/sign.example.org.pem": str(pem),
        "/etc/ssl/sign.example.org.key": str(key),
    }
    for before, after in changes.items():
        assert before in site, before
        site = site.replace(before, after)
    (folder / "headers.conf").write_text(snippet("inherited ones):"))
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # the folder is the test's alone
    head = f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
    (folder / "nginx.conf").write_text(f"{head}http {{\naccess_log off;\n{places}{site}}}\n")
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


PROXIES = {"caddy": caddy, "nginx": nginx}


@pytest.fixture(params=PROXIES)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningHouse]:
    """A house whose only address is the proxy's. Set-up installs neither proxy, because their packages start services."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    front = free_port()
    behind = RunningHouse(tmp_path, public_url=f"https://localhost:{front}", proxy_hops=1)
    behind.url = f"https://localhost:{front}"
    with fronted(PROXIES[request.param](tmp_path, front, behind.port), tmp_path):
        try:
            yield behind.start()
        finally:
            behind.stop()
            print(behind.said()[-4000:])


@contextmanager
def fronted(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "proxy.log").open("wb") as log:
        proxy = subprocess.Popen(
            command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin"}
        )
    try:
        yield
    finally:
        proxy.terminate()
        proxy.wait(timeout=20)
        print((folder / "proxy.log").read_text("utf-8", errors="replace")[-2000:])


def test_what_a_tunnel_says_of_the_visitor_passes_the_proxy_of_the_docs(tmp_path: Path) -> None:
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not installed")
    front, seen = free_port(), []

    class Web(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.headers["X-Forwarded-For"], self.headers["X-Forwarded-Proto"], self.headers["Host"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as web:
        Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        site = snippet("on port 8080 without TLS of its own:", indent=6)
        site = site.replace(":8080", f":{front}").replace("8000", str(web.server_port))
        (tmp_path / "Caddyfile").write_text("{\n    admin off\n    default_bind 127.0.0.1\n}\n" + site)
        with fronted(["caddy", "run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"], tmp_path):
            said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Host": "name.example"}
            until(lambda: answers(f"http://127.0.0.1:{front}/", said), seconds=20, what="an answer through the proxy")
        web.shutdown()
    assert seen[0] == ("203.0.113.9, 127.0.0.1", "https", "name.example")


def answers(url: str, headers: dict[str, str]) -> bool:
    try:
        return httpx.get(url, headers=headers).status_code == 204
    except httpx.ConnectError:
        return False


def test_a_house_works_behind_the_proxies_of_the_docs(house: RunningHouse, phone: Phones, tmp_path: Path) -> None:
    page = phone(ignore_https_errors=True)
    claim(page, house)
    assert all(cookie.get("secure") for cookie in page.context.cookies())

    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    page.goto(f"{house.url}/reviews")
    until(lambda: page.wait_for_timeout(50) or sockets, seconds=20, what="the live socket")
    assert sockets[0].url.startswith(f"wss://localhost:{house.url.rsplit(':', 1)[1]}/live?")
    page.wait_for_timeout(1500)
    assert not sockets[0].is_closed()

    page.goto(f"{house.url}/contracts/new")
    content = {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n" + b"0" * LARGE}
    page.get_by_label("PDF file").set_input_files(content)
    expect(page.get_by_role("alert")).to_contain_text("PDF")  # the house judged it, not the proxy

    page.goto(f"{house.url}/account")
    expect(page.locator("#sessions")).to_contain_text(re.compile(r"127\.0\.0\.1|::1"))
    answer = httpx.get(f"{house.url}/sign-in", verify=False, headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in answer.text
    assert "max-age" in answer.headers["Strict-Transport-Security"]
