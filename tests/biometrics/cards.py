"""Documents that nobody holds: drawn for the tests, with numbers whose check digits are right."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from tests.biometrics.photographs import astronaut

Image = NDArray[np.uint8]

FONT = Path(__file__).resolve().parents[2] / "web" / "vendor" / "fonts" / "noto-sans-sc-regular.ttf"
PAPER, INK = (232, 238, 242), (30, 30, 34)

CN_NUMBER = "11010519900307234"
CODE = "91110000MA01ABCD5"


def digit(text: str) -> str:
    """ICAO 9303, written once more so that the test does not ask the code it tests."""
    table = {c: n for n, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
    return str(sum(table[c] * w for c, w in zip(text, [7, 3, 1] * len(text), strict=False)) % 10)


def cn_number(first: str = CN_NUMBER) -> str:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    total = sum(int(c) * w for c, w in zip(first, weights, strict=True))
    return first + "10X98765432"[total % 11]


def cn_code(first: str = CODE) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(alphabet.index(c) * 3**n % 31 for n, c in enumerate(first))
    return first + alphabet[(31 - total % 31) % 31]


def td3(*, birth: str = "900307", expiry: str = "310101", number: str = "L898902C3") -> list[str]:
    first = "P<UTOERIKSSON<<ANNA<MARIA".ljust(44, "<")
    second = f"{number}{digit(number)}UTO{birth}{digit(birth)}F{expiry}{digit(expiry)}" + "<" * 14
    second += digit(second[28:42])
    return [first, second + digit(second[:10] + second[13:20] + second[21:43])]


def td2(*, birth: str = "900307", expiry: str = "310101") -> list[str]:
    first, number = "I<UTOERIKSSON<<ANNA<MARIA".ljust(36, "<"), "D23145890"
    second = f"{number}{digit(number)}UTO{birth}{digit(birth)}F{expiry}{digit(expiry)}" + "<" * 7
    return [first, second + digit(second[:10] + second[13:20] + second[21:35])]


def td1(*, birth: str = "900307", expiry: str = "310101") -> list[str]:
    number = "D23145890"
    first = f"I<UTO{number}{digit(number)}".ljust(30, "<")
    second = f"{birth}{digit(birth)}F{expiry}{digit(expiry)}UTO".ljust(29, "<")
    second += digit(first[5:30] + second[:7] + second[8:15] + second[18:29])
    return [first, second, "ERIKSSON<<ANNA<MARIA".ljust(30, "<")]


def cn_front() -> Image:
    rows = [
        (60, 60, 40, "姓名  李雷"),
        (60, 140, 36, "性别  男    民族  汉"),
        (60, 220, 36, "出生  1990 年 3 月 7 日"),
        (60, 300, 36, "住址  北京市朝阳区建国路甲八十八号"),
        (150, 356, 36, "院三号楼二单元"),
        (60, 540, 44, f"公民身份号码  {cn_number()}"),
    ]
    return _card(rows, portrait=True)


def cn_back() -> Image:
    rows = [
        (330, 90, 54, "中华人民共和国"),
        (330, 180, 54, "居民身份证"),
        (200, 440, 38, "签发机关  北京市公安局朝阳分局"),
        (200, 520, 38, "有效期限  2019.05.06-2039.05.06"),
    ]
    return _card(rows)


def passport() -> Image:
    rows = [(60, 60, 40, "PASSPORT"), (60, 130, 34, "UTOPIA"), *_mrz(td3())]
    return _card(rows, portrait=True)


def card_front(*, number: str = "D23145890", name: str = "ANNA MARIA", birth: str = "07.03.1990") -> Image:
    """The side with the portrait of a card whose zone is on the other one."""
    rows = [
        (60, 50, 40, "UTOPIA  IDENTITY CARD"),
        (60, 140, 26, "Surname / Nom"),
        (60, 172, 36, "ERIKSSON"),
        (60, 240, 26, "Given names / Prénoms"),
        (60, 272, 36, name),
        (60, 340, 26, "Date of birth"),
        (60, 372, 36, birth),
        (60, 440, 26, "Date of expiry"),
        (60, 472, 36, "01.01.2031"),
        (60, 560, 26, "Document No."),
        (260, 552, 38, number),
    ]
    return _card(rows, portrait=True)


def card_back(*, birth: str = "900307") -> Image:
    lines = [(40, 420 + 64 * n, 44, line) for n, line in enumerate(td1(birth=birth))]
    return _card([(60, 60, 30, "Height  172 cm"), (60, 120, 30, "Authority  Utopia City"), *lines])


def licence() -> Image:
    rows = [
        (380, 60, 60, "营业执照"),
        (60, 170, 34, f"统一社会信用代码 {cn_code()}"),
        (60, 250, 36, "名称  北京春晓科技有限公司"),
        (60, 320, 36, "类型  有限责任公司"),
        (60, 390, 36, "法定代表人  韩梅梅"),
        (60, 460, 36, "住所  北京市海淀区中关村大街1号"),
    ]
    return _card(rows)


def _mrz(lines: list[str]) -> list[tuple[int, int, int, str]]:
    return [(40, 540 + 52 * n, 33, line) for n, line in enumerate(lines)]


def _card(rows: list[tuple[int, int, int, str]], *, portrait: bool = False) -> Image:
    picture = Pictures.new("RGB", (1010, 660), PAPER)
    draw = ImageDraw.Draw(picture)
    for x, y, size, text in rows:
        draw.text((x, y), text, font=ImageFont.truetype(str(FONT), size), fill=INK)
    card = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
    if portrait:
        head = cv2.resize(astronaut()[10:260, 110:340], (276, 300), interpolation=cv2.INTER_CUBIC)
        card[150:450, 700:976] = head
    return np.asarray(card, np.uint8)


def photographed(card: Image, seed: int = 1, degrees: float = 2.0) -> Image:
    """On a table, a little askew, a little blurred, unevenly lit, with noise."""
    random = np.random.default_rng(seed)
    height, width = card.shape[:2]
    table = np.full((height + 240, width + 240, 3), (70, 84, 96), np.uint8)
    table[120 : 120 + height, 120 : 120 + width] = card
    placed = cv2.getRotationMatrix2D((table.shape[1] / 2, table.shape[0] / 2), degrees, 1.0)
    picture = cv2.warpAffine(table, placed, (table.shape[1], table.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8).astype(float)
    picture *= np.linspace(0.85, 1.08, picture.shape[1])[None, :, None]
    return np.asarray(np.clip(picture + random.normal(0, 3, picture.shape), 0, 255), np.uint8)
