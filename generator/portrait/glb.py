"""Writes a textured face as GLB (glTF 2.0, section 4.4), the texture's file inside byte for byte, credentials and all.

General exporters encode the texture anew, which would take its signature and, at worst, its mark.
"""

import json
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from generator.portrait.head import Head, normals

MIME: Final = "model/gltf-binary"
MAGIC: Final = 0x46546C67
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_INT = 5126, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
METRES_PER_MM: Final = 1e-3


def write_glb(head: Head, texture: bytes, *, mime: str) -> bytes:
    """The face in metres, y up and looking along +z, as glTF has it; `texture` is a PNG or JPEG file."""
    flip = np.array([1.0, -1.0, -1.0])
    points = (head.points * flip * METRES_PER_MM).astype(np.float32)
    shading = (normals(head.points, head.triangles) * flip).astype(np.float32)
    parts = [points, shading, head.uv.astype(np.float32), head.triangles.astype(np.uint32)]
    chunks = [*(part.tobytes() for part in parts), texture]
    document = _document(points, parts, chunks, mime)
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(chunk + b"\0" * (-len(chunk) % 4) for chunk in chunks)
    body = struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return struct.pack("<III", MAGIC, 2, 12 + len(body)) + body


def texture_of(data: bytes) -> bytes:
    """The texture's file inside a GLB that `write_glb` wrote; raises `ValueError` for another."""
    magic, version, length = struct.unpack_from("<III", data)
    if (magic, version, length) != (MAGIC, 2, len(data)):
        raise ValueError("no GLB of this kind")
    size = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + size])
    at = document["bufferViews"][document["images"][0]["bufferView"]]
    start = 20 + size + 8 + at["byteOffset"]
    return data[start : start + at["byteLength"]]


def _document(points: NDArray[np.float32], parts: list[NDArray[Any]], chunks: list[bytes], mime: str) -> dict[str, Any]:
    kinds = ("VEC3", "VEC3", "VEC2", "SCALAR")
    accessors: list[dict[str, Any]] = [
        {"bufferView": i, "componentType": FLOAT, "count": len(parts[i]), "type": kinds[i]} for i in range(3)
    ]
    accessors[0] |= {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
    accessors.append({"bufferView": 3, "componentType": UNSIGNED_INT, "count": parts[3].size, "type": kinds[3]})
    views, offset = [], 0
    for i, chunk in enumerate(chunks):
        target = {} if i > 3 else {"target": ELEMENT_ARRAY_BUFFER if i == 3 else ARRAY_BUFFER}
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": len(chunk), **target})
        offset += len(chunk) + -len(chunk) % 4
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    skin = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 0.9}
    return {
        "asset": {"version": "2.0", "generator": "Shingan"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "face"}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": skin, "doubleSided": True}],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        "images": [{"bufferView": 4, "mimeType": mime}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
