"""A heatmap lies on the face that it belongs to, whatever its turn and size."""

from pathlib import Path

import numpy as np
import pytest
import tomli_w

from detector.classifier.cards import read_card
from detector.classifier.explain import heatmap, overlay
from detector.types import Face, Tier

CALIBRATION = {"scale": 1.0, "bias": 0.0, "flag": 2.0, "review": 1.0, "tail": 0.5, "stated_fpr": 0.01, "reals": 100}
MARKS = ((120.0, 95.0), (160.0, 95.0), (140.0, 115.0), (125.0, 135.0), (155.0, 135.0))
FACE = Face((100.0, 60.0, 180.0, 160.0), MARKS, 1.0)


@pytest.fixture
def card_path(tmp_path: Path) -> Path:
    model = {"name": "a", "kind": "manipulation", "backbone": "b", "families": ["x"], "side": 256, "margin": 1.3,
             "file": "f", "sha256": "0", "licence": "none"}  # fmt: skip
    path = tmp_path / "a.card.toml"
    path.write_text(tomli_w.dumps({"model": model, "calibration": {str(tier): CALIBRATION for tier in Tier}}))
    return path


def test_a_hot_cell_lands_on_its_place(card_path: Path) -> None:
    mask = np.zeros((1, 32, 32), np.float32)
    mask[0, 14:18, 14:18] = 1.0  # the middle of the crop is the middle of the box
    heat = heatmap((300, 400), (FACE,), mask, read_card(card_path))
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    assert abs(x - 140) <= 6
    assert abs(y - 110) <= 6
    assert heat[:40].max() == 0.0


def test_the_overlay_tints_hot_places_only() -> None:
    pixels = np.full((20, 20, 3), 100, np.uint8)
    heat = np.zeros((20, 20), np.float32)
    heat[5, 5] = 1.0
    tinted = overlay(pixels, heat)
    assert tinted[0, 0].tolist() == [100, 100, 100]
    assert tinted[5, 5, 0] > tinted[5, 5, 2]
