"""One photo to a textured face in 3D: views from sides that nobody photographed, or the model itself as GLB."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import cv2
import numpy as np

from detector.faces import crop_face
from detector.types import Pixels
from generator.errors import InvalidSettings
from generator.portrait.face_shape import EYES_APART_MM, FaceShape
from generator.portrait.glb import MIME, write_glb
from generator.portrait.head import Head, Plane, head_of
from generator.portrait.likely_texture import load_appearance
from generator.portrait.subject import Subject
from generator.portrait.tools import Container, Redrawn
from generator.portrait.views import strip

OUTPUTS: Final = ("views", "model")
YAWS: Final = (-50.0, -25.0, 0.0, 25.0, 50.0)
SIDE: Final = 384
"""Degrees and pixels of the views; the photo's face comes first."""
PHOTO_MARGIN: Final = 1.3
MAX_REGIONS: Final = 16
MAX_CORNERS: Final = 256


class Reconstruct:
    """Settings: `output`, one of `OUTPUTS`, and `hidden`, polygons (lists of [x, y] in pixels) not to be believed."""

    name = "reconstruct"

    def __init__(self) -> None:
        self._shape, self._appearance = FaceShape.load(), load_appearance()

    def check(self, settings: Mapping[str, Any]) -> None:
        if not set(settings) <= {"output", "hidden"}:
            raise InvalidSettings("Reconstruction takes `output` and `hidden`.")
        if settings.get("output", "views") not in OUTPUTS:
            raise InvalidSettings(f"`output` is one of {', '.join(OUTPUTS)}.")
        read_hidden(settings.get("hidden", []))

    def redraw(self, subject: Subject, settings: Mapping[str, Any]) -> Redrawn:
        regions = read_hidden(settings.get("hidden", []))
        head = head_of(subject, self._shape, self._appearance, hidden=_mask(subject.pixels, regions))
        told = {
            "assumed_eye_distance_mm": EYES_APART_MM,
            "guessed_share": round(head.guessed, 3),
            "points": len(head.points),
            "triangles": len(head.triangles),
        }
        if settings.get("output", "views") == "model":
            return Redrawn(head.texture, told, Container(MIME, partial(write_glb, head, mime="image/png")))
        return Redrawn(_sheet(subject, head), told)


def read_hidden(value: object) -> list[np.ndarray[Any, np.dtype[np.int32]]]:
    """Polygons (K 2) in pixels; raises `InvalidSettings`."""
    if not isinstance(value, list) or len(value) > MAX_REGIONS:
        raise InvalidSettings(f"`hidden` is a list of at most {MAX_REGIONS} polygons.")
    return [_polygon(region) for region in value]


def _polygon(region: object) -> np.ndarray[Any, np.dtype[np.int32]]:
    if not isinstance(region, list) or not 3 <= len(region) <= MAX_CORNERS or not all(map(_is_corner, region)):
        raise InvalidSettings(f"A hidden region has 3 to {MAX_CORNERS} corners [x, y] in pixels.")
    return np.array(region, np.float64).round().astype(np.int32)


def _is_corner(value: object) -> bool:
    numbers = value if isinstance(value, list) and len(value) == 2 else [None]
    return all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 2**15 for n in numbers)


def _mask(pixels: Pixels, regions: list[np.ndarray[Any, np.dtype[np.int32]]]) -> Plane | None:
    if not regions:
        return None
    canvas = np.zeros(pixels.shape[:2], np.float32)
    for region in regions:
        cv2.fillPoly(canvas, [region], 1.0)
    return canvas


def _sheet(subject: Subject, head: Head) -> Pixels:
    """The photo's face and five views, three in a row."""
    photo = crop_face(subject.pixels, subject.face, side=SIDE, margin=PHOTO_MARGIN)
    tiles = np.hsplit(strip(head, yaws=YAWS, side=SIDE), len(YAWS))
    return np.vstack([np.hstack([photo, *tiles[:2]]), np.hstack(tiles[2:])])
