"""The verifier's door: one page that judges a PDF in the browser. The file never comes here."""

from flask import Blueprint, Response, make_response, render_template

from bff.routes import checks

door = Blueprint("verify", __name__)


@door.get("/verify")
def page() -> Response:
    """Open to everybody and the same for everybody: the service worker keeps it for when there is no network."""
    response = make_response(render_template("verify.html", sentences=checks.sentences(), known=checks.known()))
    response.headers["Cache-Control"] = "no-cache"
    return response
