"""Pages as a reader on a phone gets them: one picture a page, and its words where they stand.

Pictures are drawn by pdfium in a cage, with form fields and signature marks as they are, and kept on the disk by the
document's digest: a digest never means anything else, so a kept picture never goes stale. Asking for a page also draws
the two after it, in the same process, while the reader looks at the first; whoever asks for a page that is being drawn
waits for it instead of drawing it again.

A page of text is a few greys on white: without loss it is half the size of the same page with loss, and sharper.
"""

import ctypes
import io
import json
import math
import os
import re
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bff.cage import Cage, Caged
from bff.core.contract import FULL
from bff.core.errors import Refusal
from bff.core.ports import PageSize

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]  # it has no types
    from PIL import Image

WIDTHS = (480, 780, 1080, 1600)
"""Widths in px that are drawn; a wish is rounded up, so that the cache holds four pictures a page at most."""
PAGES_AHEAD = 2
DRAWERS = 2
"""How many documents one process draws at once; more only share the same cores."""
CACHE_MEGABYTES = 1024
PART = ".part-"
FORGOTTEN_SECONDS = 3600
"""A part this much older than the newest file was left by a process that died."""
SWEEP_EVERY = 64
"""Batches of pages between two looks at the cache's size."""

AREA_LIMIT_PIXELS = 40_000_000
SIDE_LIMIT_PIXELS = 16_383
"""WebP's own."""
LOSSY_QUALITY = 80
COLOURS_LIMIT = 1024
TEXT_TONES = 8
TEXT_SHARE = 0.85
"""A page of text, tables and ink: a few tones cover this much of it (measured: from 0.93), a photograph's do not."""
LOSSLESS_LIMIT_BYTES_PER_PIXEL = 0.1
CHARACTERS_LIMIT = 50_000
COLUMN_GAP = 3.0
"""A gap wider than this many line heights begins a new piece of text: the next column, the next cell."""

PRELOAD = ("pypdfium2", "PIL.WebPImagePlugin", "PIL.Image:preinit", "bff.signing.pages")
"""What a cage for pages should have ready, so that the first page does not wait for imports."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class _Key:
    sha256: str
    page: int
    width: int


class CagedPages:
    """`read` gives a document's bytes by digest; `cache` is a folder of ours alone."""

    def __init__(
        self, cage: Cage, cache: Path, read: Callable[[str], bytes], *, cache_megabytes: int = CACHE_MEGABYTES
    ) -> None:
        self._cage = cage
        self._cache = cache.absolute()  # the child stands elsewhere
        self._read = read
        self._cache_bytes = cache_megabytes * 1024 * 1024
        self._lock = threading.Lock()
        self._drawing: dict[_Key, Future[None]] = {}
        self._drawers: ThreadPoolExecutor | None = None
        self._batches = 0

    def picture(self, sha256: str, *, page: int, width: int) -> Path:
        """The page (from 1) as a WebP file. Raises Refusal no_such_page or page_unreadable."""
        key = _Key(_checked(sha256, page), page, _width_for(width))
        place = self._place(key)
        while not _touched(place):
            self._ask_for(key).result()
        return place

    def words(self, sha256: str, *, page: int) -> list[dict[str, Any]]:
        """Lines of text with their boxes in ten-thousandths of the displayed page, in reading order."""
        place = self._words_place(_checked(sha256, page), page)
        if not _touched(place):
            with self._on_disk(sha256) as document:
                place.parent.mkdir(exist_ok=True)
                self._caged("bff.signing.pages:read_words", document=document, page=page, place=str(place))
        words: list[dict[str, Any]] = json.loads(place.read_bytes())
        return words

    def sizes(self, sha256: str) -> tuple[PageSize, ...]:
        """Every page as displayed, in points."""
        with self._on_disk(_checked(sha256, 1)) as document:
            measured = self._caged("bff.signing.pages:measure", document=document)
        return tuple(PageSize(width, height) for width, height in measured["pages"])

    def close(self) -> None:
        """Finish what is being drawn and end the threads."""
        if self._drawers is not None:
            self._drawers.shutdown()

    def _place(self, key: _Key) -> Path:
        return self._cache / key.sha256 / f"{key.page}-{key.width}.webp"

    def _words_place(self, sha256: str, page: int) -> Path:
        return self._cache / sha256 / f"{page}-words.json"

    def _ask_for(self, key: _Key) -> Future[None]:
        """The drawing of this page that is under way, or a new one that goes on to the next pages."""
        with self._lock:
            if key in self._drawing:
                return self._drawing[key]
            batch = [key]
            for page in range(key.page + 1, key.page + 1 + PAGES_AHEAD):
                ahead = _Key(key.sha256, page, key.width)
                if ahead in self._drawing or self._place(ahead).exists():
                    break
                batch.append(ahead)
            futures: dict[_Key, Future[None]] = {one: Future() for one in batch}
            if self._drawers is None:
                self._drawers = ThreadPoolExecutor(DRAWERS, "draw")
            self._drawers.submit(self._draw, futures)
            self._drawing.update(futures)
            return futures[key]

    def _draw(self, futures: dict[_Key, Future[None]]) -> None:
        """Draw the batch in its order. The first page that fails says why; those after it have not been tried."""
        left = list(futures)
        try:
            for answer in self._drawn(list(left)):
                key = left.pop(0)
                self._finish(futures, key, self._not_drawn(key, answer))
        except Exception as error:  # the entrance of a thread: whoever waits for the page raises it
            if left:
                self._finish(futures, left.pop(0), _translated(error))
        finally:
            for key in left:
                self._finish(futures, key, None)
            self._sweep_sometimes()

    def _not_drawn(self, key: _Key, answer: dict[str, Any]) -> Refusal | None:
        if answer.get("drawn") is not True:
            return Refusal("no_such_page", page=key.page)
        return None if self._place(key).exists() else Refusal("page_unreadable", page=key.page)

    def _drawn(self, batch: list[_Key]) -> Iterator[dict[str, Any]]:
        first = batch[0]
        with self._on_disk(first.sha256) as document:
            self._place(first).parent.mkdir(exist_ok=True)
            yield from self._cage.stream(
                "bff.signing.pages:draw_pages",
                document=document,
                pages=[one.page for one in batch],
                width=first.width,
                places=[str(self._place(one)) for one in batch],
                words=[str(self._words_place(one.sha256, one.page)) for one in batch],
            )

    @contextmanager
    def _on_disk(self, sha256: str) -> Iterator[str]:
        """The document as a file for as long as it is being read, for our eyes only."""
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = self._read(sha256)
        with tempfile.NamedTemporaryFile(dir=self._cache, prefix=PART, suffix=".pdf") as file:
            file.write(content)
            file.flush()
            yield file.name

    def _caged(self, call: str, **arguments: Any) -> dict[str, Any]:
        try:
            return self._cage.run(call, **arguments)
        except Caged as end:
            raise _translated(end) from end

    def _finish(self, futures: dict[_Key, Future[None]], key: _Key, error: Exception | None) -> None:
        with self._lock:
            self._drawing.pop(key, None)
        if error is None:
            futures[key].set_result(None)
        else:
            futures[key].set_exception(error)

    def _sweep_sometimes(self) -> None:
        with self._lock:
            self._batches += 1
            due = self._batches % SWEEP_EVERY == 1
        if due:
            sweep(self._cache, self._cache_bytes)


def sweep(cache: Path, limit_bytes: int) -> None:
    """Keep the cache below its limit: what has not been looked at for longest goes first, and forgotten parts too."""
    files = []
    for path in cache.rglob("*"):
        with suppress(OSError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    aim = limit_bytes * 8 // 10 if total > limit_bytes else total
    old = max((when for when, _, _ in files), default=0.0) - FORGOTTEN_SECONDS
    for when, size, path in sorted(files):
        if total > aim or (path.name.startswith(PART) and when < old):
            path.unlink(missing_ok=True)
            total -= size


def _checked(sha256: str, page: int) -> str:
    """Digests become folder names, so nothing else may pass for one."""
    if not _DIGEST.fullmatch(sha256) or page < 1:
        raise Refusal("no_such_page", page=page)
    return sha256


def _width_for(wish: int) -> int:
    return next((width for width in WIDTHS if width >= wish), WIDTHS[-1])


def _touched(place: Path) -> bool:
    """Whether it is there; if so it counts as looked at just now."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    return True


def _translated(error: Exception) -> Exception:
    if not isinstance(error, Caged):
        return error
    if error.detail == "Refusal" and error.code == "no_such_page":
        return Refusal("no_such_page")
    refusal = Refusal("page_unreadable", why=error.kind)
    refusal.__cause__ = error
    return refusal


def _write(place: Path, content: bytes) -> None:
    """All of it or nothing, under its name."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=place.parent, prefix=PART)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(part, place)


# --- inside the cage: only here are pdfium and Pillow loaded ----------------------------------------


def draw_pages(
    *, document: str, pages: list[int], width: int, places: list[str], words: list[str]
) -> Iterator[dict[str, Any]]:
    """Draw each page into its place, and say so each time; its words are wanted next, so they follow."""
    import pypdfium2

    with pypdfium2.PdfDocument(document) as pdf:
        pdf.init_forms()
        for page, place, words_place in zip(pages, places, words, strict=True):
            if page > len(pdf):
                yield {"page": page, "drawn": False}
                continue
            _write(Path(place), _packed(_drawn(pdf[page - 1], width)))
            yield {"page": page, "drawn": True}
            if not Path(words_place).exists():
                _write(Path(words_place), _words_file(pdf[page - 1]))


def _drawn(page: "pypdfium2.PdfPage", width: int) -> "Image.Image":
    page_width, page_height = (max(side, 1.0) for side in page.get_size())
    scale = (width - 0.01) / page_width  # a hair less, for pdfium rounds up
    scale = min(scale, math.sqrt(AREA_LIMIT_PIXELS / (page_width * page_height)), SIDE_LIMIT_PIXELS / page_height)
    picture: Image.Image = page.render(scale=scale, rev_byteorder=True, limit_image_cache=True).to_pil()
    return picture


def _packed(picture: "Image.Image") -> bytes:
    """As WebP: without loss when that is small (text, lines, ink), else with loss (photographs, scans)."""
    coarse = _coarse(picture)
    if coarse is None:
        return _webp(picture, quality=LOSSY_QUALITY, method=2)
    lossless = _webp(coarse, lossless=True, quality=50, method=2)
    if len(lossless) <= picture.width * picture.height * LOSSLESS_LIMIT_BYTES_PER_PIXEL:
        return lossless
    return min(lossless, _webp(picture, quality=LOSSY_QUALITY, method=2), key=len)


def _coarse(picture: "Image.Image") -> "Image.Image | None":
    """The picture in sixteen steps a channel, which text does not show; None when it is no page of text."""
    red, green, blue = picture.convert("RGB").split()
    steps = [(value + 8) // 17 * 17 for value in range(256)]
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    coarse = red.point(steps) if grey else picture.convert("RGB").point(steps * 3)
    tones = coarse.getcolors(COLOURS_LIMIT)
    if tones is None:
        return None
    common = sorted((count for count, _ in tones), reverse=True)[:TEXT_TONES]
    return coarse if sum(common) >= TEXT_SHARE * picture.width * picture.height else None


def _webp(picture: "Image.Image", **how: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, "WEBP", **how)
    return content.getvalue()


def measure(*, document: str) -> dict[str, Any]:
    """Width and height of each page as displayed (pdfium applies crop and rotation), in points."""
    import pypdfium2

    with pypdfium2.PdfDocument(document) as pdf:
        return {"pages": [list(pdf.get_page_size(index)) for index in range(len(pdf))]}


def read_words(*, document: str, page: int, place: str) -> dict[str, Any]:
    """The page's lines into their place. Raises Refusal no_such_page."""
    import pypdfium2

    with pypdfium2.PdfDocument(document) as pdf:
        if page > len(pdf):
            raise Refusal("no_such_page")
        _write(Path(place), _words_file(pdf[page - 1]))
        return {"read": True}


def _words_file(page: "pypdfium2.PdfPage") -> bytes:
    return json.dumps(list(_lines(page)), ensure_ascii=False).encode()


def _lines(page: "pypdfium2.PdfPage") -> Iterator[dict[str, Any]]:
    """Characters in pdfium's order, cut at its line ends and at gaps as wide as between columns."""
    textpage = page.get_textpage()
    line = _Line()
    for index in range(min(textpage.count_chars(), CHARACTERS_LIMIT)):
        character, box = _character(textpage, index)
        if character in "\r\n" or (box is not None and line.is_far_from(box)):
            yield from line.placed(page)
            line = _Line()
        if character not in "\r\n":
            line.add(character, box)
    yield from line.placed(page)


Box = tuple[float, float, float, float]
"""Left, bottom, right, top in the page's own space."""


def _character(textpage: "pypdfium2.PdfTextPage", index: int) -> tuple[str, Box | None]:
    from pypdfium2 import raw

    code = raw.FPDFText_GetUnicode(textpage, index)
    character = "-" if code in (0x02, 0xFFFE) else chr(code) if 0 < code < 0x110000 else " "
    if 0xD800 <= code < 0xE000 or not (character.isprintable() or character in "\r\n"):
        character = " "
    if character.isspace() or raw.FPDFText_IsGenerated(textpage, index) == 1:
        return character, None
    return character, textpage.get_charbox(index, loose=True)


class _Line:
    """A piece of text being gathered."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._box: Box | None = None

    def add(self, character: str, box: Box | None) -> None:
        self._text.append(character)
        if box is not None:
            self._box = box if self._box is None else _union(self._box, box)

    def is_far_from(self, box: Box) -> bool:
        if self._box is None:
            return False
        height = max(self._box[3] - self._box[1], box[3] - box[1])
        return box[0] - self._box[2] > COLUMN_GAP * height or self._box[0] - box[2] > COLUMN_GAP * height

    def placed(self, page: "pypdfium2.PdfPage") -> Iterator[dict[str, Any]]:
        text = " ".join("".join(self._text).split())
        if text and self._box is not None:
            yield {"text": text, **_on_display(page, self._box)}


def _union(one: Box, other: Box) -> Box:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def _on_display(page: "pypdfium2.PdfPage", box: Box) -> dict[str, int]:
    """In ten-thousandths of the page as displayed: pdfium knows its rotation and crop."""
    corners = [_displayed(page, x, y) for x, y in ((box[0], box[1]), (box[2], box[3]))]
    (left, right), (top, bottom) = (sorted(min(max(c[axis], 0), FULL) for c in corners) for axis in (0, 1))
    return {"x": left, "y": top, "w": right - left, "h": bottom - top}


def _displayed(page: "pypdfium2.PdfPage", x: float, y: float) -> tuple[int, int]:
    from pypdfium2 import raw

    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, FULL, FULL, 0, x, y, across, down)
    return across.value, down.value
