"""The installable app: manifest, service worker, offline page and the static files, cached by their version."""

import json
import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from bff.routes.packing import send_file_packed
from bff.routes.shared import house, language
from bff.words import LANGUAGES, TAGS

door = Blueprint("pwa", __name__)
WEB = Path(__file__).parent.parent.parent / "web"
SERVED = ("elements", "lib", "styles", "vendor", "icons", "sw", "workers")
WORKERS_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
"""A worker has a policy of its own: it may run WebAssembly, which no page may."""
SHELL = ("styles/tokens.css", "styles/base.css", "icons/icon.svg", "elements/app.js")
"""What the offline page looks like; the worker keeps it. A script is last, and brings what it imports."""
VERIFIER = ("styles/desk.css", "styles/verify.css", "elements/file-verifier.js")
"""What the verifier's page needs besides, to work without a network once it has been visited; its script is last, too."""
WORKER = ("rules.js", "push.js", "sw.js")

IMPORT = re.compile(r"""^import\s+(?:[^"';]*?\sfrom\s+)?["'](\.[^"']+)["']""", re.MULTILINE)
IMPORT_LINE = re.compile(r"^import .*$", re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)


@door.get("/static/<version>/<path:name>")
def static(version: str, name: str) -> Response:
    """A file of the app. The version in the path changes with the release, so a copy may be kept for a year."""
    if name.split("/", 1)[0] not in SERVED:
        return Response(status=404)
    response = send_file_packed(WEB, name)
    if name.startswith("workers/"):
        response.headers["Content-Security-Policy"] = WORKERS_POLICY
    fixed = version == house().version
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fixed else "no-cache"
    return response


def address(name: str) -> str:
    """Where a file of the app is found; a copy of it may be kept for ever."""
    return f"/static/{house().version}/{name}"


def module(name: str) -> Markup:
    """A script and the modules that it needs, all asked for at once: on a phone each link of a chain costs half a second.

    They wait for style and pictures all the same: every screen can be read and used without its scripts."""
    tags = [Markup('<script type="module" src="{}" fetchpriority="low"></script>').format(address(name))]
    link = Markup('<link rel="modulepreload" href="{}" fetchpriority="low">')
    tags += [link.format(address(needed)) for needed in imports(name)]
    return Markup("").join(tags)


@cache
def imports(name: str) -> tuple[str, ...]:
    """The modules that a script loads, directly and through others, each once."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        folder = posixpath.dirname(here := waiting.pop())
        for path in IMPORT.findall((WEB / here).read_text("utf-8")):
            needed = posixpath.normpath(posixpath.join(folder, path))
            if needed not in found:
                found.append(needed)
                waiting.append(needed)
    return tuple(found)


@door.get("/ahead.json")
def ahead() -> Response:
    """Speculation rules: the links that a page has marked are fetched while the person reads."""
    rules = {"prefetch": [{"where": {"selector_matches": "a[data-ahead]"}, "eagerness": "immediate"}]}
    response = Response(json.dumps(rules), mimetype="application/speculationrules+json")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@door.get("/sw.js")
def service_worker() -> Response:
    """The worker as one classic script: what it has to know of this release, its rules, and its wiring."""
    script = "\n".join([f"self.HOUSE = {json.dumps(_what_the_worker_knows())};", *map(_classic, WORKER)])
    response = Response(script, mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Service-Worker-Allowed"] = "/"
    response.add_etag()
    response.make_conditional(request)
    return response


def _what_the_worker_knows() -> dict[str, Any]:
    return {
        "version": house().version,
        "files": _with_imports(SHELL),
        "offline": {TAGS[code]: url_for("pwa.offline", lang=code) for code in LANGUAGES},
        "kept": {url_for("verify.page"): [url_for("authority.roots"), *_with_imports(VERIFIER)]},
        "title": house().settings.organisation,
        "icon": address("icons/icon-192.png"),
        "badge": address("icons/badge-96.png"),
    }


def _with_imports(names: tuple[str, ...]) -> list[str]:
    return [address(name) for name in (*names, *imports(names[-1]))]


def _classic(name: str) -> str:
    """A module without its import lines and export words: Firefox took long to run module workers."""
    return EXPORT.sub("", IMPORT_LINE.sub("", (WEB / "sw" / name).read_text("utf-8")))


@door.get("/manifest.webmanifest")
def manifest() -> Response:
    """The Web App Manifest (W3C)."""
    settings = house().settings
    icon = f"/static/{house().version}/icons"
    response = jsonify(
        id="/",
        lang=TAGS[language()],
        name=settings.organisation,
        short_name=settings.organisation[:12],
        description=_("Sign contracts on your phone in under a minute."),
        start_url="/",
        scope="/",
        display="standalone",
        background_color="#ffffff",
        theme_color="#1f4e5f",
        icons=[
            {"src": f"{icon}/icon-192.png", "sizes": "192x192", "type": "image/png"},
            {"src": f"{icon}/icon-512.png", "sizes": "512x512", "type": "image/png"},
            {"src": f"{icon}/maskable-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
        ],
    )
    response.mimetype = "application/manifest+json"
    return response


@door.get("/offline")
def offline() -> Response:
    """What the worker shows without a network. It is kept on the device, so it is the same for everybody."""
    response = make_response(render_template("offline.html"))
    response.headers["Cache-Control"] = "no-cache"
    return response
