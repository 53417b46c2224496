"""People who show who they are, for tests: documents that nobody holds, and videos rendered for the challenge at hand."""

import hashlib
from functools import cached_property

from bff.biometrics.faces import Eyes
from bff.core.enrolment import Check, State, Way
from bff.core.gestures import Challenge, Commitment
from bff.wiring import House
from tests.biometrics import cards
from tests.biometrics.photographs import as_file, astronaut, six_people
from tests.biometrics.renderer import Puppet, encoded, performance, recorded
from tests.builders import work

PIECE = 256 * 1024


def photograph(card: cards.Image) -> bytes:
    return as_file(cards.photographed(card), "JPEG", quality=90)


class Actor:
    """Somebody who does in front of the camera what a challenge asks for; each recording is rendered once."""

    def __init__(self, eyes: Eyes, *, somebody_else: bool = False) -> None:
        self._eyes = eyes
        self._else = somebody_else
        self._taken: dict[Challenge, bytes] = {}

    @cached_property
    def _puppet(self) -> Puppet:
        return Puppet(six_people(), self._eyes, 1) if self._else else Puppet(astronaut(), self._eyes)

    def video(self, challenge: Challenge) -> bytes:
        """MP4, H.264."""
        if challenge not in self._taken:
            act = performance(challenge)
            frames = recorded(lambda second: self._puppet.at(act(second)), challenge)
            self._taken[challenge] = encoded(frames, codec="libx264", container="mp4", scale=1.0)
        return self._taken[challenge]


def shows_card(home: House, token: str, *, way: Way = Way.FACE) -> Check:
    """Consent, both sides of the identity card of the PRC of 李雷, and what they say confirmed as it was read."""
    home.enrolment.consent(token, way=way, language="en")
    for side in (cards.cn_front(), cards.cn_back()):
        home.enrolment.photograph(token, photograph(side))
        work(home)
    view = home.enrolment.look(token)
    assert view.check.state is State.CONFIRM, view.check
    return home.enrolment.confirm(token, dict(view.fields))


def shows_face(home: House, token: str, actor: Actor, *, colours: bool = True) -> Check:
    """Asks for a challenge, records it, sends it in pieces, and waits for the verdict."""
    video, challenge = home.enrolment.ask_for_video(token, colours=colours, slow=False)
    send(home, video.id, actor.video(challenge))
    home.enrolment.recorded(token, video.id, mime="video/mp4;codecs=avc1")
    work(home)
    return home.enrolment.look(token).check


def committed(content: bytes) -> Commitment:
    return Commitment(hashlib.sha256(content).hexdigest(), len(content))


def send(home: House, video_id: str, content: bytes) -> None:
    """Commits to all of it, then sends its pieces."""
    recordings = home.enrolment.recordings
    recordings.add(video_id, offset=0, content=b"", commitment=committed(content))
    for start in range(0, len(content), PIECE):
        recordings.add(video_id, offset=start, content=content[start : start + PIECE])
