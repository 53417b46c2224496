"""A process that has imported what a cage needs and has read nothing: each call gets a child that is forked from it.

Importing costs more processor time than many a call; here it is paid once. What keeps calls apart stays: a child answers
one question, limits itself and forbids itself everything before it reads that (`cage.py`), and is gone afterwards. The
mother never sees the question, the answer or a byte of anybody's file: she is handed the ends of two pipes and forks.

    control   from whoever made her, or was forked from that: three descriptors a child (its standard input and output, and
              its life). When nobody holds the other end any more, she ends with all her children.
    life      one a child: she says its process id, and when it has ended its status and its processor seconds. When the
              other end closes she kills it. Only she waits for it, so its process id is nobody else's until then.

Linux only (SOCK_SEQPACKET, pidfd); elsewhere a cage starts its children one by one.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

SUPPORTED = hasattr(os, "pidfd_open") and hasattr(socket, "SOCK_SEQPACKET")
BIRTH_SECONDS = 30.0
"""The first child waits for everything that is imported."""
BORN, ENDED = struct.Struct("i"), struct.Struct("id")


class Barren(Exception):
    """There is no child to be had from this process (any more)."""


class Mother:
    """Our side of her. May be used after a fork as well, and from several threads."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control, self._owner = ours, os.getpid()
        self.has_borne = False
        with theirs:
            self._process = subprocess.Popen(
                list(command),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                cwd="/",
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ours(self) -> bool:
        """Started by this very process, not by one that it was forked from."""
        return self._owner == os.getpid()

    @property
    def lives(self) -> bool:
        """As far as can be told: only her own parent is told of her death."""
        return not self.ours or self._process.poll() is None

    @property
    def used_seconds(self) -> float:
        """Her own processor time until now, without her children's (clock_getcpuclockid)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def bear(self) -> "Born":
        """Raises Barren."""
        with contextlib.ExitStack() as theirs:
            try:
                born = Born(self._control, theirs)
            except OSError as error:
                raise Barren from error
        self.has_borne = True
        return born

    def end(self) -> None:
        self._control.close()
        if self.ours and self._process.returncode is None:
            self._process.kill()
            self._process.wait()


class Born:
    """A child of hers, with the interface of one that was started."""

    def __init__(self, control: socket.socket, theirs: contextlib.ExitStack) -> None:
        self._owner = os.getpid()
        self._ended: tuple[int, float] | None = None
        with contextlib.ExitStack() as ours:
            into, out = os.pipe(), os.pipe()
            for end in (into[0], out[1]):
                theirs.callback(os.close, end)
            self.stdin: IO[bytes] = ours.enter_context(os.fdopen(into[1], "wb"))
            self.stdout: IO[bytes] = ours.enter_context(os.fdopen(out[0], "rb"))
            life, hers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._life = ours.enter_context(life)
            theirs.enter_context(hers)
            socket.send_fds(control, [b"+"], [into[0], out[1], hers.fileno()])
            hers.close()  # so that her death is seen
            self._life.settimeout(BIRTH_SECONDS)
            said = self._life.recv(BORN.size)
            if not said:
                raise ChildProcessError("no child")
            (self.pid,) = BORN.unpack(said)
            ours.pop_all()

    def wait(self, seconds: float) -> int | None:
        """The exit status, negative for a signal; None while it goes on, or when nobody is left to tell."""
        if self._ended is None:
            self._life.settimeout(seconds)
            with contextlib.suppress(OSError, struct.error):
                self._ended = ENDED.unpack(self._life.recv(ENDED.size))
        return self._ended[0] if self._ended else None

    def end(self, seconds: float) -> float:
        """Nothing of it is left. Returns the processor seconds that it took."""
        for pipe in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        if self._owner == os.getpid():
            with contextlib.suppress(OSError):
                self._life.shutdown(socket.SHUT_WR)
            self.wait(seconds)
        self._life.close()
        return self._ended[1] if self._ended else 0.0


# --- her side ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Child:
    pid: int
    life: socket.socket
    death: int
    """A descriptor of the process: readable once it has ended."""


def serve(live: Callable[[], None]) -> None:
    """Bear children until nobody is left who could ask. Each calls `live`, which does not come back."""
    control = socket.socket(fileno=os.dup(0))
    os.close(os.pidfd_open(os.getpid()))  # a kernel without it: nothing is borne at all
    gc.collect()
    gc.freeze()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while _round(control, selector, live):
            pass
        for child in {key.data for key in selector.get_map().values()} - {None}:
            _bury(child, selector)


def _round(control: socket.socket, selector: selectors.BaseSelector, live: Callable[[], None]) -> bool:
    ready = [key.data for key, _ in selector.select()]
    for child in {child for child in ready if child}:
        _bury(child, selector)
    if None not in ready:
        return True
    asked, descriptors, _, _ = socket.recv_fds(control, 1, 3)
    if asked and len(descriptors) == 3:
        _bear(descriptors, selector, live)
    return bool(asked)


def _bear(descriptors: Sequence[int], selector: selectors.BaseSelector, live: Callable[[], None]) -> None:
    into, out, line = descriptors
    life = socket.socket(fileno=line)
    try:
        pid = os.fork()
    except OSError:  # too many processes: whoever asked sees its line closed
        life.close()
        return
    if pid == 0:
        _leave_home(into, out, live)
    for descriptor in (into, out):
        os.close(descriptor)
    child = _Child(pid, life, os.pidfd_open(pid))
    selector.register(life, selectors.EVENT_READ, child)
    selector.register(child.death, selectors.EVENT_READ, child)
    with contextlib.suppress(OSError):
        life.send(BORN.pack(pid))


def _leave_home(into: int, out: int, live: Callable[[], None]) -> None:
    """With nothing of hers but what she has imported."""
    try:
        os.setsid()
        os.dup2(into, 0)
        os.dup2(out, 1)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        live()
    finally:
        os._exit(1)


def _bury(child: _Child, selector: selectors.BaseSelector) -> None:
    """It has ended, or nobody wants it any more: it and what it may have started are killed, and its end is told."""
    for kill in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(child.pid, signal.SIGKILL)
    _, status, used = os.wait4(child.pid, 0)
    with contextlib.suppress(OSError):
        child.life.send(ENDED.pack(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime))
    for end in (child.life, child.death):
        selector.unregister(end)
    child.life.close()
    os.close(child.death)
