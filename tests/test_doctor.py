"""doctor: every line is well in a whole house, and each one notices its own trouble and says what to do."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.serving import make_server

from bff import doctor
from bff.app import create_app
from bff.core.contract import State
from bff.core.errors import Fault, Refusal
from bff.doctor import Check
from bff.feed import connect
from bff.outbox import tell_clock_alive
from bff.settings import Settings
from bff.store.people import Person
from bff.wiring import House, build
from bff.worker import PatientWorker
from tests.builders import BOB, Clock, a_draft, a_sent_contract
from tests.valkey import valkey

LINES = dict((*doctor.READY, *doctor.BESIDES))


def line(home: House, name: str) -> Check:
    return doctor._tried(home, (name, LINES[name]))


def with_settings(home: House, **changed: Any) -> House:
    """Another house on the same data."""
    return build(replace(home.settings, **changed), home.clock)


@pytest.mark.parametrize("name", ["keys", "timestamps", "fonts", "storage", "disk", "database", "stuck", "pages cache"])
def test_a_whole_house_is_well(home: House, name: str) -> None:
    assert line(home, name).state == "ok"


# --- each line in trouble ------------------------------------------------------------------------------


def a_missing_secret(home: House) -> None:
    (home.settings.data_dir / "secrets" / "code.key").unlink()


def a_secret_cut_short(home: House) -> None:
    (home.settings.data_dir / "secrets" / "code.key").write_bytes(b"x")


def a_key_for_all_to_read(home: House) -> None:
    (home.settings.data_dir / "authority" / "seal.key.pem").chmod(0o644)


def a_certificate_that_ended(home: House) -> None:
    home.clock.forward(days=3660)  # type: ignore[attr-defined]


def no_authority(home: House) -> None:
    (home.settings.data_dir / "authority" / "tsa.key.pem").unlink()


def no_fonts(home: House) -> None:
    home.__dict__["paper"] = type(home.paper)(home.settings.data_dir)


def one_site_left(home: House) -> None:
    shutil.rmtree(home.settings.data_dir / "site-b")


def a_read_only_database(home: House) -> None:
    with home.store._writer.connect() as connection:
        connection.execute(text("PRAGMA query_only=ON"))
        connection.rollback()


def an_old_database(home: House) -> None:
    with home.store._writer.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num='0000'"))
        connection.commit()


def a_stuck_contract(home: House) -> None:
    from tests.builders import an_owner

    sent = a_sent_contract(home, an_owner(home))
    with home.store.begin() as unit:
        home.sealing.stuck(unit, sent.id, "tsa_down")


@pytest.mark.parametrize(
    ("name", "trouble", "code"),
    [
        ("keys", a_missing_secret, "secret_missing"),
        ("keys", a_secret_cut_short, "secret_missing"),
        ("keys", a_key_for_all_to_read, "keys_exposed"),
        ("keys", a_certificate_that_ended, "certificate_ended"),
        ("timestamps", no_authority, "authority_missing"),
        ("fonts", no_fonts, "fonts_missing"),
        ("storage", one_site_left, "archive_quorum"),
        ("database", a_read_only_database, "database_readonly"),
        ("database", an_old_database, "database_old"),
        ("stuck", a_stuck_contract, ""),
    ],
)
def test_a_line_fails_by_name_and_says_what_to_do(
    home: House, name: str, trouble: Callable[[House], None], code: str
) -> None:
    home.store.close()
    trouble(home)
    found = line(home, name)
    assert (found.state, found.code) == ("fail", code)
    assert found.do


def test_a_certificate_about_to_end_is_a_warning(home: House, clock: Clock) -> None:
    clock.forward(days=3620)
    assert line(home, "keys").state == "warn"


def test_a_third_site_that_is_away_is_a_warning(home: House, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    three = with_settings(home, sites=(str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "gone")))
    found = line(three, "storage")
    assert found.state == "warn"
    assert "site C" in found.said


@pytest.mark.parametrize(("free", "state"), [(10**8, "fail"), (10**9, "warn"), (10**10, "ok")])
def test_little_room_is_said_before_it_is_none(
    home: House, free: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))  # type: ignore[attr-defined]
    assert line(home, "disk").state == state


def test_no_provider_is_a_failure_in_production_alone(home: House) -> None:
    assert line(home, "providers").state == "warn"
    strict = line(with_settings(home, development=False), "providers")
    assert (strict.state, strict.code) == ("fail", "no_message_provider")


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mail", {"mail_url": "smtp://127.0.0.1:9"}),
        ("sms", {"sms_url": "twilio://AC1:secret@127.0.0.1:9/?from=+1555&scheme=http"}),
    ],
)
def test_a_provider_that_is_away_fails_and_no_secret_is_said(home: House, name: str, changed: dict[str, str]) -> None:
    found = line(with_settings(home, **changed), name)
    assert (found.state, found.code) == ("fail", "message_not_taken")
    assert "secret" not in found.said + found.do


@pytest.mark.parametrize(("off", "state"), [(0.0, "ok"), (10.0, "warn"), (-60.0, "fail"), (60.0, "fail")])
def test_the_clock_is_compared_with_an_external_timestamp_service(
    home: House, clock: Clock, off: float, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = with_settings(home, tsa_url="http://tsa.example")
    monkeypatch.setattr(House, "proven_time", lambda *_: clock.now() + timedelta(seconds=off))
    assert line(outside, "clock").state == state


def test_the_embedded_timestamps_are_no_second_clock_and_that_is_said(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_synchronised", lambda: True)
    assert "compared with no other" in line(home, "clock").said
    monkeypatch.setattr(doctor, "_synchronised", lambda: False)
    assert line(home, "clock").state == "warn"


def test_without_valkey_queue_and_clock_unit_fail(home: House) -> None:
    for name in ("queue", "clock unit"):
        assert (line(home, name).state, line(home, name).code) == ("fail", "queue")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_queue_wants_a_living_worker_for_words_and_for_paper(home: House) -> None:
    with valkey(home.settings.data_dir) as redis:
        assert "word, paper" in line(home, "queue").said
        assert line(home, "clock unit").state == "fail"
        tell_clock_alive(redis)
        assert line(home, "clock unit").state == "ok"
        words = PatientWorker(["word"], connection=connect("", home.settings.data_dir))
        words.register_birth()
        assert "No worker serves: paper" in line(home, "queue").said
        both = PatientWorker(["word", "paper"], connection=connect("", home.settings.data_dir))
        both.register_birth()
        assert (line(home, "queue").state, "No worker serves: face" in line(home, "queue").said) == ("warn", True)
        faces = PatientWorker(["face"], connection=connect("", home.settings.data_dir))
        faces.register_birth()
        assert line(home, "queue").state == "ok"


def test_late_errands_are_a_warning(home: House, clock: Clock) -> None:
    with home.store.begin() as unit:
        unit.errand("tell", details={})
    clock.forward(minutes=6)
    with valkey(home.settings.data_dir):
        PatientWorker(["word", "paper"], connection=connect("", home.settings.data_dir)).register_birth()
        found = line(home, "queue")
    assert (found.state, found.said[:9]) == ("warn", "1 errands")


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"public_url": "http://localhost:8000", "development": True}, "ok"),
        ({"public_url": "http://192.0.2.9:8000"}, "fail"),
        ({"public_url": "http://sign.example.org"}, "fail"),
        ({"public_url": "https://127.0.0.1:9"}, "warn"),
    ],
)
def test_the_address_has_to_be_https(home: House, changed: dict[str, Any], state: str) -> None:
    assert line(with_settings(home, **{"development": False, **changed}), "address").state == state


# --- our own front door ------------------------------------------------------------------------------


@pytest.fixture
def front(home: House) -> Iterator[Callable[..., House]]:
    """Serves the app on a port of its own, behind a proxy that adds these headers."""
    servers = []

    def served(headers: dict[str, str], **changed: Any) -> House:
        server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        settings = replace(home.settings, public_url=f"http://localhost:{server.port}", **changed)
        app = create_app(settings, build(settings))
        server.app = _behind(app, headers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return build(settings)

    yield served
    for server in servers:
        server.shutdown()
        server.server_close()


def _behind(app: Flask, headers: dict[str, str]) -> Callable[..., Any]:
    def proxied(environ: dict[str, Any], start: Any) -> Any:
        return app({**environ, **headers}, start)

    return proxied


ONE = {"HTTP_X_FORWARDED_FOR": "192.0.2.1", "HTTP_X_FORWARDED_PROTO": "http"}


@pytest.mark.parametrize(
    ("headers", "hops", "state", "said"),
    [
        ({}, 0, "ok", "0 proxies"),
        (ONE, 1, "ok", "1 proxies"),
        ({}, 1, "fail", "forge"),
        (ONE, 0, "fail", "one person"),
        ({**ONE, "HTTP_X_FORWARDED_PROTO": "https"}, 1, "fail", "https://"),
        ({**ONE, "HTTP_X_FORWARDED_FOR": "192.0.2.1, 192.0.2.2"}, 1, "fail", "BFF_PROXY_HOPS=2"),
    ],
)
def test_proxy_headers_are_compared_with_the_setting(
    front: Callable[..., House], headers: dict[str, str], hops: int, state: str, said: str
) -> None:
    found = line(front(headers, proxy_hops=hops), "proxy headers")
    assert (found.state, said in found.said + found.do) == (state, True)


def test_a_live_address_that_leads_to_web_is_a_warning(front: Callable[..., House]) -> None:
    found = line(front({}), "live")
    assert (found.state, "404" in found.said) == ("warn", True)


def test_a_house_that_does_not_answer_is_said(home: House) -> None:
    shut = with_settings(home, public_url="http://localhost:9")
    assert {line(shut, name).state for name in ("proxy headers", "live")} == {"warn"}


# --- the report, and the same lines before sending -------------------------------------------------------


def test_the_report_is_json_and_its_exit_code_tells(capsys: pytest.CaptureFixture[str]) -> None:
    well, bad = Check("keys", "ok", "there"), Check("disk", "fail", "full", "Make room.", "disk_full")
    assert doctor.report([well, Check("x", "warn", "old")], as_json=True) == 0
    assert [c["state"] for c in json.loads(capsys.readouterr().out)] == ["ok", "warn"]
    assert doctor.report([well, bad], as_json=False) == 1
    assert "-> Make room." in capsys.readouterr().out


def test_one_failure_hides_no_other(home: House) -> None:
    a_missing_secret(home)
    one_site_left(home)
    states = {c.name: c.state for c in doctor.run(with_settings(home, public_url="http://localhost:9"))}
    assert set(states) == set(LINES)
    assert (states["keys"], states["storage"], states["database"]) == ("fail", "fail", "ok")


def test_what_sealing_needs_is_missed_before_sending_and_the_sender_reads_a_sentence(
    home: House, owner: Person
) -> None:
    from bff.routes.refusals import say

    draft = a_draft(home, owner)
    home.desk.name_signers(owner, draft.id, [BOB])
    home.desk.prepare(owner, draft.id)
    one_site_left(home)
    with pytest.raises(Refusal, match="cannot_send_now") as refused:
        home.desk.send(owner, draft.id)
    assert refused.value.params["fault"] == "archive_quorum"
    with create_app(home.settings, home).test_request_context():
        assert "Not enough archive sites" in say(refused.value).sentence
    assert home.desk.look(owner, draft.id).state is State.PREPARED


def test_every_failure_before_sending_has_a_sentence_for_the_sender(home: House) -> None:
    from bff.signing.reasons import REASONS

    codes = {"secret_missing", "keys_exposed", "certificate_ended", "authority_missing", "tsa_down"}
    assert codes | {"fonts_missing", "archive_quorum", "disk_full", "no_message_provider"} <= set(REASONS)


def test_the_check_before_sending_is_quick_and_leaves_nothing(home: House) -> None:
    home.check_ready()
    before = sorted(home.settings.data_dir.glob("site-*/**/*"))
    took = []
    for _ in range(5):
        started = time.perf_counter()
        home.check_ready()
        took.append(time.perf_counter() - started)
    assert sorted(home.settings.data_dir.glob("site-*/**/*")) == before
    assert min(took) < 0.25, took  # a busy machine; 20 ms on an idle one


def test_a_fault_before_sending_is_named(home: House) -> None:
    os.chmod(home.settings.data_dir / "secrets" / "code.key", 0o644)
    with pytest.raises(Fault, match="keys_exposed"):
        home.check_ready()


def test_defaults_can_be_checked(tmp_path: Path) -> None:
    """doctor on a machine where nothing was set up yet says so, and does not fall over."""
    checks = doctor.run(build(Settings(data_dir=tmp_path / "none", public_url="http://localhost:9")))
    assert {c.name for c in checks} == set(LINES)
    assert {c.name: c.state for c in checks}["keys"] == "fail"
