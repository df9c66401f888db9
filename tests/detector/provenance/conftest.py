"""Signed pictures made on the spot: factories for what honest signers, other signers and forgers produce."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import c2pa
import pytest

from generator.marking import SETTINGS
from generator.signing import DevelopmentCA, KeySource

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
}


@pytest.fixture(scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose development CA is made and signs for the tests."""
    folder = tmp_path_factory.mktemp("own")
    DevelopmentCA(folder).ensure()
    return folder


@pytest.fixture(scope="session")
def sign(own_home: Path) -> Callable[..., bytes]:
    """`sign(file, mime=…, actions=…, source=…, parent=…, assertions=…, remote=…)`: it with a manifest of its own."""

    def _sign(
        data: bytes,
        *,
        mime: str = "image/png",
        actions: tuple[dict[str, Any], ...] = (CREATED,),
        source: KeySource | None = None,
        parent: bytes | None = None,
        assertions: tuple[dict[str, Any], ...] = (),
        remote: str | None = None,
    ) -> bytes:
        listed = [{"label": "c2pa.actions.v2", "data": {"actions": list(actions)}, "created": True}] if actions else []
        manifest = {
            "claim_generator_info": [{"name": "Test camera", "version": "1"}],
            "assertions": [*listed, *assertions],
        }
        signed = io.BytesIO()
        signer = (source or DevelopmentCA(own_home)).signer()
        with c2pa.Context.from_dict(dict(SETTINGS)) as context, c2pa.Builder(manifest, context) as builder, signer:
            if parent is not None:
                builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
                builder.add_ingredient(
                    {"title": "parent.png", "relationship": "parentOf"}, "image/png", io.BytesIO(parent)
                )
            if remote is not None:
                builder.set_no_embed()
                builder.set_remote_url(remote)
            builder.sign(signer, mime, io.BytesIO(data), signed)
        return signed.getvalue()

    return _sign


@pytest.fixture(scope="session")
def transplant() -> Callable[[bytes, bytes], bytes]:
    """`transplant(signed, other)`: the other PNG with the manifest chunk of the signed one, in the same place."""
    return _transplant


def _transplant(signed: bytes, other: bytes) -> bytes:
    manifest = next(chunk for kind, chunk in _chunks(signed) if kind == b"caBX")
    header, *rest = (chunk for _, chunk in _chunks(other))
    return SIGNATURE + header + manifest + b"".join(rest)


@pytest.fixture(scope="session")
def flip() -> Callable[[bytes, int, int], bytes]:
    """`flip(signed, position, mask)`: one byte of the manifest changed, its chunk's checksum made right again."""
    return _flip


def _flip(signed: bytes, position: int, mask: int) -> bytes:
    out = [SIGNATURE]
    for kind, chunk in _chunks(signed):
        if kind == b"caBX":
            body = bytearray(chunk[8:-4])
            body[position % len(body)] ^= mask
            chunk = chunk[:4] + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        out.append(chunk)
    return b"".join(out)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and whole bytes of every chunk."""
    position = len(SIGNATURE)
    while position < len(png):
        end = position + 12 + int.from_bytes(png[position : position + 4], "big")
        yield png[position + 4 : position + 8], png[position:end]
        position = end
