"""The node as ComfyUI calls it: by its mappings, with a batch of float tensors; its files verify."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from api.integrations.comfyui_node import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from api.integrations.marking_client import MarkingError, MarkRefused, Service
from detector.types import Pixels

NODE: Any = NODE_CLASS_MAPPINGS["ShinganMark"]


@pytest.fixture
def output(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output folder; the environment names the service and its key."""
    monkeypatch.setenv("SHINGAN_URL", service.url)
    monkeypatch.setenv("SHINGAN_API_KEY", service.api_key)
    monkeypatch.setenv("SHINGAN_OUTPUT", str(tmp_path / "output"))
    return tmp_path / "output"


@pytest.fixture
def batch(make_photo: Callable[..., Pixels]) -> torch.Tensor:
    pixels = np.stack([make_photo(seed, width=320, height=256) for seed in (1, 2)])
    return torch.from_numpy(pixels).float() / 255  # B H W C


def call(**inputs: object) -> dict[str, Any]:
    """As ComfyUI does: a fresh instance, the method that `FUNCTION` names, the inputs that are declared."""
    declared = NODE.INPUT_TYPES()
    assert set(inputs) <= set(declared["required"]) | set(declared.get("optional", {}))
    result: dict[str, Any] = getattr(NODE(), NODE.FUNCTION)(**inputs)
    return result


def test_the_files_verify_and_the_pixels_go_on(
    output: Path, batch: torch.Tensor, service: Service, said: Callable[..., dict[str, Any]]
) -> None:
    done = call(images=batch, purpose="art", software="ComfyUI", folder="faces")
    images, files = done["result"]
    assert len(NODE.RETURN_TYPES) == len(NODE.RETURN_NAMES) == len(done["result"])
    assert (images.shape, images.dtype) == (batch.shape, torch.float32)
    assert 0 < float((images - batch).abs().mean()) < 0.03
    paths = [Path(line) for line in files.splitlines()]
    assert [path.parent for path in paths] == [output / "faces"] * 2
    shown = done["ui"]["images"]
    assert [output / one["subfolder"] / one["filename"] for one in shown] == paths
    for path, pixels in zip(paths, images, strict=True):
        found = said(service, path.read_bytes())
        assert found["verdict"]["label"] == "synthetic_declared"
        assert found["credentials"]["state"] == "trusted"
        buffer = io.BytesIO()
        Image.fromarray(np.rint(255 * pixels.numpy()).astype(np.uint8)).save(buffer, "PNG")
        assert said(service, buffer.getvalue())["watermark"]["record_id"] == found["watermark"]["record_id"]


def test_a_workflow_cannot_write_elsewhere(output: Path, batch: torch.Tensor) -> None:
    with pytest.raises(MarkingError, match="inside"):
        call(images=batch, purpose="art", folder="../../elsewhere")


def test_nothing_is_saved_that_is_refused(output: Path, batch: torch.Tensor) -> None:
    with pytest.raises(MarkRefused):
        call(images=batch, purpose="deception")
    assert not output.exists()


def test_a_missing_key_is_named(output: Path, batch: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHINGAN_API_KEY")
    with pytest.raises(MarkingError, match="SHINGAN_API_KEY"):
        call(images=batch, purpose="art")


def test_the_node_is_declared_as_comfyui_wants_it() -> None:
    assert NODE_CLASS_MAPPINGS.keys() == NODE_DISPLAY_NAME_MAPPINGS.keys()
    assert NODE.OUTPUT_NODE is True
    assert isinstance(NODE.CATEGORY, str)
    for kind, *options in NODE.INPUT_TYPES()["required"].values():
        assert kind in ("IMAGE", "STRING")
        assert all(isinstance(option, dict) for option in options)
