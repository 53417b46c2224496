"""What several photographs say together is about one document, and the portrait is the one on it."""

from bff.core.enrolment import Way
from bff.realname.papers import Papers, Side, read_papers

PASSPORT = {"name": "MALLORY", "number": "L898902C3", "birth": "1990-03-07", "expiry": "2031-01-01"}
FRONT = {"name": "李雷", "number": "11010519491231002X", "birth": "1949-12-31"}
BACK = {"expiry": "2039-05-06", "issuer": "北京市公安局"}


def side(kind: str, fields: dict[str, str], photograph: str) -> Side:
    return Side(kind, fields, (), "engine", photograph)


def test_sides_of_two_documents_are_not_mixed() -> None:
    both = (
        Papers()
        .with_side(side("passport", PASSPORT, "a"), portrait=True)
        .with_side(side("cn_id_front", FRONT, "b"), portrait=False)
    )
    assert both.fields == FRONT
    assert not both.portrait
    assert both.missing(Way.FACE) == "show_portrait"


def test_a_side_taken_anew_without_its_portrait_has_none() -> None:
    mine = Papers().with_side(side("passport", PASSPORT, "a"), portrait=True)
    other = mine.with_side(side("passport", {**PASSPORT, "name": "ALICE", "number": "L898902D1"}, "b"), portrait=False)
    assert other.fields["name"] == "ALICE"
    assert not other.portrait


def test_a_portrait_from_another_photograph_than_the_number_is_said_to_be() -> None:
    """Anybody can photograph themselves, and then the back of a card that they found."""
    front = Papers().with_side(side("unknown", {}, "a"), portrait=True)
    assert front.missing(Way.FACE) == "show_other_side"
    card = front.with_side(side("card", PASSPORT, "b"), portrait=False)
    assert card.missing(Way.FACE) is None
    assert "portrait_apart" in card.doubts
    assert "portrait_apart" not in front.with_side(side("passport", PASSPORT, "b"), portrait=True).doubts


def test_the_two_sides_of_one_card_belong_together() -> None:
    card = (
        Papers()
        .with_side(side("cn_id_front", FRONT, "a"), portrait=True)
        .with_side(side("cn_id_back", BACK, "b"), portrait=False)
        .with_side(side("unknown", {}, "c"), portrait=False)
    )
    assert card.fields == {**FRONT, **BACK}
    assert card.missing(Way.FACE) is None
    assert card.doubts == ()
    assert read_papers(card.dump()) == card
