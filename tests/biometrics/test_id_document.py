"""Documents read: drawn ones through the whole reader, and lines of text through the parsers alone."""

from collections.abc import Callable, Iterator
from datetime import date

import numpy as np
import pytest

from bff.biometrics import ocr
from bff.biometrics.faces import Eyes
from bff.biometrics.id_document import DOUBTS, DocumentReader, Kind, Reading, check_digit, understood
from bff.biometrics.media import Image, Media
from bff.biometrics.ocr import Line, Ocr
from bff.cage import Cage
from bff.core.errors import Fault, Refusal
from tests.biometrics import cards
from tests.biometrics.photographs import as_file

TODAY = date(2026, 11, 24)


def read(*texts: str, confidence: float = 0.99, today: date = TODAY) -> Reading:
    return understood(
        [Line(text, confidence, 0, 50.0 * n, 400, 50.0 * n + 40) for n, text in enumerate(texts)], today=today
    )


# --- machine-readable zones ---

SPECIMENS = {
    # The specimens printed in ICAO 9303, parts 4, 5 and 6.
    "TD3": ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"],
    "TD2": ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"],
    "TD1": ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"],
}


@pytest.mark.parametrize("lines", SPECIMENS.values(), ids=SPECIMENS)
def test_specimens_of_icao_are_read(lines: list[str]) -> None:
    reading = read("SPECIMEN", *lines)
    assert reading.fields["name"] == "ANNA MARIA ERIKSSON"
    assert reading.fields["number"] in ("L898902C3", "D23145890")
    assert (reading.fields["nationality"], reading.fields["sex"]) == ("UTO", "F")
    assert (reading.fields["birth"], reading.fields["expiry"]) == ("1974-08-12", "2012-04-15")
    assert set(reading.doubts) == {"expired", "name_latin_only"}


@pytest.mark.parametrize("zone", [cards.td3, cards.td2, cards.td1])
def test_valid_documents_raise_no_doubt_but_the_script_of_the_name(zone: Callable[..., list[str]]) -> None:
    assert read(*zone()).doubts == ("name_latin_only",)
    assert read(*zone(expiry="261123")).doubts == ("expired", "name_latin_only")
    assert "under_age" in read(*zone(birth="081125")).doubts
    assert "under_age" not in read(*zone(birth="081124")).doubts


def test_two_digit_years_are_of_the_right_century() -> None:
    assert read(*cards.td3(birth="261125")).fields["birth"] == "1926-11-25"
    assert read(*cards.td3(birth="261124")).fields["birth"] == "2026-11-24"
    assert read(*cards.td3(expiry="760101")).fields["expiry"] == "2076-01-01"


def test_check_digits_are_those_of_the_standard() -> None:
    assert check_digit("520727") == "3"
    assert check_digit("AB2134<<<") == "5"


@pytest.mark.parametrize("place", [1, 15, 22])
def test_a_wrong_digit_is_doubted(place: int) -> None:
    first, second = cards.td3()
    wrong = second[:place] + ("7" if second[place] != "7" else "4") + second[place + 1 :]
    assert set(read(first, wrong).doubts) & {"number_check_digit", "birth_check_digit", "expiry_check_digit"}
    assert "zone_check_digit" in read(first, wrong).doubts


def test_a_stroke_in_a_zone_is_the_letter_that_it_looks_like() -> None:
    first, *rest = cards.td1()
    reading = read("|" + first[1:], *rest)
    assert (reading.fields["number"], reading.doubts) == ("D23145890", ("name_latin_only",))


def test_letters_and_digits_that_readers_swap_are_put_right() -> None:
    first, second = cards.td3(number="L898902C3")
    confused = second[:13] + second[13:27].replace("0", "O") + second[27:]
    reading = read(first.replace("UTO", "UT0"), confused.replace("L898902C3", "L8989O2C3", 1))
    assert reading.doubts == ("name_latin_only",)
    assert reading.fields["number"] == "L898902C3"
    assert reading.fields["issuer"] == "UTO"


def test_fillers_that_were_miscounted_do_not_matter() -> None:
    first, second = cards.td3()
    assert read(first[:-3], second).fields["name"] == "ANNA MARIA ERIKSSON"
    assert read(first + "<<", second).doubts == ("name_latin_only",)


# --- cards of the PRC ---


def test_number_name_and_address_of_an_identity_card() -> None:
    number = cards.cn_number()
    reading = read("姓名 李雷", "性别 男 民族 汉", "住址 北京市朝阳区建国路", "八十八号", f"公民身份号码 {number}")
    assert reading.kind is Kind.CN_ID_FRONT
    assert reading.fields == {
        "name": "李雷",
        "number": number,
        "birth": "1990-03-07",
        "sex": "F" if int(number[16]) % 2 == 0 else "M",
        "nationality": "CHN",
        "address": "北京市朝阳区建国路八十八号",
    }
    assert reading.doubts == ()


@pytest.mark.parametrize(
    ("lines", "doubt"),
    [
        (("姓名 李雷", "公民身份号码 110105199003072340"), "number_check_digit"),
        (("姓名 李雷", "公民身份号码"), "number_missing"),
        (("姓名", f"公民身份号码 {cards.cn_number()}"), "name_missing"),
        (("姓名 李雷", f"公民身份号码 {cards.cn_number('11010520100307234')}"), "under_age"),
    ],
)
def test_what_is_wrong_with_an_identity_card_is_named(lines: tuple[str, ...], doubt: str) -> None:
    assert doubt in read(*lines).doubts


def test_a_label_may_stand_alone_above_its_value() -> None:
    assert read("姓名", "李雷", f"公民身份号码 {cards.cn_number()}").fields["name"] == "李雷"


@pytest.mark.parametrize(
    ("period", "expiry", "doubts"),
    [
        ("2019.05.06-2039.05.06", "2039-05-06", ()),
        ("2006.11.23-2026.11.23", "2026-11-23", ("expired",)),
        ("2019.05.06-长期", "never", ()),
        ("2019.05.06-2039.02.31", None, ("expiry_missing",)),
    ],
)
def test_the_back_tells_until_when(period: str, expiry: str | None, doubts: tuple[str, ...]) -> None:
    reading = read("中华人民共和国居民身份证", "签发机关 北京市公安局朝阳分局", f"有效期限 {period}")
    assert (reading.kind, reading.fields.get("expiry"), reading.doubts) == (Kind.CN_ID_BACK, expiry, doubts)
    assert reading.fields["authority"] == "北京市公安局朝阳分局"


def test_a_business_licence_names_company_code_and_representative() -> None:
    reading = read("营业执照", f"统一社会信用代码 {cards.cn_code()}", "名称 北京春晓科技有限公司", "法定代表人 韩梅梅")
    assert reading.kind is Kind.CN_LICENCE
    assert reading.fields["number"] == cards.cn_code()
    assert (reading.fields["name"], reading.fields["representative"]) == ("北京春晓科技有限公司", "韩梅梅")
    assert reading.doubts == ()
    assert (
        "number_check_digit" in read("营业执照", f"统一社会信用代码 {cards.CODE}0", "名称 北京春晓科技有限公司").doubts
    )


def test_anything_else_is_unknown() -> None:
    assert read("Good morning", "this is a letter").doubts == ("document_unknown",)
    assert read().kind is Kind.UNKNOWN


def test_a_reader_that_is_not_sure_says_so() -> None:
    assert "read_unsure" in read(*cards.td3(), confidence=0.5).doubts


def test_what_stands_on_a_document_does_not_stand_in_its_repr() -> None:
    shown = repr(read(*cards.td3()))
    assert "ERIKSSON" not in shown
    assert "898902" not in shown


# --- the whole reader ---


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    cage = Cage(4096, 60, 120)
    yield cage
    cage.close()


@pytest.fixture(scope="module")
def reader(eyes: Eyes, media: Media, cage: Cage) -> DocumentReader:
    return DocumentReader(eyes, media, Ocr(cage))


def photograph(card: Image) -> bytes:
    return as_file(cards.photographed(card), "JPEG", quality=85)


def test_a_photographed_identity_card_gives_fields_and_portrait(reader: DocumentReader) -> None:
    reading = reader.read(photograph(cards.cn_front()), today=TODAY)
    assert (reading.kind, reading.engine) == (Kind.CN_ID_FRONT, "paddle")
    assert (reading.fields["name"], reading.fields["number"]) == ("李雷", cards.cn_number())
    assert reading.fields["address"].startswith("北京市朝阳区建国路")
    assert reading.portrait is not None
    assert reading.portrait.width_pixels >= 70
    assert set(reading.doubts) <= {"read_unsure"}


def test_a_photographed_passport_gives_its_zone_and_portrait(reader: DocumentReader) -> None:
    reading = reader.read(photograph(cards.passport()), today=TODAY)
    assert reading.kind is Kind.PASSPORT
    assert (reading.fields["number"], reading.fields["expiry"]) == ("L898902C3", "2031-01-01")
    assert reading.fields["surname"] == "ERIKSSON"
    assert reading.portrait is not None


def test_the_back_and_a_licence_have_no_portrait(reader: DocumentReader) -> None:
    back = reader.read(photograph(cards.cn_back()), today=TODAY)
    assert (back.kind, back.fields["expiry"], back.portrait) == (Kind.CN_ID_BACK, "2039-05-06", None)
    licence = reader.read(photograph(cards.licence()), today=TODAY)
    assert (licence.kind, licence.fields["number"]) == (Kind.CN_LICENCE, cards.cn_code())
    assert licence.fields["representative"] == "韩梅梅"


def test_a_document_whose_portrait_is_covered_is_doubted(reader: DocumentReader) -> None:
    card = cards.cn_front()
    card[150:450, 700:976] = 200
    reading = reader.read(photograph(card), today=TODAY)
    assert reading.portrait is None
    assert {"portrait_missing", "photo_no_face"} <= set(reading.doubts)


def test_hostile_bytes_are_refused_before_anything_reads_them(reader: DocumentReader) -> None:
    with pytest.raises(Refusal, match="photo_unreadable"):
        reader.read(bytes(range(256)) * 30, today=TODAY)


def test_the_second_engine_reads_where_the_first_cannot(
    eyes: Eyes, media: Media, cage: Cage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "ENGINES", ("absent", "rapid"))
    asked = Ocr._asked

    def refuse(self: Ocr, engine: str, content: bytes) -> tuple[Line, ...]:
        from bff.cage import Caged

        if engine == "absent":
            raise Caged("failed", "ImportError")
        return asked(self, engine, content)

    monkeypatch.setattr(Ocr, "_asked", refuse)
    reading = DocumentReader(eyes, media, Ocr(cage)).read(photograph(cards.cn_front()), today=TODAY)
    assert (reading.engine, reading.fields["number"]) == ("rapid", cards.cn_number())


def test_without_any_engine_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Fault, match="ocr_missing"):
        Ocr(Cage(64, 1, 5)).read(np.zeros((40, 40, 3), np.uint8))


def test_every_doubt_has_its_name_in_the_list() -> None:
    seen = {d for lines in SPECIMENS.values() for d in read(*lines).doubts} | set(read().doubts)
    assert seen <= set(DOUBTS)
