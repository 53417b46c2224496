"""The door of real-name authentication: one check a link, a screen for each of its states, and the desk where humans decide.

The link may be opened on a computer and gone on with on a phone: whoever holds it is the person that it was made for, and
both pages follow what happens. Photographs come as plain forms; a face video comes in pieces by tus 1.0 (its core protocol:
HEAD tells the offset, PATCH adds at it), so that a broken line goes on where it was. Length and digest are deferred until
the video is recorded: a PATCH, an empty one at the best, says both while the challenge is young.
"""

import re
from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any

import segno
from flask import Blueprint, Response, g, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from bff.core.enrolment import LIFETIME, OVER, SEEN, WORKING, Check, State, Way
from bff.core.errors import Refusal
from bff.core.gestures import Commitment
from bff.core.identity import Level
from bff.realname import agreement
from bff.realname.hints import hint
from bff.realname.papers import CONFIRMED, KINDS
from bff.realname.person import View
from bff.routes.refusals import say
from bff.routes.shared import back, house, language, live_ticket, me, sender, signed_in, switched
from bff.routes.telling import level_of

door = Blueprint("realname", __name__)

Page = str | AnyResponse | tuple[str, int]
TUS = "1.0.0"
HELD = "countersign_check"
"""The cookie by which a browser shows a contract's link that it is on its way in this check."""
PIECE = "application/offset+octet-stream"
DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


@door.after_request
def nothing_leaks(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Referrer-Policy"] = "same-origin"
    return response


# --- the steps of a check ---


@door.get("/id/<token>")
def step(token: str) -> Page:
    """The screen of the state that the check is in; a fragment of it when it changed by itself."""
    return holding(make_response(_step(token)), token)


def holding(response: AnyResponse, token: str) -> AnyResponse:
    """Remember in this browser, for contracts' links only, that it holds the link to this check."""
    kept = int(LIFETIME.total_seconds())
    secure = house().settings.https
    response.set_cookie(HELD, token, max_age=kept, path="/s/", samesite="Lax", httponly=True, secure=secure)
    return response


def _step(token: str, error: Refusal | None = None, typed: dict[str, str] | None = None) -> Page:
    view = house().enrolment.look(token)
    g.preferred_language = view.person.language
    g.camera = True
    said = say(error) if error else None
    seen = f"{view.check.state}:{view.photographs}:{view.check.tries}:{view.check.hint or ''}"
    if request.htmx and request.args.get("seen") == seen:  # type: ignore[attr-defined]
        return Response(status=204)  # an open camera or a half-filled form is not torn down for nothing
    template = "identity_part.html" if request.htmx and error is None else "identity.html"  # type: ignore[attr-defined]
    page = render_template(
        template,
        token=token,
        view=view,
        seen=seen,
        check=view.check,
        state=view.check.state.value,
        step_number=_number(view.check),
        working=view.check.state in WORKING,
        hint=hint(view.check.hint, gettext) if view.check.hint else None,
        reason=hint(view.check.reason, gettext) if view.check.state is State.REFUSED and view.check.reason else None,
        agreements={way.value: _agreement(way) for way in Way},
        level=level_of(view.check.needed),
        reached=level_of(view.check.level) if view.check.level else None,
        fields={**view.fields, **(typed or {})},
        kinds=[(kind, document_in_words(kind)) for kind in KINDS],
        document=document_in_words(view.check.kind),
        back_url=_back(view),
        live=f"/live?ticket={live_ticket((f'check:{view.check.id}',), f'check:{view.check.id}')}",
        error=said.sentence if said else None,
        error_at=error.params.get("field_id") if error else None,
    )
    return (page, said.status) if said else page


def _agreement(way: Way) -> tuple[str, ...]:
    return agreement.paragraphs(way, language(), days=house().enrolment.media_days)


def _number(check: Check) -> int:
    """Which of the three steps on top of the screen: document, face, done."""
    if check.state in (State.FACE, State.JUDGING):
        return 2
    return 3 if check.state in (*OVER, State.ASKING, State.REVIEW) else 1


def _back(view: View) -> str:
    """Where the person came from: their contract, or their account."""
    if view.signer is not None:
        return url_for("signer.read", token=house().links.token(view.signer))
    return url_for("realname.mine")


@door.post("/id/<token>/consent")
def consent(token: str) -> Page:
    if switched():
        return _step(token)
    way = request.form.get("way", "")
    g.preferred_language = house().enrolment.look(token).person.language  # the words that they were shown
    if way not in set(Way):
        raise Refusal("consent_missing")
    return _then(token, lambda: house().enrolment.consent(token, way=Way(way), language=language()))


@door.post("/id/<token>/photo")
def photo(token: str) -> Page:
    file = request.files.get("photo")
    content = file.read() if file else b""
    return _then(token, lambda: house().enrolment.photograph(token, content))


@door.post("/id/<token>/<any(type, other, end):act>")
def act(token: str, act: str) -> Page:
    """Enter it by hand; rather a human than a video; no more of it."""
    enrolment = house().enrolment
    do = {"type": enrolment.type_instead, "other": enrolment.other_way, "end": enrolment.give_up}[act]
    return _then(token, lambda: do(token))


@door.post("/id/<token>/confirm")
def confirm(token: str) -> Page:
    typed = {name: request.form.get(name, "") for name in (*CONFIRMED, "kind")}
    if request.form.get("never"):
        typed["expiry"] = "never"
    if switched():
        return _step(token, typed=typed)
    try:
        house().enrolment.confirm(token, typed)
    except Refusal as refusal:
        if say(refusal).status != 422:
            raise
        return _step(token, refusal, typed)
    return back("realname.step", token=token)


def _then(token: str, do: Any) -> Page:
    """The next screen; the same one with the reason where a person can do better. Pressing twice changes nothing."""
    try:
        do()
    except Refusal as refusal:
        if refusal.code == "check_not_now":
            return back("realname.step", token=token)
        if say(refusal).status != 422:
            raise
        return _step(token, refusal)
    return back("realname.step", token=token)


# --- the face video ---


@door.post("/id/<token>/challenge")
def challenge(token: str) -> Response:
    video, asked = house().enrolment.ask_for_video(token, colours=colours_wanted(), slow=slow_wanted())
    return challenge_of(video, asked, url_for("realname.piece", token=token, video_id=video.id))


@door.route("/id/<token>/video/<video_id>", methods=["HEAD", "PATCH"])
def piece(token: str, video_id: str) -> Response:
    house().enrolment.owns(token, video_id)
    return take_piece(video_id)


@door.post("/id/<token>/video")
def recorded(token: str) -> Page:
    form = request.form
    return _then(token, lambda: house().enrolment.recorded(token, form.get("challenge", ""), mime=form.get("mime", "")))


def colours_wanted() -> bool:
    return request.form.get("colours") != "no"


def slow_wanted() -> bool:
    return request.form.get("pace") == "slow"


def challenge_of(video: Any, asked: Any, upload: str) -> Response:
    """What a page needs to record: the challenge itself, and where the pieces go. Shared with signing by face."""
    answer = jsonify(
        id=video.id,
        challenge={
            "format": asked.format,
            "length_ms": asked.length_ms,
            "steps": [{"action": s.action.value, "at_ms": s.at_ms} for s in asked.steps],
            "glows": [{"colour": w.colour.value, "rgb": list(w.colour.rgb), "at_ms": w.at_ms} for w in asked.glows],
        },
        expires_in=90,
        upload=upload,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def take_piece(video_id: str) -> Response:
    """tus 1.0.0, the core protocol: HEAD and PATCH with Upload-Offset; 409 carries the true offset. Upload-Length and
    Upload-Digest commit to the whole recording."""
    recordings = house().enrolment.recordings
    if request.method == "HEAD":
        return _told(recordings.received(video_id), 200)
    if request.mimetype != PIECE:
        raise Refusal("video_type")
    offset, commitment = _told_offset(), _told_commitment()
    try:
        content = request.get_data(cache=False)
        return _told(recordings.add(video_id, offset=offset, content=content, commitment=commitment), 204)
    except Refusal as refusal:
        if refusal.code != "video_offset":
            raise
        return _offset(int(str(refusal.params["offset"])), 409)


def _told_offset() -> int:
    return _number_of(request.headers.get("Upload-Offset", ""))


def _number_of(told: str) -> int:
    if not told.isascii() or not told.isdecimal() or len(told) > 12:
        raise Refusal("request_unreadable")
    return int(told)


def _told_commitment() -> Commitment | None:
    """None where nothing is said of the whole. Upload-Digest is written as RFC 9530 writes digests."""
    digest = request.headers.get("Upload-Digest")
    if digest is None:
        return None
    found = DIGEST.fullmatch(digest)
    if found is None:
        raise Refusal("request_unreadable")
    return Commitment(b64decode(found[1]).hex(), _number_of(request.headers.get("Upload-Length", "")))


def _told(video: Any, status: int) -> Response:
    """How much is here, and of what."""
    answer = _offset(video.size, status)
    if video.commitment is None:
        answer.headers["Upload-Defer-Length"] = "1"
    else:
        answer.headers["Upload-Length"] = str(video.commitment.length)
        answer.headers["Upload-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(video.commitment.sha256)).decode()}:"
    return answer


def _offset(size: int, status: int) -> Response:
    headers = {"Tus-Resumable": TUS, "Upload-Offset": str(size), "Cache-Control": "no-store"}
    return Response(status=status, headers=headers)


@door.get("/id/<token>/qr.svg")
def qr(token: str) -> Response:
    """The link to this check, for the camera of a phone."""
    house().enrolment.look(token)
    return qr_of(url_for("realname.step", token=token))


def qr_of(path: str) -> Response:
    """An address of ours as a picture. Shared with signing by face."""
    address = f"{house().settings.public_url.rstrip('/')}{path}"
    drawn = BytesIO()
    segno.make(address, error="m").save(drawn, kind="svg", border=2, dark="#000", light="#fff", xmldecl=False)
    return Response(drawn.getvalue(), mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})


# --- one's own identity ---


@door.get("/account/identity")
@signed_in
def mine() -> str:
    """What is known of oneself, how long it holds, and how it is taken back."""
    identity = house().enrolment.standing(me().id)
    return render_template(
        "identity_mine.html",
        identity=identity,
        level=level_of(identity.level) if identity else None,
        document=document_in_words(identity.document) if identity else None,
        days=house().enrolment.media_days,
    )


@door.post("/account/identity")
@signed_in
def begin() -> AnyResponse:
    token = house().enrolment.begin(me().id, needed=Level.DOCUMENT_FACE)
    return back("realname.step", token=token)


@door.route("/account/identity/erase", methods=["GET", "POST"])
@signed_in
def erase() -> Page:
    """Asks once more, then destroys media and templates."""
    if request.method == "GET":
        return render_template("identity_erase.html")
    house().enrolment.erase(me().id)
    return back("realname.mine")


# --- where humans decide ---


@door.get("/reviews")
@sender
def reviews() -> str:
    return render_template(
        "reviews.html",
        pending=house().enrolment.pending(me()),
        why=why_in_words,
        live=f"/live?ticket={live_ticket(('reviews',), f'person:{me().id}')}",
    )


@door.get("/reviews/<check_id>")
@sender
def review(check_id: str) -> Page:
    return _review(check_id)


def _review(check_id: str, error: Refusal | None = None) -> Page:
    g.camera = True
    said = say(error) if error else None
    seen = house().enrolment.to_review(me(), check_id)
    page = render_template(
        "review.html",
        seen=seen,
        check=seen.check,
        why=why_in_words(seen.check.why_review or ""),
        document=document_in_words(seen.check.kind),
        names={name: field_in_words(name) for name in CONFIRMED},
        scores=_scores(seen.video.verdict if seen.video else None),
        error=said.sentence if said else None,
        reason_typed=request.form.get("reason", ""),
        mine=seen.check.person_id == me().id,
        declarations={how: agreement.declaration(how, language()) for how in SEEN},
        needed=level_of(seen.check.needed),
    )
    return (page, said.status) if said else page


def _scores(verdict: Any) -> list[tuple[str, str, str]]:
    """What was measured that has a threshold: name, value, threshold."""
    if not verdict:
        return []
    scores, limits = verdict.get("scores", {}), verdict.get("thresholds", {})
    rows = [("match", gettext("Likeness of video and portrait"), "match")]
    return [
        (name, f"{scores[key] / 10_000:.2f}", f"{limits[key] / 10_000:.2f}")
        for key, name, _ in rows
        if key in scores and key in limits
    ]


@door.get("/reviews/<check_id>/<which>")
@sender
def review_media(check_id: str, which: str) -> Response:
    content, kind = house().enrolment.picture(me(), check_id, which)
    headers = {"Cache-Control": "no-store", "Content-Disposition": "inline", "Content-Security-Policy": "sandbox"}
    return Response(content, mimetype=kind or "application/octet-stream", headers=headers)


@door.post("/reviews/<check_id>")
@sender
def decide(check_id: str) -> Page:
    said = {"accept": True, "refuse": False, "again": None}
    decision = request.form.get("decision", "")
    if decision not in said:
        raise Refusal("request_unreadable")
    try:
        house().enrolment.decide(
            me(),
            check_id,
            accepted=said[decision],
            reason=request.form.get("reason", ""),
            seen=request.form.get("seen", ""),
            language=language(),
        )
    except Refusal as refusal:
        if say(refusal).status != 422:
            raise
        return _review(check_id, refusal)
    return redirect(url_for("realname.reviews"), code=303)


# --- words ---


def document_in_words(kind: str) -> str:
    said = {
        "cn_id_front": gettext("Identity card of the PRC"),
        "passport": gettext("Passport"),
        "card": gettext("Identity card or residence permit"),
        "other": gettext("Other identity document"),
    }
    return str(said.get(kind, gettext("Identity document")))


def field_in_words(name: str) -> str:
    said = {
        "name": gettext("Name"),
        "number": gettext("Number"),
        "birth": gettext("Date of birth"),
        "expiry": gettext("Valid until"),
    }
    return str(said[name])


def why_in_words(why: str) -> str:
    said = {
        "attended": gettext("They asked for a human instead of a face video."),
        "corrected": gettext("They corrected or entered by hand what the document says."),
        "portrait_apart": gettext("The portrait and the number are on different photographs."),
        "check_digits": gettext("The check digits of the document do not add up: it was misread, or never printed so."),
        "match_unsure": gettext("The face in the video is only somewhat like the portrait."),
        "too_many_videos": gettext("No video could be judged after several tries."),
        "source_no_match": gettext("The authoritative source says that name and number do not belong together."),
        "source_unknown": gettext("The authoritative source does not know this person."),
        "source_not_available": gettext("The authoritative source did not answer."),
    }
    return str(said.get(why, gettext("A computer could not decide alone.")))
