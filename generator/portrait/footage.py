"""Frames and a voice as the bytes of a clip before it is marked: nearly lossless, since marking encodes it anew."""

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from detector.types import Pixels
from generator.portrait.expression import RATE
from generator.portrait.features import Floats
from generator.portrait.wav import SAMPLE_RATE

QUALITY: Final = "10"
"""Constant rate factor of H.264: 46 dB against the frames, and 45 MB a minute."""
SPEED: Final = "superfast"
BLOCK: Final = 1024
"""Samples of an AAC frame."""
SOUND_RATE: Final = 128_000


def write_clip(frames: Iterable[Pixels], voice: Floats | None) -> bytes:
    """An MP4 of `frames` (H W 3, even sides, at least one) at `RATE`, and of `voice` (`SAMPLE_RATE`, -1–1) if any."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as writer:
        picture = writer.add_stream("libx264", rate=RATE, options={"crf": QUALITY, "preset": SPEED})
        sound = None if voice is None else writer.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        if sound is not None:
            sound.bit_rate = SOUND_RATE
        for tick, pixels in enumerate(frames):
            if not tick:
                _prepare(picture, pixels)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, RATE)
            writer.mux(picture.encode(frame))
        writer.mux(picture.encode(None))
        if sound is not None and voice is not None:
            _write_sound(writer, sound, voice)
    return target.getvalue()


def _prepare(picture: VideoStream, pixels: Pixels) -> None:
    picture.height, picture.width = pixels.shape[:2]
    picture.pix_fmt = "yuv444p"  # the encoding that is delivered halves the colours; doing so twice would blur them
    picture.thread_count = 1
    picture.codec_context.time_base = Fraction(1, RATE)


def _write_sound(writer: OutputContainer, sound: AudioStream, voice: Floats) -> None:
    for start in range(0, len(voice), BLOCK):
        block = np.ascontiguousarray(voice[None, start : start + BLOCK], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        writer.mux(sound.encode(frame))
    writer.mux(sound.encode(None))
