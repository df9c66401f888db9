"""Bad files of every kind, uploaded: a code for each, never a failure of ours, and the service goes on."""

import io
import struct
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Mapping

import httpx
import pytest
from PIL import Image

from detector.types import Pixels


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *more: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + b"".join(more) + _chunk(b"IEND", b"")


def _encoded(format: str) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((96, 96), 60).convert("RGB").save(buffer, format)
    return buffer.getvalue()


def _zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("picture.png", _encoded("PNG"))
    return buffer.getvalue()


BOMB = _chunk(b"IDAT", zlib.compress(b"\0" * 40_000_000, 9))
"""Forty megabytes of nothing in forty kilobytes."""
TIFF_LOOP = b"II*\0\x08\0\0\0\0\0\x08\0\0\0"
FILES: Mapping[str, tuple[bytes, set[str]]] = {
    "empty": (b"", {"empty_media"}),
    "text": (b"This is no picture.\n", {"unsupported_media"}),
    "script": (b"#!/bin/sh\nrm -rf /\n", {"unsupported_media"}),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', {"unsupported_media"}),
    "pdf": (b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF", {"unsupported_media"}),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", {"unsupported_media"}),
    "photoshop": (b"8BPS\0\1" + b"\0" * 60, {"unsupported_media"}),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 60, {"unsupported_media"}),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 60, {"unsupported_media"}),
    "sgi": (b"\x01\xda\x01\x01\0\x03" + b"\0" * 512, {"unsupported_media"}),
    "fli": (b"\x80\0\0\0\x12\xaf\1\0" + b"\0" * 120, {"unsupported_media"}),
    "icon": (b"\0\0\1\0\1\0" + b"\0" * 60, {"unsupported_media"}),
    "zip": (_zipped(), {"unsupported_media"}),
    "zip behind a signature": (b"\xff\xd8\xff" + _zipped(), {"unreadable_media"}),
    "page behind a signature": (b"GIF89a<script>alert(1)</script>", {"unreadable_media"}),
    "cut jpeg": (_encoded("JPEG")[:120], {"unreadable_media"}),
    "cut png": (_encoded("PNG")[:80], {"unreadable_media"}),
    "cut gif": (_encoded("GIF")[:40], {"unreadable_media"}),
    "cut webp": (_encoded("WEBP")[:40], {"unreadable_media"}),
    "cut tiff": (_encoded("TIFF")[:30], {"unreadable_media"}),
    "cut bitmap": (_encoded("BMP")[:40], {"unreadable_media"}),
    "png without picture": (_png(8, 8), {"unreadable_media"}),
    "png of no size": (_png(0, 0), {"unreadable_media"}),
    "png that unpacks to too much": (_png(100_000, 100_000, BOMB), {"media_too_large", "unreadable_media"}),
    "gif of sixty-five thousand a side": (
        b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\0;",
        {"media_too_large"},
    ),
    "tiff that leads back to itself": (TIFF_LOOP, {"unreadable_media"}),
    "bitmap of a negative size": (
        b"BM" + struct.pack("<IIIIiiHHI", 54, 0, 54, 40, -5, -5, 1, 24, 0) + b"\0" * 20,
        {"media_too_large", "unreadable_media"},
    ),
    "nothing but a signature": (b"\x89PNG\r\n\x1a\n", {"unreadable_media"}),
}


UNDECODED = {"photoshop", "jpeg 2000", "heic", "svg", "pdf", "zip"}


@pytest.mark.parametrize("name", FILES)
async def test_a_bad_file_is_refused_with_a_code(
    client: httpx.AsyncClient,
    issue: Callable[..., Awaitable[dict[str, str]]],
    make_photo: Callable[..., Pixels],
    encode: Callable[..., bytes],
    name: str,
) -> None:
    data, codes = FILES[name]
    headers, files = await issue("inspect", "verify"), {"file": ("holiday.jpg", data)}
    inspected = await client.post("/v1/inspections", files=files, headers=headers)
    assert 400 <= inspected.status_code < 500, inspected.text
    assert inspected.json()["code"] in codes, inspected.text
    assert inspected.headers["content-type"] == "application/problem+json"
    # A verification also reads credentials of kinds that are not decoded here, and may find that there are none.
    verified = await client.post("/v1/verifications", files=files, headers=headers)
    assert verified.status_code == 201 if name in UNDECODED else 400 <= verified.status_code < 500, verified.text
    good = await client.post("/v1/verifications", files={"file": ("good.png", encode(make_photo()))}, headers=headers)
    assert good.status_code == 201
