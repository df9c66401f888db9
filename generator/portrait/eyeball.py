"""What lies between the lids: the still's own eye, turned a little, and skin and lashes where a lid comes down."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from detector.types import Pixels
from generator.portrait.displacement import LASH
from generator.portrait.expression import Expression
from generator.portrait.features import SAMPLES, Features, Floats, Slit, smooth
from generator.portrait.painting import Frame, Part, blend, covered, drawn, filled, part_around
from generator.portrait.warp import Rims

GAZE: Final = 0.035
"""How far an iris goes at 1, in distances between the eyes."""
IRIS: Final = 0.115
"""Around its centre, what moves with the iris as a whole; white beyond it is stretched."""
SHADE, SHADE_DEPTH = 0.4, 0.035
LASH_WIDTH, LASH_SHARE = 0.016, 0.65
LID_SHARE: Final = 0.8
SKIN_ABOVE: Final = (0.09, 0.105, 0.12)
"""Where a lid's skin is looked up, above the opening, in distances between the eyes."""
EDGE: Final = 0.9
"""Gaussian sigma of the opening's edge, pixels of a delivered portrait: as soft as the still."""
DARK, PALE = 8, 60
"""Percentiles of the opening's brightness: lashes are as dark as the one, and the iris is darker than the other."""
IRIS_WITHIN: Final = 0.4
"""Farthest that an iris is looked for from the middle, in half widths of the opening."""


@dataclass(frozen=True, slots=True)
class Eyeball:
    """One eye of a still."""

    still: Pixels
    slit: Slit
    unit: float
    iris: float
    """Centre of the iris along the slit, pixels from its middle."""
    lash: Floats
    """3."""
    skin: Floats
    """N 3: the skin above the lid at `SAMPLES`."""

    @classmethod
    def of(cls, still: Pixels, features: Features, slit: Slit) -> "Eyeball":
        rim = np.concatenate([slit.points(slit.upper), slit.points(slit.lower)[::-1]])
        part = part_around(rim, still.shape, margin=2)
        inside = covered(rim, part)
        seen = still[part].astype(np.float32)
        grey = seen.mean(axis=2)
        dark = np.clip(np.percentile(grey[inside], PALE) - grey, 0, None) * inside
        x = Frame(slit.middle, slit.along, slit.down, 1.0).local(part)[..., 0]
        iris = float((dark * x).sum() / max(float(dark.sum()), 1e-6))
        iris = float(np.clip(iris, -IRIS_WITHIN * slit.half, IRIS_WITHIN * slit.half))
        lash = seen[inside & (grey <= np.percentile(grey[inside], DARK))].mean(axis=0)
        return cls(still, slit, features.unit, iris, lash, _skin_above(still, slit, features.unit))

    def paint(self, frame: Pixels, rims: Rims, expression: Expression) -> None:
        """Into the opening between `rims`, which are those of this moment."""
        unit = self.unit
        place = Frame.of(rims.lower[0], rims.lower[-1], rest=2 * self.slit.half)
        part = part_around(np.concatenate([rims.upper, rims.lower]), frame.shape, margin=0.06 * unit)
        lashes = rims.upper + LASH * unit * place.down
        share = filled(np.concatenate([lashes, rims.lower[::-1]]), part, blur=EDGE)
        share *= np.float32(np.clip((rims.gap / unit - LASH) / 0.02, 0, 1))
        local = place.local(part)
        blend(frame, part, self._looking(local, expression) * self._shade(local, place, lashes, expression), share)
        if expression.blink > 0:
            self._draw_lid(frame, part, local, expression)
            line = drawn(rims.upper + 0.4 * LASH * unit * place.down, part, width=LASH_WIDTH * unit, blur=EDGE)
            line *= np.clip(1.05 - (local[..., 0] / self.slit.half) ** 4, 0, 1)
            blend(frame, part, self.lash, np.clip(line, 0, 1) * np.float32(LASH_SHARE * expression.blink))

    def _draw_lid(self, frame: Pixels, part: Part, local: Floats, expression: Expression) -> None:
        """Smooth skin where the lid has come down: stretched, its crease and lashes would show twice."""
        x, y = local[..., 0] / self.slit.half, local[..., 1]
        top = np.interp(x, SAMPLES, self.slit.upper - 0.3 * LASH * self.unit)
        deep = np.interp(x, SAMPLES, self.slit.gap)
        share = smooth(y - top, -0.07 * self.unit, 0.02 * self.unit) * smooth(top + 0.9 * deep - y, -1.0, 2.0)
        share *= (1 - smooth(np.abs(x), 0.55, 1.0)) * np.float32(LID_SHARE * expression.blink**2)
        curved = 1 - 0.16 * np.clip((y - top) / np.maximum(deep, 1), 0, 1)
        skin = np.stack([np.interp(x, SAMPLES, channel) for channel in self.skin.T], -1) * curved[..., None]
        blend(frame, part, skin.astype(np.float32), share.astype(np.float32))

    def _looking(self, local: Floats, expression: Expression) -> Floats:
        """The eye of the still, h w 3, with the iris where it looks."""
        far = local - np.array([self.iris, 0.0], np.float32)
        window = np.exp(-((np.hypot(far[..., 0], 0.5 * far[..., 1]) / (IRIS * self.unit)) ** 4))
        gaze = np.array([expression.gaze_x, 0.35 * expression.gaze_y], np.float32) * np.float32(GAZE * self.unit)
        source = local - window[..., None] * gaze
        at = self.slit.middle + source @ np.stack([self.slit.along, self.slit.down])
        seen: Floats = cv2.remap(
            self.still, at.astype(np.float32), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)
        return seen

    def _shade(self, local: Floats, place: Frame, lid: Floats, expression: Expression) -> Floats:
        """h w 1: darker below a lid that has come down."""
        x, y = ((lid - place.middle) @ axis / place.scale for axis in (place.along, place.down))
        below = local[..., 1] - np.interp(local[..., 0], x, y)
        shade = SHADE * expression.blink * np.exp(-np.clip(below, 0, None) / (SHADE_DEPTH * self.unit))
        lit: Floats = (1 - shade)[..., None].astype(np.float32)
        return lit


def _skin_above(still: Pixels, slit: Slit, unit: float) -> Floats:
    """N 3: between the lid and the brow, evened along the lid."""
    rows = [slit.points(slit.upper - far * unit) for far in SKIN_ABOVE]
    at = np.stack(rows)
    seen = cv2.remap(still, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32).mean(0)
    even: Floats = cv2.GaussianBlur(seen[:, None], (0, 0), 6)[:, 0]
    return even
