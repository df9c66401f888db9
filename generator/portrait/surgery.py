"""Preview of a surgical change: a person's own picture, in which measures of the face change by so many millimetres."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.mesh_topology import OVAL
from detector.types import Pixels
from generator.appearance import Appearance
from generator.errors import InvalidSettings, PortraitUnusable
from generator.portrait.face_shape import EYES_APART_MM, FaceShape, Points, Pose
from generator.portrait.head import head_of
from generator.portrait.likely_texture import load_appearance
from generator.portrait.measures import MEASURES, Measure, Move, with_ears
from generator.portrait.spline_warp import move_points
from generator.portrait.subject import Subject
from generator.portrait.tools import Redrawn
from generator.portrait.views import strip

MAX_YAW: Final = 40.0
"""Degrees; beyond, the far half of the face folds over itself in the picture."""
NUDGE: Final = 0.01
"""Millimetres of the trial move that tells how far a measure goes along."""
ROUNDS: Final = 5
"""Newton steps: angles are not linear, and measures share points."""
RINGS: Final = ((1.12, 0.7), (1.3, 0.25))
"""Outlines around the face's own, by size, and the share of its move that each takes: hair and neck go along softly."""

RIM: Final = 1.6
"""Size of the outline from which on nothing moves."""
VIEWS: Final = ("after", "before_after", "turntable")
TURNTABLE: Final = (-50.0, -25.0, 0.0, 25.0, 50.0)
TURNTABLE_SIDE: Final = 320
"""Degrees and pixels of the views in 3D, before above after."""
EAR_REACH: Final = 6.0
"""Millimetres around an ear that go along with it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where each point of the mesh `with_ears` goes, in the common pose (mm)."""

    pose: Pose
    before: Points
    after: Points

    @property
    def shift(self) -> Points:
        """P 3, pixels."""
        return self.pose.to_picture(self.after) - self.pose.to_picture(self.before)


class Surgery:
    """Settings: `changes`, a mapping of names in `MEASURES` to changes in their unit, and `view`, one of `VIEWS`."""

    name = "surgery"

    def __init__(self) -> None:
        self._shape = FaceShape.load()

    @cached_property
    def _appearance(self) -> Appearance:
        return load_appearance()

    def check(self, settings: Mapping[str, Any]) -> None:
        read_changes(settings)

    def redraw(self, subject: Subject, settings: Mapping[str, Any]) -> Redrawn:
        changes = read_changes(settings)
        plan = plan_changes(subject.mesh.astype(np.float64), changes, self._shape)
        pixels = self._show(subject, plan, settings.get("view", "after"))
        told = {
            "assumed_eye_distance_mm": EYES_APART_MM,
            "yaw_degrees": round(yaw(plan.pose), 1),
            "measures": {name: _told(MEASURES[name], plan) for name in changes},
        }
        return Redrawn(pixels, told)

    def _show(self, subject: Subject, plan: Plan, wanted: str) -> Pixels:
        if wanted == "turntable":
            head = head_of(subject, self._shape, self._appearance)
            shift = (plan.after - plan.before)[: len(head.points)]
            heads = (head, head.reshaped(head.points + shift))
            return np.vstack([strip(each, yaws=TURNTABLE, side=TURNTABLE_SIDE) for each in heads])
        after = picture_of(subject, plan)
        return after if wanted == "after" else np.hstack([subject.pixels, after])


def read_changes(settings: Mapping[str, Any]) -> dict[str, float]:
    """The changes by name; raises `InvalidSettings`."""
    changes = settings.get("changes")
    if not isinstance(changes, Mapping) or not changes or not set(settings) <= {"changes", "view"}:
        raise InvalidSettings("Surgery takes `changes`, measures and how far each is to change, and `view`.")
    if settings.get("view", "after") not in VIEWS:
        raise InvalidSettings(f"`view` is one of {', '.join(VIEWS)}.")
    return {name: _checked(name, amount) for name, amount in changes.items()}


def _checked(name: str, amount: object) -> float:
    measure = MEASURES.get(name)
    if measure is None:
        raise InvalidSettings(f"There is no measure {name!r}, only {', '.join(MEASURES)}.")
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not measure.least <= amount <= measure.most:
        raise InvalidSettings(f"{name} changes by {measure.least:g} to {measure.most:g} {measure.unit}.")
    return float(amount)


def plan_changes(mesh: Points, changes: Mapping[str, float], shape: FaceShape) -> Plan:
    """What `changes` do to `mesh` (P 3, pixels); raises `PortraitUnusable` if the face is turned away."""
    pose = shape.pose(mesh)
    if abs(yaw(pose)) > MAX_YAW:
        raise PortraitUnusable(f"The face is turned by more than {MAX_YAW:g} degrees.")
    before = with_ears(pose.to_model(mesh))
    after = before.copy()
    for _ in range(ROUNDS):
        for name, amount in changes.items():
            after += _step(MEASURES[name], after, MEASURES[name].of(before) + amount, along(MEASURES[name], shape))
    return Plan(pose, before, after)


def _step(measure: Measure, mesh: Points, wanted: float, direction: Points) -> Points:
    """The move along `direction` (P 3) that brings the measure of `mesh` to `wanted`, if it is linear."""
    now = measure.of(mesh)
    rate = (measure.of(mesh + NUDGE * direction) - now) / NUDGE
    step: Points = (wanted - now) / rate * direction
    return step


def along(measure: Measure, shape: FaceShape) -> Points:
    """How far each point goes (P 3) for a unit of all its moves, by its place in the mean face."""
    mean = with_ears(shape.mean)
    total = np.zeros_like(mean)
    for move in measure.moves:
        total += _weights(move, mean)[:, None] * _directions(move, mean)
    return total


def yaw(pose: Pose) -> float:
    """Degrees by which the face is turned to a side."""
    return float(np.degrees(np.arctan2(pose.turn[0, 2], pose.turn[2, 2])))


def picture_of(subject: Subject, plan: Plan) -> Pixels:
    """The picture with the face moved as planned; beyond `RIM` nothing changes."""
    points, moves = plan.pose.to_picture(plan.before)[:, :2], plan.shift[:, :2]
    outline, middle = points[list(OVAL)], points[: len(subject.mesh)].mean(axis=0)
    ears, ear_moves = points[len(subject.mesh) :], moves[len(subject.mesh) :]
    nodes, shifts = [points], [moves]
    for size, share in RINGS:
        ring = middle + size * (outline - middle)
        apart = np.linalg.norm(ring[:, None] - ears[None], axis=2) / (EAR_REACH * plan.pose.scale)
        nodes.append(ring)
        shifts.append(share * (moves[list(OVAL)] + np.exp(-0.5 * apart**2) @ ear_moves))
    rim = middle + RIM * (outline - middle)
    return move_points(subject.pixels, np.concatenate(nodes), np.concatenate(shifts), rim=rim)


def _weights(move: Move, mean: Points) -> NDArray[np.float64]:
    """0–1: a smooth union of bells around the centres, so that a row of them has no dents."""
    axes = 3 if move.deep else 2
    apart = np.linalg.norm(mean[:, None, :axes] - mean[None, list(move.centres), :axes], axis=2)
    bells = np.where(apart < 3 * move.reach, np.exp(-0.5 * (apart / move.reach) ** 2), 0.0)
    weights: NDArray[np.float64] = 1.0 - np.prod(1.0 - bells, axis=1)
    return weights


def _directions(move: Move, mean: Points) -> Points:
    """`move.direction` at each point: away from the middle plane, fading across it."""
    side = np.tanh(mean[:, 0] / 4.0)
    directions = np.tile(np.array(move.direction), (len(mean), 1))
    directions[:, 0] *= side
    return directions


def _told(measure: Measure, plan: Plan) -> dict[str, Any]:
    before, after = measure.of(plan.before), measure.of(plan.after)
    return {
        "unit": measure.unit,
        "before": round(before, 2),
        "after": round(after, 2),
        "change": round(after - before, 2),
    }
