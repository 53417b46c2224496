"""One signer's ceremony: open, read, choose a mark and fill the fields, consent, prove, done - or decline.

The link's token is the signer's key to one contract and nothing else. What a proof confirms is an intent, made from what
the signer was shown and chose; choosing anew voids it. A method that checks a proof counts the attempt in the same
transaction in which it refuses, so that a refused attempt is never rolled back into a free one.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bff.core import contract as c
from bff.core import enterprise as e
from bff.core import gestures
from bff.core import intent as intents
from bff.core import mark as marks
from bff.core.contract import Contract, Field, FieldKind, Signer, SignerState, State
from bff.core.enrolment import Check
from bff.core.errors import Fault, Refusal
from bff.core.gestures import Challenge, Pace
from bff.core.identity import Channel, Identity, Level, Method, Routes, masked, routes, same_name
from bff.core.intent import LIFETIME, Intent, fingerprint, values_sha256
from bff.core.mark import Mark
from bff.core.ports import (
    Archive,
    Clock,
    Faces,
    FaceVerdict,
    MediaVault,
    Messenger,
    NewPasskey,
    Outcome,
    PageSize,
    Passkeys,
    Sent,
    Template,
)
from bff.signing import consent, knowing
from bff.signing.desk import tell_invited, tell_sender
from bff.signing.links import LINKLESS, Links
from bff.store import Store, Unit
from bff.store.contracts import ActOf, IntentOf
from bff.store.errands import Errand
from bff.store.identities import Video
from bff.store.people import Passkey, Person
from bff.throttle import Rule, Throttle

if TYPE_CHECKING:
    from bff.realname.recordings import Recordings

TRIES = 5
MAX_TEXT = 500
READS_KEPT = 20


@dataclass(frozen=True)
class Policy:
    """What this house allows; from settings."""

    host: str
    resend: timedelta
    link_lifetime: timedelta
    codes_per_number: int
    codes_per_address: int
    codes_per_contract: int = 30
    face_videos_per_signer: int = 12
    """An hour."""


@dataclass(frozen=True)
class Choice:
    """What the signer has chosen so far."""

    mark: Mark
    values: Mapping[str, str]
    consent_version: str
    language: str
    seal_id: str = ""
    """Of the enterprise that is signed for."""


@dataclass(frozen=True)
class Seal:
    """A seal that a signer may choose, and what it draws."""

    id: str
    label: str
    mark: Mark


@dataclass(frozen=True)
class View:
    """What a signer's screens show."""

    contract: Contract
    signer: Signer
    sender: Person
    pages: tuple[PageSize, ...]
    shown_sha256: str
    """The revision to read: pinned while it is this signer's turn."""
    fields: tuple[Field, ...]
    choice: Choice | None
    act: ActOf | None
    routes: Routes
    saved_mark: Mapping[str, Any] | None
    passkeys: int
    open_code: IntentOf | None
    identity: Identity | None
    """What is known of the person behind the link, beyond their address."""
    check: Check | None
    """The one that is under way for this signer, also where it waits for a human."""
    lacking: str | None
    """Why they may not sign yet, as a refusal's code: identity_needed or identity_name_differs."""
    face_ready: bool
    """They are known by their face, so they may sign with it."""
    face_video: Video | None
    """Of the newest attempt to sign by face."""
    seals: tuple[Seal, ...]
    """Of the enterprise that they sign for, those that they may use."""
    no_right: Refusal | None
    """Why they may not sign for the enterprise."""

    @property
    def may_act(self) -> bool:
        return self.signer in self.contract.turn


@dataclass(frozen=True)
class Asked:
    """A question to the browser's authenticator. `flow`: get (sign), or create (enrol first)."""

    flow: str
    intent_id: str
    options: Mapping[str, Any]
    expires_at: datetime


class Ceremony:
    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        archive: Archive,
        links: Links,
        passkeys: Passkeys,
        sms: Messenger,
        throttle: Throttle,
        code_key: bytes,
        policy: Policy,
        faces: Callable[[], Faces],
        vault: Callable[[], MediaVault],
        recordings: "Recordings",
    ) -> None:
        self._store = store
        self._clock = clock
        self._archive = archive
        self._links = links
        self._passkeys = passkeys
        self._sms = sms
        self._throttle = throttle
        self._code_key = code_key
        self._policy = policy
        self._faces = faces
        self._vault = vault
        self._recordings = recordings

    # --- opening and reading ---

    def open(self, token: str) -> View:
        """What the link leads to; the first opening in the signer's turn is evidence and pins what they are shown."""
        with self._store.read() as unit:
            view = self._view(unit, token)
        if view.may_act and view.signer.state is not SignerState.OPENED:
            with self._store.begin() as unit:
                contract, signer = self._find(unit, token)
                if signer in contract.turn and signer.state is not SignerState.OPENED:
                    unit.step(contract, c.Opened(unit.now, signer.id), actor=signer.id)
                view = self._view(unit, token)
        return view

    def look(self, token: str) -> View:
        """The same without opening: for fragments, pictures and downloads."""
        with self._store.read() as unit:
            return self._view(unit, token)

    def note_reading(self, token: str, pages: Mapping[int, int]) -> None:
        """Pages that were on the screen, and for how many ms, as the browser tells it."""
        with self._store.begin() as unit:
            contract, signer = self._find(unit, token)
            if signer not in contract.turn:
                return
            told = {str(p): min(ms, 3_600_000) for p, ms in pages.items() if self._has_page(contract, p) and ms > 0}
            before = [e for e in unit.contracts.evidence(contract.id) if _is_reading(e.value, signer.id)]
            if told and len(before) < READS_KEPT:
                unit.step(contract, c.Noted(unit.now, "read", signer.id, {"pages_ms": told}), actor=signer.id)

    def sealed(self, token: str) -> tuple[View, bytes]:
        """The sealed PDF. Raises Refusal `not_sealed_yet` before there is one."""
        view = self.look(token)
        if view.contract.state not in c.DONE or view.contract.document is None:
            raise Refusal("not_sealed_yet")
        return view, self._archive.read(view.contract.document.sha256)

    def shown(self, token: str) -> tuple[View, bytes]:
        """The exact bytes that this signer is shown, for download before signing."""
        view = self.look(token)
        return view, self._archive.read(view.shown_sha256)

    def _has_page(self, contract: Contract, page: int) -> bool:
        return contract.document is not None and 1 <= page <= contract.document.pages + 50

    def _view(self, unit: Unit, token: str) -> View:
        contract, signer = self._find(unit, token)
        sender = unit.people.get(contract.owner_id)
        reach = _routes(signer)
        if sender is None:
            raise Refusal("link_unknown")
        person = unit.people.by_contact(knowing.address_of(signer))
        seals, no_right = _seals(unit, signer)
        return View(
            contract=contract,
            signer=signer,
            sender=sender,
            pages=unit.contracts.page_sizes(contract.id),
            shown_sha256=_shown(contract, signer),
            fields=contract.fields_of(signer.id),
            choice=_read_choice(unit.contracts.choice(signer.id), signer),
            act=unit.contracts.act(signer.id),
            routes=reach,
            saved_mark=unit.people.saved_mark(person.id) if person else None,
            passkeys=len(_usable(unit, person, signer)),
            open_code=_open_code(unit, signer),
            identity=(identity := knowing.standing(unit, contract, signer)),
            lacking=knowing.lacking(unit, contract, signer, identity),
            check=_open_check(unit, person, signer),
            face_ready=knowing.without_face(unit, contract, signer, identity) is None,
            face_video=_face_video(unit, signer),
            seals=seals,
            no_right=no_right,
        )

    def _find(self, unit: Unit, token: str) -> tuple[Contract, Signer]:
        found = unit.contracts.by_link(token) if 20 <= len(token) <= 64 else None
        if found is None:
            raise Refusal("link_unknown")
        contract, signer = found
        if not any(unit.now - at <= self._policy.link_lifetime for at in _handed_over(unit, contract, signer)):
            raise Refusal("link_expired")
        return contract, signer

    def _acting(self, unit: Unit, token: str) -> tuple[Contract, Signer]:
        """The signer, when it is their turn; else the reason why they cannot act."""
        contract, signer = self._find(unit, token)
        _check_acting(unit, contract, signer)
        return contract, signer

    # --- choosing ---

    def choose(self, token: str, *, mark: Any, values: Mapping[str, str], consented: bool, language: str) -> None:
        """Mark, field values and consent. Any intent made from an earlier choice is void."""
        with self._store.begin() as unit:
            contract, signer = self._acting(unit, token)
            if not consented:
                raise Refusal("consent_missing")
            if signer.state is not SignerState.OPENED:
                contract = unit.step(contract, c.Opened(unit.now, signer.id), actor=signer.id)
            chosen, seal_id = _chosen(unit, signer, mark)
            filled = _filled(contract.fields_of(signer.id), values)
            choice = {
                "mark": chosen.to_dict(),
                "values": filled,
                "consent_version": consent.VERSION,
                "language": language,
                **({"seal_id": seal_id} if seal_id else {}),
            }
            if choice == unit.contracts.choice(signer.id):
                return
            unit.contracts.choose(signer.id, choice)
            unit.contracts.void_intents(signer.id)
            details = {"consent_version": consent.VERSION, "consent_sha256": consent.sha256(language)}
            unit.step(contract, c.Noted(unit.now, "consented", signer.id, details), actor=signer.id)

    def _issue(
        self, unit: Unit, contract: Contract, signer: Signer, method: Method, details: Mapping[str, Any]
    ) -> tuple[str, Intent]:
        choice = _read_choice(unit.contracts.choice(signer.id), signer)
        if choice is None or signer.shown_sha256 is None:
            raise Refusal("nothing_chosen_yet")
        if (lacking := knowing.lacking(unit, contract, signer, knowing.standing(unit, contract, signer))) is not None:
            raise Refusal(lacking)
        if signer.organisation_id:
            _right(unit, signer, choice.seal_id)
        intent = self._intent(unit.now, contract, signer, choice, method, self._pages(unit, contract, signer))
        unit.contracts.void_intents(signer.id, method=method.value)
        values = _with_dates(contract, signer, choice.values, unit.now)
        intent_id = unit.contracts.issue(
            contract_id=contract.id,
            signer_id=signer.id,
            method=method.value,
            raw=intent.canonical(),
            details={**details, "values": values},
            expires_at=unit.now + LIFETIME,
        )
        return intent_id, intent

    def _intent(
        self, now: datetime, contract: Contract, signer: Signer, choice: Choice, method: Method, pages: int
    ) -> Intent:
        return Intent(
            contract_id=contract.id,
            contract_title=contract.title,
            document_sha256=signer.shown_sha256 or "",
            document_pages=pages,
            signer_id=signer.id,
            signer_name=signer.name,
            signer_role=signer.role,
            mark_sha256=choice.mark.sha256(),
            values_sha256=values_sha256(_with_dates(contract, signer, choice.values, now)),
            consent_version=choice.consent_version,
            consent_sha256=consent.sha256(choice.language),
            language=choice.language,
            method=method.value,
            host=self._policy.host,
            nonce=secrets.token_hex(16),
            issued_at=now.isoformat(timespec="seconds"),
            expires_at=(now + LIFETIME).isoformat(timespec="seconds"),
            format=intents.FORMAT_FOR if signer.organisation_id else intents.FORMAT,
            organisation=signer.organisation,
            organisation_identifier=signer.organisation_id,
        )

    def _pages(self, unit: Unit, contract: Contract, signer: Signer) -> int:
        return contract.shown.pages if contract.shown else len(unit.contracts.page_sizes(contract.id))

    # --- proving by fingerprint or Face ID ---

    def ask_passkey(self, token: str, *, held: str = "") -> Asked:
        """Options for the authenticator, with the intent's challenge; for somebody new, options to enrol first.

        `held`: the secret of the check that this browser was on its way in: whoever else holds the link was checked by nobody.
        """
        with self._store.begin() as unit:
            contract, signer = self._acting(unit, token)
            person = unit.people.by_contact(knowing.address_of(signer))
            keys = _usable(unit, person, signer)
            intent_id, intent = self._issue(unit, contract, signer, Method.PASSKEY, {})
            if keys:
                return self._ask_get(intent_id, intent, [k.credential_id for k in keys], unit.now)
            if (person is not None and person.role is not None) or not _may_enrol(unit, contract, signer, held):
                raise Refusal("passkey_not_enrolled")
            question = secrets.token_bytes(32)
            handle = _handle(unit, person)
            enrol = {"enrol_challenge": question.hex(), "handle": handle.hex()}
            self._amend(unit, intent_id, **enrol)
            options = self._passkeys.creation_options(
                user_id=handle, user_name=signer.name, challenge=question, exclude=()
            )
            return Asked("create", intent_id, options, unit.now + LIFETIME)

    def enrol(self, token: str, intent_id: str, response: Mapping[str, Any]) -> Asked:
        """Keep the new passkey for the person behind this link, and ask it to confirm the intent."""
        with self._store.begin() as unit:
            contract, signer = self._acting(unit, token)
            issued = _open_intent(unit, intent_id, signer, Method.PASSKEY)
            if "enrol_challenge" not in issued.details:
                raise Refusal("passkey_refused", detail="challenge")
            new = self._passkeys.check_creation(response, challenge=bytes.fromhex(issued.details["enrol_challenge"]))
            person = self._person(unit, signer, handle=bytes.fromhex(issued.details["handle"]))
            address = knowing.address_of(signer)
            unit.people.add_passkey(person.id, new, link_address=address, link_signer=signer.id)
            rest = {k: v for k, v in issued.details.items() if k not in ("enrol_challenge", "handle")}
            unit.contracts.change_intent(intent_id, details=rest)
            self._note_enrolled(unit, contract, signer, new)
            intent = _intent_of(issued)
            return self._ask_get(intent_id, intent, [new.credential_id], unit.now)

    def _ask_get(self, intent_id: str, intent: Intent, allow: Sequence[bytes], now: datetime) -> Asked:
        options = self._passkeys.request_options(challenge=intent.challenge(), allow=allow)
        return Asked("get", intent_id, options, now + LIFETIME)

    def _note_enrolled(self, unit: Unit, contract: Contract, signer: Signer, new: NewPasskey) -> None:
        details = {
            "credential_sha256": hashlib.sha256(new.credential_id).hexdigest(),
            "link_channel": _routes(signer).link.value,
            "backed_up": new.backed_up,
        }
        unit.step(contract, c.Noted(unit.now, "passkey_enrolled", signer.id, details), actor=signer.id)
        told = {"template": "passkey_enrolled", "to": knowing.address_of(signer)}
        unit.errand("tell", contract_id=contract.id, signer_id=signer.id, details=told)

    def sign_with_passkey(self, token: str, intent_id: str, response: Mapping[str, Any]) -> None:
        """The assertion over this intent's challenge is the signature's proof. A second press changes nothing."""
        refusal: Refusal | None = None
        with self._store.begin() as unit:
            if self._signed_already(unit, token, intent_id):
                return
            contract, signer = self._acting(unit, token)
            try:
                issued = _open_intent(unit, intent_id, signer, Method.PASSKEY)
                proof = self._assertion(unit, signer, issued, response)
                self._sign(unit, contract, signer, issued, proof)
            except Refusal as caught:
                refusal = caught
                self._note_refused(unit, contract, signer, Method.PASSKEY, caught)
        if refusal is not None:
            raise refusal

    def _assertion(self, unit: Unit, signer: Signer, issued: IntentOf, response: Mapping[str, Any]) -> dict[str, Any]:
        key = unit.people.passkey(self._passkeys.credential_id(response))
        person = unit.people.by_contact(knowing.address_of(signer))
        if key is None or person is None or key.person_id != person.id or not key.signs_at(knowing.address_of(signer)):
            raise Refusal("passkey_refused", detail="unknown")
        assertion = self._passkeys.check_assertion(
            response,
            challenge=_intent_of(issued).challenge(),
            public_key=key.public_key,
            sign_count=key.sign_count,
        )
        unit.people.passkey_used(key.credential_id, sign_count=assertion.sign_count)
        return dict(assertion.verbatim)

    # --- proving by SMS code ---

    def send_code(self, token: str, *, address: str, language: str | None = None) -> IntentOf:
        """A fresh code for a fresh intent. The older code is void from now on.

        `address` is the asker's IP, `language` the one of the page that they ask from.
        """
        with self._store.begin() as unit:
            contract, signer = self._acting(unit, token)
            phone = signer.phone
            if not phone or _routes(signer).code is None:
                raise Refusal("no_phone_for_code")
            self._check_code_limits(unit, contract, signer, address)
            code = f"{secrets.randbelow(1_000_000):06d}"
            details: dict[str, Any] = {"phone_masked": masked(phone), "phone_sha256": _sha256(phone)}
            intent_id, intent = self._issue(unit, contract, signer, Method.SMS, details)
            verifier = self._verifier(code, intent.challenge(), phone)
            self._amend(unit, intent_id, verifier=verifier)
            params = self._code_params(unit, contract, signer, code)
        sent = self._deliver(phone, params, language or signer.language or contract.language)
        with self._store.begin() as unit:
            issued = self._code_sent(unit, token, intent_id, sent)
        if sent is None:
            raise Refusal("code_not_sent")
        return issued

    def _deliver(self, phone: str, params: Mapping[str, str], language: str) -> Sent | None:
        try:
            return self._sms.send(to=phone, template="code", params=params, language=language)
        except Fault:
            return None

    def _code_sent(self, unit: Unit, token: str, intent_id: str, sent: Sent | None) -> IntentOf:
        """Write down what the provider said; a code that it did not take is void."""
        contract, signer = self._find(unit, token)
        if sent is None:
            unit.contracts.change_intent(intent_id, state="void")
            details = {"channel": Channel.SMS.value}
            unit.step(contract, c.Noted(unit.now, "code_not_taken", signer.id, details))
            return self._issued(unit, intent_id)
        self._amend(unit, intent_id, sent_at=unit.now.isoformat(), provider_id=sent.provider_id)
        unit.errands.keep_message(
            errand_id=None,
            contract_id=contract.id,
            signer_id=signer.id,
            channel=Channel.SMS.value,
            template="code",
            to=signer.phone or "",
            provider=sent.provider,
            provider_id=sent.provider_id,
        )
        taken: dict[str, Any] = {
            "channel": Channel.SMS.value,
            "to": masked(signer.phone or ""),
            "provider_id": sent.provider_id,
            "link_and_code_share_a_channel": _routes(signer).shared,
        }
        unit.step(contract, c.Noted(unit.now, "code_sent", signer.id, taken))
        return self._issued(unit, intent_id)

    def _issued(self, unit: Unit, intent_id: str) -> IntentOf:
        issued = unit.contracts.intent(intent_id)
        if issued is None:
            raise Refusal("intent_unknown")
        return issued

    def _check_code_limits(self, unit: Unit, contract: Contract, signer: Signer, address: str) -> None:
        last = next(iter(unit.contracts.intents_of(signer.id, method=Method.SMS.value)), None)
        if last is not None and last.state != "void" and unit.now - last.created_at < self._policy.resend:
            wait = self._policy.resend - (unit.now - last.created_at)
            raise Refusal("code_sent_just_now", seconds=int(wait.total_seconds()) + 1)
        policy = self._policy
        self._throttle.take(Rule("code-number", policy.codes_per_number), _sha256(signer.phone or ""))
        self._throttle.take(Rule("code-address", policy.codes_per_address), address)
        self._throttle.take(Rule("code-contract", policy.codes_per_contract), contract.id)

    def _code_params(self, unit: Unit, contract: Contract, signer: Signer, code: str) -> dict[str, str]:
        sender = unit.people.get(contract.owner_id)
        return {
            "code": code,
            "title": contract.title,
            "sender": sender.name if sender else "",
            "fingerprint": fingerprint(signer.shown_sha256 or ""),
            "minutes": str(int(LIFETIME.total_seconds() // 60)),
            "host": self._policy.host,
        }

    def sign_with_code(self, token: str, intent_id: str, code: str) -> None:
        """The right code for this intent and phone. Five tries, then the code is void."""
        refusal: Refusal | None = None
        with self._store.begin() as unit:
            if self._signed_already(unit, token, intent_id):
                return
            contract, signer = self._acting(unit, token)
            try:
                issued = _open_intent(unit, intent_id, signer, Method.SMS)
                proof = self._confirm_code(unit, signer, issued, code)
                self._sign(unit, contract, signer, issued, proof)
            except Refusal as caught:
                refusal = caught
                self._note_refused(unit, contract, signer, Method.SMS, caught)
        if refusal is not None:
            raise refusal

    def _confirm_code(self, unit: Unit, signer: Signer, issued: IntentOf, code: str) -> dict[str, Any]:
        digits = "".join(str(int(ch)) for ch in code if ch.isdecimal())
        tries = issued.tries + 1
        unit.contracts.change_intent(issued.id, tries=tries)
        verifier = self._verifier(digits, _intent_of(issued).challenge(), signer.phone or "")
        if not hmac.compare_digest(verifier, issued.details.get("verifier", "")):
            if tries >= TRIES:
                unit.contracts.change_intent(issued.id, state="void")
                raise Refusal("code_void")
            raise Refusal("code_wrong", left=TRIES - tries)
        return {
            "method": Method.SMS.value,
            "phone_masked": issued.details["phone_masked"],
            "phone_sha256": issued.details["phone_sha256"],
            "sent_at": issued.details.get("sent_at", ""),
            "confirmed_at": unit.now.isoformat(),
            "provider_id": issued.details.get("provider_id", ""),
            "tries": tries,
            "verifier": verifier,
        }

    def _verifier(self, code: str, challenge: bytes, phone: str) -> str:
        statement = b"|".join((code.encode(), challenge.hex().encode(), phone.encode()))
        return hmac.new(self._code_key, statement, hashlib.sha256).hexdigest()

    # --- proving by face ---

    def identify(self, token: str) -> tuple[Person, Contract, Signer]:
        """The person behind the link, known from now on by their address; for a check of who they are."""
        with self._store.begin() as unit:
            contract, signer = self._acting(unit, token)
            return self._person(unit, signer), contract, signer

    def ask_face(self, token: str, *, colours: bool, slow: bool) -> tuple[Video, Challenge]:
        """What the video has to show, derived from the intent: recorded for this document, or worth nothing."""
        with self._store.begin() as unit:
            contract, signer = self._acting(unit, token)
            identity = knowing.standing(unit, contract, signer)
            if (why := knowing.without_face(unit, contract, signer, identity)) is not None or identity is None:
                raise Refusal(why or "face_not_enrolled")
            self._throttle.take(Rule("face-signer", self._policy.face_videos_per_signer), signer.id)
            intent_id, intent = self._issue(unit, contract, signer, Method.FACE, {})
            nonce, pace = secrets.token_bytes(16), Pace.SLOW if slow else Pace.NORMAL
            challenge = gestures.derived(intent.challenge(), nonce, pace=pace, colours=colours)
            self._amend(unit, intent_id, pace=str(pace), colours=colours, check=identity.check_id)
            video = self._recordings.issue(
                unit, person_id=identity.person_id, challenge=challenge, nonce=nonce, intent_id=intent_id
            )
            return video, challenge

    def owns_video(self, token: str, video_id: str) -> None:
        """Raises Refusal `video_unknown` unless this recording is for this signer."""
        with self._store.read() as unit:
            self._video(unit, token, video_id)

    def _video(self, unit: Unit, token: str, video_id: str) -> tuple[Video, IntentOf]:
        _, signer = self._find(unit, token)
        video = unit.identities.video(video_id)
        issued = unit.contracts.intent(video.intent_id) if video and video.intent_id else None
        if video is None or issued is None or issued.signer_id != signer.id:
            raise Refusal("video_unknown")
        return video, issued

    def face_recorded(self, token: str, video_id: str, *, mime: str) -> None:
        """The recording is here, in time, and the one that was committed to; a job judges it and signs. A second press
        changes nothing."""
        self.owns_video(token, video_id)
        sha256 = self._recordings.digest(video_id)
        with self._store.begin() as unit:
            video, issued = self._video(unit, token, video_id)
            if video.state != "open":
                return
            contract, signer = self._acting(unit, token)
            _open_intent(unit, issued.id, signer, Method.FACE)
            self._recordings.close(unit, video, mime=mime, sha256=sha256)
            committed = video.committed_at.isoformat() if video.committed_at else ""
            self._amend(unit, issued.id, committed_at=committed, recorded_at=unit.now.isoformat())
            unit.errand("judge_signing", contract_id=contract.id, signer_id=signer.id, details={"video": video.id})
            unit.announcement.topics.append(f"contract:{contract.id}")

    def judge_face(self, errand: Errand) -> None:
        """The verdict on the recording is the proof, when it is that person doing what this intent asked for."""
        with self._store.read() as unit:
            video = unit.identities.video(str(errand.details["video"]))
            issued = unit.contracts.intent(video.intent_id) if video and video.intent_id else None
            if video is None or issued is None or video.state != "judging":
                return
            media = unit.identities.media_of(issued.details["check"])
        try:
            known = Template(media["face_recogniser"], self._vault().read(video.person_id, media["face"]))
            verdict = self._recordings.judged(self._faces(), video.id, known)
        except (KeyError, Refusal):  # erased meanwhile
            self._face_gone(video, errand.contract_id or "")
            return
        with self._store.begin() as unit:
            self._signed_by_face(unit, errand, video, issued.id, verdict)

    def face_given_up(self, errand: Errand) -> None:
        """The job failed every time: the signer is told to try again or another way."""
        with self._store.begin() as unit:
            video = unit.identities.video(str(errand.details["video"]))
            if video is not None and video.state == "judging":
                self._over(unit, video, errand.contract_id or "", "video_too_much_work")

    def _face_gone(self, video: Video, contract_id: str) -> None:
        with self._store.begin() as unit:
            self._over(unit, video, contract_id, "face_enrol_again")

    def _over(self, unit: Unit, video: Video, contract_id: str, reason: str) -> None:
        unit.identities.change_video(video.id, state="over", verdict={"reason": reason})
        unit.announcement.topics.append(f"contract:{contract_id}")

    def _signed_by_face(self, unit: Unit, errand: Errand, video: Video, intent_id: str, verdict: FaceVerdict) -> None:
        contract = unit.contracts.get(errand.contract_id or "")
        issued = unit.contracts.intent(intent_id)
        now = unit.identities.video(video.id)
        if contract is None or issued is None or now is None or now.state != "judging":
            return
        self._recordings.write_down(unit, video.id, verdict)
        unit.announcement.topics.append(f"contract:{contract.id}")
        signer = contract.signer(issued.signer_id)
        if verdict.outcome is not Outcome.PASS:
            self._note_refused(unit, contract, signer, Method.FACE, Refusal(verdict.reason))
            return
        standing = knowing.standing(unit, contract, signer)
        if standing is None or standing.check_id != issued.details["check"]:  # checked anew, or erased, meanwhile
            self._over(unit, video, contract.id, "face_enrol_again")
            return
        try:
            if issued.state != "open":
                raise Refusal("intent_expired")
            _check_acting(unit, contract, signer)
            self._sign(unit, contract, signer, issued, _face_proof(issued, video, verdict, unit.now))
        except Refusal as refusal:  # that is them, but they did not sign: the screen must not say otherwise
            said = {**verdict.evidence(), "reason": refusal.code}
            unit.identities.change_video(video.id, verdict=said)
            self._note_refused(unit, contract, signer, Method.FACE, refusal)

    def _amend(self, unit: Unit, intent_id: str, **details: Any) -> None:
        issued = self._issued(unit, intent_id)
        unit.contracts.change_intent(intent_id, details={**issued.details, **details})

    # --- done ---

    def _signed_already(self, unit: Unit, token: str, intent_id: str) -> bool:
        """Was this very intent confirmed before (a double tap, a lost answer)?"""
        _, signer = self._find(unit, token)
        act = unit.contracts.act(signer.id)
        issued = unit.contracts.intent(intent_id)
        return act is not None and issued is not None and act.intent == issued.raw

    def _sign(self, unit: Unit, contract: Contract, signer: Signer, issued: IntentOf, proof: Mapping[str, Any]) -> None:
        """State, evidence, act and errand in one commit."""
        intent = _intent_of(issued)
        choice = _read_choice(unit.contracts.choice(signer.id), signer)
        if choice is None or choice.mark.sha256() != intent.mark_sha256:
            raise Refusal("intent_expired")
        known = _known_now(unit, contract, signer, issued)
        acting = _sealing(unit, contract, signer, choice, intent) if signer.organisation_id else {}
        event = c.SignedBy(unit.now, signer.id, issued.method, intent.challenge().hex(), intent.document_sha256)
        after = unit.step(contract, event, actor=signer.id)
        person = self._person(unit, signer)
        unit.contracts.add_act(
            ActOf(
                signer_id=signer.id,
                contract_id=contract.id,
                intent=issued.raw,
                method=issued.method,
                proof=proof,
                identity=_identity(signer, person, _carried(signer, issued.method, known))
                | _key_identity(unit, signer, proof)
                | acting,
                mark=choice.mark.to_dict(),
                values=issued.details["values"],
                language=choice.language,
                evidence_head=unit.contracts.evidence_head(contract.id),
                signed_at=unit.now,
            )
        )
        unit.contracts.change_intent(issued.id, state="used")
        unit.contracts.void_intents(signer.id)
        if choice.mark.stamp is None:
            unit.people.save_mark(person.id, choice.mark.to_dict())
        if issued.method == Method.SMS.value and signer.phone:
            unit.people.confirmed(person.id, signer.phone)
        unit.errand("sign", contract_id=after.id)

    def _person(self, unit: Unit, signer: Signer, handle: bytes | None = None) -> Person:
        """The person behind the link; known from now on by the address that the link went to."""
        address = knowing.address_of(signer)
        person = unit.people.by_contact(address)
        if person is None:
            choice = unit.contracts.choice(signer.id)
            language = str(choice["language"]) if choice else signer.language or "en"
            person = unit.people.add(name=signer.name, language=language, role=None, handle=handle)
        unit.people.verified(person.id, address)
        return person

    def _note_refused(self, unit: Unit, contract: Contract, signer: Signer, method: Method, refusal: Refusal) -> None:
        details = {"method": method.value, "code": refusal.code, "detail": str(refusal.params.get("detail", ""))}
        unit.step(contract, c.Noted(unit.now, "proof_refused", signer.id, details), actor=signer.id)

    def decline(self, token: str, reason: str) -> None:
        """No. The sender and whoever was invited are told why."""
        with self._store.begin() as unit:
            contract, signer = self._find(unit, token)
            if signer.state is SignerState.DECLINED:
                return
            contract, signer = self._acting(unit, token)
            after = unit.step(contract, c.DeclinedBy(unit.now, signer.id, reason.strip()[:500]), actor=signer.id)
            unit.contracts.void_intents(signer.id)
            unit.errands.drop(contract.id, ["invite", "remind"])
            if contract.state is State.SENT:
                tell_sender(unit, after, "declined")
                tell_invited(unit, after, "declined")


def _check_acting(unit: Unit, contract: Contract, signer: Signer) -> None:
    """Raises Refusal, named for why this signer cannot act."""
    if signer.state is SignerState.SIGNED:
        raise Refusal("already_signed")
    if contract.deadline is not None and contract.state is State.SENT and unit.now >= contract.deadline:
        raise Refusal("contract_expired")
    if contract.state in c.ENDED:
        raise Refusal(f"contract_{contract.state.value}")
    if contract.state is State.STUCK:
        raise Refusal("contract_stuck")
    if signer not in contract.turn:
        raise Refusal("not_your_turn")


def _routes(signer: Signer) -> Routes:
    reach = routes(email=signer.email, phone=signer.phone)
    if reach is None:
        raise Refusal("link_unknown")
    return reach


def _handed_over(unit: Unit, contract: Contract, signer: Signer) -> Iterator[datetime]:
    """When the link was given to its signer: with the contract, and again with every message that carried it."""
    if (at := contract.sent_at or contract.created_at) is not None:
        yield at
    yield from (
        m.created_at
        for m in unit.errands.messages_of(contract.id)
        if m.signer_id == signer.id and m.template not in LINKLESS
    )


def _shown(contract: Contract, signer: Signer) -> str:
    newest = contract.document or contract.shown
    if signer in contract.turn and signer.shown_sha256:
        return signer.shown_sha256
    return newest.sha256 if newest else ""


def _open_check(unit: Unit, person: Person | None, signer: Signer) -> Check | None:
    asked = person is not None and signer.needs.rank > Level.CONTACT.rank
    left = unit.identities.open_of(person.id) if person and asked else []
    return next((check for check in left if check.signer_id == signer.id), None)


def _may_enrol(unit: Unit, contract: Contract, signer: Signer, held: str) -> bool:
    """Where more than an address is wanted, a link alone sets up no new device for somebody who was checked: the check was for
    this contract, and this browser was there."""
    identity = knowing.standing(unit, contract, signer)
    if signer.needs.rank <= Level.CONTACT.rank or identity is None:
        return True
    check = unit.identities.check(identity.check_id)
    return check is not None and check.signer_id == signer.id and unit.identities.led_to(held, check.id)


def _known_now(unit: Unit, contract: Contract, signer: Signer, issued: IntentOf) -> Identity | None:
    """What is known of the signer at the moment of the act. It may have been taken back, or have ended, since they were
    asked; and a face proves only who it was compared with."""
    identity = knowing.standing(unit, contract, signer)
    if (lacking := knowing.lacking(unit, contract, signer, identity)) is not None:
        raise Refusal(lacking)
    if issued.method == Method.FACE.value and (identity is None or identity.check_id != issued.details["check"]):
        raise Refusal("face_enrol_again")
    return identity


def _carried(signer: Signer, method: str, known: Identity | None) -> Identity | None:
    """What the signature says of the person: where it was asked for, and where it is what the proof rests on."""
    return known if signer.needs.rank > Level.CONTACT.rank or method == Method.FACE.value else None


def _face_video(unit: Unit, signer: Signer) -> Video | None:
    newest = next(iter(unit.contracts.intents_of(signer.id, method=Method.FACE.value)), None)
    return unit.identities.newest_video(intent_id=newest.id) if newest else None


def _face_proof(issued: IntentOf, video: Video, verdict: FaceVerdict, now: datetime) -> dict[str, Any]:
    """The platform's signed statement: what the video had to show and why, and what was measured on it."""
    told = {name: issued.details[name] for name in ("committed_at", "recorded_at") if name in issued.details}
    return {
        "method": Method.FACE.value,
        "nonce": video.nonce.hex(),
        "pace": issued.details["pace"],
        "colours": issued.details["colours"],
        "gestures": video.challenge.decode(),
        **told,
        "judged_at": now.isoformat(),
        "compared_with": issued.details["check"],
        "verdict": verdict.evidence(),
    }


def _identity(signer: Signer, person: Person, known: Identity | None) -> dict[str, Any]:
    """What was known about the signer, named honestly: control of an address, and whatever a check established."""
    reach = _routes(signer)
    address = {
        "level": Level.CONTACT.value,
        "name_given_by": "sender",
        "link_channel": reach.link.value,
        "link_address_masked": masked(knowing.address_of(signer)),
        "link_address_sha256": _sha256(knowing.address_of(signer)),
        "link_and_code_share_a_channel": reach.shared,
        "person_id": person.id,
    }
    if known is None:
        return address
    return {**address, "level": known.level.value, "checked": dict(known.facts)}


def _key_identity(unit: Unit, signer: Signer, proof: Mapping[str, Any]) -> dict[str, Any]:
    """How the passkey of this proof came to be this person's: by this contract's link, another one's, or signed in."""
    if proof.get("method") != Method.PASSKEY.value:
        return {}
    named = str(proof["credential_id"])
    key = unit.people.passkey(base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)))
    if key is None:
        raise Refusal("passkey_refused", detail="unknown")
    if key.link_address is None:
        return {"passkey_set_up": "signed_in", "passkey_set_up_at": key.created_at.isoformat()}
    return {
        "passkey_set_up": "this_link" if key.link_signer == signer.id else "another_link",
        "passkey_set_up_at": key.created_at.isoformat(),
        "passkey_link_channel": (Channel.EMAIL if "@" in key.link_address else Channel.SMS).value,
        "passkey_kept_at": key.kept_at.isoformat() if key.kept_at else None,
    }


def _usable(unit: Unit, person: Person | None, signer: Signer) -> list[Passkey]:
    """The passkeys that may confirm what is addressed to this signer."""
    address = knowing.address_of(signer)
    return [key for key in unit.people.passkeys(person.id) if key.signs_at(address)] if person else []


def _handle(unit: Unit, person: Person | None) -> bytes:
    """Another one beside passkeys of the person's other addresses: authenticators replace what has the same handle."""
    return person.handle if person and not unit.people.passkeys(person.id) else secrets.token_bytes(64)


def _read_choice(value: Mapping[str, Any] | None, signer: Signer) -> Choice | None:
    if value is None:
        return None
    return Choice(
        mark=marks.kept(value["mark"], name=signer.name),
        values=dict(value["values"]),
        consent_version=value["consent_version"],
        language=value["language"],
        seal_id=value.get("seal_id", ""),
    )


def _chosen(unit: Unit, signer: Signer, mark: Any) -> tuple[Mark, str]:
    """The mark that was chosen; who signs for an enterprise chooses one of its seals, by its id."""
    if not signer.organisation_id:
        return marks.read(mark, name=signer.name), ""
    seal_id = mark.get("seal_id") if isinstance(mark, dict) and mark.get("kind") == "seal" else None
    if not isinstance(seal_id, str):
        raise Refusal("mark_unreadable")
    enterprise, seal, _ = _right(unit, signer, seal_id)
    return unit.enterprises.drawn(enterprise, seal), seal.id


def _right(unit: Unit, signer: Signer, seal_id: str) -> tuple[e.Enterprise, e.Seal, e.Grant]:
    """Raises Refusal, named for what this signer lacks to sign for the enterprise with this seal."""
    enterprise, person_id = _for_whom(unit, signer)
    seal, grant = e.right(enterprise, person_id, now=unit.now, seal_id=seal_id)
    return enterprise, seal, grant


def _for_whom(unit: Unit, signer: Signer) -> tuple[e.Enterprise, str]:
    """The enterprise, and the signer's own id; the person is who is reached where the link goes."""
    enterprise = unit.enterprises.proven(signer.organisation_id)
    if enterprise is None:
        raise Refusal("enterprise_not_proven", name=signer.organisation)
    if not same_name(enterprise.facts.name, signer.organisation):
        raise Refusal("enterprise_another_name", name=signer.organisation, known=enterprise.facts.name)
    person = unit.people.by_contact(knowing.address_of(signer))
    return enterprise, person.id if person else ""


def _seals(unit: Unit, signer: Signer) -> tuple[tuple[Seal, ...], Refusal | None]:
    """The seals that this signer may choose from, or why there are none."""
    if not signer.organisation_id:
        return (), None
    try:
        enterprise, person_id = _for_whom(unit, signer)
        usable = e.rights(enterprise, person_id, now=unit.now)
    except Refusal as refusal:
        return (), refusal
    seals = {seal.id: seal for seal, _ in usable}
    return tuple(Seal(seal.id, seal.label, unit.enterprises.drawn(enterprise, seal)) for seal in seals.values()), None


def _sealing(unit: Unit, contract: Contract, signer: Signer, choice: Choice, intent: Intent) -> dict[str, Any]:
    """The use of the seal, written into the enterprise's record, and what the signature says of the enterprise."""
    enterprise, seal, grant = _right(unit, signer, choice.seal_id)
    if seal.sha256 != choice.mark.sha256() or enterprise.proof is None:
        raise Refusal("intent_expired")
    used = e.SealUsed(unit.now, grant.person_id, grant.id, contract.id, signer.id, intent.challenge().hex())
    unit.enterprise_step(enterprise, used)
    facts, proof = enterprise.facts, enterprise.proof
    return {
        "enterprise": {
            "identifier": facts.identifier,
            "name": facts.name,
            "representative": facts.representative,
            "proven_by": str(proof.way),
            "proven_at": proof.at.isoformat(),
            "proven_until": proof.valid_until.isoformat(),
            "licence": str(proof.facts.get("licence", "none")),
            "register": dict(proof.facts.get("register", e.NOT_ASKED)),
            "role": str(enterprise.role(grant.person_id)),
            "seal": seal.id,
            "seal_sha256": seal.sha256,
            "grant": grant.id,
            "grant_until": grant.until.isoformat(),
            "grant_by": grant.given_by,
            "record_head": unit.chronicle.head(f"enterprise:{enterprise.id}"),
        }
    }


def _filled(fields: Sequence[Field], values: Mapping[str, str]) -> dict[str, str]:
    """The values of this signer's own text fields and checkboxes. Raises Refusal when one is missing or foreign."""
    mine = {f.id: f for f in fields if f.kind in (FieldKind.TEXT, FieldKind.CHECKBOX)}
    if set(values) - set(mine):
        raise Refusal("field_not_yours")
    filled = {}
    for field in mine.values():
        value = _value(field, values.get(field.id, ""))
        if field.required and not value:
            raise Refusal("field_empty", label=field.label, field_id=field.id)
        filled[field.id] = value
    return filled


def _value(field: Field, text: str) -> str:
    if field.kind is FieldKind.CHECKBOX:
        return "yes" if text in ("yes", "on", "1", "true") else ""
    clean = " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())
    if len(clean) > MAX_TEXT:
        raise Refusal("field_too_long", label=field.label, most=MAX_TEXT, field_id=field.id)
    return clean


def _with_dates(contract: Contract, signer: Signer, values: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Date fields are filled with the day of signing in the contract's zone (ISO 8601), never typed."""
    today = now.astimezone(ZoneInfo(contract.timezone)).date().isoformat()
    dates = {f.id: today for f in contract.fields_of(signer.id) if f.kind is FieldKind.DATE}
    return {**values, **dates}


def _open_intent(unit: Unit, intent_id: str, signer: Signer, method: Method) -> IntentOf:
    issued = unit.contracts.intent(intent_id)
    if issued is None or issued.signer_id != signer.id or issued.method != method.value:
        raise Refusal("intent_unknown")
    if issued.state != "open" or issued.tries >= TRIES:
        raise Refusal("code_void" if method is Method.SMS else "intent_expired")
    if unit.now >= issued.expires_at:
        raise Refusal("code_late" if method is Method.SMS else "intent_expired")
    return issued


def _open_code(unit: Unit, signer: Signer) -> IntentOf | None:
    newest = next(iter(unit.contracts.intents_of(signer.id, method=Method.SMS.value)), None)
    usable = newest is not None and newest.state == "open" and newest.expires_at > unit.now
    return newest if usable and newest and "sent_at" in newest.details else None


def _intent_of(issued: IntentOf) -> Intent:
    return intents.read(issued.raw)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_reading(value: Mapping[str, Any], signer_id: str) -> bool:
    data = value.get("data", {})
    return bool(data.get("what") == "read" and data.get("signer_id") == signer_id)
