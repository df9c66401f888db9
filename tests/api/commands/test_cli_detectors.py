"""A tiny ONNX model joins, is silent, is calibrated on a tiny index, and is then named in a scan's evidence."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import tomli_w
from onnx import TensorProto, helper
from skimage import data as photos

from detector.training import own

PICTURES = 12


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """The mean of a crop's pixels, as a logit."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["p"]),
        helper.make_node("ReduceMean", ["p"], ["y"], axes=[1, 2, 3], keepdims=0),
    ]
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(nodes, "tiny", [takes], [gives])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(tmp_path / "tiny.onnx"))
    facts = {
        "name": "own.tiny", "kind": "synthesis", "arch": "onnx", "file": "tiny.onnx", "side": 32, "licence": "MIT",
        "sha256": hashlib.sha256((tmp_path / "tiny.onnx").read_bytes()).hexdigest(),
    }  # fmt: skip
    path = tmp_path / "tiny.card.toml"
    path.write_text(tomli_w.dumps({"model": facts}))
    return path


@pytest.fixture
def photo_of_a_face(tmp_path: Path) -> Path:
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), cv2.cvtColor(photos.astronaut(), cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Dark pictures as reals, bright ones as fakes, of one face."""
    face = cv2.cvtColor(photos.astronaut(), cv2.COLOR_RGB2BGR)[0:256, 96:352]
    path = tmp_path / "index.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("file", "set", "split", "label", "kind", "generator", "group", "attrs"))
        for number in range(PICTURES):
            fake = number % 2 == 1
            cv2.imwrite(str(tmp_path / f"{number}.png"), np.clip(face * (1.1 if fake else 0.8), 0, 255).astype("u1"))
            label, maker = ("fake", "stylegan") if fake else ("real", "")
            rows.writerow((f"{number}.png", "tiny", "val", label, "", maker, str(number), ""))
    return path


def test_add_calibrate_scan(
    shingan: Callable[..., Any], card: Path, index: Path, photo_of_a_face: Path, home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert shingan("detectors", "add", card).code == 0
    (listed,) = shingan("detectors", "list", "--json").documents
    assert (listed["name"], listed["calibrated"], listed["may_flag"]) == ("own.tiny", [], False)

    silent = _findings(shingan("scan", "--json", photo_of_a_face))
    assert [(item["state"], item["score"]) for item in silent] == [("not_applicable", None)]

    monkeypatch.setattr(own, "MIN_EACH", 4)
    added = home / "detectors" / "own.tiny" / "card.toml"
    (done,) = _calibrated(shingan, added, index)
    assert done["calibrated"]
    (heard,) = _findings(shingan("scan", "--json", photo_of_a_face))
    assert heard["tier"] in done["calibrated"]
    assert 0 < heard["score"] < 1
    assert heard["state"] != "fired", "twelve reals support no flag threshold"

    assert shingan("detectors", "remove", "own.tiny").code == 0
    assert shingan("detectors", "remove", "own.tiny").code == 1


def _findings(ran: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    (document,) = ran.documents
    return [item for item in document["evidence"] if item["model"] == "own.tiny"]


def _calibrated(shingan: Callable[..., Any], card: Path, index: Path) -> list[dict[str, Any]]:
    try:
        ran = shingan("calibrate", card, index, index.parent)
    except BaseException as error:  # the program ends without an exit code of its own
        raise AssertionError("calibrate failed") from error
    assert ran.code == 0
    documents: list[dict[str, Any]] = ran.documents
    return documents
