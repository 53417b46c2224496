"""Fewer bytes on a phone's network: texts travel packed with gzip.

Files of the app are packed once a process, when first asked for, and the packed form stays in memory: they are few, and
their addresses change with the release. Pages are packed as they are made.

Packing a page could tell a listener what is in it (BREACH): who makes a browser ask for the same page again and again,
each time with another guess in the address, sees in the length which guess was also in the page. It takes somebody
else's site that starts the requests. So an answer to a request that another site started, or may have started (the
browser does not say), goes out unpacked. The signer's pages are the exception: their address is the secret itself, so
nobody who lacks it can start a request for them, and they are what slow phones ask for.
"""

import gzip
import mimetypes
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request, send_from_directory
from werkzeug.security import safe_join

SUFFIXES = (".js", ".mjs", ".css", ".svg", ".json", ".wasm", ".txt")
TEXTS = ("text/", "image/svg+xml", "application/json", "application/manifest+json")
OURS = ("same-origin", "none")
ADDRESS_IS_THE_SECRET = ("signer",)
SMALLEST_BYTES = 600
"""Below this a packed answer saves no packet."""
PAGE_LEVEL = 5
FILE_LEVEL = 9
FILES_KEPT = 256


def pack_pages(app: Flask) -> None:
    """Every text that the app answers with is packed from now on, where that is safe and wanted."""

    @app.after_request
    def packed(response: Response) -> Response:
        if not (response.mimetype or "").startswith(TEXTS) or response.direct_passthrough:
            return response
        response.vary.add("Accept-Encoding")
        if _wanted() and _safe() and _worth_it(response):
            response.set_data(gzip.compress(response.get_data(), PAGE_LEVEL, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
        return response


def send_file_packed(folder: Path, name: str) -> Response:
    """A file of the app, packed if it is a text and the browser takes that. 304 when the browser has it."""
    path = safe_join(str(folder), name)
    if path is None or not name.endswith(SUFFIXES) or not Path(path).is_file():
        return send_from_directory(folder, name)
    response = _packed(Path(path)) if _wanted() else send_from_directory(folder, name)
    response.vary.add("Accept-Encoding")
    return response


def _packed(path: Path) -> Response:
    status = path.stat()
    mimetype = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response = Response(_packed_file(path, status.st_mtime_ns), mimetype=mimetype)
    response.headers["Content-Encoding"] = "gzip"
    response.last_modified = datetime.fromtimestamp(status.st_mtime, UTC)
    response.set_etag(f"{status.st_mtime_ns:x}-{status.st_size:x}-gzip")
    response.make_conditional(request)
    return response


@lru_cache(FILES_KEPT)
def _packed_file(path: Path, _stamp: int) -> bytes:
    return gzip.compress(path.read_bytes(), FILE_LEVEL, mtime=0)


def _wanted() -> bool:
    return request.accept_encodings.quality("gzip") > 0


def _safe() -> bool:
    return request.blueprint in ADDRESS_IS_THE_SECRET or request.headers.get("Sec-Fetch-Site") in OURS


def _worth_it(response: Response) -> bool:
    plain = response.status_code not in (204, 206, 304) and "Content-Encoding" not in response.headers
    return plain and (response.calculate_content_length() or 0) >= SMALLEST_BYTES
