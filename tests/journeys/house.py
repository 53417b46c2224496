"""A running house: `python -m bff up` as `make run` starts it, with its real units, on a free port and its own data.

A journey sees it as people do, through its address and the development inbox. An operator's journey may also end one
of its units or start the house anew on the same data. What the units said is kept, and shown when something fails.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
STOP_SECONDS = 40
LETTER_SECONDS = 60
UNITS = {"web": "bff.app", "live": "bff.live", "worker": "bff.worker", "clock": "bff.clock", "valkey": "valkey-server"}
"""What tells a unit's process from the others."""

Found = TypeVar("Found")


class RunningHouse:
    """One house. `settings` are BFF_… variables by their lower-case names: RunningHouse(folder, resend_seconds=1)."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.data = folder / "d"
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.claim = ""
        self._followed: set[str] = set()
        self._given = {f"BFF_{name.upper()}": str(value) for name, value in settings.items()}
        self._log = folder / "log"
        self._up: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {"BFF_DATA_DIR": str(self.data), "BFF_DEVELOPMENT": "1", "BFF_RESEND_SECONDS": "1"}
        own |= {"BFF_CODES_PER_NUMBER_PER_HOUR": "1000", "BFF_CODES_PER_ADDRESS_PER_HOUR": "1000"}
        return {**os.environ, **own, **self._given}

    # --- its life

    def start(self, **settings: object) -> "RunningHouse":
        """Starts it, or starts it anew on the same data and address, with more settings if given."""
        self._given |= {f"BFF_{name.upper()}": str(value) for name, value in settings.items()}
        with self._log.open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "bff", "up", "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_answers()
        return self

    def _wait_until_it_answers(self) -> None:
        before = self.said().count("Ctrl-C stops everything")
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._up is not None and self._up.poll() is None:
            if self.said().count("Ctrl-C stops everything") > before:
                found = re.search(rf"{self.url}/claim/[\w-]+", self.said())
                self.claim = found[0] if found else ""
                return
            time.sleep(0.1)
        self.stop()
        pytest.fail("the house did not start:\n" + self.said()[-3000:])

    def stop(self) -> None:
        if self._up is None:
            return
        self._up.send_signal(signal.SIGTERM)
        self._up.wait(timeout=STOP_SECONDS)
        self._up = None

    def said(self) -> str:
        """Everything that the units have said so far."""
        return self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""

    def pids(self, unit: str) -> list[int]:
        """A unit's process and its own children (gunicorn's workers, the worker's forked jobs); the unit's own first."""
        assert self._up is not None
        asked = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(maxsplit=2) for line in asked.stdout.splitlines()]
        processes = [(int(row[0]), int(row[1]), row[2] if len(row) > 2 else "") for row in rows]
        found = [pid for pid, parent, args in processes if parent == self._up.pid and UNITS[unit] in args]
        for leader in found:
            found += [pid for pid, parent, _ in processes if parent == leader]
        return found

    def kill(self, unit: str) -> None:
        """kill -9 for the unit and whatever it is doing; the launcher starts it again."""
        for pid in self.pids(unit):
            os.kill(pid, signal.SIGKILL)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`python -m bff …` as the operator of this house would type it."""
        given = [sys.executable, "-m", "bff", *arguments]
        env = {**self.environment, "BFF_PORT": str(self.port), "BFF_PUBLIC_URL": self.url}
        return subprocess.run(given, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)

    # --- what it sent

    def letters(self, *, to: str = "", template: str = "") -> list[dict[str, Any]]:
        """The development inbox, newest first."""
        messages = httpx.get(f"{self.url}/dev/inbox?json", timeout=30).json()
        return [m for m in messages if to in ("", m["to"]) and template in ("", m["template"])]

    def letter(self, *, to: str, template: str, after: int = 0) -> str:
        """The text of the newest such message, when there are more than `after`; waits until a worker has carried it."""
        found = until(
            lambda: self.letters(to=to, template=template)[: -after or None],
            seconds=LETTER_SECONDS,
            what=f"{template} for {to}",
        )
        return str(found[0]["body"])

    def link(self, to: str, *, template: str = "invitation") -> str:
        """The address in the newest such message that nobody has followed yet; waits for one."""
        addresses = until(
            lambda: [a for a in self._addresses(to, template) if a not in self._followed],
            seconds=LETTER_SECONDS,
            what=f"a new {template} for {to}",
        )
        self._followed.add(addresses[0])
        return addresses[0]

    def _addresses(self, to: str, template: str) -> list[str]:
        bodies = "\n".join(str(m["body"]) for m in self.letters(to=to, template=template))
        return re.findall(rf"{self.url}/s/[\w-]+", bodies)

    def code(self, to: str, *, template: str = "code", after: int = 0) -> str:
        """The six digits of the newest code; count the letters before asking for one and hand the number in as `after`."""
        found = re.findall(r"(?<!\d)\d{6}(?!\d)", self.letter(to=to, template=template, after=after))
        return str(found[-1])  # the last line of a text message is for the phone: @host #123456

    def roots(self) -> bytes:
        """The authority's root certificates, as anybody downloads them."""
        return httpx.get(f"{self.url}/authority/roots.pem", timeout=30).content


@contextmanager
def running(folder: Path, **settings: object) -> Iterator[RunningHouse]:
    """A house for as long as the block lasts. What its units said is printed: pytest shows it beside a failure."""
    house = RunningHouse(folder, **settings)
    try:
        yield house.start()
    finally:
        house.stop()
        print(f"--- the house at {house.url} said ({datetime.now(UTC):%H:%M:%S} UTC):\n{house.said()[-6000:]}")


def until(look: Callable[[], Found], *, seconds: float, what: str) -> Found:
    """Looks again and again until there is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    pytest.fail(f"waited {seconds:.0f} s in vain: {what}")


def free_port() -> int:
    """A port whose neighbour is free too: live takes the next one."""
    for _ in range(50):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise OSError("no two free ports beside each other")
