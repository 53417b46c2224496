"""The sender's door: the list, upload, signers, terms, preparing, sending, and what became of a contract."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Response, jsonify, redirect, render_template, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from bff.core.contract import DONE, State
from bff.core.errors import Refusal
from bff.core.intent import fingerprint
from bff.notify.addresses import normal_email, normal_phone
from bff.routes.refusals import say
from bff.routes.shared import back, house, me, person, sender, signed_in
from bff.routes.signer import download
from bff.signing.desk import NewSigner
from bff.store.contracts import Wanted
from bff.words import LANGUAGES

door = Blueprint("sender", __name__)

DEFAULT_ROWS = 3


@door.get("/")
def home() -> str | AnyResponse:
    """One's contracts, newest change first; filters in the address."""
    if person() is None:
        return back("account.sign_in")
    asked = request.args
    states = tuple(State(s) for s in asked.getlist("state") if s in set(State))
    wanted = Wanted(
        text=asked.get("q", "")[:100],
        states=states,
        party=asked.get("party", "")[:100],
        folder=asked.get("folder", ""),
        label=asked.get("label", ""),
        since=_day(asked.get("since")),
        until=_day(asked.get("until")),
        offset=max(0, asked.get("offset", 0, int)),
    )
    return render_template("home.html", found=house().shelf.find(me(), wanted), wanted=wanted, states=list(State))


@door.route("/contracts/new", methods=["GET", "POST"])
@sender
def upload() -> str | AnyResponse | tuple[str, int]:
    if request.method == "GET":
        return render_template("upload.html", error=None)
    try:
        contract_id = _uploaded()
    except Refusal as refusal:
        said = say(refusal)
        return render_template("upload.html", error=said.sentence), said.status
    return back("sender.draft", contract_id=contract_id)


def _uploaded() -> str:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Refusal("intake_missing")
    with tempfile.TemporaryDirectory(dir=(house().settings.data_dir / "work").absolute()) as folder:
        path = Path(folder) / "upload"
        file.save(path)
        return house().desk.upload(me(), path, filename=file.filename, timezone=_zone(request.form.get("zone"))).id


@door.route("/contracts/<contract_id>/draft", methods=["GET", "POST"])
@sender
def draft(contract_id: str) -> str | AnyResponse | tuple[str, int]:
    """Who signs, until when, with what words. Saved as a whole; then prepared."""
    desk = house().desk
    details = desk.details(me(), contract_id)
    if details.contract.state is not State.DRAFT:
        return back("sender.contract", contract_id=contract_id)
    if request.method == "GET":
        return render_template("draft.html", details=details, contract=details.contract, error=None, **_rows(details))
    try:
        _save(contract_id)
        if "prepare" in request.form:
            desk.prepare(me(), contract_id)
            return back("sender.contract", contract_id=contract_id)
    except Refusal as refusal:
        said = say(refusal)
        latest = desk.details(me(), contract_id)
        shown = render_template(
            "draft.html", details=latest, contract=latest.contract, error=said.sentence, **_rows(latest)
        )
        return shown, said.status
    return back("sender.draft", contract_id=contract_id)


def _save(contract_id: str) -> None:
    form = request.form
    zone = _zone(form.get("zone"))
    house().desk.set_terms(
        me(),
        contract_id,
        title=form.get("title", ""),
        message=form.get("message", ""),
        deadline=_moment(form.get("deadline"), zone),
        timezone=zone,
        language=_language(form.get("language")),
    )
    house().desk.name_signers(me(), contract_id, _signers())


def _signers() -> list[NewSigner]:
    form = request.form
    named = []
    for row in range(50):
        name, email, phone = (form.get(f"{part}-{row}", "").strip() for part in ("name", "email", "phone"))
        if not (name or email or phone):
            continue
        named.append(
            NewSigner(
                id=form.get(f"id-{row}") or None,
                name=name,
                email=normal_email(email) if email else None,
                phone=normal_phone(phone) if phone else None,
                role=form.get(f"role-{row}", ""),
                language=_language(form.get(f"language-{row}")),
                order=max(1, form.get(f"order-{row}", 1, int)),
            )
        )
    if form.get("sender_signs") == "yes":
        mine = form.get("sender_id") or None
        named.append(
            NewSigner(
                id=mine, name=me().name, email=me().email, phone=me().phone, language=me().language, is_sender=True
            )
        )
    return named


def _rows(details: Any) -> dict[str, Any]:
    others = [s for s in details.contract.signers if not s.is_sender]
    mine = next((s for s in details.contract.signers if s.is_sender), None)
    blank = max(1, DEFAULT_ROWS - len(others))
    return {"others": [*others, *([None] * blank)], "mine": mine}


@door.post("/contracts/<contract_id>/fields")
@sender
def fields(contract_id: str) -> Response:
    """The field board's autosave: a JSON list of fields."""
    body = request.get_json()
    saved = house().desk.place_fields(me(), contract_id, body if isinstance(body, list) else [])
    return jsonify(saved=len(saved.fields))


@door.get("/contracts/<contract_id>")
@signed_in
def contract(contract_id: str) -> str | AnyResponse:
    """Parties, state, timeline, document and what is next; for a signer the little that is theirs."""
    seen = house().shelf.signed_by(me(), contract_id)
    if seen.owner_id != me().id:
        return render_template("contract_signer.html", contract=seen, done=seen.state in DONE)
    if seen.state is State.DRAFT:
        return back("sender.draft", contract_id=contract_id)
    details = house().desk.details(me(), contract_id)
    page = "contract_body.html" if request.htmx else "contract.html"  # type: ignore[attr-defined]
    return render_template(
        page,
        details=details,
        contract=details.contract,
        done=details.contract.state in DONE,
        may_sign=any(s.is_sender for s in details.contract.turn),
        fingerprint=fingerprint(details.contract.document.sha256 if details.contract.document else ""),
    )


@door.post("/contracts/<contract_id>/<any(prepare, reopen, send, withdraw, retry):act>")
@sender
def do(contract_id: str, act: str) -> AnyResponse:
    """One tap on the desk: each may be pressed twice."""
    getattr(house().desk, act)(me(), contract_id)
    return back("sender.contract", contract_id=contract_id)


@door.post("/contracts/<contract_id>/sign")
@sender
def sign(contract_id: str) -> AnyResponse:
    """The sender's own ceremony: the same screens as anybody's."""
    return redirect(house().desk.own_link(me(), contract_id), code=303)


@door.post("/contracts/<contract_id>/signers/<signer_id>/remind")
@sender
def remind(contract_id: str, signer_id: str) -> AnyResponse:
    house().desk.remind(me(), contract_id, signer_id)
    return back("sender.contract", contract_id=contract_id)


@door.post("/contracts/<contract_id>/signers/<signer_id>/correct")
@sender
def correct(contract_id: str, signer_id: str) -> AnyResponse:
    email, phone = request.form.get("email", "").strip(), request.form.get("phone", "").strip()
    house().desk.correct(
        me(),
        contract_id,
        signer_id,
        email=normal_email(email) if email else None,
        phone=normal_phone(phone) if phone else None,
    )
    return back("sender.contract", contract_id=contract_id)


@door.post("/contracts/<contract_id>/file")
@signed_in
def file(contract_id: str) -> AnyResponse:
    labels = request.form.get("labels", "").split(",")
    house().shelf.file(me(), contract_id, folder=request.form.get("folder"), labels=labels)
    return back("sender.contract", contract_id=contract_id)


@door.get("/contracts/<contract_id>/document.pdf")
@sender
def document(contract_id: str) -> Response:
    seen, content = house().desk.document(me(), contract_id)
    return download(content, seen.title)


@door.get("/contracts/<contract_id>/signed.pdf")
@signed_in
def sealed(contract_id: str) -> Response:
    seen, content = house().shelf.sealed(me(), contract_id)
    return download(content, seen.title)


@door.get("/contracts/<contract_id>/pages/<int:page>")
@sender
def picture(contract_id: str, page: int) -> Response:
    details = house().desk.details(me(), contract_id)
    sha256 = details.contract.document.sha256 if details.contract.document else ""
    path = house().pages.picture(sha256, page=page, width=780)
    response = send_file(path.absolute(), conditional=True)
    response.headers["Cache-Control"] = "private, max-age=600"
    return response


def _moment(text: str | None, zone: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise Refusal("deadline_unreadable") from error


def _day(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("UTC")) if text else None
    except ValueError:
        return None


def _zone(name: str | None) -> str:
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def _language(text: str | None) -> str:
    return text if text in LANGUAGES else me().language
