"""Telling people: texts, and the providers that carry them by SMS and e-mail.

`messenger` chooses the provider of a channel by the scheme of a URL, once, when the house is put together.
"""

from pathlib import Path
from urllib.parse import urlsplit

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.ports import Messenger
from bff.notify.anywhere import AppriseMessenger
from bff.notify.inbox import InboxMessenger
from bff.notify.mail import SmtpMessenger
from bff.notify.sms import TwilioMessenger

RECEIPTS = "/receipts/sms"
"""Where a provider reports what became of a text message."""


def messenger(
    url: str, channel: Channel, *, inbox: Path, sender: str, public_url: str, organisation: str = ""
) -> Messenger:
    """The messenger of `channel` behind `url`: `inbox:`, `smtp://`, `smtps://`, `twilio://`, else an apprise URL.

    `inbox` is the development inbox's directory, `sender` the From of e-mails. The host of `public_url` and the
    organisation (else the host again) are known to every message. Raises Fault `messenger_unreadable`, which never
    repeats the URL.
    """
    host = urlsplit(public_url).hostname or "localhost"
    standing = {"host": host, "organisation": organisation or host}
    # Providers refuse an address that they could not call back.
    receipts_url = public_url.rstrip("/") + RECEIPTS if public_url.startswith("https://") else ""
    try:
        parts = urlsplit(url)
        if parts.scheme == "inbox":
            return InboxMessenger(inbox, channel, standing)
        if parts.scheme in ("smtp", "smtps") and channel is Channel.EMAIL:
            return SmtpMessenger(parts, sender=sender, standing=standing)
        if parts.scheme == "twilio" and channel is Channel.SMS:
            return TwilioMessenger(parts, receipts_url=receipts_url, standing=standing)
        return AppriseMessenger(url, channel, standing)
    except ValueError:
        name = "BFF_SMS_URL" if channel is Channel.SMS else "BFF_MAIL_URL"
        raise Fault(
            "messenger_unreadable",
            what=f"{name} names no provider that can be used.",
            do="See docs/operating.md for the forms it may have.",
        ) from None  # a parser's sentence may quote a piece of the password
