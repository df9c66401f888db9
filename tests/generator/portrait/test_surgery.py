"""Surgery previews: the measure changes as asked, the rest of the face and the background stay."""

from dataclasses import replace

import numpy as np
import pytest

from detector.landmarks import eye_distance
from detector.mesh_topology import OVAL
from detector.types import Pixels
from generator.errors import InvalidSettings, PortraitUnusable
from generator.portrait.face_shape import FaceShape
from generator.portrait.measures import MEASURES
from generator.portrait.subject import Subject
from generator.portrait.surgery import Surgery, along, plan_changes

SHAPE = FaceShape.load()
SEEN = {
    "alar_width": (129, 358, 0, -6.0),
    "jaw_width": (58, 288, 0, -12.0),
    "chin_height": (17, 152, 1, 6.0),
    "brow_lift": (105, 33, 1, 4.0),
    "eyelid_opening": (159, 145, 1, 3.0),
}
"""Changes that show from the front: two points, the axis along which they come apart, and by how many millimetres."""


@pytest.mark.parametrize("name", list(MEASURES))
@pytest.mark.parametrize("share", [-0.5, 1.0])
def test_the_measure_changes_as_asked(name: str, share: float, subject: Subject) -> None:
    measure = MEASURES[name]
    amount = share * (measure.most if share > 0 else -measure.least)
    told = Surgery().redraw(subject, {"changes": {name: amount}}).told["measures"][name]
    assert told["change"] == pytest.approx(amount, rel=0.02, abs=0.02)
    assert told["after"] - told["before"] == pytest.approx(told["change"], abs=0.02)


@pytest.mark.parametrize("name", list(MEASURES))
def test_landmarks_outside_the_region_move_less_than_a_pixel(name: str, subject: Subject) -> None:
    plan = plan_changes(subject.mesh.astype(np.float64), {name: MEASURES[name].most}, SHAPE)
    still = np.linalg.norm(along(MEASURES[name], SHAPE), axis=1) < 0.05
    assert still.sum() > 100
    assert np.linalg.norm(plan.shift[still, :2], axis=1).max() < 1.0


@pytest.mark.parametrize("name", list(SEEN))
def test_the_picture_shows_the_change_to_a_tenth(name: str, subject: Subject) -> None:
    """Dots painted on the face, found again in the result, have come apart by as much as was asked."""
    first, second, axis, change = SEEN[name]
    dotted = replace(subject, pixels=_dotted(subject, (first, second)))
    after = Surgery().redraw(dotted, {"changes": {name: change}}).pixels
    plan = plan_changes(subject.mesh.astype(np.float64), {name: change}, SHAPE)
    seen = [
        np.array([_dot_near(after, plan.pose.to_picture(plan.after)[point, :2]) for point in (first, second)]),
        np.array([_dot_near(dotted.pixels, subject.mesh[point, :2]) for point in (first, second)]),
    ]
    apart = [float(points[1, axis] - points[0, axis]) for points in seen]
    wanted = plan.shift[second, axis] - plan.shift[first, axis]
    assert wanted == pytest.approx(change * plan.pose.scale, rel=0.12)  # the pose of this face is nearly frontal
    assert apart[0] - apart[1] == pytest.approx(wanted, rel=0.1, abs=0.3)


def _dotted(subject: Subject, points: tuple[int, ...]) -> Pixels:
    """Grey, with a bright spot of 1.5 px (sigma) on each of the mesh points."""
    rows, columns = np.indices(subject.pixels.shape[:2])
    bright = np.zeros(subject.pixels.shape[:2])
    for point in points:
        x, y = subject.mesh[point, :2]
        bright += 200 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.5**2))
    return np.repeat(np.clip(30 + bright, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _dot_near(pixels: Pixels, place: np.ndarray) -> np.ndarray:
    """Centre of gravity (x, y) of what is bright within 6 px of `place`."""
    x, y = np.rint(place).astype(int)
    patch = pixels[y - 6 : y + 7, x - 6 : x + 7, 0].astype(float) - 30
    rows, columns = np.indices(patch.shape)
    return np.array([x - 6 + (columns * patch).sum() / patch.sum(), y - 6 + (rows * patch).sum() / patch.sum()])


def test_the_background_stays_to_the_byte(subject: Subject) -> None:
    pixels = Surgery().redraw(subject, {"changes": {"jaw_width": -12.0, "ear_prominence": -4.0}}).pixels
    middle = subject.mesh[:, :2].mean(axis=0)
    reach = 1.7 * np.linalg.norm(subject.mesh[list(OVAL), :2] - middle, axis=1).max()
    rows, columns = np.indices(pixels.shape[:2])
    outside = np.hypot(columns - middle[0], rows - middle[1]) > reach
    assert outside.any()
    assert np.array_equal(pixels[outside], subject.pixels[outside])
    assert not np.array_equal(pixels, subject.pixels)


def test_no_change_leaves_the_picture(subject: Subject) -> None:
    assert np.array_equal(Surgery().redraw(subject, {"changes": {"alar_width": 0}}).pixels, subject.pixels)


def test_views(subject: Subject) -> None:
    surgery, changes = Surgery(), {"nasal_hump": -3.0}
    height, width = subject.pixels.shape[:2]
    assert surgery.redraw(subject, {"changes": changes, "view": "before_after"}).pixels.shape == (height, 2 * width, 3)
    turned = surgery.redraw(subject, {"changes": changes, "view": "turntable"}).pixels
    before, after = np.vsplit(turned, 2)
    assert before.shape == after.shape == (320, 5 * 320, 3)
    assert np.abs(before.astype(int) - after)[:, :320].max() > 20  # the profile shows it


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"changes": {}},
        {"changes": {"nose": 1.0}},
        {"changes": {"alar_width": 80}},
        {"changes": {"alar_width": "2"}},
        {"changes": {"alar_width": True}},
        {"changes": {"alar_width": float("nan")}},
        {"changes": {"alar_width": 1.0}, "view": "x-ray"},
        {"changes": {"alar_width": 1.0}, "colour": "red"},
    ],
)
def test_what_it_does_not_take(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidSettings):
        Surgery().check(settings)


def test_a_profile_is_refused(subject: Subject) -> None:
    angle = np.radians(60)
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    turned = subject.mesh.astype(np.float64) @ turn.T
    with pytest.raises(PortraitUnusable, match="turned"):
        plan_changes(turned, {"alar_width": 1.0}, SHAPE)
    assert eye_distance(subject.mesh) > 0
