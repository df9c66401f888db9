"""Ink: brush lines that swell and thin, diluted washes in a few tones, and hatching that follows the forms."""

from typing import Final

import numpy as np

from detector.types import Pixels
from generator.portrait.styles.figure import figure
from generator.portrait.styles.flow import Flow, along, flow_of, grey
from generator.portrait.styles.lines import inked
from generator.portrait.styles.paper import clouds, grain, lit, to_pixels
from generator.portrait.styles.scene import Plane, Scene, soft

PAPER: Final = (0.955, 0.935, 0.885)
INK: Final = (0.085, 0.08, 0.095)
TONES: Final = ((0.74, 0.12), (0.6, 0.17), (0.42, 0.27), (0.22, 0.38))
"""Lightness below which each wash is laid, and how dark it is."""
SKIN: Final = (0.6, 0.22)
"""Lightness of an ordinary place of the face in the drawing: of the darkest skin, and how much more of the lightest."""
HATCHED: Final = (0.5, 0.16)
"""Lightness at which hatching begins and at which it is full."""


def ink(scene: Scene) -> Pixels:
    rng, person = scene.rng(), figure(scene)
    plane = _tone(scene, person)
    flow = flow_of(soft(plane, 1.0), sigma=max(2.0, scene.side / 220))
    bare = (
        (1 - _lines(plane, flow, scene)) * (1 - _hatching(plane, flow, scene, rng)) * (1 - _washes(plane, scene, rng))
    )
    drawn = np.clip(1 - bare, 0, 1)[..., None]
    fibres = lit(grain(*plane.shape, size=max(0.8, scene.side / 600), rng=rng)) * 0.03
    aged = clouds(*plane.shape, cells=3, rng=rng) * 0.012
    sheet = np.asarray(PAPER, np.float32) * (1 + fibres + aged)[..., None]
    return to_pixels(sheet * (1 - drawn) + np.asarray(INK, np.float32) * drawn)


def _tone(scene: Scene, person: Plane) -> Plane:
    """Lightness, stretched over the person, whose surroundings are left to the paper for the most part."""
    plane = soft(grey(scene.pixels), scene.side / 900)
    inside = plane[person > 0.5]
    low, high = np.percentile(inside if inside.size else plane, (2, 97))
    plane = np.clip((plane - low) / max(float(high - low), 0.05), 0, 1)
    if scene.mesh is not None:
        usual = float(np.clip(np.median(plane[scene.face > 0.5]), 0.05, 0.95))
        plane = plane ** np.float32(np.clip(np.log(SKIN[0] + SKIN[1] * usual) / np.log(usual), 0.3, 1.5))
    local = soft(plane, scene.unit / 5)
    plane = np.clip(plane + 0.4 * (plane - local) + 0.03, 0, 1)
    away = (1 - person) * (0.25 + 0.5 * scene.strength)
    return np.asarray(plane * (1 - away) + away, np.float32)


def _lines(plane: Plane, flow: Flow, scene: Scene) -> Plane:
    """Two pens: a broad one for hair, clothes and outline, a fine one for the face's features."""
    broad = inked(plane, flow, width=scene.side / 330 * (0.7 + 0.5 * scene.strength), depth=40.0, floor=0.004)
    fine = inked(plane, flow, width=max(0.8, scene.unit / 330), depth=70.0, floor=0.002)
    near = np.clip(scene.detail * 1.4, 0, 1)
    swollen = 0.72 + 0.28 * soft(1 - plane, scene.side / 60)
    return np.asarray(np.maximum(broad * swollen * (1 - 0.5 * near), fine * (0.45 + 0.55 * near)) * 0.95, np.float32)


def _hatching(plane: Plane, flow: Flow, scene: Scene, rng: np.random.Generator) -> Plane:
    """Short strokes along the forms and, in the deepest shade, across them."""
    size = max(1.0, scene.side / 560)
    noise = soft(rng.standard_normal(plane.shape).astype(np.float32), size * 0.7)
    total = np.zeros_like(plane)
    for across, begin, full in ((False, HATCHED[0], HATCHED[1]), (True, HATCHED[0] * 0.55, 0.0)):
        streaks = along(noise, flow, reach=round(11 * size), across=across)
        streaks = streaks / np.float32(max(float(streaks.std()), 1e-6))
        amount = np.clip((begin - plane) / (begin - full), 0, 1)
        total = np.maximum(total, np.clip((streaks + 2.1 * amount - 1.55) * 2.4, 0, 1) * (amount > 0))
    return np.asarray(total * 0.8 * (1 - 0.55 * scene.detail), np.float32)


def _washes(plane: Plane, scene: Scene, rng: np.random.Generator) -> Plane:
    """Diluted ink, each layer with a ragged edge that dried darker."""
    flat = soft(plane, scene.side / 130)
    ragged = 0.035 * clouds(*plane.shape, cells=scene.side / 45, rng=rng) * (1 - 0.7 * scene.detail)
    pools = 1 + 0.22 * clouds(*plane.shape, cells=5, rng=rng)
    clear = np.ones_like(plane)
    for below, dark in TONES:
        depth = below - flat + ragged
        laid = np.clip(depth * 26, 0, 1)
        rim = np.exp(-((depth / 0.022) ** 2)) * (depth > -0.02)
        clear *= 1 - np.clip(dark * laid * pools + 0.07 * rim, 0, 0.9)
    return np.asarray(1 - clear, np.float32)
