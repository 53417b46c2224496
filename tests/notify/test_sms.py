"""Text messages: a loopback server that speaks Twilio's shape, and receipts with and without their signature."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from bff.core.errors import Fault
from bff.notify.sms import TwilioMessenger, read_receipt

RECEIPTS = "https://sign.example/receipts/sms"
PARAMS = {"code": "123456", "minutes": "5", "host": "sign.example", "organisation": "Example Ltd"}


@dataclass
class Gateway:
    """What the provider will answer, and what it was asked."""

    status: int = 201
    answer: bytes = b'{"sid": "SM1234", "status": "queued"}'
    asked: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    kept = Gateway()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
            kept.asked.append((self.path, self.headers["Authorization"], form))
            self.send_response(kept.status)
            self.send_header("Content-Length", str(len(kept.answer)))
            self.end_headers()
            self.wfile.write(kept.answer)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    kept.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


def messenger(port: int, sender: str = "+15551230000") -> TwilioMessenger:
    url = urlsplit(f"twilio://AC1:s%2Fcret@127.0.0.1:{port}/?from={sender}&scheme=http")
    return TwilioMessenger(url, receipts_url=RECEIPTS, standing={"host": "sign.example"})


def test_message_is_handed_over_in_the_providers_shape(gateway: Gateway) -> None:
    sent = messenger(gateway.port).send(to="+8613800138000", template="sign_in_code", params=PARAMS, language="en")
    assert (sent.provider, sent.provider_id) == ("twilio", "SM1234")
    [(path, authorization, form)] = gateway.asked
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"AC1:s/cret"
    assert form["To"] == ["+8613800138000"]
    assert form["From"] == ["+15551230000"]
    assert form["StatusCallback"] == [RECEIPTS]
    assert form["Body"][0].endswith("\n@sign.example #123456")


def test_messaging_service_takes_the_place_of_a_number(gateway: Gateway) -> None:
    messenger(gateway.port, "MG77").send(to="+8613800138000", template="sign_in_code", params=PARAMS, language="en")
    form = gateway.asked[0][2]
    assert form["MessagingServiceSid"] == ["MG77"]
    assert "From" not in form


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (400, b'{"code": 21211, "message": "+8613800138000 is not valid"}', "400, reason 21211"),
        (401, b'{"code": 20003, "message": "s/cret is wrong"}', "401, reason 20003"),
        (500, b"<html>", "500"),
        (201, b"[]", "201"),
        (201, b'{"sid": 7}', "201"),
        (302, b"", "302"),
    ],
)
def test_refusal_of_the_provider_is_a_fault_that_tells_only_numbers(
    gateway: Gateway, status: int, answer: bytes, said: str
) -> None:
    gateway.status, gateway.answer = status, answer
    fault = refused(messenger(gateway.port))
    assert fault.what == f"The SMS provider answered {said}."
    for secret in ("13800138000", "s/cret", "123456"):
        assert secret not in str(fault)


def test_provider_that_is_away_is_a_fault(gateway: Gateway) -> None:
    assert "could not be reached" in refused(messenger(9)).what


@pytest.mark.parametrize("url", ["twilio://AC1@host/?from=+1", "twilio://AC1:t@host/", "twilio://:t@host/?from=+1"])
def test_address_without_account_token_or_sender_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="are needed"):
        TwilioMessenger(urlsplit(url), receipts_url="", standing={})


def refused(messenger: TwilioMessenger) -> Fault:
    with pytest.raises(Fault) as caught:
        messenger.send(to="+8613800138000", template="sign_in_code", params=PARAMS, language="en")
    assert caught.value.code == "message_not_taken"
    return caught.value


# --- receipts ----------------------------------------------------------------------------------------

ACCOUNT = "twilio://AC1:t0ken@api.example/?from=+15551230000"
FORM = {"MessageSid": "SM1234", "MessageStatus": "delivered", "AccountSid": "AC1", "To": "+8613800138000"}


def signature(form: dict[str, str], url: str = RECEIPTS, token: str = "t0ken") -> str:
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


@pytest.mark.parametrize("signed_url", [RECEIPTS, "https://sign.example:443/receipts/sms"])
def test_signed_receipt_is_believed(signed_url: str) -> None:
    receipt = read_receipt(FORM, signature(FORM, signed_url), RECEIPTS, ACCOUNT)
    assert receipt is not None
    assert (receipt.provider_id, receipt.status) == ("SM1234", "delivered")


@pytest.mark.parametrize(
    ("form", "signed", "sms_url"),
    [
        ({**FORM, "MessageStatus": "failed"}, signature(FORM), ACCOUNT),
        ({**FORM, "Extra": "1"}, signature(FORM), ACCOUNT),
        (FORM, signature(FORM, "https://evil.example/receipts/sms"), ACCOUNT),
        (FORM, signature(FORM, token="other"), ACCOUNT),
        (FORM, signature(FORM, token=""), "inbox:"),
        (FORM, signature(FORM, token="t0ken"), "smtp://AC1:t0ken@host"),
        (FORM, "", ACCOUNT),
        (FORM, "签名", ACCOUNT),
    ],
)
def test_receipt_with_another_signature_is_forged(form: dict[str, str], signed: str, sms_url: str) -> None:
    assert read_receipt(form, signed, RECEIPTS, sms_url) is None


@pytest.mark.parametrize("missing", ["MessageSid", "MessageStatus"])
def test_receipt_that_says_nothing_is_none(missing: str) -> None:
    form = {name: value for name, value in FORM.items() if name != missing}
    assert read_receipt(form, signature(form), RECEIPTS, ACCOUNT) is None


def test_signature_is_computed_as_the_provider_documents_it() -> None:
    form = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}
    form |= {"Caller": "+14158675309", "From": "+14158675309"}
    signed = signature(form, "https://mycompany.com/myapp.php?foo=1&bar=2", "12345")
    assert signed == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
