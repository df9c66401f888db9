"""Makes a still portrait move: warps it as an expression asks, and paints what its lips and lids uncover."""

from dataclasses import fields, replace
from typing import Final

import cv2
import numpy as np

from detector.types import Pixels
from generator.portrait.displacement import HEAD
from generator.portrait.expression import Expression
from generator.portrait.eyeball import Eyeball
from generator.portrait.features import Features, Floats
from generator.portrait.mouth_inside import MouthInside
from generator.portrait.painting import filled
from generator.portrait.warp import Rims, Warp

LOWER_LID_ZONE: Final = 0.2
"""How far below an eye's opening its lower lid is moved apart from the rest, in distances between the eyes."""
FACE: Final = tuple(field.name for field in fields(Expression) if field.name not in HEAD)


class Animator:
    """One portrait, `pixels` H W 3 with the mesh of its face (468 points, x and y first), ready to be moved.

    Raises `PortraitUnusable` if the face is too small.
    """

    def __init__(self, pixels: Pixels, mesh: Floats) -> None:
        self._still = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        features = Features.of(mesh)
        self._unit = features.unit
        self._warp = Warp(features, height=height, width=width)
        self._eyes = [Eyeball.of(self._still, features, eye) for eye in features.eyes]
        self._mouth = MouthInside.of(self._still, features)
        self._grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)

    def frame(self, expression: Expression) -> Pixels:
        """The portrait at one moment, H W 3. The same expression gives the same pixels."""
        mouth, eyes = self._warp.mouth(expression), self._warp.eyes(expression)
        upper, lower = self._warp.backwards(expression)
        share = self._lower_side(mouth, eyes)[..., None]
        source = self._grid + upper + share * (lower - upper)
        frame: Pixels = cv2.remap(self._still, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        for eye, rims in zip(self._eyes, eyes, strict=True):
            eye.paint(frame, rims, expression)
        self._mouth.paint(frame, mouth, self._corners(expression), expression)
        return frame

    def mesh(self, expression: Expression) -> Floats:
        """Where the 468 points are in that frame, 468 2."""
        return self._warp.mesh(expression)

    def _corners(self, expression: Expression) -> Floats:
        """Where the head alone takes the corners of the mouth: what is inside hangs from the head."""
        alone = self._warp.mouth(replace(expression, **dict.fromkeys(FACE, 0.0)))
        return np.stack([alone.middle[0], alone.middle[-1]])

    def _lower_side(self, mouth: Rims, eyes: tuple[Rims, Rims]) -> Floats:
        """H W: 1 where the lower side's field holds, below the mouth's line and just below each eye's."""
        height, width = self._still.shape[:2]
        whole = (slice(0, height), slice(0, width))
        line = mouth.middle
        across = line[-1] - line[0]
        far = 2.0 * max(height, width) / max(float(np.linalg.norm(across)), 1.0) * across
        down = np.array([-far[1], far[0]], np.float32)
        below = [line[0] - far, *line, line[-1] + far, line[-1] + far + down, line[0] - far + down]
        share = filled(np.array(below, np.float32), whole, blur=0)
        for eye in eyes:
            across = eye.middle[-1] - eye.middle[0]
            down = np.array([-across[1], across[0]], np.float32) / np.linalg.norm(across)
            depth = LOWER_LID_ZONE * self._unit * down
            share = np.maximum(share, filled(np.concatenate([eye.middle, eye.lower[::-1] + depth]), whole, blur=0))
        return share
