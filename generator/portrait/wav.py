"""Reads a WAV file. Runs in the sandbox child only: it parses hostile bytes, so it loads next to nothing."""

import io
import wave
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import MediaTooLarge, UnreadableMedia, UnsupportedMedia

SAMPLE_RATE: Final = 48_000
"""Samples a second of whatever is read: what AAC likes best."""
RATES: Final = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
MAX_SECONDS: Final = 60.0
MAX_CHANNELS: Final = 2
LEAST_SHARE: Final = 0.1
"""Seconds of sound below which there is nothing to speak along to."""


def parse_wav(data: bytes) -> NDArray[np.float32]:
    """Samples -1–1 at `SAMPLE_RATE`, one channel. Raises `UnreadableMedia`, `UnsupportedMedia` or `MediaTooLarge`."""
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            channels, rate, count = file.getnchannels(), file.getframerate(), file.getnframes()
            if file.getsampwidth() != 2 or rate not in RATES or not 1 <= channels <= MAX_CHANNELS:
                raise UnsupportedMedia("A voice is a WAV of 16-bit PCM, mono or stereo, at 8 to 48 kHz.")
            if count > MAX_SECONDS * rate:
                raise MediaTooLarge(f"A voice lasts {MAX_SECONDS:g} seconds at most.")
            raw = file.readframes(count)
    except (wave.Error, EOFError, ValueError, OverflowError) as error:
        raise UnreadableMedia("This is no WAV file with PCM sound.") from error
    whole = len(raw) // (2 * channels)
    if whole < LEAST_SHARE * rate:
        raise UnreadableMedia(f"The WAV holds less than {LEAST_SHARE:g} seconds of sound.")
    samples = np.frombuffer(raw[: 2 * channels * whole], "<i2").reshape(-1, channels).mean(axis=1) / 32768
    return _resampled(samples, rate).astype(np.float32)


def _resampled(samples: NDArray[np.floating[Any]], rate: int) -> NDArray[np.floating[Any]]:
    """By the spectrum, which is only ever extended: no rate is above `SAMPLE_RATE`."""
    if rate == SAMPLE_RATE:
        return samples
    longer = round(len(samples) * SAMPLE_RATE / rate)
    return np.fft.irfft(np.fft.rfft(samples), longer) * (longer / len(samples))
