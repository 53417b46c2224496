"""One selfie video, judged by the product, and how long that took.

    python -m bench.selfie VIDEO --portrait IMG [--challenge JSON] [--pack DIR] [--runs N] [--json]

JSON is a file with a challenge as the product stores it. Without one the video is only followed and compared with the
portrait, and a challenge of no actions is asked for. Processor time is that of the judging process, of the child that opens
the video and of the process that this is forked from, on one core, with the networks already open and that process started,
as in a worker; what its start took is told apart. `python -m tests.biometrics.clip DIR` makes a video to measure with.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from bench.report import Goal, Report, machine, versions
from bff.biometrics.faces import Eyes
from bff.biometrics.liveness import FaceJudge
from bff.biometrics.media import PRELOAD, Media
from bff.biometrics.pack import opened
from bff.cage import Cage
from bff.core import gestures
from bff.core.gestures import Challenge
from bff.core.ports import FaceVerdict, Portrait

MIME = {".webm": "video/webm", ".mp4": "video/mp4", ".mov": "video/quicktime"}
VIDEO_SECONDS, CPU_GOAL_SECONDS = 3, 0.6
"""So much video in so much processor time; of a longer one in proportion."""
NOTHING_ASKED = Challenge((), (), 0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.selfie", description="Judge one video, and time it.")
    parser.add_argument("video", type=Path)
    parser.add_argument("--portrait", type=Path, required=True)
    parser.add_argument(
        "--challenge", type=Path, help="the challenge as the product stores it; else no action is asked for"
    )
    parser.add_argument("--pack", type=Path, help="another model pack than the one in use")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    challenge = gestures.read(chosen.challenge.read_bytes().strip()) if chosen.challenge else NOTHING_ASKED
    report = run(chosen.video, chosen.portrait, challenge, chosen.pack, chosen.runs)
    print(report.json() if chosen.json else report.table())
    return 0


def run(video: Path, portrait: Path, challenge: Challenge, pack: Path | None = None, runs: int = 3) -> Report:
    eyes = Eyes(opened(pack)).open()
    cage = Cage(2048, 20, 60, preload=PRELOAD)
    cage.warm()
    judge = FaceJudge(eyes, Media(cage))
    known = judge.portrait(portrait.read_bytes())
    started = cage.mother_seconds
    content, mime = video.read_bytes(), MIME.get(video.suffix.lower(), "video/webm")
    timed = [_once(judge, cage, content, mime, challenge, known) for _ in range(max(1, runs))]
    cage.close()
    verdict = timed[-1][0]
    seconds = verdict.scores.get("video_milliseconds", 0) / 1000
    own, child, wall = (statistics.median(run[n] for run in timed) for n in (1, 2, 3))
    cpu = own + child
    rows = [
        {"figure": "outcome", "value": str(verdict.outcome)},
        {"figure": "reason", "value": verdict.reason},
        {"figure": "step", "value": verdict.step},
        {"figure": "video seconds", "value": seconds},
        {"figure": "processor seconds", "value": cpu},
        {"figure": "of them in the child that opens the video", "value": child},
        {"figure": "once a worker, the start of what makes such children", "value": started},
        {"figure": "seconds by the clock", "value": wall},
        *({"figure": name, "value": value} for name, value in verdict.scores.items()),
    ]
    goals = (
        [Goal("processor seconds for three seconds of video", VIDEO_SECONDS * cpu / seconds, "s", CPU_GOAL_SECONDS)]
        if seconds
        else []
    )
    return Report("selfie", machine(), versions("onnxruntime", "av", "opencv-python-headless"), rows, goals)


def _once(
    judge: FaceJudge, cage: Cage, video: bytes, mime: str, challenge: Challenge, portrait: Portrait
) -> tuple[FaceVerdict, float, float, float]:
    """The verdict; seconds of the processor here and in children, and by the clock."""
    began, worked = time.perf_counter(), processor_seconds(cage)
    verdict = judge.judge(video, mime=mime, challenge=challenge, portrait=portrait.template)
    own, children = (b - a for a, b in zip(worked, processor_seconds(cage), strict=True))
    return verdict, own, children, time.perf_counter() - began


def processor_seconds(*cages: Cage) -> tuple[float, float]:
    """Ours, and that of children that have ended, those of these cages' mothers among them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, children = (u.ru_utime + u.ru_stime for u in used)
    return own, children + sum(cage.used_seconds + cage.mother_seconds for cage in cages)


if __name__ == "__main__":
    raise SystemExit(main())
