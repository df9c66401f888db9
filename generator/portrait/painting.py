"""Soft-edged shapes laid into a part of a frame, and where each of its pixels lies in the frame of two corners."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels
from generator.portrait.features import Floats

SUBPIXEL: Final = 4
"""Binary digits after the point of a corner that is drawn."""
Part: TypeAlias = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Frame:
    """Coordinates along and across two corners: `middle` between them, `scale` pixels to a pixel of the still."""

    middle: Floats
    along: Floats
    down: Floats
    scale: float

    @classmethod
    def of(cls, left: Floats, right: Floats, *, rest: float) -> "Frame":
        """From two corners that were `rest` pixels apart in the still."""
        apart = float(np.linalg.norm(right - left))
        along = (right - left) / apart
        return cls((left + right) / 2, along, np.array([-along[1], along[0]], np.float32), apart / rest)

    def local(self, part: Part) -> Floats:
        """h w 2: pixels of the still along and down, of each pixel in `part`."""
        rows, columns = part
        x, y = np.arange(columns.start, columns.stop, dtype=np.float32), np.arange(rows.start, rows.stop)
        away = np.stack(np.meshgrid(x, y.astype(np.float32)), -1) - self.middle
        places: Floats = (away @ np.stack([self.along, self.down], 1) / self.scale).astype(np.float32)
        return places


def part_around(points: Floats, shape: tuple[int, ...], *, margin: float) -> Part:
    """The part of a frame of `shape` that holds `points` and a margin; it has at least one pixel."""
    low, high = np.floor(points.min(axis=0) - margin), np.ceil(points.max(axis=0) + margin) + 1
    top, bottom = int(np.clip(low[1], 0, shape[0] - 1)), int(np.clip(high[1], 1, shape[0]))
    left, right = int(np.clip(low[0], 0, shape[1] - 1)), int(np.clip(high[0], 1, shape[1]))
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def filled(polygon: Floats, part: Part, *, blur: float) -> Floats:
    """h w: how much of each pixel in `part` lies inside `polygon`."""
    canvas = _canvas(part)
    cv2.fillPoly(canvas, [_fixed(polygon, part)], 255, lineType=cv2.LINE_AA, shift=SUBPIXEL)
    return _soft(canvas, blur)


def covered(polygon: Floats, part: Part) -> NDArray[np.bool_]:
    """h w: which pixels in `part` lie inside `polygon`; all of them, where it is too thin to hold any."""
    inside: NDArray[np.bool_] = filled(polygon, part, blur=0) > 0.5
    return inside if inside.any() else np.ones_like(inside)


def drawn(line: Floats, part: Part, *, width: float, blur: float) -> Floats:
    """h w: how much of each pixel in `part` a line covers."""
    canvas, thick = _canvas(part), max(1, round(width))
    cv2.polylines(canvas, [_fixed(line, part)], False, 255, thick, lineType=cv2.LINE_AA, shift=SUBPIXEL)
    return _soft(canvas, blur)


def blend(frame: Pixels, part: Part, colour: Floats, share: Floats) -> None:
    """Lays `colour` (h w 3 or 3, 0–255) over `part` of `frame`, by `share` (h w)."""
    below = frame[part].astype(np.float32)
    mixed = below + share[..., None] * (colour - below)
    frame[part] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _canvas(part: Part) -> Pixels:
    return np.zeros((part[0].stop - part[0].start, part[1].stop - part[1].start), np.uint8)


def _fixed(points: Floats, part: Part) -> "np.ndarray[tuple[int, int], np.dtype[np.int32]]":
    corner = np.array([part[1].start, part[0].start], np.float32)
    return np.round((points - corner) * 2**SUBPIXEL).astype(np.int32)


def _soft(canvas: Pixels, blur: float) -> Floats:
    share: Floats = canvas.astype(np.float32) / 255
    soft: Floats = cv2.GaussianBlur(share, (0, 0), blur) if blur > 0 else share
    return soft
