"""Finding, measuring and comparing faces in photographs."""

import os

import cv2
import numpy as np
import pytest

from bff.biometrics.faces import (
    WHERE_ALIGNED,
    Eyes,
    Vector,
    _room,
    _similarity,
    brightness,
    likeness,
    mean,
    sharpness,
)
from tests.biometrics.photographs import Image, astronaut, six_people, turned


def described(eyes: Eyes, image: Image, number: int = 0) -> Vector:
    face = eyes.read(image, eyes.find(image, side=640)[number])
    return eyes.describe(image, face)


@pytest.mark.parametrize("side", [128, 320, 640])
def test_one_face_is_found_at_every_size(eyes: Eyes, side: int) -> None:
    [box] = eyes.find(astronaut(), side=side)
    x, y = box.centre
    assert 195 < x < 255
    assert 85 < y < 150
    assert 70 < box.width < 110


@pytest.mark.parametrize(
    ("width", "height", "room"),
    [(360, 640, (128, 192)), (640, 360, (192, 128)), (500, 500, (192, 192)), (100, 2000, (32, 192))],
)
def test_the_detector_looks_at_no_more_than_the_picture(width: int, height: int, room: tuple[int, int]) -> None:
    assert _room(np.zeros((height, width, 3), np.uint8), 192) == room


def test_a_face_is_found_where_it_is_in_tall_and_wide_pictures(eyes: Eyes) -> None:
    image = astronaut()[0:260]
    tall = np.vstack([image, np.zeros((660, image.shape[1], 3), np.uint8)])
    for picture in (image, tall):
        [box] = eyes.find(picture, side=320)
        assert 195 < box.centre[0] < 255
        assert 85 < box.centre[1] < 150


def test_eyes_of_many_faces_in_one_call_are_as_open_as_one_by_one(eyes: Eyes) -> None:
    image = six_people()
    seen = [(image, eyes.read(image, box)) for box in eyes.find(image, side=640)]
    assert eyes.openness_all(seen) == pytest.approx([eyes.openness(*one) for one in seen], abs=1e-4)
    assert eyes.openness_all([]) == []


def test_six_people_are_six_faces_and_the_widest_comes_first(eyes: Eyes) -> None:
    boxes = eyes.find(six_people(), side=640)
    assert len(boxes) == 6
    assert [b.width for b in boxes] == sorted((b.width for b in boxes), reverse=True)


def test_no_face_is_found_where_there_is_none(eyes: Eyes) -> None:
    assert eyes.find(np.full((480, 360, 3), 127, np.uint8), side=640) == []


def test_mesh_lies_where_the_detector_saw_eyes_nose_and_mouth(eyes: Eyes) -> None:
    image = astronaut()
    [box] = eyes.find(image, side=640)
    face = eyes.read(image, box)
    assert face.flag > 0.99
    assert np.abs(face.five - box.points).max() < 0.12 * box.width


def test_mesh_says_when_it_sees_no_face(eyes: Eyes) -> None:
    image = astronaut()
    [box] = eyes.find(image, side=640)
    face = eyes.read(image, box)
    noise = np.random.default_rng(3).integers(0, 255, image.shape, np.uint8)
    assert eyes.follow(noise, face).flag < 0.5


def test_following_stays_on_the_face(eyes: Eyes) -> None:
    image = astronaut()
    face = eyes.read(image, eyes.find(image, side=640)[0])
    moved = np.roll(image, (6, -9), (0, 1))
    again = eyes.follow(moved, face)
    assert np.abs(again.mesh[:, :2] - face.mesh[:, :2] - (-9, 6)).mean() < 0.05 * face.width


def test_a_turned_head_and_a_mirror_image_are_the_same_person(eyes: Eyes) -> None:
    image = astronaut()
    one = described(eyes, image)
    assert likeness(one, described(eyes, turned(image, 25))) > 0.8
    assert likeness(one, described(eyes, np.ascontiguousarray(image[:, ::-1]))) > 0.8


def test_seven_people_are_seven(eyes: Eyes) -> None:
    people = six_people()
    vectors = [described(eyes, people, number) for number in range(6)] + [described(eyes, astronaut())]
    likenesses = np.array(vectors) @ np.array(vectors).T
    assert likenesses[~np.eye(7, dtype=bool)].max() < eyes.thresholds.match


def test_small_blurred_portrait_is_still_the_same_person(eyes: Eyes) -> None:
    image = astronaut()
    [box] = eyes.find(image, side=640)
    scale = 72 / box.width
    worn = cv2.GaussianBlur(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), (0, 0), 0.8)
    assert likeness(described(eyes, image), described(eyes, np.asarray(worn, np.uint8))) > eyes.thresholds.match


def test_many_faces_in_one_call_are_described_as_one_by_one(eyes: Eyes) -> None:
    image = six_people()
    faces = [eyes.read(image, box) for box in eyes.find(image, side=640)[:3]]
    together = eyes.describe_all([eyes.aligned(image, face) for face in faces])
    for face, vector in zip(faces, together, strict=True):
        assert likeness(vector, eyes.describe(image, face)) == pytest.approx(1, abs=1e-5)


def test_mean_is_nearer_to_both_than_they_are_to_each_other(eyes: Eyes) -> None:
    one, other = described(eyes, astronaut()), described(eyes, turned(astronaut(), 20))
    assert likeness(one, mean([one, other])) > likeness(one, other)
    assert np.linalg.norm(mean([one, other])) == pytest.approx(1)


def test_alignment_is_the_least_squares_similarity() -> None:
    points = np.float32([[100, 120], [160, 118], [131, 150], [108, 180], [155, 178]])
    expected, _ = cv2.estimateAffinePartial2D(points, WHERE_ALIGNED, method=cv2.LMEDS)
    placed = _similarity(points, WHERE_ALIGNED)
    assert placed[:, :2] @ placed[:, :2].T == pytest.approx(np.eye(2) * np.linalg.det(placed[:, :2]), abs=1e-9)
    ours, theirs = (np.abs(points @ m[:, :2].T + m[:, 2] - WHERE_ALIGNED) for m in (placed, expected))
    assert (ours**2).sum() <= (theirs**2).sum()


def test_blur_and_darkness_are_measured(eyes: Eyes) -> None:
    image = astronaut()
    aligned = eyes.aligned(image, eyes.read(image, eyes.find(image, side=640)[0]))
    assert sharpness(np.asarray(cv2.GaussianBlur(aligned, (0, 0), 3), np.uint8)) < 0.1 * sharpness(aligned)
    assert brightness(aligned // 4) < 0.3 * brightness(aligned)


def test_networks_opened_before_a_fork_work_after_it(eyes: Eyes) -> None:
    """A worker opens them once; each job runs in a child forked from it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, described(eyes, astronaut()).tobytes())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        vector = np.frombuffer(pipe.read(), np.float32)
    os.waitpid(child, 0)
    assert likeness(vector, described(eyes, astronaut())) == pytest.approx(1, abs=1e-5)
