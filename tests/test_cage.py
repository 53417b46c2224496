"""The cage, with real processes: what gets out of it, and what does not."""

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bff.cage import Cage, Caged

ACTS = "tests.caged_acts"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=["started", "borne"])
def cage(request: pytest.FixtureRequest) -> Iterator[Cage]:
    """Its children are started one by one, or forked from a mother: nothing of what follows depends on that."""
    cage = Cage(512, 2, 10, file_megabytes=4, preload=("json",) if request.param == "borne" else ())
    cage.warm()
    yield cage
    assert (cage.used_seconds > 0) == (request.param == "borne")
    cage.close()


def caged(cage: Cage, call: str, **arguments: Any) -> Caged:
    with pytest.raises(Caged) as caught:
        cage.run(f"{ACTS}:{call}", **arguments)
    return caught.value


def is_gone(pid: int) -> bool:
    """Within five seconds; a zombie that nobody has read yet counts as gone."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


# --- what comes out ---


def test_an_answer_comes_back_and_printing_does_not_disturb_it(cage: Cage) -> None:
    assert cage.run(f"{ACTS}:adds", one=2, other=3) == {"sum": 5}


def test_answers_come_one_by_one_before_the_end_that_follows(cage: Cage) -> None:
    stream = cage.stream(f"{ACTS}:counts", to=3)
    assert [next(stream)["number"] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(Caged, match="ValueError"):
        next(stream)


def test_an_exception_comes_back_as_its_name_and_code_and_without_its_words(cage: Cage) -> None:
    end = caged(cage, "raises", code="too_many_pages")
    assert (end.kind, end.detail, end.code) == ("failed", "Coded", "too_many_pages")
    assert "parties" not in repr(end) + str(end)


@pytest.mark.parametrize("code", ["two words", "x" * 61, "line\nbreak", ""])
def test_a_code_that_is_not_one_word_stays_inside(cage: Cage, code: str) -> None:
    assert caged(cage, "raises", code=code).code is None


@pytest.mark.parametrize("call", ["no_such_function", "adds"])
def test_a_call_that_does_not_fit_is_a_failure(cage: Cage, call: str) -> None:
    assert caged(cage, call).kind == "failed"


@pytest.mark.parametrize("by", [signal.SIGSEGV, signal.SIGABRT, signal.SIGILL])
def test_a_crash_is_named_by_its_signal(cage: Cage, by: signal.Signals) -> None:
    end = caged(cage, "dies", by=int(by))
    assert (end.kind, end.detail) == ("crashed", by.name)


def test_a_bad_pointer_ends_the_child_and_not_us(cage: Cage) -> None:
    assert caged(cage, "reads_nothing").kind == "crashed"


def test_leaving_without_an_answer_is_a_crash(cage: Cage) -> None:
    assert caged(cage, "leaves", status=0).kind == "crashed"


def test_memory_is_limited(cage: Cage) -> None:
    assert caged(cage, "takes_memory").kind == "out_of_memory"


def test_the_kernel_killing_the_child_counts_as_memory(cage: Cage) -> None:
    assert caged(cage, "dies", by=int(signal.SIGKILL)).kind == "out_of_memory"


def test_cpu_time_is_limited() -> None:
    assert caged(Cage(512, 1, 20), "takes_cpu").kind == "out_of_time"


def test_the_wall_clock_is_limited_too() -> None:
    end = caged(Cage(512, 5, 0.5), "sleeps", seconds=60)
    assert (end.kind, end.detail) == ("out_of_time", "wall")


def test_files_are_limited(cage: Cage, tmp_path: Path) -> None:
    assert cage.run(f"{ACTS}:writes", path=str(tmp_path / "small"), megabytes=3)["written"] == 3 * 1024 * 1024
    assert caged(cage, "writes", path=str(tmp_path / "large"), megabytes=5).detail == "OSError"


@pytest.mark.parametrize("line", ["not json", "[1]", "{}", '{"failed": "X", "kind": "made up"}'])
def test_a_child_that_scribbles_on_its_answer_is_not_believed(cage: Cage, line: str) -> None:
    assert caged(cage, "scribbles", line=line).detail == "garbled answer"


def test_a_child_that_talks_without_end_is_stopped() -> None:
    assert caged(Cage(512, 5, 20), "talks", megabytes=40).detail == "AnswerTooLong"


def test_the_child_sees_no_secret_and_no_file_of_ours(
    cage: Cage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BFF_SMS_URL", "twilio://secret")
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        seen = cage.run(f"{ACTS}:looks_around")
    assert not [name for name in seen["environment"] if name.startswith("BFF_")]
    assert len(seen["files"]) == 4  # its three, and the answer


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="the filter knows these two machines")
@pytest.mark.parametrize(
    ("act", "arguments"),
    [
        ("has_offspring", {}),
        ("forks", {}),
        ("becomes_another", {}),
        ("connects", {"path": "/tmp/nobody"}),
        ("signals", {"pid": os.getpid()}),
    ],
)
def test_the_child_can_start_nothing_and_reach_nobody(cage: Cage, act: str, arguments: dict[str, Any]) -> None:
    assert caged(cage, act, **arguments).detail == "PermissionError"


def test_nobody_of_the_same_user_opens_the_childs_memory(cage: Cage) -> None:
    assert cage.run(f"{ACTS}:is_open") == {"open": False}


def test_the_child_may_have_threads(cage: Cage) -> None:
    assert cage.run(f"{ACTS}:has_threads") == {"done": [0, 1, 2]}


def test_leaving_a_stream_early_ends_the_child(cage: Cage) -> None:
    stream = cage.stream(f"{ACTS}:sleeps", seconds=60)
    pid = next(stream)["pid"]
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert is_gone(pid)


def test_the_child_dies_with_a_parent_that_is_killed() -> None:
    program = (
        "from bff.cage import Cage\n"
        f"for a in Cage(512, 5, 60).stream('{ACTS}:sleeps', seconds=60): print(a['pid'], flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert is_gone(pid)


# --- the mother ---


@pytest.fixture
def warm() -> Iterator[Cage]:
    cage = Cage(512, 2, 10, preload=(ACTS, "gc:collect"))
    cage.warm()
    yield cage
    cage.close()


def mother_of(cage: Cage) -> int:
    assert cage._mother is not None
    return cage._mother.pid


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_each_call_has_a_child_of_its_own_that_is_gone_afterwards(warm: Cage) -> None:
    seen = [warm.run(f"{ACTS}:looks_around")["pid"] for _ in range(2)]
    assert len({*seen, mother_of(warm), os.getpid()}) == 4
    assert all(is_gone(pid) for pid in seen)


def test_children_of_one_mother_live_beside_each_other(warm: Cage) -> None:
    slow = warm.stream(f"{ACTS}:sleeps", seconds=60)
    pid = next(slow)["pid"]
    assert parent_of(pid) == mother_of(warm)
    assert warm.run(f"{ACTS}:adds", one=1, other=1) == {"sum": 2}
    assert not is_gone_now(pid)
    slow.close()  # type: ignore[attr-defined]  # it is a generator
    assert is_gone(pid)


def is_gone_now(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_what_its_child_took_is_told() -> None:
    cage = Cage(512, 1, 60, preload=("json",))
    cage.warm()
    cage.run(f"{ACTS}:adds", one=1, other=1)
    little = cage.used_seconds
    assert caged(cage, "takes_cpu").kind == "out_of_time"
    assert 0 < little < 0.3 < cage.used_seconds < 3  # the kernel counts its limit of one second in ticks
    cage.close()


def test_a_mother_that_died_is_replaced(warm: Cage) -> None:
    assert warm.run(f"{ACTS}:adds", one=1, other=1) == {"sum": 2}
    first = mother_of(warm)
    os.kill(first, signal.SIGKILL)
    assert is_gone(first)
    assert warm.run(f"{ACTS}:adds", one=1, other=1) == {"sum": 2}
    assert mother_of(warm) != first


def test_a_mother_is_made_for_the_second_call() -> None:
    """A job asks once, in a process of its own."""
    cage = Cage(512, 2, 10, preload=("json",))
    assert cage.run(f"{ACTS}:adds", one=1, other=1) == {"sum": 2}
    assert cage._mother is None
    assert cage.run(f"{ACTS}:adds", one=1, other=1) == {"sum": 2}
    assert cage._mother is not None
    cage.close()


def test_a_mother_bears_for_processes_that_were_forked_from_her_owner(warm: Cage) -> None:
    """Of RQ's worker and its jobs. Their end is not hers."""
    read, write = os.pipe()
    job = os.fork()
    if job == 0:
        try:
            child = warm.stream(f"{ACTS}:sleeps", seconds=60)
            os.write(write, str(next(child)["pid"]).encode())
        finally:
            os._exit(0)  # killed, as it were: nothing is tidied up
    os.close(write)
    with os.fdopen(read, "rb") as told:
        pid = int(told.read())
    os.waitpid(job, 0)
    assert is_gone(pid)
    assert warm.run(f"{ACTS}:adds", one=1, other=1) == {"sum": 2}


def test_a_call_whose_mother_dies_ends_and_so_does_its_child(warm: Cage) -> None:
    stream = warm.stream(f"{ACTS}:sleeps", seconds=60)
    pid = next(stream)["pid"]
    os.kill(mother_of(warm), signal.SIGKILL)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert is_gone(pid)


def test_closing_ends_the_mother_and_the_cage_still_works(warm: Cage) -> None:
    pid = mother_of(warm)
    warm.close()
    assert is_gone(pid)
    assert warm.run(f"{ACTS}:adds", one=1, other=1) == {"sum": 2}


def test_a_cage_that_is_forgotten_takes_its_mother_along() -> None:
    cage = Cage(512, 2, 10, preload=("json",))
    cage.warm()
    pid = mother_of(cage)
    del cage
    assert is_gone(pid)


def test_a_mother_dies_with_an_owner_that_is_killed_and_so_do_her_children() -> None:
    program = (
        "from bff.cage import Cage\n"
        "cage = Cage(512, 5, 60, preload=('json',))\n"
        "cage.warm()\n"
        f"for a in cage.stream('{ACTS}:sleeps', seconds=60): print(cage._mother.pid, a['pid'], flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = list(map(int, owner.stdout.readline().split()))
        owner.kill()
    assert all(is_gone(pid) for pid in pids)


def test_a_preload_that_cannot_be_imported_is_a_crash_and_not_a_hang() -> None:
    cage = Cage(512, 2, 10, preload=("no_such_module",))
    cage.warm()
    first = mother_of(cage)
    for _ in range(2):
        assert caged(cage, "adds", one=1, other=1).kind == "crashed"
    assert mother_of(cage) == first  # not started again for nothing
    cage.close()
