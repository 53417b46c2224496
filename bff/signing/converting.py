"""Pictures and Word files become PDF, before anything is hashed.

What the sender gets is the PDF, and it is what everybody sees and signs; of the pictures or the Word file nothing is
kept. So nothing that is hidden in them goes on: pictures are drawn anew, upright and at the size of a sheet of A4,
without places, cameras and previews; a Word file loses what points outside of it.

Pictures (JPEG, PNG, HEIC; several become several pages in the order they were chosen) are read in the cage. Word files
are first looked at and cleaned in the cage, then set by LibreOffice where that is installed: in a process with limits,
without a network where the kernel lets us, with a profile of its own in which no macro and no link runs. Where it is not
installed a Word file is refused, and the sentence says what to do.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bff.cage import Cage, Caged
from bff.core.errors import Refusal

if TYPE_CHECKING:
    from PIL import Image

REFUSALS = (
    "image_unreadable",
    "image_too_large",
    "word_unreadable",
    "word_not_installed",
    "word_macros",
    "one_kind_only",
)
PICTURES = ("jpeg", "png", "heic")

A4_POINTS = (595.276, 841.89)
MARGIN_POINTS = 28.35
SHEET_PIXELS = (2480, 3508)
"""A4 at 300 dots an inch: more is not kept."""
SCREEN_DOTS_PER_POINT = 96 / 72
"""Small pictures are not blown up beyond this."""
MOST_PIXELS = 150_000_000
PHOTO_QUALITY = 90
FEW_COLOURS, FEW_GREYS = 4096, 32

ZIP_LIMIT_BYTES, ZIP_LIMIT_ENTRIES = 300_000_000, 5_000
WORD_SECONDS, WORD_MEGABYTES, WORD_FILE_MEGABYTES = 60, 4096, 200


@dataclass(frozen=True)
class Converted:
    """The PDF, and the remark for the sender."""

    path: Path
    remark: str


class Converter:
    """`directory` holds the files of a call while it lasts. `office` is LibreOffice's program, None where there is none."""

    def __init__(self, cage: Cage, directory: Path, office: Path | None) -> None:
        self._cage = cage
        self._directory = directory.absolute()
        self._office = office

    def convert(self, paths: Sequence[Path]) -> Converted | None:
        """A PDF made of these files; None where the one file is none of these kinds. Raises Refusal, see `REFUSALS`."""
        kinds = [kind_of(path) for path in paths]
        target = self._directory / f".{uuid.uuid4().hex}.made"
        try:
            if all(kind in PICTURES for kind in kinds):
                self._caged("draw_pictures", sources=[str(path) for path in paths], target=str(target))
                return Converted(target, "from_pictures")
            if len(paths) > 1:
                raise Refusal("one_kind_only")
            if kinds == ["word"]:
                self._set(paths[0], target)
                return Converted(target, "from_word")
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return None

    def _caged(self, function: str, **arguments: Any) -> None:
        try:
            self._cage.run(f"bff.signing.converting:{function}", **arguments)
        except Caged as end:
            known = end.detail == "Refusal" and end.code in REFUSALS
            word = function == "clean_word"
            raise Refusal(str(end.code) if known else "word_unreadable" if word else "image_unreadable") from end

    def _set(self, path: Path, target: Path) -> None:
        if self._office is None:
            raise Refusal("word_not_installed")
        room = self._directory / f".{uuid.uuid4().hex}.word"
        room.mkdir(mode=0o700)
        try:
            self._caged("clean_word", source=str(path), target=str(room / "contract.docx"))
            set_by_office(self._office, room)
            made = room / "contract.pdf"
            if not made.is_file():
                raise Refusal("word_unreadable")
            os.replace(made, target)
        finally:
            shutil.rmtree(room, ignore_errors=True)


def kind_of(path: Path) -> str:
    """jpeg, png, heic, word or other, by how the file begins; names lie."""
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[4:8] == b"ftyp" and re.match(rb"heic|heix|heim|heis|hevc|mif1|msf1", head[8:12]):
        return "heic"
    return "word" if head.startswith(b"PK\x03\x04") and _is_word(path) else "other"


def _is_word(path: Path) -> bool:
    """Read by its directory of names alone."""
    try:
        with zipfile.ZipFile(path) as package:
            return "word/document.xml" in package.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


# --- LibreOffice ----------------------------------------------------------------------------------------


def found_office() -> Path | None:
    program = shutil.which("soffice") or shutil.which("libreoffice")
    return Path(program) if program else None


def set_by_office(office: Path, room: Path) -> None:
    """contract.docx in the room becomes contract.pdf there. Raises Refusal `word_unreadable` when that takes too much."""
    profile = room / "profile" / "user"
    profile.mkdir(parents=True)
    (profile / "registrymodifications.xcu").write_text(_SETTINGS)
    command = [
        *("/bin/sh", "-c", _LIMITED, "limited"),
        *_alone(),
        str(office),
        f"-env:UserInstallation={(room / 'profile').as_uri()}",
        *("--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck"),
        *("--convert-to", "pdf:writer_pdf_Export", "--outdir", str(room), str(room / "contract.docx")),
    ]
    process = subprocess.Popen(
        command,
        cwd=room,
        env=_bare_environment(room),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(WORD_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Refusal("word_unreadable") from late
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _alone() -> list[str]:
    """A network of its own, which has nothing in it, where the kernel grants one."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    alone = [unshare, "--net", "--map-root-user"]
    granted = subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0
    return alone if granted else []


def _bare_environment(room: Path) -> dict[str, str]:
    """No secret of the house; the folders that LibreOffice and its fonts would make at home are in the room."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "HOME": str(room), "TMPDIR": str(room), "LANG": "C.UTF-8", "SAL_USE_VCLPLUGIN": "svp"}


_LIMITED = (
    f"ulimit -c 0 && ulimit -t {WORD_SECONDS} && ulimit -v {WORD_MEGABYTES * 1024} && "
    f'ulimit -f {WORD_FILE_MEGABYTES * 2048} && exec "$@"'
)


def _setting(path: str, name: str, value: str) -> str:
    return f'<item oor:path="/org.openoffice.{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'


_SETTINGS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<oor:items xmlns:oor="http://openoffice.org/2001/registry">'
    + _setting("Office.Common/Security/Scripting", "MacroSecurityLevel", "3")
    + _setting("Office.Common/Security/Scripting", "DisableMacrosExecution", "true")
    + _setting("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true")
    + _setting("Office.Common/Save/Document", "WarnAlienFormat", "false")
    + _setting("Office.Writer/Content/Update", "Link", "0")
    + "</oor:items>\n"
)


# --- in the cage ----------------------------------------------------------------------------------------


def clean_word(*, source: str, target: str) -> dict[str, Any]:
    """The same Word file without what points outside of it, links to click excepted. Raises Refusal."""
    with zipfile.ZipFile(source) as package, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as clean:
        entries = package.infolist()
        if len(entries) > ZIP_LIMIT_ENTRIES or sum(entry.file_size for entry in entries) > ZIP_LIMIT_BYTES:
            raise Refusal("word_unreadable")
        for entry in entries:
            if entry.filename.lower().endswith("vbaproject.bin"):
                raise Refusal("word_macros")
            with package.open(entry) as file:
                content = file.read(entry.file_size + 1)
            if len(content) > entry.file_size:
                raise Refusal("word_unreadable")
            if entry.filename.endswith(".rels"):
                content = _OUTSIDE.sub(_kept_link, content)
            clean.writestr(entry.filename, content)
    return {}


def _kept_link(found: re.Match[bytes]) -> bytes:
    relation = found.group()
    outside = re.search(rb"TargetMode\s*=\s*[\"']External[\"']", relation) is not None
    link = re.search(rb"Type\s*=\s*[\"'][^\"']*/hyperlink[\"']", relation) is not None
    return b"" if outside and not link else relation


_OUTSIDE = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*?(?:/>|>\s*</(?:\w+:)?Relationship>)")


def draw_pictures(*, sources: list[str], target: str) -> dict[str, Any]:
    """One A4 page a picture. Raises Refusal."""
    import pikepdf

    with pikepdf.new() as pdf:
        for source in sources:
            _add_sheet(pdf, _opened(source))
        pdf.save(target, deterministic_id=True)
    return {"pages": len(sources)}


def _opened(source: str) -> "Image.Image":
    """The picture upright, on white, no larger than a sheet at 300 dots an inch."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # our own limit is stricter, and a refusal
    _know_heic(source)
    try:
        with Image.open(
            source, formats=("JPEG", "PNG", "HEIF") if kind_of(Path(source)) == "heic" else ("JPEG", "PNG")
        ) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Refusal("image_too_large")
            picture.draft("RGB", SHEET_PIXELS[::-1] if picture.width > picture.height else SHEET_PIXELS)
            upright = ImageOps.exif_transpose(picture)
            if upright.mode in ("1", "P", "PA"):  # has no shades between its colours to shrink to
                upright = upright.convert("L" if upright.mode == "1" else "RGBA")
            upright.thumbnail(SHEET_PIXELS[::-1] if upright.width > upright.height else SHEET_PIXELS)
            return _on_white(upright)
    except (OSError, ValueError, SyntaxError, ArithmeticError, LookupError, TypeError, RuntimeError) as error:
        raise Refusal("image_unreadable") from error


def _know_heic(source: str) -> None:
    if kind_of(Path(source)) == "heic":
        import pi_heif  # type: ignore[import-untyped]  # it has no types

        pi_heif.register_heif_opener()


def _on_white(picture: "Image.Image") -> "Image.Image":
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":  # sixteen bits a pixel
        picture = picture.convert("I").point(lambda value: value / 257).convert("L")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        white.alpha_composite(clear)
        return white.convert("RGB")
    return picture if picture.mode in ("L", "RGB") else picture.convert("L" if picture.mode == "1" else "RGB")


def _add_sheet(pdf: Any, picture: "Image.Image") -> None:
    from pikepdf import Dictionary

    across = picture.width > picture.height
    width, height = A4_POINTS[::-1] if across else A4_POINTS
    scale = min(
        (width - 2 * MARGIN_POINTS) / picture.width,
        (height - 2 * MARGIN_POINTS) / picture.height,
        1 / SCREEN_DOTS_PER_POINT,
    )
    wide, tall = picture.width * scale, picture.height * scale
    page = pdf.add_blank_page(page_size=(width, height))
    page.obj.Resources = Dictionary(XObject=Dictionary(P=_packed(pdf, picture)))
    left, bottom = (width - wide) / 2, (height - tall) / 2
    page.obj.Contents = pdf.make_stream(b"q %.3f 0 0 %.3f %.3f %.3f cm /P Do Q" % (wide, tall, left, bottom))


def _packed(pdf: Any, picture: "Image.Image") -> Any:
    """Without loss where there are few colours (drawings, screens, black and white), else as JPEG."""
    import io
    import zlib

    from pikepdf import Name

    entries = {
        "Type": Name.XObject,
        "Subtype": Name.Image,
        "Width": picture.width,
        "Height": picture.height,
        "BitsPerComponent": 8,
        "ColorSpace": Name.DeviceGray if picture.mode == "L" else Name.DeviceRGB,
    }
    if picture.getcolors(FEW_COLOURS if picture.mode == "RGB" else FEW_GREYS) is not None:
        return pdf.make_stream(zlib.compress(picture.tobytes(), 6), **entries, Filter=Name.FlateDecode)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=PHOTO_QUALITY)
    return pdf.make_stream(content.getvalue(), **entries, Filter=Name.DCTDecode)
