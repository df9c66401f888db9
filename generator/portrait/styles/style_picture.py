"""The manner of a given picture: its colours by optimal transport, then its strokes, patch by patch, coarse to fine.

After Elad and Milanfar, "Style transfer via texture synthesis" (2017), with no network: places of the portrait take
the most similar patches of the style picture, the less so where the face's features are.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels
from generator.portrait.styles.palette import recoloured
from generator.portrait.styles.paper import colours, from_lab, to_lab, to_pixels
from generator.portrait.styles.scene import Colours, Plane, Scene, enlarged

STYLE_SIDE: Final = 560
"""Longer side to which the style picture is brought: its strokes are as large as they look at this size."""
LEVELS: Final = ((0.25, 12, 4, 2), (0.5, 12, 5, 2), (1.0, 10, 6, 1))
"""Scale, side of a patch, distance between patches, and rounds, coarse to fine; of a picture of `FINEST` pixels."""
FINEST: Final = 560
PATCHES: Final = 4000
"""Of the style picture, at each level."""
NUMBERS: Final = 28
"""Principal components by which patches are compared."""
CHUNK: Final = 2048
STROKES, STROKE_SIGMA = 0.8, 5.0
"""Share of the style picture's texture that matching begins with, and the largest stroke, in pixels."""
CONTENT: Final = (0.12, 0.75)
"""Weight of the portrait against the patches, between features of the face and on them."""


@dataclass(frozen=True, slots=True)
class Patches:
    """`whole` N D as they are, `short` N `NUMBERS` along `axes` (D NUMBERS) about `middle` (D)."""

    whole: NDArray[np.float32]
    short: NDArray[np.float32]
    axes: NDArray[np.float32]
    middle: NDArray[np.float32]


def style_picture(scene: Scene, style: Pixels) -> Pixels:
    """`scene` as if by the hand that made `style` (H W 3, of any size)."""
    rng = scene.rng()
    manner = to_lab(colours(_sized(style, STYLE_SIDE)))
    lab = to_lab(colours(scene.pixels))
    share = min(1.0, FINEST / scene.side)
    small = np.asarray(cv2.resize(lab, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.float32)
    content = recoloured(small, manner, rng=rng)
    drawn = _drawn(content, manner, scene, rng)
    return to_pixels(from_lab(_sharp(drawn, lab[..., 0], scene)))


def _drawn(content: Colours, manner: Colours, scene: Scene, rng: np.random.Generator) -> Colours:
    found: Colours | None = None
    strokes = _strokes(manner, content.shape, rng)
    for scale, side, gap, rounds in LEVELS:
        size = np.maximum(side + 1, np.rint(np.array(content.shape[1::-1]) * scale)).astype(int)
        here, marks = (cv2.resize(a, size.tolist(), interpolation=cv2.INTER_AREA) for a in (content, strokes))
        there = np.asarray(cv2.resize(manner, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
        weight = _weight(scene, here.shape)
        patches = _patches(there, side, rng)
        found = here if found is None else 0.7 * enlarged(found, here.shape) + 0.3 * here
        found = found + STROKES * marks * np.clip(1 - 1.4 * weight, 0, 1)
        for _ in range(rounds):
            found = found + weight * (here - found)
            found = _woven(found, patches, side, gap)
    assert found is not None  # noqa: S101 - there are levels
    return np.asarray(found + weight * (here - found), np.float32)


def _strokes(manner: Colours, shape: tuple[int, ...], rng: np.random.Generator) -> Colours:
    """What the style picture has of lines and texture, laid over `shape` mirrored at its borders: the beginning from
    which matching finds strokes also where the portrait is smooth."""
    band = manner - cv2.GaussianBlur(manner, (0, 0), STROKE_SIGMA)
    top, left = (int(rng.integers(0, max(1, side // 4))) for side in band.shape[:2])
    band = band[top:, left:]
    below, right = (max(0, want - have) for want, have in zip(shape[:2], band.shape[:2], strict=True))
    while below or right:  # the border cannot be wider than what it mirrors
        step = (min(below, band.shape[0] - 1), min(right, band.shape[1] - 1))
        band = cv2.copyMakeBorder(band, 0, step[0], 0, step[1], cv2.BORDER_REFLECT_101)
        below, right = below - step[0], right - step[1]
    return np.asarray(band[: shape[0], : shape[1]], np.float32)


def _weight(scene: Scene, shape: tuple[int, ...]) -> Colours:
    detail = enlarged(scene.detail, shape)
    between, on = CONTENT
    weight = between + (on - between) * np.clip(detail * 1.2, 0, 1) + 0.14 * enlarged(scene.face, shape)
    return np.asarray(np.clip(weight * (1.35 - 0.5 * scene.strength), 0, 1), np.float32)[..., None]


def _patches(style: Colours, side: int, rng: np.random.Generator) -> Patches:
    """Patches of `style` and of its mirror image."""
    both = [np.ascontiguousarray(picture) for picture in (style, style[:, ::-1])]
    views = [np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1)) for picture in both]
    rows, columns = views[0].shape[:2]
    y, x = rng.integers(0, rows, PATCHES // 2), rng.integers(0, columns, PATCHES // 2)
    whole = np.concatenate([view[y, x].reshape(len(y), -1) for view in views]).astype(np.float32)
    middle = whole.mean(axis=0)
    centred = whole - middle
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = np.ascontiguousarray(vectors[:, ::-1][:, :NUMBERS]).astype(np.float32)
    return Patches(whole, centred @ axes, axes, middle)


def _woven(picture: Colours, patches: Patches, side: int, gap: int) -> Colours:
    """`picture` made of the patches that are most like its own, blended where they overlap."""
    height, width = picture.shape[:2]
    tops, lefts = _starts(height, side, gap), _starts(width, side, gap)
    view = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    own = view[np.ix_(tops, lefts)].reshape(len(tops) * len(lefts), -1)
    chosen = patches.whole[_nearest(((own - patches.middle) @ patches.axes).astype(np.float32), patches.short)]
    chosen = chosen.reshape(len(tops), len(lefts), 3, side, side).transpose(0, 3, 1, 4, 2)
    window = _window(side)
    total, weights = np.zeros_like(picture), np.zeros((height, width), np.float32)
    for row in range(side):
        for column in range(side):
            total[np.ix_(tops + row, lefts + column)] += window[row, column] * chosen[:, row, :, column]
            weights[np.ix_(tops + row, lefts + column)] += window[row, column]
    return np.asarray(total / weights[..., None], np.float32)


def _nearest(points: NDArray[np.float32], style: NDArray[np.float32]) -> NDArray[np.int64]:
    lengths = (style * style).sum(axis=1) / 2
    chunks = [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
    return np.concatenate([np.argmax(chunk @ style.T - lengths, axis=1) for chunk in chunks])


def _starts(length: int, side: int, gap: int) -> NDArray[np.int64]:
    """First pixels of patches that cover `length`, none of them twice."""
    return np.unique(np.append(np.arange(0, length - side + 1, gap), length - side))


def _window(side: int) -> Plane:
    bell = np.exp(-0.5 * (np.linspace(-1.6, 1.6, side) ** 2)).astype(np.float32)
    return np.asarray(np.outer(bell, bell), np.float32)


def _sharp(drawn: Colours, light: Plane, scene: Scene) -> Colours:
    """At full size; the features keep some of the finest lines of the portrait's `light`, which patches blur."""
    full = enlarged(drawn, light.shape)
    full += 0.7 * (full - cv2.GaussianBlur(full, (0, 0), max(1.0, scene.side / 500)))
    fine = light - cv2.GaussianBlur(light, (0, 0), max(1.0, scene.unit / 60))
    full[..., 0] += np.clip(0.1 + 0.9 * scene.detail, 0, 1) * (1.1 - 0.5 * scene.strength) * fine
    return np.clip(full, (0, -120, -120), (100, 120, 120)).astype(np.float32)


def _sized(pixels: Pixels, side: int) -> Pixels:
    share = side / max(pixels.shape[:2])
    how = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=share, fy=share, interpolation=how), np.uint8)
