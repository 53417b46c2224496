"""The account's door: claiming the house, signing in and out, name, mark, passkeys, sessions, members, language."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from bff.core import mark as marks
from bff.core.errors import Refusal
from bff.notify.addresses import normal_email, normal_phone
from bff.realname.account import Entered
from bff.routes.refusals import say
from bff.routes.sender import in_json
from bff.routes.shared import (
    SESSION,
    an_object,
    back,
    client,
    house,
    language,
    me,
    parsed,
    parsed_body,
    person,
    signed_in,
    speaks,
)
from bff.words import LANGUAGES

door = Blueprint("account", __name__)

Page = str | AnyResponse | tuple[str, int]
TYPED = {"kind": "typed", "face": "auto"}
BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
"""Signs in a User-Agent, the more telling first."""


# --- the first start ---


@door.route("/claim/<token>", methods=["GET", "POST"])
def claim(token: str) -> Page:
    """Whoever holds the terminal's link becomes the owner."""
    account = house().account
    if not account.claimable(token):
        raise Refusal("owner_link_unknown")
    if request.method == "GET":
        return render_template("claim.html", error=None)
    try:
        entered = account.claim(
            token,
            name=request.form.get("name", ""),
            contact=contact_of(request.form.get("contact", "")),
            language=language(),
            client=client(),
        )
    except Refusal as refusal:
        return _again("claim.html", refusal)
    return _entered(entered, url_for("account.welcome"))


@door.get("/welcome")
@signed_in
def welcome() -> str:
    """The first screen of the owner: a sample contract, and a passkey for next time."""
    return render_template("welcome.html", error=None)


# --- signing in and out ---


@door.get("/sign-in")
def sign_in() -> Page:
    goal = _local(request.args.get("next"))
    if person() is not None:
        return redirect(goal, code=303)
    return render_template("sign_in.html", error=None, next=goal)


@door.post("/sign-in/code")
def ask_code() -> Page:
    """The same answer for every address, known or not."""
    goal = _local(request.form.get("next"))
    try:
        contact = contact_of(request.form.get("contact", ""))
        question = house().account.ask_code(contact, client=client(), language=language())
    except Refusal as refusal:
        return _again("sign_in.html", refusal, next=goal)
    return back("account.code", question=question, next=goal)


@door.get("/sign-in/code")
def code() -> str:
    """Where the code is entered; a reload asks for nothing new."""
    return render_template(
        "sign_in_code.html",
        question=request.args.get("question", ""),
        next=_local(request.args.get("next")),
        error=None,
        development=house().settings.development,
    )


@door.post("/sign-in")
def enter() -> Page:
    question, goal = request.form.get("question", ""), _local(request.form.get("next"))
    try:
        entered = house().account.enter_with_code(question, request.form.get("code", ""), client=client())
    except Refusal as refusal:
        return _again("sign_in_code.html", refusal, question=question, next=goal, development=False)
    return _entered(entered, goal)


@door.post("/sign-in/passkey/options")
@in_json
def passkey_options() -> Response:
    question, options = house().account.ask_passkey(client=client())
    return _asked("get", question, options)


@door.post("/sign-in/passkey")
def enter_with_passkey() -> Page:
    goal = _local(request.form.get("next"))
    try:
        answer = an_object(parsed(request.form.get("response", "")))
        entered = house().account.enter_with_passkey(request.form.get("intent", ""), answer, client=client())
    except Refusal as refusal:
        return _again("sign_in.html", refusal, next=goal)
    return _entered(entered, goal)


@door.post("/sign-out")
@signed_in
def sign_out() -> AnyResponse:
    house().account.close_session(me(), g.session.id)
    response = back("account.sign_in")
    response.delete_cookie(SESSION, samesite="Lax", httponly=True, secure=house().settings.https)
    response.headers["Clear-Site-Data"] = (
        '"cache", "storage"'  # drafts, pictures of pages, the worker and what it keeps
    )
    return response


# --- one's own account ---


@door.get("/account")
@signed_in
def overview() -> str:
    return _overview()


def _overview(error: str | None = None, at: str = "") -> str:
    account = house().account
    return render_template(
        "account.html",
        sessions=account.sessions(me()),
        this_session=g.session.id,
        passkeys=[(_text(k.credential_id), k) for k in account.passkeys(me())],
        saved=account.saved_mark(me()),
        typed=json.dumps(TYPED, separators=(",", ":")),
        error=error,
        at=at,
    )


@door.post("/account")
@signed_in
def rename() -> Page:
    chosen = request.form.get("language", "")
    chosen = chosen if chosen in LANGUAGES else me().language
    try:
        house().account.rename(me(), name=request.form.get("name", ""), language=chosen)
    except Refusal as refusal:
        said = say(refusal)
        return _overview(said.sentence, "name"), said.status
    return speaks(back("account.overview"), chosen)


@door.post("/account/mark")
@signed_in
def save_mark() -> Page:
    """How one's own signature looks; offered at every signing from now on."""
    try:
        house().account.save_mark(me(), parsed(request.form.get("mark", "")))
    except Refusal as refusal:
        said = say(refusal)
        return _overview(said.sentence, "mark"), said.status
    return back("account.overview", _anchor="mark")


@door.get("/account/mark.svg")
@signed_in
def mark() -> Response:
    """The saved mark, or with `which=typed` the name in handwriting: the same outlines as in a PDF."""
    saved = house().account.saved_mark(me()) if request.args.get("which") != "typed" else None
    drawn = marks.read(dict(saved) if saved else TYPED, name=me().name)
    svg = house().paper.mark_svg(drawn, width=360, height=120)
    return Response(svg, mimetype="image/svg+xml", headers={"Cache-Control": "private, no-cache"})


@door.post("/account/passkeys/options")
@in_json
@signed_in
def new_passkey_options() -> Response:
    question, options = house().account.offer_passkey(me())
    return _asked("create", question, options)


@door.post("/account/passkeys")
@in_json
@signed_in
def add_passkey() -> Response:
    """Keep the new passkey, and ask it a first question: the answer signs in with it."""
    body = an_object(parsed_body())
    answer = body.get("credential", body.get("response"))
    house().account.add_passkey(me(), str(body.get("intent", "")), an_object(answer))
    question, options = house().account.ask_passkey(client=client())
    return _asked("get", question, options)


@door.post("/account/passkeys/<credential>/keep")
@signed_in
def keep_passkey(credential: str) -> Page:
    """One that was set up through a link is its person's from now on."""
    try:
        house().account.keep_passkey(me(), _bytes(credential))
    except Refusal as refusal:
        said = say(refusal)
        return _overview(said.sentence, "passkeys"), said.status
    return back("account.overview", _anchor="passkeys")


@door.post("/account/passkeys/<credential>/remove")
@signed_in
def remove_passkey(credential: str) -> AnyResponse:
    house().account.remove_passkey(me(), _bytes(credential))
    return back("account.overview", _anchor="passkeys")


@door.post("/account/sessions/<session>/close")
@signed_in
def close_session(session: str) -> AnyResponse:
    house().account.close_session(me(), session)
    return back("account.overview", _anchor="sessions")


@door.app_template_filter("device")
def device(agent: str) -> str:
    """A browser's User-Agent as its owner would name it."""
    browser = next((name for sign, name in BROWSERS if sign in agent), "")
    system = next((name for sign, name in SYSTEMS if sign in agent), "")
    if browser and system:
        return str(gettext("%(browser)s on %(system)s", browser=browser, system=system))
    return browser or system or str(gettext("Unknown device"))


# --- members ---


@door.get("/members")
@signed_in
def members() -> str:
    return _members_page()


def _members_page(error: str | None = None) -> str:
    _check_owner()
    left = house().desk.left_behind(me())
    return render_template("members.html", members=house().account.members(), left=left, error=error)


def _check_owner() -> None:
    if me().role != "owner":
        raise Refusal("owner_only")


@door.post("/members")
@signed_in
def add_member() -> Page:
    form = request.form
    try:
        house().account.add_member(
            me(), name=form.get("name", ""), contact=contact_of(form.get("contact", "")), language=language()
        )
    except Refusal as refusal:
        said = say(refusal)
        return _members_page(said.sentence), said.status
    return back("account.members")


@door.post("/members/<person_id>/owner")
@signed_in
def make_owner(person_id: str) -> AnyResponse:
    house().account.make_owner(me(), person_id)
    return back("account.members")


@door.post("/members/<person_id>/remove")
@signed_in
def remove_member(person_id: str) -> AnyResponse:
    house().account.remove_member(me(), person_id)
    return back("account.members")


@door.post("/members/<person_id>/take-over")
@signed_in
def take_over(person_id: str) -> Page:
    """What a former member sent is the owner's to look after from now on."""
    try:
        house().desk.take_over(me(), person_id)
    except Refusal as refusal:
        said = say(refusal)
        return _members_page(said.sentence), said.status
    return back("account.members")


# --- language ---


@door.post("/language")
def choose_language() -> AnyResponse:
    response = redirect(_local(request.form.get("next")), code=303)
    return speaks(response, request.form.get("language", ""))


# --- shared by the above ---


def contact_of(text: str) -> str:
    """An e-mail address or a phone number in its normal form. Raises Refusal."""
    if "@" in text:
        return normal_email(text)
    if any(ch.isdecimal() for ch in text):
        return normal_phone(text.strip())
    raise Refusal("contact_unreadable")


def _entered(entered: Entered, goal: str) -> AnyResponse:
    response = redirect(goal, code=303)
    response.set_cookie(
        SESSION,
        entered.token,
        max_age=int(timedelta(days=house().settings.session_days).total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=house().settings.https,
    )
    return response


def _again(template: str, refusal: Refusal, **shown: Any) -> tuple[str, int]:
    said = say(refusal)
    return render_template(template, error=said.sentence, **shown), said.status


def _asked(flow: str, question: str, options: dict[str, Any]) -> Response:
    response = jsonify(flow=flow, intent=question, publicKey=options, expires_in=240)
    response.headers["Cache-Control"] = "no-store"
    return response


def _local(path: str | None) -> str:
    """Only a path of ours is gone back to."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(ch) < 32 for ch in path):
        return "/"
    return path


def _text(credential: bytes) -> str:
    return urlsafe_b64encode(credential).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
