"""docs/api.md names every address of the app and no other, and whoever it keeps out is kept out."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from flask import Flask

from bff.app import create_app
from bff.wiring import House

TABLE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
ROW = re.compile(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \| ([a-z ]+) \| .+ \|$", re.MULTILINE)
CLOSED = ("signed in", "sender", "owner")


@pytest.fixture
def app(home: House) -> Flask:
    return create_app(home.settings, home)


def written() -> dict[str, tuple[set[str], str]]:
    return {path: (set(methods.split(", ")), who) for path, methods, who in ROW.findall(TABLE.read_text("utf-8"))}


def test_every_address_is_listed_and_every_listed_one_is_there(app: Flask) -> None:
    served: dict[str, set[str]] = defaultdict(set)
    for rule in app.url_map.iter_rules():
        served[rule.rule] |= (rule.methods or set()) - {"HEAD", "OPTIONS"}
    assert {path: methods for path, (methods, _) in written().items()} == served


def test_who_is_not_signed_in_reaches_nothing_that_is_closed(app: Flask) -> None:
    stranger = app.test_client()
    for path, (methods, who) in written().items():
        address = re.sub(r"<any\((\w+).*?>", r"\1", path)
        address = re.sub(r"<int:\w+>", "1", address)
        address = re.sub(r"<\w+>", "x" * 43, address)
        for method in methods:
            answer = stranger.open(address, method=method, headers={"Sec-Fetch-Site": "same-origin"})
            answer.close()
            if who in CLOSED:
                assert answer.status_code in (302, 303), (method, path)
                assert answer.location.startswith("/sign-in"), (method, path)
            elif who in ("link", "check"):
                assert answer.status_code == 404, (method, path)
            elif who == "provider":
                assert answer.status_code == 403, (method, path)


def test_the_inbox_is_not_there_in_production(home: House) -> None:
    from dataclasses import replace

    app = create_app(replace(home.settings, development=False), home)
    assert app.test_client().get("/dev/inbox").status_code == 404
