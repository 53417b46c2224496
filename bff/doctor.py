"""doctor: tries what the house needs and says, line by line, what is well and what to do about the rest."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass

from redis.exceptions import RedisError

from bff.core.errors import Fault
from bff.settings import Settings
from bff.wiring import House, build

ENOUGH_BYTES = 2_000_000_000
FAILURES = (Fault, OSError, RedisError)


@dataclass(frozen=True)
class Check:
    """One line. `state` is ok, warn or fail; `do` is empty when nothing has to be done."""

    name: str
    state: str
    said: str
    do: str = ""


def run(settings: Settings) -> list[Check]:
    """Every check, each on its own: one failure hides no other."""
    home = build(settings)
    checks = [_tried(name, act) for name, act in _needed(home)]
    return [*checks, _disk(settings), *_providers(settings), _address(settings)]


def report(checks: list[Check], *, as_json: bool) -> int:
    """Print the checks; 0 when nothing failed, else 1."""
    if as_json:
        print(json.dumps([asdict(c) for c in checks], ensure_ascii=False))
    else:
        for check in checks:
            print(f"{check.state:4}  {check.name}: {check.said} {check.do}".rstrip())
    return int(any(c.state == "fail" for c in checks))


def _needed(home: House) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("keys", lambda: f"the seal's certificate is {home.authority.seal.certificate.subject.rfc4514_string()}"),
        ("timestamps", lambda: f"a token of {len(home.timestamps.timestamp(bytes(32)))} bytes"),
        ("fonts", lambda: _fonts(home)),
        ("storage", lambda: f"written and read back at sites {', '.join(home.archive.keep(b'doctor').sites)}"),
        ("database", home.store.ping),
        ("queue", lambda: f"answers: {home.redis.ping()}"),
    ]


def _tried(name: str, act: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", act())
    except Fault as fault:
        return Check(name, "fail", fault.what, fault.do)
    except FAILURES as error:
        return Check(name, "fail", type(error).__name__, "Is it running, and is its address right?")


def _fonts(home: House) -> str:
    if missing := home.paper.missing_fonts():
        raise Fault("fonts_missing", what=f"Missing: {', '.join(missing)}.", do="Run: make setup")
    return "all there, Chinese included"


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.data_dir).free
    if free > ENOUGH_BYTES:
        return Check("disk", "ok", f"{free // 1_000_000} MB free")
    return Check("disk", "warn", f"only {free // 1_000_000} MB free", "Make room before contracts cannot be stored.")


def _providers(settings: Settings) -> list[Check]:
    checks = []
    for name, url in (("mail", settings.mail_url), ("sms", settings.sms_url)):
        if not url.startswith("inbox:"):
            checks.append(Check(name, "ok", f"provider {url.split(':', 1)[0]}"))
        elif settings.development:
            checks.append(Check(name, "warn", "the development inbox", f"Set BFF_{name.upper()}_URL for production."))
        else:
            checks.append(Check(name, "fail", "no provider", f"Set BFF_{name.upper()}_URL."))
    return checks


def _address(settings: Settings) -> Check:
    said = f"{settings.origin}, RP ID {settings.host}, {settings.proxy_hops} proxies trusted"
    if settings.https or settings.host == "localhost":
        return Check("address", "ok", said)
    return Check("address", "fail", said, "Fingerprints need https: set BFF_PUBLIC_URL and put a TLS proxy in front.")
