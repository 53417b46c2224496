"""The account's door: claiming the house, signing in and out, passkeys, sessions, language."""

import json
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from bff.core.errors import Refusal
from bff.notify.addresses import normal_email, normal_phone
from bff.realname.account import Entered
from bff.routes.refusals import say
from bff.routes.shared import LANGUAGE, SESSION, back, client, house, language, me, signed_in
from bff.words import LANGUAGES

door = Blueprint("account", __name__)


@door.route("/claim/<token>", methods=["GET", "POST"])
def claim(token: str) -> str | AnyResponse | tuple[str, int]:
    """The first start: whoever holds the terminal's link becomes the owner."""
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
    return _entered(entered, url_for("account.overview"))


@door.get("/sign-in")
def sign_in() -> str:
    return render_template("sign_in.html", error=None, next=_local(request.args.get("next")))


@door.post("/sign-in/code")
def ask_code() -> str | tuple[str, int]:
    """The same answer for every address, known or not."""
    try:
        contact = contact_of(request.form.get("contact", ""))
        question = house().account.ask_code(contact, client=client(), language=language())
    except Refusal as refusal:
        return _again("sign_in.html", refusal, next=_local(request.form.get("next")))
    return render_template("sign_in_code.html", question=question, error=None, next=_local(request.form.get("next")))


@door.post("/sign-in")
def enter() -> str | AnyResponse | tuple[str, int]:
    question, goal = request.form.get("question", ""), _local(request.form.get("next"))
    try:
        entered = house().account.enter_with_code(question, request.form.get("code", ""), client=client())
    except Refusal as refusal:
        return _again("sign_in_code.html", refusal, question=question, next=goal)
    return _entered(entered, goal)


@door.post("/sign-in/passkey/options")
def passkey_options() -> Response:
    question, options = house().account.ask_passkey(client=client())
    return jsonify(flow="get", intent=question, publicKey=options)


@door.post("/sign-in/passkey")
def enter_with_passkey() -> AnyResponse | tuple[str, int]:
    goal = _local(request.form.get("next"))
    try:
        answer = _object(request.form.get("response", ""))
        entered = house().account.enter_with_passkey(request.form.get("intent", ""), answer, client=client())
    except Refusal as refusal:
        return _again("sign_in.html", refusal, next=goal)
    return _entered(entered, goal)


@door.get("/account")
@signed_in
def overview() -> str:
    account = house().account
    return render_template("account.html", sessions=account.sessions(me()), passkeys=account.passkeys(me()))


@door.post("/account/passkeys/options")
@signed_in
def new_passkey_options() -> Response:
    question, options = house().account.offer_passkey(me())
    return jsonify(flow="create", intent=question, publicKey=options)


@door.post("/account/passkeys")
@signed_in
def add_passkey() -> Response:
    """Keep the new passkey, and ask it a first question: the answer signs in with it."""
    body = request.get_json()
    response = body.get("credential")
    house().account.add_passkey(me(), str(body.get("intent", "")), response if isinstance(response, dict) else {})
    return passkey_options()


@door.post("/account/sessions/<session>/close")
@signed_in
def close_session(session: str) -> AnyResponse:
    house().account.close_session(me(), session)
    return back("account.overview")


@door.post("/language")
def choose_language() -> AnyResponse:
    chosen = request.form.get("language", "")
    response = redirect(_local(request.form.get("next")), code=303)
    if chosen in LANGUAGES:
        secure = house().settings.https
        response.set_cookie(LANGUAGE, chosen, max_age=31_536_000, samesite="Lax", httponly=True, secure=secure)
    return response


def contact_of(text: str) -> str:
    """An e-mail address or a phone number in its normal form. Raises Refusal."""
    return normal_email(text) if "@" in text else normal_phone(text)


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


def _local(path: str | None) -> str:
    """Only a path of ours is gone back to."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    return path


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
