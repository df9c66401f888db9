"""An operator's own detector: what joins, what is refused, and that nothing uncalibrated is heard."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import tomli_w
import torch
from onnx import TensorProto, helper, numpy_helper

from detector.classifier.own_card import InputForm, OutputForm, read_own_card
from detector.classifier.own_store import DetectorStore
from detector.classifier.registry import load_expert
from detector.errors import ModelUnavailable
from detector.types import Tier

SIDE = 16


class Brightness(torch.nn.Module):
    """The mean of the picture, as a logit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=[1, 2, 3]).unsqueeze(1)


def onnx_model(path: Path, *, domain: str = "", external: str = "") -> None:
    """The mean of the picture plus a bias of zero, with a custom operator or a tensor in another file on request."""
    bias = numpy_helper.from_array(np.zeros((1, 1), np.float32), "bias")
    if external:
        bias.ClearField("raw_data")
        bias.data_location = TensorProto.EXTERNAL
        bias.external_data.add(key="location", value=external)
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["p"]),
        helper.make_node("ReduceMean", ["p"], ["m"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["m", "shape"], ["r"]),
        helper.make_node("Add" if not domain else "Own", ["r", "bias"], ["y"], domain=domain),
    ]
    shape = numpy_helper.from_array(np.array([-1, 1], np.int64), "shape")
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "tiny", [takes], [gives], [bias, shape])
    sets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    path.write_bytes(helper.make_model(graph, opset_imports=sets, ir_version=8).SerializeToString())


def write_card(folder: Path, arch: str = "onnx", **changes: object) -> Path:
    model = folder / ("tiny.onnx" if arch == "onnx" else "tiny.pt")
    if not model.exists():
        if arch == "onnx":
            onnx_model(model)
        else:
            torch.jit.save(torch.jit.trace(Brightness(), torch.zeros(2, 3, SIDE, SIDE)), str(model))  # type: ignore[no-untyped-call]
    table = {
        "name": "own.tiny",
        "kind": "synthesis",
        "arch": arch,
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "side": SIDE,
        "licence": "MIT",
    }
    path = folder / "tiny.card.toml"
    path.write_text(tomli_w.dumps({"model": table | changes, "output": {"column": 0}}))
    return path


def views(count: int) -> list[tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], ...]]:
    return [(np.full((SIDE, SIDE, 3), 10 * number, np.uint8),) for number in range(count)]


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize("arch", ["onnx", "torchscript"])
def test_both_kinds_read_what_their_card_says(tmp_path: Path, arch: str) -> None:
    added = DetectorStore(tmp_path / "home").add(write_card(tmp_path, arch), trust_code=arch == "torchscript")
    reading = load_expert(added, device="cpu").read(views(19))
    assert np.allclose(reading.logits, np.arange(19) * 10 / 255, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_code_runs_only_with_consent_that_the_card_cannot_bring(tmp_path: Path) -> None:
    path = write_card(tmp_path, "torchscript", trust_code=True)
    store = DetectorStore(tmp_path / "home")
    with pytest.raises(ModelUnavailable, match="--trust-code"):
        store.add(path)
    assert store.cards() == ()


def test_the_store_keeps_lists_and_forgets(tmp_path: Path) -> None:
    store = DetectorStore(tmp_path / "home")
    assert store.cards() == ()
    store.add(write_card(tmp_path))
    with pytest.raises(ModelUnavailable, match="already"):
        store.add(tmp_path / "tiny.card.toml")
    assert [own.card.name for own in store.loaded()] == ["own.tiny"]
    store.remove("own.tiny")
    assert store.cards() == ()
    for name in ("own.tiny", "..", "../home"):
        with pytest.raises(ModelUnavailable):
            store.remove(name)


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "0" * 64}, {"file": "none.onnx"}, {"file": "../tiny.onnx"}, {"kind": "watermark"},
        {"side": 0}, {"side": 9999}, {"name": "../up"},
    ],
)  # fmt: skip
def test_a_card_that_is_wrong_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ModelUnavailable):
        DetectorStore(tmp_path / "home").add(write_card(tmp_path, "onnx", **changes))


@pytest.mark.parametrize("place", ["relative", "absolute", "parent"])
def test_tensors_in_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for spot in (folder, tmp_path):
        (spot / "data.bin").write_bytes(bytes(4))
    monkeypatch.chdir(folder)
    external = {"relative": "data.bin", "absolute": str(tmp_path / "data.bin"), "parent": "../data.bin"}[place]
    onnx_model(folder / "tiny.onnx", external=external)
    with pytest.raises(ModelUnavailable):
        load_expert(write_card(folder), device="cpu")


def test_operators_of_a_custom_library_are_refused(tmp_path: Path) -> None:
    onnx_model(tmp_path / "tiny.onnx", domain="own.ops")
    with pytest.raises(ModelUnavailable, match="refuses"):
        load_expert(write_card(tmp_path), device="cpu")


def test_a_tier_without_calibration_can_neither_flag_nor_ask(tmp_path: Path) -> None:
    for calibration in read_own_card(write_card(tmp_path)).card.calibrations.values():
        assert calibration.flag == calibration.review == math.inf
        assert calibration.reals == 0
    assert set(read_own_card(write_card(tmp_path)).card.calibrations) == set(Tier)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (InputForm(), 1.0), (InputForm(scale=1 / 127.5, mean=(1, 1, 1)), 1.0),
        (InputForm(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)), 2.0),
    ],
)  # fmt: skip
def test_input_is_scaled_then_shifted(form: InputForm, value: float) -> None:
    batch = form.apply([np.full((4, 6, 3), 255, np.uint8)])
    assert batch.shape == (1, 3, 4, 6)
    assert np.allclose(batch, value)


def test_input_layout_and_order() -> None:
    crop = np.zeros((4, 6, 3), np.uint8)
    crop[..., 0] = 255
    assert InputForm(layout="nhwc", order="bgr").apply([crop])[0, 0, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("form", "output", "logits"),
    [
        (OutputForm(), [[0.0, 2.0]], [2.0]), (OutputForm(column=0, fake_high=False), [[3.0, 2.0]], [-3.0]),
        (OutputForm(reads="probability"), [[0.5]], [0.0]), (OutputForm(reads="probability"), [0.9], [math.log(9)]),
    ],
)  # fmt: skip
def test_output_becomes_a_logit(form: OutputForm, output: list[float], logits: list[float]) -> None:
    assert np.allclose(form.apply([np.array(output)], count=1), logits)


@pytest.mark.parametrize("output", [[[math.nan]], [[1.0], [2.0], [3.0]]])
def test_an_output_that_is_not_as_said_is_refused(output: list[list[float]]) -> None:
    with pytest.raises(ModelUnavailable):
        OutputForm().apply([np.array(output)], count=2 if len(output) == 3 else 1)


def test_the_onnx_in_this_test_is_well_formed(tmp_path: Path) -> None:
    onnx_model(tmp_path / "tiny.onnx")
    check: Callable[[str], None] = onnx.checker.check_model
    check(str(tmp_path / "tiny.onnx"))
