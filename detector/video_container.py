"""A clip's file, opened for reading: its picture track, its packets, and frames from any place on.

FFmpeg (PyAV) on hostile bytes: runs in the sandbox child only. Reader and decoders are picked from a short list.
"""

import gc
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from detector.errors import MediaTooLarge, UnreadableMedia, UnsupportedMedia

DEMUXERS: Final = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
}
"""The reader is named and never guessed from the bytes: playlists among the others would open further files."""
CODECS: Final = (
    "h264", "hevc", "libdav1d", "av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4", "msmpeg4v2", "msmpeg4v3",
    "mpeg1video", "mpeg2video", "h263", "mjpeg", "prores",
)  # fmt: skip
"""What is decoded; hundreds of rarer decoders stay out of reach, because they are where the memory errors are."""
MAX_SECONDS: Final = 6 * 3600.0
MAX_PACKETS: Final = 500_000
"""More frames than six hours at 20 a second; each costs the survey some hundred bytes."""
COMPLETE_SHARE: Final = 0.9
"""Share of the announced frames and duration below which a clip counts as cut off (chosen)."""
KEYS_TRIED: Final = 8
"""About how many key frames are tried, from all over the clip; each costs one decoded frame."""
SLACK_S: Final = 2.0
"""A shorter lack of duration is none: containers round, and sound runs on a little longer than the picture."""


@dataclass(frozen=True, slots=True)
class Packets:
    """The clip's frames in order of presentation: `ticks` in units of `base` seconds, `keys` where decoding can start.

    `whole` is false where reading ended in an error or before what the head of the file announces.
    """

    ticks: NDArray[np.int64]
    keys: NDArray[np.bool_]
    end: int
    size_bytes: int
    base: Fraction
    whole: bool

    @property
    def times(self) -> NDArray[np.float64]:
        return np.asarray((self.ticks - self.ticks[0]) * float(self.base), dtype=np.float64)

    @property
    def duration_s(self) -> float:
        return float((self.end - int(self.ticks[0])) * self.base)

    @property
    def starts(self) -> NDArray[np.int64]:
        """For each frame the number of the key frame before it; -1 where there is none."""
        numbers = np.where(self.keys, np.arange(len(self.keys)), -1)
        return np.maximum.accumulate(numbers)


@contextmanager
def opened(data: bytes, mime: str, max_pixels: int) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its picture track, with decoding limited to `max_pixels` and one thread."""
    try:
        source = io.BytesIO(data)
        container = av.open(source, "r", format=DEMUXERS[mime], options={"codec_whitelist": ",".join(CODECS)})
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMedia("The clip's index is missing or damaged; the recording may have been cut off.") from error
    try:
        stream = _picture_track(container)
        context = stream.codec_context
        if context is None or context.codec.name not in CODECS:
            raise UnsupportedMedia("The clip's pictures are in a format that is not decoded.")
        if context.width * context.height > max_pixels:
            raise _too_large(max_pixels)
        if context.width * context.height == 0:
            raise undecodable()
        stream.thread_count = 1
        context.options = {"max_pixels": str(max_pixels)}
        yield container, stream
    finally:
        container.close()
        gc.collect()  # container and frames refer to each other; what one call left would add to the next


def _picture_track(container: InputContainer) -> VideoStream:
    """The track that players show: the default one, then the largest; never a cover picture."""
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    if not tracks:
        raise UnsupportedMedia("The file has sound but no moving picture.")
    return max(tracks, key=_preference)


def _preference(track: VideoStream) -> tuple[bool, int]:
    context = track.codec_context
    size = context.width * context.height if context is not None else 0
    return bool(track.disposition & Disposition.default), size


def demux(container: InputContainer, stream: VideoStream) -> Packets:
    """Reads all packets without decoding any, which costs milliseconds and cannot be lied to by the file's head."""
    rows: list[tuple[int, bool, int]] = []
    total, size, failed = 0, 0, False
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            total += 1
            failed |= bool(packet.is_corrupt)
            tick = packet.pts if packet.pts is not None else packet.dts
            if tick is None or packet.is_discard or packet.is_corrupt:
                continue
            size += packet.size
            rows.append((tick, bool(packet.is_keyframe), packet.duration or 0))
            if total > MAX_PACKETS:
                raise MediaTooLarge(f"The clip has more than {MAX_PACKETS} frames.")
    except av.FFmpegError:
        failed = True
    if not rows:
        raise undecodable()
    return _ordered(rows, size, stream, whole=not failed and total >= COMPLETE_SHARE * stream.frames)


def _ordered(rows: list[tuple[int, bool, int]], size: int, stream: VideoStream, *, whole: bool) -> Packets:
    table = np.array(sorted(dict((row[0], row) for row in rows).values()), dtype=np.int64)
    ticks, keys, base = table[:, 0], table[:, 1].astype(bool), base_of(stream)
    if not keys.any():
        keys[0] = True
    end = int(ticks[-1]) + max(int(table[-1, 2]), _usual_step(ticks), 1)
    packets = Packets(ticks, keys, end, size, base, whole and _as_announced(end - int(ticks[0]), stream))
    if not 0 < packets.duration_s <= MAX_SECONDS:
        raise MediaTooLarge(f"The clip is longer than {MAX_SECONDS / 3600:g} hours.")
    return packets


def base_of(stream: VideoStream) -> Fraction:
    """Seconds in a tick of the stream."""
    return stream.time_base or Fraction(1, av.time_base)


def _usual_step(ticks: NDArray[np.int64]) -> int:
    return int(np.median(np.diff(ticks))) if len(ticks) > 1 else 0


def _as_announced(length: int, stream: VideoStream) -> bool:
    """Whether the frames last about as long as the head of the file says."""
    if stream.duration is not None:
        announced = float(stream.duration * base_of(stream))
    else:
        announced = (getattr(stream.container, "duration", None) or 0) / av.time_base
    found = float(length * base_of(stream))
    return found >= COMPLETE_SHARE * announced or announced - found < SLACK_S


def decoded(
    container: InputContainer, stream: VideoStream, *, since: int | None = None, damaged: list[int] | None = None
) -> Iterator[VideoFrame]:
    """Frames from where the container stands, without those before `since`; ticks that fail go into `damaged`."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        tick = packet.pts if packet.pts is not None else packet.dts
        if packet.size and since is not None and tick is not None and tick < since:
            continue  # shown before the key frame that decoding began at, and predicted from what lies before it
        try:
            frames = packet.decode()
        except av.FFmpegError:
            if damaged is not None and tick is not None:
                damaged.append(tick)
            continue
        yield from (frame for frame in frames if frame.pts is not None or frame.dts is not None)


def frames_from(container: InputContainer, stream: VideoStream, key: int, tick: int) -> Iterator[VideoFrame]:
    """Frames from the key frame at `key` on; from the clip's beginning if the index names what is none."""
    container.seek(key, stream=stream, backward=True)
    frames = decoded(container, stream, since=key)
    first = next(frames, None)
    if first is not None and tick_of(first) <= tick and not first.is_corrupt:
        return chain([first], frames)
    container.seek(int(stream.start_time or 0), stream=stream, backward=True)
    return decoded(container, stream)


def only_true_keys(container: InputContainer, stream: VideoStream, packets: Packets) -> Packets:
    """`packets` with the first key frame alone if decoding cannot start cleanly at the others that are tried.

    Clips that were cut without care name frames in their index that need frames before them; what is decoded from
    there on looks like a picture and is smeared.
    """
    keys = np.flatnonzero(packets.keys)
    for at in keys[1:][:: max(1, len(keys) // KEYS_TRIED)].tolist():
        tick = int(packets.ticks[at])
        container.seek(tick, stream=stream, backward=True)
        first = next(decoded(container, stream, since=tick), None)
        if first is None or first.is_corrupt or tick_of(first) > tick:
            return replace(packets, keys=np.arange(len(packets.keys)) == keys[0])
    return packets


def tick_of(frame: VideoFrame) -> int:
    """When the frame is shown, in units of its stream; AVI has decoding times only. Of a `decoded` frame."""
    tick = frame.pts if frame.pts is not None else frame.dts
    return -1 if tick is None else tick


def undecodable() -> UnreadableMedia:
    return UnreadableMedia("The clip has no frame that can be decoded.")


def _too_large(max_pixels: int) -> MediaTooLarge:
    return MediaTooLarge(f"The clip's frames have more than {max_pixels} pixels.")
