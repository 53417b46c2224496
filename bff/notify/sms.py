"""Text messages over HTTP in Twilio's shape, and the receipts that come back.

`twilio://SID:TOKEN@host[:port]/?from=+1555…` names the account; any gateway that speaks the same two calls will do.
`from` may also be a messaging service (`MG…`). A receipt is believed only with the provider's signature on it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import httpx

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.ports import Sent
from bff.notify.texts import compose

TIMEOUT_SECONDS = 15.0
LONGEST_ID = 64
LONGEST_STATUS = 40
DEFAULT_PORTS = {"http": 80, "https": 443}


class TwilioMessenger:
    """One account. `receipts_url` is where the provider reports what became of a message; empty: nowhere."""

    def __init__(self, url: SplitResult, *, receipts_url: str, standing: Mapping[str, str]) -> None:
        query = _query(url)
        self._account = unquote(url.username or "")
        self._token = unquote(url.password or "")
        self._from = query.get("from", "")
        if not self._account or not self._token or not self._from or not url.hostname:
            raise ValueError("account, token, host and from are needed")
        address = url.netloc.rpartition("@")[2]
        self._account_url = f"{query.get('scheme', 'https')}://{address}/2010-04-01/Accounts/{self._account}"
        self._url = f"{self._account_url}/Messages.json"
        self._receipts_url = receipts_url
        self._standing = standing

    def send(self, *, to: str, template: str, params: Mapping[str, str], language: str) -> Sent:
        text = compose(template, {**self._standing, **params}, language, Channel.SMS)
        form = {"To": to, "Body": text.body}
        form["MessagingServiceSid" if self._from.startswith("MG") else "From"] = self._from
        if self._receipts_url:
            form["StatusCallback"] = self._receipts_url
        try:
            answer = httpx.post(self._url, data=form, auth=(self._account, self._token), timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise _not_taken(f"The SMS provider could not be reached ({type(error).__name__}).") from error
        return Sent(provider="twilio", provider_id=_provider_id(answer))

    def check(self) -> str:
        """Ask for the account itself: the provider is there, and it knows our account and token."""
        try:
            answer = httpx.get(f"{self._account_url}.json", auth=(self._account, self._token), timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise _not_taken(f"The SMS provider could not be reached ({type(error).__name__}).") from error
        if not answer.is_success:
            raise _not_taken(f"The SMS provider answered {answer.status_code} when asked for the account.")
        told = "receipts come back" if self._receipts_url else "no receipts, because BFF_PUBLIC_URL is not https"
        return f"the provider knows the account; {told}"


def _provider_id(answer: httpx.Response) -> str:
    """The message's id. Of a failure only numbers are told: the provider's sentence repeats the phone number."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {}
    sid = said.get("sid")
    if answer.is_success and isinstance(sid, str) and 0 < len(sid) <= LONGEST_ID:
        return sid
    code = said.get("code")
    reason = f", reason {code}" if isinstance(code, int) else ""
    raise _not_taken(f"The SMS provider answered {answer.status_code}{reason}.")


def _not_taken(what: str) -> Fault:
    return Fault("message_not_taken", what=what, do="Check BFF_SMS_URL and the account at the provider.")


class Receipt(NamedTuple):
    """What the provider says became of a message: queued, sent, delivered, undelivered, failed."""

    provider_id: str
    status: str


def read_receipt(form: Mapping[str, str], signature: str, url: str, sms_url: str) -> Receipt | None:
    """The delivery receipt posted to `url` under this `X-Twilio-Signature`; None unless the account of `sms_url` signed
    it and it names a message and a status."""
    token = _token(sms_url)
    signed = "".join(name + form[name] for name in sorted(form))
    expected = (_signature(address + signed, token) for address in _spellings(url))
    if not token or not any(hmac.compare_digest(each.encode(), signature.encode()) for each in expected):
        return None
    provider_id = form.get("MessageSid") or form.get("SmsSid") or ""
    status = form.get("MessageStatus") or form.get("SmsStatus") or ""
    if not 0 < len(provider_id) <= LONGEST_ID or not 0 < len(status) <= LONGEST_STATUS:
        return None
    return Receipt(provider_id, status)


def _token(sms_url: str) -> str:
    """The token that signs receipts; empty when this provider sends none."""
    parts = urlsplit(sms_url)
    return unquote(parts.password or "") if parts.scheme == "twilio" else ""


def _signature(text: str, token: str) -> str:
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode("ascii")


def _spellings(url: str) -> tuple[str, str]:
    """Providers sign the address with or without the port that its scheme implies."""
    parts = urlsplit(url)
    host = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    return url, urlunsplit(parts._replace(netloc=f"{host}:{port}" if parts.port is None else host))


def _query(url: SplitResult) -> dict[str, str]:
    """Parameters of the URL, where a plus is a plus: it begins a phone number."""
    pairs = (part.partition("=") for part in url.query.split("&") if part)
    return {name: unquote(value) for name, _, value in pairs}
