"""Who somebody is, found out once and good for a year: consent, document, face, a source, a human where nothing else decides.

A check has a link of its own, so that it can begin on a computer and go on on a phone. Photographs and videos go into the
vault as they arrive and are read by jobs; what is kept in the database and in the person's chronicle are names, digests,
scores and verdicts. Every method is one transaction, every job may run twice.

Nobody is turned away silently: a check passes, is tried again with a hint, waits for a human, or is refused by name.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from bff.core import enrolment as e
from bff.core import gestures
from bff.core.contract import Noted, Signer
from bff.core.enrolment import Begun, Check, State, Way
from bff.core.errors import Fault, Refusal
from bff.core.gestures import Challenge, Pace
from bff.core.identity import GOOD_FOR, Identity, Level, same_name
from bff.core.ports import (
    Documents,
    Faces,
    FaceVerdict,
    MediaVault,
    Outcome,
    Source,
    SourceOutcome,
    Template,
)
from bff.realname import agreement, papers
from bff.realname.papers import Papers, Side
from bff.realname.recordings import Recordings
from bff.store import Store, Unit
from bff.store.errands import Errand
from bff.store.identities import Pending, Video
from bff.store.people import Person
from bff.throttle import Rule, Throttle

PHOTOGRAPH_LIMIT_BYTES = 20_000_000
BEGUN = Rule("checks-begun", 12)
PHOTOGRAPHS = Rule("check-photographs", 40)
VIDEOS = Rule("check-videos", 20)
"""For one person, an hour: no link fills the disk. What a link alone began is counted apart, and uses up nothing of theirs."""
SOURCE_TRIES = 4
OPERATING = "operator"
LONGEST_ID = 40
ONCE_MORE_AFTER = timedelta(seconds=30)
"""When an errand does once more what follows a commit, whether or not it was done."""


@dataclass(frozen=True)
class Rules:
    """What this house wants; from settings."""

    media_days: int
    reviewers: int


@dataclass(frozen=True)
class View:
    """What the screens of a check show. `fields` is what stands on the form: read, or confirmed before."""

    check: Check
    person: Person
    fields: Mapping[str, str]
    portrait: bool
    photographs: int
    title: str | None
    """Of the contract that this check is for."""
    sender: str | None
    signer: Signer | None
    alone: bool
    """Nobody but this person decides here, and nobody decides about themselves."""


@dataclass(frozen=True)
class Reviewed:
    """One pending check with what a human compares."""

    check: Check
    person: Person
    since: datetime
    fields: Mapping[str, str]
    read: Mapping[str, str]
    photographs: int
    portrait: bool
    video: Video | None
    title: str | None
    signer_name: str | None


class Enrolment:
    """`documents` and `faces` are made in workers only, when first asked for."""

    def __init__(
        self,
        *,
        store: Store,
        documents: Callable[[], Documents],
        faces: Callable[[], Faces],
        vault: Callable[[], MediaVault],
        source: Source,
        rules: Rules,
        throttle: Throttle,
        chance: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._documents = documents
        self._faces = faces
        self._vault = vault
        self._source = source
        self._rules = rules
        self._throttle = throttle
        self._chance = chance
        self.recordings = Recordings(store, vault, keep_for=timedelta(days=rules.media_days))

    @property
    def media_days(self) -> int:
        return self._rules.media_days

    @property
    def sourced(self) -> bool:
        return self._source.configured

    # --- beginning ---

    def standing(self, person_id: str) -> Identity | None:
        """The best of what is known of this person now."""
        with self._store.read() as unit:
            return unit.identities.standing(person_id)

    def begin(
        self,
        person_id: str,
        *,
        needed: Level,
        by: Begun = Begun.SESSION,
        held: str = "",
        anew: bool = False,
        contract_id: str | None = None,
        signer_id: str | None = None,
    ) -> str:
        """The secret of the link to a check: a new one, or the one that this person has left open for the same purpose.

        `by`: what showed that it is them; `held`: the secret that this browser was given before; `anew`: not the open one.
        Raises Refusal `contact_unproven` where a contract's link alone is too little: somebody is known here by more than
        that link's address, or another browser is on its way already. What waits for a human is ended by nothing but `anew`.
        """
        if needed is Level.DOCUMENT_FACE_SOURCE and not self._source.configured:
            raise Refusal("source_gone")  # whatever they did now could not be enough
        token = secrets.token_urlsafe(24)
        with self._store.begin() as unit:
            unit.in_turn(f"begin {person_id}")
            left = unit.identities.open_of(person_id)
            same = next((c for c in left if (c.needed, c.signer_id) == (needed, signer_id)), None)
            mine = same is not None and unit.identities.led_to(held, same.id)
            if same is not None and mine and not anew:
                return held
            if same is not None and mine and by is Begun.LINK:
                by = same.begun_by  # what was shown then, in this browser
            others = [c for c in left if not (mine and c is same)]
            if by is Begun.LINK and self._is_known(unit, person_id, others):
                raise Refusal("contact_unproven")
            if same is not None and not anew:
                unit.identities.renew_token(same.id, token)
                return token
            for one in left:
                if one is same or one.state is not State.REVIEW:
                    self._end(unit, one, "begun_anew", actor=person_id)
            check = Check(
                id=secrets.token_hex(10),
                person_id=person_id,
                needed=needed,
                sourced=self._source.configured,
                reviewers=self._rules.reviewers,
                contract_id=contract_id,
                signer_id=signer_id,
                begun_by=by,
            )
            self._throttle.take(BEGUN, _whose(check))
            self._add(unit, check, token)
        return token

    def _is_known(self, unit: Unit, person_id: str, others: Sequence[Check]) -> bool:
        return bool(others) or unit.people.is_known(person_id) or unit.identities.ever(person_id)

    def _add(self, unit: Unit, check: Check, token: str) -> None:
        unit.identities.add_check(check, token=token)
        data = {
            "check": check.id,
            "needed": str(check.needed),
            "contract": check.contract_id,
            "signer": check.signer_id,
            "begun_by": str(check.begun_by),
        }
        subject = f"person:{check.person_id}"
        unit.chronicle.record(subject, kind="begun", at=unit.now, actor=check.person_id, data=data)
        unit.announcement.topics.append("reviews")

    def look(self, token: str) -> View:
        """Raises Refusal `check_unknown`."""
        with self._store.read() as unit:
            check = _found(unit, token)
            person = unit.people.get(check.person_id)
            contract = unit.contracts.get(check.contract_id) if check.contract_id else None
            owner = unit.people.get(contract.owner_id) if contract else None
            media = unit.identities.media(check.id)
            owners = {one.id for one in unit.people.with_roles() if one.role == "owner"}
        if person is None:
            raise Refusal("check_unknown")
        return View(
            check=check,
            person=person,
            fields=self._shown_fields(check, media),
            portrait=bool(media.get("portrait")),
            photographs=len(media.get("photographs", [])),
            title=contract.title if contract else None,
            sender=owner.name if owner else None,
            signer=contract.signer(check.signer_id) if contract and check.signer_id else None,
            alone=owners <= {person.id} and not (check.way is Way.ATTENDED and _may_meet(owner, person)),
        )

    def _shown_fields(self, check: Check, media: Mapping[str, Any]) -> Mapping[str, str]:
        if check.state is not State.CONFIRM:
            return {}
        return self._papers(check, media).fields

    def _papers(self, check: Check, media: Mapping[str, Any]) -> Papers:
        name = media.get("read")
        return papers.read_papers(self._vault().read(check.person_id, name)) if name else Papers()

    # --- the person's steps ---

    def consent(self, token: str, *, way: Way, language: str) -> Check:
        sha256 = agreement.sha256(way, language, days=self._rules.media_days)
        with self._store.begin() as unit:
            check = _found(unit, token)
            event = e.Consented(unit.now, way, agreement.VERSION, sha256, language)
            return unit.check_step(check, event, actor=check.person_id)

    def other_way(self, token: str) -> Check:
        """Rather a human than a video: what was recorded was for programs, and goes."""
        with self._store.begin() as unit:
            check = _found(unit, token)
            after = unit.check_step(check, e.OtherWay(unit.now), actor=check.person_id)
            self._let_go(unit, check.person_id, unit.identities.forget_recordings(check.id))
            self._onward(unit, check, after)
            return after

    def photograph(self, token: str, content: bytes) -> Check:
        """One side of the document; a job reads it."""
        if not content:
            raise Refusal("photograph_missing")
        if len(content) > PHOTOGRAPH_LIMIT_BYTES:
            raise Refusal("photo_too_large")
        with self._store.begin() as unit:
            check = _found(unit, token)
            self._throttle.take(PHOTOGRAPHS, _whose(check))
            after = unit.check_step(
                check, e.Photographed(unit.now, hashlib.sha256(content).hexdigest()), actor=check.person_id
            )
            name = self._keep(unit, check, content)
            kept = unit.identities.media(check.id).get("photographs", [])
            unit.identities.keep_media(check.id, photographs=[*kept, name])
            unit.errand("read_document", details={"check": check.id, "photograph": name})
            return after

    def type_instead(self, token: str) -> Check:
        with self._store.begin() as unit:
            check = _found(unit, token)
            return unit.check_step(check, e.Typed(unit.now), actor=check.person_id)

    def confirm(self, token: str, given: Mapping[str, str]) -> Check:
        """What the document says, as the person confirms it; what differs from what was read is noted."""
        with self._store.begin() as unit:
            check = _found(unit, token)
            media = unit.identities.media(check.id)
            known = self._papers(check, media)
            if check.way is Way.FACE and not known.portrait:
                raise Refusal("portrait_needed")
            fields = papers.confirmed(known, given, today=unit.now.date(), manual=check.manual)
            differs = papers.corrected(known, fields)
            after = unit.check_step(
                check, e.Confirmed(unit.now, fields.kind, differs, fields.sha256()), actor=check.person_id
            )
            unit.identities.keep_media(check.id, confirmed=self._keep(unit, check, fields.dump()))
            self._onward(unit, check, after)
            return after

    def ask_for_video(self, token: str, *, colours: bool, slow: bool) -> tuple[Video, Challenge]:
        """A fresh challenge; the one before is void."""
        with self._store.begin() as unit:
            check = _found(unit, token)
            if check.state is not State.FACE:
                raise Refusal("check_not_now")
            self._throttle.take(VIDEOS, _whose(check))
            pace = Pace.SLOW if slow else Pace.NORMAL
            nonce = self._chance(16)
            challenge = gestures.derived(self._chance(32), nonce, pace=pace, colours=colours)
            video = self.recordings.issue(
                unit, person_id=check.person_id, challenge=challenge, nonce=nonce, check_id=check.id
            )
            return video, challenge

    def owns(self, token: str, video_id: str) -> None:
        """Raises Refusal `video_unknown` unless this recording belongs to the check behind the link."""
        with self._store.read() as unit:
            video = unit.identities.video(video_id)
            if video is None or video.check_id != _found(unit, token).id:
                raise Refusal("video_unknown")

    def recorded(self, token: str, video_id: str, *, mime: str) -> Check:
        """The recording is here, the one that was committed to; a job judges it. A second press changes nothing."""
        self.owns(token, video_id)
        sha256 = self.recordings.digest(video_id)
        with self._store.begin() as unit:
            check = _found(unit, token)
            video = unit.identities.video(video_id)
            if video is None or video.check_id != check.id:
                raise Refusal("video_unknown")
            if video.state != "open":
                return check
            self.recordings.close(unit, video, mime=mime, sha256=sha256)
            event = e.Recorded(unit.now, hashlib.sha256(video.challenge).hexdigest(), sha256, video.committed_at)
            after = unit.check_step(check, event, actor=check.person_id)
            unit.errand("judge_face", details={"check": check.id, "video": video.id})
            return after

    def give_up(self, token: str) -> Check:
        """No more of it: what was photographed and recorded for it goes at once."""
        with self._store.begin() as unit:
            check = _found(unit, token)
            return self._end(unit, check, "given_up", actor=check.person_id)

    # --- jobs ---

    def read_document(self, errand: Errand) -> None:
        """Read one photograph. What it cannot make out becomes a hint."""
        check, media = self._known(errand)
        photograph = str(errand.details["photograph"])
        if check.state is not State.READING or photograph != media.get("photographs", [""])[-1]:
            return
        content = self._vault().read(check.person_id, photograph)
        try:
            side, portrait = self._read_side(content, today=self._today())
        except Refusal as refusal:
            self._unread(check.id, refusal.code)
            return
        known = self._papers(check, media).with_side(side, portrait=portrait is not None)
        known = known.compared(today=self._today())
        with self._store.begin() as unit:
            now = unit.identities.check(check.id)
            if now is None or now.state is not State.READING:
                return
            self._keep_reading(unit, now, known, portrait)
            unit.check_step(now, _read_event(unit.now, now, known, side))

    def _today(self) -> date:
        with self._store.read() as unit:
            return unit.now.date()

    def _read_side(self, content: bytes, *, today: date) -> tuple[Side, Any]:
        """Also of a document that is not recognised the portrait may be of use."""
        reading = self._documents().read(content, today=today)
        portrait = reading.portrait
        if portrait is None and str(reading.kind) == "unknown":
            portrait = self._portrait_or_none(content)
        sha256 = hashlib.sha256(content).hexdigest()
        return Side(str(reading.kind), dict(reading.fields), reading.doubts, reading.engine, sha256), portrait

    def _portrait_or_none(self, content: bytes) -> Any:
        try:
            return self._faces().portrait(content)
        except Refusal:
            return None

    def _keep_reading(self, unit: Unit, check: Check, known: Papers, portrait: Any) -> None:
        names: dict[str, str | None] = {"read": self._keep(unit, check, known.dump())}
        if not known.portrait:
            names |= {"portrait": None, "template": None}
        if portrait is not None:
            names |= {
                "portrait": self._keep(unit, check, portrait.picture),
                "template": self._keep(unit, check, portrait.template.vector),
                "recogniser": portrait.template.recogniser,
            }
        unit.identities.keep_media(check.id, **names)

    def _unread(self, check_id: str, hint: str) -> None:
        with self._store.begin() as unit:
            check = unit.identities.check(check_id)
            if check is not None and check.state is State.READING:
                unit.check_step(check, e.Unread(unit.now, hint))

    def judge_face(self, errand: Errand) -> None:
        """Judge the recording and go on by its verdict."""
        check, media = self._known(errand)
        video_id = str(errand.details["video"])
        if check.state is not State.JUDGING:
            return
        portrait = Template(media["recogniser"], self._vault().read(check.person_id, media["template"]))
        verdict = self.recordings.judged(self._faces(), video_id, portrait)
        with self._store.begin() as unit:
            now, video = unit.identities.check(check.id), unit.identities.video(video_id)
            if now is None or now.state is not State.JUDGING or video is None or video.state != "judging":
                return
            self.recordings.write_down(unit, video_id, verdict)
            event = e.Judged(unit.now, str(verdict.outcome), verdict.reason, verdict.step, verdict.evidence())
            after = unit.check_step(now, event)
            self._keep_face(unit, after, verdict)
            self._onward(unit, now, after)

    def _keep_face(self, unit: Unit, check: Check, verdict: FaceVerdict) -> None:
        """The description of the face, for whoever may become known by it."""
        if verdict.template is None or verdict.outcome not in (Outcome.PASS, Outcome.REVIEW):
            return
        unit.identities.keep_media(
            check.id,
            face=self._keep(unit, check, verdict.template.vector, keep_for=GOOD_FOR),
            face_recogniser=verdict.template.recogniser,
            verdict=verdict.evidence(),
        )

    def ask_source(self, errand: Errand) -> None:
        """Ask whether name and number belong together. A source that does not answer is asked a few times."""
        check, media = self._known(errand)
        if check.state is not State.ASKING:
            return
        fields = papers.read_fields(self._vault().read(check.person_id, media["confirmed"]))
        portrait = self._vault().read(check.person_id, media["portrait"]) if media.get("portrait") else None
        answer = self._source.ask(name=fields.name, number=fields.number, portrait=portrait)
        if answer.outcome is SourceOutcome.NOT_AVAILABLE and errand.attempts + 1 < SOURCE_TRIES:
            raise Fault("source_down", what="The authoritative source did not answer.", do="Look at doctor's line.")
        with self._store.begin() as unit:
            now = unit.identities.check(check.id)
            if now is None or now.state is not State.ASKING:
                return
            event = e.Answered(unit.now, str(answer.outcome), answer.provider, answer.reference, answer.compared)
            after = unit.check_step(now, event)
            unit.identities.keep_media(
                check.id,
                source=answer.evidence(),
            )
            self._onward(unit, now, after)

    def _known(self, errand: Errand) -> tuple[Check, Mapping[str, Any]]:
        with self._store.read() as unit:
            check = unit.identities.check(str(errand.details["check"]))
            if check is None:
                raise Refusal("check_unknown")
            return check, unit.identities.media(check.id)

    def given_up(self, errand: Errand) -> None:
        """A job failed every time: the person goes on with a hint, never waits for ever."""
        with self._store.begin() as unit:
            check = unit.identities.check(str(errand.details.get("check")))
            if check is None:
                return
            if check.state is State.READING and errand.kind == "read_document":
                unit.check_step(check, e.Unread(unit.now, "photo_unreadable"))
            if check.state is State.JUDGING and errand.kind == "judge_face":
                unit.identities.change_video(str(errand.details["video"]), state="over")
                unit.check_step(check, e.Judged(unit.now, "retry", "video_too_much_work", None))
            if check.state is State.ASKING and errand.kind == "ask_source":
                self._onward(unit, check, unit.check_step(check, e.Answered(unit.now, "not_available", "", "", ())))

    # --- what follows from a state ---

    def _onward(self, unit: Unit, before: Check, after: Check) -> None:
        if after.state is State.ASKING:
            unit.errand("ask_source", details={"check": after.id})
        if after.state is State.PASSED:
            self._finish(unit, after)
        self._tell_reviewers(unit, before, after)

    def _finish(self, unit: Unit, check: Check) -> None:
        """The identity that this check established, and the face by which the person is known for a year."""
        media = unit.identities.media(check.id)
        fields = papers.read_fields(self._vault().read(check.person_id, media["confirmed"]))
        until = _valid_until(unit.now, fields.expiry)
        identity = Identity(
            person_id=check.person_id,
            check_id=check.id,
            level=check.level or Level.NONE,
            name=fields.name,
            document=fields.kind,
            checked_at=unit.now,
            valid_until=until,
            attended_by=check.attended_by,
        )
        record = unit.chronicle.head(f"person:{check.person_id}")
        facts = _facts(identity, check, fields, media, record=record)
        if agreed := self._papers(check, media).agreed:
            facts["document"]["sides_agree_on"] = list(agreed)
        named = ("face", "face_recogniser") if check.way is Way.FACE else ()
        kept = {name: media.get(name) for name in named}
        unit.identities.add(replace(identity, facts=facts), media={k: v for k, v in kept.items() if v})
        self._note_in_contract(unit, check, identity, record)

    def _note_in_contract(self, unit: Unit, check: Check, identity: Identity, record: str) -> None:
        """The contract that it was needed for says so in its own evidence; where names differ its sender is told."""
        contract = unit.contracts.get(check.contract_id) if check.contract_id else None
        if contract is None or check.signer_id is None:
            return
        details = {
            "check": check.id,
            "level": str(identity.level),
            "name_on_document": identity.name,
            "attended": identity.attended_by is not None,
            "record_head": record,
        }
        unit.step(contract, Noted(unit.now, "identified", check.signer_id, details), actor=check.person_id)
        if not same_name(identity.name, contract.signer(check.signer_id).name):
            unit.errand("name_differs", contract_id=contract.id, details={"check": check.id})

    def _keep(self, unit: Unit, check: Check, content: bytes, *, keep_for: timedelta | None = None) -> str:
        days = timedelta(days=self._rules.media_days)
        generation = unit.identities.generation(check.person_id)
        return self._vault().keep(
            check.person_id, content, now=unit.now, keep_for=keep_for or days, generation=generation
        )

    def _end(self, unit: Unit, check: Check, reason: str, *, actor: str = "platform") -> Check:
        after = unit.check_step(check, e.Ended(unit.now, reason), actor=actor)
        self._let_go(unit, check.person_id, unit.identities.forget_media(check.id))
        return after

    def _let_go(self, unit: Unit, person_id: str, names: Sequence[str]) -> None:
        """Removed as soon as nothing names them any more; by the errand, whoever pulls the plug in between."""
        if not names:
            return
        details = {"person": person_id, "names": list(names)}
        unit.errand("remove_media", details=details, due_at=unit.now + ONCE_MORE_AFTER)
        unit.afterwards.append(lambda: self._remove(person_id, names))

    def _remove(self, person_id: str, names: Sequence[str]) -> None:
        for name in names:
            self._vault().remove(person_id, name)

    def remove_again(self, errand: Errand) -> None:
        """The errand behind `_let_go`."""
        self._remove(str(errand.details["person"]), [str(name) for name in errand.details["names"]])

    def _tell_reviewers(self, unit: Unit, before: Check, after: Check) -> None:
        if after.state is State.REVIEW and before.state is not State.REVIEW:
            unit.errand("review_waits", details={"check": after.id})
            unit.announcement.topics.append("reviews")

    # --- humans ---

    def pending(self, reviewer: Person) -> list[Reviewed]:
        """Owners, and who operates the house, see every check that waits. Another member sees whom they are to meet: who asked
        for a human for a contract of this member's own. What a machine left open is not for who wants the signature."""
        if reviewer.role is None:
            raise Refusal("sender_only")
        with self._store.read() as unit:
            return [self._reviewed(unit, p) for p in _for(unit, reviewer)]

    def waiting(self, reviewer: Person) -> int:
        """How many checks wait for this person."""
        if reviewer.role is None:
            return 0
        with self._store.read() as unit:
            return sum(p.check.person_id != reviewer.id for p in _for(unit, reviewer))

    def to_review(self, reviewer: Person, check_id: str) -> Reviewed:
        """One of `pending`. Raises Refusal `review_unknown`."""
        found = [r for r in self.pending(reviewer) if r.check.id == check_id]
        if not found:
            raise Refusal("review_unknown")
        return found[0]

    def _reviewed(self, unit: Unit, pending: Pending) -> Reviewed:
        check = pending.check
        media = unit.identities.media(check.id)
        person = unit.people.get(check.person_id)
        if person is None:
            raise Refusal("review_unknown")
        contract = unit.contracts.get(check.contract_id) if check.contract_id else None
        try:
            fields, read = self._confirmed_fields(check, media), self._papers(check, media).fields
        except Refusal:  # gone: one check hides no other
            fields, read = {}, {}
        return Reviewed(
            check=check,
            person=person,
            since=pending.since,
            fields=fields,
            read=read,
            photographs=len(media.get("photographs", [])),
            portrait=bool(media.get("portrait")),
            video=unit.identities.newest_video(check_id=check.id) if check.way is Way.FACE else None,
            title=contract.title if contract else None,
            signer_name=contract.signer(check.signer_id).name if contract and check.signer_id else None,
        )

    def _confirmed_fields(self, check: Check, media: Mapping[str, Any]) -> Mapping[str, str]:
        if "confirmed" not in media:
            return {}
        fields = papers.read_fields(self._vault().read(check.person_id, media["confirmed"]))
        return {name: getattr(fields, name) for name in (*papers.CONFIRMED, "kind", "issuer")}

    def picture(self, reviewer: Person, check_id: str, which: str) -> tuple[bytes, str]:
        """The portrait, the video or a photograph (by its number) of a check under review, and its type."""
        reviewed = self.to_review(reviewer, check_id)
        check = reviewed.check
        with self._store.read() as unit:
            media = unit.identities.media(check_id)
        if which == "video" and reviewed.video is not None:
            return self.recordings.content(reviewed.video), reviewed.video.mime
        name = media.get("portrait") if which == "portrait" else _numbered(media.get("photographs", []), which)
        if name is None:
            raise Refusal("review_unknown")
        return self._vault().read(check.person_id, name), "image/jpeg"

    def decide(
        self,
        reviewer: Person,
        check_id: str,
        *,
        accepted: bool | None,
        reason: str,
        seen: str = "",
        language: str = "en",
    ) -> Check:
        """Yes, no, or once more (None), with the reason that is kept. `seen`: how who attended met the person; it stands for
        the declaration in this language, without which nobody is vouched for. Raises Refusal `declaration_missing`."""
        reviewed = self.to_review(reviewer, check_id)
        if reviewer.role == OPERATING and same_name(reviewer.name, reviewed.fields.get("name", "")):
            raise Refusal("review_not_oneself")
        declared = _declared(reviewed.check, seen, language) if accepted else {}
        with self._store.begin() as unit:
            check = unit.identities.check(check_id)
            if check is None:
                raise Refusal("review_unknown")
            role = "sender" if reviewer.role == "member" else str(reviewer.role)
            event = e.Reviewed(unit.now, reviewer.id, accepted, reason, role, **declared)
            after = unit.check_step(check, event, actor=reviewer.id)
            if declared:
                unit.identities.keep_media(check_id, attended={"as": role, **declared})
            if after.state is State.PASSED:
                self._finish(unit, after)
            if after.state is State.DOCUMENT:  # once more, from the beginning
                unit.identities.keep_media(check_id, verdict=None, source=None, attended=None)
            if after.state in (State.DOCUMENT, State.REFUSED):
                self._forget_face(unit, check)
            if after.state is not State.REVIEW:
                unit.errand("review_decided", details={"check": check_id, "reason": reason})
            unit.announcement.topics.append("reviews")
            return after

    def _forget_face(self, unit: Unit, check: Check) -> None:
        """Nobody becomes known by it."""
        face = unit.identities.media(check.id).get("face")
        unit.identities.keep_media(check.id, face=None, face_recogniser=None)
        self._let_go(unit, check.person_id, [face] if face else [])

    # --- taking it back, and what the clock does ---

    def erase(self, person_id: str) -> None:
        """Consent is withdrawn: what was found ends, media and templates can never be read again. Signatures stay.

        One commit says it all: from then on nothing names what was kept, and what is kept goes under a key of the next
        generation. The keys before that are destroyed at once; by the errand, and by every sweep, if this process dies."""
        with self._store.begin() as unit:
            for check in unit.identities.checks_of(person_id):
                if check.state not in e.OVER:
                    unit.check_step(check, e.Ended(unit.now, "consent_withdrawn"), actor=person_id)
            unit.announcement.topics += [f"contract:{waits}" for waits in unit.identities.judged_for(person_id)]
            erased = unit.identities.erase(person_id)
            data = {"identities": erased.identities}
            unit.chronicle.record(f"person:{person_id}", kind="erased", at=unit.now, actor=person_id, data=data)
            details = {"person": person_id, "before": erased.generation}
            unit.errand("erase_face", details=details, due_at=unit.now + ONCE_MORE_AFTER)
            unit.afterwards.append(lambda: self._vault().erase(person_id, before=erased.generation))

    def erase_again(self, errand: Errand) -> None:
        """The errand behind `erase`: what was kept since then has another key and is not touched."""
        person_id, before = str(errand.details["person"]), errand.details.get("before")
        self._vault().erase(person_id, before=self._first_to_stay(person_id) if before is None else int(before))

    def _first_to_stay(self, person_id: str) -> int:
        """Where the errand is of the release before, whose erasures begin no generation."""
        with self._store.read() as unit:
            fresh = unit.identities.open_of(person_id) or unit.identities.standing(person_id)
            return unit.identities.generation(person_id) + (not fresh)

    def sweep(self) -> int:
        """Checks that nobody went on with, or decided about while there was something to see, end; media that have had
        their time go, and what was erased and came back. How many files went."""
        with self._store.begin() as unit:
            for check in unit.identities.forgotten(media_kept=timedelta(days=self._rules.media_days)):
                self._end(unit, check, "run_out")
                if check.state is State.REVIEW:
                    unit.errand("review_decided", details={"check": check.id})
            now, generations = unit.now, unit.identities.generations()
        return self._vault().sweep(now=now, generations=generations)


def operating(name: str) -> Person:
    """Whoever sits at the server itself, under the name that they give: a reviewer where no owner may decide."""
    clean = " ".join(name.split())
    if not clean:
        raise Refusal("name_missing")
    return Person(f"{e.OPERATOR}{clean}"[:LONGEST_ID], clean, "en", OPERATING, b"", ())


def _may_meet(sender: Person | None, person: Person) -> bool:
    """Whoever has left the house meets nobody for it."""
    return sender is not None and sender.role is not None and sender.id != person.id


def _for(unit: Unit, reviewer: Person) -> list[Pending]:
    """What waits for this reviewer."""
    if reviewer.role in ("owner", OPERATING):
        return unit.identities.pending()
    return [p for p in unit.identities.pending(sender_id=reviewer.id) if p.check.way is Way.ATTENDED]


def _declared(check: Check, seen: str, language: str) -> dict[str, str]:
    if check.way is not Way.ATTENDED or seen not in e.SEEN:
        return {}
    said = agreement.declaration(seen, language)
    return {"seen": seen, "declaration_sha256": hashlib.sha256(said.encode()).hexdigest()}


def _found(unit: Unit, token: str) -> Check:
    check = unit.identities.by_token(token) if 20 <= len(token) <= 64 else None
    if check is None:
        raise Refusal("check_unknown")
    return check


def _whose(check: Check) -> str:
    return f"{check.person_id}:link" if check.begun_by is Begun.LINK else check.person_id


def _read_event(now: datetime, check: Check, known: Papers, side: Side) -> e.Event:
    missing = known.missing(check.way or Way.FACE)
    if missing in ("expired", "under_age", "document_unknown"):
        return e.Unread(now, missing)
    return e.Read(
        now,
        document=known.kind,
        fields=papers.names_of([side]),
        doubts=known.doubts,
        complete=missing is None,
        hint=missing,
        reading_sha256=hashlib.sha256(known.dump()).hexdigest(),
        engine=side.engine,
        agreed=known.agreed,
    )


def _valid_until(now: datetime, expiry: str) -> datetime:
    """A year, but not longer than the document itself."""
    year = now + GOOD_FOR
    last_day = date.max if expiry == "never" else date.fromisoformat(expiry)
    if last_day >= year.date():
        return year
    return datetime.combine(last_day + timedelta(days=1), time(), tzinfo=now.tzinfo)


def _facts(
    identity: Identity, check: Check, fields: papers.Fields, media: Mapping[str, Any], *, record: str
) -> dict[str, Any]:
    """What a signature carries of it: strings, integers and lists of strings; nothing to make a face or a number from."""
    facts: dict[str, Any] = {
        "level": str(identity.level),
        "name": identity.name,
        "check": check.id,
        "checked_at": identity.checked_at.isoformat(timespec="seconds"),
        "valid_until": identity.valid_until.isoformat(timespec="seconds"),
        "document": {
            "kind": fields.kind,
            "issuer": fields.issuer,
            "number_masked": fields.number_masked,
            "number_sha256_salted": fields.number_commitment,
            "read_by_machine": not check.manual,
            "corrected": list(check.corrected),
        },
        "begun_by": str(check.begun_by),
        "source_asked": check.source is not None,
        "record_head": record,
    }
    if media.get("verdict") and check.way is Way.FACE:
        facts["face"] = media["verdict"]
    if media.get("source"):
        facts["source"] = media["source"]
    if check.decisions:
        facts["reviewed_by"] = [d.by for d in check.decisions if d.accepted]
        facts["review"] = check.why_review or ""
    if check.attended_by:
        facts["attended_by"] = check.attended_by
        facts["attended"] = media.get("attended") or {}
    return facts


def _numbered(names: Sequence[str], which: str) -> str | None:
    return names[int(which)] if which.isdecimal() and len(which) < 4 and int(which) < len(names) else None
