"""The signer's door: /s/<token>. Four screens: read, sign, prove, and what became of it.

The token in the address is the signer's whole authority; there is no cookie and no account here, but where it may not be enough:
before a check of who somebody is. Nothing under /s/ is ever
kept by a cache or a service worker, and no address under /s/ leaves in a Referer.
"""

import json
from io import BytesIO
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, redirect, render_template, request, send_file, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from bff.core import mark as marks
from bff.core.contract import DONE, Field, FieldKind, Signer, SignerState
from bff.core.enrolment import Begun
from bff.core.enrolment import State as CheckState
from bff.core.errors import Refusal
from bff.core.identity import Method, link_address, masked
from bff.core.intent import LIFETIME, fingerprint
from bff.realname.hints import hint
from bff.routes import telling
from bff.routes.pwa import imports
from bff.routes.realname import HELD, challenge_of, colours_wanted, holding, qr_of, slow_wanted, take_piece
from bff.routes.refusals import say
from bff.routes.shared import an_object, back, client, house, language, parsed, parsed_body, person, speaks, switched
from bff.routes.telling import level_of
from bff.signing import consent
from bff.signing.ceremony import Asked, View
from bff.signing.reporting import Made

door = Blueprint("signer", __name__, url_prefix="/s/<token>")

PICTURE_WIDTHS = (480, 780, 1080, 1600)
ASKED_SECONDS = int(LIFETIME.total_seconds())
ELEMENTS_AHEAD = tuple(
    f"elements/{name}.js" for name in ("mark-chooser", "field-guide", "passkey-button", "code-input", "live-status")
)
HTMX = "vendor/htmx.min.js"
TYPED = {"kind": "typed", "face": "auto"}


@door.url_value_preprocessor
def signers_language(_: str | None, values: dict[str, Any] | None) -> None:
    """Screens speak the language that the sender chose for this signer, until the signer chooses another."""
    if values is not None:
        g.view = house().ceremony.look(values["token"])
        g.preferred_language = g.view.signer.language


@door.after_request
def nothing_leaks(response: Response) -> AnyResponse:
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return speaks(response, g.switched_to) if "switched_to" in g else response


# --- the four screens ---


@door.get("")
def read(token: str) -> str | AnyResponse:
    """Who sends what, and the document itself; after signing: what became of it.

    Opening is evidence, so only a person's own visit counts: a browser that looks ahead is sent away."""
    if "prefetch" in request.headers.get("Sec-Purpose", ""):
        return Response(status=503)
    if request.htmx:  # type: ignore[attr-defined]
        return _screen("signer_status.html", token, g.view)
    view = house().ceremony.open(token)
    if not view.may_act:
        return _screen("signer_done.html", token, view)
    response = make_response(_screen("signer_read.html", token, view, ahead=_files_ahead()))
    response.headers["Speculation-Rules"] = f'"{url_for("pwa.ahead")}"'
    return response


def _files_ahead() -> list[str]:
    """What the next screens load, fetched while the person reads."""
    scripts = dict.fromkeys(name for element in ELEMENTS_AHEAD for name in (element, *imports(element)))
    return [*scripts, HTMX]


@door.route("/identity", methods=["GET", "POST"])
def identify(token: str) -> str | AnyResponse | tuple[str, int]:
    """Where the sender wants to know more than an address: a check of who this is, and back.

    The link is enough for somebody of whom nothing is known yet. Anybody else's check is begun, or gone on with, by who is
    signed in as them, in the browser that began it, or with a code that goes to the link's address now."""
    view: View = g.view
    if not view.may_act:
        return back("signer.read", token=token)
    if view.lacking is None:
        return _leave(url_for("signer.sign", token=token))
    if request.method == "GET":
        return _identify(token)
    try:
        return _begin(token)
    except Refusal as refusal:
        if refusal.code != "contact_unproven" and say(refusal).status not in (409, 410, 422, 429):
            raise
        return _ask_contact(token) if refusal.code == "contact_unproven" else _identify(token, refusal)


def _identify(token: str, refusal: Refusal | None = None) -> str | tuple[str, int]:
    said = say(refusal) if refusal else None
    page = _screen(
        "signer_identify.html",
        token,
        g.view,
        level=level_of(g.view.signer.needs),
        known=level_of(g.view.identity.level) if g.view.identity else None,
        waits=g.view.check is not None and g.view.check.state is CheckState.REVIEW,
        question="" if refusal and refusal.code in ("code_void", "code_late") else request.values.get("question", ""),
        anew=request.values.get("anew", ""),
        contact=masked(_address()),
        code_wait=int(house().settings.resend_seconds),
        error=said.sentence if said else None,
        development=house().settings.development,
    )
    return (page, said.status) if said else page


def _begin(token: str) -> AnyResponse:
    """To the check itself. Raises Refusal `contact_unproven` when this browser has to show more than the link."""
    who, contract, signer = house().ceremony.identify(token)
    by = Begun.SESSION if (signed_in := person()) is not None and signed_in.id == who.id else Begun.LINK
    if request.form.get("question"):
        question, code = request.form["question"], request.form.get("code", "")
        house().account.contact_shown(question, code, contact=_address(), client=client())
        by = Begun.CODE
    ticket = house().enrolment.begin(
        who.id,
        needed=signer.needs,
        by=by,
        held=request.cookies.get(HELD, ""),
        anew=bool(request.form.get("anew")),
        contract_id=contract.id,
        signer_id=signer.id,
    )
    return holding(back("realname.step", token=ticket), ticket)


def _ask_contact(token: str) -> str | AnyResponse | tuple[str, int]:
    """Send a code to where the link went, and ask for it."""
    view: View = g.view
    try:
        question = house().account.ask_contact(
            _address(), client=client(), language=language(), title=view.contract.title, sender=view.sender.name
        )
    except Refusal as refusal:
        return _identify(token, refusal)
    return back("signer.identify", token=token, question=question, anew=request.form.get("anew") or None)


def _address() -> str:
    signer: Signer = g.view.signer
    return link_address(email=signer.email, phone=signer.phone) or ""


def _leave(url: str) -> AnyResponse:
    """To another screen, also from a page that only asked what changed."""
    if request.htmx:  # type: ignore[attr-defined]
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, code=303)


@door.get("/sign")
def sign(token: str) -> str | AnyResponse:
    """Choose the mark, fill the fields, agree. Only after reading; it changes nothing, so a browser may fetch it ahead."""
    view: View = g.view
    if not view.may_act or view.signer.state is not SignerState.OPENED:
        return back("signer.read", token=token)
    if view.lacking is not None:
        return back("signer.identify", token=token)
    if view.no_right is not None:
        raise view.no_right
    return _screen("signer_sign.html", token, view, **_choices(view))


@door.post("/sign")
def choose(token: str) -> str | AnyResponse | tuple[str, int]:
    values = {f.id: request.form.get(f"value-{f.id}", "") for f in g.view.fields if _is_filled(f.kind)}
    if switched():
        return _screen("signer_sign.html", token, g.view, **_as_filled(_choices(g.view), values))
    foreign = [k for k in request.form if k.startswith("value-") and k.removeprefix("value-") not in values]
    try:
        if foreign:
            raise Refusal("field_not_yours")
        house().ceremony.choose(
            token,
            mark=parsed(request.form.get("mark", "")),
            values=values,
            consented=request.form.get("consent") == "yes",
            language=language(),
        )
    except Refusal as refusal:
        if say(refusal).status != 422:
            raise
        return _choose_again(token, refusal, values)
    return _onward("signer.prove", token) or _prove_at_once(token)


def _onward(endpoint: str, token: str, **values: Any) -> AnyResponse | None:
    """See other, after a form that did something; nothing for a page that can take the next screen at once.

    On a phone's network a redirect costs half a second. Such a page says so with the form (web/elements/onward.js);
    the answer lives under the screen's own address, so that a reload repeats nothing here either."""
    return None if request.form.get("onward") else back(endpoint, token=token, **values)


def _prove_at_once(token: str) -> str:
    """The last step; a device that may have a passkey finds the question for it already there."""
    asked = _ask_passkey(token) if request.form.get("onward") == "passkey" else None
    view = house().ceremony.look(token)
    return _screen("signer_prove.html", token, view, asked=asked, **_proofs(view))


def _ask_passkey(token: str) -> Asked | None:
    try:
        return house().ceremony.ask_passkey(token, held=request.cookies.get(HELD, ""))
    except Refusal:
        return None  # the button asks again and tells why


def _choose_again(token: str, refusal: Refusal, typed: dict[str, str]) -> tuple[str, int]:
    """The same screen with what was typed; the reason stands beside the field that it is about, else on top."""
    said = say(refusal)
    shown = {**_choices(g.view), "typed": typed, "error": said.sentence, "error_at": refusal.params.get("field_id")}
    return _screen("signer_sign.html", token, g.view, **shown), said.status


@door.get("/prove")
def prove(token: str) -> str | AnyResponse:
    """The last step: fingerprint or Face ID, or a code."""
    view: View = g.view
    if not view.may_act:
        return back("signer.read", token=token)
    if view.lacking is not None:
        return back("signer.identify", token=token)
    if view.choice is None:
        return back("signer.sign", token=token)
    return _screen("signer_prove.html", token, view, **_proofs(view))


@door.route("/decline", methods=["GET", "POST"])
def decline(token: str) -> str | AnyResponse:
    if request.method == "POST" and not switched():
        house().ceremony.decline(token, request.form.get("reason", ""))
        return back("signer.read", token=token)
    if not g.view.may_act:
        return back("signer.read", token=token)
    return _screen("signer_decline.html", token, g.view, reason=request.form.get("reason", ""))


# --- proofs ---


@door.post("/passkey/options")
def passkey_options(token: str) -> Response:
    """The question for the authenticator, fetched before the tap."""
    return _asked(house().ceremony.ask_passkey(token, held=request.cookies.get(HELD, "")))


@door.post("/passkey/enrol")
def passkey_enrol(token: str) -> Response:
    body = an_object(parsed_body())
    return _asked(house().ceremony.enrol(token, str(body.get("intent", "")), an_object(body.get("credential"))))


@door.post("/sign/passkey")
def sign_with_passkey(token: str) -> str | AnyResponse | tuple[str, int]:
    try:
        house().ceremony.sign_with_passkey(
            token, request.form.get("intent", ""), an_object(parsed(request.form.get("response", "")))
        )
    except Refusal as refusal:
        return _prove_again(token, refusal)
    return _onward("signer.read", token) or _signed_at_once(token)


@door.post("/code")
def send_code(token: str) -> str | AnyResponse | tuple[str, int]:
    try:
        house().ceremony.send_code(token, address=client().address, language=language())
    except Refusal as refusal:
        return _prove_again(token, refusal)
    return _onward("signer.prove", token, _anchor="code") or _prove_at_once(token)


@door.post("/sign/code")
def sign_with_code(token: str) -> str | AnyResponse | tuple[str, int]:
    try:
        house().ceremony.sign_with_code(token, request.form.get("intent", ""), request.form.get("code", ""))
    except Refusal as refusal:
        return _prove_again(token, refusal)
    return _onward("signer.read", token) or _signed_at_once(token)


@door.get("/face")
def face(token: str) -> str | AnyResponse:
    """Sign by face: the movements are made from the intent. Shows the hint of the try before, and waits for the verdict."""
    view: View = g.view
    if not view.may_act:
        return _leave(url_for("signer.read", token=token))
    if view.lacking is not None or view.choice is None or not view.face_ready:
        return _leave(url_for("signer.prove", token=token))
    g.camera = True
    attempt = _attempt(view)
    if request.htmx and request.args.get("seen") == attempt["seen"]:  # type: ignore[attr-defined]
        return Response(status=204)
    template = "signer_face_step.html" if request.htmx else "signer_face.html"  # type: ignore[attr-defined]
    return _screen(template, token, view, **attempt)


def _attempt(view: View) -> dict[str, Any]:
    video = view.face_video
    reason = str(video.verdict.get("reason", "")) if video and video.verdict else ""
    said = hint("match_unsure_signing" if reason == "match_unsure" else reason, gettext) if reason else None
    judging = video is not None and video.state == "judging"
    return {"judging": judging, "hint": said, "seen": f"{video.id if video and reason else ''}:{judging}"}


@door.get("/face/qr.svg")
def face_qr(token: str) -> Response:
    """The link to this screen, for the camera of a phone."""
    return qr_of(url_for("signer.face", token=token))


@door.post("/face/challenge")
def face_challenge(token: str) -> Response:
    video, asked = house().ceremony.ask_face(token, colours=colours_wanted(), slow=slow_wanted())
    return challenge_of(video, asked, url_for("signer.face_piece", token=token, video_id=video.id))


@door.route("/face/video/<video_id>", methods=["HEAD", "PATCH"])
def face_piece(token: str, video_id: str) -> Response:
    house().ceremony.owns_video(token, video_id)
    return take_piece(video_id)


@door.post("/sign/face")
def sign_with_face(token: str) -> str | AnyResponse | tuple[str, int]:
    """The recording is all here; a worker judges it, and the page hears when it is signed."""
    try:
        house().ceremony.face_recorded(token, request.form.get("challenge", ""), mime=request.form.get("mime", ""))
    except Refusal as refusal:
        return _prove_again(token, refusal)
    return back("signer.face", token=token)


def _signed_at_once(token: str) -> str:
    """What became of it, in the answer to the form itself."""
    return _screen("signer_done.html", token, house().ceremony.look(token))


def _prove_again(token: str, refusal: Refusal) -> AnyResponse | tuple[str, int]:
    """The last step once more with the reason, as long as the signer may still act; else the reason alone."""
    view = house().ceremony.look(token)
    if not view.may_act or view.choice is None:
        raise refusal
    said = say(refusal)
    at = "code" if refusal.code.startswith("code_") else None
    return _screen("signer_prove.html", token, view, error=said.sentence, error_at=at, **_proofs(view)), said.status


# --- the document ---


@door.get("/pages/<int:page>")
def picture(token: str, page: int) -> Response:
    """A page of the revision that this signer is shown, as a picture."""
    width = request.args.get("w", 780, int)
    if width not in PICTURE_WIDTHS:
        width = 780
    path = house().pages.picture(g.view.shown_sha256, page=page, width=width)
    response = send_file(path.absolute(), conditional=True)
    response.headers["Cache-Control"] = "private, max-age=600"
    return response


@door.get("/pages/<int:page>/words")
def words(token: str, page: int) -> Response:
    response = jsonify(house().pages.words(g.view.shown_sha256, page=page))
    response.headers["Cache-Control"] = "private, max-age=600"
    return response


@door.post("/read")
def report_reading(token: str) -> Response:
    """Which pages were on the screen, told by a beacon."""
    told = parsed(request.form.get("pages", "[]"))
    pages = {p["page"]: p["ms"] for p in told if _is_reading(p)} if isinstance(told, list) else {}
    house().ceremony.note_reading(token, pages)
    return Response(status=204)


@door.get("/document.pdf")
def document(token: str) -> Response:
    """The exact bytes that are shown here, to keep or to hash."""
    view, content = house().ceremony.shown(token)
    return download(content, view.contract.title)


@door.get("/signed.pdf")
def sealed(token: str) -> Response:
    view, content = house().ceremony.sealed(token)
    return download(content, view.contract.title)


@door.get("/evidence.zip")
def evidence(token: str) -> Response:
    """The sealed document with its log and the log's place in the tree."""
    view: View = g.view
    return download(house().history.bundle(view.contract.id), view.contract.title, kind="zip")


@door.route("/report", methods=["GET", "POST"])
def report(token: str) -> str | AnyResponse:
    """Everything that is recorded about a finished contract: asked for by looking here, made by a worker. POST: once more."""
    view: View = g.view
    made = _report(view, again=request.method == "POST")
    if request.method == "POST":
        return back("signer.report", token=token)
    template = "report_step.html" if request.htmx else "signer_report.html"  # type: ignore[attr-defined]
    urls = {"page_url": url_for("signer.report", token=token), "file_url": url_for("signer.report_file", token=token)}
    return _screen(template, token, view, made=made, **urls)


@door.get("/report.pdf")
def report_file(token: str) -> AnyResponse:
    """The report itself, in the signer's language and under the house's seal; the page that tells of it until it is made."""
    view: View = g.view
    made = _report(view)
    if made.content is None:
        return back("signer.report", token=token)
    return download(made.content, gettext("%(title)s - evidence report", title=view.contract.title))


def _report(view: View, *, again: bool = False) -> Made:
    return house().reporting.ask(
        view.contract.id, asker=view.signer.name, language=language(), tell=telling.timeline, again=again
    )


@door.get("/mark.svg")
def mark(token: str) -> Response:
    """How the mark will look: the same outlines as in the PDF. `which`: saved, chosen or a typed face."""
    which = request.args.get("which", "auto")
    view: View = g.view
    if which.startswith("seal:"):
        chosen = next((seal.mark for seal in view.seals if seal.id == which.removeprefix("seal:")), None)
        if chosen is None:
            raise Refusal("no_such_seal")
    elif which == "chosen" and view.choice is not None:
        chosen = view.choice.mark
    elif which == "saved" and view.saved_mark is not None:
        chosen = marks.read(view.saved_mark, name=view.signer.name)
    else:
        chosen = marks.read({**TYPED, "face": which}, name=view.signer.name)
    svg = house().paper.mark_svg(chosen, width=360, height=120)
    return Response(svg, mimetype="image/svg+xml", headers={"Cache-Control": "private, max-age=60"})


def download(content: bytes, title: str, *, kind: str = "pdf") -> Response:
    """A file (PDF or ZIP) under the contract's title (RFC 6266), kept by no cache."""
    name = f"{_file_name(title)}.{kind}"
    response = send_file(BytesIO(content), mimetype=f"application/{kind}", as_attachment=True, download_name=name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


# --- what the screens show ---


def _screen(template: str, token: str, view: View, **more: Any) -> str:
    shown: dict[str, Any] = {
        "token": token,
        "view": view,
        "contract": view.contract,
        "signer": view.signer,
        "fingerprint": fingerprint(view.shown_sha256),
        "consent": consent.paragraphs(language()),
        "sealed": view.contract.state in DONE,
        "page_count": len(view.pages),
        "places": _places(view),
        "error": None,
        "error_at": None,
        "asked": None,
        "asked_seconds": ASKED_SECONDS,
    }
    return render_template(template, **{**shown, **more})


def _places(view: View) -> list[dict[str, Any]]:
    """Where everybody signs and writes, to be drawn on the pages: mine lead to what I fill in, the others are outlines."""
    waiting = {s.id: s for s in view.contract.signers if s.state is not SignerState.SIGNED or s.id == view.signer.id}
    return [_place(f, waiting[f.signer_id], view.signer) for f in view.contract.fields if f.signer_id in waiting]


def _place(field: Field, whose: Signer, me: Signer) -> dict[str, Any]:
    mine = whose.id == me.id
    shown = {name: getattr(field, name) for name in ("id", "page", "x", "y", "w", "h", "required")}
    kind = _kind(field.kind)
    return {
        **shown,
        "kind": field.kind.value,
        "mine": mine and field.kind is not FieldKind.DATE,
        "own": mine,
        "goal": "fill-mark" if field.kind is FieldKind.SIGNATURE else f"fill-{field.id}",
        "label": (field.label or kind) if mine else f"{whose.name} · {kind}",
    }


def _kind(kind: FieldKind) -> str:
    said = {
        FieldKind.SIGNATURE: gettext("Sign here"),
        FieldKind.DATE: gettext("Date"),
        FieldKind.TEXT: gettext("Write here"),
        FieldKind.CHECKBOX: gettext("Tick"),
    }
    return str(said[kind])


def _choices(view: View) -> dict[str, Any]:
    """The marks on offer, the chosen one first selected; and what has been filled before."""
    if view.signer.organisation_id:
        return _seals(view)
    chosen = view.choice.mark.to_dict() if view.choice else None
    saved = dict(view.saved_mark) if view.saved_mark else None
    offered = [("auto", TYPED)] + ([("saved", saved)] if saved and saved.get("kind") == "drawn" else [])
    if chosen and chosen.get("kind") == "drawn" and chosen != saved:
        offered.append(("chosen", chosen))
    preferred = "chosen" if offered[-1][0] == "chosen" else "saved" if len(offered) > 1 and not chosen else "auto"
    if chosen and saved and chosen == saved and len(offered) > 1:
        preferred = "saved"
    return {
        "marks": [(which, json.dumps(value, separators=(",", ":"))) for which, value in offered],
        "preferred_mark": preferred,
        "inputs": [f for f in view.fields if _is_filled(f.kind)],
        "typed": dict(view.choice.values) if view.choice else {},
    }


def _seals(view: View) -> dict[str, Any]:
    """The enterprise's seals in the place of marks; nobody draws one."""
    offered = [(f"seal:{seal.id}", {"kind": "seal", "seal_id": seal.id}) for seal in view.seals]
    preferred = next(
        (which for which, value in offered if view.choice and value["seal_id"] == view.choice.seal_id), None
    )
    return {
        "marks": [(which, json.dumps(value, separators=(",", ":"))) for which, value in offered],
        "preferred_mark": preferred or (offered[0][0] if offered else None),
        "seal_names": {f"seal:{seal.id}": seal.label for seal in view.seals},
        "inputs": [f for f in view.fields if _is_filled(f.kind)],
        "typed": dict(view.choice.values) if view.choice else {},
    }


def _as_filled(choices: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """The choices with what is on the form that came back by a language button; a new drawing waits in the browser."""
    posted = request.form.get("mark", "")
    preferred = next((which for which, value in choices["marks"] if value == posted), None)
    drawn_now = preferred is None and an_object(parsed(posted)).get("kind") == "drawn"
    filled = {"typed": values, "drawn_now": drawn_now}
    return {**choices, **filled, "preferred_mark": None if drawn_now else preferred or choices["preferred_mark"]}


def _proofs(view: View) -> dict[str, Any]:
    return {
        "methods": {m.value for m in view.routes.methods},
        "code_wait": int(house().settings.resend_seconds),
        "may_passkey": Method.PASSKEY in view.routes.methods,
        "may_face": view.face_ready,
    }


def _is_filled(kind: FieldKind) -> bool:
    return kind in (FieldKind.TEXT, FieldKind.CHECKBOX)


def _asked(asked: Asked) -> Response:
    response = jsonify(flow=asked.flow, intent=asked.intent_id, publicKey=asked.options, expires_in=ASKED_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_reading(value: Any) -> bool:
    return isinstance(value, dict) and type(value.get("page")) is int and type(value.get("ms")) is int


def _file_name(title: str) -> str:
    """The title as a file name: no separators, no control characters."""
    safe = "".join(ch if ch.isprintable() and ch not in '\\/:*?"<>|' else " " for ch in title)
    return " ".join(safe.split())[:100] or str(gettext("Contract"))
