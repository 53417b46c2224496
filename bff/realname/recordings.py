"""Face videos on their way: a challenge goes out, the recording comes in pieces, a worker judges it once.

A line that breaks loses nothing: a piece says at which byte it begins, and whoever asks is told how much is here. Pieces lie
in the vault like everything else of a person. A challenge serves once and has to be answered soon: while it is young the
page must commit to the whole recording, by its digest and length, a hundred bytes that any network carries in time. The
recording itself may take as long as a slow network needs: what arrives is that one or is refused, so nobody goes on making
it once the challenge is known and its time is over. The commitment belongs to the challenge and not to a page or a
connection: whoever goes on says the same again, or nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from bff.core import gestures
from bff.core.errors import Refusal
from bff.core.gestures import Challenge, Commitment
from bff.core.ports import Faces, FaceVerdict, MediaVault, Outcome, Template
from bff.store import Store, Unit
from bff.store.identities import Video

CHALLENGE_LIFETIME = timedelta(seconds=90)
UPLOAD_LIFETIME = timedelta(minutes=15)
LIMIT_BYTES = 30_000_000
PIECE_LIMIT_BYTES = 1_000_000
PIECES = 400
"""Each is a file of its own; a page of ours sends some hundred at most."""
MIMES = ("video/mp4", "video/webm", "video/quicktime", "video/x-matroska")


class Recordings:
    def __init__(self, store: Store, vault: Callable[[], MediaVault], *, keep_for: timedelta) -> None:
        self._store = store
        self._vault = vault
        self._keep_for = keep_for

    def issue(self, unit: Unit, *, person_id: str, challenge: Challenge, nonce: bytes, **purpose: Any) -> Video:
        """`purpose`: check_id or intent_id. What was begun for it and not sent to the end goes."""
        for name in unit.identities.unfinished(**purpose):
            unit.afterwards.append(partial(self._vault().remove, person_id, name))
        lifetime = CHALLENGE_LIFETIME + timedelta(milliseconds=challenge.length_ms)
        return unit.identities.ask_for_video(
            person_id=person_id, challenge=challenge.canonical(), nonce=nonce, lifetime=lifetime, **purpose
        )

    def received(self, video_id: str) -> Video:
        """What is here of it, and what it was committed to be. Raises Refusal `video_unknown`."""
        with self._store.read() as unit:
            return _open(unit, video_id)

    def add(self, video_id: str, *, offset: int, content: bytes, commitment: Commitment | None = None) -> Video:
        """Keep a piece, or with no content only the commitment; what is here now. Raises Refusal `video_offset` with the
        true `offset` where it begins elsewhere, `video_uncommitted`, `video_recommitted`, `video_differs` where it is
        longer than it was to be, and `video_too_large`."""
        if len(content) > PIECE_LIMIT_BYTES:
            raise Refusal("video_too_large")
        with self._store.begin() as unit:
            video = _committed(unit, _open(unit, video_id), commitment)
            if offset != video.size:
                raise Refusal("video_offset", offset=video.size)
            if not content:
                return video
            _check_room(video, len(content))
            generation = unit.identities.generation(video.person_id)
            name = self._vault().keep(
                video.person_id, content, now=unit.now, keep_for=self._keep_for, generation=generation
            )
            return unit.identities.add_piece(video_id, name=name, size=len(content))

    def digest(self, video_id: str) -> str:
        """SHA-256 in hexadecimal of what arrived, empty before all has; asked before the transaction of `close`."""
        with self._store.read() as unit:
            video = unit.identities.video(video_id)
        if video is None or video.state != "open" or not _complete(video):
            return ""
        return hashlib.sha256(self.content(video)).hexdigest()

    def close(self, unit: Unit, video: Video, *, mime: str, sha256: str) -> None:
        """It is all here; `sha256` is from `digest`. Raises Refusal `challenge_late`, `video_missing`,
        `video_incomplete`, and `video_differs` where it is not what it was committed to be."""
        if unit.now >= video.expires_at:
            raise Refusal("challenge_late")
        if not video.pieces or video.commitment is None:
            raise Refusal("video_missing")
        if not _complete(video) or not sha256:
            raise Refusal("video_incomplete")
        if sha256 != video.commitment.sha256:
            raise Refusal("video_differs")
        kind = mime.partition(";")[0].strip().lower()
        unit.identities.change_video(video.id, state="judging", mime=kind if kind in MIMES else "")

    def content(self, video: Video) -> bytes:
        return b"".join(self._vault().read(video.person_id, name) for name in video.pieces)

    def judged(self, faces: Faces, video_id: str, portrait: Template) -> FaceVerdict:
        """The verdict on it; a file that anybody has sent before is refused whatever it shows."""
        with self._store.read() as unit:
            video = unit.identities.video(video_id)
            if video is None:
                raise Refusal("video_unknown")
            traces = unit.identities.traces(video.person_id, but=video.id)
        content = self.content(video)
        verdict = faces.judge(
            content, mime=video.mime, challenge=gestures.read(video.challenge), portrait=portrait, seen=traces
        )
        with self._store.read() as unit:
            seen = unit.identities.seen(hashlib.sha256(content).hexdigest(), but=video.id)
        return replace(verdict, outcome=Outcome.REFUSED, reason="seen_before", step=None) if seen else verdict

    def write_down(self, unit: Unit, video_id: str, verdict: FaceVerdict) -> None:
        unit.identities.change_video(
            video_id, state="over", sha256=verdict.video_sha256, trace=verdict.trace, verdict=verdict.evidence()
        )


def _open(unit: Unit, video_id: str) -> Video:
    video = unit.identities.video(video_id)
    if video is None or video.state != "open":
        raise Refusal("video_unknown")
    if unit.now >= video.expires_at:
        raise Refusal("challenge_late")
    return video


def _committed(unit: Unit, video: Video, commitment: Commitment | None) -> Video:
    """It holds from the first time that it is said; saying it again changes nothing, saying another is refused."""
    if video.commitment is not None:
        if commitment not in (None, video.commitment):
            raise Refusal("video_recommitted")
        return video
    if commitment is None or video.size > 0:
        raise Refusal("video_uncommitted")
    if not 0 < commitment.length <= LIMIT_BYTES:
        raise Refusal("video_too_large" if commitment.length else "video_missing")
    return unit.identities.commit_video(video.id, commitment, lifetime=UPLOAD_LIFETIME)


def _check_room(video: Video, more: int) -> None:
    if len(video.pieces) >= PIECES:
        raise Refusal("video_too_large")
    if video.commitment is not None and video.size + more > video.commitment.length:
        raise Refusal("video_differs")


def _complete(video: Video) -> bool:
    return video.commitment is not None and video.size == video.commitment.length
