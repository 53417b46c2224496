"""Development only: the inbox that shows what would have been sent. Never registered in production."""

from flask import Blueprint, Response, jsonify, render_template, request

from bff.notify.inbox import read_all
from bff.routes.shared import house

door = Blueprint("dev", __name__, url_prefix="/dev")


@door.get("/inbox")
def inbox() -> str | Response:
    """Messages, newest first; `?json` for scripts."""
    messages = read_all(house().settings.data_dir / "inbox")
    if "json" in request.args:
        return jsonify(messages)
    return render_template("inbox.html", messages=messages)
