"""Lines of text on a photograph, read in a limited child by one of two engines whose models come inside their wheels.

The first is faster-paddle. The second, rapidocr, is asked where the first cannot run on this machine (its library wants
glibc 2.34) or sees nothing. Which one read is said, for it is part of the evidence.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2

from bff.biometrics.media import Image, memory
from bff.cage import Cage, Caged
from bff.core.errors import Fault

ENGINES = ("paddle", "rapid")
QUALITY = 92


@dataclass(frozen=True)
class Line:
    """One line, with its place in pixels and how sure the engine is, 0 to 1."""

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Lines:
    engine: str
    lines: tuple[Line, ...]


class Ocr:
    """Reads pictures whose pixels are ours already (`Media.photo`)."""

    def __init__(self, cage: Cage) -> None:
        self._cage = cage

    def read(self, image: Image) -> Lines:
        """From top to bottom. Raises Fault `ocr_missing` when neither engine runs here."""
        done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        ran = False
        for engine in ENGINES:
            try:
                lines = self._asked(engine, content.tobytes() if done else b"")
            except Caged:
                continue
            ran = True
            if lines:
                return Lines(engine, lines)
        if not ran:
            raise Fault(
                "ocr_missing",
                what="Neither text reader (faster-paddle, rapidocr) runs on this machine.",
                do="faster-paddle needs glibc 2.34 or newer; check BFF_CAGE_MEMORY_MEGABYTES, which should be 2048 at least.",
            )
        return Lines(ENGINES[-1], ())

    def _asked(self, engine: str, content: bytes) -> tuple[Line, ...]:
        with memory() as given:
            os.write(given, content)
            path = f"/proc/{os.getpid()}/fd/{given}"
            answer = self._cage.run(f"{__name__}:read_lines", engine=engine, given=path)
        return tuple(sorted((_line(row) for row in answer["lines"]), key=lambda line: (line.top, line.left)))


def _line(row: Mapping[str, Any]) -> Line:
    left, top, right, bottom = map(float, row["box"])
    return Line(str(row["text"]), float(row["confidence"]), left, top, right, bottom)


# --- the child's side --------------------------------------------------------------------------------


def read_lines(*, engine: str, given: str) -> dict[str, Any]:
    with open(given, "rb") as file:
        content = file.read()
    return {"lines": _by_paddle(content) if engine == "paddle" else _by_rapid(content)}


def _by_paddle(content: bytes) -> list[dict[str, Any]]:
    import faster_paddle

    read = faster_paddle.OcrEngine(model_size="small", threads=1).ocr(content)
    return [
        {
            "text": found["text"],
            "confidence": found["confidence"],
            "box": [*found["topLeftCoord"], *found["bottomRightCoord"]],
        }
        for found in read["bounds"].values()
    ]


def _by_rapid(content: bytes) -> list[dict[str, Any]]:
    from rapidocr import RapidOCR

    threads = {"EngineConfig.onnxruntime.intra_op_num_threads": 1, "Global.log_level": "critical"}
    read: Any = RapidOCR(params=threads)(content)
    if read.txts is None:
        return []
    return [
        {"text": text, "confidence": float(score), "box": [*map(float, box.min(0)), *map(float, box.max(0))]}
        for text, score, box in zip(read.txts, read.scores, read.boxes, strict=True)
    ]
