"""The camera elements in a real browser, against a small server that keeps what it gets in memory.

A person is rendered live before the browser's fake camera (`fake_camera.py`); what the element uploads is judged by the
product's own judge. The elements' pages, styles and sentences are the product's; the rest of the server is a stand-in.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask import Blueprint, Response, render_template_string, request
from PIL import Image as Pictures
from playwright.sync_api import Browser, Page, Playwright, Route, expect
from werkzeug.serving import make_server

from bff.app import create_app
from bff.biometrics.faces import Eyes
from bff.biometrics.liveness import FaceJudge
from bff.biometrics.media import Media
from bff.biometrics.pack import DEFAULT_PACK, opened
from bff.cage import Cage
from bff.core.gestures import Challenge, Colour, Pace, derived
from bff.core.ports import FaceVerdict, Outcome, Template
from tests.biometrics import cards
from tests.biometrics.photographs import as_file, astronaut
from tests.biometrics.renderer import Puppet
from tests.builders import Clock, a_house
from tests.journeys import fonts
from tests.journeys.conftest import ARGUMENTS, chromium
from tests.journeys.fake_camera import HEIGHT, WIDTH, Actor, FakeCamera, act_along
from tests.journeys.house import free_port, until
from tests.journeys.phone import Phones, no_violations

pytestmark = pytest.mark.timeout(600)
SENT_MS = 60_000

PAGE = """{% extends 'base.html' %}{% import 'capture.html' as capture with context %}
{% block title %}Capture{% endblock %}{% block styles %}{{ capture.style() }}{% endblock %}
{% block scripts %}{{ module('elements/' ~ element ~ '-capture.js') }}{% endblock %}
{% block main %}<h1>Capture</h1><form method="post" enctype="multipart/form-data" action="/try/{{ element }}">
{% if element == 'face' %}{{ capture.face_capture('/try/ask', otherwise='other') }}
{% else %}{{ capture.photo_capture('card') }}<button class="button block">Continue</button>{% endif %}</form>
<details id="other" {% if element == 'face' %}hidden{% endif %}><summary class="button quiet">Another way</summary>
<p>By letter.</p></details>{% endblock %}"""


@dataclass
class Desk:
    """What the stand-in server was asked and given."""

    pace: list[str] = field(default_factory=list)
    challenges: dict[str, Challenge] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    came: list[tuple[str, str]] = field(default_factory=list)
    photos: list[bytes] = field(default_factory=list)
    url: str = ""

    def door(self) -> Blueprint:
        door = Blueprint("try", __name__, url_prefix="/try")
        door.get("/<element>")(lambda element: render_template_string(PAGE, element=element))
        door.post("/ask")(self._ask)
        door.route("/upload/<id_>", methods=["HEAD", "PATCH"])(self._upload)
        door.post("/<element>")(self._form)
        return door

    def _ask(self) -> Response:
        self.pace.append(request.form["pace"])
        id_, pace = secrets.token_hex(8), Pace(request.form["pace"])
        challenge = derived(secrets.token_bytes(32), bytes(16), pace=pace, colours=request.form["colours"] == "yes")
        self.challenges[id_], self.uploads[id_] = challenge, bytearray()
        body = f'{{"id":"{id_}","challenge":{challenge.canonical().decode()},"expires_in":90,"upload":"/try/upload/{id_}"}}'
        return Response(body, mimetype="application/json")

    def _upload(self, id_: str) -> Response:
        kept = self.uploads[id_]
        status = 200
        if request.method == "PATCH":
            if int(request.headers["Upload-Offset"]) == len(kept):
                assert request.content_type == "application/offset+octet-stream"
                kept += request.get_data()
                status = 204
            else:
                status = 409
        return Response(status=status, headers={"Upload-Offset": str(len(kept))})

    def _form(self, element: str) -> str:
        if element == "face":
            self.came.append((request.form["challenge"], request.form["mime"]))
        else:
            self.photos.append(request.files["photo"].read())
        return "<!doctype html><html lang=en><title>Thanks</title><h1>Thank you</h1>"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    port = free_port()
    home = a_house(tmp_path_factory.mktemp("h"), Clock(), public_url=f"http://localhost:{port}")
    app, desk = create_app(home.settings, home), Desk(url=f"http://localhost:{port}")
    app.register_blueprint(desk.door())
    server = make_server("localhost", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield desk
    server.shutdown()
    thread.join(10)
    server.server_close()
    home.pages.close()
    home.drawing_cage.close()
    home.cage.close()
    home.store.close()


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    if not DEFAULT_PACK.exists():
        pytest.skip("the face models are not built: python -m bff models build")
    return Eyes(opened()).open()


@pytest.fixture(scope="module")
def actor(eyes: Eyes) -> Actor:
    return Actor(Puppet(astronaut(), eyes)).rehearse()


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCamera]:
    with FakeCamera(tmp_path_factory.mktemp("camera")) as filming:
        yield filming


@pytest.fixture(scope="module")
def filmed(playwright: Playwright, camera: FakeCamera, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with that camera."""
    yield from launched(playwright, tmp_path_factory.mktemp("fonts"), *camera.arguments)


def launched(playwright: Playwright, folder: Path, *arguments: str) -> Iterator[Browser]:
    found = chromium()
    if found is None:
        pytest.skip("no Chromium: run `make journeys`, which installs one where it can")
    environment = fonts.environment(folder)
    made = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *arguments], env=environment)
    yield made
    made.close()


@pytest.fixture
def phone(playwright: Playwright, filmed: Browser) -> Iterator[Phones]:
    phones = Phones(playwright, filmed)
    yield phones
    phones.close()
    assert not phones.complaints, "\n".join(phones.complaints)


Judge = Callable[[Desk], FaceVerdict]


@pytest.fixture(scope="module")
def judge(eyes: Eyes) -> Iterator[Judge]:
    with_cage = Cage(2048, 20, 60)
    judge = FaceJudge(eyes, Media(with_cage))
    portrait: Template = judge.portrait(as_file(astronaut())).template

    def last(desk: Desk) -> FaceVerdict:
        id_, mime = desk.came[-1]
        return judge.judge(bytes(desk.uploads[id_]), mime=mime, challenge=desk.challenges[id_], portrait=portrait)

    yield last
    with_cage.close()


def aim(page: Page, desk: Desk, *choices: str) -> None:
    """Opens the page, chooses, and looks into the camera."""
    page.goto(f"{desk.url}/try/face")
    for choice in choices:
        page.get_by_label(choice).check()
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator("face-capture")).to_have_attribute("data-phase", "aiming")


def press(page: Page) -> Callable[[], None]:
    return lambda: page.get_by_role("button", name="Begin").click()


def thanked(page: Page) -> None:
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible(timeout=SENT_MS)


BUSY = ("video_few_frames", "video_gaps", "video_cut_short", "frozen", "jumped")
"""What is said of a recording on a machine that had no time to film; then it is taken again, as a person would."""


def taken(desk: Desk, judge: Judge, take: Callable[[], object]) -> FaceVerdict:
    for _ in range(3):
        take()
        verdict = judge(desk)
        if verdict.reason not in BUSY:
            break
    return verdict


# --- a face


def test_a_person_is_guided_recorded_and_judged_to_have_passed(
    phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor, judge: Judge
) -> None:
    """Nothing is pressed after the camera: the face finder sees when it can begin."""
    camera.show(actor)
    page = phone()
    asked = watched(page)

    def take() -> None:
        aim(page, desk)
        act_along(page, actor, begin=lambda: None)
        thanked(page)

    verdict = taken(desk, judge, take)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "match"), verdict
    assert verdict.scores["glow_seen"] == 1, verdict.scores
    assert any("vendor/human/facemesh.bin" in url for url in asked)
    assert all(url.startswith(desk.url) for url in asked)


def watched(page: Page) -> list[str]:
    """The addresses that the page and its workers ask for."""
    asked: list[str] = []
    page.context.on("request", lambda sent: asked.append(sent.url))
    return asked


def test_the_face_finder_comes_with_the_tap_and_is_kept(
    phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor
) -> None:
    camera.show(lambda _: np.full((HEIGHT, WIDTH, 3), 140, np.uint8))
    page = phone()
    asked = watched(page)
    page.goto(f"{desk.url}/try/face")
    page.wait_for_function("() => navigator.serviceWorker.controller")
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "human" in url or "workers" in url]
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator("dialog .hint")).to_have_text("Put your face into the oval.", timeout=30_000)
    kept = (
        "caches.keys().then(async names => (await Promise.all(names.map(async n => "
        "(await (await caches.open(n)).keys()).map(r => r.url)))).flat().join(' '))"
    )
    for name in ("workers/face-watch.js", "human/human.js", "human/blazeface.bin", "human/facemesh.bin", "wasm"):
        until(lambda name=name: name in page.evaluate(kept), seconds=30, what=f"{name} to be kept")


def test_without_guidance_the_person_says_when_and_passes(
    phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor, judge: Judge
) -> None:
    camera.show(actor)
    context = phone.context(service_workers="block", reduced_motion="reduce")
    page = context.new_page()
    context.route("**/vendor/human/**", lambda route: route.abort())

    def take() -> None:
        page.goto(f"{desk.url}/try/face")
        expect(page.get_by_label("No colours")).to_be_checked()
        page.get_by_role("button", name="Start the camera").click()
        expect(page.get_by_role("status").filter(has_text="then press “Begin”")).to_be_visible(timeout=20_000)
        assert act_along(page, actor, begin=press(page)).glows == ()
        thanked(page)

    verdict = taken(desk, judge, take)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "match"), verdict


def test_the_wrong_movements_fail_with_their_name(
    phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor, judge: Judge
) -> None:
    camera.show(actor)
    page = phone()

    def take() -> None:
        aim(page, desk, "No colours")
        act_along(page, actor, begin=press(page), performing=lambda _: Challenge((), (), 0))
        thanked(page)

    verdict = taken(desk, judge, take)
    assert (verdict.outcome, verdict.reason, verdict.step) == (Outcome.RETRY, "action_missing", 0), verdict


def test_a_lost_connection_costs_nothing_but_time(phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor) -> None:
    camera.show(actor)
    page = phone()
    lost = []

    def flaky(route: Route) -> None:
        if len(lost) < 3 and route.request.method == "PATCH":
            lost.append(route.request.headers["upload-offset"])
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/try/upload/*", flaky)
    aim(page, desk, "No colours")
    act_along(page, actor, begin=press(page))
    thanked(page)
    id_, mime = desk.came[-1]
    assert len(lost) == 3
    assert len(desk.uploads[id_]) > 50_000
    assert mime.startswith("video/")


def test_leaving_the_page_drops_the_recording_and_starting_again_asks_anew(
    phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor
) -> None:
    camera.show(actor)
    page = phone()
    aim(page, desk, "No colours", "More time for each movement", "Say aloud what to do")
    before = len(desk.challenges)
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("face-capture")).to_have_attribute("data-phase", "recording", timeout=30_000)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); delete document.hidden"
    )
    expect(page.get_by_role("alert").filter(has_text="interrupted")).to_be_visible()
    assert page.evaluate(
        "document.querySelector('dialog video').srcObject.getTracks().every(t => t.readyState == 'ended')"
    )
    no_violations(page)
    page.get_by_role("button", name="Start again").click()
    expect(page.locator("face-capture")).to_have_attribute("data-phase", "aiming")
    act_along(page, actor, begin=press(page))
    thanked(page)
    assert len(desk.challenges) == before + 2
    assert desk.pace[-1] == "slow"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_screen_is_accessible_and_fits_a_small_phone(
    phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor, language: str
) -> None:
    camera.show(actor)
    page = phone(locale=language)
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(f"{desk.url}/try/face")
    expect(page.locator("[data-begin]")).to_be_visible()
    no_violations(page)
    page.locator("[data-begin]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("face-capture")).to_have_attribute("data-phase", "aiming")
    expect(page.locator("dialog [data-go]")).to_be_focused()
    no_violations(page)
    cue = page.locator("dialog .cue p")
    expect(cue).to_have_attribute("aria-live", "assertive")
    act_along(page, actor, begin=lambda: page.keyboard.press("Enter"))
    thanked(page)


def test_the_cues_are_given_in_words_and_colours_at_their_times(
    phone: Phones, desk: Desk, camera: FakeCamera, actor: Actor
) -> None:
    camera.show(actor)
    page = phone()
    page.add_init_script(
        """addEventListener('face-capture', () => {
          const dialog = document.querySelector('dialog.face');
          if (window.told) return;
          window.told = [];
          const note = () => {
            told.push([document.querySelector('face-capture').dataset.phase, performance.now(),
              dialog.querySelector('.cue p').textContent, getComputedStyle(dialog).backgroundColor]);
            sessionStorage.told = JSON.stringify(told);
          };
          const look = new MutationObserver(note);
          look.observe(dialog, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-glow']});
        }, true)"""
    )
    aim(page, desk)
    challenge = act_along(page, actor, begin=press(page))
    thanked(page)
    told = [one for one in page.evaluate("JSON.parse(sessionStorage.told)") if one[0] == "recording"]
    began = told[0][1]
    for step in challenge.steps:
        first = next(at for _, at, words, _ in told if words == WORDS[step.action])
        assert abs(first - began - step.at_ms) < 250, (step, first - began)
    colours = [colour for _, _, _, colour in told]
    for colour in {glow.colour for glow in challenge.glows}:
        assert f"rgb({', '.join(map(str, Colour(colour).rgb))})" in colours


WORDS = {
    "turn_left": "Turn your head to your left, and back.",
    "turn_right": "Turn your head to your right, and back.",
    "open_mouth": "Open your mouth wide, and close it.",
    "close_eyes": "Close your eyes for a second, then open them.",
    "blink_twice": "Blink twice.",
}


# --- a document


def test_a_card_is_photographed_cut_to_its_frame_and_sent(phone: Phones, desk: Desk, camera: FakeCamera) -> None:
    camera.show(lambda _: a_card_on_a_table(IN_FRAME))
    page = phone()
    page.goto(f"{desk.url}/try/photo")
    no_violations(page)
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("status")).to_have_text("Looks good. Hold still and take it.", timeout=15_000)
    no_violations(page)
    page.get_by_role("button", name="Take the photo").click()
    expect(page.get_by_alt_text("The photo you have just taken")).to_be_visible()
    no_violations(page)
    page.get_by_role("button", name="Again").click()
    page.get_by_role("button", name="Take the photo").click()
    page.get_by_role("button", name="Use this photo").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible(timeout=SENT_MS)
    photo = Pictures.open(BytesIO(desk.photos[-1]))
    assert photo.format == "JPEG"
    assert 1.4 < photo.width / photo.height < 1.7
    assert IN_FRAME * WIDTH < photo.width < 1.2 * IN_FRAME * WIDTH


IN_FRAME = 0.58
"""The share of this camera's width that the frame shows: a phone's screen is narrower than its picture."""


def a_card_on_a_table(share: float, *, light: float = 1.0, soft: float = 0.0) -> Any:
    """An identity card in the middle of the camera's picture, as wide as this share of it."""
    card = cards.cn_front()
    width = round(share * WIDTH)
    small = cv2.resize(card, (width, round(width * 54 / 85.6)), interpolation=cv2.INTER_AREA)
    picture = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    y, x = (HEIGHT - small.shape[0]) // 2, (WIDTH - width) // 2
    picture[y : y + small.shape[0], x : x + width] = small
    if soft:
        picture = cv2.GaussianBlur(picture, (0, 0), soft).astype(np.uint8)
    return np.asarray(np.clip(picture * light, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        (lambda _: a_card_on_a_table(IN_FRAME, light=0.15), "Too dark"),
        (lambda _: a_card_on_a_table(0.45 * IN_FRAME), "Come closer"),
        (lambda _: a_card_on_a_table(IN_FRAME, soft=4.0), "Blurred"),
    ],
    ids=["dark", "far", "blurred"],
)
def test_what_would_be_unreadable_is_said_before_it_is_sent(
    phone: Phones, desk: Desk, camera: FakeCamera, scene: Callable[[float], Any], said: str
) -> None:
    camera.show(scene)
    page = phone()
    page.goto(f"{desk.url}/try/photo")
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("status")).to_contain_text(said, timeout=15_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Take a photo")).to_be_focused()


def test_a_chosen_file_is_made_smaller_and_turned_upright(phone: Phones, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "card.jpg"
    exif = Pictures.Exif()
    exif[0x0112] = 6
    Pictures.fromarray(cv2.resize(cards.cn_front(), (3600, 2400))[:, :, ::-1]).save(file, exif=exif)
    page = phone()
    page.goto(f"{desk.url}/try/photo")
    page.evaluate("addEventListener('photo-taken', ({detail}) => { window.taken = detail })")
    page.get_by_label("Choose a photo").set_input_files(file)
    page.wait_for_function("() => window.taken")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible(timeout=SENT_MS)
    assert Pictures.open(BytesIO(desk.photos[-1])).size == (1600, 2400)


# --- no camera


@pytest.fixture(scope="module")
def refusing(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose owner says no."""
    folder = tmp_path_factory.mktemp("fonts")
    yield from launched(playwright, folder, "--use-fake-device-for-media-stream", "--deny-permission-prompts")


def test_a_refused_camera_leaves_another_way(playwright: Playwright, refusing: Browser, desk: Desk) -> None:
    phones = Phones(playwright, refusing)
    page = phones()
    page.goto(f"{desk.url}/try/face")
    expect(page.locator("#other")).to_be_hidden()
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_role("alert").filter(has_text="was not allowed")).to_be_visible()
    no_violations(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#other")).to_be_visible()
    page.goto(f"{desk.url}/try/photo")
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("alert").filter(has_text="choose a photo that you have")).to_be_visible()
    expect(page.get_by_label("Choose a photo")).to_be_focused()
    no_violations(page)
    phones.close()
    assert not phones.complaints


def test_a_missing_camera_is_said_and_the_other_ways_stay(playwright: Playwright, browser: Browser, desk: Desk) -> None:
    phones = Phones(playwright, browser)
    page = phones(permissions=["camera"])
    page.goto(f"{desk.url}/try/face")
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_role("alert").filter(has_text="No camera was found")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#other")).to_be_visible()
    page.goto(f"{desk.url}/try/photo")
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("alert").filter(has_text="No camera was found")).to_be_visible()
    phones.close()
    assert not phones.complaints


def test_without_scripts_the_file_field_and_the_other_way_are_there(phone: Phones, desk: Desk) -> None:
    page = phone(java_script_enabled=False)
    page.goto(f"{desk.url}/try/photo")
    expect(page.get_by_label("Choose a photo")).to_be_visible()
    page.goto(f"{desk.url}/try/face")
    expect(page.get_by_text("This step needs scripts.")).to_be_visible(timeout=15_000)
