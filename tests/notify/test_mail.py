"""E-mail, to a real SMTP server on this machine."""

import email
import email.policy
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from bff.core.errors import Fault
from bff.notify.mail import SmtpMessenger

PARAMS = {"title": "租赁合同", "sender": "Ana", "name": "李雷", "url": "https://sign.example/s/abc", "deadline": ""}
SENDER = "签署 <no-reply@sign.example>"


class Post:
    """Keeps what was delivered; refuses one recipient."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.froms: list[str] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address.startswith("nobody"):
            return f"550 no such person {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.letters.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.froms.append(envelope.mail_from)
        return "250 taken"


def check_password(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == b"p@ss", handled=False)


class PostOffice(Controller):
    """A server on any free port; the original asks port 0 whether it answers."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    keeper = Post()
    # Sign-in without TLS: on this machine's own line a password may be said.
    office = PostOffice(keeper, hostname="127.0.0.1", port=0, authenticator=check_password, auth_require_tls=False)
    office.start()
    yield keeper, office.port
    office.stop()


def messenger(port: int, *, user: str = "") -> SmtpMessenger:
    return SmtpMessenger(
        urlsplit(f"smtp://{user}127.0.0.1:{port}"), sender=SENDER, standing={"organisation": "Example Ltd"}
    )


def test_letter_arrives_as_text_and_page_under_its_message_id(post: tuple[Post, int]) -> None:
    keeper, port = post
    sent = messenger(port).send(to="li@example.org", template="invitation", params=PARAMS, language="en")
    [letter] = keeper.letters
    assert sent.provider == "smtp"
    assert letter["Message-ID"] == sent.provider_id
    assert sent.provider_id.endswith("@sign.example>")
    assert letter["To"] == "li@example.org"
    assert letter["From"] == SENDER
    assert letter["Subject"] == "Ana asks you to sign “租赁合同”"
    text, page = letter.iter_parts()
    assert "https://sign.example/s/abc" in text.get_content()
    assert 'href="https://sign.example/s/abc"' in page.get_content()
    assert keeper.froms == ["no-reply@sign.example"]


def test_password_with_signs_in_it_is_understood(post: tuple[Post, int]) -> None:
    keeper, port = post
    messenger(port, user="house:p%40ss@").send(to="li@example.org", template="invitation", params=PARAMS, language="en")
    assert len(keeper.letters) == 1


def test_wrong_password_is_a_fault_without_the_password(post: tuple[Post, int]) -> None:
    fault = refused(messenger(post[1], user="house:hunter2@"), to="li@example.org")
    assert "password" in fault.what
    assert "hunter2" not in str(fault)


def test_refused_recipient_is_a_fault_without_the_address(post: tuple[Post, int]) -> None:
    fault = refused(messenger(post[1]), to="nobody@example.org")
    assert "550" in fault.what
    assert "nobody" not in str(fault)


def test_server_that_is_away_is_a_fault() -> None:
    assert "could not be reached" in refused(messenger(9), to="li@example.org").what


def test_line_break_in_the_recipient_sends_nothing(post: tuple[Post, int]) -> None:
    refused(messenger(post[1]), to="li@example.org\r\nBcc: x@example.org")
    assert post[0].letters == []


def test_password_is_not_said_on_an_open_line_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    class OpenLine(smtplib.SMTP):
        """A server elsewhere that offers sign-in but no encryption."""

        def __init__(self, *_: Any, **__: Any) -> None:
            self.esmtp_features = {"auth": "PLAIN"}

        def ehlo_or_helo_if_needed(self) -> None: ...

        def login(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("the password was said")

        def close(self) -> None: ...

    monkeypatch.setattr(smtplib, "SMTP", OpenLine)
    away = SmtpMessenger(urlsplit("smtp://house:hunter2@mail.example"), sender=SENDER, standing={})
    assert "password was not sent" in refused(away, to="li@example.org").what


def refused(messenger: SmtpMessenger, *, to: str) -> Fault:
    with pytest.raises(Fault) as caught:
        messenger.send(to=to, template="invitation", params=PARAMS, language="en")
    assert caught.value.code == "message_not_taken"
    return caught.value
