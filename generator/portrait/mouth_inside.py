"""What shows between parted lips: the still's own teeth where it has them, or drawn ones, a tongue, and the dark."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from detector.mesh_topology import OUTER_LIPS
from detector.types import Pixels
from generator.portrait.expression import Expression
from generator.portrait.features import SAMPLES, Features, Floats, Slit, smooth
from generator.portrait.painting import Frame, blend, covered, drawn, filled, part_around
from generator.portrait.warp import Rims

TEETH_SHOWN: Final = 0.055
"""Opening of the still, in distances between the eyes, from which its own teeth are used."""
TOOTH: Final = (208.0, 188.0, 168.0)
CAVITY: Final = (52.0, 20.0, 18.0)
TONGUE: Final = (160.0, 84.0, 80.0)
"""RGB in a face whose skin has a brightness of `SKIN`."""
SKIN: Final = 165.0
UPPER_EDGE: Final = 0.038
"""How far the upper teeth reach below the upper lip at rest, in distances between the eyes: 2.4 mm."""
INSET: Final = 0.018
"""How far above the still's lower lip its own teeth end."""
HIDDEN: Final = 0.05
"""How far rounded lips come down in front of them."""
LOWER_EDGE: Final = 0.016
TOOTH_WIDTH, TOOTH_LINE = 0.125, 0.14
LINE_WIDTH, LINE_SHARE, DARK = 0.018, 0.9, 10
"""Of the line between closed lips; `DARK` is the percentile of the lips' brightness that it has."""
EDGE: Final = 1.1
"""Gaussian sigma of the lips' inner edge, pixels of a delivered portrait."""


@dataclass(frozen=True, slots=True)
class MouthInside:
    """One mouth of a still."""

    still: Pixels
    slit: Slit
    unit: float
    light: float
    """Brightness of the face over `SKIN`."""
    own_teeth: bool
    line: Floats
    """3: of the dark between closed lips."""

    @classmethod
    def of(cls, still: Pixels, features: Features) -> "MouthInside":
        mouth, unit = features.mouth, features.unit
        cheeks = features.middle + np.array([[-0.5], [0.5]]) * unit * features.along + 0.55 * unit * features.down
        x, y = np.clip(np.round(cheeks).astype(int).T, 0, np.array([[still.shape[1] - 1], [still.shape[0] - 1]]))
        light = float(np.clip(still[y, x].mean() / SKIN, 0.45, 1.05))
        lips = features.mesh[list(OUTER_LIPS)]
        part = part_around(lips, still.shape, margin=0)
        seen = still[part][covered(lips, part)].astype(np.float32)
        line = seen[seen.mean(1) <= np.percentile(seen.mean(1), DARK)].mean(0) * 0.8
        return cls(still, mouth, unit, light, bool(mouth.gap.max() > TEETH_SHOWN * unit), line)

    def paint(self, frame: Pixels, rims: Rims, corners: Floats, expression: Expression) -> None:
        """Between `rims`; `corners` (2 2) are where the head alone has taken those of the still."""
        unit, slit = self.unit, self.slit
        if expression.seal > 0 and self.own_teeth:
            self._lip_line(frame, rims, expression)
        if rims.gap < 0.3 or not self._parted(expression):
            return
        place = Frame.of(corners[0], corners[1], rest=2 * slit.half)
        part = part_around(np.concatenate([rims.upper, rims.lower]), frame.shape, margin=0.05 * unit)
        share = filled(np.concatenate([rims.upper, rims.lower[::-1]]), part, blur=EDGE)
        share *= np.float32(self._parted(expression) * np.clip(rims.gap / 1.5, 0, 1))
        local = place.local(part)
        upper, lower = (self._heights(rim, place, local[..., 0]) for rim in (rims.upper, rims.lower))
        jaw = float((rims.lower[len(SAMPLES) // 2] - place.middle) @ place.down) / place.scale
        seen = self._cavity(local, upper, lower)
        seen = self._tongue(seen, local, jaw, expression)
        seen = self._lower_teeth(seen, local, jaw)
        seen = self._upper_teeth(seen, local, HIDDEN * expression.pucker * self.unit)
        blend(frame, part, seen * self._shade(local, upper, lower, expression), share)

    def _lip_line(self, frame: Pixels, rims: Rims, expression: Expression) -> None:
        """The dark between lips that meet, where the still has teeth."""
        part = part_around(rims.middle, frame.shape, margin=0.05 * self.unit)
        share = drawn(rims.middle, part, width=LINE_WIDTH * self.unit, blur=EDGE)
        met = float(np.clip(1 - rims.gap / (0.04 * self.unit), 0, 1))
        blend(frame, part, self.line, share * np.float32(LINE_SHARE * expression.seal * met))

    def _parted(self, expression: Expression) -> float:
        """How much is painted: nothing where the still's own lips, closed, are all there is."""
        moved = expression.open + expression.lift + (expression.seal if self.own_teeth else 0.0)
        return float(np.clip(moved / 0.06, 0, 1))

    def _heights(self, rim: Floats, place: Frame, x: Floats) -> Floats:
        away = (rim - place.middle) / place.scale
        heights: Floats = np.interp(x, away @ place.along, away @ place.down).astype(np.float32)
        return heights

    def _lit(self, colour: tuple[float, float, float]) -> Floats:
        return np.array(colour, np.float32) * np.float32(self.light)

    def _cavity(self, local: Floats, upper: Floats, lower: Floats) -> Floats:
        depth = (local[..., 1] - upper) / np.maximum(lower - upper, 1)
        seen: Floats = (0.55 + 0.65 * np.clip(depth, 0, 1))[..., None] * self._lit(CAVITY)
        return seen.astype(np.float32)

    def _tongue(self, seen: Floats, local: Floats, jaw: float, expression: Expression) -> Floats:
        """A soft hill behind the lower lip, higher with the tongue's tip up."""
        height = (0.10 + 0.12 * expression.tongue) * self.unit
        x, y = local[..., 0] / (0.72 * self.slit.half), (local[..., 1] - jaw - 0.03 * self.unit) / height
        hill = 1 - smooth(np.hypot(x, y), 0.55, 1.0)
        shaded = self._lit(TONGUE) * (0.55 + 0.3 * np.clip(-y, 0, 1))[..., None]
        mixed: Floats = seen + (0.85 * hill)[..., None] * (shaded - seen)
        return mixed

    def _lower_teeth(self, seen: Floats, local: Floats, jaw: float) -> Floats:
        """The edges of the lower teeth, in the shade of the lip that they stand behind."""
        x = local[..., 0] / self.slit.half
        top = jaw - LOWER_EDGE * self.unit + 0.05 * self.unit * x * x
        share = smooth(local[..., 1] - top, -1.2, 1.2) * (1 - smooth(np.abs(x), 0.25, 0.7)) * 0.5
        mixed: Floats = seen + share[..., None] * (self._teeth(x) * 0.55 - seen)
        return mixed

    def _upper_teeth(self, seen: Floats, local: Floats, hidden: float) -> Floats:
        """They hang from the head, so that lips slide over them."""
        slit, x, y = self.slit, local[..., 0] / self.slit.half, local[..., 1]
        upper, lower = np.interp(x, SAMPLES, slit.upper), np.interp(x, SAMPLES, slit.lower)
        drawn_edge = (upper + lower) / 2 + UPPER_EDGE * self.unit * (1 - 0.5 * x * x)
        edge = (lower - INSET * self.unit if self.own_teeth else drawn_edge) - hidden
        share = smooth(edge - y, -1.2, 1.4) * (1 - smooth(np.abs(x), 0.55, 0.95))
        colour = self._teeth(x)
        if self.own_teeth:
            own = smooth(y - upper, -1.5, 1.0) * (np.abs(x) < 1)
            share = np.where(y > upper, smooth(edge - y, -1.2, 1.4), share)
            colour = colour + own[..., None] * (self._still(local) - colour)
        mixed: Floats = seen + share[..., None] * (colour - seen)
        return mixed

    def _still(self, local: Floats) -> Floats:
        at = self.slit.middle + local @ np.stack([self.slit.along, self.slit.down])
        seen: Floats = cv2.remap(self.still, at.astype(np.float32), None, cv2.INTER_CUBIC).astype(np.float32)
        return seen

    def _teeth(self, x: Floats) -> Floats:
        """h w 3: teeth by their place along the mouth, darker to the sides, with faint lines between them."""
        place = x * self.slit.half / (TOOTH_WIDTH * self.unit)
        lines = 1 - TOOTH_LINE * np.exp(-(((place - np.round(place)) / 0.09) ** 2))
        side = 1 - 0.5 * smooth(np.abs(x), 0.1, 0.95)
        colour: Floats = (side * lines)[..., None] * self._lit(TOOTH)
        return colour.astype(np.float32)

    def _shade(self, local: Floats, upper: Floats, lower: Floats, expression: Expression) -> Floats:
        """h w 1: the lips' shadow, and the corners' darkness; none where the still shows itself."""
        moved = float(np.clip(4 * (expression.open + expression.lift), 0, 1)) if self.own_teeth else 1.0
        under = np.exp(-np.clip(local[..., 1] - upper, 0, None) / (0.018 * self.unit))
        lit: Floats = 1 - moved * (0.2 if self.own_teeth else 0.4) * under
        return lit[..., None].astype(np.float32)
