"""Pages as pictures and words, with real documents in a real cage."""

import io
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String
from PIL import Image, ImageChops

from bff.cage import Cage, Caged
from bff.core.errors import Fault, Refusal
from bff.signing.pages import AREA_LIMIT_PIXELS, PRELOAD, CagedPages, sweep

CONTRACTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "contracts"
FIRST_PAGE_BYTES = 90_000
"""What the first page at 780 px may weigh, so that a phone has read something after 150 KB."""


class CountingCage(Cage):
    """A cage that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(1024, 20, 30, preload=PRELOAD)
        self.asked: list[dict[str, Any]] = []

    def stream(self, call: str, /, **arguments: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(arguments)
        return super().stream(call, **arguments)


class Shelf:
    """Documents by their digest."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        self._contents[digest] = content
        return digest

    def read(self, digest: str) -> bytes:
        if digest not in self._contents:
            raise Fault("archive_lost", what="No copy is left.", do="Restore one.")
        return self._contents[digest]


@pytest.fixture(scope="module")
def cage() -> Iterator[CountingCage]:
    cage = CountingCage()
    yield cage
    cage.close()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def pages(cage: CountingCage, shelf: Shelf, tmp_path: Path) -> Iterator[CagedPages]:
    cage.asked.clear()
    pages = CagedPages(cage, tmp_path / "cache", shelf.read)
    yield pages
    pages.close()


def document(*, pages: int = 1, size: tuple[float, float] = (600, 800), content: str = "", **page: Any) -> bytes:
    pdf = Pdf.new()
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    for number in range(1, pages + 1):
        leaf = pdf.add_blank_page(page_size=size).obj
        leaf.Resources = Dictionary(Font=Dictionary(F1=font))
        words = content or f"BT /F1 20 Tf 60 700 Td (Page {number}) Tj ET"
        leaf.Contents = pdf.make_stream(words.encode())
        for key, value in page.items():
            leaf[f"/{key}"] = value
    return saved(pdf)


def saved(pdf: Pdf) -> bytes:
    content = io.BytesIO()
    pdf.save(content, deterministic_id=True)
    return content.getvalue()


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def ink(picture: Image.Image) -> tuple[int, int, int, int] | None:
    """The box of everything that is not white."""
    return ImageChops.invert(picture.convert("L")).point(lambda value: 255 * (value > 64)).getbbox()


# --- pictures ---


@pytest.mark.parametrize(("wish", "width"), [(1, 480), (480, 480), (481, 780), (900, 1080), (9000, 1600)])
def test_a_wish_is_rounded_up_to_a_width_that_is_drawn(pages: CagedPages, shelf: Shelf, wish: int, width: int) -> None:
    picture = opened(pages.picture(shelf.put(document()), page=1, width=wish))
    assert picture.size == (width, -(-width * 800 // 600))


def test_a_page_is_drawn_as_displayed(pages: CagedPages, shelf: Shelf) -> None:
    square = "0 g 100 100 50 50 re f"
    turned = shelf.put(document(content=square, Rotate=90, CropBox=Array([100, 100, 300, 200])))
    picture = opened(pages.picture(turned, page=1, width=480))
    assert picture.size == (480, 960)
    left, top, right, bottom = ink(picture) or (0, 0, 0, 0)
    assert (left, top) == (0, 0)  # what was at the lower left of the crop is at the upper left after a quarter turn
    assert abs(right - 240) <= 2
    assert abs(bottom - 240) <= 2


def test_a_kept_picture_is_not_drawn_again(pages: CagedPages, shelf: Shelf, cage: CountingCage) -> None:
    digest = shelf.put(document())
    assert pages.picture(digest, page=1, width=780) == pages.picture(digest, page=1, width=700)
    assert len(cage.asked) == 1


def test_the_next_two_pages_are_drawn_in_the_same_process(pages: CagedPages, shelf: Shelf, cage: CountingCage) -> None:
    digest = shelf.put(document(pages=5))
    for page in (1, 2, 3):
        pages.picture(digest, page=page, width=480)
    assert [asked["pages"] for asked in cage.asked] == [[1, 2, 3]]
    pages.picture(digest, page=5, width=480)
    assert [asked["pages"] for asked in cage.asked][1:] == [[5, 6, 7]]


def test_many_who_ask_at_once_are_served_by_one_drawing(pages: CagedPages, shelf: Shelf, cage: CountingCage) -> None:
    digest, got = shelf.put(document(pages=3)), []
    together = threading.Barrier(12)

    def ask(page: int) -> None:
        together.wait()
        got.append(pages.picture(digest, page=page, width=480))

    readers = [threading.Thread(target=ask, args=(1 + number % 3,)) for number in range(12)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(got) == 12
    drawn = [page for asked in cage.asked for page in asked["pages"] if page <= 3]
    assert sorted(drawn) == [1, 2, 3]


def test_nothing_but_finished_pictures_is_left_in_the_cache(pages: CagedPages, shelf: Shelf, tmp_path: Path) -> None:
    digest = shelf.put(document(pages=2))
    pages.picture(digest, page=1, width=480)
    pages.close()
    left = sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert left == ["1-480.webp", "1-words.json", "2-480.webp", "2-words.json"]


def test_a_filled_form_field_is_drawn(pages: CagedPages, shelf: Shelf) -> None:
    pdf = pikepdf.open(io.BytesIO(document(content="0 g")))
    look = pdf.make_stream(b"0 g 0 0 100 50 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 100, 50]))
    field = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            FT=Name.Sig,
            T=String("signature"),
            F=4,
            Rect=Array([300, 400, 400, 450]),
            AP=Dictionary(N=look),
        )
    )
    pdf.pages[0].obj.Annots = Array([field])
    pdf.Root.AcroForm = Dictionary(Fields=Array([field]))
    box = ink(opened(pages.picture(shelf.put(saved(pdf)), page=1, width=480)))
    assert box is not None
    assert all(abs(side - expected) <= 2 for side, expected in zip(box, (240, 280, 320, 320), strict=True))


def test_colours_of_ink_and_logos_survive(pages: CagedPages, shelf: Shelf) -> None:
    red = shelf.put(document(content="0.8 0.1 0.1 rg 0 0 600 800 re f"))
    middle = opened(pages.picture(red, page=1, width=480)).getpixel((240, 320))
    assert isinstance(middle, tuple)
    assert all(abs(shade - wanted) <= 9 for shade, wanted in zip(middle, (204, 26, 26), strict=True))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photograph_keeps_its_tones(pages: CagedPages, shelf: Shelf, mode: str) -> None:
    slope = Image.linear_gradient("L").resize((600, 800))
    photo = slope if mode == "L" else Image.merge("RGB", (slope, Image.radial_gradient("L").resize((600, 800)), slope))
    pdf = Pdf.new()
    leaf = pdf.add_blank_page(page_size=(600, 800)).obj
    image = pdf.make_stream(
        photo.tobytes(),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=600,
        Height=800,
        ColorSpace=Name.DeviceRGB if mode == "RGB" else Name.DeviceGray,
        BitsPerComponent=8,
    )
    leaf.Resources = Dictionary(XObject=Dictionary(I=image))
    leaf.Contents = pdf.make_stream(b"600 0 0 800 0 0 cm /I Do")
    path = pages.picture(shelf.put(saved(pdf)), page=1, width=480)
    assert len(opened(path).convert("L").getcolors() or []) > 100
    assert path.stat().st_size < 40_000


def test_a_page_of_text_is_kept_without_loss(pages: CagedPages, shelf: Shelf) -> None:
    picture = opened(pages.picture(shelf.put(document()), page=1, width=780))
    assert {tone % 17 for _, (tone, *_) in picture.getcolors() or []} == {0}  # type: ignore[misc]


def test_a_page_of_any_shape_stays_below_the_limit_of_pixels(pages: CagedPages, shelf: Shelf) -> None:
    tower = opened(pages.picture(shelf.put(document(size=(10, 14_000))), page=1, width=1600))
    assert 0 < tower.width * tower.height <= AREA_LIMIT_PIXELS * 1.01


@pytest.mark.skipif(not CONTRACTS.exists(), reason="the folder of real files is not here")
def test_the_first_page_of_a_real_contract_is_light(pages: CagedPages, shelf: Shelf) -> None:
    sizes = {}
    for path in sorted(CONTRACTS.glob("*.pdf")):
        sizes[path.name] = pages.picture(shelf.put(path.read_bytes()), page=1, width=780).stat().st_size
    assert sizes
    assert max(sizes.values()) <= FIRST_PAGE_BYTES, sizes


# --- refusals ---


@pytest.mark.parametrize("page", [0, -1, 3, 10_000])
def test_a_page_that_is_not_there_is_refused(pages: CagedPages, shelf: Shelf, page: int) -> None:
    digest = shelf.put(document(pages=2))
    for ask in (lambda: pages.picture(digest, page=page, width=480), lambda: pages.words(digest, page=page)):
        with pytest.raises(Refusal, match="no_such_page"):
            ask()


@pytest.mark.parametrize("name", ["../../secrets/key", "", "A" * 64, "a" * 63])
def test_only_a_digest_names_a_document(pages: CagedPages, name: str) -> None:
    with pytest.raises(Refusal, match="no_such_page"):
        pages.picture(name, page=1, width=480)
    with pytest.raises(Refusal, match="no_such_page"):
        pages.words(name, page=1)


def test_a_document_that_is_lost_is_the_operator_s_matter(pages: CagedPages) -> None:
    with pytest.raises(Fault, match="archive_lost"):
        pages.picture("a" * 64, page=1, width=480)


def test_a_page_that_cannot_be_drawn_is_refused_and_can_be_asked_for_again(pages: CagedPages, shelf: Shelf) -> None:
    digest = shelf.put(b"%PDF-1.7 and nothing more")
    for _ in range(2):
        with pytest.raises(Refusal, match="page_unreadable") as caught:
            pages.picture(digest, page=1, width=480)
        assert isinstance(caught.value.__cause__, Caged)
    with pytest.raises(Refusal, match="page_unreadable"):
        pages.words(digest, page=1)


def test_a_child_that_only_says_it_has_drawn_is_not_waited_for(shelf: Shelf, tmp_path: Path) -> None:
    class Liar(Cage):
        def stream(self, call: str, /, **arguments: Any) -> Iterator[dict[str, Any]]:
            yield {"page": 1, "drawn": True}

    pages = CagedPages(Liar(), tmp_path / "cache", shelf.read)
    with pytest.raises(Refusal, match="page_unreadable"):
        pages.picture(shelf.put(document()), page=1, width=480)
    pages.close()


def test_a_bad_page_does_not_spoil_the_good_one_before_it(shelf: Shelf, tmp_path: Path) -> None:
    pdf = pikepdf.open(io.BytesIO(document(pages=3)))
    pdf.pages[1].obj.Contents = pdf.make_stream(b"q " * 20_000_000)
    digest = shelf.put(saved(pdf))
    pages = CagedPages(Cage(300, 20, 20), tmp_path / "cache", shelf.read)
    assert pages.picture(digest, page=1, width=480).exists()
    with pytest.raises(Refusal, match="page_unreadable"):
        pages.picture(digest, page=2, width=480)
    assert pages.picture(digest, page=3, width=480).exists()
    pages.close()


# --- words ---


def test_words_stand_where_they_are_drawn(pages: CagedPages, shelf: Shelf) -> None:
    digest = shelf.put(document(content="BT /F1 20 Tf 60 700 Td (Party A:) Tj 300 0 Td (Party B:) Tj ET"))
    first, second = pages.words(digest, page=1)
    assert (first["text"], second["text"]) == ("Party A:", "Party B:")
    assert abs(first["x"] - 1000) < 60
    assert abs(second["x"] - 6000) < 60
    assert first["y"] < 1250 < first["y"] + first["h"]  # the baseline, 100 of 800 points from the top


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_words_lie_on_their_ink_however_the_page_is_turned(pages: CagedPages, shelf: Shelf, turn: int) -> None:
    content = "BT /F1 40 Tf 150 500 Td (HHHHHH) Tj ET"
    digest = shelf.put(document(content=content, Rotate=turn, CropBox=Array([50, 100, 550, 700])))
    [line] = pages.words(digest, page=1)
    picture = opened(pages.picture(digest, page=1, width=1080))
    left, top, right, bottom = ink(picture) or (0, 0, 0, 0)
    box = [line["x"], line["y"], line["x"] + line["w"], line["y"] + line["h"]]
    drawn = [left / picture.width, top / picture.height, right / picture.width, bottom / picture.height]
    assert line["text"] == "HHHHHH"
    assert box[0] <= drawn[0] * 10_000 + 60
    assert box[1] <= drawn[1] * 10_000 + 60
    assert box[2] >= drawn[2] * 10_000 - 60
    assert box[3] >= drawn[3] * 10_000 - 60
    assert line["w"] * line["h"] < 3 * (drawn[2] - drawn[0]) * (drawn[3] - drawn[1]) * 1e8


def test_words_are_read_once(pages: CagedPages, shelf: Shelf, cage: CountingCage) -> None:
    digest = shelf.put(document())
    assert pages.words(digest, page=1) == pages.words(digest, page=1)
    assert len(cage.asked) == 1


def test_words_of_a_page_that_was_drawn_wait_for_the_reader(
    pages: CagedPages, shelf: Shelf, cage: CountingCage
) -> None:
    digest = shelf.put(document(pages=2))
    pages.picture(digest, page=1, width=480)
    pages.close()
    assert [line["text"] for line in pages.words(digest, page=2)] == ["Page 2"]
    assert len(cage.asked) == 1


def test_a_page_without_words_has_none(pages: CagedPages, shelf: Shelf) -> None:
    assert pages.words(shelf.put(document(content="0 g")), page=1) == []


def test_a_cache_named_relatively_is_found_by_the_child_and_closed_to_others(
    cage: CountingCage, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pages = CagedPages(cage, Path("cache"), shelf.read)
    picture = pages.picture(shelf.put(document()), page=1, width=480)
    pages.close()
    assert picture.stat().st_mode & 0o077 == 0
    assert Path("cache").stat().st_mode & 0o077 == 0


# --- the cache's size ---


def test_what_was_looked_at_longest_ago_goes_first(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "old", "oldest"]):
        (tmp_path / name).write_bytes(bytes(400))
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    sweep(tmp_path, 2_000)
    assert len(list(tmp_path.iterdir())) == 3
    sweep(tmp_path, 1_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_parts_of_a_process_that_died_are_swept(tmp_path: Path) -> None:
    (tmp_path / ".part-left").write_bytes(b"x")
    os.utime(tmp_path / ".part-left", (1_000_000, 1_000_000))
    (tmp_path / ".part-fresh").write_bytes(b"x")
    (tmp_path / "1-480.webp").write_bytes(b"x")
    sweep(tmp_path, 1_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".part-fresh", "1-480.webp"]
