"""What the cage's tests have done inside: good, bad and hostile."""

import ctypes
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Coded(Exception):
    def __init__(self, code: str) -> None:
        super().__init__("the parties agree")
        self.code = code


def adds(*, one: int, other: int) -> dict[str, Any]:
    print("this leads nowhere")
    return {"sum": one + other}


def counts(*, to: int) -> Iterator[dict[str, Any]]:
    for number in range(to):
        yield {"number": number, "pid": os.getpid()}
    raise ValueError("the parties agree")


def raises(*, code: str) -> dict[str, Any]:
    raise Coded(code)


def dies(*, by: int) -> dict[str, Any]:
    os.kill(os.getpid(), by)
    return {}


def reads_nothing() -> dict[str, Any]:
    return {"read": ctypes.string_at(0).decode()}


def leaves(*, status: int) -> dict[str, Any]:
    os._exit(status)


def takes_memory() -> dict[str, Any]:
    return {"bytes": len(bytearray(2_000_000_000))}


def goes_too_deep() -> dict[str, Any]:
    return goes_too_deep()


def takes_cpu() -> dict[str, Any]:
    while True:
        pass


def sleeps(*, seconds: float) -> Iterator[dict[str, Any]]:
    yield {"pid": os.getpid()}
    time.sleep(seconds)


def writes(*, path: str, megabytes: int) -> dict[str, Any]:
    return {"written": Path(path).write_bytes(bytes(megabytes * 1024 * 1024))}


def scribbles(*, line: str) -> dict[str, Any]:
    for handle in range(3, 32):
        try:
            os.write(handle, line.encode() + b"\n")
        except OSError:
            continue
    return {}


def talks(*, megabytes: int) -> dict[str, Any]:
    return {"much": "x" * megabytes * 1024 * 1024}


def looks_around() -> dict[str, Any]:
    return {"environment": sorted(os.environ), "files": [*filter(_is_open_file, range(1024))], "pid": os.getpid()}


def _is_open_file(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def has_offspring() -> dict[str, Any]:
    return {"pid": subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid}


def forks() -> dict[str, Any]:
    return {"pid": os.fork()}


def becomes_another() -> dict[str, Any]:
    os.execv(sys.executable, [sys.executable, "-c", "pass"])


def connects(*, path: str) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
    return {}


def signals(*, pid: int) -> dict[str, Any]:
    os.kill(pid, 0)
    return {}


def has_threads() -> dict[str, Any]:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"done": sorted(done)}


def is_open() -> dict[str, Any]:
    """Whether others of the same user may open this process's memory (PR_GET_DUMPABLE)."""
    return {"open": bool(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))}
