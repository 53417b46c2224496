"""The installable app: manifest, service worker, offline page and the static files, cached by their version."""

from pathlib import Path

from flask import Blueprint, Response, jsonify, render_template, send_from_directory
from flask_babel import gettext as _

from bff.routes.shared import house, language
from bff.words import TAGS

door = Blueprint("pwa", __name__)
WEB = Path(__file__).parent.parent.parent / "web"
SERVED = ("elements", "lib", "styles", "vendor", "icons", "sw")


@door.get("/static/<version>/<path:name>")
def static(version: str, name: str) -> Response:
    """A file of the app. The version in the path changes with the release, so a copy may be kept for a year."""
    if name.split("/", 1)[0] not in SERVED:
        return Response(status=404)
    response = send_from_directory(WEB, name)
    fixed = version == house().version
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fixed else "no-cache"
    return response


@door.get("/sw.js")
def service_worker() -> Response:
    response = send_from_directory(WEB / "sw", "sw.js")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Service-Worker-Allowed"] = "/"
    return response


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
def offline() -> str:
    return render_template("offline.html")
