"""From a clip to the frames that are looked at: which they are, and then a few at a time out of the sandbox.

However long the clip is, at most `BATCH_BYTES` of frames are in memory at once; whoever iterates keeps what he needs.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detector.errors import DecodeTimeout, DetectorError, UnreadableMedia
from detector.media import require_bytes, sha256_hex, sniff
from detector.sandbox import Sandbox
from detector.shots import MOST
from detector.types import Frame, Media, MediaKind, Pixels

SURVEY = "detector.video_decoder:survey"
PICK = "detector.video_decoder:pick"
SIDE: Final = 1920
"""Longer side in pixels of the frames that are looked at: full HD stays as it is, 4K is halved."""
MARK_FRAMES: Final = 6
"""Frames in which the watermark is searched, together and some alone: a tenth of a second a search."""
MARK_KEYS: Final = 2
"""Key frames in which it is searched beside those, at most."""
BATCH_BYTES: Final = 16 * 1024 * 1024
SOFT_SHARE: Final = 0.6
"""Share of the processor time of a sandbox task after which it stops of its own accord with what it has."""
PATIENCE: Final = 4.0
"""How many times that limit a task may take by the clock, on a machine that does other work as well."""
WHOLE_PATIENCE: Final = 16.0
"""How many times that limit reading a whole clip may take; what was not read by then is left out."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame to look at: its number in the clip, its time, its shot, and where a decoder finds it."""

    frame: int
    time_s: float
    shot: int
    tick: int
    key: int


@dataclass(frozen=True, slots=True)
class Clip:
    """`media` with the size as shown and the duration; `whole` is false where the file ends before its own end.

    `bits_per_pixel` is the compressed size of the pictures over all their pixels.
    """

    media: Media
    samples: tuple[Sample, ...]
    frames: int
    shots: int
    whole: bool
    bits_per_pixel: float


def is_clip(data: bytes) -> bool:
    return sniff(data)[0] is MediaKind.VIDEO


def open_clip(data: bytes, *, sandbox: Sandbox) -> Clip:
    """What the clip is and which of its frames to look at.

    Raises `EmptyMedia`, `UnsupportedMedia` (no picture, or none that is decoded), `UnreadableMedia`, `MediaTooLarge`
    or `DecodeTimeout`.
    """
    require_bytes(data, sandbox.limits)
    mime = sniff(data)[1]
    limits = sandbox.limits
    found = sandbox.call(
        SURVEY, data, patience=PATIENCE, mime=mime, max_pixels=limits.max_pixels, seconds=SOFT_SHARE * limits.seconds
    )
    try:
        return _clip(data, mime, found)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMedia("The clip made its decoder answer nonsense.") from error


def read_frames(
    data: bytes, clip: Clip, *, sandbox: Sandbox, samples: Sequence[Sample] | None = None
) -> Iterator[list[tuple[Sample, Frame]]]:
    """The frames of `samples` (of all, if null) in batches; those that cannot be decoded are missing.

    Raises the decoder's error if there is none at all.
    """
    left = list(clip.samples if samples is None else samples)
    end = time.monotonic() + WHOLE_PATIENCE * sandbox.limits.seconds
    read = 0
    failure: DetectorError = UnreadableMedia("The clip has no frame that can be decoded.")
    while left and (time.monotonic() < end or not read):
        try:
            batch = _pick(data, clip, left[: _batch_size(clip)], sandbox)
        except (UnreadableMedia, DecodeTimeout) as error:
            failure, left = error, left[1:]
            if time.monotonic() >= end:
                break
            continue
        read += len(batch)
        left = left[len(batch) :]
        yield batch
    if not read:
        raise failure


def spread(samples: Sequence[Sample], count: int) -> tuple[Sample, ...]:
    """At most `count` of `samples`, evenly from the whole clip; a single one is the middle one."""
    at = (np.arange(min(count, len(samples))) + 0.5) / max(1, min(count, len(samples))) * len(samples)
    return tuple(samples[int(place)] for place in at)


def stills(data: bytes, *, sandbox: Sandbox, count: int = MARK_FRAMES) -> tuple[Media, list[Pixels]]:
    """The clip and `mark_stills` of it. Raises as `open_clip` does."""
    clip = open_clip(data, sandbox=sandbox)
    return clip.media, mark_stills(data, clip, sandbox=sandbox, count=count)


def mark_stills(data: bytes, clip: Clip, *, sandbox: Sandbox, count: int = MARK_FRAMES) -> list[Pixels]:
    """At most `count` frames from all over the clip, and key frames: `best_first`. Raises as `read_frames` does."""
    samples = spread(clip.samples, count)
    batches = read_frames(data, clip, sandbox=sandbox, samples=samples)
    seen = [(sample, frame.pixels) for batch in batches for sample, frame in batch]
    return best_first(seen, read_keys(data, clip, sandbox=sandbox, samples=samples))


def read_keys(data: bytes, clip: Clip, *, sandbox: Sandbox, samples: Sequence[Sample]) -> list[tuple[Sample, Pixels]]:
    """Up to `MARK_KEYS` key frames that `samples` are predicted from and that are not among them; none that fails."""
    keys = {sample.key: replace(sample, tick=sample.key) for sample in samples}
    for sample in samples:
        keys.pop(sample.tick, None)
    try:
        batches = read_frames(data, clip, sandbox=sandbox, samples=spread(tuple(keys.values()), MARK_KEYS))
        return [(key, frame.pixels) for batch in batches for key, frame in batch]
    except (UnreadableMedia, DecodeTimeout):
        return []


def best_first(seen: Sequence[tuple[Sample, Pixels]], keys: Sequence[tuple[Sample, Pixels]]) -> list[Pixels]:
    """The middle one of `seen` (at least one), which stands for the clip; then `keys` and other key frames; the rest.

    The watermark is best read in key frames: from there on an encoder lets it move with the scene, and fade.
    """
    middle = len(seen) // 2
    others = sorted((*keys, *seen[:middle], *seen[middle + 1 :]), key=lambda pair: pair[0].tick != pair[0].key)
    return [pixels for _, pixels in (seen[middle], *others)]


def still_at(data: bytes, number: int, *, sandbox: Sandbox) -> Frame:
    """The sampled frame next to the frame `number` of the clip. Raises as `open_clip` does."""
    clip = open_clip(data, sandbox=sandbox)
    nearest = min(clip.samples, key=lambda sample: abs(sample.frame - number))
    batches = read_frames(data, clip, sandbox=sandbox, samples=[nearest])
    return next(frame for batch in batches for _, frame in batch)


def _pick(data: bytes, clip: Clip, samples: Sequence[Sample], sandbox: Sandbox) -> list[tuple[Sample, Frame]]:
    limits = sandbox.limits
    pixels = sandbox.call(
        PICK,
        data,
        patience=PATIENCE,
        mime=clip.media.mime,
        max_pixels=limits.max_pixels,
        wanted=[[sample.tick, sample.key] for sample in samples],
        side=SIDE,
        seconds=SOFT_SHARE * limits.seconds,
    )
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise UnreadableMedia("The clip made its decoder answer nonsense.")
    if not 0 < len(pixels) <= len(samples) or not min(pixels.shape) > 0 or max(pixels.shape[1:]) > SIDE:
        raise UnreadableMedia("The clip made its decoder answer nonsense.")
    taken = samples[: len(pixels)]
    return [(one, Frame(one.frame, one.time_s, cut)) for one, cut in zip(taken, pixels, strict=True)]


def _batch_size(clip: Clip) -> int:
    scale = min(1.0, SIDE / max(clip.media.width, clip.media.height))
    frame_bytes = 3 * clip.media.width * clip.media.height * scale * scale
    return int(np.clip(BATCH_BYTES / frame_bytes, 1, MOST))


def _clip(data: bytes, mime: str, found: object) -> Clip:
    """The survey's answer, believed only as far as it has the right form."""
    if not isinstance(found, dict):
        raise TypeError
    width, height, duration = _whole(found["width"]), _whole(found["height"]), float(found["duration_s"])
    samples = tuple(
        Sample(_whole(n), float(t), _whole(shot), int(tick), int(key)) for n, tick, key, t, shot in found["samples"]
    )
    if not (width and height and duration > 0 and 0 < len(samples) <= MOST):
        raise ValueError
    media = Media(sha256_hex(data), MediaKind.VIDEO, mime, len(data), width, height, duration)
    return Clip(
        media,
        samples,
        _whole(found["frames"]),
        _whole(found["shots"]),
        found["whole"] is True,
        float(found["bits_per_pixel"]),
    )


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value
