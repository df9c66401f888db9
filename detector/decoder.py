"""Turns the bytes of one picture into RGB pixels. Runs in the sandbox child only; `detector.media` is its one caller.

Colour profiles are not applied: the experts and the watermark were made for pixel values as stored.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from detector.errors import MediaTooLarge, UnreadableMedia
from detector.types import Pixels

PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "image/avif": AvifImagePlugin.AvifImageFile,
    "image/bmp": BmpImagePlugin.BmpImageFile,
    "image/gif": GifImagePlugin.GifImageFile,
    "image/jpeg": JpegImagePlugin.JpegImageFile,
    "image/png": PngImagePlugin.PngImageFile,
    "image/tiff": TiffImagePlugin.TiffImageFile,
    "image/webp": WebPImagePlugin.WebPImageFile,
}
ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation (EXIF 2.32, tag 274)."""
WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
FULL_SCALES = (1.0, 255.0, 65535.0)
"""White of a deep grey picture, which no such format states: the smallest of these that no sample exceeds."""
MAX_PROFILE_BYTES = 1_048_576
"""Printers' profiles reach half of this."""
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode(data: bytes, *, mime: str, max_pixels: int) -> Pixels:
    """First frame of a picture of type `mime`, H W 3, turned as its EXIF says, transparency laid over white.

    Raises `MediaTooLarge` beyond `max_pixels`, judged by the header before any pixel is decoded, and
    `UnreadableMedia` for anything damaged, truncated or unknown.
    """
    with _pillow_refuses(max_pixels):
        picture = PLUGINS[mime](io.BytesIO(data))
        _require_size(picture, max_pixels)
        quickly = _quickly(data, picture)
        if quickly is not None:
            return quickly
        picture.load()
        _require_size(picture, max_pixels)
        return np.asarray(_over_white(_turned(picture)))


def has_more(data: bytes, *, mime: str) -> dict[str, bool]:
    """Whether a picture of type `mime` has frames or pages beyond the first, under `more`."""
    return {"more": bool(getattr(PLUGINS[mime](io.BytesIO(data)), "is_animated", False))}


def colour_profile(data: bytes, *, mime: str) -> str:
    """The ICC profile of a picture of type `mime` in hexadecimal; empty if there is none, or one over the bound."""
    profile = PLUGINS[mime](io.BytesIO(data)).info.get("icc_profile")
    return profile.hex() if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES else ""


@contextmanager
def _pillow_refuses(max_pixels: int) -> Iterator[None]:
    """Whatever has more pixels, frames inside frames too. The limit is the process's, so it is put back."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels // 2  # Pillow refuses at twice this number
    try:
        yield
    except Image.DecompressionBombError as error:
        raise _too_large(max_pixels) from error
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _require_size(picture: Image.Image, max_pixels: int) -> None:
    if picture.width * picture.height > max_pixels:
        raise _too_large(max_pixels)
    if min(picture.size) < 1:
        raise UnreadableMedia("The picture has no pixels.")


def _too_large(max_pixels: int) -> MediaTooLarge:
    return MediaTooLarge(f"The picture has more than {max_pixels} pixels.")


def _quickly(data: bytes, picture: Image.Image) -> Pixels | None:
    """The pixels of a flawless colour JPEG, which libjpeg-turbo writes in place; Pillow, whose own copies take a third
    of the time again, makes the very same of them, and has the last word on everything else."""
    if not isinstance(picture, JpegImagePlugin.JpegImageFile) or picture.mode != "RGB":
        return None
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except (ValueError, OverflowError):
        return None
    if pixels.shape != (picture.height, picture.width, 3):
        return None
    turn = TURNS.get(_orientation(picture))
    return pixels if turn is None else np.asarray(Image.fromarray(pixels).transpose(turn))


def _turned(picture: Image.Image) -> Image.Image:
    turn = TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) where the EXIF block is missing or damaged: the pixels are fine then."""
    try:
        value = picture.getexif().get(ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _over_white(picture: Image.Image) -> Image.Image:
    """`picture` as RGB."""
    if picture.mode in WIDE_MODES:
        return Image.fromarray(_to_eight_bits(np.asarray(picture))).convert("RGB")
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    layer = picture.convert("RGBA")
    canvas = Image.new("RGB", layer.size, "white")
    canvas.paste(layer, mask=layer.getchannel("A"))
    return canvas


def _to_eight_bits(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey `samples` of any depth, H W, scaled so that white is 255."""
    if samples.dtype == np.uint16:
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    values = np.nan_to_num(samples.astype(np.float32), posinf=0.0, neginf=0.0)
    peak = float(values.max())
    white = next((scale for scale in FULL_SCALES if peak <= scale), peak)
    scaled: NDArray[np.float32] = np.clip(values / np.float32(white), 0.0, 1.0)
    return (scaled * 255.0 + 0.5).astype(np.uint8)
