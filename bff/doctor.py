"""doctor: tries what the house needs and says, line by line, what is well and what to do about the rest.

`READY` are the lines that sealing depends on. They are tried again before a contract is sent, so they ask nothing of the
network but the timestamp service. The others may take seconds: they knock at providers and at our own front door.

A line is `fail` when something does not work now or is unsafe, `warn` when it will not or cannot be known.
"""

import ctypes
import http.client
import json
import os
import secrets
import shutil
import ssl
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.mark import Mark
from bff.outbox import FACE, PAPER, WORD, life
from bff.signing.converting import found_office

if TYPE_CHECKING:
    from bff.wiring import House

ENOUGH_BYTES = 2_000_000_000
TOO_FEW_BYTES = 200_000_000
EXPIRES_SOON = timedelta(days=60)
STAMPS_END_SOON = timedelta(days=180)
WEB_CERTIFICATE_EXPIRES_SOON = timedelta(days=14)
CLOCK_MAY_DIFFER = timedelta(seconds=2)
CLOCK_MUST_NOT_DIFFER = timedelta(seconds=30)
LATE = timedelta(minutes=5)
KNOCK_SECONDS = 5.0
LISTED = 10
"""Contracts or errands named in a line; the rest is counted."""
PAGES_CACHE_BYTES = 3 * 1024**3
"""The pictures' cache keeps itself under a third of this; more means that it cannot delete."""
NAMES = ("李雷", "Zoë Łukasz")
"""Shaped for real: Chinese, and Latin beyond ASCII."""
TIME_ERROR = 5
"""adjtimex(2): the kernel does not believe its own clock."""


@dataclass(frozen=True)
class Check:
    """One line. `state` is ok, warn or fail; `do` is empty when nothing has to be done; `code` names a failure."""

    name: str
    state: str
    said: str
    do: str = ""
    code: str = ""


class Trouble(Exception):
    """A line that is not ok."""

    def __init__(self, state: str, said: str, do: str, code: str = "") -> None:
        super().__init__(said)
        self.check = Check("", state, said, do, code)


Line = tuple[str, Callable[["House"], str]]


def run(home: "House") -> list[Check]:
    """Every line, each on its own: one failure hides no other."""
    return [_tried(home, line) for line in (*READY, *BESIDES)]


def check_ready(home: "House") -> None:
    """The lines that sealing depends on, tried now. Raises Fault, named as the line's failure, for the first that fails."""
    for line in READY:
        check = _tried(home, line)
        if check.state == "fail":
            raise Fault(check.code or check.name, what=check.said, do=check.do)


def report(checks: list[Check], *, as_json: bool) -> int:
    """Print the checks; 0 when nothing failed, else 1."""
    if as_json:
        print(json.dumps([asdict(c) for c in checks], ensure_ascii=False))
    else:
        for check in checks:
            print(f"{check.state:4}  {check.name}: {check.said}")
            if check.do:
                print(f"      -> {check.do}")
    return int(any(c.state == "fail" for c in checks))


def _tried(home: "House", line: Line) -> Check:
    name, act = line
    try:
        return Check(name, "ok", act(home))
    except Trouble as trouble:
        found = trouble.check
        return Check(name, found.state, found.said, found.do, found.code)
    except Fault as fault:
        return Check(name, "fail", fault.what, fault.do, fault.code)
    except RedisError as error:
        return Check(name, "fail", f"Valkey does not answer ({type(error).__name__}).", "Start it: `up` does.", "queue")
    except OSError as error:
        return Check(name, "fail", error.strerror or type(error).__name__, "Check that the path is there and ours.")
    except Exception as error:  # whatever else is broken: the next line is tried all the same
        return Check(
            name, "fail", f"Could not be tried ({type(error).__name__}).", "The lines before this one say why."
        )


# --- what sealing needs ------------------------------------------------------------------------------


def _keys(home: "House") -> str:
    """Every secret and key is there and readable by us alone; the certificates that sign are valid for a while."""

    data = home.settings.data_dir
    for name in home.secret_names:
        if len(home.secret(name)) < 32:
            raise Trouble("fail", f"The secret {name} is cut short.", "Restore it from the backup.", "secret_missing")
    left = [_days_left(home, "seal", home.authority.seal.certificate.not_valid_after_utc)]
    if not home.settings.tsa_url:
        left.append(_days_left(home, "timestamp", home.authority.tsa.certificate.not_valid_after_utc))
    exposed = [p for p in (*(data / "secrets").iterdir(), *(data / "authority").glob("*.key.pem")) if _exposed(p)]
    if exposed:
        names = ", ".join(sorted(p.name for p in exposed))
        raise Trouble("fail", f"Others on this machine may read: {names}.", "Run: chmod 600 on them.", "keys_exposed")
    if min(left) < EXPIRES_SOON.days:
        raise Trouble("warn", f"A signing certificate ends in {min(left)} days.", "Run: python -m bff authority rotate")
    return f"all there, ours alone{_locked(home)}; the seal's and the timestamps' certificates are valid for {min(left)} days"


def _locked(home: "House") -> str:
    """Keys that are still plain although there is a passphrase have come back from an old backup."""
    keys = home.authority.keys
    plain = [name for name in keys.names() if not keys.encrypted(name)]
    if plain and home.settings.key_passphrase_file:
        raise Trouble("warn", f"Not encrypted: {', '.join(plain)}.", "Run: python -m bff migrate")
    return "" if plain else ", encrypted"


def _days_left(home: "House", what: str, ends: datetime) -> int:
    left = (ends - home.clock.now()).days
    if left < 0:
        raise Trouble(
            "fail", f"The {what} certificate has ended.", "Run: python -m bff authority rotate", "certificate_ended"
        )
    return left


def _exposed(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _seal_key(home: "House") -> str:
    """Only when it is kept elsewhere; a remote signing service is asked for the credential, not for a paid signature."""
    sealer = home.sealer
    if sealer is None:
        return "in this house, with the other keys"
    now = home.clock.now()
    said = sealer.check(now)
    left = (sealer.certificate.not_valid_after_utc - now).days
    if left < EXPIRES_SOON.days:
        raise Trouble("warn", f"{said}; its certificate ends in {left} days", "Get a new one for the same key.")
    return f"{said}; its certificate is valid for {left} days"


def _timestamps(home: "House") -> str:
    proven = home.proven_time(secrets.token_bytes(32))
    service = "an external service" if home.outside_timestamps else "the embedded authority"
    return f"{service} gave a token that its roots confirm, for {proven.isoformat(timespec='seconds')}"


def _fonts(home: "House") -> str:
    """The files, and a real name set in the handwriting faces."""
    if missing := home.paper.missing_fonts():
        raise Trouble("fail", f"Missing: {', '.join(missing)}.", "Run: make setup", "fonts_missing")
    for name in NAMES:
        drawn = home.paper.mark_svg(Mark("typed", name), width=400, height=120)
        if not home.paper.covers(name) or len(drawn) < 1000:
            raise Trouble("fail", f"{name} cannot be drawn.", "Run: make setup", "fonts_missing")
    return f"all there; {' and '.join(NAMES)} were drawn"


def _storage(home: "House") -> str:
    found = home.archive.try_out()
    bad = {name: why for name, why in found.items() if why is not None}
    told = ", ".join(f"site {name}: {why}" for name, why in bad.items())
    do = "Check that the folders in BFF_SITES are mounted, writable and have space."
    if len(found) - len(bad) < home.archive.quorum:
        raise Trouble("fail", f"Too few sites keep copies ({told}).", do, "archive_quorum")
    if bad:
        raise Trouble("warn", f"Enough sites keep copies, but not all ({told}).", do)
    return f"written, read back and compared at sites {', '.join(found)}"


def _disk(home: "House") -> str:
    places = {"the data directory": home.settings.data_dir, **{f"site {n}": p for n, p in home.sites.items()}}
    free = {name: shutil.disk_usage(path).free for name, path in places.items()}
    name, least = min(free.items(), key=lambda each: each[1])
    if least < TOO_FEW_BYTES:
        raise Trouble("fail", f"{name} has {least // 1_000_000} MB free.", "Make room now.", "disk_full")
    if least < ENOUGH_BYTES:
        raise Trouble("warn", f"{name} has {least // 1_000_000} MB free.", "Make room before nothing can be stored.")
    return f"at least {least // 1_000_000} MB free everywhere"


def _providers(home: "House") -> str:
    """Messages leave this house at all: the development inbox reaches nobody."""
    settings = home.settings
    inboxes = [
        variable
        for variable, url in (("BFF_MAIL_URL", settings.mail_url), ("BFF_SMS_URL", settings.sms_url))
        if url.startswith("inbox:")
    ]
    if inboxes and not settings.development:
        raise Trouble(
            "fail", "Messages go to the development inbox.", f"Set {' and '.join(inboxes)}.", "no_message_provider"
        )
    if inboxes:
        raise Trouble("warn", "Messages go to /dev/inbox.", f"For production set {' and '.join(inboxes)}.")
    return "e-mail and SMS have a provider"


# --- what people and the rest of the house need ---------------------------------------------------------


def _clock(home: "House") -> str:
    """An external timestamp service is a second clock; the embedded one is our own, so nothing can be compared."""
    if home.settings.tsa_url:
        return _compared(home)
    if _synchronised() is False:
        raise Trouble(
            "warn",
            "The system says that its clock is not synchronised, and the embedded timestamps use that clock.",
            "Run an NTP client (systemd-timesyncd, chrony).",
        )
    told = "the system calls it synchronised" if _synchronised() else "the system does not tell whether it is right"
    return f"{told}; embedded timestamps use this same clock, so it was compared with no other"


def _compared(home: "House") -> str:
    before = home.clock.now()
    proven = home.proven_time(secrets.token_bytes(32))
    after = home.clock.now()
    # The token's time has whole seconds, and lies between the question and the answer.
    differs = max(before - timedelta(seconds=1) - proven, proven - after, timedelta())
    said = f"{differs.total_seconds():.1f} s off the timestamp service's"
    if differs > CLOCK_MUST_NOT_DIFFER:
        raise Trouble("fail", said, "Set the clock and run an NTP client; certificates and codes depend on it.")
    if differs > CLOCK_MAY_DIFFER:
        raise Trouble("warn", said, "Run an NTP client.")
    return said


def _synchronised() -> bool | None:
    if sys.platform != "linux":
        return None
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    return None if state < 0 else state != TIME_ERROR


def _database(home: "House") -> str:
    return home.store.check()


def _queue(home: "House") -> str:
    """Valkey answers, somebody serves each queue, and nothing waits there for long."""
    found = life(home.redis)
    if idle := [name for name, workers in found.workers.items() if not workers and name != FACE]:
        raise Trouble(
            "fail", f"No worker serves: {', '.join(idle)}.", "Start the unit `worker`; `up` does.", "no_worker"
        )
    with home.store.read() as unit:
        late = unit.errands.late(LATE)
    if late:
        minutes = int(LATE.total_seconds() // 60)
        raise Trouble(
            "warn", f"{late} errands are more than {minutes} minutes late.", "Start more workers, or see above."
        )
    if not found.workers[FACE]:
        raise Trouble(
            "warn",
            "No worker serves: face. Contracts are signed and sealed; nobody can show who they are.",
            "Start the unit `faces`; `up` does.",
        )
    served = found.workers
    return f"workers: {served[WORD]} for words, {served[PAPER]} for paper, {served[FACE]} for faces; nothing is late"


def _clock_unit(home: "House") -> str:
    if not life(home.redis).clock:
        raise Trouble(
            "fail",
            "The unit `clock` has not been heard for a minute: deadlines, reminders and retries wait.",
            "Start it: `up` does.",
        )
    return "heard within the last minute"


def _mail(home: "House") -> str:
    return home.messengers[Channel.EMAIL].check()


def _sms(home: "House") -> str:
    return home.messengers[Channel.SMS].check()


def _address(home: "House") -> str:
    """Browsers offer fingerprints only over https, to the host name that the passkeys were made for."""
    settings = home.settings
    said = f"{settings.origin}, passkeys belong to {settings.host}"
    if settings.host == "localhost" and settings.development:
        return f"{said} (this machine only)"
    if not settings.https:
        raise Trouble("fail", said, "Browsers want https: set BFF_PUBLIC_URL and put a TLS proxy in front.")
    left = _web_certificate(settings.host, urlsplit(settings.public_url).port or 443)
    if left < WEB_CERTIFICATE_EXPIRES_SOON:
        raise Trouble("warn", f"{said}; the web certificate ends in {left.days} days", "Renew it.")
    return f"{said}; the web certificate is valid for {left.days} days"


def _web_certificate(host: str, port: int) -> timedelta:
    context = ssl.create_default_context()
    line = http.client.HTTPSConnection(host, port, timeout=KNOCK_SECONDS, context=context)
    try:
        line.connect()
        seen: Any = line.sock.getpeercert()
    except OSError as error:
        raise Trouble(
            "warn",
            f"https://{host}:{port} cannot be reached from here ({type(error).__name__}).",
            "If browsers can, this is only about this machine; else start the proxy and check its certificate.",
        ) from error
    finally:
        line.close()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(seen["notAfter"]), UTC) - datetime.now(UTC)


def _proxy(home: "House") -> str:
    """Knock at our own front door and have it say what the proxy put on the way."""
    settings = home.settings
    seen = json.loads(_knock(settings.public_url, "/ops/proxy", {})[1])
    hops = seen["forwarded_for"]
    if hops < settings.proxy_hops:
        raise Trouble(
            "fail",
            f"BFF_PROXY_HOPS is {settings.proxy_hops}, but X-Forwarded-For names {hops}: people can forge their address.",
            f"Set BFF_PROXY_HOPS={hops}, or have every proxy add to X-Forwarded-For.",
        )
    if hops > settings.proxy_hops:
        raise Trouble(
            "fail",
            f"X-Forwarded-For names {hops} addresses, BFF_PROXY_HOPS is {settings.proxy_hops}: everybody seems to be one person.",
            f"Set BFF_PROXY_HOPS={hops} if these proxies are yours.",
        )
    if (seen["scheme"], seen["host"]) != (urlsplit(settings.public_url).scheme, urlsplit(settings.public_url).netloc):
        raise Trouble(
            "fail",
            f"Seen behind the proxy: {seen['scheme']}://{seen['host']}.",
            "Have the proxy set X-Forwarded-Proto and -Host (or keep Host).",
        )
    return f"{hops} proxies, as set; scheme and host arrive"


def _live(home: "House") -> str:
    """The live unit answers where pages will look for it. Without a ticket it must refuse, and only it refuses so."""
    settings = home.settings
    base = f"http://{settings.host}:{settings.live_port}" if settings.live_port else settings.public_url
    asks = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "ZG9jdG9yIGtub2NraW5nIQ==",
        "Origin": settings.origin,
    }
    status, _ = _knock(base, "/live", asks)
    if status not in (101, 400, 401, 403):
        raise Trouble(
            "warn",
            f"/live answers {status}: pages will poll instead.",
            "Start the unit `live`, and have the proxy bring /live to it with the Upgrade header.",
        )
    return "answers, and refuses who has no ticket"


def _knock(base: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    parts = urlsplit(base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    line = kind(parts.hostname or "localhost", parts.port, timeout=KNOCK_SECONDS)
    try:
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.read(10_000) if answer.status == http.client.OK else b"{}"
    except (OSError, http.client.HTTPException) as error:
        raise Trouble(
            "warn",
            f"{base} does not answer from here ({type(error).__name__}).",
            "Start the house first; or this machine cannot reach its own public address.",
        ) from error
    finally:
        line.close()


def _stuck(home: "House") -> str:
    """Nothing is given up silently: here are those that wait for somebody."""
    with home.store.read() as unit:
        contracts = unit.contracts.stuck()
        errands = unit.errands.parked()
    if contracts:
        raise Trouble(
            "fail",
            f"Stuck contracts: {_listed(f'{i} ({reason})' for i, reason in contracts)}.",
            "Mend the cause, then press retry on the contract's page, or for all of them: python -m bff retry",
        )
    if errands:
        raise Trouble(
            "warn",
            f"Given up: {_listed(f'{e.kind} of {e.contract_id} ({e.last_error})' for e in errands)}.",
            "Usually an address that takes no messages: the sender sees it and can correct it.",
        )
    return "no contract is stuck, no errand was given up"


def _listed(all_of_them: Iterator[str]) -> str:
    each = list(all_of_them)
    return ", ".join(each[:LISTED]) + (f" and {len(each) - LISTED} more" if len(each) > LISTED else "")


def _services(home: "House") -> str:
    """Each external timestamp service, also those that nobody has to ask while the first one works."""
    outside = home.outside_timestamps
    if outside is None:
        return "none is used: the embedded authority gives the timestamps"
    each = outside.health(secrets.token_bytes(32))
    if bad := [f"{h.host} ({h.failure.what})" for h in each if h.failure]:
        raise Trouble(
            "warn" if len(bad) < len(each) else "fail",
            f"{len(bad)} of {len(each)} do not work: {_listed(iter(bad))}.",
            "The next one in BFF_TSA_URL is asked instead; when none works, levels are raised later.",
            "tsa_down",
        )
    return f"all {len(each)} gave a token that the roots confirm"


def _renewal(home: "House") -> str:
    """What is archived gets its next time stamp long before the last one's certificate ends; the clock sees to it."""
    now = home.clock.now()
    with home.store.read() as unit:
        lost, soon = unit.contracts.stamps_end(now), unit.contracts.stamps_end(now + STAMPS_END_SOON)
    if lost:
        raise Trouble(
            "fail",
            f"The time stamps of {lost} archived contracts have ended without a renewal.",
            "Their own signatures still stand in the tree's timestamped heads; find out why the clock was away.",
        )
    if waiting := home.authority.old(now):
        raise Trouble(
            "warn",
            f"Old, and its next generation waits: {', '.join(waiting)}.",
            "The clock makes it; if the root key was taken away: python -m bff authority rotate --tsa-root-key FILE",
        )
    if soon:
        raise Trouble(
            "warn",
            f"The time stamps of {soon} archived contracts end within {STAMPS_END_SOON.days} days.",
            "The time stamp service has to have a certificate that lives longer; then the clock renews them.",
        )
    return "every archived contract's time stamp is renewed in time"


def _pages_cache(home: "House") -> str:
    folder = home.settings.data_dir / "pages"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if size > PAGES_CACHE_BYTES:
        raise Trouble("warn", f"{size // 1_000_000} MB of page pictures.", f"{folder} may be emptied at any time.")
    return f"{size // 1_000_000} MB of page pictures"


def _word(_home: "House") -> str:
    """Nothing fails without it: Word files are then refused, with a sentence that says to save them as PDF."""
    office = found_office()
    return f"converted by {office}" if office else "LibreOffice is not installed: people are told to save them as PDF"


def _privacy(home: "House") -> str:
    data = home.settings.data_dir
    if data.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) and data.stat().st_uid == os.getuid():
        raise Trouble("warn", f"Others on this machine may look into {data}.", f"Run: chmod 700 {data}")
    return f"{data} is ours alone"


READY: tuple[Line, ...] = (
    ("keys", _keys),
    ("seal key", _seal_key),
    ("timestamps", _timestamps),
    ("fonts", _fonts),
    ("storage", _storage),
    ("disk", _disk),
    ("providers", _providers),
)


def _source(home: "House") -> str:
    return home.source.check()


def _trade_register(home: "House") -> str:
    return home.trade_register.check()


def _payouts(home: "House") -> str:
    return home.payouts.check()


def _faces(home: "House") -> str:
    """Faces can be judged here, and so few are stored that nobody has to be told."""
    try:
        models = home.eyes.models
    except Fault as fault:
        raise Trouble("warn", fault.what, fault.do, fault.code) from fault
    load = home.face_vault.load()
    if load.near_filing:
        raise Trouble(
            "warn",
            f"The faces of {load.people} people are stored.",
            "From 100,000 on they have to be filed with the authorities in the PRC. Shorten how long they are kept.",
        )
    return f"the models are in {models}; pictures of {load.people} people are stored"


BESIDES: tuple[Line, ...] = (
    ("clock", _clock),
    ("database", _database),
    ("queue", _queue),
    ("clock unit", _clock_unit),
    ("mail", _mail),
    ("sms", _sms),
    ("authoritative source", _source),
    ("trade register", _trade_register),
    ("bank", _payouts),
    ("address", _address),
    ("proxy headers", _proxy),
    ("live", _live),
    ("stuck", _stuck),
    ("timestamp services", _services),
    ("renewal", _renewal),
    ("pages cache", _pages_cache),
    ("faces", _faces),
    ("Word files", _word),
    ("data directory", _privacy),
)
