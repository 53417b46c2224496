"""Whatever dies or goes away: nothing is lost, nothing is doubled, and people read what is going on.

One house with an external time stamp service lives through all of it. Its units are killed by SIGKILL, its disks and
keys taken away, as it happens in life.
"""

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.journeys.house import RunningHouse, free_port, running, until
from tests.journeys.plain import OURS, Guest, Seen, Sender, done
from tests.journeys.walks import Party
from tests.tsa import Tsa

ONCE = ("sent", "signed", "applied", "sealed", "archived")
"""What happens once to a contract with one signer, however often it is tried."""


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tsa]:
    service = Tsa(tmp_path_factory.mktemp("tsa"), port=free_port())
    service.up()
    yield service
    service.down()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, tsa: Tsa) -> Iterator[RunningHouse]:
    quick = {"clock_seconds": 1, "errand_lease_seconds": 15, "tsa_timeout_seconds": 3}
    with running(tmp_path_factory.mktemp("h"), tsa_url=tsa.url, tsa_roots=tsa.roots, **quick) as started:
        yield started


@pytest.fixture(scope="module")
def sender(house: RunningHouse) -> Sender:
    return Sender(house)


def bob(number: int) -> Party:
    """Somebody new for each story."""
    return Party("Bob Buyer", f"bob{number}@example.org", f"+49151123456{number}0")


def finished(sender: Sender, contract: str, tsa: Tsa, folder: Path) -> Seen:
    """Archived at the full level, with each thing once, and a stranger with the files alone finds nothing wrong."""
    seen = sender.wait(contract, "archived", level="B-LTA")
    assert {kind: seen.kinds[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
    assert "2 archive sites: A, B" in seen.text
    roots = folder / "roots.pem"
    roots.write_bytes(sender.house.roots() + tsa.roots.read_bytes())
    for name, content in (("f.pdf", sender.sealed(contract)), ("f.zip", sender.evidence(contract))):
        (folder / name).write_bytes(content)
        told = sender.house.command("verify", str(folder / name), "--root", str(roots))
        assert told.returncode == 0, told.stdout + told.stderr
    return seen


# --- the time stamp service


def test_without_a_time_stamp_service_nothing_is_sent_and_the_sender_reads_why(
    sender: Sender, tsa: Tsa, tmp_path: Path
) -> None:
    contract = sender.prepare([bob(1)], title="Before its time")
    before = sender.look(contract)
    tsa.down()
    refused = sender.press(contract, "send")
    assert refused.status_code == 503
    assert "The timestamp service does not answer. Nothing is lost" in refused.text
    after = sender.look(contract)
    assert (after.state, after.kinds) == ("prepared", before.kinds)
    assert sender.house.letters(to=bob(1).email) == []
    tsa.up()
    done(sender.press(contract, "send"))
    Guest(sender.house, bob(1)).sign()
    finished(sender, contract, tsa, tmp_path)


def test_signed_while_the_service_is_down_the_level_is_shown_and_raised_by_itself(
    sender: Sender, tsa: Tsa, tmp_path: Path
) -> None:
    contract = sender.send([bob(2)], title="Raised later")
    guest = Guest(sender.house, bob(2))
    tsa.down()
    guest.sign()
    seen = sender.wait(contract, "archived")
    assert seen.level == "B-B"
    assert "the timestamps are still missing and will be added by themselves (level B-B)" in seen.text
    assert "Level B-B: a timestamp is still missing" in guest.look()
    tsa.up()
    raised = sender.wait(contract, "archived", level="B-LTA")
    assert raised.kinds["archived"] == 2  # the raised file is a new one: it has copies of its own
    (tmp_path / "raised.pdf").write_bytes(sender.sealed(contract))
    roots = tmp_path / "roots.pem"
    roots.write_bytes(sender.house.roots() + tsa.roots.read_bytes())
    told = sender.house.command("verify", str(tmp_path / "raised.pdf"), "--root", str(roots))
    assert told.returncode == 0, told.stdout + told.stderr


# --- units are killed


def test_valkey_dies_with_all_that_it_knew_and_everything_still_completes(
    sender: Sender, tsa: Tsa, tmp_path: Path
) -> None:
    contract = sender.send([bob(3)], title="Forgotten by the queue")
    guest = Guest(sender.house, bob(3))
    form = guest.code()
    sender.house.kill("valkey")
    done(guest.post(f"{guest.path}/sign/code", **form))
    finished(sender, contract, tsa, tmp_path)


def test_the_worker_dies_while_it_writes_and_another_finishes(sender: Sender, tsa: Tsa, tmp_path: Path) -> None:
    contract = sender.send([bob(4)], title="Interrupted")
    Guest(sender.house, bob(4)).sign()
    until(lambda: len(sender.house.pids("worker")) > 2, seconds=20, what="a job that runs")
    sender.house.kill("worker")
    finished(sender, contract, tsa, tmp_path)


def test_web_dies_before_its_answer_is_read_and_the_same_form_again_gives_the_same(
    sender: Sender, tsa: Tsa, tmp_path: Path
) -> None:
    house = sender.house
    contract = sender.prepare([bob(5)], title="Asked twice")
    with posted(house, f"/contracts/{contract}/send", cookies=sender.client.cookies):
        until(lambda: _kinds(house, contract).count("sent"), seconds=30, what="the commit")
        house.kill("web")
    _wait_for_web(house)
    done(sender.press(contract, "send"))
    guest = Guest(house, bob(5))
    form = guest.code()
    with posted(house, f"{guest.path}/sign/code", form):
        until(lambda: _kinds(house, contract).count("signed"), seconds=30, what="the commit")
        house.kill("web")
    _wait_for_web(house)
    again = guest.post(f"{guest.path}/sign/code", **form)
    assert again.status_code == 200
    assert "Thank you, Bob Buyer" in again.text or "Signed and sealed" in again.text  # it may be finished by then
    finished(sender, contract, tsa, tmp_path)
    assert len(house.letters(to=bob(5).email, template="invitation")) == 1


@contextmanager
def posted(
    house: RunningHouse, path: str, form: dict[str, str] | None = None, cookies: httpx.Cookies | None = None
) -> Iterator[None]:
    """A form on its way, by somebody who never gets to read the answer."""
    body = urlencode(form or {})
    cookie = "; ".join(f"{c.name}={c.value}" for c in (cookies or httpx.Cookies()).jar)
    headers = {"Host": f"localhost:{house.port}", **OURS, "Cookie": cookie, "Content-Length": str(len(body))}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", body]
    with socket.create_connection(("127.0.0.1", house.port), timeout=30) as line:
        line.sendall("\r\n".join(lines).encode())
        yield


def _kinds(house: RunningHouse, contract: str) -> list[str]:
    """What the contract's log holds, asked from the database: web is about to die."""
    with closing(sqlite3.connect(house.data / "countersign.db", timeout=30)) as database:
        rows = database.execute("select raw from evidence where contract_id = ? order by seq", [contract])
        return [str(json.loads(raw)["kind"]) for (raw,) in rows]


def _wait_for_web(house: RunningHouse) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"{house.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    until(answers, seconds=60, what="web again")


# --- disks and keys are taken away


def test_with_one_site_nothing_is_archived_and_after_the_repair_retry_does_it(
    sender: Sender, tsa: Tsa, tmp_path: Path
) -> None:
    contract = sender.send([bob(6)], title="One site short")
    guest = Guest(sender.house, bob(6))
    with gone(sender.house.data / "site-b"):
        guest.sign()
        seen = stuck(sender, contract)
        assert "Not enough archive sites can be written to. Nothing is lost." in seen.text
        assert seen.kinds["archived"] == 0
        assert "Your signature is safe" in guest.look()
        lines = doctor(sender.house)
        assert lines["storage"]["state"] == "fail"
        assert f"{contract} (archive_quorum)" in lines["stuck"]["said"]
        assert "retry" in lines["stuck"]["do"]
    done(sender.press(contract, "retry"))
    finished(sender, contract, tsa, tmp_path)
    _a_damaged_copy_is_read_over_and_mended(sender, contract)


def _a_damaged_copy_is_read_over_and_mended(sender: Sender, contract: str) -> None:
    content = sender.sealed(contract)
    digest = sha256(content).hexdigest()
    copy = sender.house.data / "site-a" / "sha256" / digest[:2] / digest[2:4] / digest
    copy.write_bytes(content[:-1] + b"!")
    assert sender.sealed(contract) == content
    assert copy.read_bytes() == content


def test_sealing_that_fails_for_good_is_stuck_with_its_reason_until_the_cause_is_mended(
    sender: Sender, tsa: Tsa, tmp_path: Path
) -> None:
    contract = sender.send([bob(7)], title="Without a seal")
    guest = Guest(sender.house, bob(7))
    with gone(sender.house.data / "authority" / "seal.key.pem"):
        guest.sign()
        seen = stuck(sender, contract)
        assert "This contract needs attention. A key of this house is missing. Nothing is lost." in seen.text
        assert "Try again" in seen.text
        assert (seen.kinds["applied"], seen.kinds["sealed"]) == (1, 0)
        lines = doctor(sender.house)
        assert f"{contract} (authority_missing)" in lines["stuck"]["said"]
        assert lines["keys"]["state"] == "fail"
        done(sender.press(contract, "retry"))  # too early: it sticks again
        assert "A key of this house is missing" in stuck(sender, contract).text
    done(sender.press(contract, "retry"))
    finished(sender, contract, tsa, tmp_path)
    assert doctor(sender.house)["stuck"]["state"] == "ok"
    assert "A key of this house is missing" in sender.house.letter(to="olga@example.org", template="stuck")


@contextmanager
def gone(path: Path) -> Iterator[None]:
    """A file in a folder's place, or nothing in a file's: root, too, can neither write nor read there."""
    away = path.with_name(f"{path.name}.away")
    shutil.move(path, away)
    if away.is_dir():
        path.write_text("not a folder")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        shutil.move(away, path)


def stuck(sender: Sender, contract: str) -> Seen:
    """Waits until it has been given up; the pauses between the attempts, which are minutes, pass at once."""

    def given_up() -> Seen | None:
        with closing(sqlite3.connect(sender.house.data / "countersign.db", timeout=30)) as database, database:
            database.execute("update errands set due_at = created_at where done_at is null and handed_at is null")
        seen = sender.look(contract)
        return seen if seen.state == "stuck" else None

    return until(given_up, seconds=120, what=f"{contract} stuck")


def doctor(house: RunningHouse) -> dict[str, dict[str, Any]]:
    told = house.command("doctor", "--json")
    return {line["name"]: line for line in json.loads(told.stdout)}


# --- time passes


def test_a_deadline_passes_while_nobody_looks_and_everybody_is_told(sender: Sender) -> None:
    deadline = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30)
    contract = sender.send([bob(8)], title="Too late", deadline=deadline)
    guest = Guest(sender.house, bob(8))
    form = guest.code()
    sender.house.letter(to=bob(8).email, template="expired")
    sender.house.letter(to="olga@example.org", template="expired")
    [ended] = [n for n, kind in enumerate(_kinds(sender.house, contract)) if kind == "expired"]
    assert _moment(sender.house, contract, ended) - deadline < timedelta(seconds=10)
    late = guest.post(f"{guest.path}/sign/code", **form)
    assert late.status_code == 410
    assert "The deadline has passed" in late.text
    assert "The deadline has passed" in guest.look()
    seen = sender.look(contract)
    assert (seen.state, seen.kinds["signed"], seen.kinds["expired"]) == ("expired", 0, 1)


def _moment(house: RunningHouse, contract: str, entry: int) -> datetime:
    with closing(sqlite3.connect(house.data / "countersign.db", timeout=30)) as database:
        [[raw]] = database.execute("select raw from evidence where contract_id = ? and seq = ?", [contract, entry])
        return datetime.fromisoformat(json.loads(raw)["at"])
