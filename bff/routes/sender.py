"""The sender's door: the list, upload, signers, terms, fields, review, sending, and what became of a contract.

A draft is four steps, each a page of its own that is left by a plain form; a refusal comes back on the same page,
beside what was typed. People who only sign see the same list, and of a contract the little that is theirs.
"""

import io
import re
import secrets
import tempfile
from collections.abc import Callable
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import segno
from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request, send_file, url_for
from flask_babel import format_date, gettext
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from bff.core.contract import DONE, ENDED, Contract, Signer, SignerState, State
from bff.core.errors import Refusal
from bff.core.identity import CHOOSABLE, Level, masked
from bff.core.intent import fingerprint
from bff.notify.addresses import normal_email, normal_phone
from bff.realname import registers
from bff.routes import telling
from bff.routes.pwa import WEB
from bff.routes.refusals import say
from bff.routes.shared import back, house, language, live_ticket, me, parsed_body, person, sender, signed_in
from bff.routes.signer import PICTURE_WIDTHS, download
from bff.signing.desk import Details, NewSigner
from bff.signing.reporting import Made
from bff.store.contracts import Wanted
from bff.words import LANGUAGES, words

door = Blueprint("sender", __name__)

View = TypeVar("View", bound=Callable[..., Any])
Page = str | AnyResponse | tuple[str, int]

ROWS, MOST_ROWS = 50, 500
"""A list begins with so many lines; "more" adds as many, up to the most."""
IDENTIFIER = r"[A-Z]{3,5}-[A-Z0-9./-]{2,60}"
"""Of an enterprise, as in a certificate."""
MOST_FILES = 50
"""Pictures that become one contract."""


@door.app_context_processor
def words_for_contracts() -> dict[str, Any]:
    return {"telling": telling, "masked": masked, "fingerprint_of": fingerprint}


@door.app_template_filter("day")
def day(value: datetime) -> str:
    """A day in the reader's language."""
    return str(format_date(value, "medium"))


def in_json(view: View) -> View:
    """A refusal is answered with its code and sentence, for scripts of our pages."""

    @wraps(view)
    def answered(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except Refusal as refusal:
            return _refused_in_json(refusal)

    return cast(View, answered)


def _refused_in_json(refusal: Refusal) -> tuple[Response, int]:
    said = say(refusal)
    return jsonify(code=refusal.code, message=said.sentence), said.status


# --- the list ---


@door.get("/")
def home() -> Page:
    """One's contracts, newest change first; filters in the address. Typing asks for the found part alone."""
    if person() is None:
        return back("account.sign_in")
    asked = request.args
    group = asked.get("group", "") if asked.get("group") in telling.GROUPS else ""
    wanted = Wanted(
        text=asked.get("q", "")[:100],
        states=telling.GROUPS[group] if group else (),
        party=asked.get("party", "")[:100],
        folder=asked.get("folder", "")[:120],
        label=asked.get("label", "")[:60],
        since=_day(asked.get("since")),
        until=_day_after(asked.get("until")),
        limit=max(ROWS, min(MOST_ROWS, asked.get("n", ROWS, int))),
    )
    shelf = house().shelf
    found = shelf.waiting(me(), wanted) if group == "waiting" else shelf.find(me(), wanted)
    filters = {k: v for k, v in asked.items() if v and k != "n"}
    return page_or_part(
        "home.html",
        "found",
        found=found,
        group=group,
        groups=telling.groups(),
        filters=filters,
        more=min(MOST_ROWS, wanted.limit + ROWS) if found.more and wanted.limit < MOST_ROWS else None,
        topics=[f"contract:{c.id}" for c in found.contracts[:ROWS]],
        reviews=house().enrolment.waiting(me()),
    )


def page_or_part(template: str, block: str, **shown: Any) -> str:
    """The whole page, or for htmx the named block of the same page."""
    restoring = "HX-History-Restore-Request" in request.headers
    if not request.htmx or restoring:  # type: ignore[attr-defined]
        return render_template(template, **shown)
    found = current_app.jinja_env.get_template(template)
    current_app.update_template_context(shown)
    return "".join(found.blocks[block](found.new_context(shown)))


# --- a new contract ---


@door.route("/contracts/new", methods=["GET", "POST"])
@sender
def upload() -> Page | tuple[Response, int] | Response:
    """A PDF, a Word file or pictures become a draft, or are refused by name beside the field it was chosen in."""
    limit = house().settings.max_upload_megabytes
    if request.method == "GET":
        return render_template("upload.html", error=None, megabytes=limit, press=secrets.token_hex(16))
    scripted = request.accept_mimetypes.best == "application/json"
    try:
        made = _uploaded()
    except (Refusal, RequestEntityTooLarge) as error:
        refusal = error if isinstance(error, Refusal) else Refusal("intake_too_large")
        if scripted:
            return _refused_in_json(refusal)
        said = say(refusal)
        page = render_template("upload.html", error=said.sentence, megabytes=limit, press=secrets.token_hex(16))
        return page, said.status
    goal = back("sender.signers", contract_id=made.id)
    return jsonify(location=goal.location) if scripted else goal


def _uploaded() -> Contract:
    files = [file for file in request.files.getlist("file") if file.filename]
    if not files:
        raise Refusal("intake_missing")
    if len(files) > MOST_FILES:
        raise Refusal("intake_too_many_files", most=MOST_FILES)
    with tempfile.TemporaryDirectory(dir=_work()) as folder:
        paths = [Path(folder) / f"upload-{number}" for number in range(len(files))]
        for file, path in zip(files, paths, strict=True):
            file.save(path)
        zone = _zone(request.form.get("zone"))
        press = request.form.get("press", "")[:64]
        return house().desk.upload(me(), *paths, filename=str(files[0].filename), timezone=zone, press=press)


def _work() -> Path:
    return (house().settings.data_dir / "work").absolute()


@door.post("/sample")
@sender
def make_sample() -> AnyResponse | tuple[str, int]:
    """A sample contract with oneself, sent at once: the first minute shows the product."""
    from bff.signing.sample import TITLE, sample  # once in a house's life; it brings a typesetter with it

    try:
        phone = _phone(request.form.get("phone"))
        content = sample(
            WEB / "vendor" / "fonts", name=me().name, organisation=house().settings.organisation, language=language()
        )
        with tempfile.TemporaryDirectory(dir=_work()) as folder:
            path = Path(folder) / "upload"
            path.write_bytes(content)
            made = house().desk.send_sample(me(), path, title=words(language())(TITLE), phone=phone)
    except Refusal as refusal:
        said = say(refusal)
        return render_template("welcome.html", error=said.sentence), said.status
    return back("sender.share", contract_id=made.id)


@door.get("/contracts/<contract_id>/share")
@sender
def share(contract_id: str) -> str:
    """The sample's link as a QR code. Other links are never shown to a sender: they go to their signer alone."""
    link = house().desk.sample_link(me(), contract_id)
    contract = house().desk.look(me(), contract_id)
    return page_or_part(
        "share.html",
        "status",
        contract=contract,
        link=link,
        signer=contract.signers[0],
        development=house().settings.development,
        live=_live(contract),
    )


@door.get("/contracts/<contract_id>/share.svg")
@sender
def qr(contract_id: str) -> Response:
    picture = io.BytesIO()
    segno.make(house().desk.sample_link(me(), contract_id), error="m").save(
        picture, kind="svg", xmldecl=False, border=2, scale=8, dark="#000", light="#fff", title="QR"
    )
    return Response(picture.getvalue(), mimetype="image/svg+xml", headers={"Cache-Control": "private, no-store"})


# --- the draft, step by step ---


@door.get("/contracts/<contract_id>/signers")
@sender
def signers(contract_id: str) -> Page:
    return _signers_page(contract_id)


def _signers_page(contract_id: str, refusal: Refusal | None = None, at: str = "") -> Page:
    """The first step. `at` names the form that a refusal belongs to: a signer's id, or "new"."""
    details = house().desk.details(me(), contract_id)
    if details.contract.state is not State.DRAFT:
        return back("sender.contract", contract_id=contract_id)
    said = say(refusal) if refusal else None
    page = render_template(
        "draft_signers.html",
        details=details,
        contract=details.contract,
        notes=telling.notes(details.notes),
        converted=bool({"from_pictures", "from_word"} & {*details.notes}),
        in_turn=any(s.order > 1 for s in details.contract.signers),
        i_sign=any(s.is_sender for s in details.contract.signers),
        registers=registers.REGISTERS,
        levels=[level for level in CHOOSABLE if level is not CHOOSABLE[-1] or house().enrolment.sourced],
        error=said.sentence if said else None,
        wrong=said.field if said else "",
        at=at,
        step=1,
    )
    return (page, said.status) if said else page


@door.post("/contracts/<contract_id>/signers")
@sender
def add_signer(contract_id: str) -> Page:
    try:
        house().desk.add_signer(me(), contract_id, _asked_signer())
    except Refusal as refusal:
        return _signers_page(contract_id, refusal, at="new")
    return back("sender.signers", contract_id=contract_id)


@door.post("/contracts/<contract_id>/signers/<signer_id>")
@sender
def change_signer(contract_id: str, signer_id: str) -> Page:
    try:
        house().desk.change_signer(me(), contract_id, _asked_signer(signer_id))
    except Refusal as refusal:
        return _signers_page(contract_id, refusal, at=signer_id)
    return back("sender.signers", contract_id=contract_id)


def _asked_signer(signer_id: str | None = None) -> NewSigner:
    form = request.form
    organisation, organisation_id = _party(signer_id is not None)
    return NewSigner(
        id=signer_id,
        name=form.get("name", "").strip(),
        email=_email(form.get("email")),
        phone=_phone(form.get("phone")),
        role=form.get("role", ""),
        language=_spoken(form.get("language")),
        needs=_needs(form.get("needs")),
        organisation=organisation,
        organisation_id=organisation_id,
    )


def _party(changed: bool) -> tuple[str, str]:
    """The enterprise that a signer signs for. Without a number, a changed signer keeps the one that was known."""
    form = request.form
    name, number = form.get("for_name", "").strip(), form.get("for_number", "").strip()
    if not name and not number:
        return "", ""
    known = form.get("for_known", "")
    if changed and known and not number and re.fullmatch(IDENTIFIER, known):
        return name, known
    return registers.party(
        name=name, register=form.get("for_register", ""), number=number, country=form.get("for_country", "")
    )


def _needs(asked: str | None) -> Level:
    """What the sender wants to know of a signer; more than can be known here is not on offer."""
    wanted = Level(asked) if asked in set(CHOOSABLE) else Level.CONTACT
    if wanted is Level.DOCUMENT_FACE_SOURCE and not house().enrolment.sourced:
        raise Refusal("no_source_here")
    return wanted


@door.post("/contracts/<contract_id>/signers/<signer_id>/<any(remove, earlier, later):act>")
@sender
def arrange_signer(contract_id: str, signer_id: str, act: str) -> Page:
    desk = house().desk
    if act == "remove":
        desk.remove_signer(me(), contract_id, signer_id)
    else:
        desk.move_signer(me(), contract_id, signer_id, by=-1 if act == "earlier" else 1)
    return back("sender.signers", contract_id=contract_id)


@door.post("/contracts/<contract_id>/order")
@sender
def order_signers(contract_id: str) -> Page:
    house().desk.order_signers(me(), contract_id, one_after_another=request.form.get("order") == "turns")
    return back("sender.signers", contract_id=contract_id)


@door.post("/contracts/<contract_id>/sign-too")
@sender
def sign_too(contract_id: str) -> Page:
    """The sender is a signer as well, at their own addresses."""
    try:
        house().desk.sign_too(me(), contract_id)
    except Refusal as refusal:
        return _signers_page(contract_id, refusal, at="me")
    return back("sender.signers", contract_id=contract_id)


@door.route("/contracts/<contract_id>/terms", methods=["GET", "POST"])
@sender
def terms(contract_id: str) -> Page:
    """Title, message, deadline."""
    contract = house().desk.look(me(), contract_id)
    if contract.state is not State.DRAFT:
        return back("sender.contract", contract_id=contract_id)
    if request.method == "GET":
        return _terms_page(contract)
    try:
        _set_terms(contract_id)
    except Refusal as refusal:
        said = say(refusal)
        return _terms_page(contract, error=said.sentence, wrong=said.field), said.status
    return back("sender.fields", contract_id=contract_id)


def _terms_page(contract: Contract, error: str | None = None, wrong: str = "") -> str:
    due = contract.deadline.astimezone(ZoneInfo(contract.timezone)) if contract.deadline else None
    typed = request.form
    return render_template(
        "draft_terms.html",
        contract=contract,
        error=error,
        wrong=wrong,
        title=typed.get("title", contract.title),
        message=typed.get("message", contract.message),
        day=typed.get("day", due.date().isoformat() if due else ""),
        time=typed.get("time", due.strftime("%H:%M") if due else "18:00"),
        zone=_zone(typed.get("zone", contract.timezone)),
        zones=_zones(),
        spoken=typed.get("language", contract.language),
        step=2,
    )


def _set_terms(contract_id: str) -> None:
    form = request.form
    zone = _zone(form.get("zone"))
    house().desk.set_terms(
        me(),
        contract_id,
        title=form.get("title", ""),
        message=form.get("message", ""),
        deadline=_moment(form.get("day", ""), form.get("time", ""), zone),
        timezone=zone,
        language=_language(form.get("language")),
    )


@door.get("/contracts/<contract_id>/fields")
@sender
def fields(contract_id: str) -> Page:
    """Where everybody signs, writes and ticks. Without fields they sign on the page at the end."""
    details = house().desk.details(me(), contract_id)
    contract = details.contract
    if contract.state is not State.DRAFT:
        return back("sender.contract", contract_id=contract_id)
    if not contract.signers:
        return back("sender.signers", contract_id=contract_id)
    board = {
        "signers": [{"id": s.id, "name": s.name} for s in contract.signers],
        "fields": [_placed(f) for f in contract.fields],
    }
    return render_template("draft_fields.html", details=details, contract=contract, board=board, step=3)


def _placed(field: Any) -> dict[str, Any]:
    names = ("id", "signer_id", "page", "x", "y", "w", "h", "required", "label")
    return {"kind": field.kind.value, **{name: getattr(field, name) for name in names}}


@door.route("/contracts/<contract_id>/fields", methods=["POST", "PUT"])
@in_json
@sender
def place_fields(contract_id: str) -> Response:
    """The field board's autosave: a JSON list of fields, bare or under "fields"."""
    body = parsed_body()
    placed = body.get("fields") if isinstance(body, dict) else body
    if not isinstance(placed, list):
        raise Refusal("field_unreadable")
    saved = house().desk.place_fields(me(), contract_id, placed)
    return jsonify(fields=[_placed(f) for f in saved.fields])


@door.get("/contracts/<contract_id>/review")
@sender
def review(contract_id: str) -> Page:
    return _review_page(contract_id)


def _review_page(contract_id: str, refusal: Refusal | None = None) -> Page:
    details = house().desk.details(me(), contract_id)
    if details.contract.state is not State.DRAFT:
        return back("sender.contract", contract_id=contract_id)
    said = say(refusal) if refusal else None
    page = render_template(
        "draft_review.html",
        details=details,
        contract=details.contract,
        notes=telling.notes(details.notes),
        converted=bool({"from_pictures", "from_word"} & {*details.notes}),
        in_turn=any(s.order > 1 for s in details.contract.signers),
        error=said.sentence if said else None,
        step=4,
    )
    return (page, said.status) if said else page


@door.post("/contracts/<contract_id>/prepare")
@sender
def prepare(contract_id: str) -> Page:
    """From here on the bytes never change."""
    try:
        house().desk.prepare(me(), contract_id)
    except Refusal as refusal:
        return _review_page(contract_id, refusal)
    return back("sender.contract", contract_id=contract_id)


# --- a contract's own page ---


@door.get("/contracts/<contract_id>")
@signed_in
def contract(contract_id: str) -> Page:
    """Parties, state, timeline, document and what is next; for a signer the little that is theirs."""
    seen = house().shelf.signed_by(me(), contract_id)
    if seen.owner_id != me().id:
        return _signers_view(contract_id)
    if seen.state is State.DRAFT:
        return back("sender.review" if seen.signers else "sender.signers", contract_id=contract_id)
    return _contract_page(house().desk.details(me(), contract_id))


def _signers_view(contract_id: str) -> str:
    part = house().shelf.signer_of(me(), contract_id)
    return page_or_part(
        "contract_signer.html",
        "body",
        part=part,
        contract=part.contract,
        done=part.contract.state in DONE,
        labels=house().shelf.labels(me(), contract_id),
        live=_live(part.contract),
    )


def _contract_page(details: Details, error: str | None = None) -> str:
    contract = details.contract
    missed = contract.state is State.PREPARED and _passed(contract)
    lines = telling.timeline(contract, details.evidence, owner_id=details.owner.id, owner_name=details.owner.name)
    return page_or_part(
        "contract.html",
        "body",
        details=details,
        contract=contract,
        error=error,
        missed=missed,
        signed=any(s.state is SignerState.SIGNED for s in contract.signers),
        tomorrow=(house().clock.now() + timedelta(days=1)).astimezone(ZoneInfo(contract.timezone)),
        done=contract.state in DONE,
        ended=contract.state in ENDED,
        turn={s.id for s in contract.turn},
        may_sign=any(s.is_sender for s in contract.turn) and not missed,
        may_withdraw=_may_withdraw(contract),
        timeline=lines,
        deliveries=telling.deliveries(contract, details.messages, masked=masked),
        signed_at={s.id: telling.signed_at(details.evidence, s) for s in contract.signers},
        sites=sorted(
            {site for sha, site, _ in details.copies if contract.document and sha == contract.document.sha256}
        ),
        live=_live(contract),
    )


def _passed(contract: Contract) -> bool:
    return contract.deadline is not None and contract.deadline <= house().clock.now()


def _may_withdraw(contract: Contract) -> bool:
    return contract.state in (State.PREPARED, State.SENT) or (contract.state is State.STUCK and not contract.all_signed)


def _live(contract: Contract) -> str:
    """The live line's address, with a ticket for this contract alone."""
    return f"/live?ticket={live_ticket((f'contract:{contract.id}',), f'person:{me().id}')}"


@door.post("/contracts/<contract_id>/<any(reopen, send, retry):act>")
@sender
def do(contract_id: str, act: str) -> AnyResponse:
    """One tap on the desk; each may be pressed twice."""
    desk = house().desk
    try:
        {"reopen": desk.reopen, "send": desk.send, "retry": desk.retry}[act](me(), contract_id)
    except Refusal as refusal:
        if refusal.code != "deadline_in_the_past":
            raise
        # The contract's page says so and asks for a new one.
    return back("sender.contract", contract_id=contract_id)


@door.post("/contracts/<contract_id>/deadline")
@sender
def postpone(contract_id: str) -> Page:
    """A new deadline for what was not sent in time."""
    form = request.form
    contract = house().desk.look(me(), contract_id)
    try:
        deadline = _moment(form.get("day", ""), form.get("time", ""), contract.timezone)
        if deadline is None:
            raise Refusal("deadline_unreadable")
        house().desk.postpone(me(), contract_id, deadline=deadline)
    except Refusal as refusal:
        said = say(refusal)
        return _contract_page(house().desk.details(me(), contract_id), said.sentence), said.status
    return back("sender.contract", contract_id=contract_id)


@door.post("/contracts/<contract_id>/sign")
@sender
def sign(contract_id: str) -> AnyResponse:
    """The sender's own ceremony: the same screens as anybody's. Who could not confirm there is told before, not after."""
    if me().phone is None and not any(key.signs_in for key in house().account.passkeys(me())):
        return back("account.overview", first="sign", _anchor="passkeys")
    return redirect(house().desk.own_link(me(), contract_id), code=303)


@door.route("/contracts/<contract_id>/withdraw", methods=["GET", "POST"])
@sender
def withdraw(contract_id: str) -> Page:
    """Asks once more, then takes the contract back."""
    if request.method == "POST":
        house().desk.withdraw(me(), contract_id, request.form.get("reason", ""))
        return back("sender.contract", contract_id=contract_id)
    return render_template("withdraw.html", contract=house().desk.look(me(), contract_id))


@door.post("/contracts/<contract_id>/signers/<signer_id>/remind")
@sender
def remind(contract_id: str, signer_id: str) -> AnyResponse:
    house().desk.remind(me(), contract_id, signer_id)
    return back("sender.contract", contract_id=contract_id)


@door.post("/contracts/<contract_id>/signers/<signer_id>/accept-name")
@sender
def accept_name(contract_id: str, signer_id: str) -> AnyResponse:
    """The name on a signer's document is theirs, though the contract writes it otherwise."""
    house().desk.accept_name(me(), contract_id, signer_id, request.form.get("check", ""))
    return back("sender.contract", contract_id=contract_id)


@door.route("/contracts/<contract_id>/signers/<signer_id>/correct", methods=["GET", "POST"])
@sender
def correct(contract_id: str, signer_id: str) -> Page:
    """Another address for a signer; their old link is dead."""
    signer = house().desk.look(me(), contract_id).signer(signer_id)
    if request.method == "GET":
        return _correct_page(contract_id, signer)
    try:
        email, phone = _email(request.form.get("email")), _phone(request.form.get("phone"))
        house().desk.correct(me(), contract_id, signer_id, email=email, phone=phone)
    except Refusal as refusal:
        said = say(refusal)
        return _correct_page(contract_id, signer, said.sentence, said.field), said.status
    return back("sender.contract", contract_id=contract_id)


def _correct_page(contract_id: str, signer: Signer, error: str | None = None, wrong: str = "") -> str:
    return render_template("correct.html", contract_id=contract_id, signer=signer, error=error, wrong=wrong)


@door.post("/contracts/<contract_id>/file")
@signed_in
def file(contract_id: str) -> AnyResponse:
    """Folder and labels; they change nothing of the contract."""
    labels = request.form.get("labels", "").replace("\uff0c", ",").replace("\u3001", ",").split(",")
    house().shelf.file(me(), contract_id, folder=request.form.get("folder"), labels=labels)
    return back("sender.contract", contract_id=contract_id)


# --- the document ---


@door.get("/contracts/<contract_id>/document.pdf")
@sender
def document(contract_id: str) -> Response:
    """The newest revision, as it is now."""
    seen, content = house().desk.document(me(), contract_id)
    return download(content, seen.title)


@door.get("/contracts/<contract_id>/signed.pdf")
@signed_in
def sealed(contract_id: str) -> Response:
    seen, content = house().shelf.sealed(me(), contract_id)
    return download(content, seen.title)


@door.get("/contracts/<contract_id>/evidence.zip")
@sender
def evidence(contract_id: str) -> Response:
    """The sealed document with its log and the log's place in the tree."""
    seen = house().desk.look(me(), contract_id)
    return download(house().history.bundle(contract_id), seen.title, kind="zip")


@door.route("/contracts/<contract_id>/report", methods=["GET", "POST"])
@sender
def report(contract_id: str) -> Page:
    """Everything that is recorded about a finished contract: asked for by looking here, made by a worker. POST: once more."""
    seen = house().desk.look(me(), contract_id)
    made = _report(contract_id, again=request.method == "POST")
    if request.method == "POST":
        return back("sender.report", contract_id=contract_id)
    return render_template(
        "report_step.html" if request.htmx else "report.html",  # type: ignore[attr-defined]
        contract=seen,
        made=made,
        live=_live(seen),
        page_url=url_for("sender.report", contract_id=contract_id),
        file_url=url_for("sender.report_file", contract_id=contract_id),
    )


@door.get("/contracts/<contract_id>/report.pdf")
@sender
def report_file(contract_id: str) -> Page:
    """The report itself, in one's own language and under the house's seal; the page that tells of it until it is made."""
    seen = house().desk.look(me(), contract_id)
    made = _report(contract_id)
    if made.content is None:
        return back("sender.report", contract_id=contract_id)
    return download(made.content, gettext("%(title)s - evidence report", title=seen.title))


def _report(contract_id: str, *, again: bool = False) -> Made:
    return house().reporting.ask(contract_id, asker=me().name, language=language(), tell=telling.timeline, again=again)


@door.get("/contracts/<contract_id>/pages/<int:page>")
@sender
def picture(contract_id: str, page: int) -> Response:
    """A page as a picture; the digest in the address makes it keepable."""
    width = request.args.get("w", 780, int)
    sha256 = _sha256(contract_id)
    path = house().pages.picture(sha256, page=page, width=width if width in PICTURE_WIDTHS else 780)
    return _keepable(send_file(path.absolute(), conditional=True), sha256)


@door.get("/contracts/<contract_id>/pages/<int:page>/words")
@sender
def page_words(contract_id: str, page: int) -> Response:
    sha256 = _sha256(contract_id)
    return _keepable(jsonify(house().pages.words(sha256, page=page)), sha256)


def _sha256(contract_id: str) -> str:
    contract = house().desk.look(me(), contract_id)
    if contract.document is None:
        raise Refusal("not_now", state=contract.state.value)
    return contract.document.sha256


def _keepable(response: Response, sha256: str) -> Response:
    fixed = request.args.get("v") == sha256[:16]
    response.headers["Cache-Control"] = "private, max-age=604800, immutable" if fixed else "private, no-cache"
    return response


# --- what is typed ---


def _email(text: str | None) -> str | None:
    return normal_email(text) if text and text.strip() else None


def _phone(text: str | None) -> str | None:
    return normal_phone(text.strip()) if text and text.strip() else None


def _moment(day: str, time: str, zone: str) -> datetime | None:
    """The deadline; none when no day is given. A day without a time ends with the day."""
    if not day.strip():
        return None
    try:
        due = datetime.fromisoformat(f"{day}T{time or '23:59'}").replace(tzinfo=ZoneInfo(zone))
        due.astimezone(UTC)  # the last hours of the year 9999 have no other zone
    except (ValueError, OverflowError) as error:
        raise Refusal("deadline_unreadable") from error
    return due


def _day(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("UTC")) if text else None
    except ValueError:
        return None


def _day_after(text: str | None) -> datetime | None:
    """The last day of a search counts as a whole."""
    day = _day(text)
    return day + timedelta(days=1) if day and day.year < MAXYEAR else None


def _zone(name: str | None) -> str:
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def _zones() -> list[str]:
    """Places that people know: "Asia/Shanghai", and UTC."""
    odd = ("Etc/", "SystemV/", "US/", "posix", "right")
    return ["UTC", *sorted(z for z in available_timezones() if "/" in z and not z.startswith(odd))]


def _language(text: str | None) -> str:
    return text if text in LANGUAGES else me().language


def _spoken(text: str | None) -> str:
    """A signer's language; empty when their browser shall say."""
    return text if text in LANGUAGES else ""
