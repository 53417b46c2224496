"""What wiring hands out fits together: the house's own judge, reader and vault."""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bff import doctor, jobs
from bff.biometrics.id_document import Kind
from bff.biometrics.pack import DEFAULT_PACK
from bff.core.errors import Fault
from bff.doctor import Check
from bff.wiring import House
from tests.biometrics import cards
from tests.biometrics.photographs import as_file, astronaut
from tests.builders import Clock

pytestmark = pytest.mark.skipif(not DEFAULT_PACK.exists(), reason="the face models are not built")


def test_the_house_reads_a_portrait_and_a_document_and_keeps_what_it_read(home: House, clock: Clock) -> None:
    photograph = as_file(astronaut())
    assert home.faces.portrait(photograph).width_pixels > 80
    read = home.documents.read(as_file(cards.photographed(cards.cn_back()), "JPEG"), today=date(2026, 11, 24))
    assert read.kind is Kind.CN_ID_BACK
    name = home.face_vault.keep("person-1", photograph, now=clock.now())
    assert home.face_vault.read("person-1", name) == photograph
    assert home.face_vault.sweep(now=datetime(2100, 1, 1, tzinfo=UTC), generations={}) == 1


def test_a_worker_has_eyes_and_what_opens_media_ready_for_all_its_jobs(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "from_environment", lambda: home.settings)
    jobs.open_eyes.cache_clear()
    try:
        shared = jobs.open_eyes()
        assert shared["media"].photo(as_file(astronaut())).shape == astronaut().shape
        assert shared["media"]._cage.used_seconds > 0  # of a child that was forked, not started
        assert jobs.house.__wrapped__().eyes is shared["eyes"]
    finally:
        shared["media"]._cage.close()
        jobs.open_eyes.cache_clear()


def test_a_pack_that_is_not_there_is_a_fault_of_the_operator(home: House) -> None:
    home.__dict__["settings"] = replace(home.settings, face_pack="/nowhere/buffalo_l")
    with pytest.raises(Fault, match="face_pack_missing"):
        _ = home.eyes


def doctors_line(home: House) -> Check:
    [line] = [line for line in doctor.BESIDES if line[0] == "faces"]
    return doctor._tried(home, line)


def test_doctor_says_where_the_models_are_and_how_many_faces_are_stored(home: House, clock: Clock) -> None:
    home.face_vault.keep("person-1", b"a face", now=clock.now())
    check = doctors_line(home)
    assert check.state == "ok"
    assert "pictures of 1 people" in check.said


def test_doctor_warns_when_faces_cannot_be_judged_or_are_too_many(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bff.biometrics.vault.WARN_AT_PEOPLE", 0)
    assert doctors_line(home).state == "warn"
    home.__dict__["settings"] = replace(home.settings, face_pack="/nowhere/buffalo_l")
    del home.__dict__["eyes"]
    check = doctors_line(home)
    assert (check.state, check.code) == ("warn", "face_pack_missing")
    assert "models build" in check.do


def test_pages_do_not_carry_the_networks() -> None:
    """What a page needs is imported without them: a process of its own, for this one has them already."""
    import subprocess

    program = "import sys, bff.app; print([m for m in ('onnxruntime', 'cv2', 'insightface', 'av') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
