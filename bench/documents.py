"""Photographs of documents, read by the product, and how long that took.

    python -m bench.documents IMG … [--json]

Processor time is that of the reading process and of the children that open the picture and read its text, on one core.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bench.report import Goal, Report, machine, versions
from bench.selfie import processor_seconds
from bff.biometrics.faces import Eyes
from bff.biometrics.id_document import DocumentReader
from bff.biometrics.media import PRELOAD, Media
from bff.biometrics.ocr import Ocr
from bff.biometrics.pack import opened
from bff.cage import Cage

CPU_GOAL_SECONDS = 1.6


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.documents", description="Read documents, and time it.")
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    report = run(chosen.pictures)
    print(report.json() if chosen.json else report.table())
    return 0


def run(pictures: Sequence[Path]) -> Report:
    cage = Cage(2048, 20, 60, preload=PRELOAD)
    cage.warm()
    media = Media(cage)
    media.photo(pictures[0].read_bytes())  # the cage's mother has started once it comes back
    reader = DocumentReader(Eyes(opened()).open(), media, Ocr(Cage(4096, 60, 120)))
    rows = [_row(reader, cage, picture) for picture in pictures]
    cpu = statistics.median(row["processor seconds"] for row in rows)
    goals = [Goal("processor seconds a document", cpu, "s", CPU_GOAL_SECONDS)]
    return Report("documents", machine(), versions("faster-paddle", "rapidocr"), rows, goals)


def _row(reader: DocumentReader, cage: Cage, picture: Path) -> dict[str, object]:
    content = picture.read_bytes()
    began, worked = time.perf_counter(), processor_seconds(cage)
    read = reader.read(content, today=date.today())
    own, children = (b - a for a, b in zip(worked, processor_seconds(cage), strict=True))
    return {
        "picture": picture.name,
        "kind": str(read.kind),
        "fields": len(read.fields),
        "portrait": read.portrait.width_pixels if read.portrait else 0,
        "doubts": ", ".join(read.doubts),
        "engine": read.engine,
        "processor seconds": own + children,
        "seconds by the clock": time.perf_counter() - began,
    }


if __name__ == "__main__":
    raise SystemExit(main())
