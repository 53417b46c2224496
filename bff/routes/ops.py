"""For machines: is this unit alive, and what providers say of their deliveries."""

import json

from flask import Blueprint, Response, abort, request

from bff.notify.sms import read_receipt
from bff.routes.shared import house

door = Blueprint("ops", __name__)


@door.get("/healthz")
def healthz() -> Response:
    """200 when this process answers and the database does."""
    house().store.ping()
    return Response("ok\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})


@door.get("/ops/proxy")
def proxy() -> Response:
    """What the proxies put on the way of this very request: doctor knocks here and compares. Nothing of anybody else."""
    seen = {
        "forwarded_for": len([a for a in request.headers.get("X-Forwarded-For", "").split(",") if a.strip()]),
        "scheme": request.scheme,
        "host": request.host,
    }
    return Response(json.dumps(seen), mimetype="application/json", headers={"Cache-Control": "no-store"})


@door.post("/receipts/sms")
def sms_receipt() -> Response:
    """A Twilio-shaped delivery receipt; its signature must be the provider's."""
    settings = house().settings
    found = read_receipt(
        request.form.to_dict(),
        request.headers.get("X-Twilio-Signature", ""),
        f"{settings.public_url.rstrip('/')}/receipts/sms",
        settings.sms_url,
    )
    if found is None:
        abort(403)
    provider_id, status = found
    with house().store.begin() as unit:
        message = unit.errands.receipt(provider_id, status=status)
        if message is not None and message.contract_id is not None:
            unit.announcement.topics.append(f"contract:{message.contract_id}")
    return Response("", status=204)
