"""Oil: strokes along the forms, broad ones first and finer ones where the face is, then the relief of the paint.

After Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes" (1998).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels
from generator.portrait.styles.flow import Flow, along, flow_of, grey
from generator.portrait.styles.paper import clouds, colours, grain, lit, to_pixels, vivid
from generator.portrait.styles.scene import Colours, Plane, Scene, soft

POINTS: Final = 6
"""Of one stroke."""
STEP: Final = 0.75
"""From point to point, in widths of the brush."""
SPACING: Final = 0.62
"""Between strokes, in widths of the brush."""
DRIFT: Final = 0.11
"""Difference of colour (0 to 1) from its start at which a stroke ends."""
WOBBLE: Final = 0.035
"""How far colours of neighbouring strokes differ by chance."""
MIN_WIDTH: Final = 2.0
GROUND: Final = (0.46, 0.37, 0.29)
"""The toned canvas under the paint."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A brush of `width` pixels, used where the picture differs by more than `tolerance` and `where` (H W) allows."""

    width: float
    tolerance: float
    where: Plane


def oil(scene: Scene) -> Pixels:
    rng, picture = scene.rng(), vivid(colours(scene.pixels), colour=1.18, contrast=1.06)
    flow = flow_of(grey(scene.pixels), sigma=max(2.0, scene.side / 160))
    height, width = scene.detail.shape
    paint = np.empty((height, width, 4), np.float32)
    paint[:] = (*GROUND, 0.5)
    for layer in _layers(scene):
        _lay(paint, layer, picture, flow, rng)
    return to_pixels(_varnished(paint, flow, scene, rng))


def _layers(scene: Scene) -> list[Layer]:
    everywhere = np.ones_like(scene.detail)
    scale = 0.55 + 0.65 * scene.strength
    broad, face = scale * scene.side / 26, scale * scene.unit / 13
    near = np.clip(scene.face + scene.detail, 0, 1)
    known = near if scene.mesh is not None else everywhere
    widths = (
        (broad, -1.0, everywhere),
        (broad * 0.55, 0.05, everywhere),
        (min(face * 0.6, broad * 0.4), 0.045, np.maximum(known, 0.45)),
        (min(face * 0.33, broad * 0.25), 0.05, known),
        (min(face * 0.19, broad * 0.2), 0.03, scene.detail if scene.mesh is not None else everywhere * 0.35),
    )
    return [Layer(max(width, MIN_WIDTH), tolerance, where) for width, tolerance, where in widths]


def _lay(paint: NDArray[np.float32], layer: Layer, picture: Colours, flow: Flow, rng: np.random.Generator) -> None:
    seen = soft(picture, layer.width * 0.28)
    starts = _starts(paint, seen, layer, rng)
    lines = _traced(starts, seen, flow, layer.width, rng)
    shades = seen[starts[:, 1], starts[:, 0]] + rng.normal(0, WOBBLE, (len(starts), 1)).astype(np.float32)
    shades = shades + rng.normal(0, WOBBLE / 3, shades.shape).astype(np.float32)
    heights = rng.uniform(0.2, 0.8, len(starts))
    widths = np.maximum(1, np.rint(layer.width * rng.uniform(0.7, 1.15, len(starts)))).astype(int)
    rows = np.rint(lines * 8).astype(np.int32)
    for line, shade, height, wide in zip(rows, shades.tolist(), heights.tolist(), widths.tolist(), strict=True):
        cv2.polylines(paint, [line], False, (*shade, height), wide, cv2.LINE_8, 3)


def _starts(paint: NDArray[np.float32], seen: Colours, layer: Layer, rng: np.random.Generator) -> NDArray[np.int64]:
    """Where strokes begin: N 2 (x, y), in random order."""
    height, width = layer.where.shape
    gap = max(1.0, SPACING * layer.width)
    ys, xs = np.meshgrid(np.arange(gap / 2, height, gap), np.arange(gap / 2, width, gap), indexing="ij")
    jittered = np.stack([xs.ravel(), ys.ravel()], axis=1) + rng.uniform(-gap / 2, gap / 2, (xs.size, 2))
    spots = np.clip(jittered, 0, (width - 1, height - 1)).astype(np.int64)
    rng.shuffle(spots)
    if layer.tolerance < 0:
        return spots
    wrong = soft(np.abs(paint[..., :3] - seen).mean(axis=2), layer.width * 0.4)
    x, y = spots.T
    allowed = layer.where[y, x]
    wanted: NDArray[np.int64] = spots[wrong[y, x] * allowed > layer.tolerance * np.where(allowed > 0.9, 0.6, 1.0)]
    return wanted


def _traced(
    starts: NDArray[np.int64], seen: Colours, flow: Flow, width: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points of each stroke (N POINTS 2): it follows the flow and stops where the colour changes."""
    high, wide = flow.x.shape
    at = starts.astype(np.float64)
    first = seen[starts[:, 1], starts[:, 0]]
    sense = rng.choice([-1.0, 1.0], (len(at), 1))
    before, going = np.zeros_like(at), np.ones(len(at), bool)
    points = [at]
    for _ in range(POINTS - 1):
        x, y = np.clip(at, 0, (wide - 1, high - 1)).astype(np.int64).T
        ahead = np.stack([flow.x[y, x], flow.y[y, x]], axis=1)
        turned = np.where((ahead * before).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
        ahead = ahead * np.where(before.any(axis=1, keepdims=True), turned, sense)
        going &= np.abs(seen[y, x] - first).mean(axis=1) < DRIFT
        at = at + STEP * width * ahead * going[:, None]
        before = ahead
        points.append(at)
    return np.stack(points, axis=1)


def _varnished(paint: NDArray[np.float32], flow: Flow, scene: Scene, rng: np.random.Generator) -> Colours:
    """The paint under a light from the upper left: ridges between strokes, bristle marks along them, the weave."""
    high, wide = flow.x.shape
    noise = rng.standard_normal((high, wide)).astype(np.float32)
    bristles = along(noise, flow, reach=max(4, round(scene.side / 90)))
    weave = grain(high, wide, size=1.0, rng=rng) * 0.05
    relief = soft(np.ascontiguousarray(paint[..., 3]), 0.8) * 1.1 + 0.5 * bristles + weave
    relief *= (1 - 0.75 * np.maximum(scene.detail, 0.9 * scene.face)) * (0.5 + 0.5 * scene.strength)
    light = np.clip(lit(relief), -0.35, 0.35)
    patchy = clouds(high, wide, cells=5, rng=rng) * 0.012
    shaded: Colours = (
        paint[..., :3] * (1 + 0.9 * light + patchy)[..., None] + np.maximum(light - 0.12, 0)[..., None] * 0.5
    )
    return soft(shaded, 0.5)
