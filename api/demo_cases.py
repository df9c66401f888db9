"""The demo's files: one released face as it is and as the world hands it on, and two photos that nobody made up."""

import io
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from api.commands.outcome import ExtraMissing
from detector.types import Pixels

STRIPPED_QUALITY = 60
CROPPED_QUALITY = 85
CROPPED_SHARE = 0.2
"""Of each side; what stays is 64 % of the picture."""
DRAWN_SIDE = 512
PAINT = (196, 64, 72)
PNG_HEAD_BYTES = 8
PIXEL_CHUNKS = (b"IDAT",)


def stripped(released: bytes) -> bytes:
    """The pixels alone, as a messenger would send them: no metadata, JPEG."""
    return _jpeg(pixels_of(released), STRIPPED_QUALITY)


def cropped(released: bytes) -> bytes:
    """A screenshot's part: left and top are gone, and so is the metadata."""
    pixels = pixels_of(released)
    height, width = pixels.shape[:2]
    return _jpeg(pixels[round(CROPPED_SHARE * height) :, round(CROPPED_SHARE * width) :], CROPPED_QUALITY)


def repainted(released: bytes) -> bytes:
    """The same file with its signed manifest, and other pixels in one place: glasses of plain colour."""
    pixels = pixels_of(released).copy()
    height, width = pixels.shape[:2]
    for centre in (0.38, 0.62):
        cv2.circle(pixels, (round(centre * width), round(0.45 * height)), round(0.09 * width), PAINT, cv2.FILLED)
    return _with_pixels(released, pixels)


def drawn_elsewhere() -> bytes:
    """A picture that no part of this package made, as PNG: coloured waves."""
    y, x = np.mgrid[0:DRAWN_SIDE, 0:DRAWN_SIDE] / DRAWN_SIDE
    waves = [np.sin(2 * np.pi * (3 * x + k * y) + k) * np.cos(2 * np.pi * (2 * y - k * x)) for k in range(3)]
    grain = np.random.default_rng(0).normal(0, 6, (DRAWN_SIDE, DRAWN_SIDE, 3))
    buffer = io.BytesIO()
    pixels = np.clip(128 + 90 * np.stack(waves, axis=2) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def photos() -> tuple[bytes, bytes]:
    """Two photos that ship inside scikit-image, so that nothing is downloaded; raises `ExtraMissing` without it."""
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise ExtraMissing("`pip install 'shingan[demo]'` brings the photos of the demo.") from error
    return _jpeg(data.astronaut(), 95), _jpeg(data.chelsea(), 95)


def pixels_of(picture: bytes) -> Pixels:
    """RGB pixels of a file that this process made; uploads go through `detector.media`."""
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image.convert("RGB"))


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _with_pixels(png: bytes, pixels: Pixels) -> bytes:
    """`png` with the image data of `pixels` and every other chunk, C2PA's among them, as it was."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    fresh = [chunk for chunk in _chunks(buffer.getvalue()) if chunk[0] in PIXEL_CHUNKS]
    out, written = bytearray(png[:PNG_HEAD_BYTES]), False
    for name, body in _chunks(png):
        if name not in PIXEL_CHUNKS:
            out += _chunk(name, body)
        elif not written:
            out += b"".join(_chunk(*chunk) for chunk in fresh)
            written = True
    return bytes(out)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk (PNG, third edition, section 5.3)."""
    at = PNG_HEAD_BYTES
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
