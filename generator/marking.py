"""Marks a picture in every layer that the law and readers ask for: watermark, XMP fields, signed C2PA manifest.

The order matters: the watermark changes pixels and the XMP changes bytes, so the signature, which covers both, is last.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final
from xml.sax.saxutils import escape

import c2pa
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from detector.media import sha256_hex
from detector.provenance.credentials import SOFT_BINDING_ALGORITHM, SOURCE_TYPES, soft_binding_value
from detector.provenance.fingerprint import pdq
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import embed
from detector.types import Pixels
from generator.errors import SigningFailed
from generator.signing import KeySource

PRODUCT: Final = "Shingan"
SPEC_VERSION: Final = "2.4"
MIME: Final = "image/png"
GENERATED: Final = "trainedAlgorithmicMedia"
EDITED: Final = "compositeWithTrainedAlgorithmicMedia"
XMP_KEYWORD: Final = "XML:com.adobe.xmp"
CERTAINLY_GENERATED: Final = "1"
"""`Label` of the AIGC field: 1 generated, 2 possibly, 3 suspected (GB 45438-2025, appendix E)."""
SETTINGS: Final[Mapping[str, Any]] = {
    # No thumbnail: it would be 99 % of the time that signing takes. No check after signing: the release does its own.
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
_XMP: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/">'
    "<xmp:CreatorTool>{tool}</xmp:CreatorTool><xmp:CreateDate>{created_at}</xmp:CreateDate>"
    "<Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>"
    "<TC260:AIGC>{aigc}</TC260:AIGC>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a released file says of its making; `created_at` is RFC 3339, `digital_source_type` an IPTC term."""

    seed: int
    backend: str
    created_at: str
    prompt: str | None = None
    digital_source_type: str = GENERATED


@dataclass(frozen=True, slots=True)
class Marked:
    """A PNG that carries everything; `manifest` is its C2PA manifest store, `fingerprint` that of its own pixels."""

    data: bytes
    manifest: bytes
    sha256: str
    fingerprint: str


def mark(pixels: Pixels, *, record_id: str, key: MarkKey, source: KeySource, statement: Statement) -> Marked:
    """`pixels` with watermark, XMP and manifest, as PNG. Raises `SigningFailed`."""
    watermarked = embed(pixels, payload=Payload(record_id, key.key_id), key=key)
    unsigned = _png(watermarked, xmp(record_id, statement))
    data, manifest = _sign(unsigned, claim(record_id, statement), source)
    return Marked(data, manifest, sha256=sha256_hex(data), fingerprint=pdq(watermarked)[0])


def claim(record_id: str, statement: Statement) -> dict[str, Any]:
    """The manifest to be signed: C2PA claim version 2, every assertion vouched for by the signer (`created`)."""
    agent = {"name": PRODUCT, "version": version("shingan")}
    created = {
        "action": "c2pa.created",
        "when": statement.created_at,
        "digitalSourceType": SOURCE_TYPES + statement.digital_source_type,
        "softwareAgent": agent,
        "parameters": _parameters(statement),
    }
    bound = {
        "action": "c2pa.watermarked.bound",
        "when": statement.created_at,
        "digitalSourceType": SOURCE_TYPES + statement.digital_source_type,
        "softwareAgent": agent,
    }
    binding = {
        "alg": SOFT_BINDING_ALGORITHM,
        "blocks": [{"scope": {}, "value": soft_binding_value(record_id)}],
    }
    return {
        "claim_version": 2,
        "claim_generator_info": [{**agent, "specVersion": SPEC_VERSION}],
        "title": f"{record_id}.png",
        "format": MIME,
        "assertions": [
            _assertion("c2pa.actions.v2", {"allActionsIncluded": True, "actions": [created, bound]}),
            _assertion("c2pa.soft-binding", binding),
        ],
    }


def xmp(record_id: str, statement: Statement) -> str:
    """The XMP packet: IPTC's digital source type, and the AIGC field of GB 45438-2025 under TC260's namespace."""
    aigc = {
        "Label": CERTAINLY_GENERATED,
        "ContentProducer": PRODUCT,
        "ProduceID": record_id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    fields = {
        "tool": f"{PRODUCT} {version('shingan')}",
        "created_at": statement.created_at,
        "source_type": SOURCE_TYPES + statement.digital_source_type,
        "aigc": json.dumps(aigc, separators=(",", ":")),
    }
    return _XMP.format(**{name: escape(text) for name, text in fields.items()})


def _parameters(statement: Statement) -> dict[str, Any]:
    said = {"shingan.seed": str(statement.seed), "shingan.backend": statement.backend}
    return said if statement.prompt is None else {**said, "shingan.prompt": statement.prompt}


def _assertion(label: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": label, "data": dict(content), "created": True}


def _png(pixels: Pixels, packet: str) -> bytes:
    chunks = PngInfo()
    chunks.add_itxt(XMP_KEYWORD, packet)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def _sign(unsigned: bytes, manifest: Mapping[str, Any], source: KeySource) -> tuple[bytes, bytes]:
    signed = io.BytesIO()
    try:
        with (
            c2pa.Context.from_dict(dict(SETTINGS)) as context,
            source.signer() as signer,
            c2pa.Builder(dict(manifest), context) as builder,
        ):
            store = builder.sign(signer, MIME, io.BytesIO(unsigned), signed)
    except c2pa.C2paError as error:
        raise SigningFailed("The file could not be signed.") from error
    return signed.getvalue(), bytes(store)
