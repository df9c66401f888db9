"""Writes a clip anew with a mark in every frame. Runs in the sandbox child only: it decodes hostile bytes.

The child gets the one pattern that it is to lay, and never the key that patterns come from.
"""

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from detector.errors import MediaTooLarge
from detector.provenance.carrier import TILE
from detector.provenance.mask import clip_mask
from detector.provenance.watermark import lay
from detector.types import Pixels
from detector.upright import upright
from detector.video_container import base_of, opened, tick_of, undecodable
from generator.label import Label, labelled

SIDE: Final = 1920
"""Longer side in pixels of the clip that leaves: full HD stays as it is, 4K is halved."""
QUALITY: Final = "19"
"""Constant rate factor of H.264: what is lost here is lost to the mark as well."""
SPEED: Final = "veryfast"
SOUND: Final = ("aac", "mp3", "opus", "ac3", "alac")
"""Sound that MP4 holds as it is; any other is left out, and the answer says that nothing of it is there."""


def transcode(
    data: bytes, *, mime: str, max_pixels: int, pattern: str, strength: float, label: str, edited: bool, max_frames: int
) -> NDArray[np.uint8]:
    """The clip as the bytes of an MP4 file (H.264, sound as it was), every frame labelled and marked.

    `pattern` is the tile of `carrier.tile` (float32, in Base64). Raises `UnreadableMedia`, `UnsupportedMedia` or
    `MediaTooLarge`.
    """
    tile = np.frombuffer(base64.b64decode(pattern), np.float32).reshape(TILE, TILE)
    target = io.BytesIO()
    with opened(data, mime, max_pixels) as (container, stream), av.open(target, "w", format="mp4") as writer:
        written = 0
        picture: VideoStream | None = None
        waiting: list[av.Packet[Any]] = []
        sound = _sound(container, writer)
        for item in _shown(container, stream, sound[0] if sound else None):
            if isinstance(item, av.Packet):
                waiting.append(item)  # the file can only begin once the size of the picture is known
                if picture is not None and sound is not None:
                    _mux_sound(writer, waiting, sound[1])
                continue
            pixels = _even(upright(item, stream, SIDE))
            if picture is None:
                picture = _picture(writer, pixels, stream)
                writer.start_encoding()
            marked = lay(labelled(pixels, Label(label), edited=edited), tile, strength=strength, weigh=clip_mask)
            writer.mux(picture.encode(_frame(marked, tick_of(item), base_of(stream))))
            written += 1
            if written > max_frames:
                raise MediaTooLarge(f"The clip has more than {max_frames} frames.")
        if picture is None:
            raise undecodable()
        writer.mux(picture.encode())
        if sound is not None:
            _mux_sound(writer, waiting, sound[1])
    return np.frombuffer(target.getvalue(), np.uint8)


def _shown(
    container: InputContainer, stream: VideoStream, sound: AudioStream | None
) -> Iterator["VideoFrame | av.Packet[Any]"]:
    """Decoded frames and packets of sound, in the order of the file; what is damaged is left out."""
    tracks = [stream] if sound is None else [stream, sound]
    packets: Iterator[av.Packet[Any]] = iter(container.demux(*tracks))
    while True:
        try:
            packet = next(packets)
            if packet.stream is not stream:
                if packet.dts is not None:
                    yield packet
                continue
            frames = packet.decode()
        except StopIteration:
            return
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if isinstance(frame, VideoFrame) and tick_of(frame) >= 0)


def _sound(container: InputContainer, writer: OutputContainer) -> tuple[AudioStream, AudioStream] | None:
    track = next(iter(container.streams.audio), None)
    if track is None or track.codec_context is None or track.codec_context.name not in SOUND:
        return None
    return track, writer.add_stream_from_template(track)


def _mux_sound(writer: OutputContainer, waiting: list["av.Packet[Any]"], track: AudioStream) -> None:
    for packet in waiting:
        packet.stream = track
        writer.mux(packet)
    waiting.clear()


def _picture(writer: OutputContainer, pixels: Pixels, stream: VideoStream) -> VideoStream:
    rate = stream.average_rate or Fraction(25)
    made = writer.add_stream("libx264", rate=rate, options={"crf": QUALITY, "preset": SPEED})
    made.height, made.width = pixels.shape[:2]
    made.pix_fmt = "yuv420p"
    made.thread_count = 1
    made.codec_context.time_base = base_of(stream)
    return made


def _even(pixels: Pixels) -> Pixels:
    """`pixels` without a last odd row and column, which H.264 cannot hold."""
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[: height - height % 2, : width - width % 2])


def _frame(pixels: Pixels, tick: int, base: Fraction) -> VideoFrame:
    frame = VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.pts, frame.time_base = tick, base
    return frame
