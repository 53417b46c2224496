"""Checks of who people are, what they led to, and the face videos that answer challenges."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from bff.core import enrolment
from bff.core.enrolment import Begun, Check, Decision, State, Way
from bff.core.gestures import Commitment
from bff.core.identity import Identity, Level
from bff.store.models import CheckRow, ContractRow, FaceVideoRow, IdentityRow, IntentRow, PersonRow

TRACES_KEPT = 50
IN_VAULT = ("read", "portrait", "template", "confirmed", "face")
"""What of a check lies in the vault beside its photographs."""
Media = Mapping[str, Any]


@dataclass(frozen=True)
class Video:
    """A challenge and its recording so far. `pieces` are names in the vault, in their order; `size` their bytes."""

    id: str
    person_id: str
    check_id: str | None
    intent_id: str | None
    challenge: bytes
    nonce: bytes
    state: str
    mime: str
    pieces: tuple[str, ...]
    size: int
    commitment: Commitment | None
    committed_at: datetime | None
    verdict: Mapping[str, Any] | None
    expires_at: datetime


@dataclass(frozen=True)
class Erased:
    """How many identities ended, and the generation of keys that begins: those before it are to be destroyed."""

    identities: int
    generation: int


@dataclass(frozen=True)
class Pending:
    """A check that waits for a human."""

    check: Check
    since: datetime


class Identities:
    """In a writing unit a check or a video is locked while it is changed."""

    def __init__(self, session: Session, now: datetime, *, lock: bool) -> None:
        self._session = session
        self._now = now
        self._lock = lock

    # --- checks ---

    def add_check(self, check: Check, *, token: str) -> None:
        self._session.add(
            CheckRow(
                id=check.id,
                person_id=check.person_id,
                contract_id=check.contract_id,
                signer_id=check.signer_id,
                token_hash=_hash(token),
                begun_by=str(check.begun_by),
                state=str(check.state),
                value=_value(check),
                media={},
                created_at=self._now,
                changed_at=self._now,
                expires_at=self._now + enrolment.LIFETIME,
            )
        )
        self._session.flush()

    def check(self, check_id: str) -> Check | None:
        row = self._session.get(CheckRow, check_id, with_for_update=self._lock or None)
        return _check(row) if row else None

    def by_token(self, token: str) -> Check | None:
        """The check behind a link, as long as the link leads anywhere."""
        asked = select(CheckRow).where(CheckRow.token_hash == _hash(token), CheckRow.expires_at > self._now)
        row = self._session.scalar(asked.with_for_update() if self._lock else asked)
        return _check(row) if row else None

    def led_to(self, token: str, check_id: str) -> bool:
        """Whether this is the check's newest link, and still leads anywhere."""
        row = self._session.get_one(CheckRow, check_id)
        return row.token_hash == _hash(token) and row.expires_at > self._now

    def renew_token(self, check_id: str, token: str) -> None:
        """The link that was given before leads nowhere from now on."""
        row = self._session.get_one(CheckRow, check_id)
        row.token_hash, row.expires_at = _hash(token), self._now + enrolment.LIFETIME
        self._session.flush()

    def put(self, check: Check) -> None:
        row = self._session.get_one(CheckRow, check.id)
        row.state, row.value = str(check.state), _value(check)
        row.changed_at, row.expires_at = self._now, self._now + enrolment.LIFETIME
        self._session.flush()

    def media(self, check_id: str) -> dict[str, Any]:
        """What of this check lies in the vault, by what it is."""
        return dict(self._session.get_one(CheckRow, check_id).media)

    def keep_media(self, check_id: str, **names: Any) -> None:
        """What these names take the place of is remembered, so that it goes with the rest."""
        row = self._session.get_one(CheckRow, check_id)
        replaced = [row.media[one] for one in IN_VAULT if one in names and row.media.get(one) not in (None, names[one])]
        former = {"former": [*row.media.get("former", ()), *replaced]} if replaced else {}
        row.media = {**row.media, **names, **former}
        self._session.flush()

    def forget_media(self, check_id: str) -> list[str]:
        """Of this check there are no media from now on, and no recording arrives; the names of what there was."""
        media = self.media(check_id)
        self._session.get_one(CheckRow, check_id).media = {}
        names = [*media.get("photographs", ()), *media.get("former", ()), *(media.get(one) for one in IN_VAULT)]
        return [name for name in names if name] + self._drop_recordings(FaceVideoRow.check_id == check_id)

    def forget_recordings(self, check_id: str) -> list[str]:
        """The check goes on without them; the names of what there was."""
        return self._drop_recordings(FaceVideoRow.check_id == check_id)

    def _drop_recordings(self, which: Any) -> list[str]:
        """Their pieces are named no more, and those that are still awaited are over."""
        asked = select(FaceVideoRow).where(which).with_for_update().execution_options(populate_existing=True)
        rows = list(self._session.scalars(asked))
        names = [name for row in rows for name in row.pieces]
        for row in rows:
            row.pieces = []
            row.verdict = row.verdict or ({"reason": "face_enrol_again"} if row.state == "judging" else None)
            row.state = "over"
        self._session.flush()
        return names

    def open_of(self, person_id: str) -> list[Check]:
        """Checks of this person that are not over and can still be gone on with, or wait for a human; newest first. All are
        locked in one order: the oldest first."""
        asked = (
            select(CheckRow)
            .where(
                CheckRow.person_id == person_id,
                CheckRow.state.not_in([str(state) for state in enrolment.OVER]),
                or_(CheckRow.expires_at > self._now, CheckRow.state == str(State.REVIEW)),
            )
            .order_by(CheckRow.created_at)
        )
        rows = list(self._session.scalars(asked.with_for_update() if self._lock else asked))
        return [_check(row) for row in reversed(rows)]

    def checks_of(self, person_id: str) -> list[Check]:
        asked = select(CheckRow).where(CheckRow.person_id == person_id).order_by(CheckRow.created_at)
        rows = self._session.scalars(asked.with_for_update() if self._lock else asked)
        return [_check(row) for row in rows]

    def pending(self, *, sender_id: str | None = None) -> list[Pending]:
        """Checks that wait for a human, oldest first; with `sender_id` only those for contracts of this sender."""
        asked = select(CheckRow).where(CheckRow.state == str(State.REVIEW))
        if sender_id is not None:
            mine = select(ContractRow.id).where(ContractRow.owner_id == sender_id)
            asked = asked.where(CheckRow.contract_id.in_(mine))
        return [
            Pending(_check(row), row.changed_at) for row in self._session.scalars(asked.order_by(CheckRow.changed_at))
        ]

    def forgotten(self, *, media_kept: timedelta) -> list[Check]:
        """Checks that nobody went on with, and reviews that nobody made while there were pictures; they are ended. One that
        somebody is just changing is not forgotten."""
        working = CheckRow.state.not_in([*(str(state) for state in enrolment.OVER), str(State.REVIEW)])
        blind = CheckRow.created_at <= self._now - media_kept
        asked = select(CheckRow).where(
            or_(
                and_(working, CheckRow.expires_at < self._now),
                and_(CheckRow.state == str(State.REVIEW), blind),
            )
        )
        rows = self._session.scalars(asked.with_for_update(skip_locked=True) if self._lock else asked)
        return [_check(row) for row in rows]

    # --- identities ---

    def add(self, identity: Identity, *, media: Media) -> None:
        self._session.add(
            IdentityRow(
                check_id=identity.check_id,
                person_id=identity.person_id,
                level=str(identity.level),
                name=identity.name,
                document=identity.document,
                attended_by=identity.attended_by,
                checked_at=identity.checked_at,
                valid_until=identity.valid_until,
                facts=dict(identity.facts),
                media=dict(media),
            )
        )
        self._session.flush()

    def standing(self, person_id: str) -> Identity | None:
        """The best of what is known of this person now."""
        return next(iter(self.known_of(person_id)), None)

    def known_of(self, person_id: str) -> list[Identity]:
        """Everything that is known of this person now, the best first."""
        rows = self._session.scalars(
            select(IdentityRow).where(
                IdentityRow.person_id == person_id,
                IdentityRow.ended_at.is_(None),
                IdentityRow.valid_until > self._now,
            )
        )
        return sorted((_identity(row) for row in rows), key=lambda identity: identity.order, reverse=True)

    def ever(self, person_id: str) -> bool:
        """Whether this person was ever found to be anybody."""
        return (
            self._session.scalar(select(IdentityRow.check_id).where(IdentityRow.person_id == person_id).limit(1))
            is not None
        )

    def media_of(self, check_id: str) -> dict[str, Any]:
        """What of an identity lies in the vault."""
        row = self._session.get(IdentityRow, check_id)
        return dict(row.media) if row else {}

    def generation(self, person_id: str) -> int:
        """Of the key under which something of this person is to be kept; in a writing unit no erasure comes in between."""
        asked = select(PersonRow.face_generation).where(PersonRow.id == person_id)
        found = self._session.scalar(asked.with_for_update(key_share=True) if self._lock else asked)
        return int(found or 0)

    def generations(self) -> dict[str, int]:
        """Of everybody who had something erased."""
        rows = self._session.execute(
            select(PersonRow.id, PersonRow.face_generation).where(PersonRow.face_generation > 0)
        )
        return {row.id: row.face_generation for row in rows}

    def judged_for(self, person_id: str) -> list[str]:
        """The contracts that this person is just signing by face: their recordings are being judged."""
        asked = select(IntentRow.contract_id).join(FaceVideoRow, FaceVideoRow.intent_id == IntentRow.id)
        return list(
            self._session.scalars(
                asked.where(FaceVideoRow.person_id == person_id, FaceVideoRow.state == "judging").distinct()
            )
        )

    def erase(self, person_id: str) -> Erased:
        """Nothing that was found before counts from now on, nothing that was kept is named any more, and how somebody
        moved in a recording is forgotten. Of a recording its digest stays: no face is in that, and the same file is
        refused when it comes again."""
        ended = self._end(person_id)
        self._session.execute(update(CheckRow).where(CheckRow.person_id == person_id).values(media={}))
        self._drop_recordings(FaceVideoRow.person_id == person_id)
        self._session.execute(update(FaceVideoRow).where(FaceVideoRow.person_id == person_id).values(trace=""))
        generation = self.generation(person_id) + 1
        self._session.execute(update(PersonRow).where(PersonRow.id == person_id).values(face_generation=generation))
        return Erased(identities=ended, generation=generation)

    def _end(self, person_id: str) -> int:
        ended = self._session.execute(
            update(IdentityRow)
            .where(IdentityRow.person_id == person_id, IdentityRow.ended_at.is_(None))
            .values(ended_at=self._now, media={})
        )
        return int(ended.rowcount)  # type: ignore[attr-defined]

    # --- face videos ---

    def ask_for_video(
        self,
        *,
        person_id: str,
        challenge: bytes,
        nonce: bytes,
        lifetime: timedelta,
        check_id: str | None = None,
        intent_id: str | None = None,
    ) -> Video:
        """Issue a challenge; those that were issued before for the same purpose are void."""
        purpose = FaceVideoRow.check_id == check_id if check_id else FaceVideoRow.intent_id == intent_id
        self._session.execute(update(FaceVideoRow).where(purpose, FaceVideoRow.state == "open").values(state="over"))
        row = FaceVideoRow(
            id=secrets.token_hex(16),
            person_id=person_id,
            check_id=check_id,
            intent_id=intent_id,
            challenge=challenge,
            nonce=nonce,
            state="open",
            mime="",
            pieces=[],
            size=0,
            trace="",
            created_at=self._now,
            expires_at=self._now + lifetime,
        )
        self._session.add(row)
        self._session.flush()
        return _video(row)

    def video(self, video_id: str) -> Video | None:
        row = self._session.get(FaceVideoRow, video_id, with_for_update=self._lock or None)
        return _video(row) if row else None

    def commit_video(self, video_id: str, commitment: Commitment, *, lifetime: timedelta) -> Video:
        """It is this recording or none, and has this long to arrive."""
        row = self._session.get_one(FaceVideoRow, video_id)
        row.committed_sha256, row.committed_bytes = commitment.sha256, commitment.length
        row.committed_at, row.expires_at = self._now, self._now + lifetime
        self._session.flush()
        return _video(row)

    def add_piece(self, video_id: str, *, name: str, size: int) -> Video:
        row = self._session.get_one(FaceVideoRow, video_id)
        row.pieces, row.size = [*row.pieces, name], row.size + size
        self._session.flush()
        return _video(row)

    def change_video(self, video_id: str, **values: Any) -> None:
        """Set state, mime, sha256, trace, verdict or pieces."""
        self._session.execute(update(FaceVideoRow).where(FaceVideoRow.id == video_id).values(**values))

    def unfinished(self, *, check_id: str | None = None, intent_id: str | None = None) -> list[str]:
        """The pieces of recordings for this purpose that were begun and not sent to the end."""
        purpose = FaceVideoRow.check_id == check_id if check_id else FaceVideoRow.intent_id == intent_id
        rows = self._session.scalars(select(FaceVideoRow.pieces).where(purpose, FaceVideoRow.state == "open"))
        return [name for pieces in rows for name in pieces]

    def newest_video(self, *, check_id: str | None = None, intent_id: str | None = None) -> Video | None:
        purpose = FaceVideoRow.check_id == check_id if check_id else FaceVideoRow.intent_id == intent_id
        row = self._session.scalar(
            select(FaceVideoRow).where(purpose).order_by(FaceVideoRow.created_at.desc(), FaceVideoRow.id).limit(1)
        )
        return _video(row) if row else None

    def traces(self, person_id: str, *, but: str) -> Sequence[str]:
        """Of this person's earlier recordings, newest first."""
        rows = self._session.scalars(
            select(FaceVideoRow.trace)
            .where(FaceVideoRow.person_id == person_id, FaceVideoRow.trace != "", FaceVideoRow.id != but)
            .order_by(FaceVideoRow.created_at.desc())
            .limit(TRACES_KEPT)
        )
        return list(rows)

    def seen(self, sha256: str, *, but: str) -> bool:
        """Whether anybody has sent this very file before."""
        count = select(func.count()).where(FaceVideoRow.sha256 == sha256, FaceVideoRow.id != but)
        return bool(self._session.scalar(count))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


NOT_IN_VALUE = ("id", "person_id", "contract_id", "signer_id", "begun_by", "state")


def _value(check: Check) -> dict[str, Any]:
    value = {name: part for name, part in asdict(check).items() if name not in NOT_IN_VALUE}
    value["decisions"] = [{**asdict(d), "at": d.at.isoformat()} for d in check.decisions]
    return value


def _check(row: CheckRow) -> Check:
    value = dict(row.value)
    decisions = tuple(Decision(**{**d, "at": datetime.fromisoformat(d["at"])}) for d in value.pop("decisions"))
    check = Check(
        id=row.id,
        person_id=row.person_id,
        contract_id=row.contract_id,
        signer_id=row.signer_id,
        begun_by=Begun(row.begun_by),
        state=State(row.state),
        **value,
    )
    return replace(
        check,
        needed=Level(check.needed),
        way=Way(check.way) if check.way else None,
        level=Level(check.level) if check.level else None,
        corrected=tuple(check.corrected),
        doubts=tuple(check.doubts),
        decisions=decisions,
    )


def _identity(row: IdentityRow) -> Identity:
    return Identity(
        person_id=row.person_id,
        check_id=row.check_id,
        level=Level(row.level),
        name=row.name,
        document=row.document,
        attended_by=row.attended_by,
        checked_at=row.checked_at,
        valid_until=row.valid_until,
        facts=dict(row.facts),
    )


def _video(row: FaceVideoRow) -> Video:
    return Video(
        id=row.id,
        person_id=row.person_id,
        check_id=row.check_id,
        intent_id=row.intent_id,
        challenge=row.challenge,
        nonce=row.nonce,
        state=row.state,
        mime=row.mime,
        pieces=tuple(row.pieces),
        size=row.size,
        commitment=_commitment(row),
        committed_at=row.committed_at,
        verdict=dict(row.verdict) if row.verdict else None,
        expires_at=row.expires_at,
    )


def _commitment(row: FaceVideoRow) -> Commitment | None:
    if row.committed_sha256 is None or row.committed_bytes is None:
        return None
    return Commitment(row.committed_sha256, row.committed_bytes)
