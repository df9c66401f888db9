"""An expert loads only from a card and the very bytes that it names, and scores as its card says."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from safetensors.torch import save_file

from detector.classifier.cards import read_card, shipped
from detector.classifier.network import FamilyClassifier, suspicion
from detector.classifier.registry import load_expert
from detector.classifier.scorer import BATCH
from detector.errors import ModelUnavailable
from detector.types import EvidenceKind, Tier

TINY = "test_efficientnet"
CALIBRATION = {"scale": 1.0, "bias": 0.0, "flag": 2.0, "review": 1.0, "tail": 0.5, "stated_fpr": 0.01, "reals": 100}


def write_card(folder: Path, **changes: object) -> Path:
    torch.manual_seed(0)
    weights = folder / "tiny.safetensors"
    save_file(
        {name: value.half().contiguous() for name, value in FamilyClassifier(TINY, 2).state_dict().items()}, weights
    )
    model: dict[str, object] = {
        "name": "test_efficientnet.tiny",
        "kind": "synthesis",
        "backbone": TINY,
        "families": ["a", "b"],
        "side": 64,
        "margin": 1.3,
        "file": weights.name,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "licence": "none",
    }
    table = {"model": model | changes, "calibration": {str(tier): CALIBRATION for tier in Tier}}
    path = folder / "tiny.card.toml"
    path.write_text(tomli_w.dumps(table))
    return path


def crops(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(count)]


def test_scores_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    expert = load_expert(write_card(tmp_path), device="cpu")
    many = crops(BATCH + 3)
    together = expert.read([(crop,) for crop in many]).logits
    alone = np.concatenate([expert.read([(crop,)]).logits for crop in many])
    assert together.shape == (BATCH + 3,)
    assert np.allclose(together, alone, atol=1e-4)


def test_a_mirrored_face_scores_alike(tmp_path: Path) -> None:
    expert = load_expert(write_card(tmp_path), device="cpu")
    (crop,) = crops(1)
    mirrored = np.ascontiguousarray(crop[:, ::-1])
    straight, turned = expert.read([(crop,)]), expert.read([(mirrored,)])
    assert np.allclose(straight.logits, turned.logits, atol=1e-4)
    assert straight.masks is not None
    assert turned.masks is not None
    assert np.allclose(straight.masks, turned.masks[..., ::-1], atol=1e-4)


def test_no_faces_no_scores(tmp_path: Path) -> None:
    assert load_expert(write_card(tmp_path), device="cpu").read([]).logits.shape == (0,)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    path = write_card(tmp_path)
    weights = tmp_path / "tiny.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ModelUnavailable, match="not those"):
        load_expert(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "missing.safetensors"},
        {"kind": "mood"},
        {"backbone": "resnet18"},
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ModelUnavailable):
        load_expert(write_card(tmp_path, **changes), device="cpu")


def test_a_missing_or_broken_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        read_card(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[model]\nname = 1")
    with pytest.raises(ModelUnavailable):
        read_card(broken)


def test_suspicion_is_at_least_that_of_the_worst_family() -> None:
    logits = torch.tensor([[0.0, 3.0], [-2.0, -2.0]])
    fused = suspicion(logits)
    assert torch.all(fused >= logits.amax(dim=1))


@pytest.mark.parametrize("kind", [EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS])
def test_the_shipped_experts_load_and_say_what_they_were_measured_on(kind: EvidenceKind) -> None:
    card = load_expert(shipped(kind), device="cpu").card
    assert card.kind is kind
    for calibration in card.calibrations.values():
        assert calibration.reals >= 300
        assert calibration.flag > calibration.review
        assert 0 < calibration.stated_fpr <= 0.02
