"""The verifier's door: one page that judges a PDF in the browser. The file never comes here."""

from flask import Blueprint, render_template

from bff.routes import checks

door = Blueprint("verify", __name__)


@door.get("/verify")
def page() -> str:
    """Open to everybody; works without a connection once it has been opened."""
    return render_template("verify.html", sentences=checks.sentences())
