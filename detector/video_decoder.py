"""The sandbox tasks that read clips; `detector.video` is their one caller.

`survey` says what a clip is and which frames to look at, `pick` decodes some of those. The parent asks for a few
frames at a time, so that memory does not grow with the clip. Cost is counted in decoded pixels, not in seconds, so
that the same clip is looked at in the same places on every machine; one core was measured to decode 130 to 400
megapixels a second of H.264.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from detector.shots import Span, choose, cuts, difference, spans
from detector.types import Pixels
from detector.upright import upright, upright_size
from detector.video_container import Packets, decoded, demux, frames_from, only_true_keys, opened, tick_of, undecodable

MAX_FRAME_PIXELS: Final = 4096 * 2304
"""Pixels of a frame (4K): 17 of them, as many as a decoder holds, take 250 MB; of 8K it would be 1 GB."""
SURVEY_PIXELS: Final = 300e6
"""Up to this many pixels in all, every reference frame is looked at for cuts; beyond, key frames alone."""
SURVEY_FRAMES: Final = 20_000
SEARCH_PIXELS: Final = 800e6
"""How much may be decoded from a key frame on to reach one frame: 385 frames of full HD; six seconds at worst."""
PICK_PIXELS: Final = 4e9
"""How much may be decoded to reach all; beyond, frames near key frames are taken instead."""
GAP_SHARE: Final = 0.25
GAP_S: Final = 15.0
"""A part that long, of the whole or in seconds, without any sample makes the report say that parts are missing."""
REORDERED: Final = 4
"""How many frames shown before a damaged one may be predicted from it (chosen; encoders use two or three)."""
THUMBNAIL: Final = (32, 18)


@dataclass(frozen=True, slots=True)
class Glance:
    """A quick look through the clip: `ticks` of the frames seen, how each differs from the one before, and the ticks
    at which decoding failed; `size` is that of the first frame, upright."""

    ticks: list[int]
    differences: list[float]
    damaged: list[int]
    size: tuple[int, int]


def survey(data: bytes, *, mime: str, max_pixels: int, seconds: float) -> dict[str, object]:
    """What the clip is, and `samples` as rows of frame number, tick, key frame's tick, time in seconds and shot.

    Stops looking for cuts after `seconds` of processor time. Raises `UnsupportedMedia`, `UnreadableMedia` or
    `MediaTooLarge`.
    """
    limit = min(max_pixels, MAX_FRAME_PIXELS)
    deadline = time.process_time() + seconds
    with opened(data, mime, limit) as (container, stream):
        packets = demux(container, stream)
    with opened(data, mime, limit) as (container, stream):
        packets = only_true_keys(container, stream, packets)
    with opened(data, mime, limit) as (container, stream):
        pixels = stream.codec_context.width * stream.codec_context.height
        glance = _glance(container, stream, packets, pixels, deadline)
    borders = np.searchsorted(packets.ticks, [glance.ticks[at] for at in cuts(glance.differences)])
    shots = spans([int(border) for border in borders], len(packets.ticks))
    samples = _samples(packets, shots, _sound(packets, glance.damaged), pixels)
    if not samples:
        raise undecodable()
    return {
        "width": glance.size[0],
        "height": glance.size[1],
        "duration_s": packets.duration_s,
        "frames": len(packets.ticks),
        "shots": len(shots),
        "whole": packets.whole and not glance.damaged and _reaches(samples, packets.duration_s),
        "bits_per_pixel": 8.0 * packets.size_bytes / (len(packets.ticks) * pixels),
        "samples": samples,
    }


def pick(data: bytes, *, mime: str, max_pixels: int, wanted: list[list[int]], side: int, seconds: float) -> Pixels:
    """Frames of `wanted` (rows of tick and key frame's tick, rising), N H W 3, upright, no side above `side`.

    Fewer come back where a frame could not be decoded, or after `seconds` of processor time: those up to there. Raises
    `UnreadableMedia` if the first could not be.
    """
    deadline = time.process_time() + seconds
    kept: list[Pixels] = []
    with opened(data, mime, min(max_pixels, MAX_FRAME_PIXELS)) as (container, stream):
        frames: Iterator[VideoFrame] = iter(())
        start = None
        for tick, key in wanted:
            if key != start:
                frames, start = frames_from(container, stream, key, tick), key
            frame = next((frame for frame in frames if tick_of(frame) >= tick), None)
            if frame is None or tick_of(frame) != tick or frame.is_corrupt:
                break
            picture = upright(frame, stream, side)
            if kept and picture.shape != kept[0].shape:
                break
            kept.append(picture)
            if time.process_time() > deadline:
                break
    if not kept:
        raise undecodable()
    return np.stack(kept)


def _glance(container: InputContainer, stream: VideoStream, packets: Packets, pixels: int, deadline: float) -> Glance:
    everything = len(packets.ticks) * pixels <= SURVEY_PIXELS and len(packets.ticks) <= SURVEY_FRAMES
    stream.codec_context.skip_frame = "NONREF" if everything else "NONKEY"
    # Damage is only reliably found from the beginning on: a decoder that starts in the middle complains anyway.
    stream.codec_context.options |= {"skip_loop_filter": "all", "err_detect": "explode"}
    most = len(packets.ticks) if everything else max(1, int(SURVEY_PIXELS / pixels))
    glance = Glance([], [], [], (0, 0))
    before: Pixels | None = None
    for frame in decoded(container, stream, damaged=glance.damaged):
        small = frame.reformat(*THUMBNAIL, format="rgb24", interpolation="FAST_BILINEAR", threads=1)
        thumbnail = np.asarray(small.to_ndarray(), dtype=np.uint8)
        if before is None:
            glance = replace(glance, size=upright_size(frame, stream))
        glance.differences.append(0.0 if before is None else difference(before, thumbnail))
        glance.ticks.append(tick_of(frame))
        before = thumbnail
        if len(glance.ticks) >= most or time.process_time() > deadline:
            break
    if before is None:
        raise undecodable()
    return glance


def _sound(packets: Packets, damaged: list[int]) -> NDArray[np.bool_]:
    """Which frames are not predicted from a damaged one: those up to the next key frame are, and a few before it."""
    sound = packets.starts >= 0
    keys = np.append(np.flatnonzero(packets.keys), len(sound))
    for at in np.searchsorted(packets.ticks[:-1], damaged).tolist():
        until = int(keys[np.searchsorted(keys, at, side="right")])
        sound[max(0, at - REORDERED) : until] = False
    return sound


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


def _reaches(samples: list[list[float]], duration_s: float) -> bool:
    """Whether the samples lie everywhere in the clip, and no long part was out of the decoder's reach."""
    instants = [0.0, *(row[3] for row in samples), duration_s]
    gap = max(after - before for before, after in pairwise(instants))
    return gap <= max(GAP_SHARE * duration_s, GAP_S)


def _cost(chosen: list[int], starts: NDArray[np.int64], depths: NDArray[np.int64]) -> int:
    """How many frames are decoded to reach the chosen ones."""
    deepest: dict[int, int] = {}
    for number in chosen:
        deepest[int(starts[number])] = int(depths[number]) + 1
    return sum(deepest.values())
