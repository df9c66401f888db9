"""Files as honest signers, other signers and forgers make them end as `conformance.toml` says, read in the sandbox."""

import io
import time
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
import pytest
from PIL import Image

from detector.media import sniff
from detector.provenance.check import READ_CREDENTIALS
from detector.provenance.credentials import from_json
from detector.provenance.trust import TrustStore
from detector.sandbox import Sandbox
from detector.types import Credentials, Pixels
from generator.signing import LEAF_LIFE, DevelopmentCA, PemFiles
from tests.detector.provenance import other_media

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CREATED = {"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}
REMOTE = "https://manifests.example/1"
PNG, JPEG, WEBP, TIFF, AVIF, MP4 = "image/png", "image/jpeg", "image/webp", "image/tiff", "image/avif", "video/mp4"
GIF, SVG, MOV, AVI = "image/gif", "image/svg+xml", "video/quicktime", "video/x-msvideo"
WAV, MP3, FLAC, M4A, PDF, EPUB = (
    "audio/wav",
    "audio/mpeg",
    "audio/flac",
    "audio/mp4",
    "application/pdf",
    "application/epub+zip",
)
TABLE: Mapping[str, Mapping[str, Any]] = tomllib.loads(Path(__file__).with_name("conformance.toml").read_text())
Maker: TypeAlias = Callable[..., bytes]


class Studio:
    """Makes the files; `sign` signs as this instance, whom the reader trusts, unless another `source` is given."""

    def __init__(self, sign: Maker, transplant: Maker, film: Maker, pixels: Pixels, folder: Path) -> None:
        self.sign = sign
        self.transplant = transplant
        self.film = film
        self.pixels = pixels
        self.folder = folder
        self.png = _encoded(pixels, "PNG")

    def picture(self, mime: str) -> bytes:
        """A signed picture of type `mime`."""
        options = {"quality": 90} if mime in (JPEG, WEBP, AVIF) else {}
        return self.sign(_encoded(self.pixels, mime.partition("/")[2], **options), mime=mime)

    def clip(self) -> bytes:
        return self.sign(self.film([self.pixels] * 3), mime=MP4)

    def other(self, data: bytes, mime: str) -> bytes:
        return self.sign(data, mime=mime)

    def stranger(self) -> DevelopmentCA:
        return DevelopmentCA(self.folder / "stranger")

    def repainted(self) -> bytes:
        """The signed PNG with one sample changed, and everything else as it was."""
        pixels = self.pixels.copy()
        pixels[5, 7, 1] ^= 1
        return self.transplant(self.sign(self.png), _encoded(pixels, "PNG"))

    def expired(self) -> bytes:
        """Signed in the last two seconds of a certificate, and given away after its end."""
        home, end = self.folder / "expired", datetime.now(UTC) + timedelta(seconds=2)
        DevelopmentCA(home).ensure(now=end - LEAF_LIFE)
        leaf, key = (home / "keys" / "ca" / name for name in ("leaf.pem", "leaf.key"))
        data = self.sign(self.png, source=PemFiles(leaf, key))
        time.sleep((end - datetime.now(UTC)).total_seconds() + 1)
        return data

    def child(self, parent: bytes) -> bytes:
        return self.sign(self.png, actions=(), parent=parent)


MAKERS: Mapping[str, Callable[[Studio], bytes]] = {
    # Whole files.
    "intact png": lambda studio: studio.picture(PNG),
    "intact jpeg": lambda studio: studio.picture(JPEG),
    "intact webp": lambda studio: studio.picture(WEBP),
    "intact tiff": lambda studio: studio.picture(TIFF),
    "intact avif": lambda studio: studio.picture(AVIF),
    "intact mp4": lambda studio: studio.clip(),
    "intact gif": lambda studio: studio.picture(GIF),
    "intact svg": lambda studio: studio.other(other_media.SVG, SVG),
    "intact mov": lambda studio: studio.other(_as_mov(studio.film([studio.pixels] * 3)), MOV),
    "intact avi": lambda studio: studio.other(other_media.avi(studio.pixels), AVI),
    "intact wav": lambda studio: studio.other(other_media.wav(), WAV),
    "intact mp3": lambda studio: studio.other(other_media.sound("mp3", "libmp3lame"), MP3),
    "intact flac": lambda studio: studio.other(other_media.sound("flac", "flac"), FLAC),
    "intact m4a": lambda studio: studio.other(other_media.sound("ipod", "aac"), M4A),
    "intact pdf": lambda studio: studio.other(other_media.pdf(), PDF),
    "intact epub": lambda studio: studio.other(other_media.book(), EPUB),
    "signer on no list": lambda studio: studio.sign(studio.png, source=studio.stranger()),
    "box appended to mp4": lambda studio: studio.clip() + b"\x00\x00\x00\x10free" + bytes(8),
    # Content that is not what was signed.
    "sample changed in png": lambda studio: studio.repainted(),
    "byte changed in jpeg": lambda studio: _flip(studio.picture(JPEG), -20),
    "byte changed in webp": lambda studio: _flip(studio.picture(WEBP), after=b"VP8 ", by=400),
    "byte changed in tiff": lambda studio: _flip(studio.picture(TIFF), after=studio.pixels[0].tobytes()),
    "byte changed in avif": lambda studio: _flip(studio.picture(AVIF), after=b"mdat", by=40),
    "byte changed in wav": lambda studio: _flip(studio.other(other_media.wav(), WAV), 200),
    "byte changed in pdf": lambda studio: studio.other(other_media.pdf(), PDF).replace(b"[0 0 9 9]", b"[0 0 9 8]"),
    "byte changed in svg": lambda studio: studio.other(other_media.SVG, SVG).replace(b'width="9"', b'width="8"'),
    "byte changed in epub": lambda studio: studio.other(other_media.book(), EPUB).replace(b"<html/>", b"<htmk/>"),
    "byte changed in mp4": lambda studio: _flip(studio.clip(), after=b"mdat", by=40),
    "end of jpeg missing": lambda studio: studio.picture(JPEG)[:-20],
    "bytes appended to jpeg": lambda studio: studio.picture(JPEG) + b"more",
    "bytes moved in mp4": lambda studio: _moved(studio.clip()),
    # Manifests that are not what was signed, or should not have been.
    "assertion changed": lambda studio: studio.picture(JPEG).replace(b"digitalCapture", b"digitalCaptura"),
    "claim changed": lambda studio: studio.picture(JPEG).replace(b"Test camera", b"Best camera"),
    "certificate changed": lambda studio: studio.picture(JPEG).replace(b"development signer", b"development signet"),
    "expired, no stamp": lambda studio: studio.expired(),
    "two creations": lambda studio: studio.sign(studio.png, actions=(CREATED, CREATED)),
    "creation without a source": lambda studio: studio.sign(studio.png, actions=({"action": "c2pa.created"},)),
    "opened without an ingredient": lambda studio: studio.sign(studio.png, actions=({"action": "c2pa.opened"},)),
    # Ingredients.
    "parent intact": lambda studio: studio.child(studio.sign(studio.png)),
    "parent of a signer on no list": lambda studio: studio.child(studio.sign(studio.png, source=studio.stranger())),
    "parent broken": lambda studio: studio.child(studio.repainted()),
    "grandparent broken": lambda studio: studio.child(studio.child(studio.repainted())),
    "parent without credentials": lambda studio: studio.child(studio.png),
    # No manifest, or none that can be read.
    "manifest elsewhere": lambda studio: studio.sign(studio.png, remote=REMOTE),
    "stripped": lambda studio: _encoded(np.asarray(Image.open(io.BytesIO(studio.picture(PNG)))), "PNG"),
    "cut png": lambda studio: _half(studio.picture(PNG)),
    "cut jpeg": lambda studio: _half(studio.picture(JPEG)),
    "cut mp4": lambda studio: _half(studio.clip()),
    "garbage": lambda studio: b"garbage" * 100,
    "empty": lambda studio: b"",
}


@pytest.fixture(scope="module")
def studio(
    sign: Maker,
    transplant: Maker,
    film: Maker,
    make_photo: Callable[..., Pixels],
    tmp_path_factory: pytest.TempPathFactory,
) -> Studio:
    return Studio(sign, transplant, film, make_photo(3, width=64, height=48), tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def read(own_home: Path, sandbox: Sandbox) -> Callable[[bytes], Credentials]:
    settings = TrustStore.load(own_home).settings()
    return lambda data: from_json(sandbox.call(READ_CREDENTIALS, data, mime=sniff(data)[1], settings=settings))


def test_every_case_is_in_the_table() -> None:
    assert list(TABLE) == list(MAKERS)


@pytest.mark.parametrize("case", MAKERS)
def test_case_ends_as_the_table_says(case: str, studio: Studio, read: Callable[[bytes], Credentials]) -> None:
    found = read(MAKERS[case](studio))
    ingredients = [list(item.failures) for item in found.ingredients]
    seen = {"state": str(found.state), "failures": list(found.failures), "ingredients": ingredients}
    assert seen == {"failures": [], "ingredients": [], **TABLE[case]}


def _encoded(pixels: Pixels, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def _flip(data: bytes, position: int = 0, *, after: bytes | None = None, by: int = 0) -> bytes:
    """`data` with one bit changed at `position`, or `by` bytes behind the last mark `after`."""
    if after is not None:
        position = data.rindex(after) + by
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def _moved(clip: bytes) -> bytes:
    """Two neighbouring stretches of the coded pictures, each in the place of the other."""
    start = clip.rindex(b"mdat") + 40
    return clip[:start] + clip[start + 8 : start + 16] + clip[start : start + 8] + clip[start + 16 :]


def _as_mov(clip: bytes) -> bytes:
    """The pictures of `clip` as they are coded, in QuickTime's container."""
    buffer = io.BytesIO()
    with av.open(io.BytesIO(clip), "r") as source, av.open(buffer, "w", format="mov") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return buffer.getvalue()


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]
