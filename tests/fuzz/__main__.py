"""Fuzzing for a bounded time: `make fuzz`, or `python -m tests.fuzz [--seconds N] [TARGET …]`.

Each target is a reader of what strangers send. It may refuse, by the exceptions that it names, and nothing else: whatever other
exception comes out is a finding, and so is an input that takes longer than a minute. A finding ends the run with exit code 1 and
leaves its bytes in `fuzz-findings/`.

`cms`, `objects` and `verify` are guided by what code an input reaches (atheris); `intake` is what a sender meets, cage and all,
so its inputs are only mutated.
"""

import argparse
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEEDS = sorted((ROOT / "tests" / "vectors").glob("*/*.pdf"))
FINDINGS = ROOT / "fuzz-findings"
LONGEST_SECONDS = 60
LARGEST_BYTES = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", choices=[*GUIDED, "intake", []], help="all when none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    FINDINGS.mkdir(exist_ok=True)
    if chosen.alone:
        GUIDED[chosen.targets[0]](chosen.seconds)
        return 0
    bad = [name for name in chosen.targets or [*GUIDED, "intake"] if not _run(name, chosen.seconds)]
    print(f"fuzz: {'findings in ' + ', '.join(bad) if bad else 'nothing found'}", flush=True)
    return int(bool(bad))


def _run(name: str, seconds: int) -> bool:
    print(f"fuzz: {name}, {seconds} s", flush=True)
    if name == "intake":
        return intake(seconds)
    command = [sys.executable, "-m", "tests.fuzz", "--alone", "--seconds", str(seconds), name]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0  # the fuzzer ends its process by itself


# --- guided ----------------------------------------------------------------------------------------------------------


def cms(seconds: int) -> None:
    """DER and CMS taken apart: ValueError, or IndexError for what is empty."""
    import atheris

    with atheris.instrument_imports(include=["bff.signing.cms"]):
        from bff.signing import cms as reader

    def one(data: bytes) -> None:
        for take in (reader.opened, reader.parts, reader.serial_number, reader.issuer, reader.crl_issuer):
            try:
                take(data)
            except (ValueError, IndexError):
                continue

    _guided(one, seconds, _signatures())


def objects(seconds: int) -> None:
    """Our own reader of PDF: Unsure, and then a more patient one is asked."""
    import atheris

    with atheris.instrument_imports(include=["bff.signing.objects", "bff.signing.increment"]):
        from bff.signing.increment import Increment
        from bff.signing.objects import File, Unsure
    from bff.signing.pades import Store, present

    def one(data: bytes) -> None:
        try:
            increment = Increment(File(data))
            present(increment)
            Store(increment).crls()
        except Unsure:
            return

    _guided(one, seconds, [path.read_bytes() for path in SEEDS])


def verify(seconds: int) -> None:
    """The verifier of PDFs and of bundles: a report, or the Refusal that it cannot be read."""
    import atheris

    with atheris.instrument_imports(include=["bff.signing.verify", "bff.signing.pades", "bff.signing.bundle"]):
        from bff.core.errors import Refusal
        from bff.signing import bundle
        from bff.signing import verify as verifier
    logging.disable(logging.CRITICAL)  # pyHanko tells of every difference that it finds
    roots = [(ROOT / "tests" / "vectors" / "roots.pem").read_bytes()]

    def one(data: bytes) -> None:
        try:
            if bundle.is_bundle(data[:4]):
                bundle.unpack(data)
            else:
                verifier.verify(data, roots=roots)
        except Refusal:
            return

    zips = [path.read_bytes() for path in sorted((ROOT / "tests" / "vectors").glob("*/*.zip"))]
    _guided(one, seconds, [*(path.read_bytes() for path in SEEDS), *zips])


GUIDED: dict[str, Callable[[int], None]] = {"cms": cms, "objects": objects, "verify": verify}


def _guided(one: Callable[[bytes], None], seconds: int, seeds: list[bytes]) -> None:
    import atheris

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds):
            Path(folder, f"{number:04}").write_bytes(seed)
        options = [f"-max_total_time={seconds}", f"-timeout={LONGEST_SECONDS}", f"-max_len={LARGEST_BYTES}"]
        options += [f"-artifact_prefix={FINDINGS}/", "-print_final_stats=1", "-verbosity=1", "-rss_limit_mb=4096"]
        atheris.Setup([sys.argv[0], *options, folder], one)
        atheris.Fuzz()


def _signatures() -> list[bytes]:
    from tests.outsiders import signatures_in

    return [
        signature for path in SEEDS if path.parent.name == "good" for signature, _ in signatures_in(path.read_bytes())
    ]


# --- what a sender meets -----------------------------------------------------------------------------------------------


def intake(seconds: int) -> bool:
    """Mutated files through the whole of intake, cage and trial included: each ends with a named outcome, in time."""
    from bff.cage import Cage
    from bff.signing import preparing
    from bff.signing.intake import REFUSALS, Intake

    end, tried, chance = time.monotonic() + seconds, 0, random.Random(time.time_ns())
    with tempfile.TemporaryDirectory() as folder:
        cage = Cage(2048, 20, 30, preload=preparing.PRELOAD)
        door = Intake(cage, Path(folder), 60_000_000, 300, probe="bff.signing.trial:probe")
        while time.monotonic() < end:
            data = mutated(chance.choice(SEEDS).read_bytes(), chance)
            path, began = Path(folder, "upload"), time.monotonic()
            path.write_bytes(data)
            try:
                judged = door.judge(path)
            except Exception as error:
                return _found(data, f"{type(error).__name__}: {error}")
            if judged.outcome not in ("ready", "repaired") and judged.reason not in REFUSALS:
                return _found(data, f"{judged.outcome} {judged.reason}")
            if time.monotonic() - began > LONGEST_SECONDS:
                return _found(data, "too slow")
            if judged.path is not None:
                judged.path.unlink(missing_ok=True)
            tried += 1
        cage.close()
    print(f"fuzz: intake judged {tried} files", flush=True)
    return True


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes flipped, a piece cut, doubled or moved, a number changed, or several of these."""
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randrange(max(1, len(data))), chance.choice((1, 2, 8, 64, 1024))
        piece = data[at : at + size]
        data = chance.choice(
            (
                data[:at] + bytes(byte ^ chance.randrange(256) for byte in piece) + data[at + size :],
                data[:at] + data[at + size :],
                data[:at] + piece + data[at:],
                data[:at] + chance.choice((b"0", b"-1", b"99999999999", b"null", b"<<", b"]")) + data[at + size :],
                data[:at],
            )
        )
    return data


def _found(data: bytes, what: str) -> bool:
    name = FINDINGS / f"intake-{time.time_ns():x}"
    name.write_bytes(data)
    print(f"fuzz: intake: {what}: {name}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
