"""The mean of experts is the mean of what each says alone, and fails as a whole if a member is not what it was."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from safetensors.torch import save_file

from detector.classifier.mean import MeanExpert
from detector.classifier.network import FamilyClassifier
from detector.classifier.registry import load_expert
from detector.classifier.two_branch import TwoBranch
from detector.errors import ModelUnavailable
from detector.types import Face, Tier

TINY = "test_efficientnet"
CALIBRATION = {"scale": 1.0, "bias": 0.0, "flag": 2.0, "review": 1.0, "tail": 0.5, "stated_fpr": 0.01, "reals": 100}
MARKS = ((60.0, 60.0), (90.0, 60.0), (75.0, 80.0), (62.0, 98.0), (88.0, 98.0))
FACES = (Face((40.0, 30.0, 110.0, 120.0), MARKS, 1.0), Face((20.0, 20.0, 130.0, 140.0), MARKS, 1.0))


def write_card(folder: Path, name: str, arch: str, **extra: object) -> Path:
    model = {"name": name, "kind": "synthesis", "arch": arch, "backbone": TINY, "families": ["a", "b"], "side": 64,
             "margin": 1.3, "file": "", "sha256": "", "licence": "none"}  # fmt: skip
    path = folder / f"{name}.card.toml"
    table = {"model": model | extra, "calibration": {str(tier): CALIBRATION for tier in Tier}}
    path.write_text(tomli_w.dumps(table))
    return path


def write_member(folder: Path, name: str, arch: str, model: torch.nn.Module) -> Path:
    weights = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, weights)
    return write_card(folder, name, arch, file=weights.name, sha256=hashlib.sha256(weights.read_bytes()).hexdigest())


@pytest.fixture
def cards(tmp_path: Path) -> tuple[Path, Path, Path]:
    torch.manual_seed(1)
    tiles = write_member(tmp_path, "tiles", "two_branch", TwoBranch(TINY, 2))
    content = write_member(tmp_path, "content", "faces", FamilyClassifier(TINY, 2))
    return tiles, content, write_card(tmp_path, "both", "mean", members=[tiles.name, content.name])


def test_the_mean_is_that_of_its_members(cards: tuple[Path, Path, Path]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (150, 150, 3), dtype=np.uint8)
    logits = []
    for path in cards:
        expert = load_expert(path, device="cpu")
        logits.append(expert.read([expert.prepare(pixels, face) for face in FACES]).logits)
    assert np.allclose(logits[2], (logits[0] + logits[1]) / 2, atol=1e-5)


def test_no_faces_no_scores(cards: tuple[Path, Path, Path]) -> None:
    expert = load_expert(cards[2], device="cpu")
    assert isinstance(expert, MeanExpert)
    assert expert.read([]).logits.shape == (0,)


def test_a_changed_member_is_refused(cards: tuple[Path, Path, Path]) -> None:
    weights = cards[1].with_name("content.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ModelUnavailable, match="not those"):
        load_expert(cards[2], device="cpu")
