"""The web entrance: pages, forms and downloads. Nothing heavy runs here; sockets live in `live.py`, jobs in `worker.py`."""

import logging
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, jsonify, render_template, request
from flask_babel import Babel
from htmx_flask import Htmx
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

from bff import logs
from bff.core.errors import Fault, Refusal
from bff.routes import account, authority, dev, enterprise, ops, pwa, realname, sender, signer, verify
from bff.routes import refusals as words_of
from bff.routes.live import Tickets
from bff.routes.packing import pack_pages
from bff.routes.shared import here, language, live_ticket, person
from bff.settings import Settings, from_environment
from bff.wiring import House, build
from bff.words import LANGUAGES, TAGS, moment

LONGEST_FORM = 2_000_000
"""Bytes of a request that brings no file."""
UPLOAD = "sender.upload"
PHOTOGRAPHS, LONGEST_PHOTOGRAPH = ("realname.photo", *enterprise.PHOTOGRAPHS), 21_000_000
HTTP_CODES = {400: "request_unreadable", 405: "request_unreadable", 413: "request_too_large"}
"""Statuses that a library answers with, and what a person then reads."""
SAFE = ("GET", "HEAD", "OPTIONS")
OURS = ("same-origin", "none")
HTMX = '{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,"historyCacheSize":0}'

log = logging.getLogger("countersign.web")


def create_app(settings: Settings | None = None, home: House | None = None) -> Flask:
    """The WSGI application. Settings come from the environment unless a test gives them."""
    settings = settings or from_environment()
    logs.begin(settings.log_level, form="%(name)s %(message)s")
    app = Flask("bff", template_folder="../web/pages", static_folder=None)
    home = home or build(settings)
    app.extensions["house"] = home
    app.extensions["tickets"] = Tickets(home.secret("ticket.key"))
    app.config.update(
        SECRET_KEY=home.secret("session.key"),
        MAX_CONTENT_LENGTH=(settings.max_upload_megabytes + 1) * 1_000_000,
        MAX_FORM_MEMORY_SIZE=LONGEST_FORM,
        TRUSTED_HOSTS=[settings.host, *settings.extra_hosts],
        SESSION_COOKIE_NAME="flash",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        BABEL_TRANSLATION_DIRECTORIES="translations",
    )
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    Babel(app, locale_selector=language, default_locale="en")
    Htmx(app)
    pack_pages(app)  # registered first, so that it comes last: what it packs is complete
    _doors(app, settings)
    _rules(app, settings)
    _words(app, settings)
    return app


def _doors(app: Flask, settings: Settings) -> None:
    for door in (signer, sender, account, realname, enterprise, pwa, authority, ops, verify):
        app.register_blueprint(door.door)
    if settings.development:
        app.register_blueprint(dev.door)


def _rules(app: Flask, settings: Settings) -> None:
    @app.before_request
    def small() -> None:
        """Only an upload is large; anything else is refused before it is read."""
        if request.endpoint in PHOTOGRAPHS:
            request.max_content_length = LONGEST_PHOTOGRAPH
        elif request.endpoint != UPLOAD:
            request.max_content_length = LONGEST_FORM

    @app.before_request
    def only_our_own_forms() -> None:
        """Cross-site requests change nothing: Fetch Metadata, else Origin, must say that the form is ours."""
        if request.method in SAFE or request.blueprint in ("ops",):
            return
        site = request.headers.get("Sec-Fetch-Site")
        origin = urlsplit(request.headers.get("Origin", "")).netloc
        ours = site in OURS if site is not None else origin == request.host
        if not ours:
            raise Refusal("foreign_request")

    @app.before_request
    def readable() -> None:
        """No text of ours holds a NUL, and no database keeps one. (A file is read where it is judged.)"""
        said = [request.path, request.query_string.decode("latin-1").replace("%00", "\0")]
        if request.mimetype == "application/x-www-form-urlencoded":
            said += [part for pair in request.form.items(multi=True) for part in pair]
        if any("\0" in text for text in said):
            raise Refusal("request_unreadable")

    @app.after_request
    def guarded(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _policy(settings, camera=g.get("camera", False)))
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Permissions-Policy", "geolocation=(), microphone=(), payment=()")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if settings.https:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if response.mimetype == "text/html":
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("Content-Language", TAGS[language()])
            response.vary.update(("HX-Request", "Accept-Language", "Cookie"))
        return response

    @app.errorhandler(Refusal)
    def refused(refusal: Refusal) -> tuple[str | Response, int]:
        said = words_of.say(refusal)
        if request.accept_mimetypes.best == "application/json":  # a script of our pages shows the sentence itself
            return jsonify(code=refusal.code, message=said.sentence), said.status
        return _sorry(said.sentence, said.status, refusal.code)

    @app.errorhandler(Fault)
    def fault(error: Fault) -> tuple[str, int]:
        log.error("fault %s: %s", error.code, error.what)
        return _sorry(words_of.say(Refusal("out_of_order")).sentence, 503, error.code)

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> tuple[str, int]:
        codes = {UPLOAD: "intake_too_large", **dict.fromkeys(PHOTOGRAPHS, "photo_too_large")}
        code = codes.get(request.endpoint or "", "request_too_large")
        return _sorry(words_of.say(Refusal(code)).sentence, 413, code)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Any:
        if error.code is None or error.code < 400 or error.response is not None:
            return error
        if isinstance(error, SecurityError):  # a foreign host: there are no addresses to make a page of
            return Response(words_of.say(Refusal("unknown_host")).sentence, error.code, mimetype="text/plain")
        code = HTTP_CODES.get(error.code, "")
        sentence = words_of.say(Refusal(code)).sentence if code else None
        headers = {"Allow": ", ".join(error.valid_methods or ())} if isinstance(error, MethodNotAllowed) else {}
        return render_template("sorry.html", sentence=sentence, status=error.code, code=code), error.code, headers

    @app.errorhandler(Exception)
    def bug(error: Exception) -> tuple[str, int]:
        log.exception("unexpected %s", type(error).__name__)
        return render_template("sorry.html", sentence=None, status=500, code=""), 500


def _sorry(sentence: str, status: int, code: str) -> tuple[str, int]:
    """The apology page; it leads back to where the form was, if that is one of our own pages."""
    came_from = urlsplit(request.referrer or "")
    back = came_from.path if came_from.netloc == request.host and came_from.path != request.path else None
    if request.blueprint == "realname" and request.view_args and "token" in request.view_args:
        back = f"/id/{request.view_args['token']}"
    if request.blueprint == "signer" and request.view_args and "token" in request.view_args:
        back = f"/s/{request.view_args['token']}"
    return render_template("sorry.html", sentence=sentence, status=status, code=code, back_url=back), status


def _policy(settings: Settings, *, camera: bool) -> str:
    """A page with a camera shows what it recorded; only its worker runs WebAssembly, under a policy of its own."""
    media = "media-src 'self' blob:; " if camera else ""
    live = f" ws://{settings.host}:{settings.live_port}" if settings.live_port else ""
    return (
        f"default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; {media}"
        f"connect-src 'self'{live}; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    )


def _words(app: Flask, settings: Settings) -> None:
    @app.context_processor
    def everywhere() -> dict[str, Any]:
        return {
            "settings": settings,
            "person": g.get("person"),
            "language": language(),
            "here": here,
            "languages": LANGUAGES,
            "tag": TAGS[language()],
            "htmx_config": HTMX,
            "live_ticket": live_ticket,
            "asset": pwa.address,
            "module": pwa.module,
        }

    @app.template_filter("moment")
    def exact(value: datetime, zone: str = "UTC") -> str:
        """A time with its zone, exact to the second."""
        return moment(value, zone, seconds=True)

    @app.before_request
    def known() -> None:
        if request.blueprint not in ("signer", "ops", "authority"):
            person()
