"""The launcher with stand-in units: real processes, real signals, a real Valkey, no house."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from bff.core.errors import Fault
from bff.launch import Unit, launch_environment, running, units, up, valkey_command
from bff.settings import Settings, from_environment

ROOT = Path(__file__).resolve().parent.parent

WEB = """
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"well")
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["BFF_PORT"])), Page).serve_forever()
"""
STEADY = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen(["sleep", "300"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
print("working away", flush=True)
time.sleep(300)
"""
LAUNCH = """
import os, pathlib, sys
from bff import launch
launch.FIRST_PAUSE_SECONDS = 0.05
sys.exit(launch.up(os.environ, root=pathlib.Path(sys.argv[1])))
"""
PROCFILE = "release: echo set up\nweb: python web.py\nworker: python steady.py worker.pids\n"


class Launched:
    """A launcher in a child process, on a stand-in Procfile, with its output in a file."""

    def __init__(self, root: Path, procfile: str) -> None:
        (root / "Procfile").write_text(procfile)
        (root / "web.py").write_text(WEB)
        (root / "steady.py").write_text(STEADY)
        self.root, self.port, self.log = root, free_port(), root / "log"
        environment = {**os.environ, "BFF_PORT": str(self.port), "BFF_DATA_DIR": str(root / "d")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(root)], cwd=ROOT, env=environment, stdout=log, stderr=log
            )

    def said(self, text: str, *, times: int = 1) -> None:
        wait_until(lambda: self.log.read_text().count(text) >= times, self.log)

    def pids(self) -> list[int]:
        file = self.root / "worker.pids"
        wait_until(lambda: file.exists() and len(file.read_text().split()) == 2, self.log)
        return [int(pid) for pid in file.read_text().split()]


@pytest.fixture
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Launched]]:
    launched: list[Launched] = []

    def start(procfile: str = PROCFILE) -> Launched:
        launched.append(Launched(tmp_path_factory.mktemp("l"), procfile))
        return launched[-1]

    yield start
    for one in launched:
        with contextlib.suppress(ProcessLookupError):
            one.process.terminate()
        one.process.wait(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_house_starts_in_order_and_ends_clean_when_told_to(
    launch: Callable[[], Launched], number: signal.Signals
) -> None:
    house = launch()
    house.said("working away")
    pids = house.pids()
    with contextlib.closing(Redis(unix_socket_path=str(house.root / "d" / "run" / "valkey.sock"))) as valkey:
        assert valkey.ping()
    house.process.send_signal(number)
    assert house.process.wait(30) == 0
    assert not any(map(alive, pids))
    said = house.log.read_text()
    assert said.index("release | set up") < said.index(f"answers at http://localhost:{house.port}")
    assert said.index("answers at") < said.index("worker  | working away")


def test_nothing_is_left_running_when_the_launcher_is_killed(launch: Callable[[], Launched]) -> None:
    house = launch()
    pids = house.pids()
    house.process.kill()
    wait_until(lambda: not any(map(alive, pids)), house.log)
    wait_until(lambda: not listens(house.port), house.log)


def test_unit_that_dies_is_started_again(launch: Callable[[], Launched]) -> None:
    house = launch()
    worker, child = house.pids()
    house.said("working away")
    os.kill(worker, signal.SIGKILL)
    house.said("worker was killed by signal 9; starting it again in 0 s")
    house.said("working away", times=2)
    assert not alive(child)


def test_house_does_not_start_when_its_set_up_fails(launch: Callable[[str], Launched]) -> None:
    house = launch("release: false\nweb: python web.py\n")
    assert house.process.wait(30) == 1
    assert "the set-up of the data directory failed (exit code 1)" in house.log.read_text()
    assert "answers at" not in house.log.read_text()


def test_unit_that_keeps_dying_stops_the_house(launch: Callable[[str], Launched]) -> None:
    house = launch("web: python web.py\nworker: false\n")
    assert house.process.wait(30) == 1
    assert "worker ended with exit code 1, 5 times in a row: stopping everything" in house.log.read_text()
    assert not listens(house.port)


def test_second_launcher_on_the_same_data_is_refused(
    launch: Callable[[], Launched], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = launch()
    house.said("working away")
    monkeypatch.setattr("bff.launch.STOP_SECONDS", -2)
    with pytest.raises(Fault, match="already_running"):
        up({"BFF_PORT": str(free_port()), "BFF_DATA_DIR": str(house.root / "d")})


def test_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Fault, match="port_in_use"):
            up({"BFF_PORT": str(taken.getsockname()[1]), "BFF_DATA_DIR": str(tmp_path)})


def test_pause_doubles_with_each_early_death_and_is_forgotten_after_a_steady_life() -> None:
    unit = Unit("worker", "true", {}, ROOT, started=time.monotonic())
    assert [unit.plan_restart() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    unit.started = time.monotonic() - 61
    assert unit.plan_restart() == 1


def test_port_is_the_only_choice_that_moves_addresses() -> None:
    env = launch_environment({"PATH": "/bin"}, port=9000)
    assert (env["BFF_PORT"], env["BFF_LIVE_PORT"], env["BFF_PUBLIC_URL"]) == ("9000", "9001", "http://localhost:9000")


def test_operators_own_choices_are_kept() -> None:
    given = {"BFF_PUBLIC_URL": "https://sign.example", "BFF_LIVE_PORT": "7", "BFF_PORT": "8200"}
    assert launch_environment(given).items() >= given.items()


def test_behind_a_proxy_pages_use_the_same_origin_and_live_still_listens_beside_web() -> None:
    env = launch_environment({"BFF_PROXY_HOPS": "1", "BFF_PORT": "8200"})
    made = units(from_environment(env), env)
    assert "BFF_LIVE_PORT" not in made["web"].environment
    assert made["live"].environment["BFF_LIVE_PORT"] == "8201"


def test_procfile_is_the_production_unit_list() -> None:
    assert list(units(Settings(redis_url="redis://elsewhere"), {})) == [
        "release",
        "web",
        "live",
        "worker",
        "words",
        "faces",
        "clock",
    ]
    assert next(iter(units(Settings(), {}))) == "valkey"


def test_socket_path_that_the_system_cannot_hold_is_refused() -> None:
    with pytest.raises(Fault, match="path_too_long"):
        valkey_command(Settings(data_dir=Path("/" + "d" * 100)))


def free_port() -> int:
    """A port whose neighbour is free too: live takes the next one."""
    while True:
        with socket.socket() as one, socket.socket() as next_one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", 0))
            next_one.bind(("127.0.0.1", one.getsockname()[1] + 1))
            return int(one.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def alive(pid: int) -> bool:
    """Running; a zombie that nobody has waited for yet is dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def wait_until(true: Callable[[], bool], log: Path) -> None:
    patience = time.monotonic() + 30
    while not true():
        assert time.monotonic() < patience, log.read_text()
        time.sleep(0.05)


def test_a_command_beside_it_knows_which_port_it_chose(launch: Callable[..., Launched], tmp_path: Path) -> None:
    launched = launch()
    launched.said("working away")
    told = running(launched.root / "d")
    assert told["BFF_PUBLIC_URL"] == f"http://localhost:{launched.port}"
    assert told["BFF_LIVE_PORT"] == str(launched.port + 1)
    launched.process.send_signal(signal.SIGTERM)
    launched.process.wait(30)
    assert running(launched.root / "d") == {}
    assert running(tmp_path / "nothing here") == {}
