"""How well the product tells people apart, through the product's own code.

    python -m bench.faces DIR [--pack DIR] [--json]

DIR holds a folder a person with that person's photographs. Every photograph is opened in the cage, its widest face found,
measured and described as the product does it; then every pair is compared. A photograph in which no usable face is found
is a miss: it is counted and named, and takes part in no pair.

Of people who are not in DIR the numbers say little: pairs share people, so the 95 % bound on false matches holds for
independent pairs only and is the best that such a set can show.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from bench.report import Goal, Report, machine, versions
from bff.biometrics.faces import MESH_FLAG_LEAST, Eyes, Vector
from bff.biometrics.media import PRELOAD, Media, Unusable
from bff.biometrics.pack import opened
from bff.cage import Cage
from bff.core.errors import Fault

Scores = NDArray[np.float32]

FRR_GOAL_PERCENT = 2.0
KINDS = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Shot:
    """One photograph: whose it is, its description when a face was found, and the milliseconds that took."""

    person: str
    name: str
    vector: Vector | None
    opening_ms: float
    face_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faces", description="Tell people apart, and count errors.")
    parser.add_argument("folder", type=Path, help="a folder a person")
    parser.add_argument("--pack", type=Path, help="another model pack than the one in use")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    report = run(chosen.folder, chosen.pack)
    print(report.json() if chosen.json else report.table())
    return 0


def run(folder: Path, pack: Path | None = None) -> Report:
    eyes = Eyes(opened(pack)).open()
    with_faces = Media(Cage(2048, 20, 30, preload=PRELOAD))
    shots = [_shot(eyes, with_faces, file) for file in _files(folder)]
    return _report(eyes, shots)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.glob("*/*") if f.suffix.lower() in KINDS)


def _shot(eyes: Eyes, media: Media, file: Path) -> Shot:
    began = time.perf_counter()
    try:
        image = media.photo(file.read_bytes())
    except Unusable:
        return Shot(file.parent.name, file.name, None, 0.0, 0.0)
    ready = time.perf_counter()
    vector = None
    for box in eyes.find(image, side=640)[:1]:
        face = eyes.read(image, box)
        vector = eyes.describe(image, face) if face.flag > MESH_FLAG_LEAST else None
    return Shot(file.parent.name, file.name, vector, 1e3 * (ready - began), 1e3 * (time.perf_counter() - ready))


def _report(eyes: Eyes, shots: Sequence[Shot]) -> Report:
    found = [shot for shot in shots if shot.vector is not None]
    genuine, impostor = _scores(found)
    match, review = _thresholds(eyes, impostor)
    false = int((impostor >= match).sum())
    frr, bound = _percent(genuine < match), 100 * upper_bound(false, len(impostor))
    rows: list[dict[str, Any]] = [
        {"figure": "people", "value": len({shot.person for shot in shots})},
        {"figure": "photographs", "value": len(shots)},
        {"figure": "detector misses", "value": len(shots) - len(found)},
        {"figure": "missed", "value": ", ".join(f"{s.person}/{s.name}" for s in shots if s.vector is None)},
        {"figure": "pairs of one person", "value": len(genuine)},
        {"figure": "pairs of two people", "value": len(impostor)},
        {"figure": "likeness, one person: mean", "value": _mean(genuine)},
        {"figure": "likeness, one person: least", "value": float(genuine.min(initial=1.0))},
        {"figure": "likeness, two people: mean", "value": _mean(impostor)},
        {"figure": "likeness, two people: most", "value": float(impostor.max(initial=-1.0))},
        {"figure": "d'", "value": separation(genuine, impostor)},
        {"figure": "EER %", "value": 100 * equal_error(genuine, impostor)},
        {"figure": "threshold", "value": match},
        {"figure": "FRR % at the threshold", "value": frr},
        {"figure": "to a human %, one person", "value": _percent((genuine >= review) & (genuine < match))},
        {"figure": "false matches", "value": false},
        {"figure": "FAR % at the threshold", "value": _percent(impostor >= match)},
        {"figure": "FAR %, 95 % bound", "value": bound},
        {"figure": "to a human %, two people", "value": _percent((impostor >= review) & (impostor < match))},
        {"figure": "ms a face (find, measure, describe)", "value": _median([s.face_ms for s in found])},
        {"figure": "ms to open a photograph", "value": _median([s.opening_ms for s in found])},
    ]
    goals = [
        Goal("FRR at the product's threshold", frr, "%", FRR_GOAL_PERCENT),
        Goal("false matches observed", false, "pairs", 0),
    ]
    told = versions("insightface", "onnxruntime", "opencv-python-headless", "numpy")
    told |= {f"{name} sha256": digest[:12] for name, digest in eyes.digests.items()}
    return Report("faces", machine(), told, rows, goals)


def _thresholds(eyes: Eyes, impostor: Scores) -> tuple[float, float]:
    """The product's; for a recogniser that nobody has measured yet, just above what two people reached here."""
    try:
        return eyes.thresholds.match, eyes.thresholds.review
    except Fault as fault:
        print(fault.what, fault.do, file=sys.stderr)
        most = float(impostor.max(initial=0.0))
        return most + 1e-6, 0.8 * most


def _scores(shots: Sequence[Shot]) -> tuple[Scores, Scores]:
    """Likeness of every pair: of one person, of two people."""
    if len(shots) < 2:
        return np.empty(0), np.empty(0)
    vectors = np.array([shot.vector for shot in shots])
    likeness = vectors @ vectors.T
    one, other = np.triu_indices(len(shots), 1)
    people = np.array([shot.person for shot in shots])
    same = people[one] == people[other]
    scores = likeness[one, other]
    return scores[same], scores[~same]


def separation(genuine: Scores, impostor: Scores) -> float:
    """d': the distance of the two means over their pooled deviation."""
    if len(genuine) < 2 or len(impostor) < 2:
        return float("nan")
    pooled = np.sqrt((genuine.var(ddof=1) + impostor.var(ddof=1)) / 2)
    return float((genuine.mean() - impostor.mean()) / max(pooled, 1e-9))


def equal_error(genuine: Scores, impostor: Scores) -> float:
    """The rate at the threshold where as many are refused wrongly as are matched wrongly."""
    if not len(genuine) or not len(impostor):
        return float("nan")
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    refused = np.searchsorted(np.sort(genuine), thresholds) / len(genuine)
    matched = 1 - np.searchsorted(np.sort(impostor), thresholds) / len(impostor)
    at = int(np.abs(refused - matched).argmin())
    return float((refused[at] + matched[at]) / 2)


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The one-sided exact (Clopper and Pearson) bound on a rate."""
    if trials == 0 or events >= trials:
        return 1.0
    return float(betaincinv(events + 1, trials - events, confidence))


def _percent(which: Scores) -> float:
    return 100 * float(which.mean()) if len(which) else float("nan")


def _mean(scores: Scores) -> float:
    return float(scores.mean()) if len(scores) else float("nan")


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")


if __name__ == "__main__":
    raise SystemExit(main())
