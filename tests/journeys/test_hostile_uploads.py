"""Files that are meant to hurt, through the front door: refused by name, while everybody else is answered as ever."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.builders import a_pdf
from tests.journeys.house import RunningHouse
from tests.journeys.plain import OURS, Sender, words
from tests.signing.test_intake import a_list_of_a_million_pages, a_million_pages, bomb

GIGABYTE = 1_000_000_000
PIECE = b"x" * 1_000_000
BOUNDARY = "a-file-comes-here"
FILE = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big.pdf"\r\n'
    "Content-Type: application/pdf\r\n\r\n"
).encode()
ANSWER_SECONDS = 3.0
"""Within which somebody else is answered while a bomb is being looked at, on a machine that is busy already."""
ROOM_BYTES = 45_000_000
"""By how much the memory of all of web may have grown: less than what was sent. Its second process may have had its first
request meanwhile, which loads what the first one has loaded already."""


@pytest.fixture(scope="module")
def sender(house: RunningHouse) -> Sender:
    return Sender(house)


@contextmanager
def uploading(sender: Sender, *headers: str) -> Iterator[socket.socket]:
    """An upload whose headers are sent, and the beginning of its file is still to come."""
    cookie = "; ".join(f"{c.name}={c.value}" for c in sender.client.cookies.jar)
    lines = [
        "POST /contracts/new HTTP/1.1",
        f"Host: localhost:{sender.house.port}",
        f"Sec-Fetch-Site: {OURS['Sec-Fetch-Site']}",
        f"Cookie: {cookie}",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        *headers,
        "\r\n",
    ]
    with socket.create_connection(("127.0.0.1", sender.house.port), timeout=60) as line:
        line.sendall("\r\n".join(lines).encode())
        yield line


def answer(line: socket.socket) -> tuple[int, str]:
    """Status and words; web hangs up behind them."""
    said = b""
    while piece := line.recv(65536):
        said += piece
        if re.search(rb"</html>\s*(\r\n0\r\n\r\n)?$", said):
            break
    return int(said.split(b" ", 2)[1]), words(said.split(b"\r\n\r\n", 1)[1].decode("utf-8", "replace"))


def memory(house: RunningHouse) -> int:
    """Bytes of memory that web's processes hold."""
    status = [Path(f"/proc/{pid}/status").read_text("ascii", errors="replace") for pid in house.pids("web")]
    return sum(int(found[1]) * 1024 for text in status if (found := re.search(r"VmRSS:\s+(\d+) kB", text)))


# --- too large


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what web's memory is")
def test_two_gigabytes_are_refused_before_they_are_sent(sender: Sender) -> None:
    sender.upload(a_pdf())  # what an upload needs is loaded
    before, begun = memory(sender.house), time.monotonic()
    with uploading(sender, f"Content-Length: {2 * GIGABYTE}") as line:
        line.sendall(FILE)
        status, said = answer(line)
    assert (status, "That is too large. Up to 60 MB are possible." in said) == (413, True), said
    assert time.monotonic() - begun < ANSWER_SECONDS
    assert memory(sender.house) - before < ROOM_BYTES


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what web's memory is")
def test_a_file_that_does_not_say_its_size_is_cut_off_at_the_limit(sender: Sender) -> None:
    sender.upload(a_pdf())
    before, sent = memory(sender.house), 0
    with uploading(sender, "Transfer-Encoding: chunked") as line:
        line.sendall(b"%x\r\n%b\r\n" % (len(FILE), FILE))
        try:
            while sent < GIGABYTE:
                line.sendall(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
                sent += len(PIECE)
        except (BrokenPipeError, ConnectionResetError):
            pass  # web has had enough; what it said may be lost on the way
    assert 55_000_000 < sent < 80_000_000
    assert memory(sender.house) - before < ROOM_BYTES
    assert not list((sender.house.data / "work").rglob("upload"))
    assert httpx.get(f"{sender.house.url}/healthz", timeout=ANSWER_SECONDS).status_code == 200


# --- small, and not what it seems


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(lambda: bomb(1000), "This PDF is too complex to be opened safely.", id="flate bomb"),
        pytest.param(a_million_pages, "This file has too many pages.", id="a million pages in a few kilobytes"),
        pytest.param(a_list_of_a_million_pages, "This file has too many pages.", id="a list of a million pages"),
    ],
)
def test_a_bomb_is_refused_by_name_and_everybody_else_is_answered(
    sender: Sender, content: Callable[[], bytes], sentence: str
) -> None:
    made = content()
    with asking(sender.house) as waits:
        refused = sender.upload(made)
    longest = max(waits, default=0.0)
    print(f"{len(made)} bytes: refused after {refused.elapsed.total_seconds():.1f} s; the longest wait {longest:.2f} s")
    assert refused.status_code == 422
    assert sentence in words(refused.text), words(refused.text)
    assert longest < ANSWER_SECONDS
    assert sender.upload(a_pdf()).status_code == 200


@contextmanager
def asking(house: RunningHouse) -> Iterator[list[float]]:
    """Somebody else asks again and again meanwhile; how long each answer took, in seconds."""
    waits: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            begun = time.monotonic()
            httpx.get(f"{house.url}/healthz", timeout=60).raise_for_status()
            waits.append(time.monotonic() - begun)

    somebody = threading.Thread(target=ask)
    somebody.start()
    try:
        yield waits
    finally:
        over.set()
        somebody.join()
