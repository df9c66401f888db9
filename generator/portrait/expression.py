"""One moment of a moving face as numbers; a clip is a sequence of them, `RATE` a second."""

from dataclasses import dataclass
from typing import Final, TypeAlias

RATE: Final = 25
"""Frames a second of every clip."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What moves against the still; all zero is the still itself. Shares are 0–1 unless noted."""

    open: float = 0.0
    """How far the jaw drops; 1 is as wide as speech gets."""
    lift: float = 0.0
    """Upper lip raised: shows the upper teeth."""
    wide: float = 0.0
    """Corners of the mouth drawn apart."""
    pucker: float = 0.0
    """Corners drawn together, as for u."""
    seal: float = 0.0
    """How far the lips meet where the still has them apart, before `open` parts them."""
    tongue: float = 0.0
    """Tip of the tongue raised."""
    smile: float = 0.0
    """-0.3–1; corners up and apart."""
    blink: float = 0.0
    brow: float = 0.0
    """-0.5–1, up."""
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    """-1–1, to the picture's right and down."""
    turn: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0
    """Radians: towards the picture's right, down, and clockwise; of use up to .08."""
    shift_x: float = 0.0
    shift_y: float = 0.0
    """Distances between the eyes."""


Track: TypeAlias = tuple[Expression, ...]
