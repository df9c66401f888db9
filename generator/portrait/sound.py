"""A recorded voice: its WAV file read in the sandbox, and what it does to a mouth."""

from typing import Final

import cv2
import numpy as np

from detector.errors import EmptyMedia, MediaTooLarge, UnreadableMedia
from detector.sandbox import Sandbox
from generator.portrait.expression import RATE
from generator.portrait.features import Floats, smooth
from generator.portrait.visemes import Curves
from generator.portrait.wav import MAX_SECONDS, SAMPLE_RATE

READ: Final = "generator.portrait.wav:parse_wav"
PATIENCE: Final = 2.0
MAX_WAV: Final = 16 * 1024 * 1024
"""Bytes: 60 s of 48 kHz stereo are 11.5 million."""
WINDOW: Final = 2048
"""Samples of a spectrum, 43 ms; one is taken for each frame."""
QUIET, LOUD = -30.0, -4.0
"""Decibels against the voice's own loud parts between which the mouth goes from shut to open."""
HISS: Final = 3500.0
"""Hertz above which a fricative has most of its energy."""
ROUND, SPREAD = 750.0, 1500.0
"""Hertz of the spectrum's centre below 3 kHz that an o or u, and an i or e, have."""
EASE: Final = 0.9
"""Gaussian sigma in frames over the curves."""


def read_wav(data: bytes, sandbox: Sandbox) -> Floats:
    """Samples -1–1 at `SAMPLE_RATE`, one channel, of a WAV file with 16-bit PCM.

    Raises `EmptyMedia`, `UnreadableMedia`, `UnsupportedMedia` or `MediaTooLarge`.
    """
    if not data:
        raise EmptyMedia("The WAV is empty.")
    if len(data) > MAX_WAV:
        raise MediaTooLarge(f"A WAV may have {MAX_WAV} bytes.")
    found = sandbox.call(READ, data, patience=PATIENCE)
    most = int(MAX_SECONDS * SAMPLE_RATE) + SAMPLE_RATE
    if not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.ndim != 1 or not 0 < len(found) < most:
        raise UnreadableMedia("The WAV made its reader answer nonsense.")
    samples: Floats = np.clip(np.nan_to_num(found), -1, 1)
    return samples


def voice_curves(samples: Floats, *, frames: int, start: float) -> Curves:
    """The mouth over `frames` frames when the voice begins at `start` seconds: loudness opens it, timbre shapes it."""
    spectra = _spectra(samples, frames, start)
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE).astype(np.float32)
    energy = spectra.sum(axis=1) + 1e-9
    level = 10 * np.log10(energy / max(float(np.percentile(energy, 95)), 1e-6))
    loud = smooth(level.astype(np.float32), QUIET, LOUD)
    hiss = smooth(spectra[:, hertz > HISS].sum(axis=1) / energy, 0.35, 0.7) * (loud > 0)
    voiced = (hertz > 200) & (hertz < 3000)
    centre = (spectra[:, voiced] * hertz[voiced]).sum(axis=1) / (spectra[:, voiced].sum(axis=1) + 1e-9)
    bright = smooth(centre, ROUND, SPREAD)
    vowel = loud * (1 - hiss)
    curves = {
        "open": vowel * (0.72 - 0.55 * (bright - 0.5) ** 2) + 0.1 * hiss,
        "lift": 0.45 * hiss + 0.3 * vowel * bright,
        "wide": 0.3 * hiss + 0.6 * vowel * np.clip(2 * bright - 1, 0, 1),
        "pucker": 0.7 * vowel * np.clip(1 - 2 * bright, 0, 1),
        "tongue": 0.2 * hiss,
    }
    return {name: _eased(values) for name, values in curves.items()}


def _spectra(samples: Floats, frames: int, start: float) -> Floats:
    """F B: the power spectrum around each frame's own time."""
    lead = round(start * SAMPLE_RATE) + WINDOW // 2
    step, window = SAMPLE_RATE // RATE, np.hanning(WINDOW).astype(np.float32)
    padded = np.pad(samples, (lead, WINDOW))
    padded = np.pad(padded, (0, max(0, frames * step + WINDOW - len(padded))))
    parts = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: frames * step : step]
    power: Floats = (np.abs(np.fft.rfft(parts * window, axis=1)) ** 2).astype(np.float32)
    return power


def _eased(values: Floats) -> Floats:
    eased: Floats = cv2.GaussianBlur(values.astype(np.float32)[:, None], (1, 0), 0.1, sigmaY=EASE)[:, 0]
    return eased
