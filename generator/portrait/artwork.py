"""Turns a portrait into a picture by hand, in one of several art forms or in the manner of a given picture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import cv2
import numpy as np

from detector.landmarks import Points
from detector.types import Pixels
from generator.errors import InvalidSettings
from generator.portrait.styles.ink import ink
from generator.portrait.styles.low_poly import low_poly
from generator.portrait.styles.mosaic import mosaic
from generator.portrait.styles.oil import oil
from generator.portrait.styles.scene import Scene, scene_of
from generator.portrait.styles.style_picture import style_picture
from generator.portrait.styles.watercolour import watercolour
from generator.portrait.styles.woodblock import woodblock
from generator.portrait.subject import Subject
from generator.portrait.tools import Redrawn

Style: TypeAlias = Callable[[Scene], Pixels]
STYLES: Final[Mapping[str, Style]] = {
    "oil": oil,
    "watercolour": watercolour,
    "ink": ink,
    "woodblock": woodblock,
    "low_poly": low_poly,
    "mosaic": mosaic,
}
STYLE_PICTURE: Final = "style_picture"
"""The style that takes its manner from a picture of the user's."""
NAMES: Final = (*STYLES, STYLE_PICTURE)
DEFAULT_STYLE: Final = "oil"
DEFAULT_STRENGTH: Final = 0.7
MAX_SEED: Final = 2**32 - 1
PAINTED_SIDE: Final = 1280
"""Longer side in pixels up to which pictures are painted at full size; larger ones are painted at this and enlarged."""
WHOLLY_PAINTED: Final = 0.3
"""Strength from which on nothing of the photo shines through."""


@dataclass(frozen=True, slots=True)
class Manner:
    """`style` is one of `NAMES`, `strength` 0 (the photo) to 1; `picture` (H W 3) is for `STYLE_PICTURE` alone."""

    style: str
    strength: float = DEFAULT_STRENGTH
    seed: int = 0
    picture: Pixels | None = None


class Artwork:
    """Settings: `style`, `strength`, `seed`; and `picture`, which is put in by the service and never by the user: the
    bytes of the style picture when settings are checked, its pixels when the portrait is redrawn."""

    name = "artwork"

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raises `InvalidSettings`."""
        unknown = sorted(settings.keys() - {"style", "strength", "seed", "picture"})
        if unknown:
            raise InvalidSettings(f"Artwork takes style, strength and seed, not {', '.join(map(str, unknown))}.")
        style = settings.get("style", DEFAULT_STYLE)
        if not isinstance(style, str) or style not in NAMES:
            raise InvalidSettings(f"A style is one of {', '.join(NAMES)}.")
        if not _number(settings.get("strength", DEFAULT_STRENGTH), float) or not 0 <= settings.get("strength", 0) <= 1:
            raise InvalidSettings("The strength is a number from 0 to 1.")
        if not _number(settings.get("seed", 0), int) or not 0 <= settings.get("seed", 0) <= MAX_SEED:
            raise InvalidSettings(f"The seed is a whole number from 0 to {MAX_SEED}.")
        _check_picture(style, settings.get("picture"))

    def redraw(self, subject: Subject, settings: Mapping[str, Any]) -> Redrawn:
        """Raises `InvalidSettings`."""
        self.check(settings)
        manner = manner_of(settings)
        told = {"style": manner.style, "strength": manner.strength, "seed": manner.seed}
        return Redrawn(paint(subject.pixels, subject.mesh, manner), told)


def manner_of(settings: Mapping[str, Any]) -> Manner:
    """What `settings`, once they are checked, ask for."""
    strength, seed = float(settings.get("strength", DEFAULT_STRENGTH)), int(settings.get("seed", 0))
    return Manner(settings.get("style", DEFAULT_STYLE), strength, seed, settings.get("picture"))


def paint(pixels: Pixels, mesh: Points | None, manner: Manner) -> Pixels:
    """`pixels` (H W 3) in `manner`; without a `mesh` (468 3) a face is painted like the rest."""
    share = min(1.0, PAINTED_SIDE / max(pixels.shape[:2]))
    seen = pixels
    if share < 1:
        seen = np.asarray(cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
        mesh = None if mesh is None else np.asarray(mesh * np.float32(share), np.float32)
    scene = scene_of(seen, mesh, strength=manner.strength, seed=manner.seed)
    painted = _painted(scene, manner)
    if share < 1:
        painted = np.asarray(cv2.resize(painted, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    shown = min(1.0, manner.strength / WHOLLY_PAINTED)
    return painted if shown == 1 else np.asarray(cv2.addWeighted(painted, shown, pixels, 1 - shown, 0), np.uint8)


def _painted(scene: Scene, manner: Manner) -> Pixels:
    if manner.style != STYLE_PICTURE:
        return STYLES[manner.style](scene)
    if not isinstance(manner.picture, np.ndarray):
        raise InvalidSettings("The style picture is missing.")
    return style_picture(scene, manner.picture)


def _number(value: object, kind: type) -> bool:
    return isinstance(value, kind | int) and not isinstance(value, bool)


def _check_picture(style: str, picture: object) -> None:
    if picture is not None and not isinstance(picture, bytes | np.ndarray):
        raise InvalidSettings("The style picture is a file of its own, not a setting.")
    if style == STYLE_PICTURE and (picture is None or len(picture) == 0):
        raise InvalidSettings("The style style_picture needs a style picture.")
    if style != STYLE_PICTURE and picture is not None:
        raise InvalidSettings(f"A style picture goes with the style {STYLE_PICTURE} alone.")
