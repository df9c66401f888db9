"""JPEGs are read by the quicker of two ways, and nobody can tell: the pixels are Pillow's, and so are the refusals."""

import io
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from detector.decoder import decode
from detector.types import Pixels

MOST = 1_000_000
SAMPLINGS = {"4:1:1": 0x411111, "4:2:0": 0x221111, "4:2:2": 0x211111, "4:4:0": 0x121111, "4:4:4": 0x111111}


def _picture(width: int, height: int) -> Pixels:
    rng = np.random.default_rng(1)
    clouds = cv2.resize(rng.uniform(0, 255, (9, 8, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    picture: Pixels = np.clip(clouds + rng.normal(0, 8, clouds.shape), 0, 255).astype(np.uint8)
    return picture


def _encoded(sampling: str, *, quality: int, progressive: bool, width: int = 90, height: int = 77) -> bytes:
    options = {
        cv2.IMWRITE_JPEG_QUALITY: quality,
        cv2.IMWRITE_JPEG_PROGRESSIVE: int(progressive),
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: SAMPLINGS[sampling],
    }
    flat = [number for pair in options.items() for number in pair]
    return bytes(cv2.imencode(".jpg", _picture(width, height), flat)[1].tobytes())


def _pillows(data: bytes) -> Pixels:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("quality", [40, 95])
@pytest.mark.parametrize("size", [(90, 77), (1, 1), (17, 300)], ids=str)
def test_pixels_are_pillows(sampling: str, progressive: bool, quality: int, size: tuple[int, int]) -> None:
    data = _encoded(sampling, quality=quality, progressive=progressive, width=size[0], height=size[1])
    np.testing.assert_array_equal(decode(data, mime="image/jpeg", max_pixels=MOST), _pillows(data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_alike(orientation: int) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(_picture(31, 20)).save(buffer, "JPEG", exif=exif)
    data = buffer.getvalue()
    np.testing.assert_array_equal(decode(data, mime="image/jpeg", max_pixels=MOST), _pillows(data))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_are_pillows(mode: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(_picture(31, 20)).convert(mode).save(buffer, "JPEG")
    data = buffer.getvalue()
    np.testing.assert_array_equal(decode(data, mime="image/jpeg", max_pixels=MOST), _pillows(data))


def _damaged(data: bytes) -> Iterator[bytes]:
    rng = np.random.default_rng(7)
    for _ in range(150):
        yield data[: rng.integers(4, len(data))]
        changed = bytearray(data)
        for place in rng.integers(4, len(data), size=3):
            changed[place] = rng.integers(256)
        yield bytes(changed)


def _or_none(read: Callable[[bytes], Pixels], data: bytes) -> Pixels | None:
    try:
        return read(data)
    except Exception:  # either way raises what it likes
        return None


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_damage_is_judged_by_pillow(progressive: bool) -> None:
    read, refused = partial(decode, mime="image/jpeg", max_pixels=MOST), 0
    for data in _damaged(_encoded("4:2:0", quality=80, progressive=progressive)):
        expected, found = _or_none(_pillows, data), _or_none(read, data)
        refused += expected is None
        assert (expected is None) == (found is None)
        if expected is not None and found is not None:
            np.testing.assert_array_equal(found, expected)
    assert 0 < refused < 300
