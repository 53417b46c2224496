"""The development inbox: messages become files that `/dev/inbox` shows, and nobody receives anything.

One JSON file a message, written whole or not at all, named so that the names sort by time.
"""

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.ports import Sent
from bff.notify.texts import compose


@dataclass(frozen=True)
class InboxMessage:
    """One message as it would have been sent. `at` is seconds since 1970."""

    provider_id: str
    at: float
    channel: str
    to: str
    template: str
    language: str
    subject: str
    body: str
    html: str


class InboxMessenger:
    """One channel into a directory. `standing` values (host, organisation) fill what a message does not say itself."""

    def __init__(self, directory: Path, channel: Channel, standing: Mapping[str, str]) -> None:
        self._directory = directory
        self._channel = channel
        self._standing = standing

    def send(self, *, to: str, template: str, params: Mapping[str, str], language: str) -> Sent:
        text = compose(template, {**self._standing, **params}, language, self._channel)
        message = InboxMessage(
            provider_id=str(uuid.uuid4()),
            at=time.time(),
            channel=self._channel.value,
            to=to,
            template=template,
            language=language,
            subject=text.subject,
            body=text.body,
            html=text.html,
        )
        try:
            self._write(message)
        except OSError as error:
            raise Fault(
                "message_not_taken",
                what=f"The development inbox cannot be written ({error.strerror}).",
                do="Check the space and the owner of the data directory.",
            ) from error
        return Sent(provider="inbox", provider_id=message.provider_id)

    def check(self) -> str:
        return "the development inbox: nobody receives anything"

    def _write(self, message: InboxMessage) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{time.time_ns():020d}-{message.provider_id}.json"
        draft = path.with_suffix(".tmp")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(message), file, ensure_ascii=False, indent=1)
        draft.rename(path)


def read_all(directory: Path) -> list[InboxMessage]:
    """Every message, the newest first; none when nothing was ever sent."""
    files = sorted(directory.glob("*.json"), reverse=True)
    return [InboxMessage(**json.loads(file.read_text("utf-8"))) for file in files]
