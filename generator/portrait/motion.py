"""What a living face does besides speaking: it blinks, looks about, sways, smiles, and its brows follow its voice."""

from typing import Final

import cv2
import numpy as np

from generator.portrait.expression import RATE, Expression, Track
from generator.portrait.features import Floats, smooth
from generator.portrait.visemes import Curves

BLINK_EVERY: Final = (2.0, 5.5)
"""Seconds from one blink to the next; people in conversation blink every 2 to 6 s."""
SHUTTING, SHUT, OPENING = 0.09, 0.04, 0.14
"""Seconds of a blink's parts, 270 ms together."""
GLANCE_EVERY: Final = (1.2, 3.5)
GLANCE: Final = 0.4
"""Farthest glance; most of them return to the viewer."""
SACCADE: Final = 0.03
"""Seconds (sigma) that the eyes take to get there."""
SWAYS: Final = (("turn", 0.026), ("nod", 0.014), ("tilt", 0.014), ("shift_x", 0.012), ("shift_y", 0.008))
"""How far a head sways (deviation; radians, or distances between the eyes)."""
SWAY_HERTZ: Final = (0.07, 0.33)
WAVES: Final = 4
TALKING_NOD, TALKING_LIFT = 0.016, 0.22
"""Nod and brows at full stress."""
SEALED_WITHIN: Final = 0.16
"""Seconds (sigma) in which lips get ready to speak, and relax."""
IDLE_SMILE, TALKING_SMILE = 0.4, 0.14


def perform(mouth: Curves, speaking: Floats, stress: Floats, *, rng: np.random.Generator) -> Track:
    """The track of a clip from its mouth, from 0–1 whether somebody is `speaking`, and from its `stress`; F each."""
    frames = len(speaking)
    seal, beat = _eased(speaking, SEALED_WITHIN), _eased(stress, 0.12)
    curves: dict[str, Floats] = {**mouth, "seal": seal}
    curves["smile"] = _smile(seal, rng)
    curves["brow"] = TALKING_LIFT * beat + 0.06 * _wave(frames, rng)
    blink, gaze = _blinks(frames, rng), _gaze(frames, rng)
    curves["blink"], curves["gaze_x"], curves["gaze_y"] = blink, gaze[:, 0], gaze[:, 1]
    for name, far in SWAYS:
        curves[name] = far * _wave(frames, rng) * (1 + 0.35 * seal)
    curves["nod"] = curves["nod"] + TALKING_NOD * beat
    return tuple(Expression(**{name: float(values[at]) for name, values in curves.items()}) for at in range(frames))


def _smile(seal: Floats, rng: np.random.Generator) -> Floats:
    wave = 0.5 + 0.5 * np.tanh(_wave(len(seal), rng))
    smile: Floats = (seal * TALKING_SMILE + (1 - seal) * IDLE_SMILE) * (0.6 + 0.4 * wave)
    return smile


def _blinks(frames: int, rng: np.random.Generator) -> Floats:
    seconds = np.arange(frames, dtype=np.float32) / RATE
    lids = np.zeros(frames, np.float32)
    at = float(rng.uniform(0.6, BLINK_EVERY[1] / 2))
    while at < frames / RATE:
        shut = smooth(seconds, at, at + SHUTTING)
        opened = smooth(seconds, at + SHUTTING + SHUT, at + SHUTTING + SHUT + OPENING)
        lids = np.maximum(lids, shut * (1 - opened))
        at += float(rng.uniform(*BLINK_EVERY))
    return _to_full(lids)


def _to_full(lids: Floats) -> Floats:
    """Between two frames a blink could miss its deepest point; the deepest frame of each is shut."""
    before, after = np.roll(lids, 1), np.roll(lids, -1)
    deepest = (lids > 0.5) & (lids >= before) & (lids >= after)
    full: Floats = np.where(deepest, 1, lids).astype(np.float32)
    return full


def _gaze(frames: int, rng: np.random.Generator) -> Floats:
    """F 2: glances aside and back to the viewer."""
    steps = np.zeros((frames, 2), np.float32)
    at, away = float(rng.uniform(*GLANCE_EVERY)), False
    while at < frames / RATE:
        away = not away
        steps[round(at * RATE) :] = rng.uniform(-GLANCE, GLANCE, 2) if away else 0.0
        at += float(rng.uniform(*GLANCE_EVERY)) * (0.4 if away else 1.0)
    return np.stack([_eased(column, SACCADE) for column in steps.T], 1)


def _wave(frames: int, rng: np.random.Generator) -> Floats:
    """A slow wave of deviation 1 without a period that anybody would notice."""
    seconds = np.arange(frames) / RATE
    hertz, phase = rng.uniform(*SWAY_HERTZ, WAVES), rng.uniform(0, 2 * np.pi, WAVES)
    wave: Floats = (np.sqrt(2 / WAVES) * np.sin(2 * np.pi * hertz * seconds[:, None] + phase).sum(axis=1)).astype(
        np.float32
    )
    return wave


def _eased(values: Floats, sigma: float) -> Floats:
    """`values` through a Gaussian of `sigma` seconds."""
    column = np.ascontiguousarray(values, np.float32)[:, None]
    eased: Floats = cv2.GaussianBlur(
        column, (1, 0), 0.1, sigmaY=max(sigma * RATE, 0.1), borderType=cv2.BORDER_REPLICATE
    )[:, 0]
    return eased
