"""Doors in tests: the whole app on a real house, and browsers of people who are signed in or not."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bff.app import create_app
from bff.realname.account import Client
from bff.routes.shared import SESSION
from bff.store.people import Person
from bff.wiring import House

OURS = {"HTTP_SEC_FETCH_SITE": "same-origin"}
Visit = Callable[..., FlaskClient]


@pytest.fixture
def app(home: House) -> Flask:
    return create_app(home.settings, home)


@pytest.fixture
def visit(app: Flask, home: House) -> Visit:
    """A browser of its own: nobody's, or with an open session of the person at this address."""

    def a_browser(contact: str | None = None) -> FlaskClient:
        browser = app.test_client()
        browser.environ_base = {**browser.environ_base, **OURS}
        if contact is not None:
            question = home.account.ask_code(contact, client=Client("test", "127.0.0.1"), language="en")
            with home.store.read() as unit:
                asked = unit.people.question(question, "code")
            assert asked is not None
            code = home.account._code(asked)  # what the letter would say
            entered = home.account.enter_with_code(question, code, client=Client("test", "127.0.0.1"))
            browser.set_cookie(SESSION, entered.token)
        return browser

    return a_browser


@pytest.fixture
def stranger(visit: Visit) -> FlaskClient:
    return visit()


@pytest.fixture
def desk(visit: Visit, owner: Person) -> FlaskClient:
    """The owner's browser."""
    return visit(owner.contacts[0])
