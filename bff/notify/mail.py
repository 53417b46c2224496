"""E-mail over SMTP: a text part and an HTML part, and a Message-ID by which the message is known afterwards.

The line is encrypted whenever the server can (`smtps` from the start, `smtp` by STARTTLS), and a password is only ever
said on an encrypted line or to this machine itself.
"""

import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import SplitResult, unquote

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.ports import Sent
from bff.notify.texts import Text, compose

TIMEOUT_SECONDS = 15.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SmtpMessenger:
    """One mail server. `url` is `smtp://user:password@host:587` or `smtps://…`; `sender` is a From header."""

    def __init__(self, url: SplitResult, *, sender: str, standing: Mapping[str, str]) -> None:
        self._host = url.hostname or "localhost"
        self._implicit_tls = url.scheme == "smtps"
        self._port = url.port or (465 if self._implicit_tls else 587 if url.username else 25)
        self._user = unquote(url.username or "")
        self._password = unquote(url.password or "")
        self._sender = sender
        self._standing = standing

    def send(self, *, to: str, template: str, params: Mapping[str, str], language: str) -> Sent:
        text = compose(template, {**self._standing, **params}, language, Channel.EMAIL)
        try:
            letter = self._letter(to, text)
            server = self._connect()
            try:
                server.send_message(letter, from_addr=parseaddr(self._sender)[1], to_addrs=[to])
            finally:
                # The message is taken or refused by now: a line that breaks at good-bye changes nothing.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise _not_taken(error) from error
        return Sent(provider="smtp", provider_id=letter["Message-ID"])

    def check(self) -> str:
        """Everything up to the first letter: connect, encrypt, sign in, ask whether the line is well."""
        try:
            server = self._connect()
            encrypted = isinstance(server.sock, ssl.SSLSocket)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise _not_taken(error) from error
        if not parseaddr(self._sender)[1].rpartition("@")[2]:
            raise _not_taken(ValueError())
        signed_in = "signed in" if self._user else "without a user name"
        return f"{self._host}:{self._port} answers, {'encrypted' if encrypted else 'NOT encrypted'}, {signed_in}"

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            self._greet(server, context)
        except BaseException:
            server.close()
            raise
        return server

    def _greet(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        encrypted = self._implicit_tls
        server.ehlo_or_helo_if_needed()
        if not encrypted and server.has_extn("starttls"):
            server.starttls(context=context)
            encrypted = True
        if not self._user:
            return
        if not encrypted and self._host not in LOOPBACK:
            raise smtplib.SMTPNotSupportedError("no STARTTLS")
        server.login(self._user, self._password)

    def _letter(self, to: str, text: Text) -> EmailMessage:
        letter = EmailMessage(policy=SMTP_POLICY)
        letter["From"] = self._sender
        letter["To"] = to
        letter["Subject"] = text.subject
        letter["Date"] = formatdate(localtime=False)
        letter["Message-ID"] = make_msgid(domain=parseaddr(self._sender)[1].rpartition("@")[2] or "localhost")
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(text.body)
        letter.add_alternative(text.html, subtype="html")
        return letter


def _not_taken(error: Exception) -> Fault:
    """What went wrong, in our words: a server's own sentence may repeat the address or what was sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        what = "The mail server refused the user name or password."
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        what = "The mail server offers no encryption or sign-in, so the password was not sent."
    elif isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        what = f"The mail server refused the recipient ({', '.join(map(str, codes))})."
    elif isinstance(error, smtplib.SMTPResponseException):
        what = f"The mail server answered {error.smtp_code}."
    elif isinstance(error, ValueError):
        what = "The recipient or BFF_MAIL_FROM is no address that a letter can have."
    else:
        what = f"The mail server could not be reached ({type(error).__name__})."
    return Fault("message_not_taken", what=what, do="Check BFF_MAIL_URL and BFF_MAIL_FROM; `doctor` tries it.")
