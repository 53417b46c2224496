"""What the house publishes: its root certificates, the CRL of each certificate, and the heads of its tree."""

from flask import Blueprint, Response, abort, jsonify

from bff.routes.shared import house

door = Blueprint("authority", __name__, url_prefix="/authority")


@door.get("/roots.pem")
def roots() -> Response:
    """The roots that a verifier has to trust, as one PEM file."""
    pem = b"".join(house().roots)
    return Response(pem, mimetype="application/x-pem-file", headers={"Cache-Control": "public, max-age=3600"})


@door.get("/crl/<serial>.crl")
def crl(serial: str) -> Response:
    """The DER CRL named by a certificate's own distribution point (RFC 5280, section 4.2.1.13)."""
    found = house().authority.crl(serial)
    if found is None:
        abort(404)
    return Response(found, mimetype="application/pkix-crl", headers={"Cache-Control": "public, max-age=3600"})


@door.get("/head.json")
def head() -> Response:
    """The newest signed head of the tree over all contracts: keep one, and compare later."""
    return jsonify(house().history.newest())


@door.get("/consistency/<int:old>/<int:size>.json")
def consistency(old: int, size: int) -> Response:
    """The proof that the tree of `size` leaves begins with the one of `old` (RFC 6962, section 2.1.2)."""
    return jsonify(house().history.consistency(old, size))
