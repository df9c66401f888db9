"""Marks a picture in every layer that the law and readers ask for: watermark, XMP fields, signed C2PA manifest.

The order matters: the watermark changes pixels and the XMP changes bytes, so the signature, which covers both, is last.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import c2pa

from detector.media import sha256_hex
from detector.provenance.fingerprint import pdq
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import embed
from detector.types import Pixels
from generator.claim import Parent, Statement, claim
from generator.errors import SigningFailed
from generator.packet import encode, xmp
from generator.signing import KeySource
from generator.timestamping import with_stamp

SETTINGS: Final[Mapping[str, Any]] = {
    # No thumbnail: it would be 99 % of the time that signing takes. No check after signing: the release does its own.
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}


@dataclass(frozen=True, slots=True)
class Marked:
    """A file that carries everything; `manifest` is its C2PA manifest store, `fingerprint` that of its own pixels.

    `stamped`: a time-stamp authority vouches for the time of signing.
    """

    data: bytes
    manifest: bytes
    sha256: str
    fingerprint: str
    stamped: bool


def mark(
    pixels: Pixels,
    *,
    record_id: str,
    key: MarkKey,
    source: KeySource,
    statement: Statement,
    mime: str = "image/png",
    parent: Parent | None = None,
    profile: bytes | None = None,
) -> Marked:
    """`pixels` with watermark, XMP and manifest, as a file of type `mime` (one of `packet.PICTURES`).

    `parent` becomes an ingredient of the manifest, `profile` is an ICC profile. Raises `SigningFailed`, or
    `ProvenanceError` for a picture too small to bear a watermark.
    """
    watermarked = embed(pixels, payload=Payload(record_id, key.key_id), key=key)
    unsigned = encode(watermarked, mime=mime, packet=xmp(record_id, statement), profile=profile)
    manifest = claim(record_id, statement, mime=mime, parent=parent)
    data, store, stamped = sign(unsigned, manifest, source, mime=mime, parent=parent)
    return Marked(data, store, sha256=sha256_hex(data), fingerprint=pdq(watermarked)[0], stamped=stamped)


def sign(
    unsigned: bytes, manifest: Mapping[str, Any], source: KeySource, *, mime: str, parent: Parent | None
) -> tuple[bytes, bytes, bool]:
    """The file with its manifest inside, the manifest store alone, and whether a time-stamp is in it.

    The library reads `parent` here, in this process: only a file that the sandbox has read before may come this far.
    Raises `SigningFailed`.
    """

    def with_signer(signer: c2pa.Signer) -> tuple[bytes, bytes]:
        signed = io.BytesIO()
        with c2pa.Context.from_dict(dict(SETTINGS)) as context, c2pa.Builder(dict(manifest), context) as builder:
            if parent is not None:
                builder.add_ingredient(json.dumps(parent.ingredient()), parent.mime, io.BytesIO(parent.data))
            store = builder.sign(signer, mime, io.BytesIO(unsigned), signed)
        return signed.getvalue(), bytes(store)

    try:
        (data, store), stamped = with_stamp(source, with_signer)
    except c2pa.C2paError as error:
        raise SigningFailed("The file could not be signed.") from error
    return data, store, stamped
