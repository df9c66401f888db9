"""Reads clips with FFmpeg (PyAV). Runs in the sandbox child only; `detector.video` is its one caller.

Two tasks: `survey` says what the clip is and which frames to look at, `pick` decodes some of those. The parent asks
for a few frames at a time, so that memory does not grow with the clip. Cost is counted in decoded pixels, not in
seconds, so that the same clip is looked at in the same places on every machine; one core was measured to decode 130 to
400 megapixels a second of H.264.
"""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Any, Final

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from numpy.typing import NDArray

from detector.errors import MediaTooLarge, UnreadableMedia, UnsupportedMedia
from detector.shots import Span, choose, cuts, difference, spans
from detector.types import Pixels

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
MAX_FRAME_PIXELS: Final = 4096 * 2304
"""Pixels of a frame (4K): 17 of them, as many as a decoder holds, take 250 MB; of 8K it would be 1 GB."""
MAX_SECONDS: Final = 6 * 3600.0
MAX_PACKETS: Final = 500_000
"""More frames than six hours at 20 a second; each costs the survey some hundred bytes."""
SURVEY_PIXELS: Final = 300e6
"""Up to this many pixels in all, every reference frame is looked at for cuts; beyond, key frames alone."""
SURVEY_FRAMES: Final = 20_000
SEARCH_PIXELS: Final = 300e6
"""How much may be decoded from a key frame on to reach one frame."""
PICK_PIXELS: Final = 4e9
"""How much may be decoded to reach all; beyond, frames near key frames are taken instead."""
REORDERED: Final = 4
"""How many frames shown before a damaged one may be predicted from it (chosen; encoders use two or three)."""
THUMBNAIL: Final = (32, 18)
MAX_ASPECT: Final = 4
"""Pixels more than four times as wide as high, or the reverse, are believed to be square: nobody makes such."""
COMPLETE_SHARE: Final = 0.9
"""Share of the announced frames and duration below which a clip counts as cut off (chosen)."""
SLACK_S: Final = 2.0
"""A shorter lack of duration is none: containers round, and sound runs on a little longer than the picture."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A quick look through the clip: `ticks` of the frames seen, how each differs from the one before, and the ticks
    at which decoding failed; `size` is that of the first frame, upright."""

    ticks: list[int]
    differences: list[float]
    damaged: list[int]
    size: tuple[int, int]


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
        return (self.ticks - self.ticks[0]) * float(self.base)

    @property
    def duration_s(self) -> float:
        return float((self.end - int(self.ticks[0])) * self.base)

    @property
    def starts(self) -> NDArray[np.int64]:
        """For each frame the number of the key frame before it; -1 where there is none."""
        numbers = np.where(self.keys, np.arange(len(self.keys)), -1)
        return np.maximum.accumulate(numbers)


def survey(data: bytes, *, mime: str, max_pixels: int, seconds: float) -> dict[str, object]:
    """What the clip is, and `samples` as rows of frame number, tick, key frame's tick, time in seconds and shot.

    Stops looking for cuts after `seconds`. Raises `UnsupportedMedia`, `UnreadableMedia` or `MediaTooLarge`.
    """
    limit = min(max_pixels, MAX_FRAME_PIXELS)
    deadline = time.monotonic() + seconds
    with _opened(data, mime, limit) as (container, stream):
        packets = _demux(container, stream)
    with _opened(data, mime, limit) as (container, stream):
        pixels = stream.codec_context.width * stream.codec_context.height
        glance = _glance(container, stream, packets, pixels, deadline)
    borders = np.searchsorted(packets.ticks, [glance.ticks[at] for at in cuts(glance.differences)])
    shots = spans([int(border) for border in borders], len(packets.ticks))
    samples = _samples(packets, shots, _sound(packets, glance.damaged), pixels)
    if not samples:
        raise _undecodable()
    return {
        "width": glance.size[0],
        "height": glance.size[1],
        "duration_s": packets.duration_s,
        "frames": len(packets.ticks),
        "shots": len(shots),
        "whole": packets.whole and not glance.damaged,
        "bits_per_pixel": 8.0 * packets.size_bytes / (len(packets.ticks) * pixels),
        "samples": samples,
    }


def pick(data: bytes, *, mime: str, max_pixels: int, wanted: list[list[int]], side: int, seconds: float) -> Pixels:
    """Frames of `wanted` (rows of tick and key frame's tick, rising), N H W 3, upright, no side above `side`.

    Fewer come back where a frame could not be decoded, or after `seconds`: those up to there. Raises `UnreadableMedia`
    if the first could not be.
    """
    deadline = time.monotonic() + seconds
    kept: list[Pixels] = []
    with _opened(data, mime, min(max_pixels, MAX_FRAME_PIXELS)) as (container, stream):
        frames, start = iter(()), None
        for tick, key in wanted:
            if key != start:
                frames, start = _from(container, stream, key, tick), key
            frame = next((frame for frame in frames if _tick(frame) >= tick), None)
            if frame is None or _tick(frame) != tick:
                break
            picture = _upright(frame, stream, side)
            if kept and picture.shape != kept[0].shape:
                break
            kept.append(picture)
            if time.monotonic() > deadline:
                break
    if not kept:
        raise _undecodable()
    return np.stack(kept)


@contextmanager
def _opened(data: bytes, mime: str, max_pixels: int) -> Iterator[tuple[Any, Any]]:
    """The container and its picture track, with decoding limited to `max_pixels` and one thread."""
    try:
        container = av.open(io.BytesIO(data), format=DEMUXERS[mime], options={"codec_whitelist": ",".join(CODECS)})
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMedia("The clip's index is missing or damaged; the recording may have been cut off.") from error
    with container:
        stream = _picture_track(container)
        context = stream.codec_context
        if context is None or context.codec.name not in CODECS:
            raise UnsupportedMedia("The clip's pictures are in a format that is not decoded.")
        if context.width * context.height > max_pixels:
            raise _too_large(max_pixels)
        if context.width * context.height == 0:
            raise _undecodable()
        stream.thread_count = 1
        context.options = {"max_pixels": str(max_pixels)}
        yield container, stream


def _picture_track(container: Any) -> Any:
    """The track that players show: the default one, then the largest; never a cover picture."""
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    if not tracks:
        raise UnsupportedMedia("The file has sound but no moving picture.")
    return max(tracks, key=_preference)


def _preference(track: Any) -> tuple[bool, int]:
    context = track.codec_context
    size = context.width * context.height if context is not None else 0
    return bool(track.disposition & Disposition.default), size


def _demux(container: Any, stream: Any) -> Packets:
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
        raise _undecodable()
    return _ordered(rows, size, stream, whole=not failed and total >= COMPLETE_SHARE * stream.frames)


def _ordered(rows: list[tuple[int, bool, int]], size: int, stream: Any, *, whole: bool) -> Packets:
    table = np.array(sorted(dict((row[0], row) for row in rows).values()), dtype=np.int64)
    ticks, keys, base = table[:, 0], table[:, 1].astype(bool), stream.time_base
    if not keys.any():
        keys[0] = True
    end = int(ticks[-1]) + max(int(table[-1, 2]), _usual_step(ticks), 1)
    packets = Packets(ticks, keys, end, size, base, whole and _as_announced(end - int(ticks[0]), stream))
    if not 0 < packets.duration_s <= MAX_SECONDS:
        raise MediaTooLarge(f"The clip is longer than {MAX_SECONDS / 3600:g} hours.")
    return packets


def _usual_step(ticks: NDArray[np.int64]) -> int:
    return int(np.median(np.diff(ticks))) if len(ticks) > 1 else 0


def _as_announced(length: int, stream: Any) -> bool:
    """Whether the frames last about as long as the head of the file says."""
    if stream.duration is not None:
        announced = float(stream.duration * stream.time_base)
    else:
        announced = (stream.container.duration or 0) / av.time_base
    found = float(length * stream.time_base)
    return found >= COMPLETE_SHARE * announced or announced - found < SLACK_S


def _glance(container: Any, stream: Any, packets: Packets, pixels: int, deadline: float) -> Glance:
    everything = len(packets.ticks) * pixels <= SURVEY_PIXELS and len(packets.ticks) <= SURVEY_FRAMES
    stream.codec_context.skip_frame = "NONREF" if everything else "NONKEY"
    # Damage is only reliably found from the beginning on: a decoder that starts in the middle complains anyway.
    stream.codec_context.options |= {"skip_loop_filter": "all", "err_detect": "explode"}
    most = len(packets.ticks) if everything else max(1, int(SURVEY_PIXELS / pixels))
    glance = Glance([], [], [], (0, 0))
    before = None
    for frame in _decoded(container, stream, damaged=glance.damaged):
        thumbnail = frame.reformat(*THUMBNAIL, format="rgb24", interpolation="FAST_BILINEAR").to_ndarray()
        if before is None:
            glance = replace(glance, size=upright_size(frame, stream))
        glance.differences.append(0.0 if before is None else difference(before, thumbnail))
        glance.ticks.append(_tick(frame))
        before = thumbnail
        if len(glance.ticks) >= most or time.monotonic() > deadline:
            break
    if before is None:
        raise _undecodable()
    return glance


def _decoded(
    container: Any, stream: Any, *, since: int | None = None, damaged: list[int] | None = None
) -> Iterator[Any]:
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
        yield from (frame for frame in frames if _tick(frame) is not None)


def _sound(packets: Packets, damaged: list[int]) -> NDArray[np.bool_]:
    """Which frames are not predicted from a damaged one: those up to the next key frame are, and a few before it."""
    sound = packets.starts >= 0
    keys = np.append(np.flatnonzero(packets.keys), len(sound))
    for at in np.searchsorted(packets.ticks, damaged).tolist():
        sound[
            max(0, at - REORDERED) : int(keys[np.searchsorted(keys, at, side="right")]) if at < len(sound) else at
        ] = False
    return sound


def _from(container: Any, stream: Any, key: int, tick: int) -> Iterator[Any]:
    """Frames from the key frame at `key` on; from the clip's beginning if the container's own index misleads."""
    container.seek(key, stream=stream, backward=True)
    frames = _decoded(container, stream, since=key)
    first = next(frames, None)
    if first is not None and _tick(first) <= tick:
        return chain([first], frames)
    container.seek(int(stream.start_time or 0), stream=stream, backward=True)
    return _decoded(container, stream)


def _tick(frame: Any) -> int:
    tick = frame.pts if frame.pts is not None else frame.dts
    return tick  # type: ignore[no-any-return]


def _samples(packets: Packets, shots: Sequence[Span], sound: NDArray[np.bool_], pixels: int) -> list[list[float]]:
    """The frames to look at, within what may be decoded to reach them."""
    starts, times = packets.starts, packets.times
    depths = np.arange(len(starts)) - starts
    end = packets.duration_s
    chosen = choose(times, shots, sound & (depths * pixels <= SEARCH_PIXELS), end=end)
    if _cost(chosen, starts, depths) * pixels > PICK_PIXELS:
        near = depths * pixels <= PICK_PIXELS / len(chosen)
        chosen = choose(times, shots, sound & near, end=end)
    shot_of = {number: at for at, shot in enumerate(shots) for number in chosen if shot.start <= number < shot.end}
    ticks = packets.ticks
    return [[n, int(ticks[n]), int(ticks[starts[n]]), float(times[n]), shot_of[n]] for n in chosen]


def _cost(chosen: list[int], starts: NDArray[np.int64], depths: NDArray[np.int64]) -> int:
    """How many frames are decoded to reach the chosen ones."""
    deepest: dict[int, int] = {}
    for number in chosen:
        deepest[int(starts[number])] = int(depths[number]) + 1
    return sum(deepest.values())


def upright_size(frame: Any, stream: Any) -> tuple[int, int]:
    """Width and height as shown: square pixels, after the turn."""
    width, height = _square(frame, stream)
    return (height, width) if _turn(frame)[0] else (width, height)


def _square(frame: Any, stream: Any) -> tuple[int, int]:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT:
        aspect = Fraction(1)
    return max(1, round(frame.width * aspect)), frame.height


def _turn(frame: Any) -> tuple[bool, bool, bool]:
    """Whether to transpose, then to flip rows, then columns, as the display matrix says (ISO/IEC 14496-12, 8.3.2)."""
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, b < 0, c < 0
    return False, d < 0, a < 0


def _upright(frame: Any, stream: Any, side: int) -> Pixels:
    """The frame as RGB, H W 3, as a player shows it, no side above `side`."""
    width, height = _square(frame, stream)
    scale = min(1.0, side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    same = size == (frame.width, frame.height)
    small = frame.reformat(*size, format="rgb24", interpolation="BICUBIC" if same else "AREA")
    pixels: Pixels = small.to_ndarray()
    transpose, rows, columns = _turn(frame)
    pixels = pixels.transpose(1, 0, 2) if transpose else pixels
    return np.ascontiguousarray(pixels[:: -1 if rows else 1, :: -1 if columns else 1])


def _undecodable() -> UnreadableMedia:
    return UnreadableMedia("The clip has no frame that can be decoded.")


def _too_large(max_pixels: int) -> MediaTooLarge:
    return MediaTooLarge(f"The clip's frames have more than {max_pixels} pixels.")
