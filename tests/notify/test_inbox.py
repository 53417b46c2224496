"""The development inbox: every message is there, whole, the newest first."""

import json
from pathlib import Path

import pytest

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.notify.inbox import InboxMessenger, read_all

STANDING = {"host": "sign.example", "organisation": "Example Ltd"}


def test_messages_are_read_back_newest_first(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    assert read_all(inbox) == []
    sms = InboxMessenger(inbox, Channel.SMS, STANDING)
    mail = InboxMessenger(inbox, Channel.EMAIL, STANDING)
    first = sms.send(
        to="+8613800138000", template="sign_in_code", params={"code": "123456", "minutes": "5"}, language="en"
    )
    second = mail.send(
        to="a@example.org", template="invitation", params={"title": "合同", "sender": "Ana", "url": "l"}, language="en"
    )
    newest, oldest = read_all(inbox)
    assert (newest.provider_id, oldest.provider_id) == (second.provider_id, first.provider_id)
    assert (oldest.channel, oldest.to, oldest.template) == ("sms", "+8613800138000", "sign_in_code")
    assert oldest.body.endswith("@sign.example #123456")
    assert "“合同”" in newest.subject
    assert "<html" in newest.html


def test_message_files_are_private_and_complete(tmp_path: Path) -> None:
    InboxMessenger(tmp_path / "inbox", Channel.SMS, STANDING).send(
        to="+8613800138000", template="sign_in_code", params={"code": "123456"}, language="en"
    )
    [file] = (tmp_path / "inbox").iterdir()
    assert file.suffix == ".json"
    assert file.stat().st_mode & 0o777 == 0o600
    json.loads(file.read_text("utf-8"))


def test_inbox_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("in the way")
    with pytest.raises(Fault) as caught:
        InboxMessenger(tmp_path / "inbox", Channel.SMS, STANDING).send(
            to="+8613800138000", template="sign_in_code", params={"code": "123456"}, language="en"
        )
    assert caught.value.code == "message_not_taken"
    assert "123456" not in str(caught.value)
