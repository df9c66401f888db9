"""From a file to a decoded picture: reads it, says what it is by its first bytes, and has it decoded in the sandbox."""

import hashlib
import os
import re
import stat
from pathlib import Path

import numpy as np

from detector.errors import (
    DecodeTimeout,
    EmptyMedia,
    MediaTooLarge,
    SourceNotFound,
    UnreadableMedia,
    UnsupportedMedia,
)
from detector.sandbox import Limits, Sandbox
from detector.types import Frame, Media, MediaKind

DECODE = "detector.decoder:decode"
HAS_MORE = "detector.decoder:has_more"
ACCEPTED = ("image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp")
"""What is decoded. Decoders of rarer formats stay out of reach, because they are where the memory errors are."""
MAY_HAVE_MORE = ("image/avif", "image/gif", "image/png", "image/tiff", "image/webp")
"""Pictures that may be animated, or have several pages."""
UNKNOWN_MIME = "application/octet-stream"
KINDS = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
    "application": MediaKind.DOCUMENT,
}
"""By the first part of the type."""
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"moov", "video/quicktime"),
    (4, b"mdat", "video/quicktime"),
    (4, b"wide", "video/quicktime"),
    (8, b"WAVE", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xfa", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/x-zip"),
)
"""Offset, bytes and type of formats with a fixed signature. Of sound and documents nothing is looked at beyond their
credentials: whatever begins with ID3 is read as MP3 (FLAC too), any office file or book as the ZIP that it is."""
SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,64}<(?:svg[\s>]|(?:\?xml|!DOCTYPE svg|!--).{0,2048}?<svg[\s>])", re.DOTALL)
BMP_RESERVED = slice(6, 10)
"""Always zero in a bitmap, which tells it from text that begins with its two letters (BITMAPFILEHEADER)."""
EBML = b"\x1a\x45\xdf\xa3"
EBML_HEAD_BYTES = 64
BRANDS = (
    ((b"avif", b"avis"), "image/avif"),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"),
    ((b"M4A ", b"M4B "), "audio/mp4"),
    ((b"qt  ",), "video/quicktime"),
)
"""File-type brands of ISO base media (ISO/IEC 14496-12, 4.3), first match wins; any other brand is MP4."""
FTYP_HEAD_BYTES = 256


def sniff(data: bytes) -> tuple[MediaKind, str]:
    """Kind and MIME type of `data` by its first bytes alone; names and declared types are not believed."""
    mime = _mime(data)
    return MediaKind.UNKNOWN if mime == UNKNOWN_MIME else KINDS[mime.partition("/")[0]], mime


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data` in lowercase hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_file(path: Path, limits: Limits = Limits()) -> bytes:
    """The bytes of the regular file at `path`.

    Raises `SourceNotFound` if there is none or it may not be read, `EmptyMedia`, or `MediaTooLarge`.
    """
    try:
        data = _read_regular(path, limits.max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise SourceNotFound(f"Cannot open {path}.") from error
    require_bytes(data, limits)
    return data


def open_media(data: bytes, *, sandbox: Sandbox) -> tuple[Media, Frame]:
    """`data` as media and its decoded first frame.

    Raises `EmptyMedia`, `UnsupportedMedia`, `UnreadableMedia`, `MediaTooLarge` or `DecodeTimeout`.
    """
    require_bytes(data, sandbox.limits)
    kind, mime = sniff(data)
    if kind is MediaKind.VIDEO:
        raise UnsupportedMedia("This is a video, and a picture is asked for here.")
    if mime not in ACCEPTED:
        raise UnsupportedMedia(f"This is no picture of an accepted format ({', '.join(ACCEPTED)}).")
    frame = _decode(data, mime, sandbox)
    height, width = frame.pixels.shape[:2]
    return Media(sha256_hex(data), kind, mime, len(data), width, height), frame


def has_more_frames(data: bytes, mime: str, *, sandbox: Sandbox) -> bool:
    """Whether the picture in `data` has frames or pages beyond the one that `open_media` gives, or that cannot be told.

    Raises `DetectorError` if the sandbox itself fails.
    """
    if mime not in MAY_HAVE_MORE:
        return False
    try:
        answer = sandbox.call(HAS_MORE, data, mime=mime)
    except (UnreadableMedia, DecodeTimeout, MediaTooLarge):
        return True
    return not (isinstance(answer, dict) and answer.get("more") is False)


def _decode(data: bytes, mime: str, sandbox: Sandbox) -> Frame:
    max_pixels = sandbox.limits.max_pixels
    pixels = sandbox.call(DECODE, data, mime=mime, max_pixels=max_pixels)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise UnreadableMedia("The file made its decoder answer nonsense.")
    if not 0 < pixels.shape[0] * pixels.shape[1] <= max_pixels:
        raise UnreadableMedia("The file made its decoder answer nonsense.")
    return Frame(index=0, time_s=None, pixels=pixels)


def require_bytes(data: bytes, limits: Limits) -> None:
    """Raises `EmptyMedia` or `MediaTooLarge`."""
    if not data:
        raise EmptyMedia("The file is empty.")
    if len(data) > limits.max_bytes:
        raise MediaTooLarge(f"The file is larger than {limits.max_bytes} bytes.")


def _read_regular(path: Path, size: int) -> bytes:
    # Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        return file.read(size)


def _mime(data: bytes) -> str:
    for offset, signature, mime in SIGNATURES:
        if data.startswith(signature, offset):
            return mime
    if data.startswith(b"BM") and not any(data[BMP_RESERVED]):
        return "image/bmp"
    if data.startswith(EBML):
        return "video/webm" if b"webm" in data[:EBML_HEAD_BYTES] else "video/x-matroska"
    if data.startswith(b"ftyp", 4):
        return _brand_mime(data)
    return "image/svg+xml" if SVG.match(data) else UNKNOWN_MIME


def _brand_mime(data: bytes) -> str:
    end = min(int.from_bytes(data[:4], "big"), FTYP_HEAD_BYTES)
    brands = {data[8:12], *(data[start : start + 4] for start in range(16, end, 4))}
    return next((mime for known, mime in BRANDS if brands.intersection(known)), "video/mp4")
