"""A willing person passes; everything else is turned down for its own reason.

The videos are rendered from one photograph (`renderer.py`), and so are the attacks. This shows that each check does what
its name says. It is no measurement of security.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
import pytest

from bff.biometrics.faces import Eyes
from bff.biometrics.liveness import REASONS, FaceJudge, _lids_wanted
from bff.biometrics.media import Media
from bff.biometrics.movements import CALM_SECONDS, EARLY_SECONDS, LATE_SECONDS, Look, calm_of
from bff.core.errors import Refusal
from bff.core.gestures import Challenge, Step, derived
from bff.core.ports import FaceVerdict, Outcome, Template
from tests.biometrics.photographs import Image, as_file, astronaut, six_people, turned
from tests.biometrics.renderer import HEIGHT, RATE, WIDTH, Puppet, Room, encoded, performance, recorded

ONE = derived(bytes([1]) * 32, bytes(16))
"""turn_right, blink_twice, open_mouth"""
TWO = derived(bytes([2]) * 32, bytes(16))
"""open_mouth, turn_left, close_eyes"""


class Studio:
    """Renders what is asked for, each once, and judges it."""

    def __init__(self, eyes: Eyes, media: Media) -> None:
        self.eyes, self.judge_ = eyes, FaceJudge(eyes, media)
        self._frames: dict[Challenge, list[Image]] = {}

    @cached_property
    def person(self) -> Puppet:
        return Puppet(astronaut(), self.eyes)

    @cached_property
    def other(self) -> Puppet:
        return Puppet(six_people(), self.eyes, 1)

    @cached_property
    def portrait(self) -> Template:
        return self.judge_.portrait(as_file(astronaut())).template

    def frames(self, challenge: Challenge) -> list[Image]:
        """The person doing as asked."""
        if challenge not in self._frames:
            act = performance(challenge)
            self._frames[challenge] = recorded(lambda second: self.person.at(act(second)), challenge)
        return self._frames[challenge]

    def judge(
        self,
        frames: list[Image],
        challenge: Challenge,
        *,
        codec: str = "libx264",
        scale: float = 1.0,
        seen: tuple[str, ...] = (),
    ) -> FaceVerdict:
        container, mime = ("mp4", "video/mp4") if codec == "libx264" else ("webm", "video/webm")
        video = encoded(frames, codec=codec, container=container, scale=scale)
        return self.judge_.judge(video, mime=mime, challenge=challenge, portrait=self.portrait, seen=seen)


@pytest.fixture(scope="session")
def studio(eyes: Eyes, media: Media) -> Studio:
    from tests.biometrics.renderer import TRIANGLES

    if not TRIANGLES.exists() and not os.environ.get("CI"):
        pytest.skip("npm has not installed @vladmandic/human")
    return Studio(eyes, media)


def said(verdict: FaceVerdict) -> tuple[Outcome, str, int | None]:
    return verdict.outcome, verdict.reason, verdict.step


PASSED = (Outcome.PASS, "match", None)


# --- the person ---


@pytest.mark.parametrize("challenge", [ONE, TWO], ids=["turn-blink-mouth", "mouth-turn-eyes"])
def test_a_person_who_does_as_asked_passes(studio: Studio, challenge: Challenge) -> None:
    verdict = studio.judge(studio.frames(challenge), challenge)
    assert said(verdict) == PASSED
    assert verdict.scores["match"] > verdict.thresholds["match"]
    assert verdict.scores["glow_seen"] == 1
    assert verdict.challenge_sha256 == challenge.sha256()
    assert verdict.template is not None


@pytest.mark.parametrize(("codec", "scale"), [("libvpx", 1.0), ("libvpx-vp9", 1.0), ("libx264", 1.5)])
def test_any_phone_will_do(studio: Studio, codec: str, scale: float) -> None:
    assert said(studio.judge(studio.frames(ONE), ONE, codec=codec, scale=scale)) == PASSED


def test_daylight_hides_the_colours_and_nothing_follows_from_that(studio: Studio) -> None:
    act = performance(ONE)
    frames = recorded(lambda second: studio.person.at(act(second)), ONE, room=Room(3, glow=0.0))
    verdict = studio.judge(frames, ONE)
    assert said(verdict) == PASSED
    assert verdict.scores["glow_seen"] == 0


def test_who_asked_for_no_colours_passes_without(studio: Studio) -> None:
    plain = replace(ONE, glows=())
    verdict = studio.judge(studio.frames(ONE), plain)
    assert said(verdict) == PASSED
    assert "glow" not in verdict.scores


def test_a_verdict_for_the_evidence_holds_numbers_and_digests_and_no_face(studio: Studio) -> None:
    import rfc8785

    verdict = studio.judge(studio.frames(ONE), ONE)
    kept = verdict.evidence()
    rfc8785.dumps(kept)
    assert "template" not in kept
    assert "trace" not in kept
    assert set(kept["models"]) == {"detection", "recognition", "mesh", "iris"}
    assert all(isinstance(value, int) for value in (*kept["scores"].values(), *kept["thresholds"].values()))
    assert str(list(verdict.template.vector[:4]) if verdict.template else "") not in repr(verdict)


# --- somebody else ---


def test_another_persons_portrait_is_refused(studio: Studio) -> None:
    video = encoded(studio.frames(ONE))
    portrait = studio.judge_.portrait(as_file(studio.other.still)).template
    verdict = studio.judge_.judge(video, mime="video/mp4", challenge=ONE, portrait=portrait)
    assert said(verdict) == (Outcome.REFUSED, "other_person", None)
    assert verdict.template is None


def test_a_portrait_of_another_recogniser_cannot_be_compared(studio: Studio) -> None:
    portrait = Template("0" * 64, studio.portrait.vector)
    verdict = studio.judge_.judge(encoded(studio.frames(ONE)), mime="video/mp4", challenge=ONE, portrait=portrait)
    assert said(verdict) == (Outcome.RETRY, "face_enrol_again", None)


def test_a_cut_to_somebody_else_is_refused(studio: Studio) -> None:
    """The thief cannot close the eyes of the photograph, so a living face does that for it."""
    act = performance(TWO)
    helper = recorded(lambda second: studio.other.at(act(second)), TWO)
    begin = RATE * TWO.steps[2].at_ms // 1000
    verdict = studio.judge([*studio.frames(TWO)[:begin], *helper[begin:]], TWO)
    assert said(verdict) == (Outcome.REFUSED, "spliced", None)


def test_a_cut_that_hides_in_a_turn_is_refused(studio: Studio) -> None:
    act = performance(TWO)
    helper = recorded(lambda second: studio.other.at(act(second)), TWO)
    middle = round(RATE * (TWO.steps[1].at_ms / 1000 + 0.45 + 0.6))
    verdict = studio.judge([*studio.frames(TWO)[:middle], *helper[middle:]], TWO)
    assert said(verdict) == (Outcome.REFUSED, "spliced", None)


# --- attacks ---


def of_still(studio: Studio, shown: Callable[[float], Image], challenge: Challenge = ONE) -> FaceVerdict:
    return studio.judge(recorded(shown, challenge), challenge)


def test_a_photograph_held_before_the_camera_does_nothing(studio: Studio) -> None:
    assert said(of_still(studio, lambda _: studio.person.still)) == (Outcome.RETRY, "action_missing", 0)


@pytest.mark.parametrize("bent", [0.0, 0.35], ids=["flat", "bent"])
def test_a_print_that_is_turned_by_hand_has_no_eyes_to_close(studio: Studio, bent: float) -> None:
    act = performance(ONE)
    verdict = of_still(studio, lambda second: tilted(studio.person.still, act(second).yaw * 1.5, bent))
    assert verdict.outcome is Outcome.RETRY
    assert verdict.reason in ("action_missing", "action_out_of_order")


def tilted(picture: Image, degrees: float, bent: float) -> Image:
    """A sheet of paper turned about its upright axis; bent: rolled a little like a tin."""
    angle = np.radians(degrees)
    x, y = np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT))
    depth = 1 - 0.35 * x * np.sin(angle)
    across = np.clip(x * depth / np.cos(angle), -1, 1)
    if bent and degrees:
        across = np.sin(across * (1 + bent)) / np.sin(1 + bent)
    at_x, at_y = (across + 1) * WIDTH / 2, (np.clip(y * depth, -1, 1) + 1) * HEIGHT / 2
    return np.asarray(
        cv2.remap(
            picture, at_x.astype(np.float32), at_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        ),
        np.uint8,
    )


def test_a_video_made_for_another_challenge_is_turned_down(studio: Studio) -> None:
    verdict = studio.judge([*studio.frames(ONE), *studio.frames(ONE)[-15:]], TWO)
    assert verdict.outcome is Outcome.RETRY
    assert verdict.reason == "action_out_of_order"


def test_the_right_actions_in_the_wrong_order_are_turned_down(studio: Studio) -> None:
    a, b, c = ONE.steps
    swapped = replace(ONE, steps=(Step(b.action, a.at_ms), Step(a.action, b.at_ms), c))
    assert said(studio.judge(studio.frames(ONE), swapped)) == (Outcome.RETRY, "action_out_of_order", 0)


def test_the_right_actions_under_other_colours_are_turned_down(studio: Studio) -> None:
    act = performance(ONE)
    frames = recorded(lambda second: studio.person.at(act(second)), ONE, lit_by=TWO)
    assert said(studio.judge(frames, ONE)) == (Outcome.RETRY, "other_colours", None)


def test_the_same_recording_encoded_anew_is_known_again(studio: Studio) -> None:
    first = studio.judge(studio.frames(ONE), ONE)
    again = studio.judge(studio.frames(ONE), ONE, codec="libvpx", scale=1.5, seen=("00" * 256, first.trace))
    assert said(again) == (Outcome.REFUSED, "seen_before", None)


def test_the_same_person_again_is_not_the_same_recording(studio: Studio) -> None:
    first = studio.judge(studio.frames(ONE), ONE)
    act = performance(ONE)
    frames = recorded(lambda second: studio.person.at(act(second)), ONE, room=Room(9))
    assert said(studio.judge(frames, ONE, seen=(first.trace,))) == PASSED


def test_a_picture_that_stands_still_is_turned_down(studio: Studio) -> None:
    frames = studio.frames(ONE)
    frozen = [*frames[:-12], *[frames[-12]] * 12]
    assert said(studio.judge(frozen, ONE)) == (Outcome.RETRY, "frozen", None)


def test_two_people_in_the_picture_are_turned_down(studio: Studio) -> None:
    people = six_people()
    face = cv2.resize(people[250:430, 440:600], (120, 135)).astype(np.uint8)

    def beside(picture: Image) -> Image:
        with_other = picture.copy()
        with_other[470:605, 0:120] = face
        return with_other

    assert said(studio.judge([beside(frame) for frame in studio.frames(ONE)], ONE)) == (
        Outcome.RETRY,
        "two_faces",
        None,
    )


# --- what only needs another try ---


def changed(studio: Studio, change: Callable[[Image], Image]) -> FaceVerdict:
    return studio.judge([np.ascontiguousarray(change(frame), np.uint8) for frame in studio.frames(ONE)], ONE)


def far(frame: Image) -> Image:
    canvas = np.full_like(frame, 120)
    small = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    canvas[160 : 160 + small.shape[0], 120 : 120 + small.shape[1]] = small
    return canvas


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (far, "face_small"),
        (lambda frame: frame // 6, "face_dark"),
        (lambda frame: cv2.GaussianBlur(frame, (0, 0), 8.2), "face_blurred"),
        (lambda frame: np.full_like(frame, 90), "face_not_found"),
    ],
    ids=["far", "dark", "blurred", "nobody"],
)
def test_what_the_person_can_do_better_is_said(studio: Studio, change: Callable[[Image], Image], reason: str) -> None:
    assert said(changed(studio, change)) == (Outcome.RETRY, reason, None)


def test_a_face_that_leaves_is_lost(studio: Studio) -> None:
    frames = studio.frames(ONE)
    empty = np.full_like(frames[0], 90)
    assert said(studio.judge([*frames[:60], *[empty] * 30, *frames[90:]], ONE)) == (Outcome.RETRY, "face_lost", None)


def test_half_a_recording_is_cut_short(studio: Studio) -> None:
    assert said(studio.judge(studio.frames(ONE)[:60], ONE)) == (Outcome.RETRY, "video_cut_short", None)


def test_what_is_no_video_has_a_verdict_too(studio: Studio) -> None:
    verdict = studio.judge_.judge(b"#EXTM3U\n", mime="video/mp4", challenge=ONE, portrait=studio.portrait)
    assert said(verdict) == (Outcome.RETRY, "video_format", None)
    assert verdict.scores == {}


# --- portraits ---


def test_a_portrait_is_cut_out_and_described(studio: Studio, media: Media) -> None:
    portrait = studio.judge_.portrait(as_file(astronaut()))
    head = media.photo(portrait.picture)
    assert 80 < portrait.width_pixels < 110
    assert head.shape[0] < 300
    assert len(studio.eyes.find(head, side=640)) == 1
    assert len(portrait.template.vector) == 4 * 128
    assert "template" not in repr(portrait).lower() or str(portrait.template.vector[:8]) not in repr(portrait)


def test_a_portrait_with_its_ghost_beside_it_is_one_person(studio: Studio) -> None:
    card = np.full((400, 700, 3), 200, np.uint8)
    head = astronaut()[20:260, 100:340]
    card[60:300, 40:280] = head
    card[180:276, 560:656] = cv2.resize(head, (96, 96))
    assert studio.judge_.portrait(as_file(card)).width_pixels > 80


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (lambda: np.full((300, 400, 3), 140, np.uint8), "photo_no_face"),
        (six_people, "photo_many_faces"),
        (lambda: cv2.resize(astronaut(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), "photo_face_small"),
        (lambda: astronaut() // 8, "photo_face_dark"),
        (lambda: cv2.GaussianBlur(astronaut(), (0, 0), 2.5), "photo_face_blurred"),
    ],
    ids=["nobody", "many", "small", "dark", "blurred"],
)
def test_a_photograph_that_will_not_do_says_why(studio: Studio, picture: Callable[[], Image], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        studio.judge_.portrait(as_file(np.ascontiguousarray(picture(), np.uint8)))
    assert caught.value.code == code


def test_a_photograph_that_lies_askew_still_does(studio: Studio) -> None:
    assert studio.judge_.portrait(as_file(turned(astronaut(), 20))).width_pixels > 80


# --- where lids are looked at ---


def looks(*, yaw: Callable[[float], float] = lambda _: 0.0) -> list[Look]:
    seconds = [n / RATE for n in range(int(8 * RATE))]
    return [Look(s, 1.0, 1.0, 170.0, yaw(s), 0.0, 0.05, None, (0.0, 0.0)) for s in seconds]


def lids_wanted(challenge: Challenge, seen: list[Look]) -> list[float]:
    return [seen[n].second for n in _lids_wanted(seen, calm_of(seen), challenge)]


def test_lids_are_looked_at_in_every_frame_in_which_their_action_may_go_on_and_in_half_of_the_calm_ones() -> None:
    begin, end = ONE.steps[1].at_ms / 1000 - EARLY_SECONDS, ONE.steps[2].at_ms / 1000 + LATE_SECONDS + 1.0
    wanted = lids_wanted(ONE, looks())
    assert [s for s in wanted if s > CALM_SECONDS] == [look.second for look in looks() if begin <= look.second <= end]
    assert [s for s in wanted if s <= CALM_SECONDS] == pytest.approx([n * 2 / RATE for n in range(7)])


def test_lids_of_a_turned_head_are_not_looked_at() -> None:
    turned_since = ONE.steps[1].at_ms / 1000 + 1.0
    wanted = lids_wanted(ONE, looks(yaw=lambda s: 30.0 if s > turned_since else 0.0))
    assert wanted[-1] <= turned_since


def test_lids_are_not_looked_at_where_no_eyes_are_asked_for() -> None:
    assert lids_wanted(replace(ONE, steps=(ONE.steps[0], ONE.steps[2])), looks()) == []


def test_only_a_match_proves_anything() -> None:
    assert [reason for reason, outcome in REASONS.items() if outcome is Outcome.PASS] == ["match"]
