"""Woodblock print (ukiyo-e): few flat colours of old pigments, a key block of dark lines, bokashi, the wood's grain."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels
from generator.portrait.styles.clusters import centres, labels_of
from generator.portrait.styles.figure import figure
from generator.portrait.styles.flow import flow_of, grey, grid, moved
from generator.portrait.styles.lines import inked
from generator.portrait.styles.paper import clouds, colours, from_lab, grain, lit, to_lab, to_pixels
from generator.portrait.styles.scene import Colours, Plane, Scene, enlarged, soft

BLOCKS: Final = 11
"""Colours of the print: as many blocks as an ambitious print of the 1830s had."""
PIGMENTS: Final = (
    (246, 236, 214), (232, 208, 170), (226, 178, 128), (198, 142, 92), (148, 92, 58), (94, 58, 42),
    (13, 41, 82), (33, 78, 128), (96, 138, 168), (168, 192, 198), (196, 76, 54), (222, 138, 118),
    (204, 158, 66), (104, 122, 84), (60, 74, 62), (122, 118, 112), (184, 176, 160), (34, 30, 34),
)  # fmt: skip
"""Paper, flesh and earths, Prussian blue in four dilutions, beni and its pink, gamboge, greens, greys, sumi; RGB."""
HUE_WEIGHT: Final = 0.8
PULL: Final = 0.62
"""How far a colour goes towards its pigment, at full strength."""
FLATTENED: Final = 0.62
"""Share of the light and shade on the face that is left out."""
SKY: Final = (19, 52, 96)
SKY_REACH: Final = 0.42
"""How far down the picture the wiped gradient (bokashi) goes."""
KEY: Final = (0.1, 0.1, 0.16)
PAPER: Final = (0.965, 0.935, 0.86)


def woodblock(scene: Scene) -> Pixels:
    rng, person = scene.rng(), figure(scene)
    key = _key(scene, person)
    print_ = _colour_blocks(scene, person, rng)
    shape = scene.detail.shape
    print_ = _bokashi(print_, person, scene, rng)
    wood = _wood(shape[0], shape[1], rng)
    cover = np.clip(0.96 + 0.022 * wood + 0.025 * clouds(*shape, cells=5, rng=rng), 0, 1)[..., None]
    print_ = np.asarray(PAPER, np.float32) * (1 - cover) + print_ * cover
    print_ = print_ * (1 - key[..., None]) + np.asarray(KEY, np.float32) * key[..., None]
    fibres = lit(grain(*shape, size=max(0.8, scene.side / 700), rng=rng)) * 0.02
    return to_pixels(print_ * (1 + fibres)[..., None])


def _colour_blocks(scene: Scene, person: Plane, rng: np.random.Generator) -> Colours:
    """The picture in flat pigments with crisp edges."""
    flat = _flat(scene)
    keep = np.clip(scene.detail * 1.2 - 0.15, 0, 1)[..., None]
    lab = to_lab(colours(flat)) * (1 - keep) + to_lab(colours(scene.pixels)) * keep
    lab = _without_shade(lab, scene)
    weights = np.array([1.0, HUE_WEIGHT * 1.6, HUE_WEIGHT * 1.6], np.float32)
    points = cv2.resize(lab, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    if scene.mesh is not None:  # the face is a small part of a picture, and most of what is looked at
        inside = lab[scene.face > 0.6]
        points = np.concatenate([points, inside[rng.integers(0, len(inside), len(points))]])
    middle = centres(points * weights, BLOCKS, rng=rng)
    own = labels_of(lab * weights, middle)
    size = 2 * round(scene.side / 420) + 1
    calm = cv2.medianBlur(own, max(3, size)) if size <= 5 else cv2.medianBlur(own, 5)
    own = np.where(scene.detail > 0.35, own, calm)
    printed = _pigments(middle / weights, 0.45 + 0.55 * scene.strength)
    table = np.zeros((256, 3), np.float32)
    table[: len(printed)] = printed
    return soft(table[own], 0.6)


def _without_shade(lab: Colours, scene: Scene) -> Colours:
    """Lighter, and with little of the modelling of the face, which such prints leave to the lines."""
    lab[..., 0] = 100 * np.clip(lab[..., 0] / 100, 0, 1) ** np.float32(0.8)
    if scene.mesh is None:
        return lab
    skin = lab[scene.face > 0.6]
    usual = np.median(skin, axis=0)
    share = (FLATTENED * scene.face * (1 - 0.75 * np.clip(scene.detail * 1.4, 0, 1)))[..., None]
    broad = np.dstack([soft(np.ascontiguousarray(lab[..., c]), scene.unit / 14) for c in range(3)])
    return np.asarray(lab - share * (broad - usual), np.float32)


def _flat(scene: Scene) -> Pixels:
    share = min(1.0, 512 / scene.side)
    small = cv2.resize(scene.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    for _ in range(3):
        small = cv2.bilateralFilter(small, 0, 22 + 18 * scene.strength, scene.side * share / 120)
    return np.clip(enlarged(small, scene.detail.shape), 0, 255).astype(np.uint8)


def _pigments(middle: NDArray[np.float32], strength: float) -> Colours:
    """K 3, RGB 0 to 1: each colour pulled towards the pigment nearest to it, most in hue, least in lightness."""
    pigments = to_lab(colours(np.array([PIGMENTS], np.uint8)))[0]
    weights = np.array([0.7, 1.0, 1.0], np.float32)
    away = (((middle[:, None] - pigments[None]) * weights) ** 2).sum(axis=2)
    target = pigments[away.argmin(axis=1)]
    pull = PULL * strength * np.array([0.55, 1.0, 1.0], np.float32)
    mixed = middle + pull * (target - middle)
    mixed[:, 0] = np.clip(12 + 0.9 * mixed[:, 0], 0, 96)
    return np.asarray(from_lab(mixed[None].astype(np.float32))[0], np.float32)


def _bokashi(print_: Colours, person: Plane, scene: Scene, rng: np.random.Generator) -> Colours:
    """The background: one colour wiped from Prussian blue at the top down to bare paper."""
    rows, _ = grid(*person.shape)
    wiped = 0.035 * clouds(*person.shape, cells=4, rng=rng, octaves=2)
    down = np.clip(rows / (SKY_REACH * person.shape[0]) + wiped, 0, 1)
    sky = (1 - down * down * (3 - 2 * down))[..., None] * 0.92
    paper = np.asarray(PAPER, np.float32) * 0.97
    drawn = print_ * 0.3 + paper * 0.7 if scene.mesh is not None else print_
    ground = drawn * (1 - sky) + colours(np.array(SKY, np.uint8)) * sky
    away = np.clip((0.6 - person) * 8, 0, 1)[..., None]
    return np.asarray(print_ * (1 - away) + ground * away, np.float32)


def _key(scene: Scene, person: Plane) -> Plane:
    """Lines of the key block (H W): bold around forms, fine in the features, few in the background."""
    plane = grey(scene.pixels)
    flow = flow_of(soft(plane, scene.side / 500), sigma=max(2.0, scene.side / 180))
    broad = inked(soft(plane, scene.side / 420), flow, width=scene.side / 300, depth=90.0, floor=0.004)
    fine = inked(plane, flow, width=max(0.9, scene.unit / 280), depth=110.0, floor=0.003)
    near = np.clip(scene.detail * 1.5, 0, 1)
    kept = 0.25 + 0.75 * np.clip(soft(person, scene.side / 200) * 2, 0, 1)
    return np.asarray(np.maximum(broad * (1 - 0.6 * near), fine * (0.4 + 0.6 * near)) * kept, np.float32)


def _wood(height: int, width: int, rng: np.random.Generator) -> Plane:
    """Grain of the blocks, running across: H W, deviation 1."""
    rows = rng.standard_normal((height, max(2, width // 120))).astype(np.float32)
    rows = cv2.GaussianBlur(rows, (0, 0), sigmaX=0.5, sigmaY=max(0.7, height / 800))
    streaks = enlarged(rows, (height, width))
    bent = 0.006 * height * clouds(height, width, cells=2, rng=rng, octaves=2)
    place, columns = grid(height, width)
    streaks = moved(streaks, place + bent, columns + np.zeros_like(bent))
    return streaks / np.float32(max(float(streaks.std()), 1e-6))
