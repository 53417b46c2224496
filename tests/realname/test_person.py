"""A check from consent to an identity, with the real readers and judges, and every way in which it does not get there."""

from datetime import timedelta

import pytest

from bff.core import evidence
from bff.core.enrolment import FACE_TRIES, PORTRAIT_APART, State, Way
from bff.core.errors import Refusal
from bff.core.gestures import Commitment
from bff.core.identity import GOOD_FOR, Level
from bff.core.ports import Documents, SourceAnswer, SourceOutcome
from bff.realname.agreement import paragraphs
from bff.realname.person import VIDEOS, _valid_until
from bff.realname.recordings import CHALLENGE_LIFETIME, LIMIT_BYTES, PIECES
from bff.store.people import Person
from bff.throttle import Throttle
from bff.wiring import House
from tests.biometrics import cards
from tests.builders import Clock, inbox, work
from tests.databases import ON_BOTH
from tests.people import Actor, committed, photograph, send, shows_card, shows_face
from tests.together import together

NUMBER = cards.cn_number()


@pytest.fixture
def li_lei(home: House) -> Person:
    with home.store.begin() as unit:
        person = unit.people.add(name="Li", language="en", role=None)
        unit.people.verified(person.id, "lilei@example.org")
    return person


@pytest.fixture
def token(home: House, li_lei: Person) -> str:
    return home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)


@ON_BOTH
def test_a_person_with_document_and_face_is_known_for_a_year(
    home: House, li_lei: Person, token: str, actor: Actor, clock: Clock
) -> None:
    assert shows_card(home, token).state is State.FACE
    check = shows_face(home, token, actor)
    assert (check.state, check.level) == (State.PASSED, Level.DOCUMENT_FACE)
    identity = home.enrolment.standing(li_lei.id)
    assert identity is not None
    assert (identity.name, identity.document, identity.level) == ("李雷", "cn_id_front", Level.DOCUMENT_FACE)
    assert identity.satisfies(Level.DOCUMENT_FACE, now=clock.now())
    assert not identity.satisfies(Level.DOCUMENT_FACE_SOURCE, now=clock.now())
    assert identity.facts["face"]["outcome"] == "pass"
    assert identity.facts["document"]["corrected"] == []
    clock.forward(days=364)
    assert home.enrolment.standing(li_lei.id) is not None
    clock.forward(days=2)
    assert home.enrolment.standing(li_lei.id) is None


def test_what_is_kept_names_no_number_and_holds_no_face(home: House, li_lei: Person, token: str, actor: Actor) -> None:
    shows_card(home, token)
    shows_face(home, token, actor)
    with home.store.read() as unit:
        entries = unit.chronicle.entries(f"person:{li_lei.id}")
    assert evidence.check(entries, contract_id=f"person:{li_lei.id}") is None
    kinds = [entry.value["kind"] for entry in entries]
    assert kinds == ["begun", "consented", *["photographed", "read"] * 2, "confirmed", "recorded", "judged"]
    database = (home.settings.data_dir / "countersign.db").read_bytes()
    wal = home.settings.data_dir / "countersign.db-wal"
    stored = database + (wal.read_bytes() if wal.exists() else b"")
    assert NUMBER.encode() not in stored
    assert "建国路".encode() not in stored


def test_a_document_without_a_portrait_is_for_a_human(home: House, token: str) -> None:
    """What cannot be read is typed in; without a portrait on the photograph no video can be compared with it."""
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, photograph(cards.licence()))
    work(home)
    home.enrolment.type_instead(token)
    fields = {"kind": "other", "name": "Li Lei", "number": "X1", "birth": "1990-03-07", "expiry": "2039-05-06"}
    with pytest.raises(Refusal, match="portrait_needed"):
        home.enrolment.confirm(token, fields)
    home.enrolment.other_way(token)
    assert home.enrolment.confirm(token, fields).state is State.REVIEW


def test_the_other_side_is_asked_for(home: House, token: str) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, photograph(cards.cn_back()))
    work(home)
    check = home.enrolment.look(token).check
    assert (check.state, check.hint) == (State.DOCUMENT, "show_front")
    home.enrolment.photograph(token, photograph(cards.cn_front()))
    work(home)
    assert home.enrolment.look(token).check.state is State.CONFIRM


def test_a_passport_needs_one_photograph(home: House, token: str) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, photograph(cards.passport()))
    work(home)
    view = home.enrolment.look(token)
    assert view.check.state is State.CONFIRM
    assert view.fields["name"] == "ANNA MARIA ERIKSSON"


@pytest.mark.parametrize(
    ("front", "apart"),
    [({}, False), ({"number": "D23145881"}, True), ({"name": "ANNA SOFIA"}, True), ({"birth": "08.03.1990"}, True)],
    ids=["one card", "another number", "another name", "another birth"],
)
def test_a_card_with_its_zone_on_the_back_is_one_card_where_both_sides_say_the_same(
    home: House, token: str, front: dict[str, str], apart: bool
) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    for side in (cards.card_front(**front), cards.card_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    view = home.enrolment.look(token)
    assert (view.check.state, view.check.kind) == (State.CONFIRM, "card")
    assert view.fields["name"] == "ANNA MARIA ERIKSSON"
    assert (PORTRAIT_APART in view.check.doubts) is apart
    with home.store.read() as unit:
        read = unit.chronicle.entries(f"person:{view.person.id}")[-1].value["data"]
    assert read.get("sides_agree_on") == (None if apart else ["birth", "name", "number"])


@pytest.mark.parametrize("content", [b"\x00" * 1000, b"%PDF-1.7", b"\xff\xd8\xff\xe0" + b"a" * 500])
def test_what_is_no_photograph_comes_back_with_a_hint(home: House, token: str, content: bytes) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, content)
    work(home)
    check = home.enrolment.look(token).check
    assert (check.state, check.hint) == (State.DOCUMENT, "photo_unreadable")


def test_somebody_else_in_the_video_is_refused(home: House, li_lei: Person, token: str, somebody_else: Actor) -> None:
    shows_card(home, token)
    check = shows_face(home, token, somebody_else)
    assert (check.state, check.reason) == (State.REFUSED, "other_person")
    assert home.enrolment.standing(li_lei.id) is None
    with pytest.raises(Refusal, match="check_over"):
        home.enrolment.photograph(token, b"again")


def test_a_video_for_another_challenge_gets_a_hint_and_a_new_challenge(home: House, token: str, actor: Actor) -> None:
    shows_card(home, token)
    _, first = home.enrolment.ask_for_video(token, colours=True, slow=False)
    home.enrolment._chance = lambda count: bytes([2]) * count
    video, second = home.enrolment.ask_for_video(token, colours=True, slow=False)
    assert first != second
    send(home, video.id, actor.video(first))
    home.enrolment.recorded(token, video.id, mime="video/mp4")
    work(home)
    check = home.enrolment.look(token).check
    assert check.state is State.FACE
    assert check.hint in ("action_missing", "action_out_of_order", "action_not_asked")


def test_the_same_recording_serves_nobody_twice(home: House, li_lei: Person, token: str, actor: Actor) -> None:
    shows_card(home, token)
    assert shows_face(home, token, actor).state is State.PASSED
    with home.store.begin() as unit:
        twin = unit.people.add(name="Twin", language="en", role=None)
    again = home.enrolment.begin(twin.id, needed=Level.DOCUMENT_FACE)
    shows_card(home, again)
    check = shows_face(home, again, actor)
    assert (check.state, check.reason) == (State.REFUSED, "seen_before")


def test_an_older_challenge_is_void_and_an_old_one_too_late(
    home: House, token: str, actor: Actor, clock: Clock
) -> None:
    shows_card(home, token)
    old, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    new, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    with pytest.raises(Refusal, match="video_unknown"):
        home.enrolment.recordings.add(old.id, offset=0, content=b"x")
    clock.forward(minutes=3)
    with pytest.raises(Refusal, match="challenge_late"):
        home.enrolment.recordings.add(new.id, offset=0, content=b"x")
    with pytest.raises(Refusal, match="challenge_late"):
        home.enrolment.recorded(token, new.id, mime="video/mp4")


def test_a_broken_upload_goes_on_where_it_was_and_takes_its_time(
    home: House, token: str, actor: Actor, clock: Clock
) -> None:
    shows_card(home, token)
    video, challenge = home.enrolment.ask_for_video(token, colours=True, slow=False)
    content, recordings = actor.video(challenge), home.enrolment.recordings
    recordings.add(video.id, offset=0, content=content[:1000], commitment=committed(content))
    with pytest.raises(Refusal) as refused:
        recordings.add(video.id, offset=0, content=content[:1000])
    assert refused.value.params["offset"] == recordings.received(video.id).size == 1000
    clock.forward(minutes=5)
    recordings.add(video.id, offset=1000, content=content[1000:200_000])
    recordings.add(video.id, offset=200_000, content=content[200_000:])
    home.enrolment.recorded(token, video.id, mime="video/mp4")
    assert home.enrolment.recorded(token, video.id, mime="video/mp4").state is State.JUDGING
    work(home)
    assert home.enrolment.look(token).check.state is State.PASSED


def test_a_correction_of_the_name_is_looked_at_by_a_human(
    home: House, li_lei: Person, token: str, actor: Actor, owner: Person
) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    for side in (cards.cn_front(), cards.cn_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    fields = {**home.enrolment.look(token).fields, "name": "王芳"}
    home.enrolment.confirm(token, fields)
    check = shows_face(home, token, actor)
    assert (check.state, check.why_review) == (State.REVIEW, "corrected")
    assert "/reviews" in inbox(home, to="olga@example.org")[0].body
    (waiting,) = home.enrolment.pending(owner)
    assert (waiting.read["name"], waiting.fields["name"]) == ("李雷", "王芳")
    home.enrolment.decide(owner, check.id, accepted=False, reason="The card says 李雷.")
    work(home)
    assert home.enrolment.look(token).check.state is State.REFUSED
    assert "The card says 李雷." in inbox(home, to="lilei@example.org")[0].body


def test_nobody_has_to_show_their_face(home: House, li_lei: Person, token: str, owner: Person, clock: Clock) -> None:
    check = shows_card(home, token, way=Way.ATTENDED)
    assert (check.state, check.why_review) == (State.REVIEW, "attended")
    after = home.enrolment.decide(
        owner, check.id, accepted=True, reason="I saw her and her card at our office.", seen="in_person"
    )
    assert (after.state, after.level) == (State.PASSED, Level.DOCUMENT)
    identity = home.enrolment.standing(li_lei.id)
    assert identity is not None
    assert identity.attended_by == owner.id
    assert identity.satisfies(Level.DOCUMENT_FACE, now=clock.now())
    assert identity.facts["level"] == "document"


def test_the_way_can_be_changed_before_the_video(home: House, token: str) -> None:
    shows_card(home, token)
    assert home.enrolment.other_way(token).state is State.REVIEW


def test_who_changes_the_way_shows_no_human_the_video(home: House, li_lei: Person, owner: Person, token: str) -> None:
    shows_card(home, token)
    video, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    send(home, video.id, b"somebody's face")
    (piece,) = home.enrolment.recordings.received(video.id).pieces
    check = home.enrolment.other_way(token)
    assert home.enrolment.to_review(owner, check.id).video is None
    with pytest.raises(Refusal, match="review_unknown"):
        home.enrolment.picture(owner, check.id, "video")
    with home.store.read() as unit:
        after = unit.identities.video(video.id)
    assert after is not None
    assert (after.state, after.pieces) == ("over", ())
    with pytest.raises(Refusal, match="face_media_gone"):
        home.enrolment._vault().read(li_lei.id, piece)
    with pytest.raises(Refusal, match="video_unknown"):
        home.enrolment.recordings.add(video.id, offset=0, content=b"x")


@pytest.mark.parametrize("way", [Way.FACE, Way.PAPER])
def test_the_agreement_says_that_a_human_may_look(way: Way) -> None:
    assert any("a person who is responsible for this service" in text for text in paragraphs(way, "en", days=30))


def test_two_people_decide_where_the_house_wants_it(home: House, li_lei: Person, owner: Person) -> None:
    object.__setattr__(home.enrolment._rules, "reviewers", 2)
    home.account.add_member(owner, name="Second", contact="second@example.org", language="en")
    with home.store.begin() as unit:
        second = unit.people.by_contact("second@example.org")
        assert second is not None
        unit.people.change(second.id, role="owner")
    second = next(p for p in home.account.members() if p.id == second.id)
    token = home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)
    check = shows_card(home, token, way=Way.ATTENDED)
    assert home.enrolment.decide(owner, check.id, accepted=True, reason="Seen.", seen="in_person").state is State.REVIEW
    with pytest.raises(Refusal, match="review_by_another"):
        home.enrolment.decide(owner, check.id, accepted=True, reason="Seen twice.", seen="video")
    assert (
        home.enrolment.decide(second, check.id, accepted=True, reason="Seen too.", seen="in_person").state
        is State.PASSED
    )


def test_nobody_decides_about_themselves(home: House, owner: Person) -> None:
    token = home.enrolment.begin(owner.id, needed=Level.DOCUMENT_FACE)
    check = shows_card(home, token, way=Way.ATTENDED)
    with pytest.raises(Refusal, match="review_not_oneself"):
        home.enrolment.decide(owner, check.id, accepted=True, reason="That is me.")


class AnsweringSource:
    """A source with one answer."""

    configured = True

    def __init__(self, outcome: SourceOutcome) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, str]] = []

    def ask(self, *, name: str, number: str, phone: str | None = None, portrait: bytes | None = None) -> SourceAnswer:
        self.asked.append((name, number))
        return SourceAnswer(self.outcome, "registry", "ref-1", ("name", "number"))

    def check(self) -> str:
        return "answers"


@pytest.mark.parametrize(
    ("outcome", "state", "level"),
    [
        (SourceOutcome.MATCH, State.PASSED, Level.DOCUMENT_FACE_SOURCE),
        (SourceOutcome.NO_MATCH, State.REVIEW, None),
        (SourceOutcome.UNKNOWN, State.REVIEW, None),
        (SourceOutcome.NOT_AVAILABLE, State.PASSED, Level.DOCUMENT_FACE),
    ],
)
def test_what_the_source_says_decides(
    home: House, li_lei: Person, actor: Actor, outcome: SourceOutcome, state: State, level: Level | None, clock: Clock
) -> None:
    source = AnsweringSource(outcome)
    home.enrolment._source = source
    token = home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)
    shows_card(home, token)
    shows_face(home, token, actor)
    for _ in range(5):
        clock.forward(minutes=20)
        work(home)
    with home.store.read() as unit:
        (check,) = unit.identities.checks_of(li_lei.id)
    assert (check.state, check.level) == (state, level)
    assert source.asked[0] == ("李雷", NUMBER)


def test_erasing_destroys_media_and_ends_what_was_known(home: House, li_lei: Person, token: str, actor: Actor) -> None:
    shows_card(home, token)
    check = shows_face(home, token, actor)
    with home.store.read() as unit:
        media = unit.identities.media(check.id)
    home.enrolment.erase(li_lei.id)
    assert home.enrolment.standing(li_lei.id) is None
    for name in (*media["photographs"], media["template"], media["face"], media["confirmed"]):
        with pytest.raises(Refusal, match="face_media_gone"):
            home.face_vault.read(li_lei.id, name)
    with home.store.read() as unit:
        assert unit.chronicle.entries(f"person:{li_lei.id}")[-1].value["kind"] == "erased"


def test_media_go_on_schedule_and_the_face_stays_for_its_year(
    home: House, li_lei: Person, token: str, actor: Actor, clock: Clock
) -> None:
    shows_card(home, token)
    check = shows_face(home, token, actor)
    with home.store.read() as unit:
        media = unit.identities.media(check.id)
    clock.forward(days=31)
    assert home.enrolment.sweep() > 0
    with pytest.raises(Refusal, match="face_media_gone"):
        home.face_vault.read(li_lei.id, media["photographs"][0])
    assert home.face_vault.read(li_lei.id, media["face"])


def test_a_check_that_nobody_goes_on_with_ends(home: House, li_lei: Person, token: str, clock: Clock) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    clock.forward(hours=4)
    with pytest.raises(Refusal, match="check_unknown"):
        home.enrolment.look(token)
    home.enrolment.sweep()
    with home.store.read() as unit:
        assert [check.state for check in unit.identities.checks_of(li_lei.id)] == [State.ENDED]


def test_beginning_again_goes_on_where_it_was_with_a_new_link(home: House, li_lei: Person, token: str) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    again = home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)
    assert home.enrolment.look(again).check.state is State.DOCUMENT
    with pytest.raises(Refusal, match="check_unknown"):
        home.enrolment.look(token)


@ON_BOTH
def test_begun_in_many_tabs_at_once_it_is_one_check(home: House, li_lei: Person) -> None:
    def begin() -> None:
        home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)

    assert together(*[begin] * 6) == []
    with home.store.read() as unit:
        assert len(unit.identities.checks_of(li_lei.id)) == 1
        assert [entry.value["kind"] for entry in unit.chronicle.entries(f"person:{li_lei.id}")] == ["begun"]


def test_what_cannot_be_judged_five_times_is_looked_at_by_a_human(home: House, token: str) -> None:
    shows_card(home, token)
    for number in range(FACE_TRIES):
        video, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
        send(home, video.id, b"no video " + bytes([number]) * 2000)
        home.enrolment.recorded(token, video.id, mime="video/webm")
        work(home)
    check = home.enrolment.look(token).check
    assert (check.state, check.why_review) == (State.REVIEW, "too_many_videos")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": NUMBER[:-1] + ("1" if NUMBER[-1] != "1" else "2")}, "document_number_wrong"),
        ({"name": ""}, "document_name_missing"),
        ({"expiry": "2001-01-01"}, "document_expired"),
        ({"expiry": "soon"}, "document_expiry_wrong"),
    ],
)
def test_what_cannot_be_right_is_not_confirmed(home: House, token: str, change: dict[str, str], code: str) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    for side in (cards.cn_front(), cards.cn_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    fields = {**home.enrolment.look(token).fields, **change}
    with pytest.raises(Refusal, match=code):
        home.enrolment.confirm(token, fields)
    assert home.enrolment.look(token).check.state is State.CONFIRM


def test_a_job_that_fails_every_time_leaves_a_hint(home: House, token: str, clock: Clock) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, photograph(cards.cn_front()))

    def broken() -> Documents:
        raise MemoryError

    home.enrolment._documents = broken
    for _ in range(4):
        work(home)
        clock.forward(minutes=1)
    check = home.enrolment.look(token).check
    assert (check.state, check.hint) == (State.DOCUMENT, "photo_unreadable")


def test_the_year_ends_earlier_with_the_document(
    home: House, li_lei: Person, token: str, actor: Actor, clock: Clock
) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    for side in (cards.cn_front(), cards.cn_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    soon = (clock.now() + timedelta(days=20)).date()
    home.enrolment.confirm(token, {**home.enrolment.look(token).fields, "expiry": soon.isoformat()})
    check = shows_face(home, token, actor)
    assert check.state is State.REVIEW  # the expiry was corrected


@ON_BOTH
def test_a_review_that_nobody_made_ends_with_the_pictures_and_hides_no_other(
    home: House, li_lei: Person, token: str, owner: Person, clock: Clock
) -> None:
    old = shows_card(home, token, way=Way.ATTENDED)
    clock.forward(days=25)
    with home.store.begin() as unit:
        other = unit.people.add(name="Other", language="en", role=None)
    new = shows_card(home, home.enrolment.begin(other.id, needed=Level.DOCUMENT_FACE), way=Way.ATTENDED)
    assert [r.check.id for r in home.enrolment.pending(owner)] == [old.id, new.id]
    home.face_vault.erase(li_lei.id, before=1)
    assert [dict(r.fields) == {} for r in home.enrolment.pending(owner)] == [True, False]
    clock.forward(days=6)
    home.enrolment.sweep()
    assert [r.check.id for r in home.enrolment.pending(owner)] == [new.id]
    with home.store.read() as unit:
        assert unit.identities.checks_of(li_lei.id)[0].reason == "run_out"


def test_a_document_that_never_expires_by_its_date_is_good_for_a_year(clock: Clock) -> None:
    assert _valid_until(clock.now(), "9999-12-31") == clock.now() + GOOD_FOR
    tomorrow = (clock.now() + timedelta(days=1)).date()
    assert _valid_until(clock.now(), tomorrow.isoformat()).date() == tomorrow + timedelta(days=1)


def test_no_link_fills_the_disk(home: House, li_lei: Person, token: str) -> None:
    shows_card(home, token, way=Way.FACE)
    folder = home.settings.data_dir / "faces" / li_lei.id
    before = len(list(folder.iterdir()))
    home.enrolment._throttle = Throttle(None)
    for _ in range(VIDEOS.amount):
        video, _challenge = home.enrolment.ask_for_video(token, colours=True, slow=False)
        home.enrolment.recordings.add(video.id, offset=0, content=b"x" * 1000, commitment=committed(b"x" * 5000))
    assert len(list(folder.iterdir())) == before + 1
    with pytest.raises(Refusal, match="slow_down"):
        home.enrolment.ask_for_video(token, colours=True, slow=False)
    for offset in range(1000, 1000 + PIECES - 1):
        home.enrolment.recordings.add(video.id, offset=offset, content=b"x")
    with pytest.raises(Refusal, match="video_too_large"):
        home.enrolment.recordings.add(video.id, offset=1000 + PIECES - 1, content=b"x")


@ON_BOTH
def test_what_is_sent_is_what_was_committed_to_while_the_challenge_was_young(
    home: House, li_lei: Person, token: str, clock: Clock
) -> None:
    """The pieces may come for a quarter of an hour: whoever makes another video in that time has it refused."""
    shows_card(home, token)
    video, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    recordings, shown, made_later = home.enrolment.recordings, b"shown in time" * 1000, b"made later on" * 1000
    with pytest.raises(Refusal, match="video_uncommitted"):
        recordings.add(video.id, offset=0, content=shown[:100])
    recordings.add(video.id, offset=0, content=b"", commitment=committed(shown))
    at = clock.now()
    clock.forward(minutes=10)
    with pytest.raises(Refusal, match="video_recommitted"):
        recordings.add(video.id, offset=0, content=b"", commitment=committed(made_later))
    recordings.add(video.id, offset=0, content=made_later)
    with pytest.raises(Refusal, match="video_differs"):
        home.enrolment.recorded(token, video.id, mime="video/mp4")
    assert home.enrolment.look(token).check.state is State.FACE
    with home.store.read() as unit:
        kept = unit.identities.video(video.id)
    assert kept is not None
    assert (kept.state, kept.committed_at) == ("open", at)


def test_a_commitment_that_comes_too_late_is_none(home: House, token: str, clock: Clock) -> None:
    shows_card(home, token)
    video, challenge = home.enrolment.ask_for_video(token, colours=True, slow=False)
    clock.forward(seconds=CHALLENGE_LIFETIME.total_seconds() + challenge.length_ms / 1000)
    with pytest.raises(Refusal, match="challenge_late"):
        home.enrolment.recordings.add(video.id, offset=0, content=b"", commitment=committed(b"a video"))


@pytest.mark.parametrize(
    ("sent", "code"), [(b"", "video_missing"), (b"a vid", "video_incomplete"), (b"a video!", "video_differs")]
)
def test_what_is_not_of_the_length_that_was_committed_to_is_refused(
    home: House, token: str, sent: bytes, code: str
) -> None:
    shows_card(home, token)
    video, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    recordings = home.enrolment.recordings
    recordings.add(video.id, offset=0, content=b"", commitment=committed(b"a video"))
    with pytest.raises(Refusal, match=code):
        _sends_and_says_so(home, token, video.id, sent)


@pytest.mark.parametrize(("length", "code"), [(LIMIT_BYTES + 1, "video_too_large"), (0, "video_missing")])
def test_nobody_commits_to_nothing_or_to_more_than_is_taken(home: House, token: str, length: int, code: str) -> None:
    shows_card(home, token)
    video, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    with pytest.raises(Refusal, match=code):
        home.enrolment.recordings.add(video.id, offset=0, content=b"", commitment=Commitment("0" * 64, length))


def test_what_the_release_before_began_without_a_commitment_gets_none_afterwards(home: House, token: str) -> None:
    shows_card(home, token)
    video, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    with home.store.begin() as unit:
        unit.identities.add_piece(video.id, name="20261224T120000-0000000000000000", size=3)
    with pytest.raises(Refusal, match="video_uncommitted"):
        home.enrolment.recordings.add(video.id, offset=3, content=b"", commitment=committed(b"abcdef"))


def test_another_tab_or_the_page_loaded_anew_begins_anew_or_goes_on_with_the_same(
    home: House, li_lei: Person, token: str, actor: Actor, clock: Clock
) -> None:
    """What a page held itself to is kept with the challenge, not with the page."""
    shows_card(home, token)
    first, challenge = home.enrolment.ask_for_video(token, colours=True, slow=False)
    content, recordings = actor.video(challenge), home.enrolment.recordings
    recordings.add(first.id, offset=0, content=content[:1000], commitment=committed(content))
    second, again = home.enrolment.ask_for_video(token, colours=True, slow=False)
    content = actor.video(again)
    with pytest.raises(Refusal, match="video_unknown"):
        recordings.add(first.id, offset=1000, content=content[1000:2000])
    recordings.add(second.id, offset=0, content=content[:1000], commitment=committed(content))
    clock.forward(minutes=5)
    assert recordings.received(second.id).commitment == committed(content)
    send_rest(home, second.id, content)
    home.enrolment.recorded(token, second.id, mime="video/mp4")
    work(home)
    assert home.enrolment.look(token).check.state is State.PASSED
    with home.store.read() as unit:
        entries = unit.chronicle.entries(f"person:{li_lei.id}")
    [recorded] = [entry.value["data"] for entry in entries if entry.value["kind"] == "recorded"]
    assert recorded["video_sha256"] == committed(content).sha256
    assert recorded["committed_at"] == (clock.now() - timedelta(minutes=5)).isoformat()


def _sends_and_says_so(home: House, token: str, video_id: str, content: bytes) -> None:
    home.enrolment.recordings.add(video_id, offset=0, content=content)
    home.enrolment.recorded(token, video_id, mime="video/mp4")


def send_rest(home: House, video_id: str, content: bytes) -> None:
    """As a page does that was given the whole recording: it says all of it again with each piece."""
    recordings, whole = home.enrolment.recordings, committed(content)
    while (at := recordings.received(video_id).size) < len(content):
        recordings.add(video_id, offset=at, content=content[at : at + 500_000], commitment=whole)


def test_a_recording_that_is_finished_too_late_is_not_judged(home: House, token: str, clock: Clock) -> None:
    shows_card(home, token)
    video, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    home.enrolment.recordings.add(video.id, offset=0, content=b"x" * 1000, commitment=committed(b"x" * 1000))
    clock.forward(minutes=16)
    with pytest.raises(Refusal, match="challenge_late"):
        home.enrolment.recorded(token, video.id, mime="video/mp4")


def test_a_verdict_on_an_older_recording_decides_nothing_about_the_newer(home: House, token: str) -> None:
    """A job that was taken for dead ends after the person has recorded once more."""
    shows_card(home, token)
    first, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    send(home, first.id, b"no video " * 300)
    home.enrolment.recorded(token, first.id, mime="video/webm")
    check = home.enrolment.look(token).check
    work(home)
    second, _ = home.enrolment.ask_for_video(token, colours=True, slow=False)
    send(home, second.id, b"nor this " * 300)
    home.enrolment.recorded(token, second.id, mime="video/webm")
    with home.store.begin() as unit:
        details = {"check": check.id, "video": first.id}
        late = unit.errands.add("judge_face", contract_id=None, signer_id=None, details=details, due_at=unit.now)
    home.enrolment.judge_face(late)
    assert home.enrolment.look(token).check.state is State.JUDGING


def test_a_source_whose_answer_cannot_be_used_keeps_nobody_waiting(home: House, li_lei: Person, clock: Clock) -> None:
    class Broken(AnsweringSource):
        def ask(self, **_: object) -> SourceAnswer:  # type: ignore[override]
            raise MemoryError

    home.enrolment._source = Broken(SourceOutcome.MATCH)
    token = home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT)
    assert shows_card(home, token, way=Way.PAPER).state is State.ASKING
    for _ in range(7):
        work(home)
        clock.forward(minutes=16)
    with home.store.read() as unit:
        (check,) = unit.identities.checks_of(li_lei.id)
    assert (check.state, check.level) == (State.PASSED, Level.DOCUMENT)


def test_a_face_from_before_a_review_is_not_kept_for_another_way(
    home: House, li_lei: Person, token: str, actor: Actor, owner: Person
) -> None:
    home.enrolment.consent(token, way=Way.FACE, language="en")
    for side in (cards.cn_front(), cards.cn_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    fields = {**home.enrolment.look(token).fields, "name": "王芳"}
    home.enrolment.confirm(token, fields)
    check = shows_face(home, token, actor)
    home.enrolment.decide(owner, check.id, accepted=None, reason="Enter the name as it is written.")
    home.enrolment.other_way(token)
    home.enrolment.photograph(token, photograph(cards.cn_front()))
    work(home)
    assert home.enrolment.confirm(token, dict(home.enrolment.look(token).fields)).state is State.REVIEW
    home.enrolment.decide(owner, check.id, accepted=True, reason="Seen at our office.", seen="in_person")
    with home.store.read() as unit:
        assert unit.identities.media_of(check.id) == {}
