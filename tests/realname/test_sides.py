"""Two photographs of one card, told from photographs of two: what agrees, what does not, and what nobody can read."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.core.enrolment import PORTRAIT_APART
from bff.realname.papers import Papers, Side, read_papers
from bff.realname.sides import AGREED, agree

TODAY = date(2026, 11, 28)
ZONE = {
    "surname": "ERIKSSON",
    "given_names": "ANNA MARIA",
    "name": "ANNA MARIA ERIKSSON",
    "number": "D23145890",
    "birth": "1990-03-07",
    "expiry": "2031-01-01",
}
FRONT = (
    "UTOPIA\nSurname\nEriksson\nGiven names\nAnna Maria\nDate of birth\n07.03.1990\nExpiry 01.01.2031\nNo. D23145890"
)


def same(front: str = FRONT, **zone: str) -> bool:
    return agree(front, {**ZONE, **zone}, today=TODAY) == AGREED


def test_number_birth_and_names_on_both_sides_are_one_card() -> None:
    assert same()


@pytest.mark.parametrize(
    "other",
    [
        {"number": "D23145891"},
        {"number": "D2314589"},
        {"birth": "1990-03-08"},
        {"surname": "ERIKSEN"},
        {"surname": "ERIK"},
        {"given_names": "ANNA"} | {"surname": ""},
        {"given_names": "ANNA SOFIA"},
        {"given_names": "MARI"},
        {"given_names": ""},
        {"number": ""},
        {"birth": ""},
    ],
)
def test_one_difference_is_two_cards(other: dict[str, str]) -> None:
    assert not same(**other)


@pytest.mark.parametrize(
    "written",
    [
        "7 MAR 1990",
        "07 MAR/MARS 1990",
        "1990-03-07",
        "1990.03.07",
        "07/03/1990",
        "07 03 1990",
        "03/07/1990",
        "07. März 1990",
    ],
)
def test_a_birth_may_be_written_as_cards_write_it(written: str) -> None:
    assert same(FRONT.replace("07.03.1990", written))


@pytest.mark.parametrize(
    ("front", "surname"),
    [
        ("Müller", "MUELLER"),
        ("MULLER", "MUELLER"),
        ("Große-Øst", "GROSSE OEST"),
        ("O'Connor", "OCONNOR"),
        ("Ñandú", "NANDU"),
        ("Ågren", "AAGREN"),
        ("Łuçón", "LUCON"),
        ("van der Berg", "VAN DER BERG"),
    ],
)
def test_names_are_compared_as_they_are_transliterated(front: str, surname: str) -> None:
    assert same(FRONT.replace("Eriksson", front), surname=surname)


def test_a_name_that_the_zone_cuts_off_is_compared_as_far_as_it_goes() -> None:
    front = FRONT.replace("Anna Maria", "Anna Maria Magdalena Charlotte")
    assert not same(front, given_names="ANNA MARIA MAGDA")  # there was room for more
    assert same(front, given_names="ANNA MARIA MAGDALENA")
    assert same(
        front.replace("Eriksson", "Eriksson Lindqvista"), surname="ERIKSSON LINDQVISTA", given_names="ANNA MARI"
    )
    assert not same(front, given_names="ANNA MARIA MAG")


def test_what_a_reader_takes_for_another_sign_in_a_number_is_the_same_sign() -> None:
    assert same(FRONT.replace("D23145890", "D2314589O"))
    assert same(FRONT.replace("D23145890", "D23145 890"))


@pytest.mark.parametrize(
    "beside",
    ["05.06.1985", "12 JUN 1971", "31.12.2033", "No. D99999999", "No. C12345678"],
    ids=["another birth", "another birth in words", "another end", "another number", "a number of the same form"],
)
def test_a_picture_that_also_shows_another_card_is_left_to_a_human(beside: str) -> None:
    assert not same(f"{FRONT}\n{beside}")


def test_a_day_of_issue_and_other_numbers_speak_of_nobody_else() -> None:
    assert same(f"{FRONT}\nIssued 02.01.2021\nCAN 123456\n172 cm")


def test_nothing_that_was_read_agrees_with_nothing() -> None:
    assert not same("")
    assert agree(FRONT, {}, today=TODAY) == ()


@given(front=st.text(max_size=300), number=st.text(max_size=12), name=st.text(max_size=30))
def test_whatever_was_read_is_an_answer(front: str, number: str, name: str) -> None:
    agree(front, {**ZONE, "number": number, "surname": name, "given_names": name}, today=TODAY)


# --- as photographs of one document ---


def side(kind: str, fields: dict[str, str], photograph: str, *doubts: str) -> Side:
    return Side(kind, fields, doubts, "engine", photograph)


def photographed(back: Side, front: str = FRONT, *, back_first: bool = False) -> Papers:
    known = Papers()
    taken = [(side("unknown", {"text": front}, "f"), True), (back, False)]
    for one, portrait in reversed(taken) if back_first else taken:
        known = known.with_side(one, portrait=portrait).compared(today=TODAY)
    return known


@pytest.mark.parametrize("back_first", [False, True])
def test_both_sides_of_one_card_leave_no_doubt_whose_portrait_it_is(back_first: bool) -> None:
    known = photographed(side("card", ZONE, "b", "name_latin_only"), back_first=back_first)
    assert known.agreed == AGREED
    assert PORTRAIT_APART not in known.doubts
    assert "text" not in known.fields
    assert read_papers(known.dump()) == known


def test_sides_of_two_cards_stay_apart_and_so_does_a_zone_that_does_not_add_up() -> None:
    stranger = {**ZONE, "number": "D11111111"}
    assert PORTRAIT_APART in photographed(side("card", stranger, "b")).doubts
    assert PORTRAIT_APART in photographed(side("card", ZONE, "b", "zone_check_digit")).doubts


def test_another_front_or_back_afterwards_is_compared_anew() -> None:
    known = photographed(side("card", ZONE, "b"))
    other = known.with_side(side("card", {**ZONE, "number": "D11111111"}, "c"), portrait=False).compared(today=TODAY)
    assert PORTRAIT_APART in other.doubts
    theirs = known.with_side(side("unknown", {"text": "Somebody else"}, "d"), portrait=True).compared(today=TODAY)
    assert PORTRAIT_APART in theirs.doubts
