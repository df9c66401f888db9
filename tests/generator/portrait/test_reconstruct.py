"""Faces in 3D: the shape fits the photo, hidden parts are made up plausibly, and the model is a proper GLB."""

import json
import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest

from detector.landmarks import eye_distance
from generator.errors import InvalidSettings
from generator.portrait.face_shape import FaceShape, fit_similarity
from generator.portrait.glb import texture_of
from generator.portrait.reconstruct import Reconstruct
from generator.portrait.subject import Finders, Subject, find_subjects
from generator.portrait.views import turn

SHAPE = FaceShape.load()


def test_the_pose_is_found(subject: Subject) -> None:
    moved = 2.5 * SHAPE.mean @ turn(20.0, -8.0).T + [300.0, 200.0, 5.0]
    pose = SHAPE.pose(moved)
    assert pose.scale == pytest.approx(2.5)
    assert np.allclose(pose.to_picture(SHAPE.mean), moved)
    assert np.allclose(pose.to_model(moved), SHAPE.mean)
    matrix, scale, _ = fit_similarity(subject.mesh.astype(np.float64), SHAPE.mean)
    assert np.allclose(matrix @ matrix.T, np.eye(3))
    assert scale > 0


def test_the_mean_is_symmetric_and_its_triangles_face_the_viewer() -> None:
    assert np.allclose(SHAPE.mirrored(SHAPE.mean), SHAPE.mean, atol=1e-4)
    a, b, c = (SHAPE.mean[SHAPE.triangles[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] < 0).all()


def test_hidden_points_are_put_where_the_others_suggest() -> None:
    rng = np.random.default_rng(1)
    face = SHAPE.mean + np.tensordot(rng.standard_normal(len(SHAPE.basis)), SHAPE.basis, 1)
    known = SHAPE.mean[:, 0] < 15.0
    damaged = np.where(known[:, None], face, 0.0)
    whole = SHAPE.complete(damaged, known)
    assert np.array_equal(whole[known], face[known])
    off = np.linalg.norm(whole - face, axis=1)[~known].mean()
    assert off < 0.6 * np.linalg.norm(SHAPE.mean - face, axis=1)[~known].mean()


def test_the_view_from_the_front_is_the_face(subject: Subject, finders: Finders) -> None:
    """Landmarks found in the drawn front view lie where those of the model do, to 5 % of the distance of the eyes."""
    sheet = Reconstruct().redraw(subject, {}).pixels
    assert sheet.shape == (768, 1152, 3)
    (rebuilt,) = find_subjects(np.ascontiguousarray(sheet[384:, :384]), finders)
    front = rebuilt.mesh.astype(np.float64)
    ours = SHAPE.pose(subject.mesh.astype(np.float64)).to_model(subject.mesh.astype(np.float64))
    matrix, scale, shift = fit_similarity(ours, front)
    off = np.linalg.norm((scale * ours @ matrix.T + shift - front)[:, :2], axis=1)
    assert np.median(off) < 0.05 * eye_distance(front.astype(np.float32))


def test_a_hidden_cheek_is_filled_with_skin(subject: Subject) -> None:
    """A green patch over a cheek leaves no green behind, and looks like the cheek that was there."""
    x, y = (int(v) for v in subject.mesh[50, :2])
    damaged = subject.pixels.copy()
    cv2.circle(damaged, (x, y), 28, (0, 255, 0), -1)
    region = [[x - 32, y - 32], [x + 32, y - 32], [x + 32, y + 32], [x - 32, y + 32]]
    tool = Reconstruct()
    before = tool.redraw(subject, {"output": "model"}).pixels.astype(int)
    after = tool.redraw(replace(subject, pixels=damaged), {"output": "model", "hidden": [region]}).pixels.astype(int)
    assert (after[..., 1] - after[..., 0]).max() < 60
    assert np.abs(after - before)[128:384, 128:384].mean() < 12


def test_the_model_is_a_glb_with_its_texture_as_it_was(subject: Subject) -> None:
    redrawn = Reconstruct().redraw(subject, {"output": "model"})
    assert redrawn.container is not None
    assert redrawn.pixels.shape == (512, 512, 3)
    data = redrawn.container.pack(b"a picture file")
    assert texture_of(data) == b"a picture file"
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + size])
    points = document["accessors"][0]
    assert points["count"] == redrawn.told["points"] == 468
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])
    assert document["buffers"][0]["byteLength"] == length - 20 - size - 8
    assert np.ptp([points["min"], points["max"]], axis=0)[0] == pytest.approx(0.136, abs=0.03)  # metres across
    with pytest.raises(ValueError, match="GLB"):
        texture_of(data + b"x")


@pytest.mark.parametrize(
    "settings",
    [
        {"output": "hologram"},
        {"size": 3},
        {"hidden": "all"},
        {"hidden": [[[0, 0], [1, 1]]]},
        {"hidden": [[[0, 0], [1, 1], [2, "a"]]]},
        {"hidden": [[[0, 0], [1, 1], [2, 1e9]]]},
        {"hidden": [[[0, 0]] * 1000]},
    ],
)
def test_what_it_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidSettings):
        Reconstruct().check(settings)
