"""Fixtures of the whole suite, as factories; and the guard that keeps every test on this machine."""

import io
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from ipaddress import ip_address
from itertools import chain
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image, ImageFile

from detector.sandbox import Sandbox
from detector.types import Pixels

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
LIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
NETWORK_EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg")


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: refuse whatever would leave this machine (the address is the last argument)."""
    if event not in NETWORK_EVENTS or not isinstance(arguments[-1], tuple):
        return
    host = str(arguments[-1][0]).partition("%")[0]
    if host != "localhost" and not ip_address(host).is_loopback:
        raise AssertionError(f"a test tried to reach {host}")


sys.addaudithook(_stay_here)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The `SHINGAN_CACHE` of the whole run: exporting the networks anew for each test would take minutes."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHINGAN_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def same_process() -> Iterator[None]:
    """No test leaves the process in another state: the next one may be any, by how the files fall to the processes."""
    before = _state_of_process()
    yield
    after = _state_of_process()
    assert {name: after[name] for name in before} == before


def _state_of_process() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    threads = {"threads": torch.get_num_threads()} if torch is not None else {}
    return threads | {
        "folder": Path.cwd(),
        "largest picture": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES),
        "variables": {name: value for name, value in os.environ.items() if name.startswith("SHINGAN_")},
        "scheduling": os.sched_getscheduler(0),
        "limits": {name: resource.getrlimit(number) for name, number in LIMITS.items()},
        "signals": {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)},
        "arithmetic": np.geterr(),
        "sockets": socket.getdefaulttimeout(),
    }


@pytest.fixture(autouse=True)
def home(same_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh `SHINGAN_HOME`, not yet made, which settings read from the environment use as well.

    Asks for `same_process` so that that one looks last, when every variable is as it was.
    """
    folder = tmp_path / "home"
    monkeypatch.setenv("SHINGAN_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as shared:
        yield shared


@pytest.fixture(scope="session")
def make_photo() -> Callable[..., Pixels]:
    """`make_photo(seed=0, width=320, height=240)`: RGB pixels with a photo's falling spectrum, gradients and grain."""
    return _photo


@pytest.fixture(scope="session")
def make_scene() -> Callable[[int], Pixels]:
    """`make_scene(seed)`: a picture (400 512 3) of things with edges, as photos are."""
    return _scene


@pytest.fixture(scope="session")
def film() -> Callable[..., bytes]:
    """`film(pictures, rate=10, format="mp4", codec="libx264", times=None, options=None, sound=False)`: a clip's bytes.

    `times` are seconds, for a variable frame rate; `pixel_format` and `aspect` (of a pixel) are further options.
    """
    return _film


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """`encode(pixels, format="PNG", **options)`: a picture file; a mode of Pillow may be asked for by `mode`."""
    return _encode


def _photo(seed: int = 0, *, width: int = 320, height: int = 240) -> Pixels:
    """Octaves of smooth noise, each half as strong as the coarser one, plus sensor noise of two levels."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128.0, np.float32)
    cells, strength = 2, 60.0
    while cells < min(width, height):
        coarse = rng.standard_normal((cells, cells, 3)).astype(np.float32)
        picture += strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cells, strength = cells * 2, strength / 2
    picture += rng.normal(0.0, 2.0, picture.shape).astype(np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _scene(seed: int) -> Pixels:
    pixels, rng = _photo(seed, width=512, height=400), np.random.default_rng(seed)
    for _ in range(70):
        middle, axes = rng.integers(0, (512, 400)).tolist(), rng.integers(4, 40, 2).tolist()
        colour = rng.integers(0, 256, 3).tolist()
        cv2.ellipse(pixels, middle, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    return pixels


def _film(
    pictures: Iterable[Pixels],
    *,
    rate: int = 10,
    format: str = "mp4",
    codec: str = "libx264",
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    pixel_format: str = "yuv420p",
    aspect: Fraction | None = None,
    sound: bool = False,
) -> bytes:
    buffer, left, count = io.BytesIO(), iter(pictures), 0
    first = next(left)
    with _usual_scheduling(), av.open(buffer, "w", format=format) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], pixel_format
        base = stream.codec_context.time_base = Fraction(1, 1000 if times else rate)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        track = container.add_stream("aac", rate=16000) if sound else None
        for count, picture in enumerate(chain([first], left), start=1):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (round(1000 * times[count - 1]) if times else count - 1), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            for start in range(0, 16000 * count // rate, 1024):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                silence.pts, silence.sample_rate = start, 16000
                container.mux(track.encode(silence))
            container.mux(track.encode(None))
    return buffer.getvalue()


@contextmanager
def _usual_scheduling() -> Iterator[None]:
    """Undoes what SVT-AV1 does as root: it makes this process a real-time one, whose networks would stop all others."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def _encode(pixels: Pixels, format: str = "PNG", *, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()
