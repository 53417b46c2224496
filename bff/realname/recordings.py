"""Face videos on their way: a challenge goes out, the recording comes in pieces, a worker judges it once.

A line that breaks loses nothing: a piece says at which byte it begins, and whoever asks is told how much is here. Pieces lie
in the vault like everything else of a person. A challenge serves once and has to be answered soon: its first piece must
come while it is young, the rest may take as long as a slow network needs.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bff.core import gestures
from bff.core.errors import Refusal
from bff.core.gestures import Challenge
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
            self._vault().remove(person_id, name)
        lifetime = CHALLENGE_LIFETIME + timedelta(milliseconds=challenge.length_ms)
        return unit.identities.ask_for_video(
            person_id=person_id, challenge=challenge.canonical(), nonce=nonce, lifetime=lifetime, **purpose
        )

    def received(self, video_id: str) -> int:
        """How many bytes are here. Raises Refusal `video_unknown`."""
        with self._store.read() as unit:
            return _open(unit, video_id).size

    def add(self, video_id: str, *, offset: int, content: bytes) -> int:
        """Keep a piece; how many bytes are here now. Raises Refusal `video_offset` with the true `offset` where it begins
        elsewhere, and `video_too_large`."""
        if len(content) > PIECE_LIMIT_BYTES:
            raise Refusal("video_too_large")
        with self._store.begin() as unit:
            video = _open(unit, video_id)
            if offset != video.size:
                raise Refusal("video_offset", offset=video.size)
            if video.size + len(content) > LIMIT_BYTES or len(video.pieces) >= PIECES:
                raise Refusal("video_too_large")
            if not content:
                return video.size
            name = self._vault().keep(video.person_id, content, now=unit.now, keep_for=self._keep_for)
            if video.size == 0:
                unit.identities.change_video(video_id, expires_at=unit.now + UPLOAD_LIFETIME)
            return unit.identities.add_piece(video_id, name=name, size=len(content)).size

    def close(self, unit: Unit, video: Video, *, mime: str) -> None:
        """It is all here. Raises Refusal `video_missing` or `challenge_late`."""
        if unit.now >= video.expires_at:
            raise Refusal("challenge_late")
        if not video.pieces:
            raise Refusal("video_missing")
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
