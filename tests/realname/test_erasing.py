"""Taking it all back, or giving a check up, and the process is killed at any moment of it: what was kept is gone in effect.

The victim is a real process on a real database and a real vault, and dies by SIGKILL: before its commit, after it, with the
key overwritten and still there, between key and media, and between two media. Whoever was erased begins a new check before
any errand ran. `dies_here` is what the victim runs. No networks are needed: what is kept are bytes.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bff.core.enrolment import State, Way
from bff.core.errors import Fault, Refusal
from bff.core.identity import GOOD_FOR, Identity, Level
from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, work
from tests.databases import ON_BOTH
from tests.people import committed

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE, PORTRAIT, PIECE = b"numbers of a face", b"a portrait", b"a face moves"


@pytest.fixture
def li_lei(home: House) -> Person:
    with home.store.begin() as unit:
        return unit.people.add(name="Li", language="en", role=None)


class Unreadable:
    """Readers that can make nothing out."""

    def read(self, photograph: bytes, **_: object) -> None:
        raise Refusal("photo_unreadable")


@pytest.fixture(autouse=True)
def blind(home: House) -> None:
    object.__setattr__(home.enrolment, "_documents", Unreadable)


def a_known_face(home: House, person: Person) -> tuple[str, list[str]]:
    """A check with a portrait, a template for a year, a recording and its trace, and the identity that it led to; the
    token of the check and the names of what lies in the vault."""
    token = home.enrolment.begin(person.id, needed=Level.DOCUMENT_FACE)
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, b"a photograph")
    with home.store.begin() as unit:
        check = home.enrolment.look(token).check
        portrait = home.enrolment._keep(unit, check, PORTRAIT)
        face = home.enrolment._keep(unit, check, TEMPLATE, keep_for=GOOD_FOR)
        unit.identities.keep_media(check.id, portrait=portrait, face=face)
        nothing: Mapping[str, Any] = {"challenge": b"{}", "nonce": b"", "lifetime": timedelta(seconds=90)}
        video = unit.identities.ask_for_video(person_id=person.id, check_id=check.id, **nothing)
    home.enrolment.recordings.add(video.id, offset=0, content=PIECE, commitment=committed(PIECE))
    with home.store.begin() as unit:
        unit.identities.change_video(video.id, trace="left, right", sha256="5" * 64)
        unit.identities.add(
            Identity(
                person_id=person.id,
                check_id=check.id,
                level=Level.DOCUMENT_FACE,
                name="李雷",
                document="cn_id_front",
                checked_at=unit.now,
                valid_until=unit.now + GOOD_FOR,
                attended_by=None,
                facts={},
            ),
            media={"face": face},
        )
        pieces = unit.identities.video(video.id).pieces  # type: ignore[union-attr]
        photographs = unit.identities.media(check.id)["photographs"]
    return token, [portrait, face, *photographs, *pieces]


def named(home: House, person: Person) -> str:
    """Everything that the database knows of what lies in the vault, or of how somebody moved."""
    with home.store.read() as unit:
        checks = [unit.identities.media(check.id) for check in unit.identities.checks_of(person.id)]
        faces = [unit.identities.media_of(check.id) for check in unit.identities.checks_of(person.id)]
        videos = [unit.identities.newest_video(check_id=check.id) for check in unit.identities.checks_of(person.id)]
        return repr(
            (checks, faces, [video.pieces for video in videos if video], unit.identities.traces(person.id, but=""))
        )


def readable(home: House, person: Person, names: list[str]) -> list[str]:
    found = []
    for name in names:
        try:
            home.face_vault.read(person.id, name)
        except (Refusal, Fault):
            continue
        found.append(name)
    return found


AFTER_THE_COMMIT = ["before erase 1", "before unlink 1", "before unlink 2", "before unlink 3", "after unlink 5"]
"""Unlinked are the key, having been overwritten, and then four media."""


@pytest.mark.parametrize("moment", AFTER_THE_COMMIT)
def test_who_was_erased_and_begins_anew_before_any_errand_has_nothing_left_of_before(
    home: House, li_lei: Person, clock: Clock, moment: str
) -> None:
    _, names = a_known_face(home, li_lei)
    stolen = home.settings.data_dir.with_name("stolen")
    shutil.copytree(home.settings.data_dir / "faces", stolen)
    assert died(home, "erase", li_lei.id, moment) == -signal.SIGKILL
    assert home.enrolment.standing(li_lei.id) is None
    assert not [name for name in names if name in named(home, li_lei)]
    assert "left, right" not in named(home, li_lei)
    token = home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, b"a new photograph")
    clock.forward(seconds=29)
    work(home)
    with home.store.read() as unit:
        [new] = unit.identities.media(home.enrolment.look(token).check.id)["photographs"]
    clock.forward(seconds=2)
    work(home)
    shutil.copytree(stolen, home.settings.data_dir / "faces", dirs_exist_ok=True)
    assert readable(home, li_lei, names) == []
    assert home.face_vault.read(li_lei.id, new) == b"a new photograph"
    assert [key.name for key in (home.settings.data_dir / "face-keys").glob("*.key")] == [f"{li_lei.id}.1.key"]
    assert home.enrolment.look(token).check.state is State.DOCUMENT


def test_killed_before_the_commit_nothing_was_erased_and_the_next_try_erases(home: House, li_lei: Person) -> None:
    _, names = a_known_face(home, li_lei)
    assert died(home, "erase", li_lei.id, "before commit 1") == -signal.SIGKILL
    assert home.enrolment.standing(li_lei.id) is not None
    assert readable(home, li_lei, names) == names
    home.enrolment.erase(li_lei.id)
    assert home.enrolment.standing(li_lei.id) is None
    assert readable(home, li_lei, names) == []


def test_where_the_errand_was_lost_as_well_the_next_sweep_erases(home: House, li_lei: Person) -> None:
    _, names = a_known_face(home, li_lei)
    assert died(home, "erase", li_lei.id, "before erase 1") == -signal.SIGKILL
    assert readable(home, li_lei, names) == names
    assert home.enrolment.sweep() == len(names)
    assert readable(home, li_lei, names) == []
    assert not list((home.settings.data_dir / "face-keys").glob("*.key"))


@ON_BOTH
def test_of_an_erased_recording_only_the_digest_is_left_and_nothing_more_arrives(home: House, li_lei: Person) -> None:
    token, _ = a_known_face(home, li_lei)
    with home.store.read() as unit:
        video = unit.identities.newest_video(check_id=home.enrolment.look(token).check.id)
    assert video is not None
    home.enrolment.erase(li_lei.id)
    with pytest.raises(Refusal, match="video_unknown"):
        home.enrolment.recordings.add(video.id, offset=len(PIECE), content=b"more")
    with home.store.read() as unit:
        assert unit.identities.traces(li_lei.id, but="") == []
        assert unit.identities.seen("5" * 64, but="")
        assert unit.identities.generations() == {li_lei.id: 1}
    home.enrolment.erase(li_lei.id)
    with home.store.read() as unit:
        assert unit.identities.generations() == {li_lei.id: 2}


@ON_BOTH
def test_what_is_being_kept_while_somebody_erases_is_erased_too(home: House, li_lei: Person) -> None:
    """Whoever asked for the generation commits first; the erasure waits, and destroys the key that was used."""
    with home.store.begin() as unit:
        generation = unit.identities.generation(li_lei.id)
        erasing = Thread(target=lambda: home.enrolment.erase(li_lei.id))
        erasing.start()
        erasing.join(timeout=0.5)  # it is over by then where nothing holds it up
        name = home.face_vault.keep(li_lei.id, PORTRAIT, now=unit.now, generation=generation)
    erasing.join(timeout=30)
    assert readable(home, li_lei, [name]) == []
    with home.store.begin() as unit:
        assert unit.identities.generation(li_lei.id) == 1


@pytest.mark.parametrize("act", ["begins anew", "sweeps"])
@ON_BOTH
def test_a_check_that_passes_at_this_moment_is_not_ended_by_who_looked_before(
    home: House, li_lei: Person, clock: Clock, act: str
) -> None:
    token = home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT_FACE)
    check = home.enrolment.look(token).check
    if act == "sweeps":
        clock.forward(hours=4)
    acts = {
        "begins anew": lambda: home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT),
        "sweeps": home.enrolment.sweep,
    }
    with home.store.begin() as unit:
        assert unit.identities.check(check.id) is not None
        other = Thread(target=acts[act])
        other.start()
        other.join(timeout=0.5)  # it waits, or is over by then
        unit.identities.put(replace(check, state=State.PASSED, level=Level.DOCUMENT_FACE))
    other.join(timeout=30)
    with home.store.read() as unit:
        after = unit.identities.check(check.id)
    assert after is not None
    assert after.state is State.PASSED


def test_an_errand_of_the_release_before_erases_who_did_not_begin_anew(
    home: House, li_lei: Person, clock: Clock
) -> None:
    token, names = a_known_face(home, li_lei)
    erase_as_before(home, li_lei)
    work(home)
    assert readable(home, li_lei, names) == names
    home.enrolment.give_up(token)
    with home.store.begin() as unit:
        unit.identities._end(li_lei.id)
    kept = home.face_vault.keep(li_lei.id, b"left behind", now=clock.now())
    erase_as_before(home, li_lei)
    work(home)
    assert readable(home, li_lei, [kept]) == []


def erase_as_before(home: House, person: Person) -> None:
    with home.store.begin() as unit:
        unit.errand("erase_face", details={"person": person.id})


# --- giving up ---


@ON_BOTH
def test_who_gives_up_leaves_no_media(home: House, li_lei: Person) -> None:
    token, names = a_check_under_way(home, li_lei)
    assert readable(home, li_lei, names) == names
    home.enrolment.give_up(token)
    assert readable(home, li_lei, names) == []
    assert not [name for name in names if name in named(home, li_lei)]


def test_so_does_who_begins_another_check_and_who_never_comes_back(home: House, li_lei: Person, clock: Clock) -> None:
    _, names = a_check_under_way(home, li_lei)
    home.enrolment.begin(li_lei.id, needed=Level.DOCUMENT)
    assert readable(home, li_lei, names) == []
    _, names = a_check_under_way(home, li_lei)
    clock.forward(hours=4)
    home.enrolment.sweep()
    assert readable(home, li_lei, names) == []


@pytest.mark.parametrize("moment", ["before remove 1", "before unlink 1", "before unlink 3", "after unlink 4"])
def test_killed_while_giving_up_the_media_go_with_the_errand(
    home: House, li_lei: Person, clock: Clock, moment: str
) -> None:
    token, names = a_check_under_way(home, li_lei)
    assert died(home, "give_up", token, moment) == -signal.SIGKILL
    assert home.enrolment.look(token).check.state is State.ENDED
    assert not [name for name in names if name in named(home, li_lei)]
    clock.forward(seconds=31)
    work(home)
    assert readable(home, li_lei, names) == []


def test_killed_before_its_commit_nothing_was_given_up(home: House, li_lei: Person) -> None:
    token, names = a_check_under_way(home, li_lei)
    assert died(home, "give_up", token, "before commit 1") == -signal.SIGKILL
    assert home.enrolment.look(token).check.state is State.READING
    assert readable(home, li_lei, names) == names


def a_check_under_way(home: House, person: Person) -> tuple[str, list[str]]:
    """With a photograph, a portrait that took another's place, and a piece of a recording."""
    token = home.enrolment.begin(person.id, needed=Level.DOCUMENT_FACE)
    home.enrolment.consent(token, way=Way.FACE, language="en")
    home.enrolment.photograph(token, b"a photograph")
    with home.store.begin() as unit:
        check = home.enrolment.look(token).check
        portraits = [home.enrolment._keep(unit, check, PORTRAIT) for _ in range(2)]
        for portrait in portraits:
            unit.identities.keep_media(check.id, portrait=portrait)
        nothing: Mapping[str, Any] = {"challenge": b"{}", "nonce": b"", "lifetime": timedelta(seconds=90)}
        video = unit.identities.ask_for_video(person_id=person.id, check_id=check.id, **nothing)
        photographs = unit.identities.media(check.id)["photographs"]
    sent = home.enrolment.recordings.add(video.id, offset=0, content=PIECE, commitment=committed(PIECE))
    return token, [*portraits, *photographs, *sent.pieces]


@pytest.mark.parametrize("accepted", [False, None])
def test_who_is_not_known_by_a_face_leaves_no_description_of_it(
    home: House, li_lei: Person, owner: Person, accepted: bool | None
) -> None:
    """It was to be kept for a year."""
    token, names = a_check_under_way(home, li_lei)
    with home.store.begin() as unit:
        check = replace(home.enrolment.look(token).check, state=State.REVIEW)
        face = home.enrolment._keep(unit, check, TEMPLATE, keep_for=GOOD_FOR)
        unit.identities.put(check)
        unit.identities.keep_media(check.id, face=face)
    home.enrolment.decide(owner, check.id, accepted=accepted, reason="Not the same person.")
    assert readable(home, li_lei, [face]) == []
    assert readable(home, li_lei, names) == names


# --- an upload ---


@pytest.mark.parametrize("moment", ["before commit 1", "after commit 1"])
def test_killed_while_it_takes_a_piece_the_house_says_what_it_has_and_goes_on(
    home: House, li_lei: Person, moment: str
) -> None:
    """A piece in the vault that no commit names counts as not arrived, and the same recording comes out."""
    token, _ = a_check_under_way(home, li_lei)
    with home.store.begin() as unit:
        check = home.enrolment.look(token).check
        nothing: Mapping[str, Any] = {"challenge": b"{}", "nonce": b"", "lifetime": timedelta(seconds=90)}
        video = unit.identities.ask_for_video(person_id=li_lei.id, check_id=check.id, **nothing)
    recordings = home.enrolment.recordings
    recordings.add(video.id, offset=0, content=b"", commitment=committed(PIECE * 2))
    assert died(home, "piece", video.id, moment) == -signal.SIGKILL
    there = recordings.received(video.id)
    assert there.size == (len(PIECE) if moment.startswith("after") else 0)
    assert there.commitment == committed(PIECE * 2)
    recordings.add(video.id, offset=there.size, content=(PIECE * 2)[there.size :])
    assert recordings.digest(video.id) == committed(PIECE * 2).sha256


# --- the victim ---


def died(home: House, act: str, whom: str, moment: str) -> int:
    """How a process ended that was to die at this moment of the act."""
    told = f"{act!r}, {whom!r}, {moment!r}, {home.clock.now().isoformat()!r}"
    code = f"from tests.realname.test_erasing import dies_here; dies_here({told})"
    env = {**os.environ, "BFF_DATA_DIR": str(home.settings.data_dir), "BFF_DEVELOPMENT": "1"}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, timeout=90, check=False).returncode


def dies_here(act: str, whom: str, moment: str, now: str) -> None:
    """The victim's whole life, at the test's time."""
    from bff.biometrics.vault import FaceVault
    from bff.settings import from_environment
    from bff.store import Store
    from bff.wiring import SystemClock, build
    from tests.signing.test_crashes import _die

    SystemClock.now = lambda self: datetime.fromisoformat(now)  # type: ignore[method-assign]
    enrolment = build(from_environment()).enrolment
    side, what, number = moment.split()
    if what == "commit":
        _die(Store, "begin", side, int(number), whole_block=True)
    else:
        _die(Path if what == "unlink" else FaceVault, what, side, int(number))
    acts: Mapping[str, Callable[[], object]] = {
        "erase": lambda: enrolment.erase(whom),
        "give_up": lambda: enrolment.give_up(whom),
        "piece": lambda: enrolment.recordings.add(whom, offset=0, content=PIECE),
    }
    acts[act]()
