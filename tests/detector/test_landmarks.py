"""Dense landmarks: on the face, alike however the picture lies, and only from the weights that the card names."""

import shutil
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.errors import ModelUnavailable
from detector.faces import FaceFinder
from detector.landmarks import LandmarkFinder, Points, eye_distance
from detector.mesh_topology import LEFT_EYE, MOUTH, RIGHT_EYE
from detector.types import Face, Pixels
from generator.backends.embedded import Embedded
from generator.prompt import parse


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    return Embedded.load().synthesise(parse("a smiling man"), seed=5).pixels


@pytest.fixture(scope="module")
def found(portrait: Pixels) -> tuple[Face, Points]:
    face = FaceFinder().find(portrait)[0]
    return face, LandmarkFinder().find(portrait, face)


def test_eyes_and_mouth_are_where_the_face_finder_saw_them(found: tuple[Face, Points]) -> None:
    face, mesh = found
    assert mesh.shape == (468, 3)
    for ids, seen in ((LEFT_EYE, face.landmarks[0]), (RIGHT_EYE, face.landmarks[1])):
        assert np.linalg.norm(mesh[list(ids), :2].mean(axis=0) - seen) < 0.12 * eye_distance(mesh)
    mouth = (np.array(face.landmarks[3]) + face.landmarks[4]) / 2
    assert np.linalg.norm(mesh[list(MOUTH), :2].mean(axis=0) - mouth) < 0.2 * eye_distance(mesh)


def test_the_nose_is_nearer_than_the_ears(found: tuple[Face, Points]) -> None:
    mesh = found[1]
    assert mesh[4, 2] < mesh[152, 2] < mesh[234, 2]


@pytest.mark.parametrize(("angle", "scale"), [(0, 0.5), (20, 1.0), (-30, 0.8), (90, 1.0)])
def test_turning_and_sizing_the_picture_turns_and_sizes_the_mesh(
    angle: float, scale: float, portrait: Pixels, found: tuple[Face, Points]
) -> None:
    """To 4 % of the distance between the eyes, half of the points to 2.5 %."""
    face, mesh = found
    matrix = cv2.getRotationMatrix2D((256, 256), angle, scale)
    turned = np.asarray(cv2.warpAffine(portrait, matrix, (512, 512)), np.uint8)
    box = _moved(np.array(face.box).reshape(2, 2), matrix)
    marks = _moved(np.array(face.landmarks), matrix)
    low, high = box.min(axis=0), box.max(axis=0)
    moved = Face((*low, *high), tuple((float(x), float(y)) for x, y in marks), 1.0)
    again = LandmarkFinder().find(turned, moved)
    off = np.linalg.norm(again[:, :2] - _moved(mesh[:, :2], matrix), axis=1) / eye_distance(again)
    assert np.median(off) < 0.025
    assert off.mean() < 0.04


def test_a_mirrored_face_has_a_mirrored_mesh(portrait: Pixels) -> None:
    finder, faces = LandmarkFinder(), FaceFinder()
    flipped = np.ascontiguousarray(portrait[:, ::-1])
    mesh, other = (finder.find(pixels, faces.find(pixels)[0]) for pixels in (portrait, flipped))
    for left, right in ((33, 263), (61, 291), (234, 454), (129, 358)):
        assert abs((511 - mesh[left, 0]) - other[right, 0]) < 0.06 * eye_distance(mesh)


def test_other_weights_are_refused(tmp_path: Path, portrait: Pixels) -> None:
    shipped = Path(str(files("detector").joinpath("weights")))
    for name in ("landmarks.card.toml", "landmarks.safetensors"):
        shutil.copy(shipped / name, tmp_path / name)
    weights = tmp_path / "landmarks.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    face = Face((150.0, 150.0, 350.0, 400.0), ((200.0, 250.0), (300.0, 250.0)), 1.0)
    with pytest.raises(ModelUnavailable, match="not those"):
        LandmarkFinder(tmp_path).find(portrait, face)
    weights.unlink()
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        LandmarkFinder(tmp_path).find(portrait, face)


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    result: np.ndarray = points @ matrix[:, :2].T + matrix[:, 2]
    return result
