"""Providers: chosen by a URL's scheme, apprise for the rest, and no URL repeated in a complaint."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.ports import Messenger
from bff.notify import messenger
from bff.notify.anywhere import AppriseMessenger
from bff.notify.inbox import InboxMessenger, read_all
from bff.notify.mail import SmtpMessenger
from bff.notify.sms import TwilioMessenger

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""apprise imports it while it can."""


def chosen(url: str, channel: Channel, inbox: Path = Path("inbox")) -> Messenger:
    return messenger(
        url,
        channel,
        inbox=inbox,
        sender="House <a@sign.example>",
        public_url="https://sign.example",
        organisation="Example Ltd",
    )


@pytest.mark.parametrize(
    ("url", "channel", "kind"),
    [
        ("inbox:", Channel.SMS, InboxMessenger),
        ("inbox:", Channel.EMAIL, InboxMessenger),
        ("smtp://u:p@mail.example:587", Channel.EMAIL, SmtpMessenger),
        ("smtps://u:p@mail.example", Channel.EMAIL, SmtpMessenger),
        ("twilio://AC1:t@api.example/?from=+1555", Channel.SMS, TwilioMessenger),
        ("json://gateway.example/?:to={to}", Channel.SMS, AppriseMessenger),
        ("mailto://u:p@mail.example?to={to}", Channel.EMAIL, AppriseMessenger),
    ],
)
def test_scheme_chooses_the_provider(url: str, channel: Channel, kind: type) -> None:
    assert type(chosen(url, channel)) is kind


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        ("", Channel.SMS),
        ("nonsense://hunter2/{to}", Channel.SMS),
        ("json://hunter2.example/", Channel.SMS),
        ("smtp://u:hunter2@mail.example:port", Channel.EMAIL),
        ("smtp://u:hunter2@mail.example", Channel.SMS),
        ("twilio://AC1:hunter2@api.example/", Channel.SMS),
    ],
)
def test_url_that_cannot_be_used_is_a_fault_that_does_not_repeat_it(url: str, channel: Channel) -> None:
    with pytest.raises(Fault) as caught:
        chosen(url, channel)
    assert caught.value.code == "messenger_unreadable"
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_standing_values_are_in_every_message(tmp_path: Path) -> None:
    chosen("inbox:", Channel.SMS, tmp_path).send(
        to="+8613800138000", template="sign_in_code", params={"code": "123456", "minutes": "5"}, language="en"
    )
    [message] = read_all(tmp_path)
    assert message.body == "123456: code to sign in at Example Ltd, valid 5 min.\n@sign.example #123456"


@pytest.fixture
def hook() -> Iterator[tuple[list[dict[str, str]], HTTPServer]]:
    taken: list[dict[str, str]] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if taken[-1]["to"].startswith("+86") else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield taken, server
    server.shutdown()
    thread.join()
    server.server_close()


def test_apprise_carries_a_message_to_its_recipient(hook: tuple[list[dict[str, str]], HTTPServer]) -> None:
    taken, server = hook
    away = chosen(f"json://127.0.0.1:{server.server_port}/?:to={{to}}", Channel.SMS)
    params = {"code": "123456", "minutes": "5"}
    sent = away.send(to="+8613800138000", template="sign_in_code", params=params, language="en")
    assert sent.provider == "apprise"
    assert sent.provider_id
    assert taken[0]["to"] == "+8613800138000"
    assert taken[0]["message"].endswith("\n@sign.example #123456")
    with pytest.raises(Fault) as caught:
        away.send(to="+15551230000", template="sign_in_code", params=params, language="en")
    assert caught.value.code == "message_not_taken"
