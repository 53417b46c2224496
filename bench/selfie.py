"""One selfie video, judged by the product, and how long that took.

    python -m bench.selfie VIDEO --portrait IMG [--challenge JSON] [--pack DIR] [--runs N] [--json]

JSON is a file with a challenge as the product stores it. Without one the video is only followed and compared with the
portrait, and a challenge of no actions is asked for. Processor time is that of the judging process and of the child that
opens the video, on one core, with the networks already open.
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
CPU_GOAL_SECONDS_PER_SECOND = 0.2
"""Three seconds of video in 0.6 s."""
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
    judge = FaceJudge(eyes, Media(Cage(2048, 20, 60, preload=PRELOAD)))
    known = judge.portrait(portrait.read_bytes())
    content, mime = video.read_bytes(), MIME.get(video.suffix.lower(), "video/webm")
    timed = [_once(judge, content, mime, challenge, known) for _ in range(max(1, runs))]
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
        {"figure": "of them in the child that opens the video, its start included", "value": child},
        {"figure": "seconds by the clock", "value": wall},
        *({"figure": name, "value": value} for name, value in verdict.scores.items()),
    ]
    goals = (
        [Goal("processor seconds a second of video", cpu / seconds, "s", CPU_GOAL_SECONDS_PER_SECOND)]
        if seconds
        else []
    )
    return Report("selfie", machine(), versions("onnxruntime", "av", "opencv-python-headless"), rows, goals)


def _once(
    judge: FaceJudge, video: bytes, mime: str, challenge: Challenge, portrait: Portrait
) -> tuple[FaceVerdict, float, float, float]:
    began, worked = time.perf_counter(), processor_seconds()
    verdict = judge.judge(video, mime=mime, challenge=challenge, portrait=portrait.template)
    own, children = (b - a for a, b in zip(worked, processor_seconds(), strict=True))
    return verdict, own, children, time.perf_counter() - began


def processor_seconds() -> tuple[float, float]:
    """Ours, and that of children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return used[0].ru_utime + used[0].ru_stime, used[1].ru_utime + used[1].ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
