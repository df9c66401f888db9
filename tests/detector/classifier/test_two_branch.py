"""The two branches: each alone, together, and as the expert that the pipeline loads."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from detector.classifier.cards import Calibration, ModelCard
from detector.classifier.two_branch import Residual, TwoBranch
from detector.classifier.two_branch_expert import TwoBranchExpert
from detector.errors import ModelUnavailable
from detector.types import EvidenceKind, Face, Pixels, Tier

BACKBONE = "tf_efficientnet_lite0"
FAMILIES = ("one", "two")
SIDE = 96
FACE = Face((40.0, 30.0, 160.0, 170.0), ((70.0, 80.0), (130.0, 80.0), (100.0, 110.0), (80.0, 140.0), (120.0, 140.0)), 1)


@pytest.fixture(scope="module")
def model() -> TwoBranch:
    torch.manual_seed(0)
    return TwoBranch(BACKBONE, len(FAMILIES)).eval()


@pytest.fixture
def card(model: TwoBranch, tmp_path: Path) -> ModelCard:
    path = tmp_path / "expert.safetensors"
    save_file({name: value.half() for name, value in model.state_dict().items() if value.is_floating_point()}, path)
    return ModelCard(
        name="expert",
        kind=EvidenceKind.SYNTHESIS,
        arch="two_branch",
        backbone=BACKBONE,
        families=FAMILIES,
        side=SIDE,
        margin=1.3,
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        licence="none",
        calibrations=dict.fromkeys(Tier, Calibration(1.0, 0.0, 1.0, 0.0, 0.0, 0.01, 10)),
    )


def photo(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (200, 200, 3), dtype=np.uint8)


def test_residual_of_a_flat_tile_is_nothing() -> None:
    assert torch.allclose(Residual()(torch.full((1, 3, 32, 32), 90.0)), torch.zeros(1, 6, 32, 32), atol=1e-4)


def test_residual_is_bounded_and_sees_single_pixels() -> None:
    tile = torch.full((1, 3, 32, 32), 90.0)
    tile[..., 15, 15] = 255.0
    residual = Residual()(tile)
    assert 0 < residual.abs().max() <= 4
    assert residual[..., :8, :8].abs().max() < 1e-4


@torch.inference_mode()
def test_branches_add_up(model: TwoBranch) -> None:
    sights = model(torch.randn(2, 3, SIDE, SIDE), 255 * torch.rand(2, 4, 3, 96, 96))
    assert torch.allclose(sights.logits, sights.content + sights.noise, atol=1e-5)
    assert sights.features.shape == (2, model.content.width + 128)
    assert sights.maps.shape == (2, 3, 3)


@torch.inference_mode()
def test_each_branch_sees_its_own_view_only(model: TwoBranch) -> None:
    crops, tiles = torch.randn(1, 3, SIDE, SIDE), 255 * torch.rand(1, 4, 3, 96, 96)
    first, other_crop, other_tiles = model(crops, tiles), model(-crops, tiles), model(crops, tiles.flip(4))
    assert torch.allclose(first.noise, other_crop.noise)
    assert torch.allclose(first.content, other_tiles.content)
    assert not torch.allclose(first.noise, other_tiles.noise)


def test_expert_reads_views_in_order(card: ModelCard, tmp_path: Path) -> None:
    expert = TwoBranchExpert.load(card, tmp_path, device="cpu")
    views = [expert.prepare(photo(seed), FACE) for seed in range(3)]
    together = expert.read(views)
    alone = expert.read(views[1:2])
    assert [view.shape for view in views[0]] == [(SIDE, SIDE, 3), (4, 96, 96, 3)]
    assert together.logits[1] == pytest.approx(alone.logits[0], abs=1e-4)
    assert together.masks is not None
    assert together.masks.min() >= 0
    assert together.masks.max() <= 1


def test_expert_of_no_faces_reads_nothing(card: ModelCard, tmp_path: Path) -> None:
    assert len(TwoBranchExpert.load(card, tmp_path, device="cpu").read([]).logits) == 0


def test_weights_of_another_network_are_refused(card: ModelCard, tmp_path: Path) -> None:
    path = tmp_path / card.file
    save_file({"body.weight": torch.zeros(1)}, path)
    wrong = replace(card, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(ModelUnavailable, match="do not fit"):
        TwoBranchExpert.load(wrong, tmp_path, device="cpu")
