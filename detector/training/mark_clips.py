"""Measures the watermark in clips: photos set in motion, marked in every frame, encoded and read as the product does.

A clip is two seconds of a real photo under a still, panning or zooming camera, with a sensor's grain. It leaves marked
as it would leave the product, and is then delivered: encoded anew by H.264, once, twice, or smaller.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from detector.provenance.carrier import CLIP_SLOPE
from detector.provenance.mask import clip_mask
from detector.provenance.payload import Payload
from detector.provenance.watermark import detect_clip, lay, pattern
from detector.sandbox import Sandbox
from detector.training.attacks import whole
from detector.training.mark_journal import Journal, Result, core_version, picture_name
from detector.training.mark_lab import Progress, psnr, share
from detector.training.mark_peers import KEY, record_id
from detector.types import Pixels
from detector.video import stills

RATE: Final = 25
FRAMES: Final = 50
SIDE: Final = 640
"""Longer side of a clip in pixels."""
GRAIN: Final = 1.0
"""Deviation in grey levels of what a sensor adds to each frame; no two frames of a camera are equal."""
LEAST_SIDE: Final = 256
"""Shorter side that a clip has at least: a narrower photo is left out."""
PRESET: Final = "medium"
AS_IT_LEAVES: Final = "as it leaves"
MARGIN: Final = 0.2
"""Share of the picture that the panning camera crosses, and by which the zooming one comes nearer."""


@dataclass(frozen=True, slots=True)
class Product:
    """How the product writes clips: RMS of the mark in grey levels, and rate factor and preset of H.264."""

    strength: float
    crf: str
    preset: str


@dataclass(frozen=True, slots=True)
class Step:
    """One more encoding: at the rate factor `crf`, of frames `scale` times as large."""

    crf: int
    scale: float = 1.0


DELIVERIES: Final[Mapping[str, tuple[Step, ...]]] = {
    AS_IT_LEAVES: (),
    "CRF 23": (Step(23),),
    "CRF 28": (Step(28),),
    "CRF 33": (Step(33),),
    "CRF 36": (Step(36),),
    "CRF 28, then 33": (Step(28), Step(33)),
    "75 %, CRF 28": (Step(28, 0.75),),
}
MOTIONS: Final = ("static", "pan", "zoom")


def measure_clips(
    photos: Sequence[Pixels],
    *,
    product: Product,
    sandbox: Sandbox,
    progress: Progress,
    journal: Journal | None = None,
) -> dict[str, Any]:
    """How often the whole id came back, for each motion after each delivery, as one document for JSON."""
    kept, core = journal or Journal(), core_version()
    wide = [photo for photo in photos if min(_size(photo)) >= LEAST_SIDE]
    results: list[Result] = []
    for number, photo in enumerate(wide):
        for motion in MOTIONS:
            key = f"clip/{core}/{asdict(product)}/{picture_name(photo)}/{number}/{motion}"
            found = kept.once(key, partial(_try, photo, number, motion, product, sandbox))
            results.append({**found, "motion": motion})
        progress(f"{number + 1} of {len(wide)} photos, {len(MOTIONS)} clips each")
    return {"photos": len(wide), "core": core, "product": asdict(product), **_document(results)}


def film(photo: Pixels, motion: str, *, seed: int) -> Iterator[Pixels]:
    """`FRAMES` frames of `photo`, whose camera moves by fractions of a pixel."""
    width, height = _size(photo)
    rng = np.random.default_rng(seed)
    grain = rng.normal(0, GRAIN, (2 * height, 2 * width, 3)).astype(np.float32)  # each frame has another part of it
    window = 1.0 if motion == "static" else 1.0 - MARGIN
    scene = _resized(photo, SIDE / window / max(photo.shape[:2]))
    for number in range(FRAMES):
        warp = _camera(motion, number / (FRAMES - 1), scene=scene, size=(width, height))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        frame = cv2.warpAffine(scene, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        top, left = int(rng.integers(height)), int(rng.integers(width))
        yield whole(frame + grain[top : top + height, left : left + width])


def encoded(frames: Iterator[Pixels] | Sequence[Pixels], *, crf: int | str, preset: str = PRESET) -> bytes:
    """`frames` as an MP4 file (H.264, 4:2:0)."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as writer:
        stream: VideoStream | None = None
        for frame in frames:
            if stream is None:
                stream = writer.add_stream("libx264", rate=RATE, options={"crf": str(crf), "preset": preset})
                stream.height, stream.width, stream.pix_fmt = *frame.shape[:2], "yuv420p"
                stream.thread_count = 1
            writer.mux(stream.encode(VideoFrame.from_ndarray(frame, format="rgb24")))
        if stream is not None:
            writer.mux(stream.encode())
    return target.getvalue()


def decoded(clip: bytes) -> Iterator[Pixels]:
    """The frames of a clip that this lab made; hostile ones go through the sandbox."""
    with av.open(io.BytesIO(clip), "r") as reader:
        for frame in reader.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def deliver(steps: tuple[Step, ...], made: dict[tuple[Step, ...], bytes]) -> bytes:
    """The clip after `steps`; `made` holds it by the steps it has come through so far, none at first, and grows."""
    if steps not in made:
        before, last = deliver(steps[:-1], made), steps[-1]
        made[steps] = encoded((_even(_resized(frame, last.scale)) for frame in decoded(before)), crf=last.crf)
    return made[steps]


def _try(photo: Pixels, number: int, motion: str, product: Product, sandbox: Sandbox) -> Result:
    record = record_id(number)
    tile = pattern(Payload(record, KEY.key_id), key=KEY, slope=CLIP_SLOPE)
    plain = list(film(photo, motion, seed=number))
    marked = [lay(frame, tile, strength=product.strength, weigh=clip_mask) for frame in plain]
    made: dict[tuple[Step, ...], bytes] = {(): encoded(marked, crf=product.crf, preset=product.preset)}
    found = {name: _read(deliver(steps, made), sandbox) == record for name, steps in DELIVERIES.items()}
    return {"found": found, "psnr": psnr(plain[FRAMES // 2], marked[FRAMES // 2])}


def _read(clip: bytes, sandbox: Sandbox) -> str | None:
    return detect_clip(stills(clip, sandbox=sandbox)[1], keys=[KEY]).record_id


def _document(results: Sequence[Result]) -> dict[str, Any]:
    quality = [one["psnr"] for one in results]
    return {
        "clips": len(results),
        "psnr": round(float(np.mean(quality)), 2) if quality else None,
        "motions": {motion: _rows([one["found"] for one in results if one["motion"] == motion]) for motion in MOTIONS},
    }


def _rows(found: Sequence[Mapping[str, bool]]) -> dict[str, Any]:
    return {name: share(sum(one[name] for one in found), len(found)) for name in DELIVERIES}


def _size(photo: Pixels) -> tuple[int, int]:
    """Width and height of the clip: the photo's shape, even as H.264 needs it."""
    height, width = (2 * round(side * SIDE / max(photo.shape[:2]) / 2) for side in photo.shape[:2])
    return width, height


def _camera(motion: str, time: float, *, scene: Pixels, size: tuple[int, int]) -> NDArray[Any]:
    """From a pixel of the frame to its place in `scene`, at `time` from 0 to 1."""
    height, width = scene.shape[:2]
    nearer = 1 - MARGIN * time if motion == "zoom" else 1.0
    scale = nearer * (width / size[0] if motion == "zoom" else 1.0)
    across, down = (length - scale * side for length, side in zip((width, height), size, strict=True))
    moved = (time, 0.5 * time) if motion == "pan" else (0.5, 0.5)
    return np.array([[scale, 0, across * moved[0]], [0, scale, down * moved[1]]])


def _resized(pixels: Pixels, scale: float) -> Pixels:
    if scale == 1.0:
        return pixels
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    result: Pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kernel)
    return result


def _even(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[: height - height % 2, : width - width % 2])
