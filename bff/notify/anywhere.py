"""Every other provider, through apprise: one URL, with `{to}` where the recipient belongs.

apprise says only whether a message was taken, so its id is ours and no receipt will ever name it: good enough for a
notification, thin as evidence. A URL without `{to}` would send everybody's codes to one place and is refused.
"""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.ports import Sent
from bff.notify.texts import compose

RECIPIENT = "{to}"


class AppriseMessenger:
    """One apprise URL for one channel."""

    def __init__(self, url: str, channel: Channel, standing: Mapping[str, str]) -> None:
        if RECIPIENT not in url:
            raise ValueError("no {to}")
        self._url = url
        self._channel = channel
        self._standing = standing
        self._service(to="+8613800138000" if channel is Channel.SMS else "a@example.org")

    def send(self, *, to: str, template: str, params: Mapping[str, str], language: str) -> Sent:
        text = compose(template, {**self._standing, **params}, language, self._channel)
        if not self._service(to=to).notify(body=text.body, title=text.subject, body_format="text"):
            raise Fault(
                "message_not_taken",
                what="The provider behind the apprise URL did not take the message.",
                do="Check BFF_SMS_URL or BFF_MAIL_URL and the account at the provider.",
            )
        return Sent(provider="apprise", provider_id=str(uuid.uuid4()))

    def check(self) -> str:
        """apprise can only be tried by sending, which a check must not."""
        return "an apprise URL that can be read; whether it delivers is only known by sending"

    def _service(self, *, to: str) -> Any:
        # A large library that most houses never need: loaded where it is used.
        from apprise import Apprise

        service = Apprise()
        if not service.add(self._url.replace(RECIPIENT, quote(to, safe="+"))):
            raise ValueError("apprise cannot read this URL")
        return service
