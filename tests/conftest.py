"""Fixtures of the whole suite, as factories; and the guard that keeps every test on this machine."""

import io
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from detector.sandbox import Sandbox
from detector.types import Pixels

NETWORK_EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg")


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: refuse whatever would leave this machine (the address is the last argument)."""
    if event not in NETWORK_EVENTS or not isinstance(arguments[-1], tuple):
        return
    host = str(arguments[-1][0]).partition("%")[0]
    if host != "localhost" and not ip_address(host).is_loopback:
        raise AssertionError(f"a test tried to reach {host}")


sys.addaudithook(_stay_here)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh `SHINGAN_HOME`, not yet made, which settings read from the environment use as well."""
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


def _encode(pixels: Pixels, format: str = "PNG", *, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()
