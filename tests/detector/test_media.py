"""Opening pictures: every accepted format and colour mode, every EXIF turn, and every way in which a file can lie."""

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from detector.decoder import ORIENTATION_TAG
from detector.errors import (
    DetectorError,
    EmptyMedia,
    MediaTooLarge,
    SourceNotFound,
    UnreadableMedia,
    UnsupportedMedia,
)
from detector.media import has_more_frames, open_media, read_file, sha256_hex, sniff
from detector.sandbox import Limits, Sandbox
from detector.types import MediaKind, Pixels

Encode = Callable[..., bytes]
Photo = Callable[..., Pixels]
WHITE, BLACK = 255, 0
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        PNG_SIGNATURE
        + _png_chunk(b"IHDR", header)
        + _png_chunk(b"IDAT", zlib.compress(data))
        + _png_chunk(b"IEND", b"")
    )


def _pixels(data: bytes, sandbox: Sandbox) -> Pixels:
    media, frame = open_media(data, sandbox=sandbox)
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.shape == (media.height, media.width, 3)
    return frame.pixels


def _difference(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())


@pytest.mark.parametrize(
    ("format", "mime", "tolerance"),
    [
        ("PNG", "image/png", 0.0),
        ("BMP", "image/bmp", 0.0),
        ("TIFF", "image/tiff", 0.0),
        ("JPEG", "image/jpeg", 6.0),
        ("WEBP", "image/webp", 6.0),
        ("AVIF", "image/avif", 6.0),
        ("GIF", "image/gif", 20.0),
    ],
)
def test_accepted_formats(
    format: str, mime: str, tolerance: float, sandbox: Sandbox, make_photo: Photo, encode: Encode
) -> None:
    pixels = make_photo(width=96, height=64)
    data = encode(pixels, format)
    media, frame = open_media(data, sandbox=sandbox)
    assert (media.kind, media.mime, media.width, media.height) == (MediaKind.IMAGE, mime, 96, 64)
    assert (media.sha256, media.size_bytes, media.duration_s) == (sha256_hex(data), len(data), None)
    assert (frame.index, frame.time_s) == (0, None)
    assert _difference(frame.pixels, pixels) <= tolerance


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "RGBA", "YCbCr"])
def test_colour_modes(mode: str, sandbox: Sandbox, make_photo: Photo, encode: Encode) -> None:
    pixels = make_photo(width=64, height=48)
    format = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    expected = np.asarray(Image.fromarray(pixels).convert(mode).convert("RGB"))
    assert _difference(_pixels(encode(pixels, format, mode=mode), sandbox), expected) < 6


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey(format: str, sandbox: Sandbox, tmp_path: Path) -> None:
    samples = np.linspace(0, 65535, 256 * 4).astype(np.uint16).reshape(4, 256)
    Image.fromarray(samples).save(tmp_path / "grey", format)
    pixels = _pixels((tmp_path / "grey").read_bytes(), sandbox)
    assert (int(pixels.min()), int(pixels.max())) == (BLACK, WHITE)
    np.testing.assert_allclose(pixels[..., 0], samples / 257, atol=0.51)


@pytest.mark.parametrize(
    ("samples", "white"),
    [
        (np.linspace(0, 1, 64, dtype=np.float32), 1.0),
        (np.linspace(0, 255, 64, dtype=np.float32), 255.0),
        (np.linspace(0, 40000, 64, dtype=np.int32), 65535.0),
        (np.array([np.nan, -5, np.inf, 1, *range(60)], dtype=np.float32), 255.0),
    ],
)
def test_deep_tiff_is_scaled(samples: NDArray[np.generic], white: float, sandbox: Sandbox, tmp_path: Path) -> None:
    Image.fromarray(samples.reshape(8, 8)).save(tmp_path / "deep.tif")
    pixels = _pixels((tmp_path / "deep.tif").read_bytes(), sandbox)
    finite = np.where(np.isfinite(samples), samples, 0)
    np.testing.assert_allclose(pixels[..., 0].ravel(), np.clip(finite / white, 0, 1) * 255, atol=0.51)


def test_sixteen_bit_colour_png(sandbox: Sandbox) -> None:
    row = b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 32768, 65535)
    np.testing.assert_array_equal(_pixels(_png(2, 1, row, depth=16, colour=2), sandbox), [[[255, 0, 0], [0, 128, 255]]])


def test_transparency_is_laid_over_white(sandbox: Sandbox, tmp_path: Path) -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[:, 1, 3], rgba[:, 2, 3] = 128, 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    pixels = _pixels((tmp_path / "a.png").read_bytes(), sandbox)
    np.testing.assert_allclose(pixels[0, :, 0], [255, 127, 0], atol=1)


def test_transparent_palette_entry_is_white(sandbox: Sandbox, tmp_path: Path) -> None:
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([0, 0, 200, 10, 20, 30])
    picture.putpixel((1, 1), 1)
    picture.save(tmp_path / "p.gif", transparency=0)
    pixels = _pixels((tmp_path / "p.gif").read_bytes(), sandbox)
    assert pixels[0, 0].tolist() == [WHITE] * 3
    assert pixels[1, 1].tolist() == [10, 20, 30]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turn(format: str, orientation: int, sandbox: Sandbox, make_photo: Photo, encode: Encode) -> None:
    upright = make_photo(width=48, height=32)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    data = encode(np.ascontiguousarray(stored), format, exif=exif, quality=95)
    assert _difference(_pixels(data, sandbox), upright) < 6


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0", b"\0" * 64])
def test_broken_exif_does_not_spoil_the_picture(
    exif: bytes, sandbox: Sandbox, make_photo: Photo, encode: Encode
) -> None:
    pixels = make_photo(width=32, height=32)
    assert _difference(_pixels(encode(pixels, "JPEG", exif=exif), sandbox), pixels) < 6


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_more_frames_or_pages_than_the_first_are_seen(format: str, sandbox: Sandbox, make_photo: Photo) -> None:
    first, second = (Image.fromarray(make_photo(seed, width=64, height=64)) for seed in (1, 2))
    mime = f"image/{format.lower()}"
    one, both = io.BytesIO(), io.BytesIO()
    first.save(one, format)
    first.save(both, format, save_all=True, append_images=[second])
    assert not has_more_frames(one.getvalue(), mime, sandbox=sandbox)
    assert has_more_frames(both.getvalue(), mime, sandbox=sandbox)


def test_what_cannot_be_told_counts_as_more(sandbox: Sandbox) -> None:
    assert has_more_frames(b"GIF89a", "image/gif", sandbox=sandbox)
    assert not has_more_frames(b"", "image/jpeg", sandbox=sandbox)


def test_first_frame_of_an_animation(sandbox: Sandbox, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for name in ("a.gif", "a.webp", "a.png", "a.tiff"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        red, _, blue = _pixels((tmp_path / name).read_bytes(), sandbox)[4, 4]
        assert red > 200 > 60 > blue


@pytest.mark.parametrize(
    ("head", "kind", "mime"),
    [
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", MediaKind.VIDEO, "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", MediaKind.VIDEO, "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", MediaKind.VIDEO, "video/webm"),
        (b"\x1a\x45\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", MediaKind.VIDEO, "video/x-matroska"),
        (b"RIFF\x10\0\0\0AVI LIST", MediaKind.VIDEO, "video/x-msvideo"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", MediaKind.IMAGE, "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", MediaKind.IMAGE, "image/avif"),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", MediaKind.IMAGE, "image/jp2"),
        (b"8BPS\0\x01", MediaKind.IMAGE, "image/vnd.adobe.photoshop"),
        (b"\0\0\0\x14ftypM4A \0\0\0\0M4A ", MediaKind.AUDIO, "audio/mp4"),
        (b"RIFF\x10\0\0\0WAVEfmt ", MediaKind.AUDIO, "audio/wav"),
        (b"fLaC\0\0\0\x22", MediaKind.AUDIO, "audio/flac"),
        (b"ID3\x04\0\0", MediaKind.AUDIO, "audio/mpeg"),
        (b"\xff\xfb\x90\x64", MediaKind.AUDIO, "audio/mpeg"),
        (b"PK\x03\x04\x14\0", MediaKind.DOCUMENT, "application/x-zip"),
        (b'\xef\xbb\xbf <svg xmlns="http://www.w3.org/2000/svg">', MediaKind.IMAGE, "image/svg+xml"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg>', MediaKind.IMAGE, "image/svg+xml"),
        (b'<?xml version="1.0"?>\n<html><p>an svg</p></html>', MediaKind.UNKNOWN, "application/octet-stream"),
        (b"<!DOCTYPE html><svg>", MediaKind.UNKNOWN, "application/octet-stream"),
        (b"BMW is a maker of cars", MediaKind.UNKNOWN, "application/octet-stream"),
        (b"%PDF-1.7", MediaKind.DOCUMENT, "application/pdf"),
        (b"", MediaKind.UNKNOWN, "application/octet-stream"),
    ],
)
def test_sniff(head: bytes, kind: MediaKind, mime: str) -> None:
    assert sniff(head) == (kind, mime)


@pytest.mark.parametrize(
    "data",
    [
        b"just some text\n" * 10,
        b"PK\x03\x04" + bytes(64),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x0a\x05\x01\x08" + bytes(124),
        b"\x01\xda\x01\x01" + bytes(600),
        bytes(4) + b"\x11\xaf" + bytes(122),
        b"8BPS\0\x01" + bytes(40),
        b"\0\0\x01\0\x01\0" + bytes(40),
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        b"P6 9999 9999 255\n",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
    ],
    ids=["text", "zip", "eps", "pcx", "sgi", "fli", "psd", "ico", "jp2", "ppm", "heic"],
)
def test_other_formats_never_reach_a_decoder(data: bytes, sandbox: Sandbox) -> None:
    with pytest.raises(UnsupportedMedia):
        open_media(data, sandbox=sandbox)


def test_video_is_named_as_such(sandbox: Sandbox) -> None:
    with pytest.raises(UnsupportedMedia, match="a picture is asked for here"):
        open_media(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(99), sandbox=sandbox)


def test_no_bytes(sandbox: Sandbox) -> None:
    with pytest.raises(EmptyMedia):
        open_media(b"", sandbox=sandbox)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_truncated_file(format: str, kept: float, sandbox: Sandbox, make_photo: Photo, encode: Encode) -> None:
    data = encode(make_photo(), format)
    with pytest.raises(UnreadableMedia):
        open_media(data[: int(len(data) * kept) + 4], sandbox=sandbox)


def test_png_bomb_is_refused_by_its_header(sandbox: Sandbox) -> None:
    with pytest.raises(MediaTooLarge):
        open_media(_png(30_000, 30_000, bytes(1000)), sandbox=sandbox)


def test_png_that_ends_before_its_size(sandbox: Sandbox) -> None:
    with pytest.raises(UnreadableMedia):
        open_media(_png(3000, 3000, bytes(1000)), sandbox=sandbox)


def test_png_text_bomb(sandbox: Sandbox) -> None:
    bomb = _png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(200_000_000)))
    data = _png(4, 4, bytes(20))
    with pytest.raises(DetectorError):
        open_media(data[:33] + bomb + data[33:], sandbox=sandbox)


def test_gif_frame_beyond_its_screen(sandbox: Sandbox) -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\0;"
    with pytest.raises(MediaTooLarge):
        open_media(screen + frame, sandbox=sandbox)


def test_webp_bomb(sandbox: Sandbox) -> None:
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + (16000).to_bytes(3, "little") * 2
    data = b"RIFF" + struct.pack("<I", len(canvas) + 4) + b"WEBP" + canvas
    with pytest.raises(MediaTooLarge):
        open_media(data, sandbox=sandbox)


def test_tiff_that_claims_a_terabyte(sandbox: Sandbox) -> None:
    entries = ((256, 4, 1, 2**20), (257, 4, 1, 2**20), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8))
    data = (
        b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    )
    with pytest.raises(MediaTooLarge):
        open_media(data, sandbox=sandbox)


def test_no_pixels(sandbox: Sandbox) -> None:
    with pytest.raises(UnreadableMedia):
        open_media(_png(0, 0, b""), sandbox=sandbox)


def test_polyglot_is_read_as_what_it_begins_with(sandbox: Sandbox, make_photo: Photo, encode: Encode) -> None:
    pixels = make_photo(width=32, height=32)
    assert _difference(_pixels(encode(pixels) + b"PK\x03\x04" + bytes(99), sandbox), pixels) == 0


def test_limits_of_the_sandbox_hold(make_photo: Photo, encode: Encode) -> None:
    data = encode(make_photo(width=64, height=64), "BMP")
    with Sandbox(limits=Limits(max_pixels=64 * 64 - 1)) as small, pytest.raises(MediaTooLarge):
        open_media(data, sandbox=small)
    with Sandbox(limits=Limits(max_pixels=64 * 64, max_bytes=len(data))) as exact:
        open_media(data, sandbox=exact)
        with pytest.raises(MediaTooLarge):
            open_media(data + b"\0", sandbox=exact)


def test_read_file(tmp_path: Path) -> None:
    path = tmp_path / "日本.bin"
    path.write_bytes(b"12345")
    assert read_file(path, Limits(max_bytes=5)) == b"12345"
    with pytest.raises(MediaTooLarge):
        read_file(path, Limits(max_bytes=4))
    path.write_bytes(b"")
    with pytest.raises(EmptyMedia):
        read_file(path)


def test_read_file_that_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe", tmp_path / "loop", Path("a\0b"), Path("/dev/zero")):
        with pytest.raises(SourceNotFound):
            read_file(path)


@settings(max_examples=150, deadline=None)
@given(
    format=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
    cut=st.floats(0.1, 1),
)
def test_damaged_bytes_give_a_picture_or_a_typed_error(
    sandbox: Sandbox,
    make_photo: Photo,
    encode: Encode,
    format: str,
    edits: list[tuple[float, bytes]],
    cut: float,
) -> None:
    data = bytearray(encode(make_photo(width=40, height=30), format))
    for place, replacement in edits:
        start = int(place * (len(data) - 1))
        data[start : start + len(replacement)] = replacement
    with contextlib.suppress(UnreadableMedia, UnsupportedMedia, MediaTooLarge):
        _pixels(bytes(data[: int(len(data) * cut)]), sandbox)


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=64),
    st.sampled_from([b"", b"\xff\xd8\xff", PNG_SIGNATURE, b"GIF89a", b"II*\0", b"RIFF\0\0\0\0WEBP"]),
)
def test_random_bytes_give_a_typed_error(sandbox: Sandbox, tail: bytes, head: bytes) -> None:
    with pytest.raises(DetectorError):
        open_media(head + tail, sandbox=sandbox)
