"""Paints onto a made-up face what the model cannot draw: the colour of the eyes and lips, freckles, glasses.

Where things lie is known from the face's own mesh, so nothing is searched for but the iris.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.landmarks import eye_distance
from detector.mesh_topology import INNER_LIPS, LEFT_EYE, LEFT_EYE_RIM, OUTER_LIPS, RIGHT_EYE, RIGHT_EYE_RIM
from detector.types import Pixels

Points: TypeAlias = NDArray[np.float32]
Plane: TypeAlias = NDArray[np.float32]

EYE_COLOURS: Final[Mapping[str, tuple[float, float, float]]] = {
    "blue": (50.0, -5.0, -20.0),
    "green": (46.0, -13.0, 16.0),
    "grey": (54.0, -2.0, -4.0),
    "brown": (27.0, 10.0, 16.0),
    "hazel": (40.0, 6.0, 26.0),
}
LIP_COLOURS: Final[Mapping[str, tuple[float, float, float]]] = {
    "red": (38.0, 56.0, 30.0),
    "pink": (55.0, 42.0, 4.0),
    "dark": (26.0, 32.0, 12.0),
}
"""CIE Lab."""
IRIS: Final = 0.088
"""Radius in distances between the eyes: 5.6 mm of 63."""
PUPIL: Final = 0.42
"""Radius of the pupil in radii of the iris."""
HIGHLIGHT: Final = (150.0, 215.0)
"""Grey levels from which a reflection on the eye is left alone, more and more."""
IRIS_SHARE, LIP_SHARE = 0.68, 0.6
LIP_DEPTH: Final = 0.35
"""Share of the lips' own lightness that gives way to that of the lipstick."""
FRECKLES: Final = 110
FRECKLED: Final = (50, 280, 205, 425, 195, 5, 101, 330, 118, 347, 36, 266, 197)
"""Mesh points on cheeks and nose around which freckles lie."""
FRECKLE_SPREAD, FRECKLE_SIZE, FRECKLE_DEPTH = 0.09, (0.004, 0.011), (0.12, 0.38)
FRECKLE: Final = (118.0, 74.0, 48.0)
LENS, LENS_ROUND = (0.37, 0.285), 3.2
"""Half width and half height of a lens in distances between the eyes, and the exponent of its outline."""
RIM: Final = 0.026
"""Thickness of the frame in distances between the eyes."""
FINER: Final = 3
FRAME: Final = (34.0, 27.0, 24.0)
GLASS: Final[Mapping[str, tuple[tuple[float, float, float], float]]] = {
    "clear": ((255.0, 255.0, 255.0), 0.05),
    "dark": ((22.0, 22.0, 26.0), 0.92),
}
"""Colour of the lens, and how much of it is seen."""
SHADOW: Final = 0.22


def retouch(pixels: Pixels, mesh: Points, attributes: Mapping[str, str], *, rng: np.random.Generator) -> Pixels:
    """`pixels` (H W 3) of a face whose `mesh` (468 2) is known, with those of `attributes` that are in `RETOUCHES`."""
    for name, paint in RETOUCHES.items():
        if name in attributes:
            pixels = paint(pixels, mesh, attributes[name], rng)
    return pixels


def colour_eyes(pixels: Pixels, mesh: Points, colour: str, rng: np.random.Generator) -> Pixels:
    """Both irises in `colour`; pupil, reflections and whites stay."""
    radius = IRIS * eye_distance(mesh)
    grey = pixels.astype(np.float32).mean(axis=2)
    share = np.zeros(pixels.shape[:2], np.float32)
    for rim in (LEFT_EYE_RIM, RIGHT_EYE_RIM):
        opening = _filled(pixels.shape, mesh[list(rim)], soft=0.8)
        away = _distance(pixels.shape, _iris_centre(grey, opening, mesh[list(rim)])) / radius
        ring = np.clip((1.08 - away) / 0.2, 0, 1) * np.clip((away - PUPIL + 0.15) / 0.2, 0, 1)
        share = np.maximum(share, opening * ring)
    share *= np.clip((HIGHLIGHT[1] - grey) / (HIGHLIGHT[1] - HIGHLIGHT[0]), 0, 1)
    return _towards(pixels, EYE_COLOURS[colour], share * IRIS_SHARE, depth=0.7)


def colour_lips(pixels: Pixels, mesh: Points, colour: str, rng: np.random.Generator) -> Pixels:
    outer = _filled(pixels.shape, mesh[list(OUTER_LIPS)], soft=1.6)
    inner = _filled(pixels.shape, mesh[list(INNER_LIPS)], soft=1.0)
    return _towards(pixels, LIP_COLOURS[colour], np.clip(outer - inner, 0, 1) * LIP_SHARE, depth=LIP_DEPTH)


def strew_freckles(pixels: Pixels, mesh: Points, amount: str, rng: np.random.Generator) -> Pixels:
    """Small brown spots on cheeks and nose, away from eyes and lips."""
    unit = eye_distance(mesh)
    centres = mesh[rng.choice(FRECKLED, FRECKLES)] + rng.normal(0, FRECKLE_SPREAD * unit, (FRECKLES, 2))
    sizes = rng.uniform(*FRECKLE_SIZE, FRECKLES) * unit
    depths = rng.uniform(*FRECKLE_DEPTH, FRECKLES)
    share = np.zeros(pixels.shape[:2], np.float32)
    for centre, size, depth in zip(centres, sizes, depths, strict=True):
        share = np.maximum(share, depth * np.exp(-0.5 * (_distance(pixels.shape, centre) / size) ** 2))
    for rim in (LEFT_EYE_RIM, RIGHT_EYE_RIM, OUTER_LIPS):
        share *= 1 - cv2.dilate(_filled(pixels.shape, mesh[list(rim)], soft=1.0), np.ones((9, 9), np.uint8))
    return _mixed(pixels, np.array(FRECKLE, np.float32), share)


def put_on_glasses(pixels: Pixels, mesh: Points, kind: str, rng: np.random.Generator) -> Pixels:
    """A full frame around both eyes, with its bridge, its temples and its shadow; `kind` of glass."""
    unit = eye_distance(mesh)
    lens, frame = _spectacles(pixels.shape, mesh, unit)
    below = np.roll(cv2.GaussianBlur(frame, (0, 0), 0.03 * unit), round(0.035 * unit), axis=0)
    result = _mixed(pixels, np.zeros(3, np.float32), SHADOW * below)
    tint, share = GLASS[kind]
    shine = np.linspace(1.0, 0.8, len(pixels), dtype=np.float32)[:, None]
    result = _mixed(result, np.array(tint, np.float32), share * lens * shine)
    return _mixed(result, np.array(FRAME, np.float32), 0.96 * frame)


RETOUCHES: Final[Mapping[str, Callable[[Pixels, Points, str, np.random.Generator], Pixels]]] = {
    "eye_colour": colour_eyes,
    "lips": colour_lips,
    "freckles": strew_freckles,
    "glasses": put_on_glasses,
}
"""What each attribute is painted by, in the order in which things lie on each other."""


def _spectacles(shape: tuple[int, ...], mesh: Points, unit: float) -> tuple[Plane, Plane]:
    """How much of each pixel is lens and how much is frame (H W, 0–1), drawn finer and brought down."""
    canvas = (shape[0] * FINER, shape[1] * FINER)
    lens, frame = np.zeros(canvas, np.uint8), np.zeros(canvas, np.uint8)
    left, right = (mesh[list(ids)].mean(axis=0) for ids in (LEFT_EYE, RIGHT_EYE))
    along = unit * (right - left) / np.linalg.norm(right - left)
    axes = np.stack([along, [-along[1], along[0]]]).astype(np.float32)
    thick = max(1, round(RIM * unit * FINER))
    for side, eye, ear in ((-1.0, left, mesh[234]), (1.0, right, mesh[454])):
        middle = eye + np.array([0.02 * side, 0.05]) @ axes
        outline = _finer(middle + (_superellipse() * LENS) @ axes)
        cv2.fillPoly(lens, [outline], 255)
        cv2.polylines(frame, [outline], True, 255, thick, cv2.LINE_AA)
        hinge = middle + np.array([side * LENS[0], -0.5 * LENS[1]]) @ axes
        temple = np.stack([hinge, [ear[0], hinge[1] + 0.35 * (ear[1] - hinge[1])]])
        cv2.polylines(frame, [_finer(temple)], False, 255, thick, cv2.LINE_AA)
    bridge = np.array([[LENS[0] - 0.02, 0.0], [0.5, -0.04], [1.02 - LENS[0], 0.0]]) @ axes
    cv2.polylines(frame, [_finer(left + bridge)], False, 255, thick, cv2.LINE_AA)
    return _brought_down(lens), _brought_down(frame)


def _brought_down(canvas: NDArray[np.uint8]) -> Plane:
    small = cv2.resize(canvas.astype(np.float32), None, fx=1 / FINER, fy=1 / FINER, interpolation=cv2.INTER_AREA)
    return np.asarray(small / np.float32(255), np.float32)


def _superellipse() -> Points:
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    wave = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    shape: Points = (np.sign(wave) * np.abs(wave) ** (2 / LENS_ROUND)).astype(np.float32)
    return shape


def _finer(points: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * FINER), np.int32)


def _iris_centre(grey: Plane, opening: Plane, rim: Points) -> Points:
    """Centre of what is dark in the opening, kept near its middle."""
    middle, half = rim.mean(axis=0), np.ptp(rim[:, 0]) / 2
    dark = opening * np.clip(np.percentile(grey[opening > 0.5], 60) - grey, 0, None)
    rows, columns = np.nonzero(dark)
    weights = dark[rows, columns]
    x = float((weights * columns).sum() / weights.sum()) if weights.sum() > 0 else float(middle[0])
    return np.array([np.clip(x, middle[0] - 0.35 * half, middle[0] + 0.35 * half), middle[1]], np.float32)


def _filled(shape: tuple[int, ...], outline: Points, *, soft: float) -> Plane:
    """1 inside of `outline` (N 2), 0 outside, in between over `soft` pixels."""
    canvas = np.zeros(shape[:2], np.float32)
    cv2.fillPoly(canvas, [np.rint(outline * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), soft), np.float32)


def _distance(shape: tuple[int, ...], place: Points) -> Plane:
    x = np.arange(shape[1], dtype=np.float32)[None] - np.float32(place[0])
    y = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(place[1])
    return np.asarray(np.hypot(x, y), np.float32)


def _towards(pixels: Pixels, lab: tuple[float, float, float], share: Plane, *, depth: float) -> Pixels:
    """`pixels` with the colour `lab` where `share` is high; of lightness only `depth` of the way."""
    seen = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    pull = share[..., None] * np.array([depth, 1.0, 1.0], np.float32)
    mixed = cv2.cvtColor(seen + pull * (np.array(lab, np.float32) - seen), cv2.COLOR_LAB2RGB)
    result = np.clip(np.rint(255 * mixed), 0, 255).astype(np.uint8)
    return np.where(share[..., None] > 0.004, result, pixels)


def _mixed(pixels: Pixels, colour: NDArray[np.float32], share: Plane) -> Pixels:
    mixed = pixels + share[..., None] * (colour - pixels)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
