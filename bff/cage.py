"""Limited child processes: where everything hostile is parsed.

`Cage.run("package.module:function", **arguments)` calls one function in a fresh process that can neither take much
memory, time or disk, nor see our environment, nor outlive its call. The function takes and gives plain JSON data;
bulk travels as files whose paths are arguments. A function that yields answers one by one is read with `stream`.

Whatever goes wrong inside comes back as one exception, `Caged`, with its kind and the name of what happened and never
a word of the document. Standard output and error of the child lead nowhere for the same reason.

Every call has a process of its own. With `preload` a mother (`nursery.py`) has those modules imported and nothing read, and
each call's child is forked from her, so that no call pays for the start; where she is missing, a child is started.

    python -m bff.cage      is the child's side, and is started by this module only.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import importlib
import json
import os
import resource
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from bff import nursery
from bff.nursery import Barren, Born, Mother

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024
OPEN_FILES_LIMIT = 64
DYING_SECONDS = 1.0
"""How long a child that has closed its answer may take to exit before it is killed."""

Answer = dict[str, Any]


class Caged(Exception):
    """The call did not come to its end.

    `kind`: crashed (by a signal), out_of_time, out_of_memory, failed (the function raised). `detail` names the signal
    or the exception's class; `code` is what the exception itself calls its `code`, if it has one.
    """

    def __init__(self, kind: str, detail: str = "", code: str | None = None) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail
        self.code = code


@dataclass(frozen=True)
class Limits:
    memory_megabytes: int
    cpu_seconds: int
    wall_seconds: float
    file_megabytes: int


class Cage:
    """Runs functions in limited child processes. Safe to share between threads; it starts nothing until it is used."""

    def __init__(
        self,
        memory_megabytes: int = 2048,
        cpu_seconds: int = 20,
        wall_seconds: float = 30,
        *,
        file_megabytes: int = 512,
        preload: tuple[str, ...] = (),
    ) -> None:
        self.limits = Limits(memory_megabytes, cpu_seconds, wall_seconds, file_megabytes)
        self.used_seconds = 0.0
        """Processor time of the children that were forked from a mother, who are no children of this process."""
        self._preload = preload
        self._mother: Mother | None = None
        self._asked = False
        self._lock = threading.Lock()
        self._end_mother: Any = None

    def run(self, call: str, /, **arguments: Any) -> Answer:
        """What the function returns (its last answer, when it gives several). Raises Caged."""
        answers = list(self.stream(call, **arguments))
        if not answers:
            raise Caged("failed", "NoAnswer")
        return answers[-1]

    def stream(self, call: str, /, **arguments: Any) -> Iterator[Answer]:
        """The function's answers as they come. Raises Caged where it ends badly, after the answers before that."""
        child = self._child()
        try:
            yield from child.ask(call, arguments)
        finally:
            used = child.end()
            with self._lock:
                self.used_seconds += used

    def warm(self) -> None:
        """Have the mother ready (when there is something to preload), before a fork too: its children may use her."""
        with self._lock:
            if self._wants_mother():
                order = _order(self.limits, self._preload, mother=True)
                self._mother = mother = Mother(order, _closed_environment())
                self._end_mother = weakref.finalize(self, Mother.end, mother)

    def _wants_mother(self) -> bool:
        """Not where there is one, nor where the last one could bear nothing."""
        before = self._mother
        if not self._preload or not nursery.SUPPORTED or (before and (before.lives or not before.has_borne)):
            return False
        self._let_go()
        return True

    @property
    def mother_seconds(self) -> float:
        """Processor time of the mother herself until now: her start, and a little for each child."""
        return self._mother.used_seconds if self._mother and self._mother.lives else 0.0

    def close(self) -> None:
        """End the mother; the cage can still be used."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        mother, self._mother = self._mother, None
        if mother is not None:
            self._end_mother.detach()
            mother.end()

    def _child(self) -> "_Child":
        """A process that is asked once, as a job's is, needs no mother: she is made for the second call."""
        if self._asked:
            self.warm()
        self._asked = True
        mother = self._mother
        if mother is not None:
            with contextlib.suppress(Barren):
                return _Child(self.limits, mother.bear())
        return _Child(self.limits, _Started(_order(self.limits, self._preload)))


class _Child:
    """The parent's side of one child process, which answers one question."""

    def __init__(self, limits: Limits, process: "_Started | Born") -> None:
        self._limits = limits
        self._process = process

    def ask(self, call: str, arguments: dict[str, Any]) -> Iterator[Answer]:
        deadline = time.monotonic() + self._limits.wall_seconds
        self._send(json.dumps({"call": call, "arguments": arguments}).encode())
        for line in self._lines(deadline):
            answer = _parsed(line)
            if "done" in answer:
                return
            if "failed" in answer:
                raise Caged(str(answer["kind"]), str(answer["failed"]), answer.get("code"))
            yield answer["answer"]
        raise self._death()

    def _send(self, request: bytes) -> None:
        stdin = self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            stdin.write(request + b"\n")
            stdin.flush()

    def _lines(self, deadline: float) -> Iterator[bytes]:
        rest: list[bytes] = []
        for piece in self._pieces(deadline):
            first, *more = piece.split(b"\n")
            rest.append(first)
            if more:
                yield b"".join(rest)
                yield from more[:-1]
                rest = [more[-1]]

    def _pieces(self, deadline: float) -> Iterator[bytes]:
        """What the child writes, until it closes its end, says too much or the time is over."""
        stdout, total = self._process.stdout, 0
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(stdout.fileno(), 1 << 16)
                if not piece:
                    return
                total += len(piece)
                if total > ANSWER_LIMIT_BYTES:
                    raise Caged("failed", "AnswerTooLong")
                yield piece
        raise Caged("out_of_time", "wall")

    def _death(self) -> Caged:
        status = self._process.wait(DYING_SECONDS)
        if status is None:
            return Caged("crashed", "no answer")
        if status >= 0:
            return Caged("crashed", f"exit {status}")
        if -status in (signal.SIGXCPU, signal.SIGALRM):
            return Caged("out_of_time", signal.Signals(-status).name)
        if -status == signal.SIGKILL:
            return Caged("out_of_memory", "SIGKILL")  # the kernel's: ours are sent only after this has been asked
        return Caged("crashed", _signal_name(-status))

    def end(self) -> float:
        """Nothing of it is left. Returns its processor seconds where nobody else counts them."""
        return self._process.end(DYING_SECONDS)


class _Started:
    """A process of our own, with what it may have started."""

    def __init__(self, order: list[str]) -> None:
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            order,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_closed_environment(),
            cwd="/",
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.stdin, self.stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)

    def wait(self, seconds: float) -> int | None:
        """The exit status, negative for a signal; None while it goes on."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self, seconds: float) -> float:
        """Killed, and waited for: it is in this process's own account."""
        del seconds
        for pipe in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        if self._owner == os.getpid() and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        return 0.0


def _order(limits: Limits, preload: tuple[str, ...], *, mother: bool = False) -> list[str]:
    """The command that starts a child, or a mother."""
    order = {"limits": asdict(limits), "preload": preload, "parent": os.getpid(), "mother": mother}
    return [sys.executable, "-P", "-m", "bff.cage", json.dumps(order)]


def _closed_environment() -> dict[str, str]:
    """Only what Python needs to find itself and us: no secret of the house is inherited."""
    return {
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "1",
    }


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the child has no such pipe")
    return pipe


def _parsed(line: bytes) -> Answer:
    """One line of the child's. It has read hostile bytes, so its own words are not believed unread either."""
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise Caged("crashed", "garbled answer") from error
    if not isinstance(answer, dict) or not {"answer", "failed", "done"} & answer.keys():
        raise Caged("crashed", "garbled answer")
    if "failed" in answer and answer.get("kind") not in ("failed", "out_of_memory"):
        raise Caged("crashed", "garbled answer")
    return answer


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# --- the child's side --------------------------------------------------------------------------------


def main(order_text: str) -> None:
    order = json.loads(order_text)
    limits = Limits(**order["limits"])
    _close_memory()
    if order["mother"]:
        _preload(order["preload"])
        nursery.serve(functools.partial(_live, limits, [], os.getpid()))
        os._exit(0)
    _live(limits, order["preload"], order["parent"])


def _close_memory() -> None:
    """Nobody but root opens our memory (/proc/PID/mem), nor that of whoever is forked from us: a child that was taken over
    writes into neither its mother nor a sister."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)


def _live(limits: Limits, preload: list[str], parent: int) -> None:
    """Limit ourselves, wait for the question, answer it, be gone."""
    _limit(limits)
    answers = _silence()
    _preload(preload)
    request = sys.stdin.buffer.readline()
    if not request:  # whoever wanted to ask is gone
        os._exit(0)
    _die_with(parent)
    _die_in_time(limits)
    _forbid()
    question = json.loads(request)
    for answer in _answers(question["call"], question["arguments"]):
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
    os._exit(0)  # past every destructor of the libraries that have read hostile bytes


def _preload(wanted: list[str]) -> None:
    """Modules, or "module:function" for what a library does lazily at its first call."""
    for one in wanted:
        module, _, function = one.partition(":")
        loaded = importlib.import_module(module)
        if function:
            getattr(loaded, function)()


def _limit(limits: Limits) -> None:
    megabyte = 1024 * 1024
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_megabytes * megabyte, limits.memory_megabytes * megabyte),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, limits.file_megabytes * megabyte, limits.file_megabytes * megabyte),
        (resource.RLIMIT_NOFILE, OPEN_FILES_LIMIT, OPEN_FILES_LIMIT),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        allowed = resource.getrlimit(what)[1]
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)
        resource.setrlimit(what, (soft, hard))


def _die_with(parent: int) -> None:
    """The parent keeps our standard input open; when it closes, the kernel sends SIGIO, which ends us.

    PR_SET_PDEATHSIG would speak of the one thread that started us, or of the mother we were forked from.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if os.getppid() != parent:
        os._exit(0)


def _die_in_time(limits: Limits) -> None:
    """Even if nobody is left to count."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds + DYING_SECONDS)


def _silence() -> IO[bytes]:
    """Keep the answer's pipe for ourselves and lead what libraries print to nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return answers


def _answers(call: str, arguments: dict[str, Any]) -> Iterator[Answer]:
    try:
        module, _, name = call.partition(":")
        given = getattr(importlib.import_module(module), name)(**arguments)
        for answer in [given] if isinstance(given, dict) else given:
            yield {"answer": answer}
        yield {"done": True}
    except MemoryError:
        yield {"failed": "MemoryError", "kind": "out_of_memory"}
    except Exception as error:  # an entrance: the name goes home, the words may hold the document's
        yield {"failed": type(error).__name__, "kind": "failed", "code": _code_of(error)}


def _code_of(error: Exception) -> str | None:
    """A code is one word; anything longer could be somebody's text."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and code.isidentifier() and len(code) <= 60 else None


def _forbid() -> None:
    """No new program, no connection, no signal to anybody: a parser needs none of these, what it parses might.

    A seccomp filter, where the kernel and the machine are known; elsewhere the limits above have to do.
    """
    numbers = _FORBIDDEN.get(os.uname().machine)
    if numbers is None:
        return
    code = b"".join(struct.pack("HBBI", *step) for step in _filter(numbers, os.getpid()))
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.prctl(_SECCOMP, _BY_FILTER, program, 0, 0)


def _filter(numbers: "_Numbers", pid: int) -> list[tuple[int, int, int, int]]:
    """Classic BPF over seccomp_data {nr, arch, ip, args[6]}: code, jump if true, jump if false, operand."""
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, numbers.machine), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    steps += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _DENY)]  # the second numbering of x86-64
    for number in numbers.never:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    steps += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _UNKNOWN)]  # its flags cannot be seen; libc then uses clone
    steps += [(_EQUAL, 0, 4, numbers.clone), (_LOAD, 0, 0, 16), (_ANY_BIT, 1, 0, _THREAD)]
    steps += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    for number in numbers.signals:
        steps += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, 16), (_EQUAL, 1, 0, pid)]
        steps += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


@dataclass(frozen=True)
class _Numbers:
    """A machine's system calls. Signals may be sent to oneself (abort does), clones may be threads."""

    machine: int
    clone: int
    signals: tuple[int, ...]
    never: tuple[int, ...]


_FORBIDDEN = {
    # never: socket, connect, accept, bind, listen, fork, vfork, execve, execveat, ptrace, tkill, process_vm_readv,
    # process_vm_writev, pidfd_send_signal, io_uring_setup (there are no fork and vfork on aarch64)
    "x86_64": _Numbers(0xC000003E, 56, (62, 234), (41, 42, 43, 49, 50, 57, 58, 59, 322, 101, 200, 310, 311, 424, 425)),
    "aarch64": _Numbers(0xC00000B7, 220, (129, 131), (198, 203, 202, 200, 201, 221, 281, 117, 130, 270, 271, 424, 425)),
}
_CLONE3, _THREAD = 435, 0x10000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _DENY, _UNKNOWN = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_NO_NEW_PRIVILEGES, _SECCOMP, _BY_FILTER, _DUMPABLE = 38, 22, 2, 4


if __name__ == "__main__":
    main(sys.argv[1])
