"""Watercolour: washes that run to their rims, blooms, the paper's tooth and its white margin.

After Bousseau et al., "Interactive watercolor rendering with temporal coherence and abstraction" (2006): paint is a
density over white paper, and every effect makes it thicker or thinner.
"""

from typing import Final

import cv2
import numpy as np

from detector.types import Pixels
from generator.portrait.styles.figure import figure
from generator.portrait.styles.flow import flow_of, grey, grid, moved, steepness
from generator.portrait.styles.lines import inked
from generator.portrait.styles.paper import clouds, colours, from_lab, grain, lit, to_lab, to_pixels
from generator.portrait.styles.scene import Colours, Plane, Scene, soft

PAPER: Final = (0.985, 0.975, 0.95)
PENCIL: Final = (0.27, 0.24, 0.25)
MARGIN: Final = 0.045
"""White around the painting, as share of the shorter side."""
THINNEST: Final = 0.4
"""Paint far from the person, as share of what lies on them."""
LEVELS: Final = 9
"""Of lightness that washes are laid in."""


def watercolour(scene: Scene) -> Pixels:
    rng, (height, width) = scene.rng(), scene.detail.shape
    person = figure(scene)
    washes = _washes(scene, person)
    wobble = [clouds(height, width, cells=scene.side / 14, rng=rng, octaves=2) for _ in range(2)]
    reach = scene.side / 420 * (1 - 0.7 * scene.detail) * (0.4 + scene.strength)
    rows, columns = grid(height, width)
    ways = rows + reach * wobble[0], columns + reach * wobble[1]
    washes = np.dstack([moved(np.ascontiguousarray(washes[..., c]), *ways) for c in range(3)])
    density = _density(washes, scene, person, rng)
    painted = washes - (washes - washes * washes) * (density - 1)[..., None]
    cover = _cover(scene, person, rng)
    picture = np.asarray(PAPER, np.float32) * (1 - cover[..., None] + cover[..., None] * np.clip(painted, 0, 1))
    drawn = _pencil(scene, rng)[..., None] * cover[..., None]
    picture = picture * (1 - drawn) + np.asarray(PENCIL, np.float32) * drawn
    tooth = lit(grain(height, width, size=max(0.8, scene.side / 700), rng=rng)) * 0.035
    return to_pixels(picture * (1 + tooth)[..., None])


def _washes(scene: Scene, person: Plane) -> Colours:
    """Flat, light, clear colours: smoothed but for edges, stepped in lightness, fine where the face's features are."""
    broad, fine = _flattened(scene.pixels, 0.6 + scene.strength), _flattened(scene.pixels, 0.25)
    keep = np.clip(scene.detail * 1.3, 0, 1)[..., None]
    lab = to_lab(colours(fine) * keep + colours(broad) * (1 - keep))
    light = lab[..., 0] / 100
    light = np.clip((light - 0.06) / 0.9, 0, 1) ** np.float32(0.72)
    stepped = light * LEVELS
    level = np.floor(stepped)
    edge = np.clip((stepped - level - 0.5) * 3.2 + 0.5, 0, 1)
    stepped = (level + edge) / LEVELS
    share = np.float32(0.75) * (1 - keep[..., 0])
    lab[..., 0] = 100 * (0.1 + 0.9 * (share * stepped + (1 - share) * light))
    lab[..., 1:] *= np.float32(1.2)
    return from_lab(lab)


def _flattened(pixels: Pixels, amount: float) -> Pixels:
    """`pixels` without small marks: `amount` from 0 to about 2."""
    share = min(1.0, 560 / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    side = max(small.shape[:2])
    for _ in range(3 if amount > 0.5 else 1):
        small = cv2.bilateralFilter(small, 0, 14 + 22 * amount, side / 110)
    size = 2 * round(side / 230 * amount) + 1
    if size > 1:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        small = cv2.morphologyEx(cv2.morphologyEx(small, cv2.MORPH_CLOSE, disc), cv2.MORPH_OPEN, disc)
    return np.asarray(cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _density(washes: Colours, scene: Scene, person: Plane, rng: np.random.Generator) -> Plane:
    """How thick the paint is (H W, 1 is ordinary)."""
    height, width = scene.detail.shape
    plane = soft(np.asarray(cv2.cvtColor(washes, cv2.COLOR_RGB2GRAY), np.float32), scene.side / 500)
    rims = np.clip(steepness(plane) * scene.side / 512 * 9, 0, 1.0)
    pools = clouds(height, width, cells=4, rng=rng)
    granules = grain(height, width, size=max(0.7, scene.side / 900), rng=rng)
    calm = 1 - 0.75 * scene.detail - 0.35 * scene.face * (1 - scene.detail)
    blooms = _blooms(height, width, rng) * (1 - 0.6 * np.clip(scene.face * 1.2, 0, 1))
    wet = 0.5 + 0.6 * scene.strength
    return np.asarray(1 + wet * (0.75 * rims + (0.2 * pools + 0.11 * granules + 0.42 * blooms) * calm), np.float32)


def _blooms(height: int, width: int, rng: np.random.Generator) -> Plane:
    """Where water ran back into a wash: lighter inside, with a dark ragged rim (-1 to 1)."""
    field = clouds(height, width, cells=3.2, rng=rng, octaves=5)
    inside = np.clip((field - 0.75) * 2.2, 0, 1)
    rim = np.exp(-(((field - 0.72) / 0.055) ** 2))
    return np.asarray(rim - 0.8 * inside, np.float32)


def _cover(scene: Scene, person: Plane, rng: np.random.Generator) -> Plane:
    """Where paint lies at all: not on the margin, and thinning out away from the person."""
    height, width = scene.detail.shape
    rows, columns = grid(height, width)
    inset = np.minimum(np.minimum(rows, height - 1 - rows), np.minimum(columns, width - 1 - columns))
    short = min(height, width)
    ragged = inset / short + 0.016 * clouds(height, width, cells=7, rng=rng, octaves=5)
    inner = np.clip((ragged - MARGIN) * 90, 0, 1)
    away = 1 - soft(person, scene.side / 14)
    thin = np.clip(1.2 - 0.75 * away + 0.2 * clouds(height, width, cells=3, rng=rng), THINNEST, 1)
    thin = np.maximum(thin, person) if scene.mesh is not None else np.ones_like(thin)
    return np.asarray(inner * thin, np.float32)


def _pencil(scene: Scene, rng: np.random.Generator) -> Plane:
    """A light drawing under the paint: H W, 0 to 1."""
    plane = soft(grey(scene.pixels), scene.side / 700)
    flow = flow_of(plane, sigma=max(1.5, scene.side / 260))
    drawn = inked(plane, flow, width=max(0.9, scene.side / 620), depth=38.0, floor=0.006)
    tooth = np.clip(0.75 + 0.35 * grain(*plane.shape, size=0.8, rng=rng), 0, 1)
    return np.asarray(drawn * tooth * (0.38 + 0.25 * scene.detail), np.float32)
