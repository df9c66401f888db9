"""A WAV is read within bounds, and its loudness and timbre move the mouth."""

import io
import struct
import wave

import numpy as np
import pytest

from detector.errors import EmptyMedia, MediaTooLarge, UnreadableMedia, UnsupportedMedia
from detector.sandbox import Sandbox
from generator.portrait.features import Floats
from generator.portrait.sound import MAX_WAV, read_wav, voice_curves
from generator.portrait.wav import SAMPLE_RATE


def tone(hertz: float, seconds: float, *, rate: int = 16000, loud: float = 0.6) -> Floats:
    return (loud * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def wav(samples: Floats, *, rate: int = 16000, channels: int = 1, width: int = 2) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        scaled = (samples * 32767).astype("<i2") if width == 2 else (samples * 127 + 128).astype("u1")
        file.writeframes(np.repeat(scaled, channels).tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 2), (44100, 1), (48000, 2)])
def test_a_voice_is_read_at_one_rate(rate: int, channels: int, sandbox: Sandbox) -> None:
    samples = read_wav(wav(tone(220, 0.5, rate=rate), rate=rate, channels=channels), sandbox)
    assert len(samples) == pytest.approx(SAMPLE_RATE / 2, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyMedia),
        (b"RIFF\x04\x00\x00\x00WAVE", UnreadableMedia),
        (b"ID3" + bytes(100), UnreadableMedia),
        (wav(tone(220, 0.5), width=1), UnsupportedMedia),
        (wav(tone(220, 0.5), rate=6000), UnsupportedMedia),
        (wav(tone(220, 0.5), channels=3), UnsupportedMedia),
        (wav(tone(220, 0.01)), UnreadableMedia),
        (wav(np.zeros(61 * 8000, np.float32), rate=8000), MediaTooLarge),
        (bytes(MAX_WAV + 1), MediaTooLarge),
    ],
)
def test_what_is_no_voice_is_refused(data: bytes, error: type[Exception], sandbox: Sandbox) -> None:
    with pytest.raises(error):
        read_wav(data, sandbox)


def test_a_header_that_promises_more_than_there_is_costs_nothing(sandbox: Sandbox) -> None:
    honest = wav(tone(220, 0.5))
    lying = honest[:40] + struct.pack("<I", 40_000_000) + honest[44:]
    with pytest.raises((MediaTooLarge, UnreadableMedia)):
        read_wav(lying, sandbox)


def test_silence_keeps_the_mouth_shut_and_a_vowel_opens_it() -> None:
    voice = np.concatenate([np.zeros(24000), tone(250, 0.5, rate=SAMPLE_RATE), np.zeros(24000)]).astype(np.float32)
    mouth = voice_curves(voice, frames=38, start=0.0)["open"]
    assert mouth[:10].max() < 0.05
    assert mouth[15:22].min() > 0.4
    assert mouth[28:].max() < 0.05
    assert voice_curves(np.zeros(48000, np.float32), frames=25, start=0.0)["open"].max() == 0


def test_timbre_rounds_and_spreads_and_a_hiss_shows_teeth() -> None:
    low, high = (voice_curves(tone(hertz, 1.0, rate=SAMPLE_RATE), frames=25, start=0.0) for hertz in (400, 2200))
    assert low["pucker"][12] > 0.5 > 0.05 > low["wide"][12]
    assert high["wide"][12] > 0.4 > 0.05 > high["pucker"][12]
    hiss = voice_curves(tone(6000, 1.0, rate=SAMPLE_RATE), frames=25, start=0.0)
    assert hiss["open"][12] < 0.2 < hiss["lift"][12]
