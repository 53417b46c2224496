"""The timeline as a sender reads it."""

from datetime import UTC, datetime, timedelta

from bff.routes.telling import Line, merged

START = datetime(2026, 11, 24, 9, tzinfo=UTC)


def _line(minute: int, sentence: str, kind: str = "read") -> Line:
    return Line(at=START + timedelta(minutes=minute), sentence=sentence, kind=kind, problem=False)


def test_looking_again_and_again_is_one_line_from_the_first_time_to_the_last() -> None:
    lines = [_line(0, "Bob looked"), _line(1, "Bob looked"), _line(5, "Bob looked"), _line(6, "Carol looked")]
    told = merged(lines)
    assert [(line.sentence, line.at, line.until) for line in told] == [
        ("Bob looked", START, START + timedelta(minutes=5)),
        ("Carol looked", START + timedelta(minutes=6), None),
    ]


def test_other_events_and_interrupted_readings_stay_apart() -> None:
    lines = [_line(0, "Bob looked"), _line(1, "Sent", "sent"), _line(2, "Sent", "sent"), _line(3, "Bob looked")]
    assert merged(lines) == lines
